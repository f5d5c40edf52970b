"""View: the tree as one patch of a stage sees it, and the edits that the patch makes.

A view answers questions (where is this defined, where is this used, where does this
C text stand) and collects edits.  Every question that must have one answer says so:
none or two is an error that names the place, never a smaller result.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..ctext.lexer import Kind, matching, tokenize
from ..ctext.pattern import Match, Pattern
from ..edit.edits import Edit
from ..errors import Exit, XenstageError
from ..index.context import macro_extents
from ..index.sites import Index, Site
from ..index.sweep import C_SUFFIXES, Files, Hit, sweep


@dataclass(frozen=True)
class Region:
    """A byte range of a file, with its text.

    :param what: for messages: "function domain_create" and the like.
    """

    path: str
    start: int
    end: int
    text: str
    what: str


class View:
    """See the module's text.

    :param files: the tree as it stands before the patch.
    :param index: makes the index; called once, when first asked.
    :param names: the patch's names.
    """

    def __init__(
        self,
        files: Files,
        index: Callable[[], Index],
        names: tuple[str, ...] = (),
    ) -> None:
        self.files = files
        self.edits: list[Edit] = []
        self.facts: dict[str, Any] = {}
        self.stays: list[tuple[Site, str]] = []
        self._make, self._names = index, names
        self._index: Index | None = None

    @property
    def index(self) -> Index:
        """The index of the patch's names, made at the first question."""
        if self._index is None:
            self._index = self._make()
        return self._index

    # Questions -----------------------------------------------------------

    def sites(self, *names: str) -> list[Site]:
        """Every use of the names, which must be among the patch's ``names``."""
        unknown = set(names) - set(self._names)
        if unknown:
            raise ValueError(f"the patch does not declare {sorted(unknown)} among its names")
        return self.index.of(*names)

    def uses(self, *names: str) -> list[Hit]:
        """Every textual use of any names, wherever it stands."""
        return sweep(self.files, names)

    def definition(self, name: str, kind: str, path: str | None = None) -> Region:
        """The one definition of a name, as libclang has it.

        :param kind: cursor kind: FUNCTION_DECL, VAR_DECL, STRUCT_DECL, ENUM_DECL, or
            MACRO_DEFINITION (the region is then the whole directive).
        :param path: the file that must hold it, for names which several files define.
        :raises XenstageError: (SITE) when there is none, or more than one.
        """
        if name not in self.index.asked:
            raise ValueError(f"the stage declares no definition of {name}: no patch has it in defines")
        rows = [r for r in self.index.defined.get(name, []) if r[3] == kind and path in (None, r[0])]
        if kind == "MACRO_DEFINITION":
            rows = [[p, a, b, kind] for p in sorted({r[0] for r in rows}) for a, b in macro_extents(self.read(p), name)]
        what = f"{_KINDS[kind]} {name}"
        if len(rows) != 1:
            where = ", ".join(f"{r[0]}:{self.line(r[0], r[1])}" for r in rows) or "no unit that was parsed"
            raise self.unknown(f"{what} is defined {len(rows)} times", f"found in {where}; needed: exactly one")
        return self.region(rows[0][0], rows[0][1], rows[0][2], what)

    def region(self, path: str, start: int, end: int, what: str) -> Region:
        """A byte range as a region."""
        return Region(path, start, end, self.read(path)[start:end].decode("latin-1"), what)

    def read(self, path: str) -> bytes:
        """A file's bytes before the patch."""
        return self.files.read(path)

    def line(self, path: str, offset: int) -> int:
        """1-based line of an offset, for messages only."""
        return self.read(path).count(b"\n", 0, offset) + 1

    def matches(self, text: str, region: Region) -> list[Match]:
        """All places in a region where a pattern matches."""
        return Pattern(text).find(self.read(region.path), region.start, region.end)

    def one(self, text: str, region: Region) -> Match:
        """The one place in a region where a pattern matches.

        :raises XenstageError: (SITE) when there is none, or more than one.
        """
        found = self.matches(text, region)
        if len(found) != 1:
            lines = ", ".join(f"{region.path}:{self.line(region.path, m.start)}" for m in found)
            raise self.unknown(
                f"{region.what} in {region.path} has {len(found)} of what the stage needs once",
                f"looked for, whatever the layout:\n{text.strip()}\nfound at: {lines or 'nowhere'}",
            )
        return found[0]

    def hole(self, region: Region, match: Match, name: str) -> str:
        """The text that a hole matched."""
        a, b = match.holes[name]
        return self.read(region.path)[a:b].decode("latin-1")

    def comment_before(self, region: Region) -> Region | None:
        """The comment that stands directly before a region, if one does."""
        before = [t for t in tokenize(self.read(region.path)) if t.start < region.start and t.text.strip()]
        if not before or before[-1].kind is not Kind.COMMENT:
            return None
        last = before[-1]
        return self.region(region.path, last.start, last.end, f"comment before {region.what}")

    def with_own_comment(self, region: Region) -> Region:
        """A region together with the comment that stands on the lines directly before it."""
        comment = self.comment_before(region)
        if comment is None:
            return region
        between = self.read(region.path)[comment.end : region.start]
        lead = self.read(region.path)[: comment.start].rpartition(b"\n")[2]
        if between != b"\n" or lead.strip():
            return region
        return self.region(region.path, comment.start, region.end, region.what)

    def indent(self, path: str, offset: int) -> str:
        """The white space with which the line of an offset begins."""
        data = self.read(path)
        start = data.rfind(b"\n", 0, offset) + 1
        m = re.match(rb"[ \t]*", data[start:offset])
        return m.group().decode() if m else ""

    def prose(self, pattern: str) -> list[Region]:
        """Matches of a regular expression in comments and in files that are not C.

        White space in the tree may be any; the pattern should say ``\\s+``.
        """
        compiled = re.compile(pattern.encode())
        out: list[Region] = []
        for path in self.files.paths():
            data = self.read(path)
            found = list(compiled.finditer(data))
            if not found:
                continue
            comments = None
            if path.endswith(C_SUFFIXES):
                comments = [(t.start, t.end) for t in tokenize(data) if t.kind is Kind.COMMENT]
            for m in found:
                if comments is None or any(a <= m.start() < b for a, b in comments):
                    out.append(self.region(path, m.start(), m.end(), "prose"))
        return out

    # Answers -------------------------------------------------------------

    def replace(self, where: Region | Site, new: str, *, rule: str, reason: str) -> None:
        """Put new text in the place of a region, or of a site's name."""
        if isinstance(where, Site):
            where = self.region(where.path, where.offset, where.offset + len(where.name), where.name)
        self.edits.append(
            Edit(where.path, where.start, where.text.encode("latin-1"), new.encode("utf-8"), rule, reason)
        )

    def replace_match(self, region: Region, match: Match, new: str, *, rule: str, reason: str) -> None:
        """Put new text in the place of a match; a comment inside it would be lost and is refused."""
        if match.comments:
            raise self.unknown(
                f"a comment stands inside what {rule!r} replaces",
                f"{region.path}:{self.line(region.path, match.start)}: {match.comments[0]}",
            )
        self.replace(self.region(region.path, match.start, match.end, region.what), new, rule=rule, reason=reason)

    def replace_call_head(self, region: Region, match: Match, new: str, *, rule: str, reason: str) -> None:
        """Like :meth:`replace_match`, for what stands before the brackets of a call.

        Continuation lines that are aligned with the opening bracket move along with it;
        arguments that no longer fit on their line are wrapped.
        """
        self.replace_match(region, match, new, rule=rule, reason=reason)
        data = self.read(region.path)
        if data[match.end : match.end + 1] != b"(":
            return
        close = self._closing(region.path, match.end)
        line = data.rfind(b"\n", 0, match.start) + 1
        old_column = match.end - (data.rfind(b"\n", 0, match.end) + 1)
        last = new.rpartition("\n")[2]
        new_column = len(last) + (0 if "\n" in new else match.start - line)
        arguments = self.region(region.path, match.end + 1, close, "arguments")
        rest = data[close:].partition(b"\n")[0]
        lines = [
            re.sub(rf"^ {{0,{old_column + 1}}}", "", x) if i else x for i, x in enumerate(arguments.text.split("\n"))
        ]
        tail = len(rest) if len(lines) == 1 else 0
        if new_column + 1 + max(len(x) for x in lines) + tail >= WIDTH:
            lines = _fill(" ".join(arguments.text.split()), WIDTH - 1 - new_column - 1, len(rest))
        moved = ("\n" + " " * (new_column + 1)).join(lines)
        if moved != arguments.text:
            self.replace(arguments, moved, rule=rule, reason="arguments aligned with their bracket")

    def _closing(self, path: str, opening: int) -> int:
        """Offset of the bracket that closes the one at an offset."""
        tokens = tokenize(self.read(path))
        at = next(i for i, t in enumerate(tokens) if t.start == opening)
        return tokens[matching(tokens, at)].start

    def stay(self, site: Site, reason: str) -> None:
        """Put down that a use stays, and why."""
        self.stays.append((site, reason))

    def fact(self, name: str, value: Any) -> None:
        """Put down something about this tree, for the message and the evidence file."""
        self.facts[name] = value

    def unknown(self, title: str, why: str) -> XenstageError:
        """The error for a site that the stage does not know: nothing is written."""
        return XenstageError(
            Exit.SITE,
            title,
            why=why,
            remedy="no series was written. Look at the place in the base commit; teach the stage (stages/…/stage.py) "
            "or choose another base: --base COMMIT",
        )


WIDTH = 80  # CODING_STYLE: lines are shorter than this


def _fill(arguments: str, width: int, tail: int) -> list[str]:
    """Arguments on lines of a width; the last one leaves room for what follows it."""
    lines = [""]
    pieces = arguments.split(", ")
    for i, piece in enumerate(pieces):
        last = i == len(pieces) - 1
        text = piece + ("" if last else ",")
        room = width - (tail if last else 0)
        if lines[-1] and len(lines[-1]) + 1 + len(text) > room:
            lines.append(text)
        else:
            lines[-1] = f"{lines[-1]} {text}".lstrip()
    return lines


_KINDS = {
    "FUNCTION_DECL": "function",
    "VAR_DECL": "variable",
    "STRUCT_DECL": "struct",
    "ENUM_DECL": "enum",
    "MACRO_DEFINITION": "macro",
}
