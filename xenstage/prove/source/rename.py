"""renames: names that a patch gives to things that had another name, and nothing else of them.

A name that the tree does not have any more and one that it did not have before, in each
other's place throughout, are one name: whatever C makes of the text, it makes the same,
but for text that is made of names (``#x``, ``x ## y``, assertions' messages).
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...ctext.entities import Entity
from ...index.sweep import sweep
from ..case import Case
from ..changes import Change

_NAME = re.compile(r"[A-Za-z_]\w*\Z")
_LONGEST = 30000  # words of an entity that are aligned


def renames(case: Case, changes: Sequence[Change]) -> dict[str, str]:
    """New name to old name, one to one."""
    votes: Counter[tuple[str, str]] = Counter()
    for old, new in _pairs(changes):
        if max(len(old.words), len(new.words)) > _LONGEST:
            continue
        for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old.words, new.words, autojunk=False).get_opcodes():
            if tag == "replace" and i2 - i1 == j2 - j1:
                votes.update(zip(new.words[j1:j2], old.words[i1:i2], strict=True))
    found: dict[str, str] = {}
    for (fresh, gone), _ in votes.most_common():
        if fresh not in found and gone not in found.values() and _NAME.match(fresh) and _NAME.match(gone):
            found[fresh] = gone
    if not found:
        return {}
    left = {h.name for h in sweep(case.after, found.values()) if _code(h.path)}
    known = {h.name for h in sweep(case.before, found) if _code(h.path)}
    found = {fresh: gone for fresh, gone in found.items() if gone not in left and fresh not in known}
    while wrong := _otherwise(changes, found):
        found = {fresh: gone for fresh, gone in found.items() if not {fresh, gone} & wrong}
    return found


def _otherwise(changes: Sequence[Change], names: Mapping[str, str]) -> set[str]:
    """Names whose definition, or a declaration that holds them, is not the same but for names."""
    every = {*names, *names.values()}
    old = {(c.path, c.kind, c.name): c.old for c in changes if c.old is not None}
    out: set[str] = set()
    for c in changes:
        for e in (c.old, c.new):
            held = every & set(e.words) if e is not None else set()
            mine = held if c.kind not in ("function", "prototype", "include", "conditional") else held & {c.name}
            if mine and not _paired(c, old, names):
                out |= mine
    return out


def _paired(c: Change, old: Mapping[tuple[str, str, str], Entity], names: Mapping[str, str]) -> bool:
    """Whether a change is that of names alone; what went is looked at with what came for it."""
    if c.new is None:
        return c.name in names.values()
    again = with_names(c.new, names)
    before = c.old if c.old is not None else old.get((c.path, c.kind, again.name))
    return before is not None and (before.words, before.under) == (again.words, again.under)


def _code(path: str) -> bool:
    return path.startswith("xen/")


def _pairs(changes: Sequence[Change]) -> list[tuple[Entity, Entity]]:
    """Entities that changed, and those that went and came in one file, by order."""
    out = [(c.old, c.new) for c in changes if c.old is not None and c.new is not None]
    for place in sorted({(c.path, c.kind) for c in changes}):
        mine = [c for c in changes if (c.path, c.kind) == place]
        gone = [c.old for c in mine if c.old is not None and c.new is None]
        fresh = [c.new for c in mine if c.new is not None and c.old is None]
        if len(gone) == len(fresh):
            out += zip(gone, fresh, strict=True)
    return out


def with_names(entity: Entity, names: Mapping[str, str]) -> Entity:
    """An entity with its old names."""
    if not names.keys() & set(entity.words) and entity.name not in names:
        return entity
    tokens = tuple(t._replace(text=names[t.text]) if t.text in names else t for t in entity.tokens)
    return replace(entity, name=names.get(entity.name, entity.name), tokens=tokens)
