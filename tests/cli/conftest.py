"""One warm cache for most tests, a tool that runs in-process, repositories made from the sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from xenstage.cli.main import main

from .kit import CONFIG, DROPPED, Outcome, Repo, make_repo, shell, user_environment


@dataclass(frozen=True)
class Tool:
    """Runs verbs in this process."""

    capsys: pytest.CaptureFixture[str]
    cache: Path

    def __call__(self, *argv: str | Path) -> Outcome:
        """Exit code and output of one verb."""
        self.capsys.readouterr()
        try:
            code = main([str(a) for a in argv])
        except SystemExit as e:  # argparse
            code = int(str(e.code))
        got = self.capsys.readouterr()
        return Outcome(code, got.out, got.err)

    def run(self, *stages: str, tree: Path | str = "sample", out: Path, base: str = "HEAD") -> Outcome:
        """``xenstage run`` in the quickest configuration."""
        return self("run", *stages, "--tree", tree, "--base", base, "--config", CONFIG, "--out", out)


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache that most tests share."""
    return tmp_path_factory.mktemp("warm")


@pytest.fixture(autouse=True)
def user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, warm: Path) -> None:
    """The same user on every machine; nothing above the test's directory is a repository."""
    for name in DROPPED:
        monkeypatch.delenv(name, raising=False)
    for name, value in user_environment(warm).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


@pytest.fixture
def tool(capsys: pytest.CaptureFixture[str], warm: Path) -> Tool:
    """Runs verbs in this process, with the warm cache."""
    return Tool(capsys, warm)


@pytest.fixture
def xen_like_repo(tmp_path: Path) -> Callable[..., Repo]:
    """Makes repositories from the sample; a name for the directory may be given."""

    def make(name: str = "tree") -> Repo:
        return make_repo(tmp_path / name)

    return make


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory, warm: Path) -> Path:
    """Both series of an unchanged repository: what every harmless variation must give."""
    place = tmp_path_factory.mktemp("reference")
    make_repo(place / "tree")
    argv = ("run", "01", "02", "--tree", str(place / "tree"), "--config", CONFIG, "--out", str(place / "out"))
    shell(*argv, cache=warm).good()
    return place / "out"


@pytest.fixture(scope="session")
def sample_out(tmp_path_factory: pytest.TempPathFactory, warm: Path) -> Path:
    """Both series of the bundled sample."""
    out = tmp_path_factory.mktemp("sample") / "out"
    shell("run", "01", "02", "--tree", "sample", "--config", CONFIG, "--out", str(out), cache=warm).good()
    return out
