"""compare: do two specialised functions do the same, and if not, where do they part?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ...ctext.body import NotUnderstood
from ...ctext.expr import Expr, parts, show
from ..model.special import Left
from ..model.tidy import OF_NULL
from ..model.traps import needs, touchy, unmet

MOST_ROWS = 4096
Key = tuple[str, int]  # an atom's text, and how many things that can be noticed were done before it
Valid = frozenset[str]


@dataclass
class _Run:
    """One way through a condition.

    :param row: values of the atoms.
    :param touched: what can be noticed of it, in order.
    :param wanted: what must be valid for it.
    """

    row: dict[Key, bool]
    touched: list[str] = field(default_factory=list)
    wanted: set[str] = field(default_factory=set)


class _Open(Exception):
    def __init__(self, key: Key) -> None:
        super().__init__()
        self.key = key


def equivalent(a: Expr, b: Expr, valid: Valid = frozenset()) -> str:
    """Why two conditions are not the same; "" when they are.

    Every atom that is not known is free, and both sides are run for each way in which
    they can come out: the results must be the same, what can be noticed (calls,
    assignments, volatile reads) must happen alike, and the second may follow no pointer
    and look up no element that the first did not, for a guard would then be missing.  An
    atom's value may be another one after something that can be noticed.

    :param valid: pointers that are known to be valid.
    :raises NotUnderstood: for more than 4096 ways, or a new read whose guard is not known.
    """
    if show(a) == show(b):
        return ""
    doubt = ""
    for row, old, new in _ways(a, b):
        if any(w.startswith(OF_NULL) for w in old[1].wanted):
            continue  # whatever the second does, C gives the first no meaning
        given = ", ".join(f"{_again(k)} is {_word(v)}" for k, v in row.items()) or "always"
        if old[0] != new[0]:
            return f"{show(a)} is {_word(old[0])}, {show(b)} is {_word(new[0])} where {given}"
        if old[1].touched != new[1].touched:
            what = next(x for x in (*old[1].touched, *new[1].touched) if _differ(x, old[1], new[1]))
            return f"{what} is evaluated in another order or not in each case: where {given}"
        for need in unmet(new[1].wanted - old[1].wanted, valid):
            said = f"{need} is needed where {given}, which it was not before"
            if _guarded(need, row):
                return said
            doubt = doubt or said
    if doubt:
        raise NotUnderstood(doubt)
    return ""


def _ways(a: Expr, b: Expr) -> Iterator[tuple[dict[Key, bool], tuple[bool, _Run], tuple[bool, _Run]]]:
    """Every way in which the atoms can come out, as far as a side asks for them."""
    pending: list[dict[Key, bool]] = [{}]
    count = 0
    while pending:
        row = pending.pop()
        runs = _Run(row), _Run(row)
        try:
            values = _value(a, runs[0]), _value(b, runs[1])
        except _Open as e:
            pending += [{**row, e.key: True}, {**row, e.key: False}]
            continue
        count += 1
        if count > MOST_ROWS:
            raise NotUnderstood("a condition of too many parts")
        yield row, (values[0], runs[0]), (values[1], runs[1])


def _again(key: Key) -> str:
    return key[0] if not key[1] else f"{key[0]} (after {key[1]} calls)"


def _differ(what: str, old: _Run, new: _Run) -> bool:
    return old.touched.count(what) != new.touched.count(what) or old.touched.index(what) != new.touched.index(what)


def _guarded(need: str, row: dict[Key, bool]) -> bool:
    """Whether an atom of the condition asks whether a need is met: the pointer, or its index."""
    index = need[need.rindex("[") + 1 : -1] if need.endswith("]") else need.removeprefix("/ ").removeprefix("% ")
    return any(need == text or (index in text and index != text) or index == text for text, _ in row)


def _word(value: bool) -> str:
    return "true" if value else "false"


_SWAPPED = {">": "<", "<=": ">="}


def _value(e: Expr, run: _Run) -> bool:
    kind = e[0]
    if kind == "num":
        return bool(e[1])
    if kind == "bin" and e[1] in ("&&", "||"):
        a = _value(e[2], run)
        return (a and _value(e[3], run)) if e[1] == "&&" else (a or _value(e[3], run))
    if kind == "un" and e[1] == "!":
        return not _value(e[2], run)
    if kind == "tern":
        return _value(e[2], run) if _value(e[1], run) else _value(e[3], run)
    if kind == "list":
        return bool([_value(x, run) for x in e[1]][-1])
    if kind == "bin" and e[1] in ("==", "!=") and e[3] in (("num", 0), ("id", "NULL")):
        return bool(_value(e[2], run) == (e[1] == "!="))
    if kind == "bin" and e[1] in _SWAPPED and not touchy(e):
        e = ("bin", _SWAPPED[e[1]], e[3], e[2])
    if kind == "bin" and e[1] in ("!=", ">="):
        return not _atom(("bin", "==" if e[1] == "!=" else "<", e[2], e[3]), run)
    return _atom(e, run)


def _atom(e: Expr, run: _Run) -> bool:
    if e[0] == "bin" and e[1] == "==" and not touchy(e) and show(e[2]) > show(e[3]):
        e = ("bin", "==", e[3], e[2])
    text = show(e)
    key = text, len(run.touched)
    run.wanted |= needs(e)
    if touchy(e):
        run.touched.append(text)
    if key not in run.row:
        raise _Open(key)
    return run.row[key]


def differences(old: Sequence[Left], new: Sequence[Left], valid: Valid = frozenset()) -> str:
    """The first place at which two specialised functions part; "" where they do not.

    :param valid: pointers that are known to be valid; those that the first function has
        followed on its way are as well.
    :raises NotUnderstood: as :func:`equivalent` does.
    """
    first, second = _apart(old), _apart(new)
    for i in range(max(len(first), len(second))):
        reads = first[i][0] if i < len(first) else [], second[i][0] if i < len(second) else []
        valid |= frozenset(n for x in reads[0] for n in needs(x[2]))
        for x in reads[1]:
            missing = unmet(needs(x[2]), valid)
            if missing:
                raise NotUnderstood(f"{missing[0]} is needed for {x[1]}, which it was not before")
        a, b = (side[i][1] if i < len(side) else None for side in (first, second))
        if a is None or b is None:
            return f"new: {describe(b)}" if b is not None else f"gone: {describe(a)}" if a is not None else ""
        found = _one(a, b, valid)
        if found:
            return found
        valid = _after(a, valid)
    return ""


def _apart(left: Sequence[Left]) -> list[tuple[list[Left], Left | None]]:
    """Each statement with the mere reads before it, whose values do not matter; the last
    ones stand alone."""
    out: list[tuple[list[Left], Left | None]] = []
    reads: list[Left] = []
    for x in left:
        if x[0] == "reads":
            reads.append(x)
        else:
            out.append((reads, x))
            reads = []
    return [*out, (reads, None)]


def _after(left: Left, valid: Valid) -> Valid:
    """What is known to be valid behind a statement."""
    if left[0] in ("label", "loop"):
        return frozenset()  # something may come from elsewhere
    first = left[1] if left[0] in ("if", "switch") else left[2] if len(left) > 2 else None
    valid |= needs(first) if first is not None else frozenset()
    written = _written(left)
    return frozenset(v for v in valid if not any(v == w or v.startswith((f"{w}->", f"{w}[")) for w in written))


def _written(left: Left) -> set[str]:
    """Objects that a statement may give another value."""
    out: set[str] = set()
    if left[0] == "leaf" and len(left) == 2:  # not read: any of its words
        return set(_NAMES.findall(left[1]))
    for x in left[1:]:
        if isinstance(x, list):
            out |= {w for inner in x for w in _written(inner)}
        elif isinstance(x, tuple) and x:
            changed = (p for p in parts(x) if p[0] == "assign" or (p[0] == "un" and p[1] in ("&", *_STEPS)))
            out |= {show(p[2]) for p in changed}
    return out


_NAMES = re.compile(r"[A-Za-z_]\w*")
_STEPS = ("++", "--", "p++", "p--")


def _one(a: Left, b: Left, valid: Valid) -> str:
    if a[0] != b[0]:
        return f"{describe(a)} -> {describe(b)}"
    if a[0] == "if":
        found = equivalent(a[1], b[1], valid)
        inside = valid | needs(a[1])
        if found and a[3] and not equivalent(a[1], ("un", "!", b[1]), valid):
            return differences(a[2], b[3], inside) or differences(a[3], b[2], inside)
        return found or differences(a[2], b[2], inside) or differences(a[3], b[3], inside)
    if a[0] == "switch":
        same = show(a[1]) == show(b[1])
        return differences(a[2], b[2], valid | needs(a[1])) if same else f"{describe(a)} -> {describe(b)}"
    if a[0] == "loop":
        return differences(a[2], b[2]) if a[1] == b[1] else f"{describe(a)} -> {describe(b)}"
    return "" if a[1] == b[1] else f"{describe(a)} -> {describe(b)}"


def describe(left: Left) -> str:
    """A statement in one line, for findings."""
    if left[0] == "if":
        inside = describe(left[2][0]) if left[2] else ";"
        return f"if ({show(left[1])}) {inside}"[:160]
    if left[0] == "switch":
        return f"switch ({show(left[1])})"[:160]
    return str(left[1])[:160]


def flat(left: Sequence[Left]) -> list[str]:
    """Every statement that is left, conditions and all, one line each."""
    out: list[str] = []
    for x in left:
        if x[0] == "if":
            out += [f"if ({show(x[1])})", *flat(x[2]), *(["else", *flat(x[3])] if x[3] else [])]
        elif x[0] in ("loop", "switch"):
            out += [x[1] if x[0] == "loop" else f"switch ({show(x[1])})", *flat(x[2])]
        else:
            out.append(str(x[1]))
    return out
