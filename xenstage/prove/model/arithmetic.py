"""Arithmetic on constants as C has it: in the operands' types, or not at all.

A result is known only where both data models (32-bit and 64-bit long) give the same
value, and where C gives one: a shift by the width or more, a signed overflow or a
division by zero has none (C11 6.5).
"""

from __future__ import annotations

from collections.abc import Callable

from ...ctext.expr import Expr
from ...ctext.numbers import ILP32, LP64, MODELS, fits, kind_of, number, width

_RANK = ("", "L", "LL")
Typed = tuple[int, str]  # value, type in one model

# Types that a cast may name: bits and signedness, in each model; None for one whose signedness is the compiler's.
_U32, _S32 = ("U", "U"), ("", "")
_CASTS: dict[str, tuple[str, str]] = {
    "int": _S32, "signed int": _S32, "signed": _S32, "int32_t": _S32, "s32": _S32,
    "unsigned int": _U32, "unsigned": _U32, "uint32_t": _U32, "u32": _U32, "uint": _U32,
    "long": ("L", "L"), "long int": ("L", "L"), "unsigned long": ("UL", "UL"), "ulong": ("UL", "UL"),
    "unsigned long int": ("UL", "UL"), "long long": ("LL", "LL"), "unsigned long long": ("ULL", "ULL"),
    "uint64_t": ("ULL", "UL"), "u64": ("ULL", "UL"), "int64_t": ("LL", "L"), "s64": ("LL", "L"),
}  # fmt: skip
_SMALL = {
    "uint8_t": (8, False), "u8": (8, False), "unsigned char": (8, False), "signed char": (8, True),
    "int8_t": (8, True), "s8": (8, True), "char": (7, False), "bool_t": (7, False),
    "uint16_t": (16, False), "u16": (16, False), "unsigned short": (16, False), "short": (16, True),
    "int16_t": (16, True), "s16": (16, True), "domid_t": (16, False),
}  # fmt: skip


def kinds_of_type(text: str) -> tuple[str, str] | None:
    """What a variable of a type is promoted to in each model; None for a type that is not known."""
    plain = " ".join(w for w in text.split() if w not in ("const", "volatile", "register", "static"))
    return _S32 if plain in _SMALL else _CASTS.get(plain)


def range_of_type(text: str) -> tuple[int, int] | None:
    """The least and the greatest number that a variable of a type holds in both models; None for other types."""
    plain = " ".join(w for w in text.split() if w not in ("const", "volatile"))
    if plain in ("bool", "_Bool"):
        return 0, 1
    if plain.split()[:1] == ["enum"]:
        plain = "int"
    if plain in _SMALL:
        bits, signed = _SMALL[plain]
    elif plain in _CASTS:
        bits, signed = min(width(k, m) for k, m in zip(_CASTS[plain], MODELS, strict=True)), "U" not in _CASTS[plain][0]
    else:
        return None
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)


def unary(op: str, x: Expr) -> Expr | None:
    """C's ``! - + ~`` on a number; None where there is no one value."""
    return _both(lambda m: _unary(op, _typed(x, m), m))


def binary(op: str, a: Expr, b: Expr) -> Expr | None:
    """C's binary operators on numbers; None where there is no one value."""
    return _both(lambda m: _binary(op, _typed(a, m), _typed(b, m), m))


def ternary(cond: Expr, a: Expr, b: Expr) -> Expr | None:
    """``cond ? a : b`` of numbers: of the type that both come to."""

    def one(m: int) -> Typed | None:
        kind = _common(kind_of(a, m), kind_of(b, m), m)
        return converted(a[1] if cond[1] else b[1], kind, m), kind

    return _both(one)


def cast(kind: str, x: Expr) -> Expr | None:
    """A number of another type; None for a type that is not known."""
    plain = " ".join(w for w in kind.split() if w not in ("const", "volatile"))
    if plain in ("bool", "_Bool"):
        return ("num", int(x[1] != 0))
    if plain in _SMALL:
        bits, signed = _SMALL[plain]
        if bits == 7:  # char: signed on x86, unsigned on ARM
            return ("num", x[1]) if 0 <= x[1] < 128 else None
        value = x[1] & ((1 << bits) - 1)
        return ("num", value - (1 << bits) if signed and value >> bits - 1 else value)
    kinds = _CASTS.get(plain)
    if kinds is None:
        return None
    return _both(lambda m: (converted(x[1], kinds[m], m), kinds[m]))


def same_case(label: Expr, cond: Expr) -> bool:
    """Whether a case's label, as the type of the switch has it, is a value (C11 6.8.4.2)."""
    return all(converted(label[1], kind_of(cond, m), m) == cond[1] for m in MODELS)


def _both(one: Callable[[int], Typed | None]) -> Expr | None:
    got = one(ILP32), one(LP64)
    if got[0] is None or got[1] is None or got[0][0] != got[1][0]:
        return None
    return number(got[0][0], (got[0][1], got[1][1]))


def _typed(e: Expr, model: int) -> Typed:
    return int(e[1]), kind_of(e, model)


def _unary(op: str, x: Typed, model: int) -> Typed | None:
    value, kind = x
    if op == "!":
        return int(not value), ""
    made = {"-": -value, "+": value, "~": ~value}.get(op)
    return None if made is None else _result(made, kind, model)


def _result(value: int, kind: str, model: int) -> Typed | None:
    """A result in its type: what is unsigned wraps, what is signed must fit."""
    if "U" in kind:
        return value & ((1 << width(kind, model)) - 1), kind
    return (value, kind) if fits(value, kind, model) else None


def _common(a: str, b: str, model: int) -> str:
    """The usual arithmetic conversions (C11 6.3.1.8)."""
    ranks = [_RANK.index(k.replace("U", "")) for k in (a, b)]
    high, low = (a, b) if ranks[0] >= ranks[1] else (b, a)
    if "U" in high or "U" not in low:
        return high
    if ranks[0] == ranks[1] or width(high, model) <= width(low, model):
        return "U" + high  # a signed type that does not have all values of the unsigned one
    return high


def converted(value: int, kind: str, model: int) -> int:
    """A value in another type: modulo, as GCC does for signed ones as well."""
    bits = width(kind, model)
    value &= (1 << bits) - 1
    return value if "U" in kind or not value >> bits - 1 else value - (1 << bits)


def _binary(op: str, a: Typed, b: Typed, model: int) -> Typed | None:
    if op in ("&&", "||"):
        return int(bool(a[0] and b[0]) if op == "&&" else bool(a[0] or b[0])), ""
    if op in ("<<", ">>"):
        value, kind = a
        if not 0 <= b[0] < width(kind, model) or value < 0:
            return None
        return _result(value << b[0] if op == "<<" else value >> b[0], kind, model)
    kind = _common(a[1], b[1], model)
    x, y = converted(a[0], kind, model), converted(b[0], kind, model)
    compared = {"==": x == y, "!=": x != y, "<": x < y, ">": x > y, "<=": x <= y, ">=": x >= y}
    if op in compared:
        return int(compared[op]), ""
    if op in ("/", "%"):
        if y == 0:
            return None
        quotient = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
        return (
            _result(quotient if op == "/" else x - quotient * y, kind, model) if fits(quotient, kind, model) else None
        )
    made = {"+": x + y, "-": x - y, "*": x * y, "&": x & y, "|": x | y, "^": x ^ y}.get(op)
    return None if made is None else _result(made, kind, model)
