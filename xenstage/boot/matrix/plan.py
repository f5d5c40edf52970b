"""Plan: which commits are asked which questions, and on which machine.

The command line and the GitLab pipeline (:mod:`xenstage.boot.report.pipeline`) take their rows
and columns from here, so that they cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ...errors import Exit, XenstageError
from ..model import GUESTS, MENDED, Cell

BASE = "base"
NOWHERE = "none"  # the machine of a cell that no machine can run


@dataclass(frozen=True)
class Commit:
    """One commit of the series, in their order.

    :param name: ``base``; the stage's label for its last patch; ``LABEL/2`` for its second.
    :param xen: the full hash.
    :param subject: the patch's subject.
    :param position: 0 for the base, 1 for the first patch, and so on over all stages.
    :param declared: what the patches up to here declare to change in a probe's table,
        as the compare function takes it.
    :param patch: the patch's own name, ``LABEL/4`` also for a stage's last one.
    """

    name: str
    xen: str
    subject: str
    position: int
    declared: tuple[str, ...] = ()
    patch: str = BASE

    @property
    def tip(self) -> bool:
        """Whether a matrix without ``--every-patch`` has a row for it."""
        return "/" not in self.name


@dataclass(frozen=True)
class Choice:
    """A machine for a cell, or why there is none.

    :param machine: a machine's name; None when no machine can run the cell here.
    :param why: why this one; or what is missing, and what to type.
    """

    machine: str | None
    why: str


Chooser = Callable[[str, str], Choice]
"""(commit or ``debian``, guest) to the first machine that can run it."""


@dataclass(frozen=True)
class Planned:
    """One cell of the matrix.

    :param why: why this machine.
    :param skip: why no machine can run it, "" when one can.
    :param mended_by: the later patch that declares to mend this cell, which fails until then.
    """

    commit: Commit
    cell: Cell
    why: str = ""
    skip: str = ""
    mended_by: str = ""


@dataclass(frozen=True)
class Plan:
    """The questions of one matrix.

    :param line: every commit from the base to the last patch; what is bisected.
    :param ladder: the commits that could be rows: each one's predecessor is its parent
        when it comes to blame.
    :param rows: the commits that were asked for.
    :param guests: the columns.
    :param cells: rows times guests.
    """

    line: tuple[Commit, ...]
    ladder: tuple[Commit, ...]
    rows: tuple[Commit, ...]
    guests: tuple[str, ...]
    cells: tuple[Planned, ...]

    @property
    def base(self) -> Commit:
        """The commit that all are compared with."""
        return self.line[0]

    def title(self, commit: Commit) -> str:
        """What a row is called: the stage, or the patch where patches are rows."""
        return commit.name if all(c.tip for c in self.ladder) else commit.patch

    def before(self, commit: Commit) -> Commit | None:
        """The nearest earlier commit of the ladder that is another one; None for the base."""
        earlier = [c for c in self.ladder if c.position < commit.position]
        return earlier[-1] if earlier else None

    def between(self, good: Commit, bad: Commit) -> tuple[Commit, ...]:
        """The patches after ``good`` up to ``bad``, each once."""
        return tuple(c for c in distinct(self.line) if good.position < c.position <= bad.position)


def distinct(commits: Iterable[Commit]) -> tuple[Commit, ...]:
    """Without the second name of a commit (a stage that found nothing to do)."""
    return tuple({c.position: c for c in reversed(list(commits))}.values())[::-1]


def line_of(base: str, series: Iterable[tuple[str, Sequence[tuple[str, str, tuple[str, ...]]]]]) -> tuple[Commit, ...]:
    """Every commit, named.

    :param base: the base's full hash.
    :param series: for each stage its label and its patches: hash, subject, and what it
        declares to change in a probe's table.
    """
    out = [Commit(BASE, base, "the base commit", 0)]
    for label, patches in series:
        for number, (xen, subject, declared) in enumerate(patches, 1):
            name = label if number == len(patches) else f"{label}/{number}"
            last = out[-1]
            out.append(Commit(name, xen, subject, last.position + 1, (*last.declared, *declared), f"{label}/{number}"))
        if not patches:  # the tree holds the stage already: its row is there, under its name
            out.append(replace(out[-1], name=label))
    return tuple(out)


def row_names(patches: Mapping[str, int], *, every_patch: bool = False) -> tuple[str, ...]:
    """The rows of a matrix of these stages, one for each tip or for each patch.

    :param patches: label of a stage to the number of its patches.
    """
    rows = [(label, range(1, count if every_patch else 1)) for label, count in patches.items()]
    return (BASE, *(name for label, numbers in rows for name in (*(f"{label}/{n}" for n in numbers), label)))


def declared_for(commit: Commit, guest: str) -> tuple[str, ...]:
    """What the patches up to a commit declare of a guest's table: ``GUEST:WHAT``, or what says no guest."""
    split = ((d, *d.partition(":")) for d in commit.declared)
    return tuple(rest if colon else d for d, whose, colon, rest in split if whose == guest or not colon)


def mends(commit: Commit) -> frozenset[str]:
    """The guests that the patches up to a commit declare to mend (``cell:GUEST`` among what they declare)."""
    return frozenset(d.removeprefix(_CELL) for d in commit.declared if d.startswith(_CELL))


_CELL = "cell:"


def choose_guests(names: Sequence[str] | None, line: Sequence[Commit] = ()) -> tuple[str, ...]:
    """The columns, in the order of the model, whatever the order in which they were named.

    A guest that ends the base is asked where it is named, or where a patch declares that it mends it.
    """
    mended = mends(line[-1]) if line else frozenset()
    return tuple(g for g in GUESTS if (g in names if names else g not in MENDED or g in mended))


def make_plan(
    line: Sequence[Commit],
    choose: Chooser,
    *,
    guests: Sequence[str] = GUESTS,
    every_patch: bool = False,
    only: Sequence[str] = (),
) -> Plan:
    """Rows times guests, each with its machine.

    :param only: names of rows; empty for all.
    :raises XenstageError: (USAGE) for a row that is not there.
    """
    ladder = tuple(c for c in line if every_patch or c.tip or c.name in only)
    unknown = sorted(set(only) - {n for c in line for n in (c.name, c.patch)})
    if unknown:
        raise XenstageError(
            Exit.USAGE,
            f"there is no commit named {', '.join(unknown)}",
            why="the rows are " + ", ".join(c.name for c in line),
            remedy=f"xenstage matrix … --point {line[-1].name}",
        )
    rows = tuple(c for c in ladder if not only or {c.name, c.patch} & set(only))
    mending = {g: c.patch for c in reversed(line) for g in mends(c)}
    cells = tuple(
        replace(planned(c, g, choose), mended_by="" if g in mends(c) else mending.get(g, ""))
        for c in rows
        for g in guests
    )
    return Plan(tuple(line), ladder, rows, tuple(guests), cells)


def planned(commit: Commit, guest: str, choose: Chooser) -> Planned:
    """One cell with its machine; a cell that no machine can run says why."""
    choice = choose(commit.xen, guest)
    if choice.machine is None:
        why = choice.why or "no machine can run it, and the reason was not given"
        return Planned(commit, Cell(commit.xen, guest, NOWHERE), skip=why)
    return Planned(commit, Cell(commit.xen, guest, choice.machine), choice.why)
