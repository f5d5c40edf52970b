"""tables_of: arrays of hypercall handlers as the C source initialises them.

Rows are read after expanding the row macros of the same file, as C reads them: by number,
by range, or behind the row before; of two for one number the last one holds, and what is
not named is 0.  A form that is not known stops the reading, it never makes a row disappear.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace

from ...ctext.body import NotUnderstood, parameters, parse_body, split_commas
from ...ctext.entities import Entity, entities
from ...ctext.expr import Expr, parse_expression, parse_statement, parts
from ...index.sweep import Files
from .constants import Constants, Numbers, enumerators, fold, folded
from .guests import COUNT
from .special import Table, World

_UNDEF = re.compile(r"^[ \t]*#[ \t]*undef[ \t]+(\w+)", re.M)


class FileConstants(Numbers):
    """Constants as one file sees them: its own macros and enumerators first, and only what
    is the same for every architecture that compiles it."""

    def __init__(self, outer: Constants, data: bytes, path: str) -> None:
        self._outer = outer
        self._shared = "x86" not in path
        self._own: dict[str, set[tuple[str, ...]]] = {}
        self._enums: dict[str, int] = {}
        self._gone = set(_UNDEF.findall(data.decode("latin-1")))
        self._under_way: set[str] = set()
        for e in entities(data).values():
            if e.kind == "macro":
                self._own.setdefault(e.name, set()).add(e.words[2:])
            elif e.kind == "type" and e.words[0] == "enum" and "{" in e.words:
                self._enums.update(enumerators(e.words, self))

    def number(self, name: str) -> Expr | None:
        """None also for what the file takes away, or defines in more than one way."""
        if name in self._gone or name in self._under_way:
            return None
        if name in self._enums:
            return ("num", self._enums[name])
        if name in self._own:
            return self._of_macro(name)
        value = self._outer.number(name)
        return value if not self._shared or self._outer.on_arm(name) <= {value} else None

    def enumerates(self, name: str) -> bool:
        """The file's own count as well."""
        return name in self._enums or (name not in self._own and self._outer.enumerates(name))

    def _of_macro(self, name: str) -> Expr | None:
        if len(self._own[name]) != 1:
            return None
        (words,) = self._own[name]
        self._under_way.add(name)
        try:
            return folded(parse_expression(words), self) if words else None
        except NotUnderstood:
            return None
        finally:
            self._under_way.discard(name)


def world_in(world: World, files: Files, path: str, *, whole: bool = False) -> World:
    """A world as one file sees it: with its macros, its tables and its selectors.

    :param whole: whether every table must be read; one that is not stays a name else.

    :raises NotUnderstood: for a table whose rows are not read, where it must be.
    """
    data = files.read(path)
    if not isinstance(world.constant, Constants):
        return world
    constant = FileConstants(world.constant, data, path)
    key = ("selectors", hashlib.sha256(data).digest(), frozenset(world.truth))
    if key not in files.memo:
        files.memo[key] = selectors_of(data, set(world.truth))
    selectors = files.memo[key]
    return replace(world, constant=constant, tables=tables_of(data, constant, whole=whole), selectors=selectors)


def tables_of(data: bytes, constant: FileConstants, *, whole: bool = True) -> dict[str, Table]:
    """Every table of a file that has one row for each hypercall, by name.

    :param whole: whether one that is not read is an error.
    :raises NotUnderstood: naming the row that has a form which is not known.
    """
    found = entities(data)
    macros = {e.name: e for e in found.values() if e.kind == "macro" and e.words[2:3] == ("(",)}
    out: dict[str, Table] = {}
    for e in found.values():
        if e.kind == "variable" and COUNT in e.words and "{" in e.words:
            try:
                out[e.name] = _table(e, macros, _members(e, found), constant)
            except NotUnderstood:
                if whole:
                    raise
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
    length = _length(e, constant)
    table = Table(length, members)
    following = 0
    for part in split_commas(inside):
        if not part:
            continue
        row = expand(part, macros)
        first, last, value = _place(e.name, row, following, constant)
        if not 0 <= first <= last < length:
            raise NotUnderstood(f"{e.name} has {length} rows, and {' '.join(part)} is none of them")
        for number in range(first, last + 1):
            table[number] = _row(e.name, value, members, constant)
        following = last + 1
    return table


def _length(e: Entity, constant: FileConstants) -> int:
    """The number of rows that a table is declared to have."""
    words = e.words[: e.words.index("=")]
    close = len(words) - 1 - words[::-1].index("]") if "]" in words else 0
    start = len(words) - 1 - words[::-1].index("[") if "[" in words else 0
    length = fold(parse_expression(words[start + 1 : close]), constant) if close > start + 1 else None
    if length is None or words.count("[") != 1:
        raise NotUnderstood(f"{e.name} has a length that is not known: {' '.join(words)}")
    return length


def _place(name: str, row: list[str], following: int, constant: FileConstants) -> tuple[int, int, list[str]]:
    """The first and the last number of a row, and what it holds."""
    if row[0] != "[":
        return following, following, row
    close = row.index("]")
    if row[close + 1 : close + 2] != ["="]:
        raise NotUnderstood(f"{name}: a row of a form that is not known: {' '.join(row)}")
    inside = row[1:close]
    at = inside.index("...") if "..." in inside else len(inside)
    ends = [fold(parse_expression(tuple(x)), constant) for x in (inside[:at], inside[at + 1 :] or inside[:at])]
    if ends[0] is None or ends[1] is None:
        raise NotUnderstood(f"{name}: no known value for {' '.join(inside)}")
    return ends[0], ends[1], row[close + 2 :]


def _row(name: str, value: list[str], members: tuple[str, ...], constant: FileConstants) -> dict[str, Expr]:
    """What a row gives each member that it names; the others are 0."""
    values = split_commas(value[1:-1]) if value[:1] == ["{"] else [value]
    out: dict[str, Expr] = {}
    following = 0
    for v in (v for v in values if v):
        if v[0] == "." and v[2:3] == ["="] and v[1] in members:
            following, v = members.index(v[1]), v[3:]
        if following >= len(members) or v[0] == ".":
            raise NotUnderstood(f"{name}: more values than members, or one that is not known: {' '.join(value)}")
        out[members[following]] = _value(v, constant)
        following += 1
    return out


def _value(words: list[str], constant: FileConstants) -> Expr:
    e = parse_expression(tuple(words))
    while e[0] == "cast" and e[1].endswith("*"):
        e = e[2]
    if e == ("id", "NULL"):
        return ("num", 0)
    number = folded(e, constant)
    if number is not None:
        return number
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


def selectors_of(data: bytes, predicates: set[str]) -> dict[str, Expr]:
    """Functions that pass their parameters on to one of several, chosen by guest type."""
    out: dict[str, Expr] = {}
    for e in entities(data).values():
        if e.kind != "function" or not predicates & set(e.words):
            continue
        try:
            nodes = parse_body(e)
            names = tuple(p[-1] for p in parameters(e))
            got = parse_statement(nodes[0].words) if len(nodes) == 1 and hasattr(nodes[0], "words") else ("",)
        except NotUnderstood:
            continue
        if got[0] != "return" or got[1] is None:
            continue
        calls = [x for x in parts(got[1]) if x[0] == "call" and x[1][0] == "id" and x[1][1] not in predicates]
        if got[1][0] == "tern" and calls and all(c[2] == tuple(("id", n) for n in names) for c in calls):
            out[e.name] = got[1]
    return out
