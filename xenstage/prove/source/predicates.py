"""predicates: what a patch leaves of each function for each guest type, before and after.

For every function that a patch changes, all objects whose type a condition asks for
take every type in turn.  Under each assignment the conditions fold, and what is left
of the function must be the same, with the conditions that remain compared by truth
table over everything else.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from ...ctext.body import NotUnderstood, parameters, parse_body
from ...ctext.entities import Entity
from ...ctext.expr import parts, show
from ..case import Case
from ..changes import Change, changed_entities
from ..model import guests
from ..model.special import Env, Left, World, aliases, specialise
from ..model.tables import world_in
from ..model.traps import valid_objects
from ..model.variables import kinds_of, tested_pointers, typed_values
from ..model.world import truth_table, world_of
from ..result import FAIL, PASS, REFUSED, Finding, Proof
from .compare import differences
from .conditions import changed_conditions

MOST_OBJECTS = 4


def prove_predicates(case: Case) -> Proof:
    """Every changed condition, for every guest type and every value of everything else."""
    changes = changed_entities(case)
    findings: list[Finding] = []
    refused: list[Finding] = []
    covers: dict[str, str] = {}
    facts: dict[str, Any] = {"functions": {}}
    try:
        worlds = world_of(case.before), world_of(case.after)
    except NotUnderstood as e:
        if not _asks_types(changes):
            return Proof("predicates", PASS, "no condition on a guest type is concerned", (), {"why": str(e)}, {})
        return Proof("predicates", REFUSED, "a definition is not understood", (Finding(guests.HEADER, str(e)),))
    old, new = truth_table(worlds[0]), truth_table(worlds[1])
    facts["predicates"] = {"before": old, "after": new}
    for name in sorted({*old, *new}):
        for kind in sorted({*old.get(name, {}), *new.get(name, {})}):
            a, b = old.get(name, {}).get(kind), new.get(name, {}).get(kind)
            if a != b:
                findings.append(Finding(name, f"is {a} for a {kind} guest before, {b} after"))
    same = not findings
    for change in changes:
        if change.name in old and change.kind in ("macro", "function") and change.path == guests.HEADER and same:
            covers[change.name] = "its answer is the same for every guest type"
        elif change.kind == "type" and same and change.path == guests.HEADER and _representation(change, worlds):
            covers[change.name] = "what predicates read of it gives the same answers"
        elif change.kind == "function" and change.old is not None and change.new is not None:
            found, kind, rows = _function(change, change.old, change.new, worlds, case)
            facts["functions"][f"{change.path}:{change.name}"] = rows
            if kind == "same":
                covers[change.name] = f"the same is left of it for {rows['assignments']} assignments of types"
            elif kind == "refused":
                refused.append(Finding(change.where, found))
            else:
                findings.append(Finding(change.where, found))
    tested = len(facts["functions"])
    if findings:
        return Proof("predicates", FAIL, f"{len(findings)} differences", tuple(findings + refused), facts, covers)
    if refused:
        return Proof("predicates", REFUSED, f"{len(refused)} not understood", tuple(refused), facts, covers)
    rows_ = sum(r["assignments"] for r in facts["functions"].values())
    summary = f"{len(new)} predicates and {tested} changed functions the same ({rows_} assignments)"
    return Proof("predicates", PASS, summary, (), facts, covers)


def _asks_types(changes: list[Change]) -> bool:
    words = {w for c in changes for e in (c.old, c.new) if e is not None for w in e.words}
    return bool(words & {*guests.PREDICATES, "guest_type"})


def _representation(change: Change, worlds: tuple[World, World]) -> bool:
    """Whether a changed type is one that only holds what predicates read: an enum whose
    values they compare, or a struct that gains fields."""
    if change.old is None or change.new is None:
        return change.old is None
    if change.old.words[0] == "enum":
        read = {*worlds[0].fields, *worlds[1].fields}
        return change.name in read
    return _only_gains(change.old, change.new)


def _only_gains(old: Entity, new: Entity) -> bool:
    """Whether a struct's declaration holds all it held, in order, and whole fields more."""

    def fields(e: Entity) -> list[str]:
        text = " ".join(t.text for t in e.tokens)
        return [part.strip() for part in text.replace("{", ";").split(";")]

    rest = iter(fields(new))
    return all(any(f == g for g in rest) for f in fields(old))


def _function(
    change: Change, old: Entity, new: Entity, worlds: tuple[World, World], case: Case
) -> tuple[str, str, dict[str, Any]]:
    """("", "same"), (difference, "differs") or (reason, "refused"), and what was looked at."""
    rows: dict[str, Any] = {"assignments": 0, "objects": [], "variables": []}
    try:
        if (change.path, change.name) == guests.CREATE:
            rows["conditions"] = changed_conditions(old, new, worlds)
            return _created(old, new, worlds, rows)
        seen = (world_in(worlds[0], case.before, change.path), world_in(worlds[1], case.after, change.path))
        readings = [_Reading(e, w) for e, w in zip((old, new), seen, strict=True)]
        objects = sorted(readings[0].objects() | readings[1].objects())
        variables = sorted(readings[0].indices() | readings[1].indices())
        rows["objects"], rows["variables"] = objects, variables
        rows["conditions"] = changed_conditions(old, new, seen)
        if len(objects) > MOST_OBJECTS:
            return f"asks for the types of {len(objects)} objects", "refused", rows
        pointers = readings[0].tested() | readings[1].tested()
        for types, values, null in _assignments(objects, variables, pointers, seen):
            rows["assignments"] += 1
            a, b = (r.left(types, values, null) for r in readings)
            wrong = readings[1].wrong - readings[0].wrong
            found = sorted(wrong)[0] if wrong else differences(a, b, valid_objects(types))
            if found:
                return f"{_given(types, values, null)}{found}", "differs", rows
    except NotUnderstood as e:
        return str(e), "refused", rows
    if parameters(old) != parameters(new):
        return "its parameters differ", "differs", rows
    return "", "same", rows


def _created(
    old: Entity, new: Entity, worlds: tuple[World, World], rows: dict[str, Any]
) -> tuple[str, str, dict[str, Any]]:
    """The function that gives a domain its type: the same for every way of creating one,
    but for how the type is put down, which the predicates' answers cover."""
    rows["objects"] = ["the domain that is created"]
    for kind, flags in guests.CREATION.items():
        rows["assignments"] += 1
        a, b = (_creating(e, w, flags) for e, w in zip((old, new), worlds, strict=True))
        found = differences(a, b)
        if found:
            return f"for a domain created as {kind}: {found}", "differs", rows
    return "", "same", rows


def _creating(function: Entity, world: World, flags: tuple[str, ...]) -> list[Left]:
    nodes = parse_body(function)
    value = 0
    for f in flags:
        value |= world.constant(f) or 0
    given = parameters(function)
    env = Env(world, values={p[-1]: value for p in given if "flags" in p[-1]}, alias=aliases(nodes, set()))
    return _marked(specialise(nodes, env), {*world.fields})


def _marked(left: list[Left], fields: set[str]) -> list[Left]:
    """Assignments of what predicates read become one mark, at the place where they stand."""
    out: list[Left] = []
    for x in left:
        if x[0] == "leaf" and len(x) > 2 and x[2][0] == "assign" and x[2][2][0] == "field" and x[2][2][3] in fields:
            mark: Left = ("leaf", f"the type of {show(x[2][2][1])} is put down")
            if not (out and out[-1] == mark):
                out.append(mark)
        elif x[0] == "if":
            out.append((x[0], x[1], _marked(x[2], fields), _marked(x[3], fields)))
        else:
            out.append(x)
    return out


def _given(types: Mapping[str, str], values: Mapping[str, int], null: str = "") -> str:
    known = [f"{o} is {t}" for o, t in types.items()] + [f"{n} = {v}" for n, v in values.items()]
    known += [f"{null} is NULL"] if null else []
    return f"for {', '.join(known)}: " if known else ""


def _assignments(
    objects: list[str], variables: list[str], pointers: set[str], worlds: tuple[World, World]
) -> Iterator[tuple[dict[str, str], dict[str, int], str]]:
    """Types of the objects, values of the variables, and a pointer that is NULL: none of
    them, and each that a condition tests and whose type is asked for."""
    roots = {o: o.removesuffix("->domain") for o in objects}
    for null in ("", *sorted(pointers & set(roots.values()))):
        there = [o for o in objects if roots[o] != null]
        for types, values in _given_types(there, variables, worlds):
            yield types, values, null


def _given_types(
    objects: list[str], variables: list[str], worlds: tuple[World, World]
) -> Iterator[tuple[dict[str, str], dict[str, int]]]:
    count = max((w.constant(guests.COUNT) or 0) for w in worlds) if variables else 0
    numbers = [*range(count + 1), 0x80000000, 0xFFFFFFFF]
    for kinds in itertools.product(guests.TYPES, repeat=len(objects)):
        for given in itertools.product(numbers, repeat=len(variables)) if variables else [()]:
            yield dict(zip(objects, kinds, strict=True)), dict(zip(variables, given, strict=True))


class _Reading:
    """One side's function, ready to be specialised."""

    def __init__(self, function: Entity, world: World) -> None:
        self._nodes = parse_body(function)
        self._world = world
        self._alias = aliases(self._nodes, {p[-1] for p in parameters(function)})
        self._kinds = kinds_of(self._nodes, parameters(function))
        self.wrong: set[str] = set()

    def _env(self, types: Mapping[str, str], values: Mapping[str, int], null: str = "") -> Env:
        known = typed_values(values, self._kinds)
        return Env(self._world, types, known, self._alias, frozenset({null} if null else ()))

    def left(self, types: Mapping[str, str], values: Mapping[str, int], null: str) -> list[Left]:
        """What is left of it."""
        env = self._env(types, values, null)
        out = specialise(self._nodes, env)
        self.wrong = env.wrong
        return out

    def tested(self) -> set[str]:
        """Names that a condition compares with NULL."""
        return tested_pointers(self._nodes)

    def objects(self) -> set[str]:
        """Objects whose type it asks for, its selectors' included."""
        env = self._env({}, {})
        specialise(self._nodes, env)
        if self.indices():
            env.asked |= {"current->domain" for s in self._world.selectors.values() if "current" in show(s)}
        return env.asked

    def indices(self) -> set[str]:
        """Variables by which it looks into a table of handlers."""
        out: set[str] = set()
        env = self._env({}, {})
        for e in _all_parts(specialise(self._nodes, env)):
            if e[0] == "index" and e[1][0] == "id" and e[1][1] in self._world.tables and e[2][0] == "id":
                out.add(e[2][1])
        return out


def _all_parts(left: list[Left]) -> Iterator[Any]:
    for x in left:
        for y in x[1:]:
            if isinstance(y, list):
                yield from _all_parts(y)
            elif isinstance(y, tuple):
                yield from parts(y)
