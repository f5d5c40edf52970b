"""hypercalls: what each guest type reaches by each hypercall, in each mode.

Derived twice.  From the source: the dispatcher is specialised for a guest type, a mode
and a number, and what it then calls or returns is the cell.  From the binary: the
tables as the linker left them.  The two must agree, before and after a patch, and no
cell may differ that the patch does not declare.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...ctext.body import If, Leaf, Node, NotUnderstood, parameters, parse_body
from ...ctext.entities import Entity, entities, find_entity
from ...ctext.expr import Expr, parse_statement, show
from ...index.sweep import Files
from ..case import Case
from ..changes import changed_entities
from ..model import guests
from ..model.constants import Constants
from ..model.special import Env, Left, Table, World, aliases, leaves, select, specialise
from ..model.tables import world_in
from ..model.variables import assigned, kinds_of, typed_values
from ..model.world import world_of
from ..result import FAIL, PASS, REFUSED, SKIP, Finding, Proof

Words = Mapping[str, Sequence[Any]]  # table's symbol -> its 8-byte words: names of functions, or numbers
_ARM = ("arm64", "arm32")


@dataclass(frozen=True)
class Matrix:
    """A tree's hypercalls.

    :param cells: "guest/mode/hypercall" to what is reached, e.g. "do_memory_op(…) -> rax".
    :param tables: the arrays that the dispatcher looks into.
    :param owners: functions, types and macros that the cells were read from.
    """

    cells: dict[str, str]
    tables: dict[str, Table] = field(default_factory=dict)
    owners: frozenset[str] = frozenset()


def matrix_of(files: Files) -> Matrix:
    """The matrix of a tree, from its source.

    :raises NotUnderstood: naming what is not read.
    """
    path, name = guests.DISPATCH
    if path not in files.tracked:
        raise NotUnderstood(f"{path} is not there")
    world = world_in(world_of(files), files, path)
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
    cells.update(_pv(files, names))
    used = {n: t for n, t in world.tables.items() if n in function.words}
    return Matrix(cells, used, _owners(files.read(path), used, world, function))


def _names(world: World, files: Files) -> dict[int, str]:
    """Hypercall numbers that any table or header knows, with their names."""
    constant = Constants(files)
    out: dict[int, str] = {}
    for macro in constant.names(guests.NUMBER_PREFIX):
        value = constant(macro)
        label = macro.removeprefix(guests.NUMBER_PREFIX)
        count = world.constant(guests.COUNT) or 64
        if value is not None and 0 <= value < count and not label.endswith("_compat"):
            out.setdefault(value, label)
    for table in world.tables.values():
        for number in table:
            out.setdefault(number, f"#{number}")
    return out


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
        outer, inner = _signature(files, path, name), _signature(files, path, handler)
        if outer is None or inner is None:
            raise NotUnderstood(f"{name if outer is None else handler} has no known parameters")
        for i, (a, b) in enumerate(zip(outer, inner, strict=False), 1):
            if _bits(a) < _bits(b):
                return f" with argument {i} cut to {_bits(a)} bits by {name}"
    return ""


def _signature(files: Files, path: str, name: str) -> list[tuple[str, ...]] | None:
    for place in (path, *guests.PROTOTYPES):
        if place in files.tracked:
            data = files.read(place)
            found = find_entity(data, "function", name) or find_entity(data, "prototype", name)
            if found is not None:
                return parameters(found)
    return None


def _bits(words: tuple[str, ...]) -> int:
    """The width of a parameter on x86-64."""
    if "*" in words or "long" in words or any("HANDLE" in w for w in words):
        return 64
    known = {"int": 32, "unsigned": 32, "uint32_t": 32, "int32_t": 32, "u32": 32, "short": 16, "char": 8, "bool_t": 8}
    return next((known[w] for w in words if w in known), 64)


def _pv(files: Files, names: Mapping[int, str]) -> dict[str, str]:
    """PV guests' cells, from the tables in assembly."""
    out: dict[str, str] = {}
    for mode, (path, symbol) in guests.PV_TABLES.items():
        rows = assembly_table(files.read(path), symbol) if path in files.tracked else {}
        for number, label in names.items():
            if rows:
                out[f"{guests.PLAIN}/{mode}/{label}"] = rows.get(number, guests.ABSENT_HANDLER)
    return out


def assembly_table(data: bytes, symbol: str) -> dict[int, str]:
    """Handlers by number from ``ENTRY(symbol)`` and its ``.quad`` lines.

    A ``.rept`` fills with its one handler up to the number that it names.
    """
    text = re.sub(r"/\*.*?\*/", "", data.decode("latin-1"), flags=re.S)
    body = text.partition(f"ENTRY({symbol})")[2]
    out: dict[int, str] = {}
    number, repeat = 0, ""
    for line in body.splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == ".rept":
            m = re.search(r"(?:__HYPERVISOR_arch_(\d+)|NR_hypercalls)", line)
            repeat = str(48 + int(m.group(1))) if m and m.group(1) else "64" if m else "?"
        elif words[0] == ".quad":
            if repeat:
                if repeat == "?":
                    return {}
                while number < int(repeat):
                    out[number] = words[1]
                    number += 1
            else:
                out[number] = words[1]
                number += 1
        elif words[0] == ".endr":
            repeat = ""
        else:
            break
    return out


def _owners(data: bytes, used: Mapping[str, Any], world: World, function: Entity) -> frozenset[str]:
    out = {function.name, *used, *world.selectors}
    found = entities(data)
    for e in found.values():
        if e.kind == "variable" and e.name in used:
            words = set(e.words)
            out |= {m.name for m in found.values() if m.kind == "macro" and m.name in words}
            out |= {t.name for t in found.values() if t.kind == "type" and t.name in words}
    return frozenset(out)


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
    for config, sides in sorted(built.items()):
        for matrix, words, side in ((old, sides[0], "before"), (new, sides[1], "after")):
            wrong, count = _agree(matrix, words)
            agreed += count
            findings += [Finding(f"{config}, {side}", w) for w in wrong]
    facts = {"cells": len(new.cells), "difference": difference, "matrix": new.cells, "agreed": agreed}
    facts["configurations"] = sorted(built)
    if findings:
        return Proof("hypercalls", FAIL, f"{len(findings)} findings", tuple(findings), facts)
    how = "every number reaches the same for every guest type and mode"
    names = old.owners | new.owners
    covers = {c.name: how for c in changes if c.name in names or _mask(c.name, new)}
    if not built:
        why = "no binary was built here to read the tables from"
        return Proof("hypercalls", SKIP, f"{len(new.cells)} cells the same in the source; {why}", (), facts, covers)
    summary = f"{len(new.cells)} cells, {len(difference)} differ; {agreed} words of binary tables agree"
    return Proof("hypercalls", PASS, summary, (), facts, covers)


def _mask(name: str, matrix: Matrix) -> bool:
    return any(set(r) - {""} for t in matrix.tables.values() for r in t.values()) and name.startswith("HCALL")


def _differences(case: Case, old: Matrix, new: Matrix) -> tuple[list[Finding], dict[str, list[str]]]:
    declared = " ".join(case.declared.intended)
    findings: list[Finding] = []
    difference: dict[str, list[str]] = {}
    for cell in sorted({*old.cells, *new.cells}):
        a, b = old.cells.get(cell, "not there"), new.cells.get(cell, "not there")
        if a == b:
            continue
        difference[cell] = [a, b]
        if cell.rpartition("/")[2] in declared.split() or re.search(
            rf"\b{re.escape(cell.rpartition('/')[2])}\b", declared
        ):
            continue
        wider = _absent(a) and not _absent(b)
        findings.append(Finding(cell, f"{'reachable now, and not declared: ' if wider else ''}{a} before, {b} after"))
    return findings, difference


def _absent(cell: str) -> bool:
    return cell.startswith(("-ENOSYS", "not there", guests.ABSENT_HANDLER))


def _agree(matrix: Matrix, words: Words) -> tuple[list[str], int]:
    """Where a binary's tables are not what the source says, and how many words are."""
    wrong: list[str] = []
    count = 0
    for name, table in sorted(matrix.tables.items()):
        if name not in words:
            wrong.append(f"{name} is not in the binary")
            continue
        members = next((list(r) for r in table.values() if len(r) == max(map(len, table.values()))), [""])
        rows = len(words[name]) // len(members)
        for number in range(rows):
            row = table.get(number, {})
            for k, member in enumerate(members):
                said = _plain(row.get(member, ("num", 0)))
                found = words[name][number * len(members) + k]
                count += 1
                if said != found and not (isinstance(found, str) and said in found.split("|")):
                    wrong.append(f"{name}[{number}]{'.' + member if member else ''} is {found}, the source says {said}")
    for mode, (_, symbol) in guests.PV_TABLES.items():
        wrong += _agree_pv(matrix, words, symbol, mode)
    return wrong, count


def _agree_pv(matrix: Matrix, words: Words, symbol: str, mode: str) -> list[str]:
    said = [c for k, c in matrix.cells.items() if k.startswith(f"{guests.PLAIN}/{mode}/")]
    if not said or symbol not in words:
        return []
    there = {n for w in words[symbol] if isinstance(w, str) for n in w.split("|")}
    return [f"{symbol}: {h} of the source is not in the binary" for h in sorted(set(said) - there)]


def _plain(e: Expr) -> Any:
    return e[1]
