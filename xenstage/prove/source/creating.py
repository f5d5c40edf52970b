"""created: the function that makes domains, for every combination of the flags that it asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...ctext.body import parameters, parse_body
from ...ctext.entities import Entity
from ...ctext.expr import show
from ...effect import Made
from ..model.bodies import others
from ..model.creation import Way, asked_flags, combinations, flags_parameter, kind_name, ways_of
from ..model.special import Env, Left, World, aliases, specialise
from ..model.tidy import tidy


def ways(old: Entity, new: Entity, worlds: tuple[World, World]) -> list[tuple[str, ...]]:
    """Every combination of the flags that either version asks for.

    :raises NotUnderstood: for too many.
    """
    asked = {**asked_flags(old, worlds[0].constant), **asked_flags(new, worlds[1].constant)}
    return combinations(list(asked))


def created(
    old: Entity,
    new: Entity,
    worlds: tuple[World, World],
    rows: dict[str, Any],
    made: tuple[tuple[Made, ...], tuple[Made, ...]] = ((), ()),
) -> Iterator[tuple[str, str, list[Left], list[Left]]]:
    """What the domain is created as, the kind that it is, and what is left of both versions
    for it: the same but for how the type is put down, which the predicates' answers cover."""
    telling_flags = {f for w in worlds for f in w.flags}
    rows["objects"] = ["the domain that is created"]
    telling = {*worlds[0].fields, *worlds[1].fields}
    said = [ways_of(m, e, w.constant) for m, e, w in zip(made, (old, new), worlds, strict=True)]
    if any(said):
        yield from _as_said(old, new, worlds, said, made, telling, rows)
        return
    for flags in ways(old, new, worlds):
        rows["assignments"] += 1
        a, b = (_creating(e, w, flags, {}, telling) for e, w in zip((old, new), worlds, strict=True))
        yield kind_name(flags), kind_name(f for f in flags if f in telling_flags), a, b


def _as_said(
    old: Entity,
    new: Entity,
    worlds: tuple[World, World],
    said: list[dict[str, Way]],
    made: tuple[tuple[Made, ...], tuple[Made, ...]],
    telling: set[str],
    rows: dict[str, Any],
) -> Iterator[tuple[str, str, list[Left], list[Left]]]:
    """The same by what is said of kinds: each in the way of its own side, with every set of the other flags."""
    own = {f for ms in made for m in ms for f in m.flags}
    asked = {**asked_flags(old, worlds[0].constant), **asked_flags(new, worlds[1].constant)}
    others_ = [f for f in asked if f not in own]
    for kind in dict.fromkeys(k for ways in said for k in ways):
        for more in combinations(others_):
            sides = []
            for e, w, ways, ms in zip((old, new), worlds, said, made, strict=True):
                way = ways.get(kind) or Way(_flags_of(kind, ms, w), {})
                sides.append(_creating(e, w, (*way.flags, *more), way.given, telling))
            rows["assignments"] += 1
            yield "+".join((kind, *(kind_name((f,)) for f in more))), kind, sides[0], sides[1]


def _flags_of(kind: str, made: Sequence[Made], world: World) -> dict[str, int]:
    """The flags of a kind in a tree whose function takes no more than flags."""
    for m in made:
        flags = {f: world.constant(f) for f in m.flags}
        if m.kind == kind and None not in flags.values():
            return {f: v for f, v in flags.items() if v is not None}
    return {}


def _creating(
    function: Entity, world: World, flags: tuple[str, ...], given: Mapping[str, int], telling: set[str]
) -> list[Left]:
    nodes = parse_body(function)
    value = 0
    for f in flags:
        value |= world.constant(f) or 0
    name = flags_parameter(function)
    alias = aliases(nodes, {p[-1] for p in parameters(function)})
    values = {**({name: value} if name else {}), **given}
    env = Env(world, values=values, alias=alias, others=others(function))
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
