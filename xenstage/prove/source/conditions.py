"""changed_conditions: the conditions that a patch changes, with their truth tables, for people."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ...ctext.body import If, Leaf, Node, NotUnderstood, Switch, parameters
from ...ctext.entities import Entity
from ...ctext.expr import Expr, parse_expression, parse_statement, show
from ..model.bodies import body_of, others
from ..model.special import Env, World, aliases, evaluate

MOST_ROWS = 81


def changed_conditions(old: Entity, new: Entity, worlds: tuple[World, World]) -> list[dict[str, Any]]:
    """Conditions of one version of a function that the other does not have, in pairs.

    Each has ``before`` and ``after`` (C text, or None where one side has no such
    condition) and ``table``: for each assignment of guest types to the objects whose type
    is asked for, what is left of either side (``1`` and ``0``, or what is still open).
    """
    sides = [_conditions(body_of(e), set(w.truth)) for e, w in zip((old, new), worlds, strict=True)]
    counts = [Counter(s) for s in sides]
    only = [list((counts[i] - counts[1 - i]).elements()) for i in (0, 1)]
    out = []
    for a, b in itertools.zip_longest(*only):
        row: dict[str, Any] = {"before": " ".join(a) if a else None, "after": " ".join(b) if b else None}
        row["table"] = _table((a, b), (old, new), worlds)
        row["rows"] = len(row["table"])
        out.append(row)
    return out


def left_by_kind(words: Sequence[str], function: Entity, world: World) -> list[dict[str, Any]]:
    """What is left of a condition or of a statement, for each kind of guest that it asks about.

    :param words: its tokens.
    :param function: the function or macro in which it stands.
    :returns: rows of "types" (object to kind) and "left" (``1``, ``0``, or what is still open).
    :raises NotUnderstood: it is neither an expression nor a statement with one in it.
    """
    e = _expression(tuple(words))
    env = _asking(e, function, world)
    objects = sorted(env.asked)
    rows: list[dict[str, Any]] = []
    for kinds in itertools.product(world.kinds, repeat=min(len(objects), 4)):
        types = dict(zip(objects, kinds, strict=False))
        rows.append({"types": types, "left": show(evaluate(e, Env(world, types, {}, env.alias), truth=True))})
    return rows[:MOST_ROWS]


def _asking(e: Expr, function: Entity, world: World) -> Env:
    """What is known inside a function or macro; its ``asked`` are the objects whose type an expression asks for."""
    names = {p[-1] for p in parameters(function)} if function.kind == "function" else set()
    env = Env(world, {}, {}, aliases(body_of(function), names), others=others(function))
    evaluate(e, env, truth=True)
    return env


def _expression(words: tuple[str, ...]) -> Expr:
    """The expression of a condition, or the one that a statement evaluates, returns or begins a variable with."""
    try:
        return parse_expression(words)
    except NotUnderstood:
        statement = parse_statement(words[:-1] if words[-1:] == (";",) else words)
    found = [e for _, _, e in statement[1] if e is not None] if statement[0] == "decl" else [statement[1]]
    if statement[0] == "raw" or len(found) != 1 or found[0] is None:
        raise NotUnderstood(f"no condition: {' '.join(words)[:80]!r}")
    return found[0]  # type: ignore[no-any-return]


def _conditions(nodes: Sequence[Node], names: set[str]) -> list[tuple[str, ...]]:
    out: list[tuple[str, ...]] = []
    for n in nodes:
        if isinstance(n, Leaf):
            if "?" in n.words and set(n.words) & names:
                out.append(n.words)
        elif isinstance(n, If):
            out += [n.cond, *_conditions(n.then, names), *_conditions(n.other, names)]
        else:
            out += [n.cond] if isinstance(n, Switch) else []
            out += _conditions(n.body, names)
    return out


def _table(
    conditions: tuple[tuple[str, ...] | None, tuple[str, ...] | None],
    functions: tuple[Entity, Entity],
    worlds: tuple[World, World],
) -> list[dict[str, Any]]:
    read = [_read(c, f, w) for c, f, w in zip(conditions, functions, worlds, strict=True)]
    objects = sorted({o for _, env in read if env is not None for o in env.asked})
    rows: list[dict[str, Any]] = []
    for kinds in itertools.product(worlds[0].kinds, repeat=min(len(objects), 4)):
        types = dict(zip(objects, kinds, strict=False))
        row: dict[str, Any] = {"types": types}
        for side, (e, env) in zip(("before", "after"), read, strict=True):
            if e is not None and env is not None:
                row[side] = show(evaluate(e, Env(env.world, types, {}, env.alias), truth=True))
        rows.append(row)
    return rows[:MOST_ROWS]


def _read(condition: tuple[str, ...] | None, function: Entity, world: World) -> tuple[Expr | None, Env | None]:
    if condition is None:
        return None, None
    try:
        e = parse_expression(condition)
    except NotUnderstood:
        return None, None
    return e, _asking(e, function, world)
