"""unlike_declared: do the names that a patch brings say of each kind of guest what it declares?

Nothing need ask them yet, so no function shows whether they are right: a set with a
feature too many, or a name that asks its neighbour's bit, would be found patches later, or never.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...ctext.entities import Entity, entities
from ...ctext.macros import TIGHT, shape_of
from ...effect import Answer
from ..case import Case
from ..model import guests
from ..model.accessors import accessors_of
from ..model.source import source_files
from ..model.special import World
from ..result import Finding


def unlike_declared(case: Case, worlds: tuple[World, World], fresh: set[str]) -> tuple[list[Finding], list[Finding]]:
    """What differs from the declared answers, and what is not known of them.

    :param fresh: predicates of the tree after the patch that the tree before does not have.
    """
    out: list[Finding] = []
    refused: list[Finding] = []
    declared = {a.name: a for a in case.declared.answers}
    world = worlds[1]
    kinds = {*world.kinds, guests.FRESH, *(k for row in world.fields.values() for k in row)}
    for name, answer in declared.items():
        truth = world.truth.get(name)
        if truth is None:
            reason = world.unread.get(name, "nothing in it tells guests apart")
            refused.append(Finding(name, f"declared to tell guests apart, and not read: {reason}"))
            continue
        if name in world.of_vcpu:
            out.append(Finding(name, "asks a virtual CPU, declared to ask a domain"))
        out += [
            Finding(name, f"declared to be 1 for a {k} guest, and there is none") for k in answer.yes if k not in kinds
        ]
        for kind in sorted(kinds):
            wanted = int(kind in answer.yes)
            if kind not in truth:
                refused.append(Finding(name, f"declared to be {wanted} for a {kind} guest, and it is open what it is"))
            elif truth[kind] != wanted:
                out.append(Finding(name, f"is {truth[kind]} for a {kind} guest, declared to be {wanted}"))
    out += [Finding(n, "tells guests apart, and no answer is declared for it") for n in sorted(fresh - {*declared})]
    out += _open_bodies(case, declared)
    return out + _other_bits(case, world, list(declared.values())), refused


def _open_bodies(case: Case, declared: Mapping[str, Answer]) -> list[Finding]:
    """Macros that a use between operators, or an argument with one, would make another thing of."""
    out = []
    for macro in _macros(case, {*declared}):
        shape = shape_of(macro)
        if shape is None or shape.level < TIGHT or shape.bare or any(n != 1 for n in shape.times.values()):
            out.append(Finding(macro.name, "its body is not one expression in brackets, of one argument in brackets"))
    return out


def _macros(case: Case, names: set[str]) -> list[Entity]:
    plain = [n.encode() for n in names]
    texts = [data for _, data in source_files(case.after) if any(n in data for n in plain)]
    return [e for data in texts for e in entities(data).values() if e.kind == "macro" and e.name in names]


def _other_bits(case: Case, world: World, declared: list[Answer]) -> list[Finding]:
    """Names that ask other bits than declared: each bit is tried by itself."""
    mine = [a for a in declared if a.bits and a.name in world.truth]
    values = {b: world.constant(b) for a in mine for b in a.bits}
    out = [Finding(b, "is not one bit") for b, v in sorted(values.items()) if not v or v < 0 or v & (v - 1)]
    bits = {b: v for b, v in values.items() if v}
    for field in sorted({f for a in mine for f in world.asks.get(a.name, ())}):
        # A guest for each bit, in which this bit alone is set and nothing else tells anything.
        rows = {f: dict.fromkeys(bits, 0) for f in world.fields}
        rows[field] = dict(bits)
        found = accessors_of(case.after, replace(world, truth={}, fields=rows), dict.fromkeys(rows, ""))
        for a in mine:
            if field not in world.asks.get(a.name, ()):
                continue
            said = found.truth.get(a.name, {})
            wrong = sorted(b for b in bits if said.get(b) != int(b in a.bits))
            out += [
                Finding(a.name, f"does not say {int(b in a.bits)} where {b} alone is set in {field}") for b in wrong[:3]
            ]
    return out
