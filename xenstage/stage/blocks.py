"""Blocks: statements put behind a condition, and early returns and blocks taken apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..ctext.lexer import Kind, Token
from ..ctext.pattern import Pattern
from ..ctext.statements import Statement, walk
from ..index.sites import Site
from .asking import Asking
from .base import Region

STEP = "    "  # CODING_STYLE: an indentation


@dataclass(frozen=True)
class Gate:
    """Statements of a block that are to stand behind a condition.

    :param condition: C text; "" for statements that go on happening always.
    :param first: a pattern that the first of them matches.
    :param last: a pattern that the last of them matches; "" for one statement.
    :param join: whether the one ``if`` that they are has the condition put before its own.
    """

    condition: str
    first: str
    last: str = ""
    join: bool = False


class Blocks(Asking):
    """What a view offers of blocks of statements."""

    def run_of(self, function: Region, first: str, last: str = "") -> Region:
        """Statements side by side in one block, from the one that matches a pattern to another.

        :param first: a pattern of the beginning of exactly one statement.
        :param last: likewise; "" for that one statement alone.
        :raises XenstageError: (SITE) when one is not there, or they are not of one block.
        """
        body = self.body(function)
        a = self._statement(function, body, first)
        b = self._statement(function, body, last) if last else a
        for block in walk(body):
            if a in block.parts and b in block.parts and block.parts.index(a) <= block.parts.index(b):
                return self.region(function.path, a.start, b.end, f"statements of {function.what}", "statements")
        raise self.unknown(f"{function.what} has no run of statements as the stage needs", f"from: {first}\nto: {last}")

    def _statement(self, function: Region, body: Statement, pattern: str) -> Statement:
        found = [m.start for m in Pattern(pattern).find(self.read(function.path), function.start, function.end)]
        hits = [s for s in walk(body) if s.start in found and s.kind not in ("block", "label", "directive")]
        if len(hits) != 1:
            raise self.unknown(
                f"{function.what} has {len(hits)} statements of what the stage needs once",
                f"looked for, whatever the layout: {pattern}\n{self.where(function)}",
            )
        return hits[0]

    # Gates ---------------------------------------------------------------

    def gate(self, statements: Region, condition: str, *, rule: str, reason: str, comment: str = "") -> None:
        """Put a run of statements (:meth:`run_of`) behind ``if ( condition )``.

        Comments inside go along, and so does one directly before the first; blanks at the
        ends of their lines go; lines that become too long are wrapped.

        :param comment: C text of a comment to put before the ``if``.
        :raises XenstageError: (SITE) for statements that share lines with others, hold a
            label that is jumped to or a declaration, or whose directives do not pair up.
        """
        whole = self.with_own_comment(statements)
        inner = self._gated(statements)
        one = len(inner) == 1 and inner[0].kind == "simple" and whole.start == statements.start
        start, end = self.line_start(whole.path, whole.start), self.line_end(whole.path, statements.end)
        data, pad = self.read(whole.path), self.indent(whole.path, whole.start)
        self._alone(statements, data, start, end, whole)
        head = "".join(f"{pad}{x}\n" for x in comment.split("\n") if x) + f"{pad}if ( {condition} )\n"
        head += "" if one else f"{pad}{{\n"
        for at in self._blank_lines(whole.path, start, end):
            blanks = self.region(whole.path, at, self.line_end(whole.path, at), "blanks")
            self.replace(blanks, "", rule=rule, reason="blanks on an empty line")
        for at in self._indented_lines(whole.path, start, end):
            self.insert(whole.path, at, (head if at == start else "") + STEP, rule=rule, reason=reason)
        if not one:
            self.insert(whole.path, end, f"\n{pad}}}", rule=rule, reason=reason)

    def join(self, statement: Region, condition: str, *, rule: str, reason: str) -> None:
        """Put a condition and ``&&`` before the one of an ``if`` (:meth:`run_of`) that has no ``else``.

        :raises XenstageError: (SITE) for any other statement.
        """
        (one,) = parts if len(parts := self._gated(statement)) == 1 else (None,)
        if one is None or one.kind != "if" or one.inside is None or len(one.parts) != 1:
            raise self.unknown(f"{statement.what} are no if without an else", self.where(statement))
        inside = self.region(statement.path, *one.inside, "condition")
        start, end = inside.start, inside.start + len(inside.text.rstrip())
        weak = _weaker_than_and(self.tokens(inside))
        blanks = len(inside.text) - len(inside.text.lstrip())
        head = self.region(inside.path, start, start + blanks, "blanks")
        self.replace(head, f" {condition} && " + ("(" if weak else ""), rule=rule, reason=reason)
        if weak:
            self.insert(inside.path, end, ")", rule=rule, reason=reason)

    def _blank_lines(self, path: str, start: int, end: int) -> list[int]:
        """Offsets of the lines of a range that hold blanks and nothing else."""
        text = self.read(path)[start:end]
        return [start + m.start() for m in re.finditer(rb"^[ \t]+$", text, re.M)]

    def _indented_lines(self, path: str, start: int, end: int) -> list[int]:
        """Offsets of the lines of a range that are indented: neither empty nor a directive's."""
        data, out, at = self.read(path), list[int](), start
        tokens = self.tokens(self.region(path, start, end, ""))
        strings = [(t.start, t.end) for t in tokens if t.kind is Kind.STRING and "\n" in t.text]
        directive = [(t.start, t.end) for t in tokens if t.kind in (Kind.DIRECTIVE, Kind.END) or t.in_directive]
        while at < end:
            stop = min(self.line_end(path, at), end)
            line = data[at:stop]
            held = any(a < at < b for a, b in strings) or any(at <= a < stop for a, _ in directive)
            if line.strip() and not held:
                out.append(at)
            at = stop + 1
        return out

    def _alone(self, statements: Region, data: bytes, start: int, end: int, whole: Region) -> None:
        tail = data[statements.end : end].decode("latin-1")
        if data[start : whole.start].strip() or not re.fullmatch(r"\s*(/\*[^\n]*\*/)?\s*", tail):
            raise self.unknown(f"{statements.what} share their lines with others", self.where(statements))

    def _gated(self, statements: Region) -> list[Statement]:
        """The statements of a run, if they can be put behind a condition."""
        chain = self.statements_around(statements.path, statements.start)
        block = next((s for s in reversed(chain) if s.kind == "block" and s.start < statements.start), None)
        parts = [s for s in block.parts if statements.start <= s.start < statements.end] if block else []
        if not parts or (parts[0].start, parts[-1].end) != (statements.start, statements.end):
            raise self.unknown("what is to be put behind a condition are no whole statements", self.where(statements))
        depth = 0
        for s in (x for p in parts for x in walk(p)):
            text = self.region(statements.path, s.start, s.end, "").text
            if s.kind == "label" and not text.startswith(("case ", "default")):
                raise self.unknown(f"a label stands among {statements.what}", f"{self.where(statements)}: {text}")
            if s.kind == "directive":
                word = text.lstrip("# ").split()[0] if text.lstrip("# ").split() else ""
                depth += word.startswith("if")
                depth -= word == "endif"
                if depth < 0:
                    break
        if depth:
            raise self.unknown(f"{statements.what} hold half of a conditional directive", self.where(statements))
        for s in parts:
            if s.kind == "simple" and declares(self.tokens(self.region(statements.path, s.start, s.end, ""))):
                raise self.unknown(f"a declaration stands among {statements.what}", self.where(statements))
            if s.kind == "label":
                raise self.unknown(f"a label stands among {statements.what}", self.where(statements))
        return parts

    # Early returns -------------------------------------------------------

    def split_return(
        self,
        site: Site,
        gates: Sequence[Gate],
        *,
        rule: str,
        reason: str,
        question: str = "",
        comment: str = "",
        same_value: str = "",
        dropped: str = "",
    ) -> None:
        """Take an early return apart: ``if ( old ) { A; return x; } B; C; return x;``.

        Every statement behind it, up to the last return of the function, is in exactly one
        gate, or the series stops: none is silently made to happen for all.

        :param site: the use of the predicate that decides.
        :param gates: statements behind it, in any order; those with no condition go on
            happening for everybody.
        :param question: what is asked for ``A`` instead, as in :meth:`ask_instead`; the
            predicate's own name where that stays; "" where there is no A, or where it goes away.
        :param comment: what becomes of a comment before or inside the early return that goes:
            "drop", "keep" (before the place), or "" where there is none.
        :param dropped: why ``A`` goes away, where it does.
        :param same_value: why both returns give the same value, where their texts differ.
        """
        chain = self.statements_around(site.path, site.offset)
        decides = next((s for s in reversed(chain) if s.kind == "if"), None)
        if decides is None or len(decides.parts) != 1 or len(chain) < 2 or decides not in chain[0].parts:
            raise self.unknown("an early return that is no if of the function's outermost block", self._at(site))
        arm = decides.parts[0]
        done = list(arm.parts) if arm.kind == "block" else [arm]
        value = self._returned(site.path, done[-1]) if done else None
        if value is None:
            raise self.unknown("an if that does not end with a return", self._at(site))
        rest = self._behind(site, chain[0], decides, value, same_value)
        function = self.function_around(site.path, site.offset)
        self._cover(site, function, rest, gates)
        if question and comment:
            raise ValueError("the comment of an early return that becomes a gate stays with it")
        if len(done) > 1 and not question and not dropped:
            raise self.unknown("an early return does more than return: say what becomes of it", self._at(site))
        if question and len(done) > 1:
            if question != site.name:
                self.ask_instead(site, question, rule=rule, reason=reason)
            self._drop_statement(site, done, arm, rule=rule, reason=reason)
        else:
            self._drop_if(site, decides, rule=rule, reason=reason, comment=comment)
        for g in gates:
            if g.condition:
                put = self.join if g.join else self.gate
                put(self.run_of(function, g.first, g.last), g.condition, rule=rule, reason=reason)

    def _returned(self, path: str, statement: Statement) -> str | None:
        words = [t.text for t in self.tokens(self.region(path, statement.start, statement.end, ""))]
        return " ".join(words[1:-1]) if words[:1] == ["return"] else None

    def _behind(self, site: Site, body: Statement, decides: Statement, value: str, same: str) -> list[Statement]:
        """The statements between the early return and the last one (or the function's end)."""
        rest: list[Statement] = []
        for s in body.parts[body.parts.index(decides) + 1 :]:
            ends = self._returned(site.path, s)
            if ends is not None:
                if ends != value and not same:
                    raise self.unknown(
                        f"an early return gives {value or 'nothing'}, the last one {ends or 'nothing'}", self._at(site)
                    )
                return rest
            if s.kind == "label":
                raise self.unknown("a label stands between an early return and the last one", self._at(site))
            rest.append(s)
        if value:
            raise self.unknown("no last return behind an early one", self._at(site))
        return rest

    def _cover(self, site: Site, function: Region, rest: list[Statement], gates: Sequence[Gate]) -> None:
        runs = [self.run_of(function, g.first, g.last) for g in gates]
        for s in rest:
            holding = sum(r.start <= s.start and s.end <= r.end for r in runs)
            if holding != 1:
                text = self.region(site.path, s.start, s.end, "").text.split("\n")[0]
                raise self.unknown(
                    f"a statement behind an early return is in {holding} of the stage's gates; needed: one",
                    f"{site.path}:{self.line(site.path, s.start)} in {site.scope}: {text}",
                )
        for r, g in zip(runs, gates, strict=True):
            if not any(r.start <= s.start and s.end <= r.end for s in rest):
                raise self.unknown("a gate is not behind the early return", f"{self.where(r)}: {g.first}")

    def _drop_statement(self, site: Site, done: list[Statement], arm: Statement, *, rule: str, reason: str) -> None:
        """Take the return out of a block; braces stay unless one plain statement is left."""
        data = self.read(site.path)
        start = self.line_end(site.path, done[-2].end)
        end = self.line_end(site.path, done[-1].end)
        if data[start : done[-1].start].strip() or data[done[-1].end : end].strip():
            raise self.unknown("a comment stands beside an early return", self._at(site))
        self.replace(self.region(site.path, start, end, "return"), "", rule=rule, reason=reason)
        block = self.region(site.path, arm.start, arm.end, "")
        inner = self.region(site.path, done[0].start, done[0].end, "")
        plain = len(done) == 2 and done[0].kind == "simple" and "/*" not in block.text
        if plain and "\n" not in inner.text:
            self._drop_line(site.path, arm.start, rule=rule, reason=reason)
            self._drop_line(site.path, arm.end - 1, rule=rule, reason=reason)

    def _drop_line(self, path: str, offset: int, *, rule: str, reason: str) -> None:
        """Take away a line that holds one brace."""
        start, end = self.line_start(path, offset), self.line_end(path, offset)
        region = self.region(path, start, end + 1, "brace")
        if region.text.strip() not in ("{", "}"):
            raise self.unknown("a brace shares its line with something else", self.where(region))
        self.replace(region, "", rule=rule, reason=reason)

    def _drop_if(self, site: Site, decides: Statement, *, rule: str, reason: str, comment: str) -> None:
        block = self.region(site.path, decides.start, decides.end, f"the early return in {site.scope}")
        whole = self.with_own_comment(block)
        before = whole.start != block.start
        inside = any(t.kind is Kind.COMMENT for t in self.tokens(block))
        if (before or inside) and comment not in ("drop", "keep"):
            raise self.unknown(
                "a comment belongs to an early return: say what becomes of it",
                f"{self._at(site)}\n{(whole if before else block).text}",
            )
        if comment == "keep" and inside:
            raise self.unknown("a comment inside an early return cannot stay without it", self._at(site))
        self.delete(block, rule=rule, reason=reason, comment=comment == "drop")

    # Splitting -----------------------------------------------------------

    def split_block(self, site: Site, at: str, *, rule: str, reason: str, again: str = "") -> None:
        """Make two blocks of ``if ( condition ) { A; B; }``, B beginning where a pattern matches.

        :param site: the use in the condition.
        :param at: a pattern of B's first statement; a comment directly before it goes with it.
        :param again: the second condition's text; the first one's by default.
        :raises XenstageError: (SITE) when the ``if`` has an ``else``, A may change the
            condition's answer or declares what B may need.
        """
        chain = self.statements_around(site.path, site.offset)
        decides = next((s for s in reversed(chain) if s.kind == "if"), None)
        if decides is None or decides.inside is None or len(decides.parts) != 1 or decides.parts[0].kind != "block":
            raise self.unknown("no if with a block and no else", self._at(site))
        function = self.function_around(site.path, site.offset)
        block = decides.parts[0]
        second = self._statement(function, block, at)
        if second not in block.parts or second is block.parts[0]:
            raise self.unknown("a block cannot be split there", f"{self._at(site)}: {at}")
        first = block.parts[block.parts.index(second) - 1]
        self._unchanged(site, decides, block, second)
        condition = again or self.region(site.path, *decides.inside, "").text.strip()
        pad = self.indent(site.path, decides.start)
        own = self.with_own_comment(self.region(site.path, second.start, second.end, "statement"))
        start, end = self.line_end(site.path, first.end), self.line_start(site.path, own.start)
        gap = self.region(site.path, start, end, "space between statements")
        if gap.text.strip():
            raise self.unknown("a block cannot be split there", f"{self.where(gap)}: {gap.text.strip()}")
        new = f"\n{pad}}}\n\n{pad}if ( {condition} )\n{pad}{{\n"
        self.replace(gap, new, rule=rule, reason=reason)

    def _unchanged(self, site: Site, decides: Statement, block: Statement, second: Statement) -> None:
        """The condition gives the same answer for both halves, and the first declares nothing."""
        assert decides.inside is not None
        asked = {t.text for t in self.tokens(self.region(site.path, *decides.inside, "")) if t.kind is Kind.WORD}
        tokens = self.tokens(self.region(site.path, block.start, second.start, ""))
        for i, t in enumerate(tokens[1:-1], 1):
            writes = t.text in ("++", "--") or (t.text.endswith("=") and t.text not in ("==", "!=", "<=", ">="))
            near = {tokens[i - 1].text, *([tokens[i + 1].text] if t.text in ("++", "--") else [])}
            if writes and near & asked:
                raise self.unknown("the first half of a block changes what its condition asks", self._at(site))
        for s in block.parts[: block.parts.index(second)]:
            if s.kind == "simple" and declares(self.tokens(self.region(site.path, s.start, s.end, ""))):
                raise self.unknown("the first half of a block declares something", self._at(site))


def _weaker_than_and(tokens: list[Token]) -> bool:
    """Whether an expression binds less than ``&&`` does."""
    depth = 0
    for t in tokens:
        depth += (t.text in ("(", "[")) - (t.text in (")", "]"))
        weak = t.text in ("||", "?", ",") or (t.text.endswith("=") and t.text not in ("==", "!=", "<=", ">="))
        if depth == 0 and t.kind is Kind.PUNCT and weak:
            return True
    return False


_TYPES = frozenset(
    {"struct", "union", "enum", "unsigned", "signed", "int", "char", "long", "short", "const", "static", "void"}
)


def declares(tokens: list[Token]) -> bool:
    """Whether a plain statement's tokens are a declaration."""
    code = [t for t in tokens if t.kind is not Kind.COMMENT]
    if not code or code[0].kind is not Kind.WORD or code[0].text in ("return", "goto", "break", "continue"):
        return False
    if code[0].text in _TYPES:
        return True
    i = 1
    while i < len(code) and code[i].text == "*":
        i += 1
    return i + 1 < len(code) and code[i].kind is Kind.WORD and code[i + 1].text in ("=", ";", ",", "[")
