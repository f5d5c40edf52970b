"""statements: the statements of a function with their byte ranges, and the one around a place.

:mod:`.body` reads what statements say, for the proofs; this reads where they stand,
for edits.  Comments belong to no statement; directives are statements of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .body import NotUnderstood
from .lexer import Kind, Token, matching, tokens_between


@dataclass(frozen=True)
class Statement:
    """One statement.

    :param kind: "simple", "if", "loop", "switch", "block", "label" or "directive".
    :param start: byte offset of its first token.
    :param end: byte offset past its semicolon or closing brace.
    :param inside: byte range between the brackets of its head: the condition of an
        ``if``, what a loop or switch looks at; None for the others.
    :param parts: statements of a block; body of a loop or switch; of an ``if`` what is
        done and, where there is an ``else``, what is done otherwise.
    """

    kind: str
    start: int
    end: int
    inside: tuple[int, int] | None = None
    parts: tuple[Statement, ...] = ()

    def holds(self, offset: int) -> bool:
        """Whether a byte lies in the statement."""
        return self.start <= offset < self.end


def read_block(data: bytes, start: int, end: int) -> Statement:
    """The block that lies at a byte range, which begins with ``{`` and ends with ``}``.

    :raises NotUnderstood: when the range is no block, or holds one that is not closed.
    """
    tokens = [t for t in tokens_between(data, start, end) if t.kind is not Kind.COMMENT]
    if not tokens or tokens[0].text != "{":
        raise NotUnderstood("no block")
    reader = _Reader(tokens)
    block = reader.statement()
    if reader.at != len(tokens):
        raise NotUnderstood(f"a block that ends before byte {end}")
    return block


def function_body(data: bytes, start: int, end: int) -> Statement:
    """The outermost block of the function at a byte range, which begins outside comments and directives.

    :raises NotUnderstood: when there is none.
    """
    return _moved(_body_alone(data[start:end]), start)


def _moved(statement: Statement, by: int) -> Statement:
    """The same statement in a text in which it stands later."""
    if not by:
        return statement
    inside = (statement.inside[0] + by, statement.inside[1] + by) if statement.inside else None
    parts = tuple(_moved(p, by) for p in statement.parts)
    return Statement(statement.kind, statement.start + by, statement.end + by, inside, parts)


@functools.lru_cache(maxsize=2048)  # most functions stay as they are from patch to patch
def _body_alone(data: bytes) -> Statement:
    start, end, depth = 0, len(data), 0
    for t in tokens_between(data, start, end):
        if t.in_directive or t.kind is Kind.COMMENT:
            continue
        if t.text == "{" and depth == 0:
            return read_block(data, t.start, end)
        depth += (t.text in ("(", "[")) - (t.text in (")", "]"))
    raise NotUnderstood("a function without a body")


def walk(statement: Statement) -> Iterator[Statement]:
    """A statement and all below it, outermost first."""
    yield statement
    for part in statement.parts:
        yield from walk(part)


def around(block: Statement, offset: int) -> tuple[Statement, ...]:
    """The statements that hold a byte, outermost first; the block is the first."""
    chain = [block]
    while True:
        inner = next((p for p in chain[-1].parts if p.holds(offset)), None)
        if inner is None:
            return tuple(chain)
        chain.append(inner)


class _Reader:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens, self.at = tokens, 0

    def text(self, ahead: int = 0) -> str:
        i = self.at + ahead
        return self.tokens[i].text if i < len(self.tokens) else ""

    def _token(self) -> Token:
        if self.at >= len(self.tokens):
            raise NotUnderstood("a block without an end")
        return self.tokens[self.at]

    def _done(self, kind: str, start: int, *parts: Statement, inside: tuple[int, int] | None = None) -> Statement:
        return Statement(kind, start, self.tokens[self.at - 1].end, inside, parts)

    def statement(self) -> Statement:
        t = self._token()
        if t.kind is Kind.DIRECTIVE:
            return self._directive(t)
        if t.text == "{":
            return self._block(t)
        if t.text == "if":
            return self._if(t)
        if t.text in ("for", "while", "switch"):
            self.at += 1
            inside = self._brackets()
            return self._done("switch" if t.text == "switch" else "loop", t.start, self.statement(), inside=inside)
        if t.text == "do":
            self.at += 1
            body = self.statement()
            self.at += 1  # while
            inside = self._brackets()
            self.at += self.text() == ";"
            return self._done("loop", t.start, body, inside=inside)
        if t.text in ("case", "default") or (t.kind is Kind.WORD and self.text(1) == ":"):
            return self._label(t)
        return self._simple(t)

    def _directive(self, t: Token) -> Statement:
        while self._token().kind is not Kind.END:
            self.at += 1
        end = self.tokens[self.at].start
        self.at += 1
        return Statement("directive", t.start, end)

    def _block(self, t: Token) -> Statement:
        self.at += 1
        parts: list[Statement] = []
        while self.text() != "}":
            parts.append(self.statement())
        self.at += 1
        return self._done("block", t.start, *parts)

    def _if(self, t: Token) -> Statement:
        self.at += 1
        inside = self._brackets()
        parts = [self.statement()]
        if self.text() == "else":
            self.at += 1
            parts.append(self.statement())
        elif self.at < len(self.tokens) and self.tokens[self.at].kind is Kind.DIRECTIVE:
            i = self.at
            while i < len(self.tokens) and self.tokens[i].in_directive:
                i += 1
            if i < len(self.tokens) and self.tokens[i].text == "else":
                raise NotUnderstood("an else behind a directive")
        return self._done("if", t.start, *parts, inside=inside)

    def _brackets(self) -> tuple[int, int]:
        if self.text() != "(":
            raise NotUnderstood(f"no bracket after {self.tokens[self.at - 1].text}")
        close = self._matching(self.at)
        inside = (self.tokens[self.at].end, self.tokens[close].start)
        self.at = close + 1
        return inside

    def _matching(self, at: int) -> int:
        try:
            return matching(self.tokens, at)
        except ValueError as e:
            raise NotUnderstood(str(e)) from e

    def _label(self, t: Token) -> Statement:
        depth = 0
        while True:
            w = self._token().text
            depth += w == "?"
            self.at += 1
            if w == ":":
                if depth == 0:
                    return self._done("label", t.start)
                depth -= 1

    def _simple(self, t: Token) -> Statement:
        if t.kind is Kind.WORD and self.text(1) == "(":
            close = self._matching(self.at + 1)
            after = self.tokens[close + 1] if close + 1 < len(self.tokens) else None
            if after is not None and (after.text == "{" or after.kind in (Kind.WORD, Kind.DIRECTIVE)):
                inside = (self.tokens[self.at + 1].end, self.tokens[close].start)
                self.at = close + 1
                if after.kind is not Kind.DIRECTIVE and _loops(t.text):
                    return self._done("loop", t.start, self.statement(), inside=inside)
                return self._done("simple", t.start)  # a macro that needs no semicolon
        while True:
            w = self._token()
            if w.text == "}":
                raise NotUnderstood(f"a statement without an end: {t.text} …")
            self.at = self._matching(self.at) + 1 if w.text in ("(", "[", "{") else self.at + 1
            if w.text == ";":
                return self._done("simple", t.start)


def _loops(name: str) -> bool:
    """A macro whose name says that it stands for a loop's head."""
    return "for_each" in name or "foreach" in name or name.startswith(("list_for", "rcu_"))
