"""land: where a use of a name comes to stand when a patch's edits are made."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .edits import Edit


@dataclass(frozen=True)
class Landed:
    """A use after some edits.

    :param edit: the one that replaces its bytes; None where it only moves.
    :param offset: where the name stands afterwards; None where it is gone, or where the new
        text has the name another number of times, so that nobody can say which it is.
    :param lines: by how many lines it moved; 0 where it is gone.
    """

    edit: Edit | None
    offset: int | None
    lines: int = 0


def land(edits: Iterable[Edit], path: str, offset: int, name: str) -> Landed:
    """Follow one use through the edits of one patch.

    :param edits: those of a patch, which do not overlap.
    :param offset: byte offset of the name before them.
    """
    shift = lines = 0
    for edit in sorted(e for e in edits if e.path == path):
        if edit.offset <= offset < edit.end:
            word = re.compile(rb"(?<!\w)%s(?!\w)" % re.escape(name.encode()))
            old, new = (list(word.finditer(text)) for text in (edit.expected, edit.new))
            nth = sum(m.start() < offset - edit.offset for m in old)
            if len(old) != len(new) or nth >= len(new):
                return Landed(edit, None)
            start = new[nth].start()
            lines += edit.new.count(b"\n", 0, start) - edit.expected.count(b"\n", 0, offset - edit.offset)
            return Landed(edit, edit.offset + shift + start, lines)
        if edit.end > offset:
            break
        shift += len(edit.new) - len(edit.expected)
        lines += edit.new.count(b"\n") - edit.expected.count(b"\n")
    return Landed(None, offset + shift, lines)
