"""Decisions: judgements about single sites, as data beside a stage, checked both ways.

``decisions.toml`` has one ``[[site]]`` for each use that a stage judges::

    base = "0123…"                # the commit that the decisions were made for
    patches = ["timers", "apic"]  # in the order in which they are made

    [[site]]
    file = "xen/arch/x86/sample.c"
    function = "sample_init"
    form = "if"
    text = "old_test ( d )"       # its condition's tokens; or match = "old_test($d)", a pattern
    nth = 2                       # among equals; 1 by default
    kind = "feature"              # the stage's own word; "stay" needs no patch
    features = ["timer"]
    patch = "timers"
    reason = "sets up the timer only"
    guards = "timer_init(d);"     # a pattern of what happens by its answer
    around = "timer_stop(d);"     # a pattern of something in the block that it stands in
    after = "timers"              # the patch that makes the use, where the base has none
    made_by = "02"                # or the earlier stage that does
    effect = "nobody notices"     # who notices what becomes of it, or why nobody does

Every use must be known to exactly one entry.  An entry that no use needs is an error on
the tree that the decisions were made for, and a printed note on others.

A use that is taken apart (an early return, a block) lists what becomes of it, piece by
piece; each piece is an entry for the use that the taking apart makes (:mod:`.pieces`)::

    [[site.piece]]
    first = "rc = timer_init(d);"  # a pattern of its first statement
    last = "if ( rc )"             # and of its last one, where that is another
    features = ["timer"]
    patch = "timers"
    reason = "the timer"
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..ctext.pattern import Pattern
from ..errors import Exit, XenstageError
from .conditions import Conditions, Use

_WHERE = ("file", "function", "form", "text", "match", "name", "guards", "around", "after")
_KEYS = {*_WHERE, "nth", "kind", "features", "patch", "reason", "piece", "elsewhere", "effect", "made_by"}
_PIECE = {"first", "last", "always", "join", "inner", "kind", "features", "patch", "reason", "guards", "elsewhere"}
_TOP = {"base", "tree", "stays", "patches", "site"}
STAY = "stay"


@dataclass(frozen=True)
class Piece:
    """What becomes of a run of statements of a use that is taken apart.

    :param first: a pattern of its first statement; ``last`` of its last, "" for one statement.
    :param always: whether it goes on happening for everybody.
    :param elsewhere: whether it is of other trees than the one that the decisions were made for.
    :param join: whether the one ``if`` that it is has the question put before its own.
    :param inner: whether it stands inside another piece, or behind a label: not among the
        statements that the early return skips.
    """

    first: str
    last: str = ""
    always: bool = False
    elsewhere: bool = False
    join: bool = False
    inner: bool = False


@dataclass(frozen=True)
class Decision:
    """One entry.  What it does not say of a site's identity does not matter for it.

    :param match: a pattern that matches in the use's condition or statement.
    :param kind: the stage's own word for what becomes of the site; "stay" for nothing.
    :param patch: the patch that does it, one of the file's ``patches``; "" where the use stays.
    :param guards: a pattern that matches in what happens by the use's answer.
    :param around: a pattern that matches in the innermost block that the use stands in.
    :param after: the patch that makes the use; "" where the base has it.
    :param pieces: what becomes of it where it is taken apart.
    :param elsewhere: whether it is of other trees than the one that the decisions were made for.
    :param made_by: the earlier stage that makes the use, as "02": a tree before it has none.
    :param effect: who notices what becomes of it, and how, or why nobody does.
    """

    kind: str
    reason: str
    features: tuple[str, ...] = ()
    patch: str = ""
    file: str = ""
    function: str = ""
    form: str = ""
    text: str = ""
    match: str = ""
    name: str = ""
    nth: int = 1
    guards: str = ""
    around: str = ""
    after: str = ""
    pieces: tuple[Piece, ...] = ()
    elsewhere: bool = False
    made_by: str = ""
    effect: str = ""

    def fits(self, use: Use) -> bool:
        """Whether a use is of this entry's kind, its number among equals left aside."""
        same = (
            (self.file, use.site.path),
            (self.function, use.site.scope),
            (self.form, use.form),
            (" ".join(self.text.split()), use.text),
            (self.name, use.site.name),
        )
        fits = all(not mine or mine == theirs for mine, theirs in same)
        return fits and _in(self.match, use.where.text) and self.fits_inside(use)

    def fits_inside(self, use: Use) -> bool:
        """Whether what a use guards, and what stands around it, is as this entry says."""
        return _in(self.guards, use.guarded) and _in(self.around, use.block)

    def to_json(self) -> dict[str, Any]:
        """What was decided, and why; for whom it was decided is the entry's matter."""
        return {"kind": self.kind, "features": list(self.features), "patch": self.patch, "reason": self.reason}

    @property
    def place(self) -> tuple[str, ...]:
        """What entries of one group have in common: all of their identity but the number."""
        return tuple(str(getattr(self, k)) for k in _WHERE)


@dataclass(frozen=True)
class Decisions:
    """The entries of a file, in its order.

    :param name: the file, for messages.
    :param base: the commit that they were made for.
    :param tree: a file by which the trees are known that they are for; "" where they are for any.
    :param patches: names of patches in the order in which they are made.
    """

    name: str
    base: str
    patches: tuple[str, ...]
    entries: tuple[Decision, ...]
    tree: str = ""

    @property
    def last(self) -> str:
        """The last patch's name."""
        return self.patches[-1] if self.patches else ""

    def pending(self, patch: str) -> list[Decision]:
        """Entries whose sites stand before a patch is made."""
        done = self.patches[: self.patches.index(patch)]
        return [d for d in self.entries if d.patch not in done and (not d.after or d.after in done)]

    def coming(self, patch: str) -> list[Decision]:
        """Entries whose sites a patch or a later one makes."""
        return [d for d in self.entries if d.after in self.patches[self.patches.index(patch) :]]


def for_tree(several: Sequence[Decisions], has: Callable[[str], bool]) -> Decisions:
    """The first decisions that are for a tree.

    :param has: whether the tree has a file.
    :raises ValueError: none is.
    """
    for decisions in several:
        if not decisions.tree or has(decisions.tree):
            return decisions
    raise ValueError(f"none of {', '.join(d.name for d in several)} is for this tree")


def load(path: Path) -> Decisions:
    """Read a ``decisions.toml``.

    :raises XenstageError: (USAGE) for a file that is not as the module's text says.
    """
    name = f"{path.parent.name}/{path.name}"
    try:
        return read_decisions(path.read_text(), name)
    except (OSError, UnicodeDecodeError) as e:
        raise _wrong(name, str(e)) from e


def read_decisions(text: str, name: str) -> Decisions:
    """Decisions from a file's text; see :func:`load`.

    :param name: for messages.
    """
    try:
        value = tomllib.loads(text)
    except ValueError as e:
        raise _wrong(name, str(e)) from e
    patches = tuple(value.get("patches", ()))
    stays = {STAY, *value.get("stays", ())}
    entries: list[Decision] = []
    for number, row in enumerate(value.get("site", ()), 1):
        pieces = row.get("piece", [])
        for what, known in [(row, _KEYS), *((p, _PIECE) for p in pieces)]:
            if odd := sorted(set(what) - known):
                raise _wrong(name, f"site {number}: {', '.join(odd)} is unknown, known: {', '.join(sorted(known))}")
        for entry in (row, *_of_pieces(row)):
            if not entry.get("kind") or not entry.get("reason"):
                raise _wrong(name, f"site {number}: needs kind and reason: {entry}")
            if not any(entry.get(k) for k in _WHERE):
                raise _wrong(name, f"site {number}: says of no place: {entry}")
            stay = entry["kind"] in stays
            if stay == bool(entry.get("patch")) or (not stay and entry["patch"] not in patches):
                only = f"one of {', '.join(patches)}, and none for {', '.join(sorted(stays))}"
                raise _wrong(name, f"site {number}: patch must be {only}: {entry}")
            if entry.get("after") and entry["after"] not in patches:
                raise _wrong(name, f"site {number}: after must be one of {', '.join(patches)}: {entry}")
            fields = {k: v for k, v in entry.items() if k != "piece"}
            own = tuple(_piece(p) for p in entry.get("piece", ()))
            entries.append(Decision(**{**fields, "features": tuple(entry.get("features", ())), "pieces": own}))
    if odd := sorted(set(value) - _TOP):
        raise _wrong(name, f"unknown: {', '.join(odd)}")
    return Decisions(name, value.get("base", ""), patches, tuple(entries), value.get("tree", ""))


def _of_pieces(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Entries for the uses that the taking apart of one makes."""
    where = {k: row[k] for k in ("file", "function", "name") if k in row} | {"after": row.get("patch", "")}
    own = ("kind", "features", "patch", "reason", "elsewhere")
    return [
        {"kind": "feature", **where, "guards": p.get("guards", p["first"]), **{k: p[k] for k in own if k in p}}
        for p in row.get("piece", ())
        if not p.get("always")
    ]


def _piece(value: dict[str, Any]) -> Piece:
    return Piece(**{k: v for k, v in value.items() if k in Piece.__dataclass_fields__})


def _in(pattern: str, text: str) -> bool:
    return not pattern or bool(Pattern(pattern).find(text.encode("latin-1")))


def _wrong(name: str, why: str) -> XenstageError:
    return XenstageError(Exit.USAGE, f"{name} cannot be read", why=why, remedy="see docs/writing-a-stage.md")


class Deciding(Conditions):
    """What a view offers of decisions."""

    def decided(
        self, decisions: Decisions | Sequence[Decisions], patch: str, *names: str
    ) -> list[tuple[Use, Decision]]:
        """The uses that a patch has to change, each with its entry.

        All others are put down to stay: with the reason of their "stay", or because a
        later patch changes them.  What was decided goes into the evidence, as the fact
        "decisions".

        :param decisions: of several, the first that is for this tree.
        :param patch: one of the file's ``patches``.
        :param names: the names whose uses in code are judged.
        :raises XenstageError: (SITE) for a use that no entry knows, or that two know; for an
            entry that no use needs, on the tree that the decisions were made for.
        """
        decisions = decisions if isinstance(decisions, Decisions) else for_tree(decisions, self.files.has)
        pending = decisions.pending(patch)
        uses = self.in_use(*names)
        pairs, unused = pair(uses, pending)
        unused = [d for d in unused if not d.elsewhere]
        # What this patch or a later one makes is there already where the tree holds the series.
        strange = [u for u, ds in pairs if not ds]
        made = dict(pair(strange, decisions.coming(patch))[0])
        pairs = [(u, ds or made.get(u, [])) for u, ds in pairs]
        twice = [(u, ds) for u, ds in pairs if len(ds) > 1]
        unknown = [u for u, ds in pairs if not ds]
        if unknown:
            raise self.unknown(
                f"{len(unknown)} uses are in no entry of {decisions.name}",
                "\n\n".join(self._entry(u) for u in unknown),
            )
        if twice:
            raise self.unknown(
                f"{len(twice)} uses are in several entries of {decisions.name}",
                "\n".join(f"{self._source(u)}: " + " / ".join(d.reason for d in ds) for u, ds in twice[:8]),
            )
        if unused:
            known = bool(decisions.base) and decisions.base == self.commit
            # Elsewhere each is told once, by its own patch.
            told = unused if known else [d for d in unused if d.patch in (patch, "")[: 1 + (patch == decisions.last)]]
            rows = [f"{d.file} {d.function} {d.form} {d.text or d.match or d.guards} (number {d.nth})" for d in told]
            title = f"{len(told)} entries of {decisions.name} have no site"
            if known:
                raise self.unknown(title, "\n".join(rows))
            if told:
                self.note(f"{title} in this tree: " + "; ".join(rows))
        out: list[tuple[Use, Decision]] = []
        judged = self.facts.setdefault("decisions", [])
        for use, (decision,) in pairs:
            if decision.patch in (patch, ""):
                judged.append({"path": use.site.path, "offset": use.site.offset, **decision.to_json()})
            if decision.patch == patch:
                out.append((use, decision))
            else:
                self.stay(use.site, "asked by a later patch" if decision.patch else decision.reason)
        return out

    def _source(self, use: Use) -> str:
        return f"{use.site.path}:{use.site.line}"

    def _entry(self, use: Use) -> str:
        """A use as the entry that would know it, ready to be pasted."""
        rows = [("file", use.site.path), ("function", use.site.scope), ("form", use.form), ("text", use.text)]
        text = "\n".join(f"{k} = {json.dumps(v)}" for k, v in rows)
        number = f"\nnth = {use.nth}" if use.nth > 1 else ""
        calls = ", ".join((use.guards + use.skips)[:6])
        return f"[[site]]  # {self._source(use)}: guards {calls or 'nothing that is called'}\n{text}{number}"


def pair(uses: Sequence[Use], entries: Sequence[Decision]) -> tuple[list[tuple[Use, list[Decision]]], list[Decision]]:
    """Each use with the entries that know it, and the entries that know none.

    Entries that differ by number only share the uses that fit them, in order.
    """
    found: dict[int, list[Decision]] = {i: [] for i in range(len(uses))}
    unused: list[Decision] = []
    groups: dict[tuple[str, ...], list[Decision]] = {}
    for d in entries:
        groups.setdefault(d.place, []).append(d)
    for group in groups.values():
        mine = [i for i, u in enumerate(uses) if group[0].fits(u)]
        for n, d in enumerate(sorted(group, key=lambda d: d.nth)):
            if n < len(mine):
                found[mine[n]].append(d)
            else:
                unused.append(d)
    return [(u, found[i]) for i, u in enumerate(uses)], unused
