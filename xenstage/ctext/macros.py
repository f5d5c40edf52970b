"""Shape: how a macro's body meets the text around its uses and inside its arguments.

A proof reads ``is_x(d)`` as if it were a function's value.  That is what C makes of it
only where the body holds together among any operators, where each argument does, and
where no argument is evaluated another number of times than a function would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .entities import Entity

# C99 6.5.5 to 6.5.17, loosest first; postfix and primary expressions hold together always.
_BINARY = (
    (",",),
    ("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="),
    ("?", ":"),
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("==", "!="),
    ("<", ">", "<=", ">="),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "%"),
)
_LEVEL = {op: level for level, row in enumerate(_BINARY) for op in row}
UNARY = len(_BINARY)
TIGHT = UNARY + 1
_OPENS, _CLOSES = ("(", "[", "{"), (")", "]", "}")
# What may stand before or behind an expression without binding any part of it.
_STARTS = frozenset({"(", "[", "{", ";", "return", "case", "else", "do", "}", ""})
_ENDS = frozenset({")", "]", "}", ";", ""})


@dataclass(frozen=True)
class Shape:
    """A macro's body.

    :param level: how tightly its loosest operator binds; ``TIGHT`` for a body in brackets.
    :param bare: parameters that stand next to an operator without brackets of their own, each
        with how tightly that operator binds.
    :param times: how often each parameter stands in the body.
    """

    level: int = TIGHT
    bare: Mapping[str, int] = field(default_factory=dict)
    times: Mapping[str, int] = field(default_factory=dict)


def shape_of(macro: Entity) -> Shape | None:
    """The shape of a macro whose body is an expression; None for other bodies (statements,
    initialisers, pasted names, nothing)."""
    words = list(macro.words[2:])
    names: list[str] = []
    if words[:1] == ["("] and _touches(macro):
        close = words.index(")")
        names, words = [w for w in words[1:close] if w != ","], words[close + 1 :]
    if not words or {"{", "##", "#", ";", "..."} & {*words, *names}:
        return None
    bare: dict[str, int] = {}
    for i, w in enumerate(words):
        if w in names:
            level = max(binds_left(words[:i]), binds_right(words[i + 1 :]))
            if level >= 0:
                bare[w] = max(level, bare.get(w, -1))
    return Shape(loosest(words), bare, {n: words.count(n) for n in names})


def _touches(macro: Entity) -> bool:
    return len(macro.tokens) > 2 and macro.tokens[1].end == macro.tokens[2].start


def loosest(words: Sequence[str]) -> int:
    """How tightly the loosest operator outside brackets binds."""
    level, depth, called = TIGHT, 0, False
    for i, w in enumerate(words):
        if depth == 0:
            operand = i > 0 and (_ends_operand(words[i - 1]))
            if operand and w in _LEVEL:
                level = min(level, _LEVEL[w])
            elif w in ("!", "~", "*", "&", "-", "+", "sizeof", "++", "--"):
                level = min(level, UNARY)
            elif i and words[i - 1] == ")" and (w == "(" or _ends_operand(w)) and not called:
                level = min(level, UNARY)  # a cast
            if w in _OPENS:
                called = operand
        depth += (w in _OPENS) - (w in _CLOSES)
    return level


def _ends_operand(word: str) -> bool:
    return word in (")", "]") or word[:1].isalnum() or word[:1] in ("_", '"', "'")


def binds_left(before: Sequence[str]) -> int:
    """How tightly what stands before an expression binds it; -1 for not at all."""
    last = before[-1] if before else ""
    if last in _STARTS:
        return -1
    if last in _LEVEL and len(before) > 1 and _ends_operand(before[-2]) and before[-2] not in ("return", "case"):
        return _LEVEL[last] if last != "," else -1
    return -1 if last in ("=", ",", "?", ":", "&&", "||") else UNARY


def binds_right(after: Sequence[str]) -> int:
    """How tightly what stands behind an expression binds it; -1 for not at all."""
    first = after[0] if after else ""
    if first in _ENDS or first == ",":
        return -1
    return _LEVEL.get(first, TIGHT)
