"""changed_entities: what a patch changes in C files, definition by definition."""

from __future__ import annotations

from dataclasses import dataclass

from ..ctext.entities import Entity, Key, entities
from ..index.sweep import C_SUFFIXES
from .case import Case


@dataclass(frozen=True)
class Change:
    """An entity that a patch changes, adds (``old`` is None) or removes (``new`` is None)."""

    path: str
    key: Key
    old: Entity | None
    new: Entity | None

    @property
    def name(self) -> str:
        """The entity's identifier."""
        return self.key[1]

    @property
    def kind(self) -> str:
        """The entity's kind."""
        return self.key[0]

    @property
    def where(self) -> str:
        """For findings."""
        return f"{self.path}: {self.kind} {self.name}"


def changed_entities(case: Case) -> list[Change]:
    """What a patch changes in C files, by path and position.

    A definition that only moved within its file, or whose comments or layout changed,
    is not among them.
    """
    out: list[Change] = []
    for path in case.changed:
        if not path.endswith(C_SUFFIXES):
            continue
        old = entities(case.before.read(path)) if path in case.before.tracked else {}
        new = entities(case.after.read(path)) if path in case.after.tracked else {}
        for key in [*old, *(k for k in new if k not in old)]:
            a, b = old.get(key), new.get(key)
            if a is None or b is None or (a.words, a.under) != (b.words, b.under):
                out.append(Change(path, key, a, b))
    return out
