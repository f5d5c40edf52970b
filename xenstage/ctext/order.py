"""moved_directives: directives that stand before what they stood behind, or the other way round.

A definition may move within its file without a change of meaning.  A directive that
gives a word another meaning from its line on may not, unless nothing that it passes has
the word.
"""

from __future__ import annotations

from collections.abc import Mapping

from .entities import Entity, Key

# What changes the meaning of all that follows, whatever its words are.
_WIDE = ("include", "directive")


def moved_directives(old: Mapping[Key, Entity], new: Mapping[Key, Entity]) -> list[str]:
    """Names of the macros, includes and pragmas of a file whose place among the others changed.

    Only what both versions have counts: what is new or gone is a change of its own.
    """
    both = [k for k in old if k in new]
    after = {k: i for i, k in enumerate(k for k in new if k in old)}
    if sorted(both, key=after.__getitem__) == both:
        return []
    ranks = [after[k] for k in both]
    out: dict[str, None] = {}
    for i, key in enumerate(both):
        if key[0] not in ("macro", "undef", *_WIDE):
            continue
        for j, other in enumerate(both):
            passed = (i < j) != (ranks[i] < ranks[j])
            if j != i and passed and other[0] != "conditional" and _meets(key, old[other]):
                out[f"{key[0]} {key[1]}"] = None
    return list(out)


def _meets(key: Key, other: Entity) -> bool:
    return key[0] in _WIDE or key[1] in other.words or other.kind in _WIDE
