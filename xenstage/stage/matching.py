"""Matching: questions and edits by pattern (:mod:`xenstage.ctext.pattern`), by layout's leave."""

from __future__ import annotations

import re

from ..ctext.pattern import HOLE_IN_TEXT, Match, Pattern
from .base import Base, Region


class Matching(Base):
    """What a view offers of patterns."""

    def matches(self, text: str, region: Region) -> list[Match]:
        """All places in a region where a pattern matches."""
        return Pattern(text).find(self.read(region.path), region.start, region.end)

    def one(self, text: str, region: Region) -> Match:
        """The one place in a region where a pattern matches.

        :raises XenstageError: (SITE) when there is none, or more than one.
        """
        found = self.matches(text, region)
        if len(found) != 1:
            lines = ", ".join(f"{region.path}:{self.line(region.path, m.start)}" for m in found)
            raise self.unknown(
                f"{region.what} in {region.path} has {len(found)} of what the stage needs once",
                f"looked for, whatever the layout:\n{text.strip()}\nfound at: {lines or 'nowhere'}",
            )
        return found[0]

    def hole(self, region: Region, match: Match, name: str) -> str:
        """The text that a hole matched."""
        a, b = match.holes[name]
        return self.read(region.path)[a:b].decode("latin-1")

    def place(self, region: Region, match: Match, what: str = "") -> Region:
        """A match as a region."""
        return self.region(region.path, match.start, match.end, what or region.what)

    def rewrite(self, region: Region, before: str, after: str, *, rule: str, reason: str) -> Match:
        """Rewrite the one match of a pattern in a region.

        :param before: the pattern.
        :param after: C text with the pattern's holes; its further lines are indented from
            the match's column.
        :raises XenstageError: (SITE) when there is none or more than one, or a comment would be lost.
        """
        match = self.one(before, region)
        self.rewrite_match(region, match, after, rule=rule, reason=reason)
        return match

    def rewrite_all(self, region: Region, before: str, after: str, *, rule: str, reason: str) -> list[Match]:
        """Rewrite every match of a pattern in a region, of which there may be none."""
        found = self.matches(before, region)
        for match in found:
            self.rewrite_match(region, match, after, rule=rule, reason=reason)
        return found

    def rewrite_match(self, region: Region, match: Match, after: str, *, rule: str, reason: str) -> None:
        """Put C text with holes in the place of a match; see :meth:`rewrite`.

        What a hole holds on several lines is not touched but for its layout.
        """
        if match.comments:
            raise self.unknown(
                f"a comment stands inside what {rule!r} replaces",
                f"{region.path}:{self.line(region.path, match.start)}: {match.comments[0]}",
            )
        before = self.read(region.path)[self.line_start(region.path, match.start) : match.start].decode("latin-1")
        pad = re.sub(r"[^\t]", " ", before)
        after = after.replace("\n", "\n" + pad)
        at, new = match.start, ""
        for i, piece in enumerate(HOLE_IN_TEXT.split(after)):
            if i % 2 == 0:
                new += piece
                continue
            start, end = match.holes[piece]
            text = self.read(region.path)[start:end].decode("latin-1")
            if "\n" not in text or start < at:
                new += re.sub(r"\s*\n\s*", " ", text)
                continue
            self.replace(self.region(region.path, at, start, region.what), new, rule=rule, reason=reason)
            at, new = end, ""
        self.replace(self.region(region.path, at, match.end, region.what), new, rule=rule, reason=reason)
