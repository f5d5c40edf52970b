"""Pattern: C text with holes, matched against tokens, so that layout does not matter.

A pattern is written as the C that it matches.  ``$name`` matches any non-empty run of
tokens with balanced brackets; the same name twice must match the same tokens.
``$name:word`` matches one identifier.  Comments between tokens are ignored when
matching and keep a match from being rewritten (the caller sees them in the match).
``$name:arg`` matches as ``$name`` does, but holds no comma outside brackets: one argument.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .lexer import Kind, Token, matching, tokenize, tokens_between


@dataclass(frozen=True)
class Match:
    """A place where a pattern matches.

    :param start: byte offset of the first token.
    :param end: byte offset past the last.
    :param holes: hole name to (start, end) byte range.
    :param comments: texts of comments inside the match and outside its holes.
    """

    start: int
    end: int
    holes: Mapping[str, tuple[int, int]]
    comments: tuple[str, ...]


_HOLE = re.compile(r"\$([a-z_][a-z0-9_]*)(?::(word|arg))?\Z")
HOLE_IN_TEXT = re.compile(r"\$([a-z_][a-z0-9_]*)")  # splits a text into pieces and names of holes
_KINDS = ("word", "arg")
_KEYWORDS = {"if", "else", "while", "for", "do", "switch", "case", "default", "return", "sizeof", "goto", "break"}


class Pattern:
    """A compiled pattern.

    :param text: as described above.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        raw = tokenize(text.encode())
        self._parts: list[str] = []
        i = 0
        while i < len(raw):
            part = raw[i].text
            if part.startswith("$") and i + 2 < len(raw) and raw[i + 1].text == ":" and raw[i + 2].text in _KINDS:
                part += f":{raw[i + 2].text}"
                i += 2
            if part.startswith("$") and not _HOLE.match(part):
                raise ValueError(f"{part} is no hole: $ and lower case letters, digits, underscores")
            self._parts.append(part)
            i += 1
        if not self._parts:
            raise ValueError("an empty pattern matches everywhere")

    def find(self, data: bytes, start: int = 0, end: int | None = None) -> list[Match]:
        """All matches inside a byte range, leftmost first, none overlapping."""
        last = len(data) if end is None else end
        tokens = [t for t in tokens_between(data, start, last) if t.end <= last]
        code = [t for t in tokens if t.kind is not Kind.COMMENT]
        comments = [t for t in tokens if t.kind is Kind.COMMENT]
        out: list[Match] = []
        i = 0
        while i < len(code):
            holes: dict[str, tuple[int, int]] = {}
            stop = self._match(code, i, 0, holes)
            if stop is None:
                i += 1
                continue
            ranges = {n: (code[a].start, code[b - 1].end) for n, (a, b) in holes.items()}
            lo, hi = code[i].start, code[stop - 1].end
            inside = tuple(
                c.text for c in comments if lo <= c.start < hi and not any(a <= c.start < b for a, b in ranges.values())
            )
            out.append(Match(lo, hi, ranges, inside))
            i = stop
        return out

    def _match(self, code: list[Token], at: int, part: int, holes: dict[str, tuple[int, int]]) -> int | None:
        """Match parts[part:] at code[at:]; the index past the match, or None."""
        while part < len(self._parts):
            hole = _HOLE.match(self._parts[part])
            if hole is None:
                if at >= len(code) or code[at].text != self._parts[part]:
                    return None
                at, part = at + 1, part + 1
                continue
            return self._match_hole(hole, code, at, part, holes)
        return at

    def _match_hole(
        self, hole: re.Match[str], code: list[Token], at: int, part: int, holes: dict[str, tuple[int, int]]
    ) -> int | None:
        name, kind = hole.groups()
        for end in self._ends(code, at, kind or ""):
            mine = [t.text for t in code[at:end]]
            if name in holes:
                a, b = holes[name]
                if [t.text for t in code[a:b]] != mine:
                    continue
            trial = {**holes, name: holes.get(name, (at, end))}
            stop = self._match(code, end, part + 1, trial)
            if stop is not None:
                holes.update(trial)
                return stop
        return None

    @staticmethod
    def _ends(code: list[Token], at: int, kind: str) -> list[int]:
        """Where a hole that starts at a token may end: shortest first, one statement at most."""
        if kind == "word":
            return [at + 1] if at < len(code) and code[at].kind is Kind.WORD and code[at].text not in _KEYWORDS else []
        ends: list[int] = []
        i = at
        while i < len(code):
            text = code[i].text
            if text in (")", "]", "}", ";") or code[i].kind in (Kind.DIRECTIVE, Kind.END):
                break
            if text == "," and kind == "arg":
                break
            if text in ("(", "[", "{"):
                try:
                    i = matching(code, i)
                except ValueError:
                    break
            i += 1
            ends.append(i)
        return ends
