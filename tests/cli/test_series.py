"""The series themselves: they apply, add up, repeat byte for byte, and change nothing undeclared."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import git
import pytest

from .conftest import Tool
from .kit import (
    ADDRESS,
    AUTHOR,
    CONFIG,
    HVM,
    ONE,
    TWO,
    Repo,
    apply,
    evidence,
    numbered,
    patches,
    sample_repo,
    shell,
    snapshot,
    tree_of,
)

Factory = Callable[..., Repo]
LABELS = (ONE, TWO)


def test_patches_apply_and_give_the_recorded_trees(sample_out: Path, warm: Path, tmp_path: Path) -> None:
    base = evidence(sample_out, ONE)["base"]
    series = [numbered(sample_out, label) for label in LABELS]
    assert [len(s) for s in series] == [4, 2]
    clone = apply(sample_repo(warm), base, tmp_path / "clone", *series)
    made = [p for label in LABELS for p in evidence(sample_out, label)["patches"]]
    commits = list(clone.iter_commits(f"{base}..topic", reverse=True))
    assert [c.tree.hexsha for c in commits] == [p["tree"] for p in made]
    assert tree_of(clone) == made[-1]["tree"]
    assert [c.summary for c in commits] == [p["subject"] for p in made]
    assert {(c.author.name, c.author.email) for c in commits} == {(AUTHOR, ADDRESS)}


def test_every_byte_outside_the_edits_stays(sample_out: Path, warm: Path, tmp_path: Path) -> None:
    base = evidence(sample_out, ONE)["base"]
    series = [numbered(sample_out, label) for label in LABELS]
    clone = apply(sample_repo(warm), base, tmp_path / "clone", *series)
    made = [p for label in LABELS for p in evidence(sample_out, label)["patches"]]
    commits = [clone.commit(base), *clone.iter_commits(f"{base}..topic", reverse=True)]
    for before, after, patch in zip(commits, commits[1:], made, strict=False):
        old, new = _blobs(before), _blobs(after)
        assert old.keys() == new.keys()
        by_hand = dict(old)
        for edit in sorted(patch["edits"], key=lambda e: (e["path"], -e["offset"])):
            data, at, expected = by_hand[edit["path"]], edit["offset"], edit["expected"].encode()
            assert old[edit["path"]][at : at + len(expected)] == expected
            by_hand[edit["path"]] = data[:at] + edit["new"].encode() + data[at + len(expected) :]
            assert edit["rule"] and edit["reason"]
        assert by_hand == new
        assert {e["path"] for e in patch["edits"]} == {p for p in new if old[p] != new[p]}


def _blobs(commit: git.Commit) -> dict[str, bytes]:
    found = [b for b in commit.tree.traverse() if isinstance(b, git.Blob)]
    return {str(b.path): b.data_stream.read() for b in found}


def test_modes_stay(sample_out: Path, warm: Path, tmp_path: Path) -> None:
    base = evidence(sample_out, ONE)["base"]
    clone = apply(sample_repo(warm), base, tmp_path / "clone", *[numbered(sample_out, x) for x in LABELS])
    summary = clone.git.diff("--summary", base, "topic")
    assert summary == ""


def test_second_run_is_the_same(tool: Tool, sample_out: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        tool.run("01", "02", out=out).good()
        assert snapshot(out) == snapshot(sample_out)


def test_another_cache_gives_the_same(sample_out: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    argv = ("run", "01", "02", "--tree", "sample", "--config", CONFIG, "--out", str(out))
    shell(*argv, cache=tmp_path / "cold").good()
    assert snapshot(out) == snapshot(sample_out)


def test_cache_whose_path_make_cannot_take(sample_out: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    argv = ("run", "01", "02", "--tree", "sample", "--config", CONFIG, "--out", str(out))
    shell(*argv, cache=tmp_path / "a cäche", more={"TMPDIR": str(tmp_path)}).good()
    assert snapshot(out) == snapshot(sample_out)


def test_other_language_and_time_zone_give_the_same(sample_out: Path, warm: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    argv = ("run", "01", "02", "--tree", "sample", "--config", CONFIG, "--out", str(out))
    more = {"LC_ALL": "C", "TZ": "Asia/Kolkata", "PYTHONHASHSEED": "7", "COLUMNS": "40"}
    shell(*argv, cache=warm, more=more).good()
    assert snapshot(out) == snapshot(sample_out)


def test_committer_of_the_environment_does_not_matter(sample_out: Path, warm: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    argv = ("run", "01", "02", "--tree", "sample", "--config", CONFIG, "--out", str(out))
    more = {"GIT_COMMITTER_NAME": None, "GIT_COMMITTER_EMAIL": None, "GIT_COMMITTER_DATE": None}
    shell(*argv, cache=warm, more=more).good()
    assert snapshot(out) == snapshot(sample_out)


def test_another_copy_gives_the_same(tool: Tool, reference: Path, xen_like_repo: Factory, tmp_path: Path) -> None:
    repo = xen_like_repo("another/place")
    tool.run("01", "02", tree=repo.path, out=tmp_path / "out").good()
    assert snapshot(tmp_path / "out") == snapshot(reference)


def test_stage_02_alone_gives_its_part(tool: Tool, sample_out: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tool.run("02", out=out).good()
    assert [p.name for p in out.iterdir()] == [TWO]
    assert snapshot(out / TWO) == snapshot(sample_out / TWO)


def test_order_and_spelling_of_stages_do_not_matter(tool: Tool, sample_out: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tool.run("2", "01", TWO, f"{ONE}/", out=out).good()
    assert snapshot(out) == snapshot(sample_out)


def test_nothing_to_do(tool: Tool, reference: Path, xen_like_repo: Factory, tmp_path: Path) -> None:
    repo = xen_like_repo()
    clone = apply(repo.path, repo.head, tmp_path / "clone", numbered(reference, ONE))
    got = tool.run("01", tree=str(clone.working_dir), out=tmp_path / "out").good()
    assert got.out.count("nothing to do") == 1
    assert patches(tmp_path / "out") == {}


def test_only_the_first_series_is_there(tool: Tool, reference: Path, xen_like_repo: Factory, tmp_path: Path) -> None:
    repo = xen_like_repo()
    clone = apply(repo.path, repo.head, tmp_path / "clone", numbered(reference, ONE))
    got = tool.run("01", "02", tree=str(clone.working_dir), out=tmp_path / "out").good()
    assert got.out.count("nothing to do") == 1
    assert len(numbered(tmp_path / "out", TWO)) == 2
    last = evidence(tmp_path / "out", TWO)["patches"][-1]["tree"]
    assert last == evidence(reference, TWO)["patches"][-1]["tree"]


def test_half_of_a_series_goes_on(tool: Tool, reference: Path, xen_like_repo: Factory, tmp_path: Path) -> None:
    repo = xen_like_repo()
    clone = apply(repo.path, repo.head, tmp_path / "clone", numbered(reference, ONE)[:2])
    tool.run("01", tree=str(clone.working_dir), out=tmp_path / "out").good()
    assert len(numbered(tmp_path / "out", ONE)) == 2
    last = evidence(tmp_path / "out", ONE)["patches"][-1]["tree"]
    assert last == evidence(reference, ONE)["patches"][-1]["tree"]


def test_part_of_a_patch_is_refused(tool: Tool, xen_like_repo: Factory, tmp_path: Path) -> None:
    repo = xen_like_repo()
    repo.edit(HVM, "typedef unsigned long", "struct hvm_hypercall;\n\ntypedef unsigned long")
    repo.commit()
    tool.run("01", tree=repo.path, out=tmp_path / "out").refused(4, "a part of", "hvm_hypercall", HVM)
    assert not (tmp_path / "out").exists()


def test_cover_letters(sample_out: Path) -> None:
    base = evidence(sample_out, ONE)["base"]
    for label, title in ((ONE, "x86/hvm: merge the PVH and HVM"), (TWO, "xen: make PVH a flag of HVM guests")):
        (cover,) = (sample_out / label / "v1").glob("0000-*.patch")
        text = cover.read_text()
        assert title in text and f"base-commit: {base}" in text
        assert "***" not in text and "{" not in text
        for patch in numbered(sample_out, label):
            subject = re.sub(r"\n ", " ", patch.read_text()).partition("Subject: ")[2].split("\n")[0]
            assert subject.partition("] ")[2] in text


def test_prerequisites_are_what_git_patch_id_says_of_the_mails(sample_out: Path) -> None:
    """Not what format-patch computes, from a diff with another indent heuristic than that of the mails."""
    wanted = []
    for mail in numbered(sample_out, ONE):
        said = subprocess.run(["git", "patch-id", "--stable"], stdin=mail.open(), capture_output=True, check=True)
        wanted.append(said.stdout.decode().split()[0])
    (cover,) = (sample_out / TWO / "v1").glob("0000-*.patch")
    assert re.findall(r"^prerequisite-patch-id: (\w+)$", cover.read_text(), re.M) == wanted
    (first,) = (sample_out / ONE / "v1").glob("0000-*.patch")
    assert "prerequisite-patch-id" not in first.read_text()
    assert [p["patch_id"] for p in evidence(sample_out, ONE)["patches"]] == wanted


def test_no_signature_of_anybody_unless_asked(sample_out: Path) -> None:
    assert not [n for n, d in patches(sample_out).items() if b"Signed-off-by" in d]


def test_signoff_is_the_users_own(tool: Tool, tmp_path: Path, sample_out: Path) -> None:
    out = tmp_path / "out"
    argv = ("run", "01", "02", "--tree", "sample", "--config", CONFIG, "--out", out, "--signoff")
    tool(*argv).good()
    for label in LABELS:
        for path in numbered(out, label):
            lines = [x for x in path.read_text().split("\n") if "Signed-off-by" in x]
            assert lines == [f"Signed-off-by: {AUTHOR} <{ADDRESS}>"]
        trees = [[p["tree"] for p in evidence(o, label)["patches"]] for o in (out, sample_out)]
        assert trees[0] == trees[1]


@pytest.mark.parametrize("label", LABELS)
def test_numbers_of_the_evidence_add_up(sample_out: Path, label: str) -> None:
    value = evidence(sample_out, label)
    assert sum(value["coverage"]["classes"].values()) == value["coverage"]["textual"]
    for patch in value["patches"]:
        total = {k: sum(row[k] for row in patch["sites"].values()) for k in ("uses", "rewritten", "staying")}
        assert total["rewritten"] + total["staying"] == total["uses"] > 0
        for row in patch["sites"].values():
            assert row["rewritten"] + row["staying"] == row["uses"]
        assert len(patch["stays"]) == total["staying"]
        assert all(s["reason"] for s in patch["stays"])


def test_report_shows_the_same_numbers(tool: Tool, tmp_path: Path) -> None:
    got = tool.run("01", "02", out=tmp_path / "out").good()
    found = re.findall(r"(\d+) edits; (\d+) uses = (\d+) rewritten \+ (\d+) staying", got.out)
    made = [p for label in LABELS for p in evidence(tmp_path / "out", label)["patches"]]
    assert len(found) == len(made)
    for row, patch in zip(found, made, strict=True):
        assert int(row[0]) == len(patch["edits"])
        assert int(row[1]) == int(row[2]) + int(row[3]) == sum(r["uses"] for r in patch["sites"].values())


def test_lines_keep_the_coding_style(sample_out: Path) -> None:
    for name, data in patches(sample_out).items():
        diff = data.decode().partition("\ndiff --git ")[2].rpartition("\n-- \n")[0]
        for line in diff.split("\n"):
            if line.startswith("+") and not line.startswith("+++"):
                assert len(line) <= 80 and "\t" not in line and line == line.rstrip(), f"{name}: {line}"
