"""Tokens of C source as written, before preprocessing, with byte offsets.

This is the toolkit's own reading of a file.  It is deliberately simple: it splits
bytes into comments, strings, directives and tokens and never needs flags, so that
it sees code which no configuration compiles.  libclang's reading is a separate
one, and the two are compared (:mod:`xenstage.index.sites`).
"""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a token is.  WORD: identifier or keyword; PUNCT: operator or bracket."""

    WORD = "word"
    NUMBER = "number"
    STRING = "string"
    PUNCT = "punct"
    COMMENT = "comment"
    DIRECTIVE = "directive"  # '#' and the directive's name; its operands are tokens
    END = "end"  # the newline that ends a directive


class Token(NamedTuple):
    """A token: its kind, text, byte offset, and whether a directive's line holds it."""

    kind: Kind
    text: str
    start: int
    in_directive: bool

    @property
    def end(self) -> int:
        """Byte offset just past the token."""
        return self.start + len(self.text)


_TOKEN = re.compile(
    r"""
      (?P<space>(?:[ \t\f\v\r]|\\\r?\n)+)
    | (?P<newline>\n)
    | (?P<comment>/\*.*?(?:\*/|\Z)|//(?:[^\n\\]|\\(?s:.))*)
    | (?P<string>(?:u8|[LuU])?"(?:[^"\\\n]|\\(?s:.))*(?:"|(?=\n)|\Z)|(?:[LuU])?'(?:[^'\\\n]|\\(?s:.))*(?:'|(?=\n)|\Z))
    | (?P<number>\.?[0-9](?:[eEpP][+-]|[0-9A-Za-z_.])*)
    | (?P<word>[A-Za-z_$\x80-\xff][A-Za-z0-9_$\x80-\xff]*)
    | (?P<punct><<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|\#\#|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_DIRECTIVE = re.compile(r"[ \t]*([a-z_]+)")
_KINDS = {
    "comment": Kind.COMMENT,
    "string": Kind.STRING,
    "number": Kind.NUMBER,
    "word": Kind.WORD,
    "punct": Kind.PUNCT,
}


@functools.lru_cache(maxsize=32)  # the same few files are read again and again
def tokenize(data: bytes) -> tuple[Token, ...]:
    """Split a file into tokens, white space left out.

    The bytes are read as Latin-1, so that offsets are byte offsets whatever the
    file's encoding.  Never fails: an unterminated comment or string ends with the
    file or line.
    """
    text = data.decode("latin-1")
    tokens: list[Token] = []
    add, kinds = tokens.append, _KINDS
    line_start, directive = True, False
    after_name = 0  # where the name of a directive ends, which its token includes
    for m in _TOKEN.finditer(text):
        group = m.lastgroup
        if group == "space":
            continue
        if group == "newline":
            if directive:
                add(Token(Kind.END, "\n", m.start(), True))
            line_start, directive = True, False
        elif group == "comment":
            add(Token(Kind.COMMENT, m.group(), m.start(), directive))
        elif line_start and group == "punct" and m.group() == "#":
            name = _DIRECTIVE.match(text, m.end())
            after_name = name.end() if name else m.end()
            add(Token(Kind.DIRECTIVE, text[m.start() : after_name], m.start(), True))
            line_start, directive = False, True
        elif m.start() >= after_name:
            add(Token(kinds[group], m.group(), m.start(), directive))  # type: ignore[index]
            line_start = False
    if directive:
        tokens.append(Token(Kind.END, "", len(text), True))
    return tuple(tokens)


@functools.lru_cache(maxsize=32)
def _starts(data: bytes) -> list[int]:
    return [t.start for t in tokenize(data)]


def tokens_between(data: bytes, start: int, end: int) -> tuple[Token, ...]:
    """The tokens of a file that begin in a byte range."""
    starts = _starts(data)
    return tokenize(data)[bisect.bisect_left(starts, start) : bisect.bisect_left(starts, end)]


_OPEN = {"(": ")", "[": "]", "{": "}"}
_CLOSE = set(_OPEN.values())


def matching(tokens: Sequence[Token], index: int) -> int:
    """Index of the bracket that closes ``tokens[index]``.

    :raises ValueError: when nothing closes it.
    """
    depth = 0
    for i in range(index, len(tokens)):
        if tokens[i].kind is not Kind.PUNCT:
            continue
        if tokens[i].text in _OPEN:
            depth += 1
        elif tokens[i].text in _CLOSE:
            depth -= 1
            if depth == 0:
                return i
    raise ValueError(f"nothing closes {tokens[index].text!r} at byte {tokens[index].start}")


def opening(tokens: Sequence[Token], index: int) -> int | None:
    """Index of the innermost bracket that is open before ``tokens[index]``, if any."""
    depth = 0
    for i in range(index - 1, -1, -1):
        if tokens[i].kind is not Kind.PUNCT:
            continue
        if tokens[i].text in _CLOSE:
            depth += 1
        elif tokens[i].text in _OPEN:
            if depth == 0:
                return i
            depth -= 1
    return None
