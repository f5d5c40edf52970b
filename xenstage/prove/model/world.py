"""worlds_of: what two trees mean by their guest types, each read from its own source.

How a domain of each kind is made (domain_create) gives the values of the fields; how the
predicates are defined gives their answers for these values.  The two trees may have
different fields and different predicates; the kinds of guest are the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ...ctext.body import NotUnderstood
from ...ctext.entities import Entity, entities, find_entity
from ...index.sweep import Files
from ..case import Case
from . import guests
from .accessors import accessors_of, fields_read
from .constants import Constants
from .creation import Creation, creation_of
from .source import writers
from .special import World


def world_of(files: Files) -> World:
    """The world of a tree by itself, without tables.

    :raises NotUnderstood: saying which definition is not, or what is missing.
    """
    creation = read_creation(files)
    world = _world(files, creation)
    return replace(world, kinds=_representatives([(creation, world)]))


def worlds_of(case: Case) -> tuple[World, World]:
    """The worlds of the trees before and after a patch, which have the same kinds.

    :raises NotUnderstood: as :func:`world_of`.
    """
    sides = (case.before, case.after)
    flags = {f for files in sides for f in read_creation(files).flags}
    made = [read_creation(files, flags) for files in sides]
    pair = [(c, _world(files, c)) for files, c in zip(sides, made, strict=True)]
    for i, files in enumerate(sides):
        lost = {n for n, row in pair[1 - i][1].truth.items() if set(row) >= set(made[1 - i].kinds)} - set(
            pair[i][1].truth
        )
        fields = fields_read(files, lost) - set(made[i].values) if lost else set()
        if fields:  # they tell nothing apart here: what they say is the same for every guest
            creation = read_creation(files, flags, fields)
            pair[i] = (creation, _world(files, creation))
    kinds = _representatives(pair)
    return replace(pair[0][1], kinds=kinds), replace(pair[1][1], kinds=kinds)


def read_creation(files: Files, also: Iterable[str] = (), asked: Iterable[str] = ()) -> Creation:
    """What the creation code of a tree says, read once.

    :raises NotUnderstood: as :func:`creation_of`.
    """
    key = ("creation", frozenset(also), frozenset(asked), content_of(files), str(files.guests))
    if key not in files.memo:
        files.memo[key] = creation_of(files, Constants(files), also, asked)
    kept: Creation = files.memo[key]
    return kept


def content_of(files: Files) -> bytes:
    """A name for what the overlay makes of the tree's C text."""
    h = hashlib.sha256()
    for path in sorted(files.overlay):
        if path.endswith((".c", ".h")):
            h.update(path.encode("utf-8", "surrogateescape") + b"\0" + hashlib.sha256(files.overlay[path]).digest())
    return h.digest()


def _world(files: Files, creation: Creation) -> World:
    key = ("world", frozenset(creation.kinds), frozenset(creation.values), content_of(files), str(files.guests))
    if key not in files.memo:
        files.memo[key] = _read_world(files, creation)
    kept: World = files.memo[key]
    return kept


def _read_world(files: Files, creation: Creation) -> World:
    if not creation.values:
        raise NotUnderstood(f"{guests.CREATE[1]} puts nothing down that tells guests apart")
    settled = {f: _unsettled(row) for f, row in creation.values.items()}
    for name, place in writers(files, settled, _creators(files)).items():
        settled[name] = settled[name] or f"{place.path}:{place.line} may change it later ({place.text})"
    fields = {
        f: {**{k: v or 0 for k, v in row.items()}, guests.FRESH: 0}
        for f, row in creation.values.items()
        if not settled[f]
    }
    plain = frozenset({guests.PLAIN, guests.FRESH})
    world = World({}, fields, Constants(files), plain=plain, flags=frozenset(creation.flags))
    found = accessors_of(files, world, settled)
    lost = {f: r for f, r in settled.items() if r}
    unread = {**found.unread, **lost}
    if not found.truth and not unread:
        raise NotUnderstood(f"nothing asks for what {guests.CREATE[1]} puts down ({', '.join(sorted(settled))})")
    return replace(
        world, truth=found.truth, of_vcpu=frozenset(found.of_vcpu), unread=unread, asks=found.asks, unsettled=lost
    )


def _unsettled(row: Mapping[str, int | None]) -> str:
    open_for = [k for k, v in row.items() if v is None]
    return f"{guests.CREATE[1]} sets it by more than its flags for {', '.join(open_for)}" if open_for else ""


def _creators(files: Files) -> list[tuple[str, int, int]]:
    """Where the function stands that makes domains: what it writes is read there."""
    path, name = guests.CREATE
    entity = find_entity(files.read(path), "function", name)
    return [(path, entity.start, entity.end)] if entity is not None else []


def _representatives(pair: list[tuple[Creation, World]]) -> tuple[str, ...]:
    """One kind of each set that nothing in either tree tells apart, those of fewer flags first."""
    seen: set[tuple[object, ...]] = set()
    out: list[str] = []
    known = {k for c, _ in pair for k in c.kinds}
    order = [k for c, _ in pair for k in c.kinds]
    for kind in [*dict.fromkeys(order), guests.FRESH]:
        if kind != guests.FRESH and any(kind in c.refused for c, _ in pair):
            continue
        if kind in known and any(kind not in c.kinds for c, _ in pair):
            continue
        telling: tuple[object, ...] = (kind in (guests.PLAIN, guests.FRESH),)
        telling += tuple(tuple(sorted((f, row.get(kind)) for f, row in w.fields.items())) for _, w in pair)
        if telling not in seen:
            seen.add(telling)
            out.append(kind)
    return tuple(out)


def truth_table(world: World) -> dict[str, dict[str, int]]:
    """Predicate to kind of guest to answer, for the evidence file; open answers are left out."""
    return {p: {t: int(v) for t, v in row.items()} for p, row in world.truth.items()}


def functions(files: Files, path: str) -> dict[str, Entity]:
    """The functions that a file defines, by name."""
    return {e.name: e for e in entities(files.read(path)).values() if e.kind == "function"}
