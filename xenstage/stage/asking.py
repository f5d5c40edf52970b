"""Asking: put one predicate's question in the place of another's."""

from __future__ import annotations

import re

from ..ctext.lexer import Kind, Token, matching, opening, tokenize
from ..index.context import Reader
from ..index.sites import Site
from .base import Region
from .conditions import Conditions

_SIMPLE = re.compile(r"!?\s*[A-Za-z_]\w*\s*\([^()]*(\([^()]*\)[^()]*)*\)\Z")


class Asking(Conditions):
    """What a view offers of questions."""

    def ask_instead(
        self,
        site: Site,
        question: str,
        *,
        rule: str,
        reason: str,
        domain: str = "",
        swap: bool = True,
    ) -> None:
        """Ask another question where a site calls a predicate.

        A ``!`` before the use and one before the question cancel each other; ``unlikely``,
        ``ASSERT`` and the rest of a condition stay as they are; a ternary whose question
        comes out negated has its arms swapped; a question of several terms is bracketed
        where the place needs it.

        :param question: an accessor's name, "has_x" or "!has_x", which is asked of the
            domain; or C text with ``$d`` for the domain or ``$v`` for the argument as it is.
        :param domain: the domain's text where the stage knows better than ``v->domain``.
        :param swap: whether a ternary's arms may be swapped.
        :raises XenstageError: (SITE) for a use that is no call with one argument, or whose
            argument is neither a vcpu nor a domain.
        """
        if not site.is_test or not site.scope or not site.argument:
            raise self.unknown(f"{site.name} is not asked of anything here", self._at(site))
        if re.fullmatch(r"!?\w+", question):
            question += "($d)"
        text = question
        if "$d" in text:
            text = text.replace("$d", domain or self.domain_of(site))
        text = text.replace("$v", site.argument)
        code = [t for t in tokenize(self.read(site.path)) if t.kind is not Kind.COMMENT]
        first = next(i for i, t in enumerate(code) if t.start == site.offset)
        last = next(i for i, t in enumerate(code) if t.end == site.call[1])
        comments = [t for t in self.tokens(self._span(site, site.call)) if t.kind is Kind.COMMENT]
        if comments:
            raise self.unknown(f"a comment stands inside what {rule!r} replaces", self._at(site))
        start, end, swapped = site.call[0], site.call[1], False
        while [code[first - 2].text, code[first - 1].text, code[last + 1].text] == ["!", "(", ")"]:
            first, last = first - 1, last + 1
            start, end = code[first].start, code[last].end
        if code[first - 1].text == "!":
            first -= 1
            start = code[first].start
            text = _not(text)
        if text.startswith("!") and _SIMPLE.match(text) and swap and _before_question(code, first, last):
            self._swap(site, code, last, rule=rule, reason=reason)
            text, swapped = _not(text), True
        if not _SIMPLE.match(text) and not _free(code, first, last, text):
            text = f"({text})"
        old = self._span(site, (start, end))
        self.replace(old, text, rule=rule, reason=f"{reason} (its arms are swapped)" if swapped else reason)

    def domain_of(self, site: Site) -> str:
        """C text for the domain that a predicate is asked of, by its argument's type.

        Where no compiler says the type (a debugging print that is compiled out, a macro
        expanded by macros only) the predicate's own name does, if it ends in ``_vcpu`` or
        ``_domain``.

        :raises XenstageError: (SITE) when neither says that it is a vcpu or a domain.
        """
        kind = site.subject if site.subject in ("vcpu", "domain") else ""
        if not kind and not site.type:
            kind = next((k for k in ("vcpu", "domain") if site.name.endswith(f"_{k}")), "")
        argument = site.argument
        if kind == "domain":
            return argument
        if kind != "vcpu":
            raise self.unknown(
                f"{site.name} is asked of something that is neither a vcpu nor a domain",
                f"{site.path}:{site.line}: {argument} is a {site.type or 'thing of unknown type'}",
            )
        parameter = site.kind == "macro body" and argument in Reader(self.read(site.path)).parameters(site.offset)
        plain = re.fullmatch(r"[A-Za-z_]\w*((->|\.)\w+|\[[^\[\]]*\]|\([^()]*\))*|\([^()]*\)", argument)
        return f"{argument}->domain" if plain and not parameter else f"({argument})->domain"

    def _swap(self, site: Site, code: list[Token], last: int, *, rule: str, reason: str) -> None:
        """Change the arms of the ternary whose condition ends at a token."""
        depth, at = 0, last + 2
        colon: int | None = None
        while at < len(code):
            t = code[at]
            if t.text in ("(", "[", "{"):
                at = matching(code, at)
            elif t.text == "?":
                depth += 1
            elif t.text == ":" and depth:
                depth -= 1
            elif t.text == ":" and colon is None:
                colon = at
            elif t.text in (")", "]", "}", ";", ",", ":") or t.kind in (Kind.DIRECTIVE, Kind.END):
                break
            at += 1
        if colon is None:
            raise self.unknown("a ternary without a second arm", self._at(site))
        yes = self._span(site, (code[last + 2].start, code[colon - 1].end))
        no = self._span(site, (code[colon + 1].start, code[at - 1].end))
        if any(t.kind is Kind.COMMENT for t in self.tokens(self._span(site, (yes.start, no.end)))):
            raise self.unknown("a comment stands in the arms of a ternary that are to change places", self._at(site))
        for arm, other in ((yes, no), (no, yes)):
            self.replace(arm, re.sub(r"\s*\n\s*", " ", other.text), rule=rule, reason=f"{reason} (arms swapped)")

    def _at(self, site: Site) -> str:
        return f"{site.path}:{site.line}: {site.name} in {site.scope or 'file scope'}"

    def _span(self, site: Site, span: tuple[int, int]) -> Region:
        return self.region(site.path, span[0], span[1], f"{site.name} in {site.scope}")


def _not(text: str) -> str:
    if text.startswith("!") and _SIMPLE.match(text):
        return text[1:].lstrip()
    return f"!{text}" if _SIMPLE.match(text) else f"!({text})"


def _before_question(code: list[Token], first: int, last: int) -> bool:
    """Whether a use alone is a ternary's condition."""
    if code[last + 1].text != "?":
        return False
    before = code[first - 1]
    return before.text in ("(", "=", "return", ",", ";", "{", "}", ":", "?", "else") or (
        before.text.endswith("=") and before.text not in ("==", "!=", "<=", ">=")
    )


def _free(code: list[Token], first: int, last: int, text: str) -> bool:
    """Whether a text of several terms needs no brackets between two tokens."""
    before, after = code[first - 1].text, code[last + 1].text
    if text.startswith("!(") and text.endswith(")"):
        return True
    edges = {"(", ",", "=", "return", ";", "{", "}"}
    if before in edges and after in {")", ",", ";"}:
        at = opening(code, first)
        return before != "(" or at is None or code[at].text == "("
    only_and = "&&" in text and "||" not in text and "?" not in text
    return only_and and before in {"(", "&&"} and after in {")", "&&"}
