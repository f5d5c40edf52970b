"""maintainers: whose file is this, by the tree's own MAINTAINERS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

REST = "THE REST"


@dataclass(frozen=True)
class Section:
    """One section of MAINTAINERS.

    :param people: names without addresses, as its "M:" lines have them.
    :param files, but: its "F:" and "X:" patterns.
    """

    title: str
    people: tuple[str, ...]
    files: tuple[str, ...]
    but: tuple[str, ...]


def read_maintainers(text: str) -> list[Section]:
    """The sections in their order."""
    return list(_sections(text))


def _sections(text: str) -> Iterator[Section]:
    for block in re.split(r"\n\s*\n", text):
        lines = block.strip().splitlines()
        rows = [m.groups() for m in (re.match(r"([MFX]):\s+(\S.*)", x) for x in lines[1:]) if m]
        if not any(k == "F" for k, _ in rows):
            continue
        people = tuple(v.partition("<")[0].strip() for k, v in rows if k == "M")
        files, but = (tuple(v.strip() for k, v in rows if k == letter) for letter in "FX")
        yield Section(lines[0].strip(), people, files, but)


def sections_of(path: str, sections: list[Section]) -> list[Section]:
    """The sections that a file belongs to; "THE REST" only where it belongs to no other."""
    mine = [s for s in sections if any(_in(path, p) for p in s.files) and not any(_in(path, p) for p in s.but)]
    return [s for s in mine if s.title != REST] or mine


def _in(path: str, pattern: str) -> bool:
    """A pattern ending in "/" is for all below; another one is for as many folders as it names."""
    depth = pattern.count("/")
    head = "/".join(path.split("/")[:depth])
    if pattern.endswith("/"):
        return path.count("/") >= depth and fnmatchcase(head, pattern[:-1])
    return path.count("/") == depth and fnmatchcase(path, pattern)
