"""compose: edits of a file, and changes to what they make of it, as edits of the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .edits import Edit


@dataclass(frozen=True, order=True)
class Change:
    """New bytes for a range of the text that edits make.

    :param start: byte offset in that text.
    """

    start: int
    end: int
    new: bytes


@dataclass(frozen=True)
class Made:
    """A file's new text, and which bytes of it stood in the file already.

    :param kept: (offset in the new text, offset in the file, length) of bytes that stay, in order.
    """

    text: bytes
    kept: tuple[tuple[int, int, int], ...]

    def old(self, offset: int) -> int | None:
        """Where a byte of the new text stood in the file; None for a new one."""
        for new, old, length in self.kept:
            if new <= offset < new + length:
                return old + offset - new
        return None


def make(data: bytes, edits: Sequence[Edit]) -> Made:
    """What sorted edits that do not overlap make of a file."""
    pieces: list[bytes] = []
    kept: list[tuple[int, int, int]] = []
    at = length = 0
    for edit in edits:
        kept.append((length, at, edit.offset - at))
        pieces += [data[at : edit.offset], edit.new]
        length += edit.offset - at + len(edit.new)
        at = edit.end
    kept.append((length, at, len(data) - at))
    return Made(b"".join([*pieces, data[at:]]), tuple(k for k in kept if k[2]))


def compose(path: str, data: bytes, edits: Sequence[Edit], changes: Sequence[Change], rule: str) -> list[Edit]:
    """The edits that make of a file what edits and then changes make of it.

    :param edits: of that file, sorted, none overlapping.
    :param changes: of the text that the edits make, sorted, none overlapping.
    :param rule: rule and reason of an edit that only changes make.
    """
    spans: list[tuple[int, int, Edit]] = []  # where each edit's new bytes lie
    grown = 0
    for e in edits:
        start = e.offset + grown
        spans.append((start, start + len(e.new), e))
        grown += len(e.new) - len(e.expected)
    text = make(data, edits).text
    out: list[Edit] = []
    used: set[int] = set()
    i = 0
    while i < len(changes):
        low, high = changes[i].start, changes[i].end
        j, mine = i + 1, set[int]()
        while True:
            touched = {k for k, (a, b, _) in enumerate(spans) if a <= high and low <= b}
            low, high = min([low, *(spans[k][0] for k in touched)]), max([high, *(spans[k][1] for k in touched)])
            if j < len(changes) and changes[j].start <= high:
                high, j = max(high, changes[j].end), j + 1
            elif touched == mine:
                break
            mine = touched
        out.append(_union(path, data, text, (low, high), [spans[k] for k in sorted(mine)], spans, changes[i:j], rule))
        used |= mine
        i = j
    return sorted([*out, *(e for k, e in enumerate(edits) if k not in used)])


def _union(
    path: str,
    data: bytes,
    text: bytes,
    span: tuple[int, int],
    mine: list[tuple[int, int, Edit]],
    spans: list[tuple[int, int, Edit]],
    changes: Sequence[Change],
    rule: str,
) -> Edit:
    low, high = span
    start = low - sum(len(e.new) - len(e.expected) for a, b, e in spans if b <= low and (a, b, e) not in mine)
    end = high - sum(len(e.new) - len(e.expected) for a, b, e in spans if a <= low or (a, b, e) in mine)
    new, at = b"", low
    for c in changes:
        new += text[at : c.start] + c.new
        at = c.end
    new += text[at:high]
    rules = list(dict.fromkeys(e.rule for _, _, e in mine)) or [rule]
    reasons = list(dict.fromkeys(e.reason for _, _, e in mine)) or [rule]
    return Edit(path, start, data[start:end], new, ", ".join(rules), "; ".join(reasons))
