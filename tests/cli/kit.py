"""What the tests of the command line share: repositories, snapshots, outcomes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import git

PROJECT = Path(__file__).resolve().parent.parent.parent
SAMPLE = PROJECT / "tests/sample/tree"
CONFIG = "x86_64-debug"
HVM = "xen/arch/x86/hvm/hvm.c"
ONE, TWO = "01_merge_hcall_tables", "02_pvh_flag"
AUTHOR, ADDRESS = "Ann Author", "ann@example.org"
DATE = "1420156800 +0000"


@dataclass(frozen=True)
class Outcome:
    """A finished verb."""

    code: int
    out: str
    err: str

    def good(self) -> Outcome:
        """The verb said yes."""
        assert self.code == 0, f"exit {self.code}\n{self.out}\n{self.err}"
        return self

    def refused(self, code: int, *words: str) -> Outcome:
        """The verb stopped with a code, and says what, why and what next."""
        assert self.code == code, f"exit {self.code}, not {code}\n{self.out}\n{self.err}"
        for lead in ("xenstage: ", "\n  why:  ", "\n  next: "):
            text = f"\n{self.err}".partition(lead)[2].split("\n")[0]
            assert text.strip(), f"nothing after {lead!r}:\n{self.err}"
        assert "Traceback" not in self.err
        for word in words:
            assert word in self.err, f"{word!r} is not in:\n{self.err}"
        return self


def user_environment(cache: Path) -> dict[str, str]:
    """Variables that make a run independent of who runs it."""
    return {
        "XDG_CACHE_HOME": str(cache),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": AUTHOR,
        "GIT_AUTHOR_EMAIL": ADDRESS,
        "GIT_COMMITTER_NAME": AUTHOR,
        "GIT_COMMITTER_EMAIL": ADDRESS,
        "GIT_COMMITTER_DATE": DATE,
        "PYTHONPATH": str(PROJECT),
    }


MARK = "XENSTAGE_MARK"
"""The variable by which a test knows the processes that it started."""


def alive(mark: str) -> list[str]:
    """Command lines of the processes with a mark in their environment, zombies left out."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return found


DROPPED = ("XEN_SRC", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_AUTHOR_DATE")


def shell(*argv: str, cache: Path, more: Mapping[str, str | None] | None = None) -> Outcome:
    """Run a verb in a process of its own."""
    env = {k: v for k, v in os.environ.items() if k not in DROPPED}
    env.update(user_environment(cache))
    for name, value in (more or {}).items():
        env.pop(name, None)
        if value is not None:
            env[name] = value
    full = [sys.executable, "-m", "xenstage", *argv]
    done = subprocess.run(full, env=env, capture_output=True, text=True, check=False, timeout=120)
    return Outcome(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Repo:
    """A git repository that holds the sample, for a test to change."""

    path: Path

    def git(self, *args: str, env: Mapping[str, str] | None = None) -> str:
        """Run git in it."""
        dates = {"GIT_AUTHOR_DATE": DATE, "GIT_COMMITTER_DATE": DATE}
        full = {**os.environ, **user_environment(Path("/nowhere")), **dates, **(env or {})}
        argv = ["git", "-C", str(self.path), *args]
        done = subprocess.run(argv, env=full, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def read(self, path: str) -> str:
        """A file of the checkout."""
        return (self.path / path).read_text()

    def write(self, path: str, text: str) -> None:
        """Write a file of the checkout."""
        (self.path / path).write_text(text)

    def append(self, path: str, text: str) -> None:
        """Add text to a file's end."""
        self.write(path, self.read(path) + text)

    def edit(self, path: str, old: str, new: str, *, after: str = "") -> None:
        """Replace the first ``old`` that stands after a landmark; it must be there."""
        text = self.read(path)
        at = text.index(old, text.index(after))
        self.write(path, text[:at] + new + text[at + len(old) :])

    def commit(self, message: str = "A change") -> str:
        """Commit everything and return the hash."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.head

    @property
    def head(self) -> str:
        """The hash that HEAD names."""
        return self.git("rev-parse", "HEAD")


def make_repo(path: Path) -> Repo:
    """The sample in a fresh repository, one commit that is the same everywhere."""
    shutil.copytree(SAMPLE, path, ignore=shutil.ignore_patterns("*.o", "*.s", ".*.d"))
    repo = Repo(path)
    repo.git("init", "-q", "-b", "main")
    repo.commit("A tree")
    return repo


def snapshot(directory: Path) -> dict[str, bytes]:
    """Every file below a directory with its bytes; of a repository: refs, index and objects too."""
    out: dict[str, bytes] = {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_symlink():
            out[name] = os.readlink(path).encode()
        else:
            out[name] = path.read_bytes() if path.is_file() else b"directory"
    return out


def patches(out: Path) -> dict[str, bytes]:
    """The patches below an output directory."""
    return {n: d for n, d in snapshot(out).items() if n.endswith(".patch")}


def evidence(out: Path, label: str) -> dict[str, Any]:
    """A series' evidence file."""
    value: dict[str, Any] = json.loads((out / label / "v1/evidence.json").read_bytes())
    return value


def numbered(out: Path, label: str) -> list[Path]:
    """The patches of a series in order, without the cover letter."""
    return sorted(p for p in (out / label / "v1").glob("*.patch") if not p.name.startswith("0000"))


def apply(source: Path, base: str, where: Path, *series: list[Path]) -> git.Repo:
    """A fresh clone at a base with series applied by git am."""
    env = user_environment(Path("/nowhere"))
    clone = git.Repo.clone_from(source.as_uri(), where, env=env)
    with clone.git.custom_environment(**env):
        clone.git.checkout("-q", "-B", "topic", base)
        for one in series:
            clone.git.am("-q", *[str(p) for p in one])
    return clone


def tree_of(clone: git.Repo) -> str:
    """The hash of the checked-out tree."""
    return clone.head.commit.tree.hexsha


def sample_repo(cache: Path) -> Path:
    """The repository that the tool makes of the sample."""
    return cache / "xenstage/sample/repo.git"


def written_on_sample(place: Path, cache: Path, *stages: str) -> Path:
    """The series of stages on a repository that holds the sample; where they were written."""
    make_repo(place / "tree")
    argv = ("run", *stages, "--tree", str(place / "tree"), "--config", CONFIG, "--out", str(place / "out"))
    shell(*argv, cache=cache).good()
    return place / "out"


def rows(table: str) -> list[str]:
    """Keys of the rows of a table in the merged form."""
    return re.findall(r"HCALL\(\s*(\w+),", table)
