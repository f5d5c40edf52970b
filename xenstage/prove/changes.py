"""changed_entities: what a patch changes in C files, definition by definition, and in which files it cannot be read."""

from __future__ import annotations

from dataclasses import dataclass

from ..ctext.entities import Entity, Key, entities
from ..ctext.order import moved_directives
from ..ctext.spellings import odd_spellings
from ..index.sweep import C_SUFFIXES
from .case import Case

# Behind :attr:`Change.where` in what a proof covers: it has read the head as well, but for attributes and conditions.
WITH_HEAD = " with its head"


@dataclass(frozen=True)
class Change:
    """An entity that a patch changes, adds (``old`` is None) or removes (``new`` is None).

    Two kinds have neither side and no proof may cover them: "order" (a directive stands
    before what it stood behind, or the other way round) and "spelling" (text that a compiler
    reads otherwise than we do).
    """

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
        """For findings, and what proofs name it by: path, kind, name, and which of several in its file."""
        again = f" (number {self.key[2] + 1})" if self.key[2] else ""
        return f"{self.path}: {self.kind} {self.name}{again}"


def changed_entities(case: Case) -> list[Change]:
    """What a patch changes in C files, by path and position.

    A definition that only moved within its file, or whose comments or layout changed,
    is not among them.
    """
    out: list[Change] = []
    for path in case.changed:
        if not path.endswith(C_SUFFIXES):
            continue
        sides = [files.read(path) if path in files.tracked else b"" for files in (case.before, case.after)]
        old, new = entities(sides[0]), entities(sides[1])
        for key in [*old, *(k for k in new if k not in old)]:
            a, b = old.get(key), new.get(key)
            if a is None or b is None or (a.words, a.under) != (b.words, b.under):
                out.append(Change(path, key, a, b))
        out += [Change(path, ("order", name, 0), None, None) for name in moved_directives(old, new)]
        odd = odd_spellings(sides[1]) - odd_spellings(sides[0])
        out += [Change(path, ("spelling", text, 0), None, None) for text in odd]
    return out
