"""absent: whether the guests of an assignment never get to a function, before and after a patch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...index.sweep import Files
from ..case import Case
from ..model.audience import Audience, excluded
from ..model.special import World
from ..model.world import content_of, read_creation

MOST_CHAINS = 12


@dataclass(frozen=True)
class Absent:
    """Whether an assignment never happens, and why.

    :param who: the object and its kind, as "current->domain is pv".
    :param chains: where each way up from the function ends; where the assignment may
        happen, the way by which.
    """

    out: bool
    who: str = ""
    chains: tuple[str, ...] = ()


def absent(case: Case, worlds: tuple[World, World], at: tuple[str, str], types: Mapping[str, str]) -> Absent:
    """Whether some object of an assignment is never of its kind, in either tree.

    :param at: the file and the name of a function or macro.
    """
    ways: tuple[str, ...] = ()
    for thing, kind in types.items():
        sides = [
            _side(files, world, (*at, thing), kind)
            for files, world in zip((case.before, case.after), worlds, strict=True)
        ]
        if all(a.out for a in sides):
            chains = tuple(dict.fromkeys(c for a in sides for c in a.chain))
            return Absent(True, f"{thing} is {kind}", chains[:MOST_CHAINS])
        ways = next(a.chain for a in sides if not a.out)
    return Absent(False, "", ways)


def _side(files: Files, world: World, at: tuple[str, str, str], kind: str) -> Audience:
    made = read_creation(files).kinds.get(kind)
    key = ("audience", content_of(files), at, kind)
    if key not in files.memo:
        files.memo[key] = excluded(files, world, made or (), at, kind)
    kept: Audience = files.memo[key]
    return kept
