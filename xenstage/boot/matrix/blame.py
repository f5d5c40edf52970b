"""blame and bisect: which patch a failure belongs to, and when nobody can say.

Pure: verdicts in, a sentence out.  Software emulation fails now and then for reasons of
its own; a person's patch is named only for a failure that came three times where the
parent booted three times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..model import Verdict

NEEDED = 3
LIMIT = 6  # runs of one cell on the way to NEEDED that count, those that could not run included
FAILING = frozenset({Verdict.FAIL, Verdict.PANIC, Verdict.HANG, Verdict.TIMEOUT})
SETTLED = FAILING | {Verdict.PASS}  # about Xen; SKIP and INFRA are about the machine


@dataclass(frozen=True)
class Blame:
    """What a failure comes down to.

    :param blamed: whether the failure is that of ``suspects``.
    :param suspects: names of commits; one when the patch is known.
    :param text: "blamed: ..." or "not blamed: ...", one sentence.
    :param seen: the runs that it rests on; "" when nobody is blamed.
    """

    blamed: bool
    suspects: tuple[str, ...]
    text: str
    seen: str = ""


def more_runs(here: Sequence[Verdict], parent: Sequence[Verdict] | None) -> tuple[int, int]:
    """How many more runs of the failing cell and of its parent the rule needs now.

    :param here: the verdicts so far; ``parent`` those of the parent, None without one.
    :returns: (0, 0) when :func:`blame` knows enough, or more runs cannot help.
    """
    if not _fails(here) or parent is None or _boots(here) or _fails(parent):
        return 0, 0
    if _fails(here) < NEEDED:
        return min(NEEDED - _fails(here), max(LIMIT - len(here), 0)), 0
    return 0, min(max(NEEDED - _boots(parent), 0), max(LIMIT - len(parent), 0))


def blame(
    here: Sequence[Verdict], parent: Sequence[Verdict] | None, suspects: Sequence[str], *, parent_name: str = "parent"
) -> Blame:
    """Judge a failing cell.

    :param here: verdicts of every run of the cell that failed.
    :param parent: verdicts of every run of the same cell at the parent; None for the base.
    :param suspects: names of the patches after the parent, up to this one.
    """
    failed, booted = _fails(here), _boots(here)
    if not failed:
        return Blame(False, (), "not blamed: it did not fail")
    if parent is None:
        return Blame(False, (), "not blamed: the base itself fails, no patch of the series is in it")
    if booted:
        return Blame(False, (), f"not blamed: flaky, {failed} of {failed + booted} runs failed")
    if _fails(parent):
        some = f", in {_fails(parent)} of {_fails(parent) + _boots(parent)} runs" if _boots(parent) else ""
        return Blame(False, (), f"not blamed: {parent_name} fails too{some}")
    if failed < NEEDED:
        return Blame(False, (), f"not blamed: failed {failed} of {NEEDED} times{_idle(here)}")
    if not parent:
        return Blame(False, (), f"not blamed: {parent_name} was not run here")
    if _boots(parent) < NEEDED:
        return Blame(False, (), f"not blamed: {parent_name} booted {_boots(parent)} of {NEEDED} times{_idle(parent)}")
    if not suspects:
        return Blame(False, (), f"not blamed: no patch lies after {parent_name}")
    seen = f"failed {failed} times, {parent_name} booted {_boots(parent)} times"
    if len(suspects) == 1:
        return Blame(True, tuple(suspects), f"blamed: {suspects[0]} ({seen})", seen)
    which = f"one of {len(suspects)} patches, {suspects[0]} to {suspects[-1]}"
    return Blame(True, tuple(suspects), f"blamed: {which} ({seen})", seen)


def _fails(verdicts: Sequence[Verdict]) -> int:
    return sum(v in FAILING for v in verdicts)


def _boots(verdicts: Sequence[Verdict]) -> int:
    return sum(v is Verdict.PASS for v in verdicts)


def _idle(verdicts: Sequence[Verdict]) -> str:
    idle = sum(v not in SETTLED for v in verdicts)
    kinds = ", ".join(sorted({str(v) for v in verdicts if v not in SETTLED}))
    return f", {idle} could not run ({kinds})" if idle else ""


class Answer(StrEnum):
    """What a commit says when bisecting asks it."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"  # SKIP, INFRA: it could not be asked


def answer(verdict: Verdict) -> Answer:
    """A cell's verdict as an answer."""
    if verdict is Verdict.PASS:
        return Answer.GOOD
    return Answer.BAD if verdict in FAILING else Answer.UNKNOWN


@dataclass(frozen=True)
class Found:
    """The end of a bisection, in positions of the list.

    :param good: the last commit known to be good; None when there is none.
    :param bad: the first commit known to be bad; None when there is none.
    :param unknown: commits between the two that could not be asked.
    :param asked: in the order in which they were asked.
    """

    good: int | None
    bad: int | None
    unknown: tuple[int, ...] = ()
    asked: tuple[tuple[int, Answer], ...] = ()

    @property
    def suspects(self) -> tuple[int, ...]:
        """The first bad commit, or those among which it cannot be told apart."""
        return () if self.good is None or self.bad is None else tuple(range(self.good + 1, self.bad + 1))


def bisect(count: int, ask: Callable[[int], Answer]) -> Found:
    """The first bad of ``count`` commits in order, the first of which should be good.

    As git-bisect does, a commit that cannot be asked is stepped around; those that
    remain between the last good and the first bad are named, never guessed about.

    :param ask: asked at most once for each position.
    """
    known: dict[int, Answer] = {}

    def look(at: int) -> Answer:
        if at not in known:
            known[at] = ask(at)
        return known[at]

    def end(good: int | None, bad: int | None) -> Found:
        between = range((good if good is not None else -1) + 1, bad if bad is not None else count)
        unknown = tuple(i for i in between if known.get(i) is Answer.UNKNOWN)
        return Found(good, bad, unknown, tuple(known.items()))

    if count == 0:
        return end(None, None)
    last = look(count - 1)
    if last is Answer.GOOD:
        return end(count - 1, None)
    first = look(0)
    if last is Answer.UNKNOWN or first is not Answer.GOOD:
        return end(0 if first is Answer.GOOD else None, _lowest_bad(known))
    good, bad = 0, count - 1
    while True:
        open_ones = [i for i in range(good + 1, bad) if known.get(i) is not Answer.UNKNOWN]
        if not open_ones:
            return end(good, bad)
        middle = (good + bad) / 2
        at = min(open_ones, key=lambda i: (abs(i - middle), i))
        got = look(at)
        if got is Answer.GOOD:
            good = at
        elif got is Answer.BAD:
            bad = at


def _lowest_bad(known: dict[int, Answer]) -> int | None:
    return min((i for i, a in known.items() if a is Answer.BAD), default=None)
