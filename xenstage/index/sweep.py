"""The textual sweep: every occurrence of some names in every file, by bytes alone.

This is the oracle against which the two readings of the C parser are held: it knows
nothing of C, needs no flags and sees comments, documentation, tools and code that
no configuration compiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

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
    """

    root: Path
    tracked: Mapping[str, str]
    overlay: Mapping[str, bytes]

    def paths(self) -> list[str]:
        """Real files, sorted: symbolic links and submodules are not files of their own."""
        return sorted(p for p, mode in self.tracked.items() if mode.startswith("100"))

    def read(self, path: str) -> bytes:
        """A file's bytes as they stand.

        :raises KeyError: when the commit has no such file.
        """
        if path in self.overlay:
            return self.overlay[path]
        if path not in self.tracked:
            raise KeyError(path)
        return (self.root / path).read_bytes()

    def with_overlay(self, overlay: Mapping[str, bytes]) -> Files:
        """The same files with further ones laid over."""
        return Files(self.root, self.tracked, {**self.overlay, **overlay})


def word_pattern(names: Iterable[str]) -> re.Pattern[bytes]:
    """A pattern for any of the names as a whole C identifier."""
    alternatives = b"|".join(re.escape(n.encode()) for n in sorted(names, key=lambda n: (-len(n), n)))
    return re.compile(rb"(?<![A-Za-z0-9_])(?:" + alternatives + rb")(?![A-Za-z0-9_])")


def sweep(files: Files, names: Iterable[str]) -> list[Hit]:
    """Every occurrence of every name, sorted by path and offset."""
    wanted = sorted(set(names))
    if not wanted:
        return []
    pattern = word_pattern(wanted)
    hits: list[Hit] = []
    for path in files.paths():
        data = files.read(path)
        hits += [Hit(path, m.start(), m.group().decode()) for m in pattern.finditer(data)]
    return hits
