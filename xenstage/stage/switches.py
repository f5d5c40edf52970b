"""Switches: a switch on a member becomes a chain of questions."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..ctext.lexer import Kind
from ..ctext.pattern import Pattern
from ..ctext.statements import Statement
from ..index.sites import Site
from .base import Region
from .conditions import Conditions


class Switches(Conditions):
    """What a view offers of switches."""

    def ask_by_turns(
        self, label: Site, subject: str, questions: Mapping[str, str], *, rule: str, reason: str
    ) -> Region:
        """Rewrite the switch in which a case label stands as ``if``, ``else if``, …

        :param subject: a pattern of what the switch looks at, with a hole ``$d``.
        :param questions: for each label the question with the same answer, with ``$d`` in it;
            they must exclude each other.
        :returns: the switch.
        :raises XenstageError: (SITE) for a switch on something else, with labels not among
            the questions, that holds comments or directives, falls through, is left in the
            middle, or whose default does something.
        """
        chain = self.statements_around(label.path, label.offset)
        switch = next((s for s in reversed(chain) if s.kind == "switch"), None)
        on = self._subject(label, switch, subject) if switch else None
        if switch is None or on is None:
            raise self.unknown(f"{label.name} is a case label of another switch", f"{label.path}:{label.line}")
        region = self.region(label.path, switch.start, switch.end, f"switch on {subject.replace('$d->', '')}")
        if any(t.kind in (Kind.DIRECTIVE, Kind.COMMENT) for t in self.tokens(region)):
            raise self.unknown(f"a {region.what} holds directives or comments", self.where(region))
        pad = self.indent(region.path, region.start)
        turns: list[str] = []
        for name, body in self._arms(region, switch):
            if name == "default" and not body:
                continue
            if name not in questions:
                raise self.unknown(f"a {region.what} has a case {name} that does something", self.where(region))
            many = body.count(";") != 1 or "{" in body
            text = f"\n{pad}{{\n{pad}    {body}\n{pad}}}" if many else f"\n{pad}    {body}"
            turns.append(f"if ( {questions[name].replace('$d', on)} ){text}")
        self.replace(region, f"\n{pad}else ".join(turns), rule=rule, reason=reason)
        return region

    def _subject(self, label: Site, switch: Statement, subject: str) -> str | None:
        assert switch.inside is not None
        found = Pattern(subject).find(self.read(label.path), *switch.inside)
        whole = self.region(label.path, *switch.inside, "").text
        if len(found) != 1 or self.region(label.path, found[0].start, found[0].end, "").text != whole.strip():
            return None
        return self.region(label.path, *found[0].holes["d"], "").text

    def _arms(self, region: Region, switch: Statement) -> list[tuple[str, str]]:
        """(label, statements without the last break) of a switch, in order."""
        out: list[tuple[str, str]] = []
        parts = list(switch.parts[0].parts)
        texts = [self.region(region.path, s.start, s.end, "").text for s in parts]
        while parts:
            if parts[0].kind != "label":
                raise self.unknown(f"a {region.what} has a statement before its labels", self.where(region))
            name = re.sub(r"^case\s+|\s*:\Z", "", texts[0])
            stop = next((i for i, s in enumerate(parts[1:], 1) if s.kind == "label"), len(parts))
            mine = texts[1:stop]
            if not mine or not re.fullmatch(r"break\s*;", mine[-1]):
                raise self.unknown(f"{name} falls through in a {region.what}", self.where(region))
            if re.search(r"\b(break|goto|continue)\b", " ".join(mine[:-1])):
                raise self.unknown(f"{name} leaves a {region.what} in the middle", self.where(region))
            body = self.region(region.path, parts[1].start, parts[stop - 2].end, "").text if mine[:-1] else ""
            out.append((name, body))
            parts, texts = parts[stop:], texts[stop:]
        return out
