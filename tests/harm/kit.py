"""What the parts of the harm matrix share: trials, their answers, and a digest of what is the user's."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """How a trial ended.

    :param held: nothing was harmed: the same bytes, or a true error with an exit code of ours.
    :param words: "same bytes", "exit 3: …", or what is wrong; one line.
    """

    held: bool
    words: str


@dataclass(frozen=True)
class Trial:
    """One thing that a user does.

    :param group: what it belongs to; answers are counted by it ("variables, cold, sample").
    :param name: unique in its group.
    :param run: does it and looks; what it makes, it removes.
    """

    group: str
    name: str
    run: Callable[[], Answer]


@dataclass(frozen=True)
class Ground:
    """What a part may use.

    :param root: a directory of the matrix' own, empty when it begins.
    :param tree: a clone of xen.git, only read; None where only the sample is tried.
    :param full: everything, however long it takes; otherwise a selection that ends within seconds.
    :param warm: a cache directory (XDG_CACHE_HOME) of which a copy may be used, so that what is
        prepared and parsed of the tree need not be made again; only read.
    """

    root: Path
    tree: Path | None
    full: bool
    warm: Path | None = None


Part = Callable[[Ground], Iterator[Trial]]


def whole_digest(*places: Path) -> str:
    """Digest of every file, link and directory below some places: names, modes and bytes.

    Of a repository that is HEAD, refs, reflogs (stash), index, config, hooks, objects and work tree.
    """
    h = hashlib.sha256()
    for place in places:
        for directory, dirs, names in os.walk(place):
            dirs.sort()
            for name in sorted([*names, *dirs]):
                path = os.path.join(directory, name)
                mode = os.lstat(path).st_mode
                h.update(f"{os.path.relpath(path, place)}\0{mode:o}\0".encode("utf-8", "surrogateescape"))
                if stat.S_ISLNK(mode):
                    h.update(os.fsencode(os.readlink(path)))
                elif stat.S_ISREG(mode):
                    with open(path, "rb") as f:
                        h.update(hashlib.file_digest(f, "sha256").digest())
    return h.hexdigest()
