"""The verb ``matrix`` with a bench that boots nothing: ``python -m tests.boot.entry DIR SECONDS matrix ...``.

Each run starts a program (``sleep``), as a runner starts an emulator, and notes itself in
DIR/ran.  HVM Linux hangs on everything but the base, so that confirming is part of it.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from xenstage.boot.matrix.matrix import Bench
from xenstage.boot.matrix.plan import Choice, Commit
from xenstage.boot.model import Cell, Outcome, Verdict
from xenstage.boot.run import compare
from xenstage.cli import matrix
from xenstage.errors import XenstageError
from xenstage.process import Runner
from xenstage.stage.declare import Stage

from .kit import commits, outcome


def preparing(directory: Path, seconds: str) -> matrix.Prepare:
    """What the verb opens, replaced: commits of no tree, a bench of no emulator."""
    line = commits(4, 2)

    def prepare(_args: argparse.Namespace, _wanted: list[Stage]) -> tuple[tuple[Commit, ...], Bench]:
        def run(cell: Cell, results: Path) -> Outcome:
            Runner().run(["sleep", seconds])
            with (directory / "ran").open("a") as f:
                f.write(cell.name + "\n")
            broken = cell.guest == "hvm-linux" and cell.xen != line[0].xen
            got = outcome(cell, Verdict.HANG if broken else Verdict.PASS)
            (results / got.log).write_text(f"{got.reason}\n")
            return got

        def choose(_xen: str, guest: str) -> Choice:
            return Choice(None, "bochs is not installed") if guest == "pvh-probe" else Choice("qemu-tcg", "the first")

        return line, Bench(choose, lambda d: lambda c: run(c, d), lambda _: "", compare)

    return prepare


def main(argv: Sequence[str]) -> int:
    """As the real command line does it, for one verb."""
    parser = argparse.ArgumentParser()
    matrix.add(parser.add_subparsers(required=True), preparing(Path(argv[0]), argv[1]))
    args = parser.parse_args(argv[2:])
    try:
        return int(args.function(args))
    except XenstageError as e:
        sys.stderr.write(e.render() + "\n")
        return int(e.code)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests are a background job
    sys.exit(main(sys.argv[1:]))
