"""Checkouts in any state: the same series, and not one byte of the user's repository changes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import git
import pytest

from .conftest import Tool
from .kit import HVM, Repo, make_repo, snapshot

State = Callable[[Repo, Path], Path]


def clean(repo: Repo, place: Path) -> Path:
    """A checkout as git left it."""
    return repo.path


def dirty(repo: Repo, place: Path) -> Path:
    """Changed, deleted and untracked files."""
    repo.write(HVM, "this is no C at all\n")
    (repo.path / "xen/common/domain.c").unlink()
    repo.write("xen/include/xen/stray.h", "#error stray\n")
    return repo.path


def staged(repo: Repo, place: Path) -> Path:
    """Changes in the index."""
    repo.write(HVM, "this is no C at all\n")
    repo.git("add", "-A")
    return repo.path


def _conflict(repo: Repo) -> None:
    repo.git("checkout", "-q", "-b", "side")
    repo.write("README", "One side.\n")
    repo.commit("Side")
    repo.git("checkout", "-q", "main")
    repo.write("README", "The other side.\n")
    repo.commit("Other")


def _may_fail(repo: Repo, *args: str) -> None:
    subprocess.run(["git", "-C", str(repo.path), *args], capture_output=True, check=False)


def merging(repo: Repo, place: Path) -> Path:
    """In the middle of a merge with a conflict."""
    _conflict(repo)
    _may_fail(repo, "merge", "side")
    assert (repo.path / ".git/MERGE_HEAD").exists()
    return repo.path


def rebasing(repo: Repo, place: Path) -> Path:
    """In the middle of a rebase with a conflict."""
    _conflict(repo)
    _may_fail(repo, "rebase", "side")
    assert (repo.path / ".git/rebase-merge").is_dir()
    return repo.path


def linked(repo: Repo, place: Path) -> Path:
    """A linked work tree."""
    repo.git("worktree", "add", "-q", "--detach", str(place / "linked"))
    return place / "linked"


def bare(repo: Repo, place: Path) -> Path:
    """A bare repository."""
    repo.git("clone", "-q", "--bare", str(repo.path), str(place / "bare.git"))
    return place / "bare.git"


def gitdir(repo: Repo, place: Path) -> Path:
    """A checkout whose .git is a file."""
    repo.git("clone", "-q", f"--separate-git-dir={place / 'separate'}", str(repo.path), str(place / "checkout"))
    return place / "checkout"


def strange_path(repo: Repo, place: Path) -> Path:
    """Spaces, quotes and letters that are not ASCII."""
    target = place / "a tree, größer 'x' \"y\""
    repo.path.rename(target)
    return target


def own_settings(repo: Repo, place: Path) -> Path:
    """Settings that change what git prints."""
    for key, value in (
        ("format.signOff", "true"), ("diff.noprefix", "true"), ("commit.gpgSign", "true"), ("core.abbrev", "40"),
        ("diff.algorithm", "patience"), ("format.coverLetter", "false"), ("core.autocrlf", "true"),
        ("format.subjectPrefix", "RFC"), ("log.showSignature", "true"), ("color.ui", "always"),
    ):  # fmt: skip
        repo.git("config", key, value)
    return repo.path


STATES = [clean, dirty, staged, merging, rebasing, linked, bare, gitdir, strange_path, own_settings]


@pytest.mark.parametrize("state", STATES, ids=lambda s: s.__name__)
def test_state_of_the_checkout(tool: Tool, tmp_path: Path, reference: Path, state: State) -> None:
    place = tmp_path / "user"
    repo = make_repo(place / "tree")
    base = repo.head
    tree = state(repo, place)
    before = snapshot(place)
    status = _status(tree)
    tool.run("01", "02", tree=tree, base=base, out=tmp_path / "out").good()
    assert snapshot(place) == before
    assert _status(tree) == status
    assert snapshot(tmp_path / "out") == snapshot(reference)


def _status(tree: Path) -> tuple[str, ...]:
    """HEAD, branches, work trees and status as an independent reader has them."""
    repo = git.Repo(tree)
    with repo.git.custom_environment(GIT_OPTIONAL_LOCKS="0"):
        status = "" if repo.bare else repo.git.status("--porcelain")
        return repo.git.rev_parse("HEAD"), repo.git.for_each_ref(), repo.git.worktree("list"), status


def test_tag_branch_and_short_hash_name_the_base(tool: Tool, tmp_path: Path, reference: Path) -> None:
    repo = make_repo(tmp_path / "tree")
    repo.git("tag", "-a", "-m", "A release", "1.0")
    base = repo.head
    repo.write(HVM, "int broken = ;\n")
    repo.commit()
    for i, name in enumerate(("1.0", "main~1", base[:10])):
        tool.run("01", "02", tree=repo.path, base=name, out=tmp_path / f"out{i}").good()
        assert snapshot(tmp_path / f"out{i}") == snapshot(reference)


def test_read_only_repository(tool: Tool, tmp_path: Path, reference: Path) -> None:
    repo = make_repo(tmp_path / "user")
    places = [p for p in [repo.path, *repo.path.rglob("*")] if p.is_dir()]
    for p in places:
        p.chmod(0o555)
    try:
        tool.run("01", tree=repo.path, out=tmp_path / "out").good()
    finally:
        for p in places:
            p.chmod(0o755)
    label = "01_merge_hcall_tables"
    assert snapshot(tmp_path / "out" / label) == snapshot(reference / label)


def test_environment_of_a_git_hook(
    tool: Tool, tmp_path: Path, reference: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIT_INDEX_FILE of another repository, as a hook of it sets it, is not ours."""
    hook = make_repo(tmp_path / "hook")
    hook.write("README", "Another commit.\n")
    hook.commit()
    repo = make_repo(tmp_path / "tree")
    before = snapshot(hook.path)
    monkeypatch.setenv("GIT_INDEX_FILE", str(hook.path / ".git/index"))
    tool.run("01", tree=repo.path, out=tmp_path / "out").good()
    assert snapshot(hook.path) == before
    label = "01_merge_hcall_tables"
    assert snapshot(tmp_path / "out" / label) == snapshot(reference / label)
