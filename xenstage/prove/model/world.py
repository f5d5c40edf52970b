"""world_of: what one tree means by its guest types, read from its own source.

How a domain of each type is made (domain_create) gives the values of the fields; how
the predicates are defined gives their answers for these values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...ctext.body import NotUnderstood, leaves_words, parameters, parse_body
from ...ctext.entities import Entity, entities, find_entity
from ...ctext.expr import Expr, parse_expression, parse_statement, parts
from ...index.sweep import Files
from . import guests
from .constants import Constants
from .special import Env, Left, World, aliases, evaluate, specialise


def definition(files: Files, name: str) -> Entity | None:
    """A predicate's definition in the header of struct domain: a macro or an inline function."""
    if guests.HEADER not in files.tracked:
        return None
    data = files.read(guests.HEADER)
    return find_entity(data, "macro", name) or find_entity(data, "function", name)


def meaning(entity: Entity) -> tuple[str, Expr]:
    """A predicate's parameter and what it returns for it.

    :raises NotUnderstood: when it is neither a macro of one parameter nor a function that
        only returns an expression.
    """
    words = entity.words
    if entity.kind == "macro":
        if words[2:3] != ("(",) or words[4:5] != (")",):
            raise NotUnderstood(f"{entity.name} is no macro of one parameter")
        return words[3], parse_expression(words[5:])
    given = parameters(entity)
    nodes = parse_body(entity)
    inside = [parse_statement(w) for w in leaves_words(nodes)] if len(nodes) == 1 else []
    if len(given) != 1 or len(inside) != 1 or inside[0][0] != "return" or inside[0][1] is None:
        raise NotUnderstood(f"{entity.name} is no function that only returns an expression of its parameter")
    return given[0][-1], inside[0][1]


def world_of(files: Files) -> World:
    """The world of a tree, without tables.

    :raises NotUnderstood: saying which definition is not, or what is missing.
    """
    constant = Constants(files)
    means = {n: meaning(e) for n in guests.PREDICATES if (e := definition(files, n)) is not None}
    missing = [n for n in guests.DOMAIN_PREDICATES if n not in means]
    if missing:
        raise NotUnderstood(f"{guests.HEADER} does not define {', '.join(missing)}")
    read = sorted({x[3] for n in guests.DOMAIN_PREDICATES for x in parts(means[n][1]) if x[0] == "field"})
    made = {t: _creation(files, flags, constant) for t, flags in guests.CREATION.items()}
    made[guests.FRESH] = {}
    fields = {f: {t: made[t].get(f, 0) for t in made} for f in read}
    world = World({}, fields, constant)
    truth = {n: {t: _answer(n, t, means, world) for t in made} for n in guests.DOMAIN_PREDICATES}
    for name in guests.VCPU_PREDICATES:
        if name in means:
            truth[name] = {t: _answer(name, t, means, World(truth, fields, constant)) for t in made}
    return replace(world, truth=truth)


def _answer(name: str, kind: str, means: Mapping[str, tuple[str, Expr]], world: World) -> bool:
    parameter, e = means[name]
    owner = parameter if name.endswith("_domain") else f"{parameter}->domain"
    inner = World({**world.truth}, world.fields, world.constant)
    env = Env(inner, {owner: kind})
    value = evaluate(_expand(e, means, name), env, truth=True)
    _reads_only(name, parameter, e)
    if env.wrong:
        raise NotUnderstood(f"{name}: {sorted(env.wrong)[0]}")
    if value[0] != "num":
        raise NotUnderstood(f"{name} for a {kind} guest is not known: {value}")
    return bool(value[1])


def _expand(e: Expr, means: Mapping[str, tuple[str, Expr]], within: str) -> Expr:
    """A predicate that asks another one of the same argument gets its meaning."""
    if e[0] == "call" and e[1][0] == "id" and e[1][1] in means and e[1][1] != within and len(e[2]) == 1:
        parameter, inner = means[e[1][1]]
        return _put(_expand(inner, means, e[1][1]), parameter, _expand(e[2][0], means, within))
    return tuple(
        (_expand(x, means, within) if x and isinstance(x[0], str) else tuple(_expand(y, means, within) for y in x))
        if isinstance(x, tuple)
        else x
        for x in e
    )


def _put(e: Expr, name: str, value: Expr) -> Expr:
    if e == ("id", name):
        return value
    return tuple(
        (_put(x, name, value) if x and isinstance(x[0], str) else tuple(_put(y, name, value) for y in x))
        if isinstance(x, tuple)
        else x
        for x in e
    )


def _reads_only(name: str, parameter: str, e: Expr) -> None:
    """A predicate reads fields of the domain itself: one pointer further may be NULL, and
    a member of a union may be the other type's.

    :raises NotUnderstood: for a predicate that reads more.
    """
    for x in parts(e):
        if x[0] == "field" and x[3] in guests.UNION_MEMBERS:
            raise NotUnderstood(f"{name} reads {x[3]}, which other types' domains do not have (a union)")
        if x[0] == "field" and x[2] == "->" and x[3] != "domain":
            base = x[1]
            if base not in (("id", parameter), ("field", ("id", parameter), "->", "domain")):
                raise NotUnderstood(f"{name} goes through a pointer that may be NULL: …->{x[3]}")
        if x[0] in ("index", "assign"):
            raise NotUnderstood(f"{name} does more than read fields of its domain")


def _creation(files: Files, flags: tuple[str, ...], constant: Constants) -> dict[str, int]:
    """Fields of struct domain that domain_create() gives a constant, by name."""
    path, name = guests.CREATE
    entity = find_entity(files.read(path), "function", name) if path in files.tracked else None
    if entity is None:
        raise NotUnderstood(f"{path} does not define {name}")
    value = 0
    for flag in flags:
        bit = constant(flag)
        if bit is None:
            raise NotUnderstood(f"{flag} has no known value")
        value |= bit
    nodes = parse_body(entity)
    holders = [p[-1] for p in parameters(entity) if guests.FLAG_PREFIX[:5].lower() in p[-1] or "flags" in p[-1]]
    env = Env(World({}, {}, constant), values=dict.fromkeys(holders, value), alias=aliases(nodes, set()))
    out: dict[str, int] = {}
    _constants_set(specialise(nodes, env), constant, out)
    return out


def _constants_set(left: list[Left], constant: Constants, out: dict[str, int]) -> None:
    for x in left:
        if x[0] == "if":
            _constants_set(x[2], constant, out)
            _constants_set(x[3], constant, out)
        elif x[0] == "leaf" and len(x) > 2 and x[2][0] == "assign" and x[2][1] == "=":
            target, value = x[2][2], x[2][3]
            if value[0] == "id":
                known = constant(value[1])
                value = ("num", known) if known is not None else value
            if target[0] == "field" and target[1][0] == "id" and value[0] == "num":
                if out.get(target[3], value[1]) != value[1]:
                    raise NotUnderstood(f"{guests.CREATE[1]} sets {target[3]} to more than one value")
                out[target[3]] = value[1]


def truth_table(world: World) -> dict[str, dict[str, int]]:
    """Predicate to guest type to 0 or 1, for the evidence file."""
    return {p: {t: int(v) for t, v in row.items()} for p, row in world.truth.items()}


def functions(files: Files, path: str) -> dict[str, Entity]:
    """The functions that a file defines, by name."""
    return {e.name: e for e in entities(files.read(path)).values() if e.kind == "function"}
