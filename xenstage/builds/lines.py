"""keep_line_numbers: a changed file whose unchanged lines have the numbers they had."""

from __future__ import annotations

import difflib

from ..ctext.lexer import Kind, tokenize


def keep_line_numbers(old: bytes, new: bytes) -> bytes:
    """The new bytes with ``#line`` before the first open line after each change.

    Compiled, what only moved gives the same ``__LINE__``, also behind a comment or a blank
    line that a function got.  No other byte differs; equal files come back as they are.
    """
    a, b = old.split(b"\n"), new.split(b"\n")
    numbers: dict[int, int] = {}  # index of a new line -> index of the old one
    for tag, i1, i2, j1, _ in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            numbers.update({j1 + k: i1 + k for k in range(i2 - i1)})
    free = _open_lines(new)
    out: list[bytes] = []
    shift = 0
    for j, line in enumerate(b):
        wanted = numbers.get(j)
        if wanted is not None and j in free and wanted - j != shift:
            out.append(b"#line %d" % (wanted + 1))
            shift = wanted - j
        out.append(line)
    return b"\n".join(out)


def _open_lines(data: bytes) -> set[int]:
    """Lines that begin outside comments, directives and round or square brackets: among the arguments
    of a macro a directive has no defined meaning (C99 6.10.3p11)."""
    out: set[int] = set()
    depth, line, at = 0, 0, 0
    last = -1
    for t in tokenize(data):
        line += data.count(b"\n", at, t.start)
        at = t.start
        if line != last and depth == 0 and (t.kind is Kind.DIRECTIVE or not t.in_directive):
            out.add(line)
        if not t.in_directive and t.kind is not Kind.COMMENT:
            depth += (t.text in ("(", "[")) - (t.text in (")", "]"))
            depth = max(depth, 0)
        last = line + t.text.count("\n")
    return out
