"""Recipients on the Xen tree against the tree's own script, repaired for a perl of today."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from xenstage.mail.maintainers import Section, read_maintainers, recipients
from xenstage.stage.declare import load_stages

from .conftest import PROJECT, Shell

BASE = "HEAD"
FILES = ("MAINTAINERS", "scripts/get_maintainer.pl", "COPYING", "CODING_STYLE", "Makefile")
ESCAPE = r"\C"  # any byte; perl 5.24 and later have no such escape


def git(tree: Path, *args: str) -> bytes:
    """What git says of the tree."""
    return subprocess.run(["git", "-C", tree, *args], capture_output=True, check=True).stdout


def directories(tree: Path) -> set[str]:
    """Every directory of the tree."""
    return set(git(tree, "ls-tree", "-r", "-d", "--name-only", BASE).decode().split("\n"))


@pytest.fixture(scope="module")
def script(real_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script with its escape repaired, in a directory that it takes for the tree."""
    if shutil.which("perl") is None:
        pytest.skip("perl is not installed")
    top = tmp_path_factory.mktemp("script")
    for name in FILES:
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_bytes(git(real_tree, "show", f"{BASE}:{name}"))
    for path in directories(real_tree):
        (top / path).mkdir(parents=True, exist_ok=True)
    pl = top / "scripts/get_maintainer.pl"
    pl.write_bytes(pl.read_bytes().replace(ESCAPE.encode(), b"."))
    return pl


@pytest.fixture(scope="module")
def sections(real_tree: Path) -> list[Section]:
    """Our reading of the tree's file."""
    text = git(real_tree, "show", f"{BASE}:MAINTAINERS").decode()
    return read_maintainers(text, directories(real_tree).__contains__)


def theirs(script: Path, patch: Path) -> set[str]:
    """Whom the script names."""
    done = subprocess.run(
        ["perl", "-X", script, patch], cwd=script.parents[1], capture_output=True, text=True, check=True
    )
    return {line.replace('"', "") for line in done.stdout.splitlines()}


def ours(sections: list[Section], patch: str) -> set[str]:
    """Whom we name."""
    got = recipients(sections, patch)
    return {str(a).replace('"', "") for a in (*got.to, *got.cc)}


def test_every_patch_of_the_series(script: Path, sections: list[Section], shell: Shell, tmp_path: Path) -> None:
    written = [str(n) for n, s in load_stages(PROJECT / "stages").items() if s.whole]
    code, _, err, _ = shell.run("run", *written, "--config", "x86_64-debug", "--out", str(tmp_path / "out"))
    assert code == 0, err
    found = sorted(p for p in tmp_path.glob("out/*/v1/*.patch") if not p.name.startswith("0000-"))
    assert len(found) >= 8
    for path in found:
        assert ours(sections, path.read_text()) == theirs(script, path) != set(), path.name


def test_any_files_together(script: Path, sections: list[Section], real_tree: Path, tmp_path: Path) -> None:
    """One patch over one to three files, of every section and of none."""
    paths = git(real_tree, "ls-tree", "-r", "--name-only", BASE).decode().split()
    rng = random.Random(14)
    some = [[p] for p in rng.sample(paths, 15)] + [rng.sample(paths, 3) for _ in range(10)]
    text = git(real_tree, "show", f"{BASE}:MAINTAINERS").decode()
    for section in re.split(r"\n\n(?=[A-Z])", text):  # a file that each of its patterns could mean
        names = re.findall(r"^[FX]:\s*(\S+)", section, re.M)
        if names:
            some.append([next((p for p in paths if p.startswith(n.rstrip("*/"))), n.replace("*", "x")) for n in names])
    patch = tmp_path / "0001-x.patch"
    for group in some:
        diff = "".join(f"--- a/{p}\n+++ b/{p}\n@@ -1,1 +1,1 @@\n-x\n+y\n" for p in group)
        patch.write_text(diff)
        assert ours(sections, diff) == theirs(script, patch), group
