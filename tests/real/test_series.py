"""Stages 01 and 02 on the real tree: sites, series, patches that apply, patches that build."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import git
import pytest

from tests.real.conftest import Shell

PINNED = "a8ac2290ed95dbbc0dc1bdde86fc3a49fe784b28"
STAGES = ("01_merge_hcall_tables", "02_pvh_flag")
ME = {"GIT_COMMITTER_NAME": "A Developer", "GIT_COMMITTER_EMAIL": "developer@example.org"}


def files_of(out: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def evidence(out: Path, stage: str) -> dict[str, Any]:
    """A stage's evidence file."""
    value: dict[str, Any] = json.loads((out / stage / "v1/evidence.json").read_text())
    return value


def test_the_second_run_writes_the_same_bytes_in_a_quarter_of_the_time(
    shell: Shell, series: tuple[Path, float], tmp_path: Path
) -> None:
    out, first = series
    code, _, err, second = shell.run("run", "01", "02", "--out", str(tmp_path / "again"))
    assert code == 0, err
    assert files_of(tmp_path / "again") == files_of(out)
    assert second <= first / 4, f"{second:.1f} s after {first:.1f} s"


def test_git_am_takes_both_series_on_a_clean_clone(real_tree: Path, series: tuple[Path, float], tmp_path: Path) -> None:
    out, _ = series
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--no-local", real_tree, clone], check=True)
    repo = git.Repo(clone)
    repo.git.checkout("-q", evidence(out, STAGES[0])["base"])
    for stage in STAGES:
        patches = sorted((out / stage / "v1").glob("000[1-9]*.patch"))
        assert patches
        with repo.git.custom_environment(**ME):
            repo.git.am(*map(str, patches))
        assert repo.head.commit.tree.hexsha == evidence(out, stage)["patches"][-1]["tree"]


def test_no_file_but_the_declared_ones_changes(series: tuple[Path, float]) -> None:
    out, _ = series
    touched = {e["path"] for s in STAGES for p in evidence(out, s)["patches"] for e in p["edits"]}
    assert touched == {
        "docs/misc/pvh-readme.txt",
        "xen/arch/x86/hvm/hvm.c",
        "xen/common/domain.c",
        "xen/common/domctl.c",
        "xen/common/kernel.c",
        "xen/include/xen/sched.h",
    }


def test_no_cell_of_the_hypercall_matrix_differs(series: tuple[Path, float]) -> None:
    """The cells are those that the pinned tree's three tables give, written down by hand."""
    out, _ = series
    reach = evidence(out, STAGES[0])["patches"][-1]["checked"]["hypercalls"]["reach"]
    assert reach["hvm/64/memory_op"] == "hvm_memory_op"
    assert reach["pvh/64/memory_op"] == "do_memory_op"
    assert reach["hvm/64/vcpu_op"] == "hvm_vcpu_op"
    assert reach["pvh/64/vcpu_op"] == "do_vcpu_op"
    for name in ("mmuext_op", "platform_op"):
        assert reach[f"hvm/64/{name}"] == reach[f"hvm/32/{name}"] == "-ENOSYS in rax"
        assert reach[f"pvh/64/{name}"] == f"do_{name}"
    for name in ("set_timer_op", "tmem_op"):
        assert reach[f"pvh/64/{name}"] == reach[f"pvh/32/{name}"] == "-ENOSYS in rax"
    here = Counter(cell.rsplit("/", 1)[0] for cell, what in reach.items() if not what.startswith("-ENOSYS"))
    assert here == {"hvm/64": 15, "hvm/32": 15, "pvh/64": 15}


def test_every_patch_builds(shell: Shell, series: tuple[Path, float], verified: tuple[Path, str]) -> None:
    """What verify has built of these trees is what build says of them."""
    out, _ = series
    code, text, err, _ = shell.run("build", "01", "02", "--out", str(out))
    verdicts = [line.split()[0] for line in text.splitlines() if " s " in line]
    assert (code, verdicts) == (0, ["PASS"] * 6), text + err
    for stage in STAGES:
        for patch in evidence(out, stage)["patches"]:
            assert patch["builds"]["x86_64-debug"]["verdict"] == "PASS"


def test_the_index_agrees_with_the_known_counts(shell: Shell, real_tree: Path) -> None:
    if git.Repo(real_tree).head.commit.hexsha != PINNED:
        pytest.skip("the counts are those of RELEASE-4.5.0")
    code, text, err, _ = shell.run("sites", "--json")
    assert code == 0, err
    value = json.loads(text)
    tests: dict[str, list[dict[str, Any]]] = {}
    for site in value["sites"]:
        stem = site["name"].rsplit("_", 1)[0]
        own = site["kind"] == "macro body" and site["scope"].startswith(f"{stem}_")
        if site["kind"] in ("code", "macro body") and not own:
            tests.setdefault(stem, []).append(site)
    assert {k: len(v) for k, v in tests.items()} == {
        "is_pvh": 45, "is_hvm": 123, "has_hvm_container": 35, "is_pv": 46,
    }  # fmt: skip
    assert len({(s["path"], s["line"]) for s in tests["is_pvh"]}) == 43
    assert sum(value["coverage"]["classes"].values()) == value["coverage"]["textual"]
    odd = {s["argument"] for s in value["sites"] if s["subject"] == "domain" and s["argument"] == "curr"}
    assert odd == {"curr"}, "get_pg_owner's curr is a domain, whatever its name"


@pytest.mark.parametrize(("tag", "patches"), [("RELEASE-4.4.0", 6), ("RELEASE-4.6.6", 6), ("RELEASE-4.7.0", 0)])
def test_other_commits_work_or_name_what_is_not_known(shell: Shell, tmp_path: Path, tag: str, patches: int) -> None:
    clone = tmp_path / "xen"
    subprocess.run(["git", "init", "-q", clone], check=True)
    modules = Path(__file__).resolve().parent.parent.parent / ".gitmodules"
    url = git.GitConfigParser(str(modules), read_only=True).get_value('submodule "xen-src"', "url")
    fetch = ["timeout", "60", "git", "-C", str(clone), "fetch", "-q", "--depth", "1", str(url), f"refs/tags/{tag}"]
    if subprocess.run(fetch, env={**os.environ, "GIT_TERMINAL_PROMPT": "0"}, check=False).returncode:
        pytest.skip(f"{tag} cannot be fetched now")
    subprocess.run(["git", "-C", clone, "checkout", "-q", "FETCH_HEAD"], check=True)
    out = tmp_path / "out"
    code, text, err, _ = shell.run("run", "01", "02", "--config", "x86_64-debug", "--out", str(out), tree=clone)
    if patches:
        assert code == 0, err
        assert len(list(out.glob("*/v1/000[1-9]*.patch"))) == patches, text
        assert ("passed over: section type conflict" in text) == (tag == "RELEASE-4.6.6")
    else:
        assert code in (3, 4), err
        assert "why:" in err and "next:" in err
        assert not out.exists()
