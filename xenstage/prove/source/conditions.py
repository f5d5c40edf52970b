"""changed_conditions: the conditions that a patch changes, with their truth tables, for people."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ...ctext.body import If, Leaf, Node, NotUnderstood, Switch, parameters
from ...ctext.entities import Entity
from ...ctext.expr import Expr, parse_expression, show
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
    names = {p[-1] for p in parameters(function)} if function.kind == "function" else set()
    env = Env(world, {}, {}, aliases(body_of(function), names), others(function))
    evaluate(e, env, truth=True)
    return e, env
