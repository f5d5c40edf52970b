"""type_of: the type of a value, where that is plain (C11 6.3.1)."""

from __future__ import annotations

from ...ctext.expr import Expr
from .program import plain_type

SMALL = ("uint8_t", "int8_t", "uint16_t", "int16_t", "char", "short", "bool_t", "unsigned char", "unsigned short")


def type_of(e: Expr) -> str:
    """The type of a value where that is plain; "" where it is not known (C11 6.3.1.8)."""
    if e[0] == "cast":
        return plain_type(str(e[1]))
    if e[0] == "num":
        return {"": "int", "U": "unsigned int", "UL": "unsigned long"}.get(str(e[2]) if len(e) > 2 else "", "")
    if e[0] == "un" and e[1] in ("-", "~", "+"):
        return _promoted(e[2])
    if e[0] != "bin":
        return ""
    kinds = {_promoted(e[2]), _promoted(e[3])} if e[1] not in ("<<", ">>") else {_promoted(e[2])}
    if len(kinds) == 1:
        return kinds.pop()
    if "" in kinds:
        return ""
    return "unsigned long" if "unsigned long" in kinds else "unsigned int" if kinds == {"int", "unsigned int"} else ""


def _promoted(e: Expr) -> str:
    kind = type_of(e)
    if kind in SMALL:
        return "int"
    return kind if kind in ("int", "unsigned int", "long", "unsigned long") else ""
