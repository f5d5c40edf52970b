"""Trees and bases that cannot be used: exit 3, words that help, and nothing touched."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Tool
from .kit import ONE, Repo, patches, snapshot

Factory = Callable[..., Repo]


def test_directory_missing(tool: Tool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tool.run("01", tree=tmp_path / "gone", out=out).refused(3, "not a git tree", "no such directory", "XEN_SRC=")
    assert not out.exists()


def test_plain_directory(tool: Tool, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "Config.mk").write_text("XEN_TARGET_ARCH = x86_64\n")
    before = snapshot(plain)
    tool.run("01", tree=plain, out=tmp_path / "out").refused(3, "not a git tree", str(plain))
    assert snapshot(plain) == before and not (tmp_path / "out").exists()


def test_file_in_place_of_directory(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    tool.run("01", tree=tmp_path / "file", out=tmp_path / "out").refused(3, "not a git tree")


def test_unfetched_submodule(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    outer = xen_like_repo("outer")
    inner = outer.path / "xen-src"
    inner.mkdir()
    before = snapshot(outer.path)
    got = tool.run("01", tree=inner, out=tmp_path / "out")
    got.refused(3, "inside the repository", "submodule", "git submodule update --init")
    assert snapshot(outer.path) == before and not (tmp_path / "out").exists()


def test_directory_inside_a_repository(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    outer = xen_like_repo("outer")
    tool.run("01", tree=outer.path / "xen", out=tmp_path / "out").refused(3, "inside the repository", str(outer.path))


def test_not_a_xen_tree(tool: Tool, tmp_path: Path) -> None:
    other = Repo(tmp_path / "other")
    other.path.mkdir()
    other.git("init", "-q", "-b", "main")
    other.write("README", "Another project.\n")
    other.commit()
    before = snapshot(other.path)
    got = tool.run("01", tree=other.path, out=tmp_path / "out")
    got.refused(3, "not a Xen tree", "xen/Makefile is missing", "--tree DIR --base COMMIT")
    assert snapshot(other.path) == before and not (tmp_path / "out").exists()


def test_repository_without_a_commit(tool: Tool, tmp_path: Path) -> None:
    empty = Repo(tmp_path / "empty")
    empty.path.mkdir()
    empty.git("init", "-q", "-b", "main")
    tool.run("01", tree=empty.path, out=tmp_path / "out").refused(3, "HEAD")


@pytest.mark.parametrize("base", ["no-such-tag", "0" * 40, "f" * 40, "--all", "HEAD~7", "HEAD:README", ""])
def test_unknown_base(tool: Tool, tmp_path: Path, xen_like_repo: Factory, base: str) -> None:
    repo = xen_like_repo()
    before = snapshot(repo.path)
    argv = ("run", "01", "--tree", repo.path, f"--base={base}", "--out", tmp_path / "out")
    tool(*argv).refused(3, "unknown base commit", "git -C", str(repo.path), "--base COMMIT")
    assert snapshot(repo.path) == before and not (tmp_path / "out").exists()


def test_old_series_stays_when_the_tree_is_refused(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo, out = xen_like_repo(), tmp_path / "out"
    tool.run("01", tree=repo.path, out=out).good()
    before = snapshot(out)
    tool.run("01", tree=repo.path, base="nonsense", out=out).refused(3)
    assert snapshot(out) == before


def test_shallow_clone_without_the_base(tool: Tool, tmp_path: Path, xen_like_repo: Factory, reference: Path) -> None:
    full = xen_like_repo("full")
    base = full.head
    full.append("README", "\nMore.\n")
    full.commit()
    shallow = tmp_path / "shallow"
    full.git("clone", "-q", "--depth", "1", full.path.as_uri(), str(shallow))
    before = snapshot(shallow)
    got = tool.run("01", tree=shallow, base=base, out=tmp_path / "out")
    line = f"git -C '{shallow}' fetch --depth 1 origin {base}"
    got.refused(3, "shallow", base, line)
    assert snapshot(shallow) == before and not (tmp_path / "out").exists()
    subprocess.run(shlex.split(line), check=True, capture_output=True)
    tool.run("01", tree=shallow, base=base, out=tmp_path / "out").good()
    mine, theirs = patches(tmp_path / "out" / ONE), patches(reference / ONE)
    assert mine == theirs
