"""created: the function that makes domains, for every combination of the flags that it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...ctext.body import parameters, parse_body
from ...ctext.entities import Entity
from ...ctext.expr import show
from ..model.bodies import others
from ..model.creation import asked_flags, combinations, flags_parameter, kind_name
from ..model.special import Env, Left, World, aliases, specialise
from ..model.tidy import tidy


def ways(old: Entity, new: Entity, worlds: tuple[World, World]) -> list[tuple[str, ...]]:
    """Every combination of the flags that either version asks for.

    :raises NotUnderstood: for too many.
    """
    asked = {**asked_flags(old, worlds[0].constant), **asked_flags(new, worlds[1].constant)}
    return combinations(list(asked))


def created(
    old: Entity, new: Entity, worlds: tuple[World, World], rows: dict[str, Any]
) -> Iterator[tuple[str, str, list[Left], list[Left]]]:
    """What the domain is created as, the kind that it is, and what is left of both versions
    for it: the same but for how the type is put down, which the predicates' answers cover."""
    telling_flags = {f for w in worlds for f in w.flags}
    rows["objects"] = ["the domain that is created"]
    for flags in ways(old, new, worlds):
        rows["assignments"] += 1
        telling = {*worlds[0].fields, *worlds[1].fields}
        a, b = (_creating(e, w, flags, telling) for e, w in zip((old, new), worlds, strict=True))
        yield kind_name(flags), kind_name(f for f in flags if f in telling_flags), a, b


def _creating(function: Entity, world: World, flags: tuple[str, ...], telling: set[str]) -> list[Left]:
    nodes = parse_body(function)
    value = 0
    for f in flags:
        value |= world.constant(f) or 0
    name = flags_parameter(function)
    alias = aliases(nodes, {p[-1] for p in parameters(function)})
    env = Env(world, values={name: value} if name else {}, alias=alias, others=others(function))
    return tidy(_marked(specialise(nodes, env), telling))


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
