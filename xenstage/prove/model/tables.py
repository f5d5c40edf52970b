"""tables_of: arrays of hypercall handlers as the C source initialises them.

Rows are read after expanding the row macros of the same file; a form that is not
known stops the reading, it never makes a row disappear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...ctext.body import NotUnderstood, parameters, parse_body, split_commas
from ...ctext.entities import Entity, entities
from ...ctext.expr import Expr, parse_expression, parse_statement, parts
from ...index.sweep import Files
from .constants import Constants, fold
from .guests import COUNT, PREDICATES
from .special import World

Table = dict[int, dict[str, Expr]]


class FileConstants:
    """Constants as one file sees them: its own macros first."""

    def __init__(self, outer: Constants, data: bytes) -> None:
        self._outer = outer
        self._own = {e.name: e.words for e in entities(data).values() if e.kind == "macro"}

    def __call__(self, name: str) -> int | None:
        """The value, or None."""
        words = self._own.get(name)
        if words is None or len(words) < 3:
            return self._outer(name)
        try:
            return fold(parse_expression(words[2:]), self._outer)
        except NotUnderstood:
            return None


def world_in(world: World, files: Files, path: str) -> World:
    """A world as one file sees it: with its macros, its tables and its selectors.

    :raises NotUnderstood: for a table whose rows are not read.
    """
    data = files.read(path)
    if not isinstance(world.constant, Constants):
        return world
    constant = FileConstants(world.constant, data)
    return replace(world, constant=constant, tables=tables_of(data, constant), selectors=selectors_of(data))


def tables_of(data: bytes, constant: FileConstants) -> dict[str, Table]:
    """Every table of a file that has one row for each hypercall, by name.

    :raises NotUnderstood: naming the row that has a form which is not known.
    """
    found = entities(data)
    macros = {e.name: e for e in found.values() if e.kind == "macro" and e.words[2:3] == ("(",)}
    out: dict[str, Table] = {}
    for e in found.values():
        if e.kind == "variable" and COUNT in e.words and "{" in e.words:
            out[e.name] = _table(e, macros, _members(e, found), constant)
    return out


def _members(e: Entity, found: Mapping[tuple[str, str, int], Entity]) -> tuple[str, ...]:
    """The members of the row's struct, in order; ("",) for a row that is a handler."""
    words = e.words
    if "struct" not in words[: words.index("{")]:
        return ("",)
    name = words[words.index("struct") + 1]
    struct = found.get(("type", name, 0))
    if struct is None:
        raise NotUnderstood(f"struct {name}, of which {e.name} is made, is not in the same file")
    inside = struct.words[struct.words.index("{") + 1 : -2]
    out: list[str] = []
    line: list[str] = []
    for w in inside:
        if w == ";":
            out += [part[-1] for part in split_commas(line)]
            line = []
        else:
            line.append(w)
    return tuple(out)


def _table(e: Entity, macros: Mapping[str, Entity], members: tuple[str, ...], constant: FileConstants) -> Table:
    if any(t.in_directive for t in e.tokens):
        raise NotUnderstood(f"{e.name} holds directives: a row may be there or not")
    words = e.words
    inside = words[words.index("{", words.index("=")) + 1 : -2]
    table: Table = {}
    for part in split_commas(inside):
        if not part:
            continue
        row = expand(part, macros)
        if row[0] != "[" or "]" not in row or row[row.index("]") + 1] != "=":
            raise NotUnderstood(f"{e.name}: a row without a number: {' '.join(part)}")
        close = row.index("]")
        number = fold(parse_expression(tuple(row[1:close])), constant)
        if number is None:
            raise NotUnderstood(f"{e.name}: no known value for {' '.join(row[1:close])}")
        if number in table:
            raise NotUnderstood(f"{e.name}: two rows for hypercall {number}")
        value = row[close + 2 :]
        values = split_commas(value[1:-1]) if value[:1] == ["{"] else [value]
        if len(values) > len(members):
            raise NotUnderstood(f"{e.name}: more values than members: {' '.join(part)}")
        table[number] = {m: _value(v, constant) for m, v in zip(members, values, strict=False)}
    return table


def _value(words: list[str], constant: FileConstants) -> Expr:
    e = parse_expression(tuple(words))
    while e[0] == "cast":
        e = e[2]
    if e == ("id", "NULL"):
        return ("num", 0)
    number = fold(e, constant)
    if number is not None:
        return ("num", number)
    if e[0] == "id":
        return ("handler", e[1])
    raise NotUnderstood(f"a row's value is no handler and no number: {' '.join(words)}")


def expand(words: list[str], macros: Mapping[str, Entity]) -> list[str]:
    """Words with calls of the given macros expanded, once; ``##`` pastes."""
    if len(words) < 3 or words[0] not in macros or words[1] != "(":
        return words
    macro = macros[words[0]].words
    close = macro.index(")")
    names = [w for w in macro[3:close] if w != ","]
    given = split_commas(words[2:-1])
    if len(names) != len(given):
        raise NotUnderstood(f"{words[0]} takes {len(names)} arguments: {' '.join(words)}")
    values = dict(zip(names, given, strict=True))
    out: list[str] = []
    paste = False
    for w in macro[close + 1 :]:
        if w == "##":
            paste = True
            continue
        new = values.get(w, [w])
        if paste and out and new:
            out[-1] += new[0]
            new = new[1:]
        out += new
        paste = False
    return out


def selectors_of(data: bytes) -> dict[str, Expr]:
    """Functions that pass their parameters on to one of several, chosen by guest type."""
    out: dict[str, Expr] = {}
    for e in entities(data).values():
        if e.kind != "function" or not set(PREDICATES) & set(e.words):
            continue
        try:
            nodes = parse_body(e)
            names = tuple(p[-1] for p in parameters(e))
            got = parse_statement(nodes[0].words) if len(nodes) == 1 and hasattr(nodes[0], "words") else ("",)
        except NotUnderstood:
            continue
        if got[0] != "return" or got[1] is None:
            continue
        calls = [x for x in parts(got[1]) if x[0] == "call" and x[1][0] == "id" and x[1][1] not in PREDICATES]
        if got[1][0] == "tern" and calls and all(c[2] == tuple(("id", n) for n in names) for c in calls):
            out[e.name] = got[1]
    return out
