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
    :param patch: the anchor of the patch that does it, ``number`` its number; "" and 0 where the series leaves it.
    """

    kind: str
    features: tuple[str, ...]
    path: str
    reason: str
    patch: str
    number: int


def decided_of(patches: Iterable[Mapping[str, Any]], ids: Mapping[int, str]) -> tuple[Decided, ...]:
    """The decisions of a series, by patch and place; then what it leaves to a later one.

    :param patches: as the evidence has them; a stage that judges nothing has no fact "decisions". Each patch tells
        again what is left, and the last one has it as it ends. The predicate itself is in "Uses that stay".
    :param ids: the anchor of each patch, by number.
    """
    out: list[Decided] = []
    left: list[Decided] = []
    for p in patches:
        rows = p.get("facts", {}).get("decisions", [])
        number = int(p["number"])
        left = left if not rows else []
        for d in sorted((d for d in rows if d["kind"] != STAY), key=lambda d: (d["path"], d["offset"])):
            said = (d["kind"], tuple(d["features"]), d["path"], d["reason"])
            if d["patch"]:
                out.append(Decided(*said, ids[number], number))
            else:
                left.append(Decided(*said, "", 0))
    return (*out, *left)


def counted(decided: Iterable[Decided]) -> str:
    """ "52 feature, 27 unreachable": how many sites of each kind, the most frequent first."""
    count = Counter(d.kind for d in decided)
    return ", ".join(f"{n} {kind}" for kind, n in sorted(count.items(), key=lambda x: (-x[1], x[0])))
