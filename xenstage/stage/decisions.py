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

Every use must be known to exactly one entry.  An entry that no use needs is an error on
the tree that the decisions were made for, and a printed note on others.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..ctext.pattern import Pattern
from ..errors import Exit, XenstageError
from .conditions import Conditions, Use

_KEYS = {"file", "function", "form", "text", "match", "name", "nth", "kind", "features", "patch", "reason"}
_WHERE = ("file", "function", "form", "text", "match", "name")
STAY = "stay"


@dataclass(frozen=True)
class Decision:
    """One entry.  What it does not say of a site's identity does not matter for it.

    :param match: a pattern that matches in the use's condition or statement.
    :param kind: the stage's own word for what becomes of the site; "stay" for nothing.
    :param patch: the patch that does it, one of the file's ``patches``.
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
        return fits and (not self.match or bool(Pattern(self.match).find(use.where.text.encode("latin-1"))))

    @property
    def place(self) -> tuple[str, ...]:
        """What entries of one group have in common: all of their identity but the number."""
        return tuple(str(getattr(self, k)) for k in _WHERE)


@dataclass(frozen=True)
class Decisions:
    """The entries of a file, in its order.

    :param name: the file, for messages.
    :param base: the commit that they were made for.
    :param patches: names of patches in the order in which they are made.
    """

    name: str
    base: str
    patches: tuple[str, ...]
    entries: tuple[Decision, ...]

    def pending(self, patch: str) -> list[Decision]:
        """Entries whose sites still stand before a patch is made."""
        done = self.patches[: self.patches.index(patch)]
        return [d for d in self.entries if d.patch not in done]


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
    entries: list[Decision] = []
    for number, row in enumerate(value.get("site", ()), 1):
        odd = sorted(set(row) - _KEYS)
        if odd or not row.get("kind") or not row.get("reason"):
            raise _wrong(name, f"site {number}: needs kind and reason, knows {', '.join(sorted(_KEYS))}; has {row}")
        if not any(row.get(k) for k in _WHERE):
            raise _wrong(name, f"site {number}: says of no place: {row}")
        stays = row["kind"] == STAY
        if stays == bool(row.get("patch")) or (not stays and row["patch"] not in patches):
            raise _wrong(name, f"site {number}: patch must be one of {', '.join(patches)}, and none for 'stay': {row}")
        entries.append(Decision(**{**row, "features": tuple(row.get("features", ()))}))
    odd = sorted(set(value) - {"base", "patches", "site"})
    if odd:
        raise _wrong(name, f"unknown: {', '.join(odd)}")
    return Decisions(name, value.get("base", ""), patches, tuple(entries))


def _wrong(name: str, why: str) -> XenstageError:
    return XenstageError(Exit.USAGE, f"{name} cannot be read", why=why, remedy="see docs/writing-a-stage.md")


class Deciding(Conditions):
    """What a view offers of decisions."""

    def decided(self, decisions: Decisions, patch: str, *names: str) -> list[tuple[Use, Decision]]:
        """The uses that a patch has to change, each with its entry.

        All others are put down to stay: with the reason of their "stay", or because a
        later patch changes them.

        :param patch: one of the file's ``patches``.
        :param names: the names whose uses in code are judged.
        :raises XenstageError: (SITE) for a use that no entry knows, or that two know; for an
            entry that no use needs, on the tree that the decisions were made for.
        """
        pending = decisions.pending(patch)
        uses = self.in_use(*names)
        pairs, unused = _pair(uses, pending)
        twice = [(u, ds) for u, ds in pairs if len(ds) > 1]
        unknown = [u for u, ds in pairs if not ds]
        if unknown:
            raise self.unknown(
                f"{len(unknown)} uses are in no entry of {decisions.name}",
                "\n\n".join(self._entry(u) for u in unknown[:8]),
            )
        if twice:
            raise self.unknown(
                f"{len(twice)} uses are in several entries of {decisions.name}",
                "\n".join(f"{self._source(u)}: " + " / ".join(d.reason for d in ds) for u, ds in twice[:8]),
            )
        if unused:
            rows = [f"{d.file} {d.function} {d.form} {d.text or d.match} (number {d.nth})" for d in unused]
            title = f"{len(unused)} entries of {decisions.name} have no site"
            if decisions.base and decisions.base == self.commit:
                raise self.unknown(title, "\n".join(rows))
            self.note(f"{title} in this tree: " + "; ".join(rows))
        out: list[tuple[Use, Decision]] = []
        for use, (decision,) in pairs:
            if decision.patch == patch:
                out.append((use, decision))
            else:
                self.stay(use.site, decision.reason if decision.kind == STAY else "asked by a later patch")
        return out

    def _source(self, use: Use) -> str:
        return f"{use.site.path}:{use.site.line}"

    def _entry(self, use: Use) -> str:
        """A use as the entry that would know it, ready to be pasted."""
        rows = [("file", use.site.path), ("function", use.site.scope), ("form", use.form), ("text", use.text)]
        text = "\n".join(f"{k} = {json.dumps(v)}" for k, v in rows)
        number = f"\nnth = {use.nth}" if use.nth > 1 else ""
        calls = ", ".join(use.guards + use.skips)
        return f"[[site]]  # {self._source(use)}: guards {calls or 'nothing that is called'}\n{text}{number}"


def _pair(uses: Sequence[Use], entries: Sequence[Decision]) -> tuple[list[tuple[Use, list[Decision]]], list[Decision]]:
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
