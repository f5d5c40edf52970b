"""beside: which edits and which changed conditions belong to which hunk of a patch.

An edit is a byte range of the file before the patch, a hunk a few lines of both; what they
have in common is their text.  Each piece of text is given away once, in the order of the
file.  What fits no hunk is left over, and shown as that.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..edit.edits import Edit
from .mail import FileDiff, Hunk


@dataclass
class Beside:
    """A hunk with what belongs to it.

    :param edits: in the order of the file.
    :param conditions: (function, row of the evidence).
    """

    hunk: Hunk
    edits: list[Edit] = field(default_factory=list)
    conditions: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


def beside(
    file: FileDiff, edits: Iterable[Edit], conditions: Mapping[str, Sequence[dict[str, Any]]]
) -> tuple[list[Beside], list[Edit], list[tuple[str, dict[str, Any]]]]:
    """The hunks of a file with their edits and conditions.

    :param edits: of this file.
    :param conditions: function to its changed conditions, of this file.
    :returns: the hunks; the edits and the conditions that are in none.
    """
    places = [Beside(h) for h in file.hunks]
    texts = {mark: ["\n".join(x[1:] for x in h.lines if x[:1] == mark) for h in file.hunks] for mark in "-+"}
    first, lone = 0, list[Edit]()
    for edit in sorted(edits):
        pieces = _pieces(edit)
        whole = next((i for i in range(first, len(places)) if all(p in texts[m][i] for m, p in pieces)), None)
        held = [i for i in (range(first, len(places)) if whole is None else [whole]) if _take(texts, i, pieces)]
        for i in held:
            places[i].edits.append(edit)
        if held:
            first = held[0]
        else:
            lone.append(edit)
    rest: list[tuple[str, dict[str, Any]]] = []
    sides = {m: [_squeezed(h.lines, m) for h in file.hunks] for m in "-+"}
    left = {m: list(text) for m, text in sides.items()}
    for function, rows in conditions.items():
        for row in rows:
            wanted = [(m, "".join((row[k] or "").split())) for m, k in (("-", "before"), ("+", "after"))]
            wanted = [(m, text) for m, text in wanted if text]
            home = _home(places, left, wanted, function)
            home = _home(places, sides, wanted, function) if home is None else home
            if home is None:
                rest.append((function, row))
                continue
            places[home].conditions.append((function, row))
            for mark, text in wanted:
                left[mark][home] = left[mark][home].replace(text, "\0", 1)
    return places, lone, rest


def _home(
    places: Sequence[Beside], texts: Mapping[str, Sequence[str]], wanted: Sequence[tuple[str, str]], function: str
) -> int | None:
    """The first of the hunks that have most of a condition's two sides, those of its function before others."""
    fits = [sum(text in texts[mark][i] for mark, text in wanted) for i in range(len(places))]
    order = sorted(range(len(places)), key=lambda i: (-fits[i], places[i].hunk.function != function, i))
    return order[0] if order and fits[order[0]] else None


def _pieces(edit: Edit) -> list[tuple[str, str]]:
    """The lines that an edit takes away ("-") and puts down ("+"), or the parts of lines."""
    old, new = (t.decode("utf-8", "backslashreplace") for t in (edit.expected, edit.new))
    lines = difflib.ndiff(old.splitlines(), new.splitlines())
    return [(x[0], x[2:].strip()) for x in lines if x[:1] in ("-", "+") and x[2:].strip()]


def _take(texts: dict[str, list[str]], at: int, pieces: Sequence[tuple[str, str]]) -> bool:
    """Whether a hunk has some of an edit's pieces, which are taken out of its text then."""
    found = False
    for mark, piece in pieces:
        if piece in texts[mark][at]:
            texts[mark][at] = texts[mark][at].replace(piece, "\0", 1)
            found = True
    return found


def _squeezed(lines: Sequence[str], mark: str) -> str:
    """One side of a hunk without blanks."""
    return "".join("".join(x[1:].split()) for x in lines if x[:1] in (" ", mark))
