"""explain: which directory cannot be written, or which disk is full, and what to do there.

Three places are written to: the cache, the output directory, and the system's directory for
temporary files (compilers use it).  An error names the one that it is about.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import Exit, XenstageError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the last: the limit on a file's size (ulimit -f)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL_WORDS = re.compile(r"No space left on device|Disk quota exceeded|File too large|Out of diskspace")
_PERHAPS = re.compile(r"write error|[Uu]nable to write|[Cc]annot write|short write|git was killed")
_READ_ONLY_WORDS = re.compile(r"Read-only file system")
_LITTLE = 1 << 20  # bytes; what a program removes when it stops makes less than this free


@dataclass(frozen=True)
class Place:
    """A directory that the tool writes to.

    :param name: in words, with its article.
    :param elsewhere: how to take another one.
    """

    name: str
    path: Path
    elsewhere: str


def cache_place(root: Path) -> Place:
    """The cache."""
    return Place("the cache", root, "set XDG_CACHE_HOME to a directory on another disk")


def out_place(out: Path) -> Place:
    """The output directory."""
    return Place("the output directory", out, "choose another directory: --out DIR")


def temporary_place() -> Place:
    """Where compilers put what they remove again: they take TMPDIR also when it is full."""
    given = os.environ.get("TMPDIR")
    try:
        path = Path(given) if given and Path(given).is_dir() else Path(tempfile.gettempdir())
    except OSError:  # none of those that Python tries can be written
        path = Path(given or "/tmp")
    return Place("temporary files", path, "set TMPDIR to a directory on another disk")


def explain(error: OSError, places: Sequence[Place], *, sure: bool = False) -> XenstageError | None:
    """What an error of the operating system says about one of the places; None when it is about none.

    :param sure: leave a full disk that the error does not name to somebody who knows more places,
        unless one of these is seen to be full.
    """
    where = _below(error.filename, places)
    why = f"{error.strerror or error}: {error.filename or 'while writing'}"
    if error.errno in FULL:
        found = [where] if where else _full_ones(places) or ([] if sure else list(places))
        return _full(why, found) if found else None
    if where is None:
        return None
    if error.errno in _DENIED:
        return _unwritable(why, where)
    return XenstageError(
        Exit.OUTPUT,
        f"{where.name} changed under our hands: {where.path}",
        why=why,
        remedy="run the same command again; nothing half-written stays",
    )


def retold(error: XenstageError, places: Sequence[Place], *, sure: bool = False) -> XenstageError:
    """The same error, or what it is really about where a program says that a disk is full or read-only.

    :param sure: as :func:`explain`.
    """
    words = f"{error.title}\n{error.why}"
    if error.title.startswith((_NO_SPACE, _NO_RIGHT)):
        return error
    if _FULL_WORDS.search(words) or _PERHAPS.search(words):
        found = _full_ones(places)
        if not found and not sure and _FULL_WORDS.search(words):
            found = [p for p in places if str(p.path) in words] or list(places)
        if found:
            return _full(error.why, found)
    if _READ_ONLY_WORDS.search(words):
        found = [p for p in places if not os.access(p.path, os.W_OK)]
        return _unwritable(error.why, found[0]) if found else error
    return error


_NO_SPACE, _NO_RIGHT = "no space is left", "cannot write to "


def _full(why: str, found: Sequence[Place]) -> XenstageError:
    named = " or ".join(f"{p.name} ({p.path})" for p in found)
    remedy = ["free some space there, or " + "; or ".join(p.elsewhere for p in found)]
    cache = next((p for p in found if p.name == "the cache"), None)
    if cache is not None:
        remedy.append(f"while no other run uses it, the cache may be deleted: rm -r '{cache.path}'")
    remedy.append("then the same command goes on; nothing half-written stays")
    return XenstageError(Exit.OUTPUT, f"{_NO_SPACE} for {named}", why=why, remedy="\n".join(remedy))


def _unwritable(why: str, where: Place) -> XenstageError:
    return XenstageError(
        Exit.OUTPUT, f"{_NO_RIGHT}{where.name}: {where.path}", why=why, remedy=f"make it writable, or {where.elsewhere}"
    )


def _below(name: object, places: Sequence[Place]) -> Place | None:
    """The innermost place that a file lies in."""
    if not isinstance(name, (str, bytes)):
        return None
    path = os.path.realpath(os.fsdecode(name))
    tops = {p: os.path.realpath(p.path) for p in places}
    inside = [p for p in places if path == tops[p] or path.startswith(f"{tops[p].rstrip('/')}/")]
    return max(inside, key=lambda p: len(tops[p]), default=None)


def _full_ones(places: Sequence[Place]) -> list[Place]:
    """The places that have next to nothing left."""
    out: list[Place] = []
    for place in places:
        there = next((p for p in (place.path, *place.path.absolute().parents) if p.exists()), Path("/"))
        try:
            left = os.statvfs(there)
        except OSError:
            continue
        if left.f_bavail * left.f_frsize < _LITTLE or (left.f_files and not left.f_favail):
            out.append(place)
    return out
