"""The real tree, one cache for the whole run, and a way to run verbs as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Shell:
    """Runs verbs on a tree with a cache of its own."""

    tree: Path
    cache: Path

    def run(self, *argv: str, tree: Path | None = None) -> tuple[int, str, str, float]:
        """Exit code, standard output, standard error, seconds."""
        env = {
            **os.environ,
            "XDG_CACHE_HOME": str(self.cache),
            "PYTHONPATH": str(PROJECT),
            "GIT_AUTHOR_NAME": "A Developer",
            "GIT_AUTHOR_EMAIL": "developer@example.org",
        }
        full = [sys.executable, "-m", "xenstage", *argv, "--tree", str(tree or self.tree)]
        started = time.perf_counter()
        done = subprocess.run(full, env=env, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr, time.perf_counter() - started


@pytest.fixture(scope="session")
def real_tree() -> Path:
    """The Xen tree that ``make test`` found."""
    return Path(os.environ["XENSTAGE_TREE"])


@pytest.fixture(scope="session")
def shell(real_tree: Path, xen_cache: Path) -> Shell:
    """Verbs on the real tree."""
    return Shell(real_tree, xen_cache)


@pytest.fixture(scope="session")
def series(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The series of both stages, and the seconds of the first run, preparation and all."""
    out = tmp_path_factory.mktemp("series") / "out"
    code, _, err, seconds = shell.run("run", "01", "02", "--out", str(out))
    assert code == 0, err
    return out, seconds


VERIFY = ("verify", "01", "02", "--config", "x86_64-debug", "--build-config", "x86_64-debug")


@pytest.fixture(scope="session")
def verified(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Both series with their evidence, and what verify printed.  This is where every patch is built."""
    out = tmp_path_factory.mktemp("verified") / "out"
    code, text, err, _ = shell.run(*VERIFY, "--out", str(out))
    assert code == 0, text + err
    return out, text
