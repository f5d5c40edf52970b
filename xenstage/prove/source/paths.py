"""compare_parts: do two runs of statements do the same for every outcome of all that they ask?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ...ctext.body import NotUnderstood
from .symbolic import Oracle, Trace

MOST_RUNS = 1000
MOST_EVENTS = 6000  # of all runs together: what a few seconds allow
_STAMP = re.compile(r"@\d+|(?<=\w) \d+(?=[>,])")
Key = tuple[str, ...]
Runner = Callable[[Oracle], Trace]


@dataclass(frozen=True)
class Outcome:
    """What the runs say.

    :param runs: how many outcomes were tried.
    :param difference: the first one in which the two differ, for a person; "" for none.
    :param counterexample: whether it is one: all that is asked and done is known to both,
        and nothing hinders it from coming out so.
    """

    runs: int
    difference: str = ""
    counterexample: bool = False


@dataclass
class _Choices:
    """The outcomes of one run, in the order of asking."""

    given: list[tuple[Key, tuple[Any, ...], int]]
    known: dict[Key, Any] = field(default_factory=dict)
    asked: int = 0

    def __call__(self, key: Key, options: tuple[Any, ...]) -> Any:
        if key in self.known:
            return self.known[key]
        if key[0] == "equal" and self._excluded(key):
            return False
        if self.asked == len(self.given):
            self.given.append((key, options, 0))
        at = self.given[self.asked][2]
        self.asked += 1
        self.known[key] = options[at]
        return options[at]

    def _excluded(self, key: Key) -> bool:
        """A value that is one number is no other."""
        if not key[2][:1].isdigit():
            return False
        return any(k[:2] == key[:2] and k[2][:1].isdigit() and v for k, v in self.known.items() if k[0] == "equal")


def compare_parts(old: Runner, new: Runner) -> Outcome:
    """Run both for every outcome.

    :raises NotUnderstood: too many outcomes, or what either reading does not know.
    """
    found: list[tuple[str, dict[Key, Any], Trace, Trace]] = []
    traces: tuple[list[Trace], list[Trace]] = ([], [])
    runs = events = 0
    for choices in _all_choices():
        runs += 1
        if runs > MOST_RUNS or events > MOST_EVENTS:
            raise NotUnderstood("too many ways through what changed")
        a, b = old(choices), new(choices)
        traces[0].append(a)
        traces[1].append(b)
        events += len(a.events) + len(b.events) + len(a.asked) + len(b.asked)
        if a.events != b.events:
            found.append(("", dict(choices.known), a, b))
    if not found:
        unguarded = _unguarded(traces)
        return Outcome(runs, unguarded)
    words, asked = _vocabulary(traces)
    for _, known, a, b in found if asked[0] == asked[1] else ():
        if _counts(known, a, b, words):
            return Outcome(runs, _told(known, a, b), True)
    return Outcome(runs, _told(*found[0][1:]))


def _all_choices() -> Iterator[_Choices]:
    given: list[tuple[Key, tuple[Any, ...], int]] = []
    while True:
        choices = _Choices(given)
        yield choices
        del given[choices.asked :]
        while given and given[-1][2] + 1 == len(given[-1][1]):
            given.pop()
        if not given:
            return
        key, options, at = given[-1]
        given[-1] = (key, options, at + 1)


def _unguarded(traces: tuple[list[Trace], list[Trace]]) -> str:
    """A pointer or an element that the new text reads where the old one did not, and that something asks about."""
    asked = {_plain(x) for side in traces for t in side for x in t.asked}
    for a, b in zip(*traces, strict=True):
        for place in sorted({_plain(x) for x in b.followed} - {_plain(x) for x in a.followed}):
            parts = [place, *re.findall(r"\[(.*)\]\Z", place), place.partition("[")[0], place.removeprefix("/ ")]
            if any(p and re.search(rf"(?<![\w>.]){re.escape(p)}(?![\w(])", x) for p in parts for x in asked):
                return f"{place} is read where it was not, and a condition asks about it"
    return ""


def _plain(text: str) -> str:
    return _STAMP.sub("", text)


def _vocabulary(traces: tuple[list[Trace], list[Trace]]) -> tuple[list[set[tuple[str, ...]]], list[set[str]]]:
    """What each side does, and what it asks, in all of its runs."""
    events = [{e for t in side for e in t.events} for side in traces]
    asked = [{x for t in side for x in t.asked} for side in traces]
    return [{tuple(map(_plain, e)) for e in s} for s in events], [{_plain(x) for x in s} for s in asked]


def _counts(known: dict[Key, Any], a: Trace, b: Trace, words: list[set[tuple[str, ...]]]) -> bool:
    """Whether an outcome is a counterexample: nothing in it is new to either side, and
    its conditions do not hang together."""
    at = next((i for i, (x, y) in enumerate(zip(a.events, b.events, strict=False)) if x != y), None)
    if at is None:
        return False
    first, second = (tuple(map(_plain, t.events[at])) for t in (a, b))
    if first not in words[1] or second not in words[0]:
        numbers = all(re.fullmatch(r"-?\d\w*", e[-1]) for e in (first, second))
        return first[0] == second[0] == "returns" and numbers
    kinds = {v for k, v in known.items() if k[0] == "kind"}
    operands = [_operands(k) for k in known if k[0] != "kind"]
    shared = any(x & y for i, x in enumerate(operands) for y in operands[i + 1 :])
    return len(kinds) <= 1 and not shared


def _operands(key: Key) -> set[str]:
    """What a condition is about."""
    sides = key[1:] if key[0] == "equal" else key[1].split(" < ")
    return {p.strip("()") for side in sides for p in side.split(" & ") if not p[:1].isdigit()}


def _told(known: dict[Key, Any], a: Trace, b: Trace) -> str:
    """An outcome for a person: who is what, what holds, what was done and what is done now."""
    at = next((i for i, (x, y) in enumerate(zip(a.events, b.events, strict=False)) if x != y), None)
    if at is None:
        at = min(len(a.events), len(b.events))
    given = []
    for key, value in known.items():
        if key[0] == "kind":
            given.append(f"{_plain(key[1])} is {value}")
        elif key[0] == "equal":
            given.append(f"{_plain(key[1])} {'==' if value else '!='} {_plain(key[2])}")
        else:
            given.append(_plain(key[1]) if value else f"not {_plain(key[1])}")
    sides = [_plain(" ".join(t.events[at])) if at < len(t.events) else "nothing" for t in (a, b)]
    where = f"where {', '.join(given[:8])}: " if given else ""
    return f"{where}before: {sides[0][:140]}; after: {sides[1][:140]}"
