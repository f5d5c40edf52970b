"""``xenstage boot --replay CELL``: the cell as it was run, whichever verb ran it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from xenstage.boot.harness import Harness
from xenstage.boot.matrix.store import Store
from xenstage.boot.model import Cell, Outcome, Verdict
from xenstage.cli import boot as verb
from xenstage.cli.main import main
from xenstage.errors import Exit, XenstageError

HASH = "b0" * 20


class Asked(dict[str, object]):
    """What the verb wanted to prepare."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Nothing is built or booted."""
    seen = Asked()

    def prepare(xen: str, guests: list[str], out: Path, args: argparse.Namespace) -> Harness:
        seen.update(vars(args), xen=xen, guests=guests, results=out)
        raise XenstageError(Exit.SKIPPED, "nothing is booted", why="a test", remedy="none")

    monkeypatch.setattr(verb, "prepare", prepare)
    return seen


def kept(command: str) -> Outcome:
    """A result with its line."""
    return Outcome(Cell(HASH, "hvm-probe", "qemu-tcg"), Verdict.PASS, "there", 1.0, "", command)


def test_a_cell_of_the_matrix(tmp_path: Path, asked: Asked) -> None:
    line = f"xenstage boot --xen 02_pvh_flag/2 --base {HASH} --guest hvm-probe --machine qemu-tcg --tree '/a tree'"
    store = Store(tmp_path / "matrix")
    store.keep("key", 1, kept(line), b"log")
    assert main(["boot", "--replay", kept("").cell.name, "--out", str(tmp_path)]) == 8
    assert (asked["xen"], asked["base"], asked["tree"]) == ("02_pvh_flag/2", HASH, "/a tree")
    assert asked["guests"] == ["hvm-probe"] and asked["results"] == tmp_path / "boot"


def test_a_cell_of_boot_and_what_is_typed_beside_it(tmp_path: Path, asked: Asked) -> None:
    name = kept("").cell.name
    line = f"xenstage boot --replay {name} --out /elsewhere --tree /tree --guest-dir /mine --pvh-kernel /kernel"
    verb._keep(tmp_path / "boot", replace(kept(line), log=f"{name}/serial.log"))
    assert main(["boot", "--replay", name, "--out", str(tmp_path), "--no-snapshot", "--tree", "/other"]) == 8
    assert (asked["xen"], asked["tree"], asked["pvh_kernel"], asked["no_snapshot"]) == (HASH, "/other", "/kernel", True)
    assert asked["guest_dir"] == ["/mine"] and asked["results"] == tmp_path / "boot"


def test_a_result_of_boot_comes_before_one_of_the_matrix(tmp_path: Path, asked: Asked) -> None:
    Store(tmp_path / "matrix").keep("key", 1, kept("xenstage boot --xen 02 --tree /of-matrix"), b"log")
    verb._keep(tmp_path / "boot", kept("xenstage boot --tree /of-boot"))
    main(["boot", "--replay", kept("").cell.name, "--out", str(tmp_path)])
    assert asked["tree"] == "/of-boot"


def test_what_is_not_there_is_told_with_what_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Store(tmp_path / "matrix").keep("key", 1, kept(""), b"log")
    assert main(["boot", "--replay", "nothing", "--out", str(tmp_path)]) == 2
    assert f"there are: {kept('').cell.name}" in capsys.readouterr().err
