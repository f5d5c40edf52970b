"""literal: the value and the type of an integer constant, under both data models that Xen has.

A number is ``("num", value)`` where it is an int, and ``("num", value, type)`` where it is
something else: "U", "L", "UL", "LL", "ULL", or two of these with a bar where the models
part ("LL|L": long long where long has 32 bits, as on arm32, and long where it has 64).
C11 6.4.4.1 has the rules.
"""

from __future__ import annotations

import re
from typing import Any

ILP32, LP64 = 0, 1
MODELS = (ILP32, LP64)
INT = ""
_LITERAL = re.compile(r"(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)([uU]?)([lL]{0,2})([uU]?)\Z")
_SIGNED, _UNSIGNED = ("", "L", "LL"), ("U", "UL", "ULL")
# How a type is shown, where that is not its own name.
_SHOWN = {"LL|L": "", "ULL|UL": "U", "UL|L": "L"}


def width(kind: str, model: int) -> int:
    """Bits of a type of a constant."""
    return {"": 32, "U": 32, "LL": 64, "ULL": 64}.get(kind, 64 if model == LP64 else 32)


def fits(value: int, kind: str, model: int) -> bool:
    """Whether a type has a value."""
    bits = width(kind, model)
    return 0 <= value < 1 << bits if "U" in kind else -(1 << bits - 1) <= value < 1 << bits - 1


def number(value: int, kinds: tuple[str, str]) -> tuple[Any, ...]:
    """The expression of a value with its type in each model."""
    kind = kinds[0] if kinds[0] == kinds[1] else "|".join(kinds)
    return ("num", value) if kind == INT else ("num", value, kind)


def kind_of(e: tuple[Any, ...], model: int) -> str:
    """A number's type in one model."""
    kinds = str(e[2] if len(e) > 2 else INT).split("|")
    return kinds[model if len(kinds) > 1 else 0]


def literal(text: str) -> tuple[Any, ...] | None:
    """The expression of an integer constant; None for any other text, or a value that no type has."""
    m = _LITERAL.match(text)
    if not m or (m.group(2) and m.group(4)) or m.group(3) in ("lL", "Ll"):
        return None
    digits, unsigned, longs = m.group(1), bool(m.group(2) or m.group(4)), len(m.group(3))
    value = int(digits, 8 if re.fullmatch(r"0[0-7]+", digits) else 0)
    decimal = digits[0] != "0"
    allowed: list[str] = []
    for i in range(longs, 3):
        allowed += [] if unsigned else [_SIGNED[i]]
        allowed += [_UNSIGNED[i]] if unsigned or not decimal else []
    kinds = [next((k for k in allowed if fits(value, k, model)), None) for model in MODELS]
    return number(value, (kinds[0], kinds[1])) if kinds[0] is not None and kinds[1] is not None else None


def shown(e: tuple[Any, ...]) -> str:
    """A number as C text, the same for equal values of equal types only."""
    kind = str(e[2]) if len(e) > 2 else INT
    value = int(e[1])
    return f"{value if value < 4096 else hex(value)}{_SHOWN.get(kind, kind)}"
