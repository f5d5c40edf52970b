"""Pieces: a use taken apart as its decision says, so that each piece can ask for what it needs.

What is taken apart asks the same question as before, once for each piece: a patch of its
own, in which nothing changes.  The pieces are uses like any other then, and have entries.
"""

from __future__ import annotations

from ..ctext.pattern import Pattern
from ..ctext.statements import Statement
from .base import Region
from .blocks import Blocks, Gate
from .conditions import Use
from .decisions import Decision, Piece


class Pieces(Blocks):
    """What a view offers of uses that are several in one."""

    def take_apart(self, use: Use, decision: Decision, *, rule: str, comment: str = "") -> None:
        """Make of an early return, or of a block, the pieces that a decision lists.

        An early return's pieces are the statements behind it, and those before its
        ``return``, all of them: one that no piece holds stops the series.  A block's begin
        where the second and later pieces do.

        :param comment: what becomes of the comment of an early return that goes, as in
            :meth:`split_return`.
        :raises XenstageError: (SITE) as :meth:`split_return` and :meth:`split_block`.
        """
        site, why = use.site, {"rule": rule, "reason": decision.reason}
        chain = self.statements_around(site.path, site.offset)
        decides = next((s for s in reversed(chain) if s.kind == "if"), None)
        if decides is None or not decides.parts:
            raise self.unknown("no if to be taken apart", self._at(site))
        function = self.function_around(site.path, site.offset)
        arm = decides.parts[0]
        done = list(arm.parts) if arm.kind == "block" else [arm]
        returns = bool(done) and self._returned(site.path, done[-1]) is not None
        found = [(p, self._begins(function, p)) for p in decision.pieces]
        for p, regions in found:
            if (
                not regions and not p.elsewhere
            ):  # an error where the decisions were made for this tree: the entry has no site
                self.note(f"{function.what} has nothing like: {p.first}")
        there = [(p, r[0]) for p, r in found if r]
        within = [(p, r) for p, r in there if arm.start <= r.start < arm.end]
        self._whole(use, done[: len(done) - returns], within)
        for piece, _ in within[1:]:
            self.split_block(site, piece.first, **why)
        if within:
            self.stay(site, "its piece asks the same as before")
        if not returns:
            return
        call = self.region(site.path, *site.call, "").text
        behind = [p for p, r in there if not p.inner and not arm.start <= r.start < arm.end]
        gates = [Gate("" if p.always else f"!{call}", p.first, p.last, p.join) for p in behind]
        self.split_return(site, gates, question=site.name if within else "", comment="" if within else comment, **why)
        for p, _ in there:
            if p.inner:
                (self.join if p.join else self.gate)(self.run_of(function, p.first, p.last), f"!{call}", **why)

    def _begins(self, function: Region, piece: Piece) -> list[Region]:
        """Where a piece begins: one place, or none."""
        hits = Pattern(piece.first).find(self.read(function.path), function.start, function.end)
        if len(hits) > 1:
            raise self.unknown(f"{function.what} has {len(hits)} of a piece", f"{self.where(function)}: {piece.first}")
        return [self.region(function.path, m.start, m.end, piece.first) for m in hits]

    def _whole(self, use: Use, arm: list[Statement], pieces: list[tuple[Piece, Region]]) -> None:
        """The pieces within an arm begin with its first statement and stand in its order."""
        starts = [r.start for _, r in pieces]
        if starts != sorted(starts) or (arm and (not starts or starts[0] != arm[0].start)):
            raise self.unknown(
                f"what {use.site.name} decides is not in the stage's pieces",
                f"{self._at(use.site)}\n{use.guarded}",
            )
