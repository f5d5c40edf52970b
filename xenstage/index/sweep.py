"""The textual sweep: every occurrence of some names in every file, by bytes alone.

This is the oracle against which the two readings of the C parser are held: it knows
nothing of C, needs no flags and sees comments, documentation, tools and code that
no configuration compiles.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..cache import Cache, digest
from ..effect import Made

_CHECKOUT = "checkout"  # the memo's name for the paths of the checkout's own files
C_SUFFIXES = (".c", ".h", ".S", ".inc")


@dataclass(frozen=True, slots=True)
class Hit:
    """A whole-word occurrence: real path, byte offset, the name."""

    path: str
    offset: int
    name: str


@dataclass(frozen=True)
class Files:
    """The files of a tree as they stand: a checkout with edited files laid over it.

    :param root: a checkout that nobody writes to.
    :param tracked: path to git mode of every file of the commit.
    :param overlay: bytes of files that differ from the checkout.
    :param gone: files of the commit that are there no more.
    :param key: names the checkout's content (the hash of its git tree).
    :param cache: where hits in the checkout are kept, by key and name.
    :param memo: for facts about files of the checkout, for as long as the object lives.
    :param guests: how kinds of guest are made, where a stage says it.
    """

    root: Path
    tracked: Mapping[str, str]
    overlay: Mapping[str, bytes]
    key: str = ""
    cache: Cache | None = None
    memo: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)
    gone: frozenset[str] = frozenset()
    guests: tuple[Made, ...] = ()

    def paths(self) -> list[str]:
        """Real files, sorted: symbolic links and submodules are not files of their own."""
        return list(self._paths)

    @functools.cached_property
    def _paths(self) -> list[str]:
        real = {p for p, mode in self.tracked.items() if mode.startswith("100")}
        return sorted((real | self.overlay.keys()) - self.gone)

    def read(self, path: str) -> bytes:
        """A file's bytes as they stand; a link or a submodule has none of its own.

        :raises KeyError: when the commit has no such file.
        """
        if path in self.overlay:
            return self.overlay[path]
        if path not in self.tracked or path in self.gone:
            raise KeyError(path)
        if not self.tracked[path].startswith("100"):
            return b""
        key = ("bytes", path)
        if key not in self.memo:
            self.memo[key] = (self.root / path).read_bytes()
        data: bytes = self.memo[key]
        return data

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return path not in self.gone and (path in self.tracked or path in self.overlay)

    def with_overlay(self, overlay: Mapping[str, bytes | None]) -> Files:
        """The same files with further ones laid over; None takes one away."""
        gone = {p for p, data in overlay.items() if data is None}
        there = {p: data for p, data in {**self.overlay, **overlay}.items() if data is not None}
        return replace(self, overlay=there, gone=(self.gone | gone) - there.keys())

    def __post_init__(self) -> None:
        if not self.overlay and not self.gone:
            self.memo.setdefault(_CHECKOUT, self.paths())

    def checkout(self) -> list[str]:
        """Real files of the checkout itself, also those that the tree as it stands does not have."""
        known: list[str] = self.memo.get(_CHECKOUT) or [p for p in self.paths() if (self.root / p).is_file()]
        return known

    def removed(self) -> frozenset[str]:
        """Files of the checkout that the tree as it stands does not have, or has as links."""
        return self._removed

    @functools.cached_property
    def _removed(self) -> frozenset[str]:
        return frozenset(self.checkout()) - frozenset(self.paths())


def word_pattern(names: Iterable[str]) -> re.Pattern[bytes]:
    """A pattern for any of the names as a whole C identifier."""
    alternatives = b"|".join(re.escape(n.encode()) for n in sorted(names, key=lambda n: (-len(n), n)))
    return re.compile(rb"(?<![A-Za-z0-9_])(?:" + alternatives + rb")(?![A-Za-z0-9_])")


def sweep(files: Files, names: Iterable[str]) -> list[Hit]:
    """Every occurrence of every name, sorted by path and offset."""
    wanted = sorted(set(names))
    base = _sweep_checkout(files, wanted)
    gone = files.removed()
    hits = [Hit(p, o, n) for n in wanted for p, o in base[n] if p not in files.overlay and p not in gone]
    for path in sorted(files.overlay):
        hits += [Hit(path, o, n) for n in wanted for o in _offsets(files.overlay[path], n)]
    return sorted(hits, key=lambda h: (h.path, h.offset))


@functools.lru_cache(maxsize=8192)  # one patch asks for the same names in the same files again and again
def _offsets(data: bytes, name: str) -> tuple[int, ...]:
    if name.encode() not in data:
        return ()
    return tuple(m.start() for m in word_pattern([name]).finditer(data))


def _hits(path: str, data: bytes, names: list[str]) -> list[Hit]:
    here = [n for n in names if n.encode() in data]  # a plain search first: most files have none
    return [Hit(path, m.start(), m.group().decode()) for m in word_pattern(here).finditer(data)] if here else []


def _sweep_checkout(files: Files, names: list[str]) -> dict[str, list[tuple[str, int]]]:
    """Hits in the checkout without its overlay, one pass for all names not yet kept."""
    out: dict[str, list[tuple[str, int]]] = {}
    for name in names:
        kept = files.cache.get("sweeps", digest(files.key, name)) if files.cache and files.key else None
        if kept is not None:
            out[name] = [(p, o) for p, o in kept]
    missing = [n for n in names if n not in out]
    if missing:
        out.update({n: [] for n in missing})
        for path in files.checkout():  # what is kept holds for every tree that is laid over it
            for hit in _hits(path, (files.root / path).read_bytes(), missing):
                out[hit.name].append((path, hit.offset))
        if files.cache and files.key:
            for name in missing:
                files.cache.put("sweeps", digest(files.key, name), out[name])
    return out
