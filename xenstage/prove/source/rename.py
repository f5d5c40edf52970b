"""renames: names that a patch gives to things that had another name, and nothing else of them.

A name that the tree does not have any more and one that it did not have before, in each
other's place throughout, are one name: whatever C makes of the text, it makes the same,
but for text that is made of names (``#x``, ``x ## y``, assertions' messages).
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from ...ctext.entities import Entity
from ...ctext.lexer import Kind, tokenize
from ...index.sweep import Files, sweep
from ..case import Case
from ..changes import Change

_NAME = re.compile(r"[A-Za-z_]\w*\Z")
_LONGEST = 30000  # words of an entity that are aligned


def renames(case: Case, changes: Sequence[Change], not_these: Collection[str] = ()) -> dict[str, str]:
    """New name to old name, one to one.

    A function's definition may differ in more than names: see :func:`to_compare`.

    :param not_these: new names that turned out to be of something else.
    """
    votes: Counter[tuple[str, str]] = Counter()
    for old, new in _pairs(changes):
        if max(len(old.words), len(new.words)) > _LONGEST:
            continue
        for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old.words, new.words, autojunk=False).get_opcodes():
            if tag == "replace" and i2 - i1 == j2 - j1:
                votes.update(zip(new.words[j1:j2], old.words[i1:i2], strict=True))
    found: dict[str, str] = {}
    for (fresh, gone), _ in votes.most_common():
        if fresh in not_these:
            continue
        if fresh not in found and gone not in found.values() and _NAME.match(fresh) and _NAME.match(gone):
            found[fresh] = gone
    if not found:
        return {}
    left, known = in_code(case.after, found.values()), in_code(case.before, found)
    found = {fresh: gone for fresh, gone in found.items() if gone not in left and fresh not in known}
    while wrong := _otherwise(changes, found):
        found = {fresh: gone for fresh, gone in found.items() if not {fresh, gone} & wrong}
    return found


def to_compare(changes: Sequence[Change], names: Mapping[str, str]) -> list[Change]:
    """Functions with a new name whose definitions are not the same but for names: the
    names hold only if these do the same."""
    old = {(c.path, c.kind, c.name): c for c in changes if c.old is not None}
    out = []
    for c in changes:
        if c.kind == "function" and c.old is None and c.name in names and not _paired(c, _entities(old), names):
            before = old[(c.path, c.kind, names[c.name])]
            out.append(Change(c.path, c.key, before.old, c.new))
    return out


def _entities(changes: Mapping[tuple[str, str, str], Change]) -> dict[tuple[str, str, str], Entity]:
    return {k: c.old for k, c in changes.items() if c.old is not None}


def _otherwise(changes: Sequence[Change], names: Mapping[str, str]) -> set[str]:
    """Names whose definition, or a declaration that holds them, is not the same but for names."""
    every = {*names, *names.values()}
    old = {(c.path, c.kind, c.name): c.old for c in changes if c.old is not None}
    out: set[str] = set()
    for c in changes:
        for e in (c.old, c.new):
            held = every & set(e.words) if e is not None else set()
            mine = held if c.kind not in ("function", "prototype", "include", "conditional") else held & {c.name}
            moved = c.kind == "function" and c.old is None and (c.path, c.kind, names.get(c.name, "")) in old
            if mine and not moved and not _paired(c, old, names):
                out |= mine
    return out


def _paired(c: Change, old: Mapping[tuple[str, str, str], Entity], names: Mapping[str, str]) -> bool:
    """Whether a change is that of names alone; what went is looked at with what came for it."""
    if c.new is None:
        return c.name in names.values()
    again = with_names(c.new, names)
    before = c.old if c.old is not None else old.get((c.path, c.kind, again.name))
    return before is not None and (before.words, before.under) == (again.words, again.under)


def in_code(files: Files, names: Iterable[str]) -> set[str]:
    """Those of some names that stand in the hypervisor's files, other than in comments."""
    wanted = set(names)
    places: dict[str, set[str]] = {}
    for hit in sweep(files, wanted) if wanted else ():
        if hit.path.startswith("xen/"):
            places.setdefault(hit.path, set()).add(hit.name)
    out: set[str] = set()
    for path, here in places.items():
        if here - out:
            out |= here & {t.text for t in tokenize(files.read(path)) if t.kind is not Kind.COMMENT}
    return out


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
