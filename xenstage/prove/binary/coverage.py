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
from ...ctext.heads import (
    attributes,
    conditions_difference,
    gained_fields,
    head_difference,
    narrow_field,
    peculiar,
)
from ...index.sweep import Files
from ..case import Case
from ..changes import WITH_HEAD, Change, changed_entities
from ..source.macros import macro_difference

_HEADERS = "xen/include/"
_FORMAT = "1"  # of what is kept
# For each kind of definition, what else gives its name a meaning in the same file.
_PREPROCESSED = ("macro", "undef", "function", "variable")
_MEANINGS = {"macro": _PREPROCESSED, "function": _PREPROCESSED, "variable": _PREPROCESSED, "type": ("type",)}


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
    :param covers: :attr:`Change.where` to how a proof shows that it does as before.
    :param reached: names that use what changes, by way of headers, each with the changed name.
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

    def open_changes(self) -> list[tuple[Change, str]]:
        """Changed definitions and directives that no proof covers, each with why not."""
        return [(c, how[1]) for c in self.changes if not (how := self._how(c))[0]]

    def uncovered(self) -> list[str]:
        """The same as "path: kind name", with what a proof of its body leaves open."""
        return [f"{c.where}{f' ({why})' if why else ''}" for c, why in self.open_changes()]

    def why(self, unit: str, symbol: str, *, copied: bool = False) -> str:
        """Why a function or variable of an object may differ; "" when nothing covers it.

        Only what the unit can see counts: its own source, what that includes, and headers.

        :param unit: path of the object file below ``xen/``.
        :param copied: whether it is a function that one side's object has and the other's has not.
        """
        name = self._named(plain(symbol), unit)
        mine = [c for c in self._seen_by(unit, name) if c.kind in ("function", "variable")]
        if mine:
            return self._all(mine, f"{name}: ")
        local = self._local(unit)
        words = self._words(unit, name)
        used = sorted({self.reached[w] for w in words if w in self.reached} | {local[w] for w in words if w in local})
        causes = [c for u in used for c in self._seen_by(unit, u)]
        if causes:
            return self._all(causes, f"its text is as before; it uses {causes[0].name}: ")
        # A compiler puts a function into its callers, or makes one for them, as these are.
        callers = self._callers(unit, name)
        if not callers and copied and name in self.header:
            return "its text is as before; a copy is made or not, and who uses it is judged where it differs"
        return self._all(callers, f"its text is as before; {callers[0].name} uses it: ") if callers else ""

    def _all(self, causes: list[Change], said: str) -> str:
        """How every one of several changes is covered; "" where one is not."""
        hows = [self._how(c)[0] for c in causes]
        return f"{said}{hows[0]}" if all(hows) else ""

    def _seen_by(self, unit: str, name: str) -> list[Change]:
        """Changes of a name that a unit sees."""
        paths = self._paths(unit)
        return [c for c in self.changes if c.name == name and (not c.path.endswith(".c") or c.path in paths)]

    def _callers(self, unit: str, name: str) -> list[Change]:
        """Changes of a unit's own functions and variables that use a name, also by way of functions in between."""
        inside = {e.name: set(e.words) for e in self._entities(self._source(unit)) if e.kind == "function"}
        found: list[Change] = []
        for change in self.changes:
            if change.path not in self._paths(unit) or change.kind not in ("function", "variable"):
                continue
            reached = {w for e in (change.old, change.new) if e is not None for w in e.words}
            fresh = reached & set(inside)
            while fresh and name not in reached:
                more = {w for f in fresh for w in inside[f]} - reached
                reached, fresh = reached | more, more & set(inside)
            found += [change] if name in reached else []
        return found

    def _how(self, change: Change) -> tuple[str, str]:
        """How a proof shows a change to do nothing ("" for none), and what such a proof leaves open."""
        key = f"how {change.where}"
        if key not in self.memo:
            self.memo[key] = self._judge(change)
        found: tuple[str, str] = self.memo[key]
        return found

    def _judge(self, change: Change) -> tuple[str, str]:
        if change.kind == "conditional":  # what stands between such lines has them as its conditions
            return "what it encloses is judged", ""
        whole = self.covers.get(change.where + WITH_HEAD, "")
        how = whole or self.covers.get(change.where, "")
        if not how:
            return "", ""
        open_ = self._frame(change) if whole else self._head(change)
        open_ = open_ or self._several(change) or self._uses(change)
        return ("", open_) if open_ else (how, "")

    def _frame(self, change: Change) -> str:
        """What is left where a proof has read the head: conditions around it, and attributes."""
        if change.old is None or change.new is None:
            return peculiar(change.new, header=change.path.endswith(".h")) if change.new is not None else ""
        around = conditions_difference(change.old, change.new)
        said = [attributes(e) for e in (change.old, change.new)]
        return around or (said[1] if said[0] != said[1] else "")

    def _head(self, change: Change) -> str:
        """What a change does outside the body that a proof has read; "" for nothing."""
        if change.old is not None and change.new is not None:
            narrow = gained_fields(change.old, change.new) if change.kind == "type" else []
            return head_difference(change.old, change.new) or next((w for f in narrow if (w := narrow_field(f))), "")
        if change.new is None:
            return ""
        gone = [c.old for c in self.changes if (c.path, c.name) == (change.path, change.name) and c.new is None]
        if gone and gone[0] is not None:  # one kind of definition became another
            return conditions_difference(gone[0], change.new) or attributes(change.new)
        return peculiar(change.new, header=change.path.endswith(".h"))

    def _uses(self, change: Change) -> str:
        """A macro that some use of it does not take for what a proof has read."""
        if change.new is None or change.kind != "macro":
            return ""
        others = (c.old for c in self.changes if (c.path, c.name) == (change.path, change.name) and c.old is not None)
        return macro_difference(self.case.after, change.old or next(others, None), change.new)

    def _several(self, change: Change) -> str:
        """A name that a file gives several meanings: a proof has read one of them."""
        if change.kind not in _MEANINGS or change.path not in self.case.after.tracked:
            return ""
        sides = []
        for files in (self.case.before, self.case.after):
            found = entities(files.read(change.path)) if change.path in files.tracked else {}
            sides.append(sorted(k for k in found if k[1] == change.name and k[0] in _MEANINGS[change.kind]))
        paired = change.kind == "function" and change.old is not None and change.new is not None
        if len(sides[1]) < 2 or (paired and sides[0] == sides[1]):
            return ""
        return f"{change.path} gives the name {len(sides[1])} meanings"

    def _named(self, symbol: str, unit: str) -> str:
        """The entity of a symbol: itself, or the one whose name a macro makes (do_ and compat_)."""
        made = {e.name for e in self._entities(self._source(unit)) if e.kind == "function" and "(" in e.name}
        fits = [m for m in sorted(made) if symbol.endswith(m[m.index("(") + 1 : -1])]
        return fits[0] if len(fits) == 1 else symbol

    def _source(self, unit: str) -> str | None:
        if unit in self.sources:
            return self.sources[unit]
        stem = f"xen/{unit.removesuffix('.o')}"
        return next((stem + s for s in (".c", ".S") if stem + s in self.case.after.tracked), None)

    def _words(self, unit: str, name: str) -> frozenset[str]:
        """What a function uses; for a name that is not found, what its whole unit uses."""
        inside = self._entities(self._source(unit))
        for e in inside:
            if e.kind == "function" and e.name == name:
                return frozenset(e.words)
        if name in self.header:
            return self.header[name] | {name}
        return frozenset(w for e in inside for w in e.words)

    def _paths(self, unit: str) -> set[str]:
        """A unit's source and the sources that it includes."""
        source = self._source(unit)
        self._entities(source)
        found: set[str] = self.memo.get(f"paths {source}", set())
        return found

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
            self.memo[f"paths {path}"] = {p for p in seen if p is not None}
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
    names = {c.name for c in changes if c.kind not in ("include", "conditional", "directive", "text")}
    uses = uses_of(case.after)
    return Coverage(case, changes, covers, uses.reached(names) if names else {}, uses.words, sources)
