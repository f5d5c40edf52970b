"""kinds_of: the types of a function's variables of integer type, for arithmetic with their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...ctext.body import If, Leaf, Loop, Node, NotUnderstood
from ...ctext.expr import Expr, parse_expression, parse_statement, parts
from ...ctext.numbers import LP64, number
from .arithmetic import converted, kinds_of_type
from .special import leaves

Kinds = Mapping[str, tuple[str, str]]  # name -> what it is promoted to where long has 32 bits, and 64


def kinds_of(nodes: Sequence[Node], parameters: Sequence[tuple[str, ...]]) -> dict[str, tuple[str, str]]:
    """Variables whose type is a known integer type, the same in every block, with what they are
    promoted to."""
    out: dict[str, tuple[str, str]] = {}
    twice: set[str] = set()
    for words in parameters:
        kinds = kinds_of_type(" ".join(words[:-1]))
        if kinds is not None:
            out[words[-1]] = kinds
    for leaf in leaves(nodes):
        try:
            statement = parse_statement(leaf.words)
        except NotUnderstood:
            continue
        for name, text, _ in statement[1] if statement[0] == "decl" else ():
            kinds = kinds_of_type(text)
            if kinds is not None and out.setdefault(name, kinds) != kinds:
                twice.add(name)
    return {n: kinds for n, kinds in out.items() if n not in twice}


def typed_values(values: Mapping[str, int], kinds: Kinds) -> dict[str, Expr]:
    """Values of variables as numbers of their types.

    :raises NotUnderstood: naming a variable whose type is not known.
    """
    unknown = sorted(set(values) - set(kinds))
    if unknown:
        raise NotUnderstood(f"the type of {unknown[0]} is not known")
    return {n: number(converted(v, kinds[n][LP64], LP64), kinds[n]) for n, v in values.items()}


def tested_pointers(nodes: Sequence[Node]) -> set[str]:
    """Names whose own value is a condition, or is compared with NULL."""
    out: set[str] = set()
    for e in (x for whole in _expressions(nodes) for x in parts(whole)):
        asked: list[Expr] = []
        if e[0] == "bin" and e[1] in ("&&", "||"):
            asked = [e[2], e[3]]
        elif e[0] == "bin" and e[1] in ("==", "!=") and e[3] in (("num", 0), ("id", "NULL")):
            asked = [e[2]]
        elif e[0] == "tern" or e[:2] == ("un", "!"):
            asked = [e[1] if e[0] == "tern" else e[2]]
        out |= {x[1] for x in asked if x[0] == "id"}
    return out


def _expressions(nodes: Sequence[Node]) -> list[Expr]:
    """Every expression of a function; a condition alone counts as asked for."""
    out: list[Expr] = []
    for n in nodes:
        try:
            if isinstance(n, Leaf):
                out += _held(parse_statement(n.words)) if not n.is_label and not n.words[0].startswith("#") else []
            elif not isinstance(n, Loop):
                cond = parse_expression(n.cond)
                out.append(("un", "!", cond) if isinstance(n, If) else cond)
        except NotUnderstood:
            pass
        if isinstance(n, If):
            out += _expressions(n.then) + _expressions(n.other)
        elif not isinstance(n, Leaf):
            out += _expressions(n.body)
    return out


def _held(statement: tuple[Any, ...]) -> list[Expr]:
    """The expressions of a statement."""
    if statement[0] == "decl":
        return [init for _, _, init in statement[1] if init is not None]
    return [statement[1]] if statement[0] in ("expr", "return") and statement[1] is not None else []


def assigned(nodes: Sequence[Node], name: str) -> bool:
    """Whether a variable gets another value than that of its declaration."""
    for leaf in leaves(nodes):
        if name not in leaf.words:
            continue
        try:
            statement = parse_statement(leaf.words)
        except NotUnderstood:
            return True
        for x in (x for e in _held(statement) for x in parts(e)):
            if (x[0] == "assign" or (x[0] == "un" and x[1] in ("&", "++", "--", "p++", "p--"))) and x[2] == (
                "id",
                name,
            ):
                return True
    return False
