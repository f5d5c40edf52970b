"""odd_spellings: C that a compiler reads otherwise than our own tokens do.

Digraphs and trigraphs, lines that are joined inside a token, escapes in identifiers
(C99 5.1.1.2, 5.2.1.1, 6.4.6; GCC joins lines also where blanks follow the backslash).
Such text is not wrong, but nothing that reads tokens may speak for it.
"""

from __future__ import annotations

import re
from collections import Counter

from .lexer import Kind, tokenize

_ODD = re.compile(
    rb"%:|<%|%>|<:|:>"  # digraphs
    rb"|\?\?[=/'()!<>-]"  # trigraphs, which -std=gnu99 leaves alone and -std=c99 does not
    rb"|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}"
    rb"|[A-Za-z0-9_$](?:\\\r?\n)+[A-Za-z0-9_$]"
    rb"|[-+&|<>=!*/%^#:.](?:\\\r?\n)+[-+&|<>=!*/%^#:.]"
    rb"|\\[ \t\f\v]+\r?\n"
)


def odd_spellings(data: bytes) -> Counter[str]:
    """Each such spelling outside comments and strings, as the text of its line, with its number."""
    if not _ODD.search(data):
        return Counter()
    prose = [(t.start, t.end) for t in tokenize(data) if t.kind in (Kind.COMMENT, Kind.STRING)]
    out: Counter[str] = Counter()
    for m in _ODD.finditer(data):
        if not any(a < m.start() < b for a, b in prose):
            end = data.find(b"\n", m.end())
            line = data[data.rfind(b"\n", 0, m.start()) + 1 : end if end >= 0 else len(data)]
            out[" ".join(line.decode("latin-1").split())] += 1
    return out
