"""decided: what a stage decided of single sites, from the evidence of its patches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..stage.decisions import STAY


@dataclass(frozen=True)
class Decided:
    """One site that was judged by itself.

    :param kind: the stage's own word for what becomes of it.
    :param features: what is asked there, where a feature decides.
    :param patch: the anchor of the patch that does it, ``number`` its number.
    """

    kind: str
    features: tuple[str, ...]
    path: str
    reason: str
    patch: str
    number: int


def decided_of(patches: Iterable[Mapping[str, Any]], ids: Mapping[int, str]) -> tuple[Decided, ...]:
    """The decisions of a series, by patch and place.

    :param patches: as the evidence has them; a stage that judges nothing has no fact "decisions". A site that stays is
        in "Uses that stay".
    :param ids: the anchor of each patch, by number.
    """
    out = []
    for p in patches:
        rows = p.get("facts", {}).get("decisions", [])
        for d in sorted((d for d in rows if d["kind"] != STAY), key=lambda d: (d["path"], d["offset"])):
            number = int(p["number"])
            features = tuple(d["features"])
            out.append(Decided(d["kind"], features, d["path"], d["reason"], ids[number], number))
    return tuple(out)


def counted(decided: Iterable[Decided]) -> str:
    """ "52 feature, 27 unreachable": how many sites of each kind, the most frequent first."""
    count = Counter(d.kind for d in decided)
    return ", ".join(f"{n} {kind}" for kind, n in sorted(count.items(), key=lambda x: (-x[1], x[0])))
