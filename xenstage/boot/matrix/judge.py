"""judge: what the runs of a cell come to, with a probe's table held against the base's.

Pure.  The runner's word is about one boot; the matrix's is about the cell: a probe that
printed its marker has still failed when it measured what no patch declared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..model import Outcome, Verdict
from .blame import FAILING, Blame
from .plan import Commit, Planned, declared_for

Table = tuple[tuple[str, str], ...]
Compare = Callable[[Table, Table, tuple[str, ...]], Sequence[str]]
"""(base's table, a commit's table, declared) to the undeclared differences, a line each."""

_SHOWN = 8  # differences in a reason; all of them are in matrix.json


@dataclass(frozen=True)
class Run:
    """One run of a cell.

    :param number: 1 for the first.
    :param outcome: as judged; the store has what the runner said.
    :param differences: the undeclared differences of a probe's table.
    """

    number: int
    outcome: Outcome
    differences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """A cell of the matrix with its answer.

    :param shown: the run that decided, as it is shown; it says how many agree with it.
    :param runs: every run.
    :param blame: None for a cell that did not fail.
    :param expected: it fails as declared: a later patch mends it.
    """

    planned: Planned
    shown: Outcome
    runs: tuple[Run, ...] = ()
    differences: tuple[str, ...] = ()
    blame: Blame | None = None
    expected: bool = False

    @property
    def commit(self) -> Commit:
        """The row."""
        return self.planned.commit

    @property
    def verdict(self) -> Verdict:
        """The cell's verdict."""
        return self.shown.verdict


def is_probe(guest: str) -> bool:
    """Whether a guest measures instead of only booting."""
    return guest.endswith("-probe")


def judge_runs(
    planned: Planned, outcomes: Mapping[int, Outcome], reference: Table | None, compare: Compare
) -> tuple[Run, ...]:
    """Every run of a cell, judged.

    :param reference: the base's table; None where the base has none.
    """
    return tuple(_judge_run(planned, n, o, reference, compare) for n, o in sorted(outcomes.items()))


def _judge_run(planned: Planned, number: int, outcome: Outcome, reference: Table | None, compare: Compare) -> Run:
    if outcome.verdict is not Verdict.PASS or not is_probe(outcome.cell.guest):
        return Run(number, outcome)
    if not outcome.table:
        return Run(number, replace(outcome, verdict=Verdict.FAIL, reason="the probe ended, but measured nothing"))
    if reference is None:
        why = f"it ran ({outcome.reason}), but the base has no table to compare with: see the base's cell"
        return Run(number, replace(outcome, verdict=Verdict.SKIP, reason=why))
    declared = declared_for(planned.commit, outcome.cell.guest)
    found = tuple(compare(reference, outcome.table, declared))
    if not found:
        return Run(number, outcome)
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    against = "the base" if planned.commit.position else "the base's first run"
    reason = f"{len(found)} undeclared differences from {against}: {'; '.join(found[:_SHOWN])}{more}"
    return Run(number, replace(outcome, verdict=Verdict.FAIL, reason=reason), found)


def decide(planned: Planned, runs: Sequence[Run]) -> Judged:
    """The cell's answer: the worst of its runs, and never PASS unless all of them passed.

    A cell that a later patch declares to mend must fail; one that passes is a FAIL of the declaration.
    """
    judged = _decide(planned, runs)
    if not planned.mended_by or judged.verdict not in FAILING | {Verdict.PASS}:
        return judged
    if judged.verdict in FAILING:
        reason = f"as declared, {planned.mended_by} mends it: {judged.shown.reason}"
        return replace(judged, shown=replace(judged.shown, reason=reason), expected=True)
    reason = f"{planned.mended_by} declares to mend it, but it does not fail here: {judged.shown.reason}"
    return replace(judged, shown=replace(judged.shown, verdict=Verdict.FAIL, reason=reason))


def _decide(planned: Planned, runs: Sequence[Run]) -> Judged:
    if planned.skip:
        return Judged(planned, Outcome(planned.cell, Verdict.SKIP, planned.skip))
    if not runs:
        return Judged(planned, Outcome(planned.cell, Verdict.SKIP, "not run"))
    for kind in (FAILING, {Verdict.INFRA}, {Verdict.SKIP}):
        bad = [r for r in runs if r.outcome.verdict in kind]
        if bad:
            first = bad[0]
            reason = first.outcome.reason
            if len(runs) > 1:
                word = "failed" if kind is FAILING else "did not run"
                reason = f"{len(bad)} of {len(runs)} runs {word}; the first: {reason}"
            return Judged(planned, replace(first.outcome, reason=reason), tuple(runs), first.differences)
    first = runs[0]
    reason = f"{len(runs)} of {len(runs)} runs; {first.outcome.reason}" if len(runs) > 1 else first.outcome.reason
    return Judged(planned, replace(first.outcome, reason=reason), tuple(runs))


def reference_of(outcomes: Mapping[int, Outcome]) -> Table | None:
    """The base's table: that of its first run that has one."""
    tables = [o.table for _, o in sorted(outcomes.items()) if o.verdict is Verdict.PASS and o.table]
    return tables[0] if tables else None
