"""Tokens of C source as written, before preprocessing, with byte offsets.

This is the toolkit's own reading of a file.  It is deliberately simple: it splits
bytes into comments, strings, directives and tokens and never needs flags, so that
it sees code which no configuration compiles.  libclang's reading is a separate
one, and the two are compared (:mod:`xenstage.index.sites`).
"""

from __future__ import annotations

import bisect
import collections
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
    [ \t\f\v\r]*+(?:\\\r?\n[ \t\f\v\r]*+)*+  # blanks, and lines that a backslash joins
    (?:
      (\n)
    | (/\*.*?(?:\*/|\Z)|//(?:[^\n\\]|\\(?s:.))*)
    | ((?:u8|[LuU])?"(?:[^"\\\n]|\\(?s:.))*(?:"|(?=\n)|\Z)|(?:[LuU])?'(?:[^'\\\n]|\\(?s:.))*(?:'|(?=\n)|\Z))
    | (\.?[0-9](?:[eEpP][+-]|[0-9A-Za-z_.])*)
    | ([A-Za-z_$\x80-\xff][A-Za-z0-9_$\x80-\xff]*)
    | (<<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|\#\#|.)
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_NEWLINE, _COMMENT = 1, 2  # groups of the pattern
_DIRECTIVE = re.compile(r"[ \t]*([a-z_]+)")
_KINDS = (None, Kind.END, Kind.COMMENT, Kind.STRING, Kind.NUMBER, Kind.WORD, Kind.PUNCT)


@functools.lru_cache(maxsize=96)  # the same few files are read again and again
def tokenize(data: bytes) -> tuple[Token, ...]:
    """Split a file into tokens, white space left out.

    The bytes are read as Latin-1, so that offsets are byte offsets whatever the
    file's encoding.  Never fails: an unterminated comment or string ends with the
    file or line.
    """
    if len(data) < _SMALL:
        return tuple(_split(data.decode("latin-1"), 0, len(data))[0])
    tokens = _beside(data, *max(_recent, key=lambda known: _common(data, known[0])))
    _recent.append((data, tokens))
    return tokens


_SMALL = 4096
# The last long texts, of which the next is often like one, and their tokens.
_recent: collections.deque[tuple[bytes, tuple[Token, ...]]] = collections.deque([(b"", ())], maxlen=16)
_new = functools.partial(tuple.__new__, Token)


def _split(text: str, start: int, stop: int) -> tuple[list[Token], int]:
    """The tokens from the start of a line to the first start of a line at or after an offset.

    :returns: the tokens, and where they end: outside comments, strings and directives, or
        the text's length.
    """
    tokens: list[Token] = []
    add, new, kinds = tokens.append, _new, _KINDS
    line_start, directive = True, False
    after_name = 0  # where the name of a directive ends, which its token includes
    for m in _TOKEN.finditer(text, start):
        group = m.lastindex or 0
        at, word = m.start(group), m[group]
        if group == _NEWLINE:
            if directive:
                add(new((Kind.END, "\n", at, True)))
            line_start, directive = True, False
            if at >= stop:
                return tokens, at + 1
        elif group == _COMMENT:
            add(new((Kind.COMMENT, word, at, directive)))
        elif line_start and word == "#":
            name = _DIRECTIVE.match(text, at + 1)
            after_name = name.end() if name else at + 1
            add(new((Kind.DIRECTIVE, text[at:after_name], at, True)))
            line_start, directive = False, True
        elif at >= after_name:
            add(new((kinds[group], word, at, directive)))
            line_start = False
    if directive:
        add(new((Kind.END, "", len(text), True)))
    return tokens, len(text)


def _beside(data: bytes, old: bytes, known: Sequence[Token]) -> tuple[Token, ...]:
    """The tokens of a text, where it differs from another whose tokens are known read anew.

    A line that begins outside comments, strings and directives begins the same whatever
    stood before it, so that the lines around a change keep their tokens.
    """
    text = data.decode("latin-1")
    same = _common(data, old)
    head = bisect.bisect_left(known, same, key=_start_of)
    while head and (head == len(known) or known[head].start > same or not _begins(data, known, head)):
        head -= 1
    start = known[head].start if head else 0
    end = _common(data[:same:-1], old[:same:-1])
    shift = len(data) - len(old)
    tokens, at = _split(text, start, max(len(data) - end, start))
    while at < len(data):
        tail = bisect.bisect_left(known, at - shift, key=_start_of)
        if _plain_end(old, at - shift) and (tail == 0 or _ends(known[tail - 1], at - shift)):
            rest = known[tail:]
            if shift:
                rest = [_new((k, w, s + shift, d)) for k, w, s, d in rest]
            return (*known[:head], *tokens, *rest)
        more, at = _split(text, at, at)
        tokens += more
    return (*known[:head], *tokens)


def _start_of(token: Token) -> int:
    return token.start


def _begins(data: bytes, tokens: Sequence[Token], i: int) -> bool:
    """Whether a token is the first of its line, and no directive goes on there."""
    t, before = tokens[i], tokens[i - 1]
    between = data[before.end : t.start]
    line = before.kind is Kind.END or (b"\n" in between and b"\\" not in between)
    return line and (t.kind is Kind.DIRECTIVE or not t.in_directive)


def _plain_end(data: bytes, at: int) -> bool:
    """Whether a line ends before an offset, and no backslash goes on with it."""
    return data[at - 1 : at] == b"\n" and data[at - 2 : at - 1] not in (b"\\", b"\r")


def _ends(token: Token, at: int) -> bool:
    """Whether a token before an offset ends before it, and no directive goes on there."""
    return token.kind is Kind.END or (token.end <= at and not token.in_directive)


def _common(a: bytes, b: bytes) -> int:
    """How many bytes two texts begin with in common."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


@functools.lru_cache(maxsize=96)
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
