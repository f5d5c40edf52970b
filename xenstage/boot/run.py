"""The one place at which the matrix meets real machines: what stands here is wired by :func:`bench`.

Everything is imported when it is asked for, so that the matrix can be planned, shown and
tested where no emulator is installed.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path

from ..cache import Cache
from ..process import Runner
from ..tree.source import Tree
from .cells import CellRunner
from .judge import Table
from .matrix import Bench
from .model import Cell, Outcome, Verdict
from .plan import Choice, Chooser

MACHINES = Path(__file__).resolve().parent / "machines"
_KNOWN = ("bochs", "qemu-kvm", "qemu-tcg")
NOT_WIRED = "not wired: this version of xenstage plans and judges the matrix, but boots nothing yet"


def machine_names() -> tuple[str, ...]:
    """The machines that have a file."""
    return tuple(sorted(p.stem for p in MACHINES.glob("*.toml"))) or _KNOWN


def bench(tree: Tree, *, machines: Sequence[str], cache: Cache, runner: Runner) -> Bench:
    """What real cells are run with.

    :param machines: those that may be used, in order of preference; empty for all.
    """

    def make(results: Path) -> CellRunner:
        return cell_runner(tree, results, cache=cache, runner=runner)

    return Bench(chooser(tree, machines), make, fingerprint, compare)


def cell_runner(tree: Tree, results: Path, *, cache: Cache, runner: Runner) -> CellRunner:
    """The function that boots a cell.  It runs in a process of its own, in the main thread.

    :param results: this run's own empty directory; ``Outcome.log`` is relative to it.
    """

    def run(cell: Cell) -> Outcome:
        return Outcome(cell, Verdict.SKIP, NOT_WIRED)

    return run


def chooser(tree: Tree, machines: Sequence[str]) -> Chooser:
    """The function that picks the first machine that can run a cell."""

    def choose(xen: str, guest: str) -> Choice:
        return Choice(None, NOT_WIRED)

    return choose


def fingerprint(cell: Cell) -> str:
    """What an outcome depends on besides the commit: guest image, machine file, toolstack."""
    return ""


def compare(base: Table, here: Table, declared: tuple[str, ...]) -> list[str]:
    """Names whose values differ, but for those that a declared pattern (fnmatch) covers."""
    old, new = dict(base), dict(here)
    out = []
    for name in sorted({*old, *new}):
        a, b = old.get(name, "(absent)"), new.get(name, "(absent)")
        if a != b and not any(fnmatch.fnmatchcase(name, p) for p in declared):
            out.append(f"{name}: {a} -> {b}")
    return out
