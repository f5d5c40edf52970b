"""parse_body: the statements of a C function, read before preprocessing.

The predicate macros are still calls here, debugging code is still there, and both
arms of every conditional directive are.  Macros that stand for loops are loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .entities import Entity
from .lexer import Kind, Token, matching


class NotUnderstood(Exception):
    """A construct that the reading does not know; the text says which."""


@dataclass(frozen=True)
class Leaf:
    """A statement without statements inside: an expression, a declaration, a jump, a
    label, or a directive's line.

    :param words: its tokens' texts without the semicolon.
    """

    words: tuple[str, ...]

    @property
    def is_label(self) -> bool:
        """A goto label, a case label or default."""
        return self.words[-1:] == (":",)


@dataclass(frozen=True)
class If:
    """``if ( cond ) then else other``; ``other`` is empty where there is none."""

    cond: tuple[str, ...]
    then: tuple[Node, ...]
    other: tuple[Node, ...]


@dataclass(frozen=True)
class Loop:
    """for, while, do (whose condition ends ``head``), or a macro that stands for one."""

    head: tuple[str, ...]
    body: tuple[Node, ...]


@dataclass(frozen=True)
class Switch:
    """``switch ( cond )`` with labels among the statements."""

    cond: tuple[str, ...]
    body: tuple[Node, ...]


Node = Leaf | If | Loop | Switch
JUMPS = ("return", "break", "continue", "goto")


def parse_body(function: Entity) -> tuple[Node, ...]:
    """The statements of a function.

    :raises NotUnderstood: when its brackets do not match, which directives can do.
    """
    tokens = list(function.tokens)
    start = _body_start(tokens)
    reader = _Reader(tokens, start + 1)
    nodes = reader.until_brace()
    if reader.at != len(tokens) - 1:
        raise NotUnderstood(f"{function.name}: its braces do not match")
    return nodes


def parse_value(name: str, tokens: Sequence[Token]) -> tuple[Node, ...]:
    """The statements of a ``({ … })``, whose last one, its value, is "returned".

    :param name: whose it is, for messages.
    :param tokens: from the ``{`` to the ``}``.
    :raises NotUnderstood: where the last statement is no expression, or one leaves the whole.
    """
    plain = [t._replace(in_directive=False) for t in tokens]
    reader = _Reader(plain, 1)
    nodes = reader.until_brace()
    last = nodes[-1] if nodes else None
    if reader.at != len(plain) - 1 or not isinstance(last, Leaf) or last.is_label:
        raise NotUnderstood(f"{name}: the value of its block is not read")
    if {"return", "goto", "break", "continue"} & words_of(nodes):
        raise NotUnderstood(f"{name}: a jump leads out of its block, or within it")
    return (*nodes[:-1], Leaf(("return", *last.words)))


def parameters(function: Entity) -> list[tuple[str, ...]]:
    """The words of each parameter's declaration; empty for ``(void)``."""
    tokens = [t for t in function.tokens if not t.in_directive]
    words = [t.text for t in tokens]
    made = "(" in function.name  # NAME ( argument ) ( parameters ): a macro makes the name
    name = function.name.partition("(")[0]
    at = next((i for i, t in enumerate(tokens) if t.text == name and words[i + 1 : i + 2] == ["("]), None)
    if at is None:  # ( NAME ) ( parameters ): brackets keep a macro of that name from being expanded
        kept = (i + 1 for i in range(1, len(words) - 2) if words[i - 1 : i + 3] == ["(", name, ")", "("])
        at = next(kept, None)
    at = at + 3 if at is not None and made else at
    if at is None:
        raise NotUnderstood(f"{function.name} has no parameter list")
    inside = words[at + 2 : matching(tokens, at + 1)]
    out = [tuple(p) for p in split_commas(inside)]
    return [] if out == [("void",)] else out


def split_commas(words: Sequence[str], comma: str = ",") -> list[list[str]]:
    """Parts between commas (or what is given) outside brackets; none for no words."""
    out: list[list[str]] = [[]]
    depth = 0
    for w in words:
        depth += (w in ("(", "[", "{")) - (w in (")", "]", "}"))
        if w == comma and depth == 0:
            out.append([])
        else:
            out[-1].append(w)
    return out if words else []


def _body_start(tokens: list[Token]) -> int:
    depth = 0
    for i, t in enumerate(tokens):
        if t.in_directive:
            continue
        if t.text == "{" and depth == 0:
            return i
        depth += (t.text in ("(", "[")) - (t.text in (")", "]"))
    raise NotUnderstood("a function without a body")


class _Reader:
    def __init__(self, tokens: list[Token], at: int) -> None:
        self.tokens, self.at = tokens, at

    def text(self, ahead: int = 0) -> str:
        i = self.at + ahead
        return self.tokens[i].text if i < len(self.tokens) else ""

    def until_brace(self) -> tuple[Node, ...]:
        """Statements up to the closing brace, which is left."""
        out: list[Node] = []
        while self.text() != "}":
            if self.at >= len(self.tokens):
                raise NotUnderstood("a block without an end")
            out += self.statement()
        return tuple(out)

    def parenthesis(self) -> tuple[str, ...]:
        """The words inside ``( … )``, which is passed."""
        if self.text() != "(":
            raise NotUnderstood(f"no parenthesis after {self.tokens[self.at - 1].text}")
        close = self._matching()
        words = tuple(t.text for t in self.tokens[self.at + 1 : close])
        self.at = close + 1
        return words

    def _matching(self) -> int:
        try:
            return matching(self.tokens, self.at)
        except ValueError as e:
            raise NotUnderstood(str(e)) from e

    def statement(self) -> tuple[Node, ...]:
        """The next statement; a block is its statements."""
        t = self.tokens[self.at]
        if t.kind is Kind.DIRECTIVE:
            return (self._directive(),)
        word = t.text
        if word == "{":
            self.at += 1
            inside = self.until_brace()
            self.at += 1
            return inside
        if word == ";":
            self.at += 1
            return ()
        if word == "if":
            return (self._if(),)
        if word in ("for", "while"):
            self.at += 1
            head = (word, "(", *self.parenthesis(), ")")
            return (Loop(head, self.statement()),)
        if word == "do":
            self.at += 1
            body = self.statement()
            self.at += 1  # while
            loop = Loop(("do", "while", "(", *self.parenthesis(), ")"), body)
            self.at += self.text() == ";"
            return (loop,)
        if word == "switch":
            self.at += 1
            cond = self.parenthesis()
            return (Switch(cond, self.statement()),)
        if word in ("case", "default") or (t.kind is Kind.WORD and self.text(1) == ":"):
            return (self._label(),)
        if t.kind is Kind.WORD and self.text(1) == "(" and word not in JUMPS:
            return self._call()
        return (self._leaf(),)

    def _directive(self) -> Leaf:
        start = self.at
        while self.tokens[self.at].kind is not Kind.END:
            self.at += 1
        self.at += 1
        return Leaf(tuple(t.text for t in self.tokens[start : self.at - 1]))

    def _if(self) -> If:
        self.at += 1
        cond = self.parenthesis()
        then = self.statement()
        other: tuple[Node, ...] = ()
        if self.text() == "else":
            self.at += 1
            other = self.statement()
        elif self.tokens[self.at].kind is Kind.DIRECTIVE and self._else_after_directive():
            raise NotUnderstood("an else behind a directive")
        return If(cond, then, other)

    def _else_after_directive(self) -> bool:
        i = self.at
        while i < len(self.tokens) and (self.tokens[i].in_directive):
            i += 1
        return i < len(self.tokens) and self.tokens[i].text == "else"

    def _label(self) -> Leaf:
        start, depth = self.at, 0
        while True:
            w = self.text()
            if not w:
                raise NotUnderstood("a label without an end")
            depth += w == "?"
            self.at += 1
            if w == ":":
                if depth == 0:
                    return Leaf(tuple(t.text for t in self.tokens[start : self.at]))
                depth -= 1

    def _call(self) -> tuple[Node, ...]:
        """``name ( … )`` and what follows: a statement, or the head of a macro's loop."""
        start = self.at
        self.at += 1
        close = self._matching()
        after = self.tokens[close + 1] if close + 1 < len(self.tokens) else None
        starts = after is not None and (after.text == "{" or after.kind in (Kind.WORD, Kind.DIRECTIVE))
        if starts and after is not None and after.text not in ("else",):
            head = tuple(t.text for t in self.tokens[start : close + 1])
            self.at = close + 1
            if after.kind is Kind.DIRECTIVE or not head[0].islower() or not self._looks_like_loop(head[0]):
                return (Leaf(head),)  # a macro that needs no semicolon
            return (Loop(head, self.statement()),)
        self.at = start
        return (self._leaf(),)

    @staticmethod
    def _looks_like_loop(name: str) -> bool:
        return "for_each" in name or "foreach" in name or name.startswith(("list_for", "rcu_"))

    def _leaf(self) -> Leaf:
        start, depth = self.at, 0
        while True:
            w = self.text()
            if not w or (w == "}" and depth == 0):
                raise NotUnderstood(f"a statement without an end: {self.tokens[start].text} …")
            self.at += 1
            depth += (w in ("(", "[", "{")) - (w in (")", "]", "}"))
            if w == ";" and depth == 0:
                return Leaf(tuple(t.text for t in self.tokens[start : self.at - 1]))


def words_of(nodes: Sequence[Node]) -> set[str]:
    """Every word in statements."""
    out: set[str] = set()
    for n in nodes:
        if isinstance(n, Leaf):
            out.update(n.words)
        elif isinstance(n, If):
            out |= set(n.cond) | words_of(n.then) | words_of(n.other)
        elif isinstance(n, Loop):
            out |= set(n.head) | words_of(n.body)
        else:
            out |= set(n.cond) | words_of(n.body)
    return out


def has_label(nodes: Sequence[Node]) -> bool:
    """Whether something can jump into statements: a label of this level or below, but
    those of a whole switch inside are its own."""
    for n in nodes:
        if isinstance(n, Leaf) and n.is_label:
            return True
        if isinstance(n, If) and (has_label(n.then) or has_label(n.other)):
            return True
        if isinstance(n, Loop) and has_label(n.body):
            return True
        if isinstance(n, Switch) and any(
            isinstance(x, Leaf) and x.is_label and len(x.words) == 2 and x.words[0] != "default" for x in n.body
        ):
            return True
    return False


def in_one_arm(nodes: Sequence[Node]) -> bool:
    """Whether what stands before statements is in an arm of a conditional directive that ends among them: without
    that arm they are reached, whatever it does."""
    depth = 0
    for word in ("".join(n.words[0].split()) for n in nodes if isinstance(n, Leaf) and n.words):
        if depth == 0 and word.startswith(("#el", "#endif")):
            return True
        depth += word.startswith("#if") - word.startswith("#endif")
    return False


def leaves_words(nodes: Sequence[Node]) -> list[tuple[str, ...]]:
    """The words of statements that are leaves, of this level only."""
    return [n.words for n in nodes if isinstance(n, Leaf)]
