"""run_matrix: base and stages times guests, kept as it comes, resumed, confirmed, judged.

Nothing here knows an emulator: a :class:`Bench` is passed in, by tests one of their own.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ...cache import digest
from ...errors import Exit, XenstageError
from ...progress import say
from ..model import Cell, Outcome, Verdict
from .blame import SETTLED, Answer, Blame, Found, answer, bisect, blame, more_runs
from .cells import MakeRunner, Task, run_cells
from .judge import Compare, Judged, Run, decide, is_probe, judge_runs, reference_of
from .plan import Chooser, Commit, Plan, Planned, planned
from .store import Store

_KEY = "2"  # of the way in which outcomes are keyed


@dataclass(frozen=True)
class Bench:
    """What a matrix is run with.

    :param choose: the machine for a cell.
    :param make: the runner for a directory; made and called in a process of its own.
    :param fingerprint: names what the cell's outcome depends on besides the commit: guest
        image, machine file, toolstack, timeouts.  Another one means: run again.
    :param compare: a probe's tables.
    :param content: names what of a commit an outcome depends on: the hash of its tree. A message
        that is worded anew makes another commit and boots nothing again.
    """

    choose: Chooser
    make: MakeRunner
    fingerprint: Callable[[Cell], str]
    compare: Compare
    content: Callable[[str], str] = lambda commit: commit


@dataclass(frozen=True)
class Bisected:
    """What bisecting one guest came to.

    :param line: the commits, in order; ``found`` has positions in it.
    :param text: one sentence.
    """

    guest: str
    line: tuple[Commit, ...]
    found: Found
    text: str
    blame: Blame | None = None


@dataclass(frozen=True)
class Matrix:
    """The answers.

    :param cells: in the plan's order.
    """

    plan: Plan
    cells: tuple[Judged, ...]
    bisected: Bisected | None = None


Told = Callable[[Task, Outcome, int, int], None]
"""A run that ended: what it was, the runner's word, how many are done of how many."""


def silent(_task: Task, _outcome: Outcome, _done: int, _total: int) -> None:
    """Nobody is told."""


class Session:
    """Runs of cells, from the store or made now.

    :param run_nothing: only what is stored is shown.
    """

    def __init__(
        self, plan: Plan, bench: Bench, store: Store, *, jobs: int = 1, told: Told = silent, run_nothing: bool = False
    ) -> None:
        self._plan, self._bench, self._store = plan, bench, store
        self._jobs, self._told, self._run_nothing = jobs, told, run_nothing
        self._known: dict[Cell, dict[int, Outcome]] = {}
        self._planned: dict[tuple[int, str], Planned] = {(p.commit.position, p.cell.guest): p for p in plan.cells}

    def cell(self, commit: Commit, guest: str) -> Planned:
        """The cell of any commit of the line."""
        at = (commit.position, guest)
        if at not in self._planned:
            self._planned[at] = planned(commit, guest, self._bench.choose)
        return replace(self._planned[at], commit=commit)

    def outcomes(self, p: Planned) -> dict[int, Outcome]:
        """What is known of a cell.

        SKIP and INFRA are about this machine as it was: they are asked again, once for
        each command that is typed.
        """
        if p.skip:
            return {}
        if p.cell not in self._known:
            stored, damaged = self._store.load(self._kept_as(p.cell), self._key(p.cell))
            for line in damaged:
                say(f"not used, the cell is run again: {line}")
            mine = {n: replace(o, cell=p.cell) for n, o in stored.items()}
            self._known[p.cell] = {n: o for n, o in mine.items() if self._run_nothing or o.verdict in SETTLED}
        return self._known[p.cell]

    def _key(self, cell: Cell) -> str:
        content = self._bench.content(cell.xen)
        return digest("cell", _KEY, content, cell.guest, cell.machine, self._bench.fingerprint(cell))

    def _kept_as(self, cell: Cell) -> str:
        """The name that a cell's files have: of the tree that boots, not of the commit."""
        return replace(cell, xen=self._bench.content(cell.xen)).name

    def ensure(self, wanted: Iterable[tuple[Planned, int]]) -> None:
        """Run cells until each has been run so many times.

        :raises XenstageError: (OUTPUT) an outcome cannot be kept; the others are.
        """
        counts: dict[Cell, int] = {}
        for p, count in wanted:
            if not p.skip and not self._run_nothing:
                counts[p.cell] = max(count, counts.get(p.cell, 0))
                self.outcomes(p)
        tasks = []
        for cell, count in counts.items():
            known = self._known[cell]
            numbers = [n for n in range(1, count + len(known) + 1) if n not in known]
            tasks += [Task(cell, n) for n in numbers[: max(count - len(known), 0)]]
        done = 0

        def keep(task: Task, outcome: Outcome, log: bytes) -> None:
            nonlocal done
            self._known[task.cell][task.number] = self._store.keep(
                self._key(task.cell), task.number, outcome, log, name=self._kept_as(task.cell)
            )
            done += 1
            self._told(task, outcome, done, len(tasks))

        if tasks:
            self._clear()
            run_cells(tasks, self._bench.make, self._store.work, self._jobs, keep)

    def _clear(self) -> None:
        """The runners' directory, empty: what a killed run left there is nobody's."""
        shutil.rmtree(self._store.work, ignore_errors=True)
        try:
            self._store.work.mkdir(parents=True)
        except OSError as e:
            full = e.errno == errno.ENOSPC
            raise XenstageError(
                Exit.OUTPUT,
                f"{self._store.work} cannot be made",
                why=str(e),
                remedy="make room there" if full else "make it writable, or name another place: --out DIR",
            ) from e

    def runs(self, p: Planned) -> tuple[Run, ...]:
        """The cell's runs, judged; a probe's need the base's, which is asked for what is known."""
        reference = reference_of(self.outcomes(self.cell(self._plan.base, p.cell.guest)))
        return judge_runs(p, self.outcomes(p), reference, self._bench.compare)

    def verdicts(self, p: Planned) -> list[Verdict]:
        """The verdict of each run of a cell."""
        return [Verdict.SKIP] if p.skip else [r.outcome.verdict for r in self.runs(p)]

    def confirm(self, pairs: Sequence[tuple[Planned, Planned | None]]) -> None:
        """Run failing cells and their parents until the rule of blame can speak."""
        while True:
            wanted: list[tuple[Planned, int]] = []
            for p, parent in pairs:
                if parent is None:
                    continue
                here, there = more_runs(self.verdicts(p), self.verdicts(parent))
                wanted += [(p, len(self.outcomes(p)) + here)] if here else []
                wanted += [(parent, len(self.outcomes(parent)) + there)] if there and not parent.skip else []
            if not wanted or self._run_nothing:
                return
            # A parent's probe is compared with the base's first run, which must be there.
            self.ensure([*self._references(w for w, _ in wanted), *wanted])

    def _references(self, cells: Iterable[Planned]) -> list[tuple[Planned, int]]:
        return [(self.cell(self._plan.base, p.cell.guest), 1) for p in cells if is_probe(p.cell.guest)]

    def first(self, cells: Sequence[Planned], repeat: int) -> None:
        """Every cell so many times, after the base's probes that they are compared with."""
        order = [p for p in cells if p.commit.position == 0]
        order += [p for p in cells if p.commit.position]
        self.ensure([*self._references(cells), *((p, repeat) for p in order)])


def run_matrix(plan: Plan, session: Session, *, repeat: int = 1) -> Matrix:
    """Ask every cell of a plan, confirm what failed, and judge.

    :param repeat: how many times each cell is run.
    :raises XenstageError: (OUTPUT) an outcome cannot be kept.
    """
    session.first(plan.cells, repeat)
    parents = {p: plan.before(p.commit) for p in plan.cells}
    pairs = [(p, session.cell(c, p.cell.guest) if c else None) for p, c in parents.items()]
    session.confirm(pairs)
    return Matrix(plan, tuple(_judged(plan, session, p, parent) for p, parent in pairs))


def _judged(plan: Plan, session: Session, p: Planned, parent: Planned | None) -> Judged:
    judged = decide(p, session.runs(p))
    here = session.verdicts(p)
    if answer(judged.verdict) is not Answer.BAD or judged.expected:
        return judged
    if parent is None:
        return replace(judged, blame=blame(here, None, ()))
    names = [c.patch for c in plan.between(parent.commit, p.commit)]
    said = blame(here, session.verdicts(parent), names, parent_name=parent.commit.patch)
    if len(said.suspects) > 1:
        number = p.commit.name[:2]
        said = replace(said, text=f"{said.text}; which one: xenstage matrix {number} --bisect {p.cell.guest}")
    return replace(judged, blame=said)


def run_bisect(line: Sequence[Commit], guest: str, session: Session, told: Callable[[str], None]) -> Bisected:
    """Find the first bad patch for a guest, and hold it to the rule of blame.

    :param line: the commits in order, the base first, each once.
    :param told: each answer, as it comes.
    """

    def ask(at: int) -> Answer:
        p = session.cell(line[at], guest)
        session.first([p], 1)
        got = decide(p, session.runs(p))
        word = answer(got.verdict)
        told(f"bisect: {line[at].patch} is {word}: {got.verdict}, {got.shown.reason}")
        return word

    found = bisect(len(line), ask)
    said: Blame | None = None
    if found.suspects and found.good is not None and found.bad is not None:
        bad, good = session.cell(line[found.bad], guest), session.cell(line[found.good], guest)
        session.confirm([(bad, good)])
        names = [line[i].patch for i in found.suspects]
        said = blame(session.verdicts(bad), session.verdicts(good), names, parent_name=line[found.good].patch)
    return Bisected(guest, tuple(line), found, _sentence(line, guest, found, said), said)


def _sentence(line: Sequence[Commit], guest: str, found: Found, said: Blame | None) -> str:
    if found.bad is None and found.good == len(line) - 1:
        return f"{guest}: nothing to find, {line[-1].patch} passes"
    if found.good is None and found.bad == 0:
        return f"{guest}: not blamed: the base itself fails"
    if said is None:
        unknown = [n for n, (i, a) in zip((line[i].patch for i, _ in found.asked), found.asked, strict=True)
                   if a is Answer.UNKNOWN]  # fmt: skip
        return f"{guest}: cannot be bisected: {', '.join(unknown)} could not be asked"
    if not said.blamed:
        return f"{guest}: {said.text}"
    last = line[found.suspects[-1]]
    if len(found.suspects) == 1:
        return f"{guest}: the first bad patch is {last.patch}, {last.xen[:12]} {last.subject!r} ({said.seen})"
    unknown = [line[i].patch for i in found.unknown]
    return (
        f"{guest}: the first bad patch is one of {', '.join(said.suspects)}: "
        f"{', '.join(unknown)} could not be asked ({said.seen})"
    )
