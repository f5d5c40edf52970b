"""xenstage matrix: base and stages times guests, booted, compared and told in one table."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..boot import run as real
from ..boot.assemble import KERNEL_VARIABLE
from ..boot.matrix.blame import FAILING
from ..boot.matrix.cells import Task
from ..boot.matrix.matrix import Bench, Matrix, Session, run_bisect, run_matrix
from ..boot.matrix.plan import Commit, choose_guests, distinct, line_of, make_plan
from ..boot.matrix.store import Store
from ..boot.model import GUESTS, Outcome
from ..boot.report.page import page
from ..boot.report.pipeline import pipeline
from ..boot.report.report import again, json_bytes, plain, table, worst
from ..cache import write_atomically
from ..errors import Exit, XenstageError
from ..progress import Progress, say
from ..report.junit import Case, junit
from ..stage.declare import Stage, pick
from .common import add_tree_options, exit_code, open_all, stages
from .run import make
from .typed import typed

Prepare = Callable[[argparse.Namespace, list[Stage]], tuple[tuple[Commit, ...], Bench]]
"""The options and the wanted stages to every commit and what runs them; a test passes its own."""


def real_prepare(args: argparse.Namespace, wanted: list[Stage]) -> tuple[tuple[Commit, ...], Bench]:
    """The series as commits of the tool's own repository, and the machines of this computer."""
    opened = open_all(args)
    series = make(opened, stages(), wanted)
    rows = [(s.stage.label, [(m.commit, m.patch.subject, m.patch.probes) for m in s.made]) for s in series]
    machines = tuple(args.machine or ())
    line = line_of(opened.tree.base, rows)
    bench = real.bench(
        opened.tree,
        machines=machines,
        cache=opened.cache,
        runner=opened.runner,
        pvh_kernel=args.pvh_kernel,
        names={c.xen: c.patch for c in line if c.position},
    )
    return line, bench


def add(verbs: Any, prepare: Prepare = real_prepare) -> None:
    """Register the verb."""
    p = verbs.add_parser("matrix", help="boot the base and every stage with every guest, and compare")
    add_tree_options(p)
    p.add_argument("stages", nargs="*", metavar="STAGE", help="01, 02, … (default: every written one)")
    p.add_argument("--out", metavar="DIR", default="out", help="results go to DIR/matrix (default: out)")
    p.add_argument("--every-patch", action="store_true", help="a row for every patch, not only for each stage's last")
    p.add_argument("--point", metavar="ROW", action="append", help="only this row: base, 01_name, 01_name/2")
    p.add_argument("--guest", metavar="NAME", action="append", choices=GUESTS, help="only this guest, may be repeated")
    names = real.machine_names()
    p.add_argument("--machine", metavar="NAME", action="append", choices=names, help=f"only on: {', '.join(names)}")
    p.add_argument(
        "--pvh-kernel",
        metavar="FILE",
        default=os.environ.get(KERNEL_VARIABLE, ""),
        help=f"the Linux kernel of pvh-linux (default: ${KERNEL_VARIABLE})",
    )
    p.add_argument("--repeat", metavar="N", type=_count, default=1, help="run every cell so many times")
    p.add_argument("--bisect", metavar="GUEST", choices=GUESTS, help="find the first bad patch for a guest")
    p.add_argument("--jobs", metavar="N", type=_count, default=_processors(), help="cells at a time (default: CPUs)")
    p.add_argument("--stored", action="store_true", help="run nothing: judge and show what is stored")
    p.add_argument("--html", metavar="FILE", help="where the page goes (default: DIR/matrix/matrix.html)")
    p.add_argument("--json", action="store_true", help="print the matrix as data, as DIR/matrix/matrix.json has it")
    p.add_argument("--junit", metavar="FILE", help="write the verdicts as a JUnit report, too")
    p.add_argument("--gitlab", metavar="FILE", help="write the GitLab pipeline of these cells, and do no more")
    p.set_defaults(function=lambda args: main(args, prepare))


def main(args: argparse.Namespace, prepare: Prepare = real_prepare) -> int:
    """Run what is not stored, write JSON and page, print the table (docs/matrix.md)."""
    known = stages()
    wanted = pick(known, args.stages or [s.label for s in known.values() if s.whole or s.defect])
    if args.gitlab:
        write_pipeline(Path(args.gitlab), wanted, every_patch=args.every_patch)
        return int(Exit.OK)
    store = Store(Path(args.out) / "matrix")
    with store.lock():
        line, bench = prepare(args, wanted)
        matrix = ask(args, line, wanted, bench, store)
        where = write(matrix, store, Path(args.html) if args.html else None)
    if args.junit:
        write_atomically(Path(args.junit), junit(_cases(matrix)))
    if args.json:
        sys.stdout.write(json_bytes(matrix).decode())
    else:
        sys.stdout.write(typed(table(matrix, str(store.root), shutil.get_terminal_size((160, 0)).columns), args))
        print(f"page: {where}")
    return int(exit_code(worst(j.verdict for j in matrix.cells if not j.expected)))


def _cases(matrix: Matrix) -> Iterator[Case]:
    """Each cell."""
    for j in matrix.cells:
        more = "\n".join([*j.differences, j.blame.text if j.blame else "", again(j)])
        yield Case(matrix.plan.title(j.commit), j.planned.cell.guest, str(j.verdict), j.shown.reason, more,
                   j.shown.seconds, j.expected)  # fmt: skip


def ask(
    args: argparse.Namespace, line: Sequence[Commit], wanted: Sequence[Stage], bench: Bench, store: Store
) -> Matrix:
    """The matrix, or the bisection of one guest with the cells that it asked as the matrix."""
    # Earlier stages lie below those that were named; their tips are rows when they were named too.
    labels = {s.label for s in wanted} | {"base"}
    told = _tell(sys.stderr.isatty(), line)
    points = tuple(args.point or ())
    guests = (args.bisect,) if args.bisect else choose_guests(args.guest, line)
    every = args.every_patch or bool(args.bisect)
    plan = make_plan(line, bench.choose, guests=guests, every_patch=every, only=points)
    if not points and not args.bisect:
        rows = tuple(c for c in plan.rows if c.name.partition("/")[0] in labels)
        plan = replace(plan, rows=rows, cells=tuple(p for p in plan.cells if p.commit in rows))
    session = Session(plan, bench, store, jobs=args.jobs, told=told, run_nothing=args.stored)
    if not args.bisect:
        return run_matrix(plan, session, repeat=args.repeat)
    found = run_bisect(distinct(line), args.bisect, session, lambda x: say(plain(x)))
    asked = {found.line[i].position for i, _ in found.found.asked}
    rows = tuple(c for c in distinct(plan.rows) if c.position in asked)
    cells = tuple(session.cell(c, args.bisect) for c in rows)
    return replace(run_matrix(replace(plan, rows=rows, cells=cells), session), bisected=found)


def _tell(tty: bool, line: Sequence[Commit]) -> Callable[[Task, Outcome, int, int], None]:
    """A bar on a terminal, a line for every run elsewhere."""
    bars: list[Progress] = []
    names = {c.xen: c.patch for c in line}

    def told(task: Task, outcome: Outcome, done: int, total: int) -> None:
        cell = task.cell
        note = f"{outcome.verdict} {names[cell.xen]} {cell.guest}"
        if not tty:
            say(f"boot {done}/{total} {note} on {cell.machine}, run {task.number}, {outcome.seconds:.0f} s")
            return
        if done == 1:
            bars.append(Progress("boot", total))
        bars[-1].step(note)
        if outcome.verdict in FAILING or done == total:
            bars[-1].close()
        if outcome.verdict in FAILING:
            say(f"{note}: {plain(outcome.reason)}")

    return told


def write(matrix: Matrix, store: Store, where: Path | None) -> Path:
    """``matrix.json`` and the page; returns the page's path.

    :raises XenstageError: (OUTPUT) they cannot be written.
    """
    target = where or store.root / "matrix.html"
    up = os.path.relpath(store.root, target.parent)

    def link(log: str) -> str:
        return quote(os.path.normpath(f"{up}/{log}"))

    try:
        write_atomically(store.root / "matrix.json", json_bytes(matrix))
        write_atomically(target, page(matrix, link=link, tail=store.tail))
    except OSError as e:
        raise XenstageError(
            Exit.OUTPUT,
            f"the report cannot be written: {e.filename or target}",
            why=e.strerror or str(e),
            remedy="make room there or name another place (--out DIR, --html FILE); the outcomes are kept",
        ) from e
    return target


def write_pipeline(target: Path, wanted: Sequence[Stage], *, every_patch: bool = False) -> None:
    """The GitLab pipeline of the stages' cells."""
    counts = {s.label: len(s.patches) for s in wanted}
    try:
        write_atomically(target, pipeline(counts, every_patch=every_patch).encode())
    except OSError as e:
        raise XenstageError(
            Exit.OUTPUT, f"{target} cannot be written", why=str(e), remedy="name another file: --gitlab FILE"
        ) from e
    print(f"pipeline: {target}")


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,3}", text):
        raise argparse.ArgumentTypeError(f"a number from 1 to 9999 is wanted, not {text!r}")
    return int(text)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
