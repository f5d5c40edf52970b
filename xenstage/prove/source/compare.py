"""compare: do two specialised functions do the same, and if not, where do they part?"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ...ctext.body import NotUnderstood
from ...ctext.expr import Expr, has_effects, show
from ..model.special import Left, unknown_parts

MOST_ATOMS = 12


def equivalent(a: Expr, b: Expr) -> str:
    """Why two conditions are not the same; "" when they are.

    Every atom that is not known is free, so that the same truth table over all of them
    is asked for.  Atoms must be evaluated in the same order where that can matter.

    :raises NotUnderstood: for more than 12 atoms.
    """
    if show(a) == show(b):
        return ""
    left, right = unknown_parts(a), unknown_parts(b)
    names = sorted({show(x) for x in (*left, *right)})
    if len(names) > MOST_ATOMS:
        raise NotUnderstood(f"a condition of {len(names)} parts")
    for values in itertools.product((False, True), repeat=len(names)):
        row = dict(zip(names, values, strict=True))
        if _value(a, row) != _value(b, row):
            shown = ", ".join(f"{n} is {'true' if v else 'false'}" for n, v in row.items()) or "always"
            return f"{show(a)} is {_word(_value(a, row))}, {show(b)} is {_word(_value(b, row))} where {shown}"
    orders = [list(dict.fromkeys(show(x) for x in side)) for side in (left, right)]
    if orders[0] != orders[1]:
        touchy = [x for x in (*left, *right) if has_effects(x)]
        guards = [(p, q) for p in names for q in names if p != q and _through(q, p)]
        if touchy or guards:
            what = show(touchy[0]) if touchy else f"{guards[0][1]}, which {guards[0][0]} may guard,"
            return f"{what} is evaluated in another order or not in each case"
    return ""


def _through(inner: str, guard: str) -> bool:
    return inner.startswith((f"{guard}->", f"{guard}[", f"*{guard}")) or f"({guard})->" in inner


def _word(value: bool) -> str:
    return "true" if value else "false"


def _value(e: Expr, row: dict[str, bool]) -> bool:
    if e[0] == "num":
        return bool(e[1])
    if e[0] == "bin" and e[1] in ("&&", "||"):
        a = _value(e[2], row)
        return (a and _value(e[3], row)) if e[1] == "&&" else (a or _value(e[3], row))
    if e[0] == "un" and e[1] == "!":
        return not _value(e[2], row)
    if e[0] == "tern":
        return _value(e[2], row) if _value(e[1], row) else _value(e[3], row)
    return row[show(e)]


def differences(old: Sequence[Left], new: Sequence[Left]) -> str:
    """The first place at which two specialised functions part; "" where they do not.

    :raises NotUnderstood: as :func:`equivalent` does.
    """
    for i in range(max(len(old), len(new))):
        if i >= len(old):
            return f"new: {describe(new[i])}"
        if i >= len(new):
            return f"gone: {describe(old[i])}"
        found = _one(old[i], new[i])
        if found:
            return found
    return ""


def _one(a: Left, b: Left) -> str:
    if a[0] != b[0]:
        return f"{describe(a)} -> {describe(b)}"
    if a[0] == "if":
        if equivalent(a[1], b[1]) and a[3] and not equivalent(a[1], ("un", "!", b[1])):
            return differences(a[2], b[3]) or differences(a[3], b[2])
        return equivalent(a[1], b[1]) or differences(a[2], b[2]) or differences(a[3], b[3])
    if a[0] == "switch":
        return differences(a[2], b[2]) if show(a[1]) == show(b[1]) else f"{describe(a)} -> {describe(b)}"
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
