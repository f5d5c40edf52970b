"""made_by: who makes a domain that a variable holds, and with which flags."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ...ctext.body import If, Leaf, Node, NotUnderstood, parameters
from ...ctext.entities import Entity
from ...ctext.expr import Expr, parse_statement, parts, show
from ...ctext.lexer import Kind
from ...index.sweep import Files
from . import guests
from .bodies import body_of
from .calls import places
from .setters import sets_argument

_CHANGES = ("++", "--", "+=", "-=", "|=", "&=", "^=")


def made_by(files: Files, holder: Entity, nodes: Sequence[Node], name: str, flags: Sequence[str]) -> str:
    """The call that makes a domain, where a variable of a function is nothing else and that call never has all of
    the flags; "" where it may be another.

    :param nodes: the function's statements.
    """
    values = _values(nodes, name)
    made = [v for v in values if v[0] == "call" and v[1] == ("id", guests.CREATE[1])]
    if not made or any(v not in made and v not in (("num", 0), ("id", "NULL")) for v in values):
        return ""
    if _written(files, holder, name) != len(values):
        return ""  # in a condition, a loop's head or by a macro, or through its address
    for call in made:
        can = _flags_in(nodes, call[2][1], {name})
        if can is None or set(flags) <= can:
            return ""
    return show(made[0])


def shared_made(files: Files, holder: Entity, name: str, flags: Sequence[str]) -> str:
    """The same of a variable of the whole hypervisor: of every function that sets it.

    :param holder: where it is used, and is not declared.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", name) or _parameter(holder, name) or _local(holder, name):
        return ""
    found = ""
    for e in places(files, name):
        if e is None:
            return ""  # assembly
        if e.kind not in ("function", "macro"):
            if e.name != name or {"=", "static"} & set(e.words):
                return ""  # its address, what it is at first, or another one in its file
            continue
        if _parameter(e, name) or not _written(files, e, name):
            continue
        try:
            found = made_by(files, e, body_of(e), name, flags)
        except NotUnderstood:
            return ""
        if not found:
            return ""
    return found


def _parameter(e: Entity, name: str) -> bool:
    return e.kind == "function" and any(p[-1] == name for p in parameters(e))


def _local(e: Entity, name: str) -> bool:
    """Whether a function declares a pointer of that name."""
    words = e.words
    for i in (i for i, w in enumerate(words) if w == name and e.kind == "function"):
        at = i - 1
        while at > 0 and words[at] in ("*", "const"):
            at -= 1
        if at < i - 1 and words[at - 1 : at] in (("struct",), ("union",), ("enum",)):
            return True
    return False


def _written(files: Files, e: Entity, name: str) -> int:
    """How often a function gives a variable a value, or may: its address is taken, or a macro is given it."""
    words, count = e.words, 0
    for i, w in enumerate(words):
        if w != name or e.tokens[i].kind is not Kind.WORD or words[i - 1] in (".", "->"):
            continue
        before, after = words[i - 1], (*words[i + 1 : i + 2], "")[0]
        address = before == "&" and after != "->" and not re.fullmatch(r"\w+|\)|\]", words[i - 2])
        macro = before in ("(", ",") and after in (",", ")") and sets_argument(files, *_argument(words, i))
        count += after in ("=", *_CHANGES) or before in ("++", "--") or address or macro
    return count


def _argument(words: Sequence[str], i: int) -> tuple[str, int]:
    """What a word is an argument of, and the which one, from 0: the name before its bracket."""
    depth = count = 0
    for at in range(i - 1, -1, -1):
        depth += (words[at] in (")", "]", "}")) - (words[at] in ("(", "[", "{"))
        count += depth == 0 and words[at] == ","
        if depth < 0:
            return words[at - 1], count
    return "", 0


def _values(nodes: Sequence[Node], name: str) -> list[Expr]:
    return [v for n in every(nodes) if isinstance(n, Leaf) and not n.is_label for k, v in settings(n) if k == name]


def settings(n: Leaf) -> list[tuple[str, Expr]]:
    """The variables that a statement sets, and to what."""
    try:
        statement = parse_statement(n.words)
    except NotUnderstood:
        return []
    if statement[0] == "decl":
        return [(name, init) for name, _, init in statement[1] if init is not None]
    inside = parts(statement[1]) if statement[0] in ("expr", "return") and statement[1] is not None else []
    return [(x[2][1], x[3]) for x in inside if x[0] == "assign" and x[2][0] == "id"]


def every(nodes: Sequence[Node]) -> Iterator[Node]:
    """Statements with all those inside."""
    for n in nodes:
        yield n
        if isinstance(n, If):
            yield from every((*n.then, *n.other))
        elif not isinstance(n, Leaf):
            yield from every(n.body)


def _flags_in(nodes: Sequence[Node], e: Expr, seen: set[str]) -> set[str] | None:
    """The creation flags that an expression can hold; None where it can be anything."""
    out: set[str] = set()
    for x in parts(e):
        if x[0] in ("call", "field", "index", "raw"):
            return None
        if x[0] == "id" and x[1].startswith(guests.FLAG_PREFIX):
            out.add(x[1])
        elif x[0] == "id" and x[1] not in seen:
            values = _values(nodes, x[1])
            if not values:
                return None
            for value in values:
                inside = _flags_in(nodes, value, seen | {x[1]})
                if inside is None:
                    return None
                out |= inside
    return out
