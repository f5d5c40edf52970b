"""xenstage verify: the evidence, the message that it allows, and input that it refuses."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.prove.test_page import contradictions
from xenstage.cli import verify
from xenstage.prove.judge import NAMES
from xenstage.series import deliver
from xenstage.stage.declare import Patch, Stage
from xenstage.stage.view import View

from .conftest import Tool
from .kit import CONFIG, ONE, TWO, Repo, apply, evidence, numbered, patches, sample_repo, shell, snapshot
from .kit import user_environment as environment

Factory = Callable[..., Repo]
NFC = "No functional change."


@pytest.fixture(scope="module")
def proved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of this module's own: what is proved is part of the evidence."""
    return tmp_path_factory.mktemp("proved")


@pytest.fixture(autouse=True)
def own_cache(user: None, proved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(proved))


def argv(out: Path, *what: str | Path, tree: str | Path = "sample", build: str = CONFIG) -> list[str]:
    """A command line."""
    rest = ["--tree", tree, "--config", CONFIG, "--build-config", build, "--out", out]
    return [str(a) for a in ("verify", *what, *rest)]


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory, proved: Path) -> Path:
    """Both series of the sample with their evidence."""
    out = tmp_path_factory.mktemp("verified") / "out"
    shell(*argv(out, "01", "02"), cache=proved).good()
    return out


def subjects(out: Path) -> Iterator[tuple[str, str]]:
    """Each patch's name and its message."""
    for label in (ONE, TWO):
        for path in numbered(out, label):
            yield path.name, path.read_text().partition("\n---\n")[0]


def test_every_proof_holds_and_is_kept(tool: Tool, verified: Path, tmp_path: Path) -> None:
    for label in (ONE, TWO):
        value = evidence(verified, label)
        assert value["schema"] == "xenstage-evidence/2"
        for patch in value["patches"]:
            assert {n: p["verdict"] for n, p in patch["proofs"].items()} == dict.fromkeys(NAMES, "PASS")
        page = (verified / label / "v1/evidence.md").read_text()
        assert all(f"### {name}: PASS" in page for name in NAMES)
        assert "| predicate (before / after) |" in page and "cells" in page
        assert contradictions(page) == []
    assert len(list(subjects(verified))) == 6
    assert all(text.count(NFC) == 1 for _, text in subjects(verified))
    started = time.monotonic()
    got = tool(*argv(tmp_path / "out", "01", "02")).good()
    assert time.monotonic() - started < 30
    assert "6 patches: 6 PASS" in got.out
    assert snapshot(tmp_path / "out") == snapshot(verified)


def test_verified_patches_apply_to_the_same_trees(verified: Path, proved: Path, tmp_path: Path) -> None:
    value = evidence(verified, ONE)
    clone = apply(sample_repo(proved), value["base"], tmp_path / "clone", numbered(verified, ONE))
    assert clone.head.commit.tree.hexsha == value["patches"][-1]["tree"]


def test_run_keeps_what_was_proved(tool: Tool, verified: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(verified, out)
    tool.run("01", "02", out=out).good()
    assert patches(out) == patches(verified)


@pytest.mark.skipif(shutil.which("spatch") is None, reason="spatch is not installed (apt-get install coccinelle)")
def test_a_second_opinion_counts_the_same(tool: Tool, verified: Path, tmp_path: Path) -> None:
    shutil.copytree(verified, tmp_path / "out")
    got = tool(*argv(tmp_path / "out", "01", "02"), "--second-opinion").good()
    assert "second opinion: PASS" in got.out
    rows = re.findall(r"^    (\w+) +before (\d+) = (\d+) \+ (\d+), after (\d+) = (\d+) \+ (\d+)$", got.out, re.M)
    assert {"is_pvh_domain", "guest_type_pvh", "hvm_hypercall_table"} <= {r[0] for r in rows}
    for row in rows:
        a, b, c, d, e, f = map(int, row[1:])
        assert a == b + c and d == e + f, row


def test_no_second_opinion_without_spatch(verified: Path, proved: Path, tmp_path: Path) -> None:
    place = tmp_path / "bin"
    place.mkdir()
    for name in ("git", "gcc", "ld", "make", "sh"):
        (place / name).symlink_to(str(shutil.which(name)))
    argv_ = [*argv(tmp_path / "out", "01", build="none"), "--second-opinion"]
    got = shell(*argv_, cache=proved, more={"PATH": str(place)})
    assert got.code == 8 and "second opinion: SKIP spatch is not installed" in got.out, got.out + got.err


def test_without_builds_nothing_says_nfc(tool: Tool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    got = tool(*argv(out, "01", build="none"))
    assert got.code == 8, got.out + got.err
    for path in numbered(out, ONE):
        assert NFC not in path.read_text()


def test_what_the_machine_lacked_is_in_the_evidence_and_not_in_the_message(tool: Tool, tmp_path: Path) -> None:
    """The message says as much as before anything was proved; whoever reads the evidence sees what is missing."""
    out = tmp_path / "out"
    tool.run("01", out=out).good()
    before = [p.read_text() for p in numbered(out, ONE)]
    tool(*argv(out, "01", build="none"))
    assert [p.read_text() for p in numbered(out, ONE)] == before
    for patch in evidence(out, ONE)["patches"]:
        assert patch["proofs"]["objects"]["verdict"] == "SKIP" and patch["conclusion"] == ""
    assert "not shown" in (out / ONE / "v1/evidence.md").read_text()


def _stage(pattern: str, new: str, function: str = "iommu_use_hap_pt") -> dict[int, Stage]:
    """A stage of one patch that changes a function and declares no change for guests."""

    def rewrite(view: View) -> None:
        f = view.function(function)
        text = view.read(f.path)[f.start : f.end].decode()
        m = re.search(pattern, text)
        assert m
        at = view.region(f.path, f.start + m.start(), f.start + m.end(), pattern)
        view.replace(at, new, rule="change it", reason="to see what verify says")

    patch = Patch(
        subject="iommu: tidy up", body="A patch that is said to be harmless.", rewrite=rewrite, defines=(function,)
    )
    return {90: Stage(90, "tidy", "iommu: tidy up", "Tidier.", (patch,))}


FALSE = [
    ("behaviour", r"!is_pv_domain\(d\)", "is_hvm_domain(d)", "predicates"),
    ("arithmetic", r"return d->need_iommu", "return !d->need_iommu", "is not shown"),
]


@pytest.mark.parametrize(("pattern", "new", "word"), [f[1:] for f in FALSE], ids=[f[0] for f in FALSE])
def test_a_false_nfc_cannot_be_generated(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, new: str, word: str
) -> None:
    monkeypatch.setattr(verify, "stages", lambda: _stage(pattern, new))
    got = tool(*argv(tmp_path / "out", "90"))
    (path,) = numbered(tmp_path / "out", "90_tidy")
    message = " ".join(path.read_text().partition("\n---\n")[0].split())
    assert NFC not in message
    assert "It is not shown that nothing changes in function" in message
    assert word in message
    assert evidence(tmp_path / "out", "90_tidy")["patches"][0]["conclusion"] in message
    assert got.code in (0, 1)


def test_a_harmless_patch_says_nfc(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = "!!d->need_iommu && !is_pv_domain(d)"
    monkeypatch.setattr(verify, "stages", lambda: _stage(r"d->need_iommu && !is_pv_domain\(d\)", new))
    tool(*argv(tmp_path / "out", "90")).good()
    (path,) = numbered(tmp_path / "out", "90_tidy")
    assert NFC in path.read_text()


def _foreign(repo: Repo, place: Path, message: str, old: str, new: str) -> str:
    """A person's patch as git format-patch writes it; returns the base."""
    base = repo.head
    repo.edit("xen/drivers/passthrough/iommu.c", old, new)
    repo.commit(message)
    repo.git("format-patch", "-q", "--base", base, "-o", str(place), f"{base}..HEAD")
    return base


def test_a_false_nfc_of_a_person_is_a_failure(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo, place = xen_like_repo(), tmp_path / "mails"
    claim = "iommu: tidy up\n\nNo functional change intended."
    _foreign(repo, place, claim, "d->need_iommu && !is_pv_domain(d)", "d->need_iommu && is_hvm_domain(d)")
    before = snapshot(place), snapshot(repo.path)
    got = tool(*argv(tmp_path / "out", place, tree=repo.path))
    assert got.code == 1, got.out + got.err
    assert "the message claims more than is shown" in got.out
    assert (snapshot(place), snapshot(repo.path)) == before
    value = json.loads((tmp_path / "out/mails-evidence/evidence.json").read_text())
    assert value["patches"][0]["nfc"] is False
    assert value["patches"][0]["proofs"]["predicates"]["verdict"] == "FAIL"
    assert (tmp_path / f"out/mails-evidence/logs/0001-{CONFIG}.log").stat().st_size
    assert tool(*argv(tmp_path / "out", place, tree=repo.path)).code == 1  # its own output is no obstacle


UNSEEN = [
    ("tools", "tools/libxl/libxl_create.c", "return 0;", "return -1;"),
    ("other build", "xen/common/event_channel.c", "#ifdef XSM_ENABLE\n", "#ifdef XSM_ENABLE\n    return -22;\n"),
    ("other architecture", "xen/arch/arm/mm.c", "nr >= NR_hypercalls", "nr > NR_hypercalls"),
    ("generator", "xen/tools/compat-build-header.py", "import", "import sys; sys.exit()\nimport"),
    ("makefile", "tools/Makefile", "all:", "all: gone"),
    ("linker script", "xen/arch/x86/xen.lds.S", "ENTRY", "/* */ ENTRY"),
]


@pytest.mark.parametrize(("path", "old", "new"), [u[1:] for u in UNSEEN], ids=[u[0] for u in UNSEEN])
def test_objects_do_not_speak_for_what_they_are_not_made_of(
    tool: Tool, tmp_path: Path, xen_like_repo: Factory, path: str, old: str, new: str
) -> None:
    """The one build that is asked for is the same to the byte; it must not make the claim true."""
    repo, place = xen_like_repo(), tmp_path / "mails"
    if not (repo.path / path).exists():
        repo.write(path, f"{old}\n")
        repo.commit("A file")
    base = repo.head
    repo.edit(path, old, new)
    repo.commit("tidy up\n\nNo functional change.")
    repo.git("format-patch", "-q", "--base", base, "-o", str(place), f"{base}..HEAD")
    got = tool(*argv(tmp_path / "out", place, tree=repo.path))
    assert got.code in (1, 10), got.out + got.err
    assert "shown by equal objects" not in got.out
    (patch,) = json.loads((tmp_path / "out/mails-evidence/evidence.json").read_text())["patches"]
    assert patch["nfc"] is False and patch["why_not"], got.out
    assert "the message claims more than is shown" in got.out


def test_a_change_of_a_header_is_no_line_number(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    """The unit that uses it also moves by a line: what is compiled again must see the header of the patch."""
    repo, place = xen_like_repo(), tmp_path / "mails"
    base = repo.head
    repo.edit("xen/include/xen/sched.h", "#define NR_EVENT_CHANNELS 64", "#define NR_EVENT_CHANNELS 48")
    path = "xen/common/event_channel.c"
    repo.write(path, "/* Channels of events. */\n\n" + (repo.path / path).read_text())
    repo.commit("event channels: say what this is\n\nNo functional change.")
    repo.git("format-patch", "-q", "--base", base, "-o", str(place), f"{base}..HEAD")
    got = tool(*argv(tmp_path / "out", place, tree=repo.path))
    assert got.code in (1, 10) and "shown by" not in got.out.replace("not shown", ""), got.out + got.err
    (patch,) = json.loads((tmp_path / "out/mails-evidence/evidence.json").read_text())["patches"]
    changed = patch["proofs"]["objects"]["facts"]["configurations"][CONFIG]["changed"]
    assert any(unit == "common/event_channel.o" for unit, *_ in changed), changed


def test_an_honest_patch_of_a_person_passes(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo, place = xen_like_repo(), tmp_path / "mails"
    claim = "iommu: say it the other way round\n\nNo functional change."
    _foreign(repo, place, claim, "d->need_iommu && !is_pv_domain(d)", "!is_pv_domain(d) && d->need_iommu")
    tool(*argv(tmp_path / "out", place, tree=repo.path)).good()


def test_a_tree_that_cannot_be_prepared_is_proved_from_its_source(
    tool: Tool, tmp_path: Path, xen_like_repo: Factory
) -> None:
    repo, place = xen_like_repo(), tmp_path / "mails"
    repo.write("xen/Makefile", (repo.path / "xen/Makefile").read_text() + "\n$(error not on this machine)\n")
    repo.commit("A tree for another machine")
    claim = "iommu: say it the other way round\n\nNo functional change."
    _foreign(repo, place, claim, "d->need_iommu && !is_pv_domain(d)", "d->need_iommu && is_hvm_domain(d)")
    got = tool(*argv(tmp_path / "out", place, tree=repo.path))
    assert got.code == 1 and re.search(r"FAIL +predicates", got.out), got.out + got.err
    assert re.search(r"SKIP +builds.* of 1 patch: nothing was built: the base commit itself does not build", got.out)
    assert "the source proofs run all the same" in got.err


def test_a_patch_that_does_not_apply(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo, place = xen_like_repo(), tmp_path / "mails"
    _foreign(repo, place, "iommu: tidy up", "d->need_iommu && !is_pv_domain(d)", "d->need_iommu && is_hvm_domain(d)")
    (path,) = place.glob("*.patch")
    path.write_text(path.read_text().replace("-    return d->need_iommu", "-    return d->need_immo"))
    tool(*argv(tmp_path / "out", place, tree=repo.path)).refused(1, path.name)


def test_a_directory_without_patches(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "mails").mkdir()
    tool(*argv(tmp_path / "out", tmp_path / "mails")).refused(2, "no patches", "git format-patch")


# Input that is not what it says ------------------------------------------------------


@pytest.fixture
def mine(verified: Path, tmp_path: Path) -> Path:
    """A copy of the first series, for a test to spoil."""
    shutil.copytree(verified, tmp_path / "out")
    return tmp_path / "out" / ONE / "v1"


def refuses(tool: Tool, place: Path, tmp_path: Path, code: int, *words: str) -> None:
    """Nothing is overwritten, whether the series is read or would be made again."""
    before = snapshot(place.parent)
    tool(*argv(tmp_path / "elsewhere", place)).refused(code, *words)
    assert snapshot(place.parent) == before


def test_a_series_of_ours_is_verified_where_it_lies(tool: Tool, mine: Path, tmp_path: Path) -> None:
    tool(*argv(tmp_path / "elsewhere", mine)).good()


def test_a_tampered_patch(tool: Tool, mine: Path, tmp_path: Path) -> None:
    path = sorted(mine.glob("*.patch"))[2]
    path.write_text(path.read_text().replace("\n+", "\n+ ", 1))
    refuses(tool, mine, tmp_path, 6, path.name)
    before = snapshot(mine)
    tool(*argv(tmp_path / "out", "01")).refused(6, path.name)
    assert snapshot(mine) == before


def test_a_missing_log(tool: Tool, mine: Path, tmp_path: Path) -> None:
    log = sorted((mine / "logs").iterdir())[0]
    log.unlink()
    refuses(tool, mine, tmp_path, 6, log.name)


def test_evidence_of_another_schema(tool: Tool, mine: Path, tmp_path: Path) -> None:
    value = json.loads((mine / "evidence.json").read_text())
    (mine / "evidence.json").write_text(json.dumps({**value, "schema": "xenstage-evidence/9"}))
    deliver.seal(mine)
    refuses(tool, mine, tmp_path, 2, "xenstage-evidence/9", "xenstage run")


def test_evidence_of_another_series(tool: Tool, mine: Path, tmp_path: Path) -> None:
    value = json.loads((mine / "evidence.json").read_text())
    value["patches"][1]["tree"] = value["patches"][0]["tree"]
    (mine / "evidence.json").write_text(json.dumps(value))
    deliver.seal(mine)
    refuses(tool, mine, tmp_path, 2, "another series", "patch 2")


def test_evidence_with_fewer_edits_than_the_patch(tool: Tool, mine: Path, tmp_path: Path) -> None:
    value = json.loads((mine / "evidence.json").read_text())
    value["patches"][3]["edits"].pop()
    (mine / "evidence.json").write_text(json.dumps(value))
    deliver.seal(mine)
    got = tool(*argv(tmp_path / "elsewhere", mine))
    assert got.code == 1 and re.search(r"FAIL +form", got.out), got.out + got.err


def test_a_full_disk(tool: Tool, verified: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    shutil.copytree(verified, out)
    before = snapshot(out)

    def full(directory: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(directory / "evidence.json"))

    with monkeypatch.context() as patch:
        patch.setattr(deliver, "seal", full)
        tool(*argv(out, "01")).refused(6, "no space is left for the output directory", "evidence.json", "--out DIR")
    assert snapshot(out) == before
    tool(*argv(out, "01", "02")).good()
    assert snapshot(out) == before


def _compiler(place: Path, text: str) -> str:
    """A PATH whose gcc is a script."""
    place.mkdir()
    gcc = place / "gcc"
    gcc.write_text(f'#!/bin/sh\nreal={shutil.which("gcc")}\n{text}\nexec $real "$@"\n')
    gcc.chmod(gcc.stat().st_mode | stat.S_IXUSR)
    return f"{place}:{os.environ['PATH']}"


CRASH = "internal compiler error: Segmentation fault"


def test_a_compiler_that_crashes(tmp_path: Path) -> None:
    """It crashes on what the first patch changes: the base builds, nothing is kept, and a sound one goes on."""
    flag, cache, out = tmp_path / "crash", tmp_path / "cache", tmp_path / "out"
    text = f"""case "$*" in *hvm/hvm.c*|*" hvm.c"*)
  if [ -e {flag} ] && ! echo "$*" | grep -q -e -fsyntax-only -e ' -E '; then
    echo 'hvm.c:1: {CRASH}' >&2; exit 4; fi;; esac"""
    path = {"PATH": _compiler(tmp_path / "bin", text)}
    shell(*argv(out, "02"), cache=cache, more=path).good()
    before = snapshot(out)
    flag.touch()
    got = shell(*argv(out, "01"), cache=cache, more=path)
    assert got.code == 9, got.out + got.err
    assert CRASH in got.out and "INFRA" in got.out
    assert "Traceback" not in got.err
    assert snapshot(out / TWO) == snapshot(out / TWO) and before
    assert not any(NFC in p.read_text() for p in numbered(out, ONE))
    flag.unlink()
    shell(*argv(out, "01"), cache=cache, more=path).good()
    assert all(NFC in p.read_text() for p in numbered(out, ONE))


@pytest.mark.alone
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda s: s.name)
def test_interrupted_in_a_build_and_resumed(tmp_path: Path, verified: Path, number: signal.Signals) -> None:
    cache, out = tmp_path / "cache", tmp_path / "out"
    env = {**os.environ, **environment(cache)}
    full = [sys.executable, "-m", "xenstage", *argv(out, "01", "02")]
    log = tmp_path / "log"
    with log.open("wb") as words:
        child = subprocess.Popen(full, env=env, stdout=words, stderr=words, start_new_session=True)
        while b"build: 2/" not in log.read_bytes() and child.poll() is None:
            time.sleep(0.05)
        time.sleep(0.3)
        os.killpg(child.pid, number)
        child.wait(timeout=60)
    assert not out.exists() or not list(out.rglob("*.patch"))
    got = shell(*argv(out, "01", "02"), cache=cache).good()
    assert "6 patches: 6 PASS" in got.out
    assert patches(out) == patches(verified)
