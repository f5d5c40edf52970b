"""What the machine lacks: exit 5 with the line that mends it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Tool
from .kit import CONFIG, ONE, Repo, numbered, shell, snapshot

Factory = Callable[..., Repo]
NOBODY = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL")


def test_no_identity(tool: Tool, tmp_path: Path, xen_like_repo: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = xen_like_repo()
    for name in NOBODY:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    before = snapshot(repo.path)
    got = tool.run("01", tree=repo.path, out=tmp_path / "out")
    got.refused(5, "who you are", "git config --global user.name", "git config --global user.email")
    assert snapshot(repo.path) == before and not (tmp_path / "out").exists()


def test_half_an_identity(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GIT_AUTHOR_EMAIL")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    tool.run("01", out=tmp_path / "out").refused(5, "user.email")


def test_identity_of_the_repository(
    tool: Tool, tmp_path: Path, xen_like_repo: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = xen_like_repo()
    repo.git("config", "user.name", "Örjan Example")
    repo.git("config", "user.email", "orjan@example.org")
    for name in NOBODY[:2]:
        monkeypatch.delenv(name)
    out = tmp_path / "out"
    tool("run", "01", "--tree", repo.path, "--config", CONFIG, "--out", out, "--signoff").good()
    for path in numbered(out, ONE):
        text = path.read_text()
        assert "orjan@example.org" in text.split("\n")[1]
        assert "Signed-off-by: Örjan Example <orjan@example.org>" in text


def test_other_verbs_need_no_identity(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NOBODY:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    tool("explain").good()
    tool("sites", "guest_type", "--tree", "sample", "--config", CONFIG).good()


def programs(place: Path, *names: str) -> str:
    """A directory for PATH that holds these programs only."""
    place.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found is not None
        (place / name).symlink_to(found)
    (place / "python").symlink_to(sys.executable)
    return str(place)


def test_no_compiler(tmp_path: Path, warm: Path) -> None:
    path = programs(tmp_path / "bin", "git", "make", "sh")
    argv = ("run", "01", "--tree", "sample", "--config", CONFIG, "--out", str(tmp_path / "out"))
    got = shell(*argv, cache=warm, more={"PATH": path})
    got.refused(5, "gcc is not installed", "apt-get install gcc")
    assert not (tmp_path / "out").exists()


def test_no_compiler_for_any_configuration(tmp_path: Path, warm: Path) -> None:
    path = programs(tmp_path / "bin", "git", "make", "sh")
    argv = ("run", "01", "--tree", "sample", "--out", str(tmp_path / "out"))
    got = shell(*argv, cache=warm, more={"PATH": path})
    got.refused(5, "no configuration can be prepared", "apt-get install gcc make")
    assert "left out" in got.err


def test_no_make(tmp_path: Path, warm: Path) -> None:
    path = programs(tmp_path / "bin", "git", "gcc", "ld", "sh")
    argv = ("run", "01", "--tree", "sample", "--config", CONFIG, "--out", str(tmp_path / "out"))
    shell(*argv, cache=warm, more={"PATH": path}).refused(5, "make is not installed", "apt-get install make")


def test_no_git(tmp_path: Path, warm: Path) -> None:
    path = programs(tmp_path / "bin", "make", "gcc", "ld", "sh")
    argv = ("run", "01", "--tree", str(tmp_path), "--config", CONFIG, "--out", str(tmp_path / "out"))
    shell(*argv, cache=warm, more={"PATH": path}).refused(5, "git is not installed", "apt-get install git")


@pytest.mark.parametrize("arch", ["arm64", "arm32"])
def test_cross_compiler(tool: Tool, tmp_path: Path, warm: Path, arch: str) -> None:
    compiler = {"arm64": "aarch64-linux-gnu-gcc", "arm32": "arm-linux-gnueabihf-gcc"}[arch]
    argv = ("run", "01", "--tree", "sample", "--config", CONFIG, "--config", f"{arch}-debug")
    out = tmp_path / "out"
    if shutil.which(compiler) is None:
        got = tool(*argv, "--out", out)
        got.refused(5, f"{compiler} is not installed", "apt-get install gcc-", "--config x86_64-debug")
        assert not out.exists()
        return
    tool(*argv, "--out", out).good()


def test_tree_named_by_the_environment(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """XEN_SRC stands in for --tree."""
    monkeypatch.setenv("XEN_SRC", str(tmp_path / "gone"))
    got = tool("run", "01", "--out", tmp_path / "out")
    got.refused(3, str(tmp_path / "gone"))
