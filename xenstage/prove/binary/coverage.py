"""coverage: why a compiled function may differ although nothing changes in function.

A function differs because its own text changed, or because it uses something that did.
Either way there must be a proof that the change does nothing; the report says which.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...cache import digest
from ...ctext.entities import Entity, entities
from ...index.sweep import C_SUFFIXES, Files
from ..case import Case
from ..changes import Change, changed_entities

_HEADERS = "xen/include/"
_FORMAT = "1"  # of what is kept
# Kinds that make no code of their own: what uses them does.
_SILENT = ("include", "conditional", "prototype")


@dataclass(frozen=True)
class Uses:
    """Which definitions of headers use which names, in one tree.

    :param words: name of a macro, inline function or type to the words of its definitions.
    """

    words: Mapping[str, frozenset[str]]

    def reached(self, names: Iterable[str]) -> dict[str, str]:
        """Every name that uses one of the names, by way of which; the names themselves too."""
        out = {n: n for n in names}
        fresh = set(out)
        while fresh:
            following: set[str] = set()
            for name, words in self.words.items():
                if name not in out and words & fresh:
                    out[name] = out[min(words & fresh)]
                    following.add(name)
            fresh = following
        return out


def uses_of(files: Files) -> Uses:
    """The uses in the headers of a tree."""
    words: dict[str, set[str]] = {}
    for path in files.paths():
        if path.startswith(_HEADERS) and path.endswith(".h"):
            for name, inside in _in_header(files, path).items():
                words.setdefault(name, set()).update(inside)
    return Uses({n: frozenset(w) for n, w in words.items()})


def _in_header(files: Files, path: str) -> Mapping[str, frozenset[str]]:
    if path in files.overlay:
        return _uses_in(files.read(path))
    known = files.memo.get("uses")
    if known is None:
        known = files.memo["uses"] = _checkout_uses(files)
    found: dict[str, frozenset[str]] = known.get(path, {})
    return found


def _checkout_uses(files: Files) -> dict[str, dict[str, frozenset[str]]]:
    """The uses in every header of the checkout, kept under the name of its content."""
    key = digest("uses", _FORMAT, files.key)
    kept = files.cache.get("uses", key) if files.cache is not None and files.key else None
    if kept is None:
        headers = [p for p in sorted(files.tracked) if p.startswith(_HEADERS) and p.endswith(".h")]
        there = [p for p in headers if (files.root / p).is_file() and files.tracked[p].startswith("100")]
        kept = {p: {n: sorted(w) for n, w in _uses_in((files.root / p).read_bytes()).items()} for p in there}
        if files.cache is not None and files.key:
            files.cache.put("uses", key, kept)
    return {p: {n: frozenset(w) for n, w in row.items()} for p, row in kept.items()}


def _uses_in(data: bytes) -> dict[str, frozenset[str]]:
    out: dict[str, set[str]] = {}
    for e in entities(data).values():
        if e.kind in ("macro", "function", "type"):
            out.setdefault(e.name, set()).update(w for w in e.words if w != e.name and (w[0].isalpha() or w[0] == "_"))
    return {n: frozenset(w) for n, w in out.items()}


def plain(symbol: str) -> str:
    """A function's name in the source from its symbol: foo.constprop, foo#2 are foo."""
    return re.split(r"[.#]", symbol, maxsplit=1)[0]


@dataclass(frozen=True)
class Coverage:
    """Explains changed functions of one patch.

    :param changes: what the patch changes in the source.
    :param covers: name to how a proof shows that it does as before.
    :param reached: names of headers that use what changes, each with what it uses.
    :param header: what the definitions of headers use.
    :param sources: object below ``xen/`` to the path of its source, where the tree's make said so.
    """

    case: Case
    changes: tuple[Change, ...]
    covers: Mapping[str, str]
    reached: Mapping[str, str]
    header: Mapping[str, frozenset[str]]
    sources: Mapping[str, str]
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def uncovered(self) -> list[str]:
        """Changed definitions that no proof covers, as "path: kind name"."""
        return [c.where for c in self.changes if c.kind not in _SILENT and c.name not in self.covers]

    def why(self, unit: str, symbol: str) -> str:
        """Why a function of an object may differ; "" when nothing covers it.

        :param unit: path of the object file below ``xen/``.
        """
        name = self._named(plain(symbol), unit)
        if name in self.covers:
            return f"{name}: {self.covers[name]}"
        if any(c.name == name and c.kind == "function" for c in self.changes):
            return ""  # its own text changed
        words = self._words(unit, name)
        local = self._local(unit)
        used = sorted({self.reached[w] for w in words if w in self.reached} | {local[w] for w in words if w in local})
        if any(u not in self.covers for u in used):
            return ""
        if used:
            return f"its text is as before; it uses {used[0]}: {self.covers[used[0]]}"
        odd = [p for p in self.case.changed if p.startswith("xen/") and not p.endswith(C_SUFFIXES)]
        return "" if odd else "its text and all that it uses is as before"

    def _named(self, symbol: str, unit: str) -> str:
        """The entity of a symbol: itself, or the one whose name a macro makes (do_ and compat_)."""
        made = {e.name for e in self._entities(self._source(unit)) if e.kind == "function" and "(" in e.name}
        fits = [m for m in sorted(made) if symbol.endswith(m[m.index("(") + 1 : -1])]
        return fits[0] if len(fits) == 1 else symbol

    def _source(self, unit: str) -> str | None:
        if unit in self.sources:
            return self.sources[unit]
        path = f"xen/{unit.removesuffix('.o')}.c"
        return path if path in self.case.after.tracked else None

    def _words(self, unit: str, name: str) -> frozenset[str]:
        """What a function uses; for a name that is not found, what its whole unit uses."""
        inside = self._entities(self._source(unit))
        for e in inside:
            if e.kind == "function" and e.name == name:
                return frozenset(e.words)
        if name in self.header:
            return self.header[name] | {name}
        return frozenset(w for e in inside for w in e.words)

    def _entities(self, path: str | None) -> list[Entity]:
        """Those of a source and of the sources that it includes."""
        if path in self.memo:
            return list(self.memo[path])
        out: list[Entity] = []
        pending, seen = [path] if path else [], {path}
        while pending:
            at = pending.pop()
            for e in entities(self.case.after.read(at)).values():
                out.append(e)
                inside = posixpath.normpath(posixpath.join(posixpath.dirname(at), e.name.strip('"')))
                if (
                    e.kind == "include"
                    and inside.endswith(".c")
                    and inside in self.case.after.tracked
                    and inside not in seen
                ):
                    seen.add(inside)
                    pending.append(inside)
        if path is not None:
            self.memo[path] = out
        return out

    def _local(self, unit: str) -> dict[str, str]:
        """Functions, macros and variables of the unit's own file that use what changed."""
        key = f"local {unit}"
        if key in self.memo:
            return dict(self.memo[key])
        out: dict[str, str] = {}
        found = self._entities(self._source(unit))
        grew = True
        while grew:
            grew = False
            for e in found:
                if e.name in out or e.kind not in ("function", "macro", "variable", "type"):
                    continue
                hit = sorted(
                    {self.reached[w] for w in e.words if w in self.reached} | {out[w] for w in e.words if w in out}
                )
                if hit:
                    out[e.name] = hit[0]
                    grew = True
        self.memo[key] = out
        return out


def coverage(case: Case, covers: Mapping[str, str], sources: Mapping[str, str]) -> Coverage:
    """The coverage of a patch, from what the proofs cover."""
    changes = tuple(changed_entities(case))
    names = {c.name for c in changes if c.kind not in _SILENT}
    uses = uses_of(case.after)
    return Coverage(case, changes, covers, uses.reached(names) if names else {}, uses.words, sources)
