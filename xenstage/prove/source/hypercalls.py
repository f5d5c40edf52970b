"""hypercalls: what each guest type reaches by each hypercall, in each mode.

Derived twice.  From the source: the dispatcher is specialised for a guest type, a mode
and a number, and what it then calls or returns is the cell.  From the binary: the
tables as the linker left them.  The two must agree, before and after a patch, and no
cell may differ that the patch does not declare.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from ...ctext.body import If, Leaf, Node, NotUnderstood, parameters, parse_body
from ...ctext.entities import Entity, entities, find_entity
from ...ctext.expr import parse_statement, show
from ...index.sweep import Files
from ..binary.linked import Words, agree
from ..case import Case
from ..changes import Change, changed_entities
from ..model import guests
from ..model.constants import Constants
from ..model.special import Env, Left, Table, World, aliases, leaves, select, specialise
from ..model.tables import world_in
from ..model.variables import assigned, kinds_of, typed_values
from ..model.world import world_of
from ..result import FAIL, PASS, REFUSED, SKIP, Finding, Proof
from .reading import all_parts


@dataclass(frozen=True)
class Matrix:
    """A tree's hypercalls.

    :param cells: "guest/mode/hypercall" to what is reached, e.g. "do_memory_op(…) -> rax".
    :param tables: the arrays that the dispatcher looks into.
    :param owners: functions, types and macros that the cells were read from, and that
        nothing else in the file uses.
    :param assembly: the tables in assembly: symbol to handler by number.
    :param callees: the types of functions through which the tables' handlers are called.
    """

    cells: dict[str, str]
    tables: dict[str, Table] = field(default_factory=dict)
    owners: frozenset[str] = frozenset()
    assembly: dict[str, dict[int, str]] = field(default_factory=dict)
    callees: frozenset[str] = frozenset()


def matrix_of(files: Files) -> Matrix:
    """The matrix of a tree, from its source.

    :raises NotUnderstood: naming what is not read.
    """
    path, name = guests.DISPATCH
    if path not in files.tracked:
        raise NotUnderstood(f"{path} is not there")
    world = world_in(world_of(files), files, path, whole=True)
    function = find_entity(files.read(path), "function", name)
    if function is None:
        raise NotUnderstood(f"{path} does not define {name}")
    reading = _Dispatcher(function, world)
    names = _names(world, files)
    cells: dict[str, str] = {}
    for number, label in sorted(names.items()):
        for kind in world.containers:
            for mode, value in guests.MODES.items():
                cell = reading.cell(kind, value, number)
                cells[f"{kind}/{mode}/{label}"] = cell + _cut(cell, kind, world, number, files, path)
    constant = Constants(files)
    assembly: dict[str, dict[int, str]] = {}
    for mode, (source, symbol) in guests.PV_TABLES.items():
        rows = assembly_table(files.read(source), symbol, constant) if source in files.tracked else {}
        if rows:
            assembly[symbol] = rows
            cells.update({f"{guests.PLAIN}/{mode}/{label}": _row(rows, number) for number, label in names.items()})
    used = {n: t for n, t in world.tables.items() if n in function.words}
    data = files.read(path)
    return Matrix(cells, used, _owners(data, used, world, function), assembly, callees(data, used))


def _names(world: World, files: Files) -> dict[int, str]:
    """Every hypercall number with its name, or "#N" where none is known, and what lies past them."""
    constant = Constants(files)
    out: dict[int, str] = {}
    count = world.constant(guests.COUNT)
    if count is None:
        raise NotUnderstood(f"{guests.COUNT} has no known value")
    for macro in constant.names(guests.NUMBER_PREFIX):
        value = constant(macro)
        label = macro.removeprefix(guests.NUMBER_PREFIX)
        if value is not None and 0 <= value < count and not label.endswith("_compat"):
            out.setdefault(value, label)
    longest = max((t.length for t in world.tables.values()), default=0)
    for number in (*range(max(count, longest) + 1), *_PAST):
        out.setdefault(number, f"#{number}")
    return out


_PAST = (1 << 31, (1 << 32) - 1)  # numbers past every table: where a signed bound, or none, lets them in


class _Dispatcher:
    def __init__(self, function: Entity, world: World) -> None:
        self._nodes = parse_body(function)
        self._world = world
        self._alias = aliases(self._nodes, {p[-1] for p in parameters(function)})
        self._mode = _variable(self._nodes, guests.MODE_FUNCTION)
        self._number = _index(self._nodes, world)
        self._kinds = kinds_of(self._nodes, parameters(function))
        if assigned(self._nodes, self._number):
            raise NotUnderstood(f"the dispatcher changes {self._number}, by which it looks into its tables")

    def cell(self, kind: str, mode: int, number: int) -> str:
        """What a guest gets: assignments to its registers on the way, in order."""
        values = typed_values({self._mode: mode, self._number: number}, self._kinds)
        env = Env(self._world, {guests.CURRENT: kind}, values, self._alias)
        left = specialise(self._nodes, env)
        if env.asked:
            raise NotUnderstood(f"the dispatcher asks for the type of {', '.join(sorted(env.asked))}")
        beyond = next((x for x in all_parts(left) if x[0] == "beyond"), None)
        if beyond is not None:
            return f"undefined: reads {show(beyond)}"
        got = [text for x in left if (text := _answer(x))]
        if left and left[-1][:2] == ("jump", "ASSERT fails"):  # a debug build ends here, a release build goes on
            rest = specialise(_without_asserts(self._nodes), env)
            got.append("; ".join(["ASSERT fails, in a release build", *(text for x in rest if (text := _answer(x)))]))
        if not got:
            raise NotUnderstood(f"no answer for hypercall {number} of a {kind} guest")
        return "; ".join(got)


def _without_asserts(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Statements as a release build has them."""
    out: list[Node] = []
    for n in nodes:
        if isinstance(n, Leaf):
            out += [] if n.words[0] == "ASSERT" else [n]
        elif isinstance(n, If):
            out.append(replace(n, then=_without_asserts(n.then), other=_without_asserts(n.other)))
        else:
            out.append(replace(n, body=_without_asserts(n.body)))
    return tuple(out)


def _answer(left: Left) -> str:
    """An assignment to a register of the guest, or ""."""
    if left[0] != "leaf" or len(left) < 3 or left[2][0] != "assign":
        return ""
    target, value = left[2][2], left[2][3]
    if target[0] != "field" or target[1] != ("id", "regs"):
        return ""
    if value[0] == "call":
        args = ", ".join(re.sub(r"\bregs->", "", show(a)) for a in value[2])
        return f"{show(value[1])}({args}) -> {target[3]}"
    return f"{show(value)} -> {target[3]}"


def _variable(nodes: Sequence[Node], function: str) -> str:
    """The local that holds what a function returns."""
    for leaf in leaves(nodes):
        if function in leaf.words:
            statement = parse_statement(leaf.words)
            if statement[0] == "decl":
                return str(statement[1][0][0])
    raise NotUnderstood(f"the dispatcher keeps no result of {function}()")


def _index(nodes: Sequence[Node], world: World) -> str:
    """The variable with which it looks into its tables."""
    found: set[str] = set()
    for words in _all_words(nodes):
        for i, w in enumerate(words[:-3]):
            if w in world.tables and words[i + 1] == "[" and words[i + 3] == "]":
                found.add(words[i + 2])
    if len(found) != 1:
        raise NotUnderstood(f"the dispatcher looks into its tables by {', '.join(sorted(found)) or 'nothing'}")
    return found.pop()


def _all_words(nodes: Sequence[Node]) -> list[tuple[str, ...]]:
    out: list[tuple[str, ...]] = []
    for n in nodes:
        if isinstance(n, Leaf):
            out.append(n.words)
            continue
        out.append(tuple(getattr(n, "cond", ())))
        for part in ("then", "other", "body"):
            out += _all_words(getattr(n, part, ()))
    return out


def _cut(cell: str, kind: str, world: World, number: int, files: Files, path: str) -> str:
    """What a selector on the way takes from an argument that the handler takes whole."""
    raw = {str(v[1]) for t in world.tables.values() for v in t.get(number, {}).values() if v[0] == "handler"}
    handler = cell.partition("(")[0]
    for name in sorted(raw & set(world.selectors)):
        env = Env(world, {guests.CURRENT: kind})
        if select(name, env) != handler:
            continue
        outer, inner = _declaration(files, path, name), _declaration(files, path, handler)
        if outer is None or inner is None:
            raise NotUnderstood(f"{name if outer is None else handler} has no known parameters")
        for i, (a, b) in enumerate(zip(parameters(outer), parameters(inner), strict=False), 1):
            if _bits(a) < _bits(b):
                return f" with argument {i} cut to {_bits(a)} bits by {name}"
        results = [_bits(e.words[: e.words.index(e.name.partition("(")[0])]) for e in (outer, inner)]
        if results[0] < results[1]:
            return f" with the result cut to {results[0]} bits by {name}"
    return ""


def _declaration(files: Files, path: str, name: str) -> Entity | None:
    for place in (path, *guests.PROTOTYPES):
        if place in files.tracked:
            data = files.read(place)
            found = find_entity(data, "function", name) or find_entity(data, "prototype", name)
            if found is not None:
                return found
    return None


def _bits(words: tuple[str, ...]) -> int:
    """The width of a parameter on x86-64."""
    if "*" in words or "long" in words or any("HANDLE" in w for w in words):
        return 64
    known = {"int": 32, "unsigned": 32, "uint32_t": 32, "int32_t": 32, "u32": 32, "short": 16, "char": 8, "bool_t": 8}
    return next((known[w] for w in words if w in known), 64)


def _row(rows: Mapping[int, str], number: int) -> str:
    """A cell of a PV guest; what lies past the table is its dispatcher's to refuse."""
    return rows.get(number, f"#{number} is past the table")


def assembly_table(data: bytes, symbol: str, constant: Callable[[str], int | None]) -> dict[int, str]:
    """Handlers by number from ``ENTRY(symbol)`` and its ``.quad`` lines.

    A ``.rept`` fills with its one handler up to the number that it names.

    :raises NotUnderstood: for one whose number is not known.
    """
    text = re.sub(r"/\*.*?\*/", "", data.decode("latin-1"), flags=re.S)
    body = text.partition(f"ENTRY({symbol})")[2]
    out: dict[int, str] = {}
    number = 0
    repeat: int | None = None
    for line in body.splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == ".rept":
            m = re.match(rf"\s*\.rept\s+(\w+)\s*-\s*\(\(\.-{symbol}\)/8\)\s*\Z", line)
            repeat = constant(m.group(1)) if m else None
            if repeat is None:
                raise NotUnderstood(f"{symbol}: a .rept of a form that is not known: {line.strip()}")
        elif words[0] == ".quad":
            if repeat is not None:
                while number < repeat:
                    out[number] = words[1]
                    number += 1
            else:
                out[number] = words[1]
                number += 1
        elif words[0] == ".endr":
            repeat = None
        else:
            break
    return out


def _owners(data: bytes, used: Mapping[str, Any], world: World, function: Entity) -> frozenset[str]:
    """What the cells were read from: the tables with their types and row macros, and constants."""
    found = list(entities(data).values())
    out = {function.name, *used, *world.selectors}
    tables = {w for e in found if e.kind == "variable" and e.name in used for w in e.words}
    rows = {e.name for e in found if e.kind == "macro" and e.name in tables and e.words[2:3] == ("(",)}
    types = {e.name for e in found if e.kind == "type" and e.name in tables}
    types |= {e.name for e in found if e.kind == "type" and e.name in _words_of(found, types)}
    read = {*tables, *function.words, *_words_of(found, rows)}
    plain = {e.name for e in found if e.kind == "macro" and e.name in read and world.constant(e.name) is not None}
    out |= rows | types | plain
    return frozenset(n for n in out if n in (function.name, *used) or not _used_besides(found, n, out))


def _words_of(found: Sequence[Entity], names: set[str]) -> set[str]:
    return {w for e in found if e.name in names and e.kind in ("macro", "type") for w in e.words}


def _used_besides(found: Sequence[Entity], name: str, owners: set[str]) -> bool:
    return any(name in e.words and e.name not in owners and e.kind != "conditional" for e in found)


def callees(data: bytes, used: Mapping[str, Any]) -> frozenset[str]:
    """The types of functions through which handlers are called, as C text without a name;
    a type that the file does not define is its name."""
    found = list(entities(data).values())
    words: set[str] = set()
    for e in (e for e in found if e.kind == "variable" and e.name in used):
        words |= set(e.words[: e.words.index("=")])
    words |= _words_of(found, {e.name for e in found if e.kind == "type" and "{" in e.words and e.name in words})
    types = [e for e in found if e.kind == "type" and e.words[0] == "typedef" and e.name in words]
    return frozenset(" ".join(w for w in e.words[1:] if w != e.name) for e in types)


def _is_read(change: Change) -> bool:
    """Whether the cells say what a change of this kind does: they do not say how wide a typedef is."""
    typedef = change.kind == "type" and any(e is not None and e.words[0] == "typedef" for e in (change.old, change.new))
    return change.kind in ("function", "macro", "type", "variable") and not typedef


def prove_hypercalls(case: Case, built: Mapping[str, tuple[Words, Words]]) -> Proof:
    """The matrix before and after, and the source against the binary.

    :param built: configuration to the tables of its binary before and after.
    """
    path = guests.DISPATCH[0]
    changes = [
        c for c in changed_entities(case) if c.path == path or c.path in {p for p, _ in guests.PV_TABLES.values()}
    ]
    try:
        old, new = matrix_of(case.before), matrix_of(case.after)
    except NotUnderstood as e:
        if not changes and not case.changed_any(path, *(p for p, _ in guests.PV_TABLES.values())):
            return Proof("hypercalls", PASS, "nothing of the dispatch is concerned", (), {"why": str(e)})
        return Proof("hypercalls", REFUSED, "the dispatch is not understood", (Finding(path, str(e)),))
    findings, difference = _differences(case, old, new)
    agreed = 0
    for kind in sorted(new.callees - old.callees):
        findings.append(Finding(path, f"handlers are called as another type of function: {kind}"))
    for config, sides in sorted(built.items()):
        for matrix, words, side in ((old, sides[0], "before"), (new, sides[1], "after")):
            wrong, count = agree(matrix.tables, matrix.assembly, words)
            agreed += count
            findings += [Finding(f"{config}, {side}", w) for w in wrong]
    facts = {"cells": len(new.cells), "difference": difference, "matrix": new.cells, "agreed": agreed}
    facts["configurations"] = sorted(built)
    if findings:
        return Proof("hypercalls", FAIL, f"{len(findings)} findings", tuple(findings), facts)
    same = len({*old.cells, *new.cells}) - len(difference)
    but = f", {len(difference)} differ as declared" if difference else ""
    how = f"every number reaches the same for every guest type and mode{but}"
    names = old.owners | new.owners
    covers = {c.where: how for c in changes if c.name in names and _is_read(c)}
    if not built:
        why = "no binary was built here to read the tables from"
        return Proof("hypercalls", SKIP, f"{same} cells the same in the source{but}; {why}", (), facts, covers)
    summary = f"{len(new.cells)} cells, {len(difference)} differ; {agreed} words of binary tables agree"
    return Proof("hypercalls", PASS, summary, (), facts, covers)


def _differences(case: Case, old: Matrix, new: Matrix) -> tuple[list[Finding], dict[str, list[str]]]:
    declared = {r.cell: r.becomes for r in case.declared.reaches}
    findings: list[Finding] = []
    difference: dict[str, list[str]] = {}
    for cell in sorted({*old.cells, *new.cells}):
        a, b = old.cells.get(cell, "not there"), new.cells.get(cell, "not there")
        if a == b:
            continue
        difference[cell] = [a, b]
        if cell in declared and fnmatchcase(b, declared[cell]):
            continue
        wider = _absent(a) and not _absent(b)
        findings.append(Finding(cell, f"{'reachable now, and not declared: ' if wider else ''}{a} before, {b} after"))
    for cell in sorted(declared.keys() - difference.keys()):
        findings.append(Finding(cell, f"declared to become {declared[cell]}, and it does not change"))
    return findings, difference


def _absent(cell: str) -> bool:
    return cell.startswith(("-ENOSYS", "not there", guests.ABSENT_HANDLER))
