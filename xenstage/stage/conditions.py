"""Conditions: the statement or condition around a use, and what it guards.

Form, text and the calls that a use guards tell what its feature is; with file, function
and a number among equals they are its identity on other trees, which no line is.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass

from ..cache import sha256_of
from ..ctext.body import NotUnderstood
from ..ctext.entities import entities
from ..ctext.lexer import Kind, Token, tokenize
from ..ctext.statements import Statement, around, function_body
from ..index.sites import Site
from .base import Base, Region

ASSERTIONS = ("ASSERT", "BUG_ON", "WARN_ON", "BUILD_BUG_ON")
_JUMPS = ("return", "goto", "break", "continue")
_NO_CALLS = frozenset({"if", "else", "while", "for", "switch", "return", "sizeof", "likely", "unlikely", "defined"})


@dataclass(frozen=True)
class Use:
    """A use of a name in code, and what it stands in.

    :param form: "if", "else if", "loop", "switch", "ternary statement", "ternary value",
        "assertion", "return", "initialiser", "assignment", "argument", "macro body",
        "statement"; of what is no code the site's kind.
    :param part: "conjunct" or "disjunct" where it is a part of a condition, else "".
    :param negated: whether a ``!`` stands before it.
    :param unlikely: whether it stands in ``unlikely()`` or ``likely()``.
    :param where: the condition, the statement, or the macro's body.
    :param text: the tokens of ``where`` with one space between them.
    :param guards: calls that happen by this use's answer: in the arms of an ``if``, behind
        it in a condition, in the arms of a ternary.
    :param guarded: the text of the arms of the ``if`` in whose condition it stands.
    :param block: the text of the innermost block that it stands in.
    :param skips: calls that the function does not come to when an arm leaves early.
    :param nth: 1 for the first of the uses in a function that have form and text in common.
    """

    site: Site
    form: str
    part: str
    negated: bool
    unlikely: bool
    where: Region
    text: str
    guards: tuple[str, ...]
    skips: tuple[str, ...]
    nth: int
    guarded: str = ""
    block: str = ""

    @property
    def identity(self) -> tuple[str, str, str, str, int]:
        """(file, function, form, text, number among equals): the same on trees that only moved it."""
        return (self.site.path, self.site.scope, self.form, self.text, self.nth)


class Conditions(Base):
    """What a view offers of the statements around uses."""

    def in_use(self, *names: str) -> list[Use]:
        """Every use of the names in code, with what it stands in; names are among the patch's."""
        seen: Counter[tuple[str, str, str, str]] = Counter()
        out: list[Use] = []
        for site in self.sites(*names):
            if site.is_test:
                use = self.use(site)
                seen[use.identity[:4]] += 1
                out.append(Use(**{**use.__dict__, "nth": seen[use.identity[:4]]}))
        return out

    def use(self, site: Site) -> Use:
        """What one use stands in (``nth`` is 1): the same in every tree whose file has the same bytes."""
        key = ("use", sha256_of(self.read(site.path)), site)
        if key not in self.files.memo:
            self.files.memo[key] = self._use(site)
        known: Use = self.files.memo[key]
        return known

    def _use(self, site: Site) -> Use:
        chain = self.statements_around(site.path, site.offset) if site.kind == "code" else ()
        inner = chain[-1] if chain else None
        form = _form(site, chain)
        where = self._where(site, inner)
        ternary = "ternary condition" in site.role
        guards, skips = self._guarded(site, chain, where if ternary or inner is None else None)
        return Use(
            site=site,
            form=form,
            part=next((r for r in site.role if r in ("conjunct", "disjunct")), ""),
            negated="negated" in site.role[:1],
            unlikely=bool({"likely", "unlikely"} & set(site.holders)),
            where=where,
            text=self.words(where),
            guards=guards,
            skips=skips,
            nth=1,
            guarded=self._arm_text(site, inner),
            block=self._block_text(site, chain),
        )

    def body(self, function: Region) -> Statement:
        """A function's outermost block.

        :raises XenstageError: (SITE) for a body whose statements our reading cannot tell apart.
        """
        try:
            return function_body(self.read(function.path), function.start, function.end)
        except NotUnderstood as e:
            raise self.unknown(f"the statements of {function.what} are not understood", str(e)) from e

    def statements_around(self, path: str, offset: int) -> tuple[Statement, ...]:
        """The statements that hold a byte, outermost first; none outside of functions.

        :raises XenstageError: (SITE) as :meth:`body`.
        """
        for e in entities(self.read(path)).values():
            if e.kind == "function" and e.start <= offset < e.end:
                block = self.body(self.region(path, e.start, e.end, f"function {e.name}", "function"))
                return around(block, offset) if block.holds(offset) else ()
        return ()

    def function_around(self, path: str, offset: int) -> Region:
        """The function that holds a byte.

        :raises XenstageError: (SITE) when none does.
        """
        for e in entities(self.read(path)).values():
            if e.kind == "function" and e.start <= offset < e.end:
                return self.region(path, e.start, e.end, f"function {e.name}", "function")
        raise self.unknown("a use that should be in a function is in none", f"{path}:{self.line(path, offset)}")

    def _block_text(self, site: Site, chain: tuple[Statement, ...]) -> str:
        block = next((s for s in reversed(chain) if s.kind == "block"), None)
        return self.region(site.path, block.start, block.end, "block").text if block is not None else ""

    def _arm_text(self, site: Site, inner: Statement | None) -> str:
        if inner is None or inner.inside is None or inner.kind != "if" or not inner.parts:
            return ""
        return self.region(site.path, inner.parts[0].start, inner.parts[-1].end, "").text

    def _where(self, site: Site, inner: Statement | None) -> Region:
        if inner is not None and inner.inside and inner.inside[0] <= site.offset < inner.inside[1]:
            return self.region(site.path, *inner.inside, f"condition in {site.scope}")
        if inner is not None and inner.kind != "block":
            return self.region(site.path, inner.start, inner.end, f"statement in {site.scope}")
        code = [t for t in tokenize(self.read(site.path)) if t.kind is not Kind.COMMENT]
        at = next(i for i, t in enumerate(code) if t.start >= site.offset)
        low = high = at
        ends = (Kind.DIRECTIVE, Kind.END)
        while low > 0 and code[low - 1].kind not in ends and (site.kind == "macro body" or code[low - 1].text != ";"):
            low -= 1
        while high + 1 < len(code) and code[high + 1].kind not in ends and code[high].text != ";":
            high += 1
        return self.region(site.path, code[low].start, code[high].end, site.scope or "file scope")

    def _guarded(
        self, site: Site, chain: tuple[Statement, ...], text: Region | None
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        inner = chain[-1] if chain else None
        if text is not None or inner is None or inner.inside is None:
            where = text or self._where(site, inner)
            return _calls([t for t in self.tokens(where) if t.start > site.call[1]]), ()
        tokens = _code(self.tokens(self.region(site.path, inner.start, inner.end, "")))
        behind = [t for t in tokens if t.start > site.call[1]]
        skips: tuple[str, ...] = ()
        if inner.kind == "if" and len(inner.parts) == 1 and _leaves(inner, tokens) and len(chain) > 1:
            block = chain[-2]
            rest = self.tokens(self.region(site.path, inner.end, block.end, ""))
            skips = _calls(_code(rest))
        return _calls(behind), skips


def _code(tokens: list[Token]) -> list[Token]:
    return [t for t in tokens if t.kind not in (Kind.COMMENT, Kind.DIRECTIVE, Kind.END)]


def _calls(tokens: list[Token]) -> tuple[str, ...]:
    names = [
        t.text
        for t, follow in itertools.pairwise(tokens)
        if t.kind is Kind.WORD and follow.text == "(" and t.text not in _NO_CALLS
    ]
    return tuple(dict.fromkeys(names))


def _leaves(statement: Statement, tokens: list[Token]) -> bool:
    """Whether the arm of an ``if`` ends with a jump."""
    arm = statement.parts[0]
    last = arm.parts[-1] if arm.kind == "block" and arm.parts else arm
    return any(t.start == last.start and t.text in _JUMPS for t in tokens)


def _form(site: Site, chain: tuple[Statement, ...]) -> str:
    if site.kind != "code":
        return site.kind
    if set(ASSERTIONS) & set(site.holders):
        return "assertion"
    inner = chain[-1] if chain else None
    if "ternary condition" in site.role:
        return "ternary statement" if site.role[-1] == "statement" else "ternary value"
    if inner is not None and inner.inside and inner.inside[0] <= site.offset < inner.inside[1]:
        above = chain[-2] if len(chain) > 1 else None
        other = above is not None and above.kind == "if" and len(above.parts) > 1 and above.parts[1] is inner
        return "else if" if inner.kind == "if" and other else inner.kind
    holder = site.role[-1] if site.role else ""
    return "argument" if holder.startswith("argument of") else holder or "statement"
