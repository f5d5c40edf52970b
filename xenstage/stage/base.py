"""Base: the tree as one patch sees it, and the edits that the patch makes: what all else stands on."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..ctext.lexer import Kind, Token, tokens_between
from ..edit.edits import Edit
from ..effect import Effect, Reach
from ..errors import Exit, XenstageError
from ..index.sites import Index, Site
from ..index.sweep import Files, Hit, sweep

ABSENT = "absent"  # the fact with the names of :meth:`Base.absent`


@dataclass(frozen=True)
class Region:
    """A byte range of a file, with its text.

    :param what: for messages: "function domain_create" and the like.
    :param kind: what :mod:`.definitions` calls it: "function", "field", …; "" for any range.
    """

    path: str
    start: int
    end: int
    text: str
    what: str
    kind: str = ""


class Base:
    """See the module's text.

    :param files: the tree as it stands before the patch.
    :param index: makes the index; called once, when first asked.
    :param names: the patch's names.
    :param commit: the base commit that the series stands on; "" where there is none.
    """

    def __init__(
        self,
        files: Files,
        index: Callable[[], Index],
        names: tuple[str, ...] = (),
        commit: str = "",
    ) -> None:
        self.files = files
        self.commit = commit
        self.edits: list[Edit] = []
        self.facts: dict[str, Any] = {}
        self.effects: list[Effect] = []
        self.interface: list[str] = []
        self.reaches: list[Reach] = []
        self.stays: list[tuple[Site, str]] = []
        self.notes: list[str] = []
        self.added: list[str] = []
        self.deleted: list[str] = []
        self._make, self._names = index, names
        self._index: Index | None = None
        self._known: dict[tuple[str, str, str], list[Region]] = {}
        self._inserted: dict[tuple[str, int], int] = {}

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

    def read(self, path: str) -> bytes:
        """A file's bytes before the patch."""
        return self.files.read(path)

    def region(self, path: str, start: int, end: int, what: str, kind: str = "") -> Region:
        """A byte range as a region."""
        return Region(path, start, end, self.read(path)[start:end].decode("latin-1"), what, kind)

    def whole_file(self, path: str) -> Region:
        """All of a file.

        :raises XenstageError: (SITE) when the tree has no such file.
        """
        if not self.files.has(path):
            raise self.unknown(f"{path} is not there", "the stage needs the file")
        return self.region(path, 0, len(self.read(path)), f"file {path}")

    def tokens(self, region: Region) -> list[Token]:
        """The tokens of a region, with offsets in the file."""
        return list(tokens_between(self.read(region.path), region.start, region.end))

    def words(self, region: Region) -> str:
        """The texts of a region's tokens with one blank between them, comments left out."""
        return " ".join(t.text for t in self.tokens(region) if t.kind not in (Kind.COMMENT, Kind.END))

    def line(self, path: str, offset: int) -> int:
        """1-based line of an offset, for messages only."""
        return self.read(path).count(b"\n", 0, offset) + 1

    def where(self, region: Region) -> str:
        """``path:line`` of a region, for messages only."""
        return f"{region.path}:{self.line(region.path, region.start)}"

    def line_start(self, path: str, offset: int) -> int:
        """Offset of the first byte of the line of an offset."""
        return self.read(path).rfind(b"\n", 0, offset) + 1

    def line_end(self, path: str, offset: int) -> int:
        """Offset of the newline that ends the line of an offset, or of the file's end."""
        end = self.read(path).find(b"\n", offset)
        return end if end >= 0 else len(self.read(path))

    def indent(self, path: str, offset: int) -> str:
        """The white space with which the line of an offset begins."""
        m = re.match(rb"[ \t]*", self.read(path)[self.line_start(path, offset) : offset])
        return m.group().decode() if m else ""

    def comment_before(self, region: Region) -> Region | None:
        """The comment that stands directly before a region, if one does."""
        before = [t for t in tokens_between(self.read(region.path), 0, region.start) if t.text.strip()]
        if not before or before[-1].kind is not Kind.COMMENT:
            return None
        last = before[-1]
        return self.region(region.path, last.start, last.end, f"comment before {region.what}")

    def with_own_comment(self, region: Region) -> Region:
        """A region together with the comment that stands on the lines directly before it."""
        comment = self.comment_before(region)
        if comment is None:
            return region
        data = self.read(region.path)
        between = data[comment.end : region.start]
        lead = data[self.line_start(region.path, comment.start) : comment.start]
        if between.strip(b" \t") != b"\n" or lead.strip():
            return region
        return self.region(region.path, comment.start, region.end, region.what, region.kind)

    def whole_lines(self, region: Region) -> Region:
        """A region to the end of its last line: with what closes it (``;`` or ``,``), a comment
        behind it and the newline; and an empty line after it where one, or a block's beginning,
        stands before it too.

        :raises XenstageError: (SITE) when something else shares its lines.
        """
        data = self.read(region.path)
        start, end = self.line_start(region.path, region.start), region.end
        rest = data[end : self.line_end(region.path, end)].decode("latin-1")
        if data[start : region.start].strip() or not re.fullmatch(r"\s*[;,]?\s*(/\*[^\n]*\*/)?\s*", rest):
            raise self.unknown(f"{region.what} shares its lines with something else", self.where(region))
        end = min(self.line_end(region.path, end) + 1, len(data))
        empty_before = start == 0 or re.search(rb"(^|\n)[ \t]*\{?[ \t]*\n\Z", data[:start]) is not None
        if empty_before and data[end : end + 1] == b"\n":
            end += 1
        return self.region(region.path, start, end, region.what, region.kind)

    # Answers -------------------------------------------------------------

    def replace(self, where: Region | Site, new: str, *, rule: str, reason: str) -> None:
        """Put new text in the place of a region, or of a site's name."""
        if isinstance(where, Site):
            where = self.region(where.path, where.offset, where.offset + len(where.name), where.name)
        self.edits.append(
            Edit(where.path, where.start, where.text.encode("latin-1"), new.encode("utf-8"), rule, reason)
        )

    def insert(self, path: str, offset: int, new: str, *, rule: str, reason: str) -> None:
        """Put new text between two bytes; what is inserted at one place stands in the order of the calls."""
        at = self._inserted.get((path, offset))
        if at is None:
            self._inserted[path, offset] = len(self.edits)
            self.edits.append(Edit(path, offset, b"", new.encode("utf-8"), rule, reason))
            return
        old = self.edits[at]
        rules = old.rule if rule in old.rule else f"{old.rule}, {rule}"
        reasons = old.reason if reason in old.reason else f"{old.reason}; {reason}"
        self.edits[at] = Edit(path, offset, b"", old.new + new.encode("utf-8"), rules, reasons)

    def insert_before(self, region: Region, text: str, *, rule: str, reason: str) -> None:
        """Put lines before a region and the comment that belongs to it.

        :param text: C text; its lines are indented as the region is; an empty last line stays one.
        """
        whole = self.with_own_comment(region)
        pad = self.indent(whole.path, whole.start)
        start = self.line_start(whole.path, whole.start)
        apart = "\n" if text.endswith("\n\n") else ""
        self.insert(region.path, start, indented(text, pad) + "\n" + apart, rule=rule, reason=reason)

    def delete(self, region: Region, *, rule: str, reason: str, comment: bool = True) -> None:
        """Take a region's whole lines away.

        :param comment: whether the comment directly before it goes as well.
        """
        whole = self.whole_lines(self.with_own_comment(region) if comment else region)
        self.replace(whole, "", rule=rule, reason=reason)

    def used_outside(self, name: str, path: str, *regions: Region) -> list[Hit]:
        """Textual uses of a name in a file that no region holds."""
        here = [h for h in self.uses(name) if h.path == path]
        return [h for h in here if not any(r.start <= h.offset < r.end for r in regions)]

    def touched(self, path: str, offset: int) -> bool:
        """Whether an edit of this patch holds a byte."""
        return any(e.path == path and e.offset <= offset < e.end for e in self.edits)

    def stay(self, site: Site, reason: str) -> None:
        """Put down that a use stays, and why."""
        self.stays.append((site, reason))

    def stay_rest(self, reason: str, *names: str, where: Callable[[Site], bool] = lambda _: True) -> int:
        """Put down that every use which no edit holds stays, all for one reason.

        :param names: which names; all of the patch's by default.
        :param where: which of their uses.
        :returns: how many these are.
        """
        known = {(s.path, s.offset) for s, _ in self.stays}
        rest = [
            s
            for s in self.sites(*(names or self._names))
            if where(s) and (s.path, s.offset) not in known and not self.touched(s.path, s.offset)
        ]
        for site in rest:
            self.stay(site, reason)
        return len(rest)

    def fact(self, name: str, value: Any) -> None:
        """Put down something about this tree, for the message and the evidence file."""
        self.facts[name] = value

    def effect(self, effect: Effect) -> None:
        """Put down what the patch means to change, where its text is known only from the tree;
        as :attr:`.declare.Patch.effects`, which says what is known beforehand."""
        self.effects.append(effect)

    def fixes(self, change: str) -> None:
        """Put down a change of the public interface for this tree, as :attr:`.declare.Patch.interface` has it."""
        self.interface.append(change)

    def reach(self, cell: str, becomes: str) -> None:
        """Put down what becomes of a cell of the hypercall matrix for this tree, as :attr:`.declare.Patch.reaches`
        has it."""
        self.reaches.append(Reach(cell, becomes))

    def absent(self, name: str) -> None:
        """Put down that this tree has nothing of a name that the patch removes from others, which is checked.

        :raises XenstageError: (SITE) when it has.
        """
        there = self.uses(name)
        if there:
            raise self.unknown(f"{name} is said to be absent", ", ".join(sorted({h.path for h in there})))
        self.facts[ABSENT] = [*self.facts.get(ABSENT, ()), name]

    def note(self, text: str) -> None:
        """Put down something that whoever runs the stage should read; it is printed."""
        self.notes.append(text)

    def unknown(self, title: str, why: str) -> XenstageError:
        """The error for a site that the stage does not know: nothing is written."""
        return XenstageError(
            Exit.SITE,
            title,
            why=why,
            remedy="no series was written. Look at the place in the base commit; teach the stage (stages/…/stage.py) "
            "or choose another base: --base COMMIT",
        )


def indented(text: str, pad: str) -> str:
    """C text with its common indentation replaced; no newline at the end, empty lines stay empty."""
    body = textwrap.dedent(text.rstrip("\n"))
    return "\n".join(pad + x if x.strip() else "" for x in body.split("\n"))
