"""Defects that were found once by trying; each of these was seen to fail."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Tool
from .kit import CONFIG, ONE, TWO, Repo, apply, numbered, shell, snapshot, user_environment
from .test_kill import _ended

Factory = Callable[..., Repo]
SCHED = "xen/include/xen/sched.h"


def test_both_stages_find_nothing_where_both_are_applied(
    tool: Tool, reference: Path, xen_like_repo: Factory, tmp_path: Path
) -> None:
    repo = xen_like_repo()
    clone = apply(repo.path, repo.head, tmp_path / "clone", *[numbered(reference, x) for x in (ONE, TWO)])
    got = tool.run("01", "02", tree=str(clone.working_dir), out=tmp_path / "out").good()
    assert got.out.count("nothing to do") == 2


@pytest.mark.alone
def test_parsing_processes_end_with_a_killed_parent(tmp_path: Path) -> None:
    mark = f"orphans-{os.getpid()}"
    env = {**os.environ, **user_environment(tmp_path / "cache"), "XENSTAGE_MARK": mark}
    argv = [sys.executable, "-m", "xenstage", "run", "01", "02", "--tree", "sample", "--config", CONFIG]
    with (tmp_path / "log").open("wb") as log:
        out = ["--out", str(tmp_path / "out")]
        child = subprocess.Popen([*argv, *out], env=env, stdout=log, stderr=log, start_new_session=True)
        while b"patches: 1/" not in (tmp_path / "log").read_bytes() and child.poll() is None:
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)  # the parent alone
        child.wait()
    assert _ended(mark) == []


def test_git_dir_of_another_repository_decides_nothing(
    tool: Tool, tmp_path: Path, reference: Path, xen_like_repo: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = xen_like_repo("hook")
    hook.write("README", "Another.\n")
    hook.commit()
    repo = xen_like_repo("tree")
    monkeypatch.setenv("GIT_DIR", str(hook.path / ".git"))
    tool.run("01", tree=repo.path, out=tmp_path / "out").good()
    assert snapshot(tmp_path / "out" / ONE) == snapshot(reference / ONE)


def test_assembly_that_compares_the_type_is_refused(tool: Tool, xen_like_repo: Factory, tmp_path: Path) -> None:
    repo = xen_like_repo()
    repo.append("xen/arch/x86/x86_64/entry.S", "        cmpl  $2, DOMAIN_guest_type(%rdi)\n")
    repo.commit()
    tool.run("01", "02", tree=repo.path, out=tmp_path / "out").refused(4, "asm-offsets.c", "guest_type")
    assert not (tmp_path / "out").exists()


def test_an_enum_on_two_lines_is_layout_only(tool: Tool, xen_like_repo: Factory, tmp_path: Path) -> None:
    repo = xen_like_repo()
    repo.edit(
        SCHED, "guest_type_pv, guest_type_pvh, guest_type_hvm", "guest_type_pv, guest_type_pvh,\n    guest_type_hvm"
    )
    repo.commit()
    tool.run("02", tree=repo.path, out=tmp_path / "out").good()


def test_a_file_lost_from_our_copy_is_fetched_again(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    argv = ("run", "01", "--tree", "sample", "--config", CONFIG, "--out")
    shell(*argv, str(tmp_path / "one"), cache=cache).good()
    objects = next(cache.glob("xenstage/trees/*/repo.git/objects"))
    for pack in objects.glob("pack/*"):
        pack.unlink()
    for loose in sorted(objects.glob("[0-9a-f][0-9a-f]/*"))[::3]:
        loose.unlink()
    shell(*argv, str(tmp_path / "two"), cache=cache).good()
    assert snapshot(tmp_path / "two") == snapshot(tmp_path / "one")


def test_a_missing_linker_is_called_by_its_package(tmp_path: Path) -> None:
    for name in ("git", "gcc", "make", "sh"):
        found = shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(found)
    argv = ("run", "01", "--tree", "sample", "--config", CONFIG, "--out", str(tmp_path / "out"))
    shell(*argv, cache=tmp_path / "cache", more={"PATH": str(tmp_path)}).refused(5, "binutils")


def test_explain_knows_which_stages_there_are(tool: Tool) -> None:
    tool("explain", "99").refused(2, "there is no stage 99")


def test_a_break_in_the_middle_is_called_that(tool: Tool, xen_like_repo: Factory, tmp_path: Path) -> None:
    repo = xen_like_repo()
    old = "case guest_type_pvh:\n"
    text = repo.read("xen/common/domctl.c")
    assert text.count(old) == 1
    repo.write("xen/common/domctl.c", text.replace(old, f"{old}        if ( !info )\n            break;\n"))
    repo.commit()
    tool.run("01", "02", tree=repo.path, out=tmp_path / "out").refused(4, "in the middle")


def test_building_leaves_a_signed_series_as_it_is(tmp_path: Path) -> None:
    out = tmp_path / "out"
    common = ("01", "--tree", "sample", "--config", CONFIG, "--out", str(out))
    cache = tmp_path / "cache"  # of its own: what is built there is in later evidence files
    shell("run", *common, "--signoff", cache=cache).good()
    before = snapshot(out)
    shell("build", *common, cache=cache).good()
    after = snapshot(out)
    patches = [n for n in before if n.endswith(".patch")]
    assert {n: after[n] for n in patches} == {n: before[n] for n in patches}
    commits = [[p["commit"] for p in json.loads(x[f"{ONE}/v1/evidence.json"])["patches"]] for x in (before, after)]
    assert commits[0] == commits[1]
