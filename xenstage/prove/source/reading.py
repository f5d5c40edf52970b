"""Reading: one side's function or macro, ready to be specialised."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from ...ctext.body import parameters
from ...ctext.entities import Entity
from ...ctext.expr import parts, show
from ...effect import Effect
from ..model import guests
from ..model.bodies import body_of, others
from ..model.special import Env, Left, World, aliases, specialise
from ..model.tidy import tidy
from ..model.variables import kinds_of, tested_pointers, typed_values

Types = dict[str, str]
Values = dict[str, int]


class Reading:
    """What is left of a function, or of a macro's expression, under assignments of kinds.

    :raises NotUnderstood: for a body that is not read.
    """

    def __init__(self, entity: Entity, world: World) -> None:
        self._nodes = body_of(entity)
        self._world = world
        given = parameters(entity) if entity.kind == "function" else []
        self._alias = aliases(self._nodes, {p[-1] for p in given})
        self._others = others(entity)
        self._kinds = kinds_of(self._nodes, given)
        self.wrong: set[str] = set()

    def _env(
        self, types: Mapping[str, str], values: Mapping[str, int], null: str = "", world: World | None = None
    ) -> Env:
        known = typed_values(values, self._kinds)
        gone = frozenset({null} if null else ())
        return Env(world or self._world, types, known, self._alias, null=gone, others=self._others)

    def left(
        self, types: Mapping[str, str], values: Mapping[str, int], null: str = "", effects: tuple[Effect, ...] = ()
    ) -> list[Left]:
        """What is left of it.

        :param null: a pointer that is NULL, if one is.
        :param effects: predicates that are to be read as true, for their kinds.
        """
        env = self._env(types, values, null, overridden(self._world, effects))
        out = tidy(specialise(self._nodes, env))
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
            env.asked |= {guests.CURRENT for s in self._world.selectors.values() if "current" in show(s)}
        return env.asked

    def indices(self) -> set[str]:
        """Variables by which it looks into a table of handlers."""
        out: set[str] = set()
        for e in all_parts(specialise(self._nodes, self._env({}, {}))):
            if e[0] == "index" and e[1][0] == "id" and e[1][1] in self._world.tables and e[2][0] == "id":
                out.add(e[2][1])
        return out


def overridden(world: World, effects: tuple[Effect, ...]) -> World:
    """A world in which predicates answer yes for the kinds for which effects say so."""
    truth = dict(world.truth)
    for e in effects:
        for name in truth:
            if e.reads_true and fnmatchcase(name, e.reads_true):
                truth[name] = {**truth[name], e.kind: 1}
    return replace(world, truth=truth) if truth != world.truth else world


def all_parts(left: list[Left]) -> Iterator[Any]:
    """Every expression in what is left."""
    for x in left:
        for y in x[1:]:
            if isinstance(y, list):
                yield from all_parts(y)
            elif isinstance(y, tuple):
                yield from parts(y)


def assignments(
    objects: list[str], variables: list[str], pointers: set[str], worlds: tuple[World, World]
) -> Iterator[tuple[Types, Values, str]]:
    """Kinds of the objects, values of the variables, and a pointer that is NULL: none of
    them, and each that a condition tests and whose kind is asked for."""
    roots = {o: o.removesuffix("->domain") for o in objects}
    for null in ("", *sorted(pointers & set(roots.values()))):
        there = [o for o in objects if roots[o] != null]
        for types, values in _given_kinds(there, variables, worlds):
            yield types, values, null


def _given_kinds(
    objects: list[str], variables: list[str], worlds: tuple[World, World]
) -> Iterator[tuple[Types, Values]]:
    count = max((w.constant(guests.COUNT) or 0) for w in worlds) if variables else 0
    numbers = [*range(count + 1), 0x80000000, 0xFFFFFFFF]
    for kinds in itertools.product(worlds[0].kinds, repeat=len(objects)):
        for given in itertools.product(numbers, repeat=len(variables)) if variables else [()]:
            yield dict(zip(objects, kinds, strict=True)), dict(zip(variables, given, strict=True))


def told(types: Mapping[str, str], values: Mapping[str, int], null: str = "") -> str:
    """An assignment, as findings begin."""
    known = [f"{o} is {t}" for o, t in types.items()] + [f"{n} = {v}" for n, v in values.items()]
    known += [f"{null} is NULL"] if null else []
    return f"for {', '.join(known)}: " if known else ""
