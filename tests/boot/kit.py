"""What the matrix's tests share: commits, benches that boot nothing, and what they answer."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.kit import alive
from xenstage.boot.matrix.blame import Blame
from xenstage.boot.matrix.cells import CellRunner
from xenstage.boot.matrix.judge import Judged
from xenstage.boot.matrix.matrix import Bench, Matrix, Session, run_matrix
from xenstage.boot.matrix.plan import Choice, Chooser, Commit, line_of, make_plan
from xenstage.boot.matrix.store import Store
from xenstage.boot.model import GUESTS, Cell, Outcome, Verdict
from xenstage.boot.run import compare

TABLE = {"probe.cpuid.1.ecx": "0x80002001", "hcall64.1": "absent", "pit": "answers"}
Answer = Verdict | Outcome | Callable[[Cell, int], Outcome]
Script = Mapping[tuple[str, str], Sequence[Answer]]
"""(row, guest) to the answer of each run; the last one repeats.  Not in it: PASS."""


def need_boots() -> None:
    """Skip where nothing can be booted, or where nobody asked for it: boots take minutes."""
    for name, package in (("qemu-system-x86_64", "qemu-system-x86"), ("apt-get", "apt"), ("dpkg-deb", "dpkg")):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed (type: apt-get install {package})")
    if not os.environ.get("XENSTAGE_BOOT"):
        pytest.skip("boots take minutes (type: XENSTAGE_BOOT=1 make test)")


def ended(mark: str) -> list[str]:
    """What is still there after a while."""
    end = time.monotonic() + 10
    while (left := alive(mark)) and time.monotonic() < end:
        time.sleep(0.05)
    return left


ONE, TWO = "01_merge_hcall_tables", "02_pvh_flag"


def commits(*sizes: int, declared: tuple[str, ...] = ()) -> tuple[Commit, ...]:
    """A base and stages of so many patches."""
    labels = [ONE, TWO, "03_feature_flags"]
    series = []
    for number, (label, size) in enumerate(zip(labels, sizes, strict=False)):
        rows = [(f"{number + 1:x}{n:x}" * 20, f"x86/hvm: change {n} of {label}", declared) for n in range(1, size + 1)]
        series.append((label, rows))
    return line_of("b0" * 20, series)


def outcome(cell: Cell, verdict: Verdict, table: Mapping[str, str] | None = None, reason: str = "") -> Outcome:
    """An outcome as a runner gives it; its log is written by :class:`Lab`."""
    probe = cell.guest.endswith("-probe") and verdict is Verdict.PASS
    rows = tuple(sorted((TABLE if table is None and probe else table or {}).items()))
    said = reason or ("xenstage-guest marker" if verdict is Verdict.PASS else f"seen: {verdict}")
    return Outcome(cell, verdict, said, 12.5, f"{cell.name}.log", f"xenstage boot --replay {cell.name}", rows)


@dataclass(frozen=True)
class Lab:
    """A directory with a store, and a bench that follows a script.

    Every run leaves a line in ``ran``; runs happen in processes of their own, so that a
    file is what they have in common.
    """

    root: Path
    line: tuple[Commit, ...]
    script: Script

    @property
    def store(self) -> Store:
        """Where outcomes are kept."""
        return Store(self.root / "matrix")

    def ran(self) -> list[str]:
        """The runs that were made, ``ROW GUEST``, in order."""
        path = self.root / "ran"
        return path.read_text().splitlines() if path.exists() else []

    def make(self, results: Path) -> CellRunner:
        """The runner for a run's directory."""
        return lambda cell: self.run(cell, results)

    def run(self, cell: Cell, results: Path) -> Outcome:
        """Follow the script."""
        row = next(c.name for c in self.line if c.xen == cell.xen)
        what = f"{row} {cell.guest}"
        number = self.ran().count(what)
        with (self.root / "ran").open("a") as f:
            f.write(what + "\n")
        answers = self.script.get((row, cell.guest), [Verdict.PASS])
        said = answers[min(number, len(answers) - 1)]
        if callable(said):
            said = said(cell, number)
        got = said if isinstance(said, Outcome) else outcome(cell, said)
        if got.log:
            (results / got.log).write_text(f"(XEN) log of {what}\n{got.reason}\n")
        return got

    def bench(self, choose: Chooser | None = None, fingerprint: str = "") -> Bench:
        """The bench of this script."""
        return Bench(choose or tcg, self.make, lambda _: fingerprint, compare)

    def ask(
        self,
        *,
        repeat: int = 1,
        jobs: int = 1,
        guests: Sequence[str] = GUESTS,
        every: bool = False,
        only: Sequence[str] = (),
        choose: Chooser | None = None,
        fingerprint: str = "",
        stored: bool = False,
        store: Store | None = None,
    ) -> Matrix:
        """Run the matrix."""
        plan = make_plan(self.line, choose or tcg, guests=guests, every_patch=every, only=only)
        bench = self.bench(choose, fingerprint)
        session = Session(plan, bench, store or self.store, jobs=jobs, run_nothing=stored)
        return run_matrix(plan, session, repeat=repeat)


def tcg(_xen: str, _guest: str) -> Choice:
    """Everything runs on one machine."""
    return Choice("qemu-tcg", "the first that can")


def cell_of(matrix: Matrix, row: str, guest: str) -> Judged:
    """A cell of a matrix."""
    (found,) = [j for j in matrix.cells if j.commit.name == row and j.planned.cell.guest == guest]
    return found


def blamed(matrix: Matrix, row: str, guest: str) -> Blame:
    """The blame of a cell that failed."""
    found = cell_of(matrix, row, guest).blame
    assert found is not None
    return found


MakeLab = Callable[..., Lab]
