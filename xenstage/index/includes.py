"""Includes: which units reach a header, by the text of ``#include`` and the units' own ``-I``.

No preprocessor takes part, so that a way may lead through code that a configuration leaves
out: what is found here is where to look, nearest first, not what is so.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..tree.prepare import Prepared, Unit
from .sweep import Files

_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*(["<][^">\n]+)[">]', re.M)


@functools.lru_cache(maxsize=1024)  # an edited file is asked again and again
def _included(data: bytes) -> tuple[str, ...]:
    return tuple(dict.fromkeys(m.decode("latin-1") for m in _INCLUDE.findall(data)))


class Includes:
    """The includes of the tree as it stands; what the checkout's own files say is remembered with it."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def named(self, path: str) -> tuple[str, ...]:
        """What a file includes, as written, with the bracket or quotation mark that opens it."""
        if path in self._files.overlay:
            return _included(self._files.overlay[path])
        key = ("includes", path)
        if key not in self._files.memo:
            self._files.memo[key] = self._read(path)
        found: tuple[str, ...] = self._files.memo[key]
        return found

    def _read(self, path: str) -> tuple[str, ...]:
        try:
            return _included(self._files.read(path))
        except (KeyError, FileNotFoundError):
            return ()

    def sources(self, source: str) -> set[str]:
        """A unit's source and the .c files that it includes, by any depth."""
        out, todo = set[str](), [source]
        while todo:
            path = todo.pop()
            if path in out:
                continue
            out.add(path)
            todo += [_join(path, name[1:]) for name in self.named(path) if name.endswith((".c", ".inc"))]
        return out

    def units(self, config: Prepared, header: str) -> list[Unit]:
        """The units that reach a header, those with the shortest way and the smallest source first."""
        back = self._backwards(config)
        distance, todo = {header: 0}, [header]
        for path in todo:  # grows: breadth first
            for above in back.get(path, ()):
                if above not in distance:
                    distance[above] = distance[path] + 1
                    todo.append(above)
        found = [u for u in config.units if u.source in distance]
        return sorted(found, key=lambda u: (distance[u.source], self._size(u.source), u.source, u.args))

    def _size(self, path: str) -> int:
        try:
            return len(self._files.read(path))
        except (KeyError, FileNotFoundError):
            return 0

    def _backwards(self, config: Prepared) -> dict[str, list[str]]:
        """Of each file that a configuration's units reach, who includes it, in a fixed order."""
        key = ("included by", config.key, self._changed())
        if key in self._files.memo:
            known: dict[str, list[str]] = self._files.memo[key]
            return known
        roads = _Roads(config, self._files)
        out: dict[str, list[str]] = {}
        todo = sorted({u.source for u in config.units})
        seen = set(todo)
        for unit in config.units:
            for path in roads.forced(unit):
                out.setdefault(path, []).append(unit.source)
                if path not in seen:
                    seen.add(path)
                    todo.append(path)
        for path in todo:
            for below in roads.leading_from(path, self.named(path)):
                out.setdefault(below, []).append(path)
                if below not in seen:
                    seen.add(below)
                    todo.append(below)
        self._files.memo[key] = out
        return out

    def _changed(self) -> tuple[frozenset[str], frozenset[tuple[str, tuple[str, ...]]]]:
        """What the overlay changes of who includes whom: most patches change nothing of it."""
        files = self._files
        own = Includes(replace(files, overlay={}, gone=frozenset())) if files.overlay else self
        told = ((p, self.named(p)) for p in files.overlay)
        return frozenset(files.gone), frozenset((p, n) for p, n in told if p not in files.tracked or n != own.named(p))


class _Roads:
    """From a name in an ``#include`` to the files of the tree that it may mean."""

    def __init__(self, config: Prepared, files: Files) -> None:
        self._root = os.path.realpath(config.root)
        self._files = files
        given = {d for u in config.units for d in _directories(u)}
        self._directories = sorted({self._inside(d) for d in given} - {None, ""}, key=str)
        self._memo: dict[tuple[str, str], tuple[str, ...]] = files.memo.setdefault(("roads", config.key), {})

    def _inside(self, path: str) -> str | None:
        """A path relative to the tree's top, links followed; None outside."""
        real = os.path.realpath(os.path.join(self._root, path))
        return real[len(self._root) + 1 :] if real.startswith(self._root + os.sep) else None

    def forced(self, unit: Unit) -> Iterator[str]:
        """What ``-include`` names."""
        for flag, value in zip(unit.args, unit.args[1:], strict=False):
            path = self._inside(os.path.join(unit.cwd, value)) if flag == "-include" else None
            if path is not None:
                yield path

    def leading_from(self, path: str, names: Iterable[str]) -> list[str]:
        """The files that the names in a file may mean, in the order of the names."""
        own = os.path.dirname(path)
        return list(dict.fromkeys(p for name in names for p in self._meant(own if name[0] == '"' else "", name[1:])))

    def _meant(self, own: str, name: str) -> tuple[str, ...]:
        """The first file of that name: beside the includer, else in the directories of any unit."""
        known = self._memo.get((own, name), ())
        if known and self._there(known[0]):
            return known
        places = [*([own] if own else []), *self._directories]
        found = (self._inside(os.path.join(str(d), name)) for d in places)
        first = next((p for p in found if p is not None and self._there(p)), None)
        self._memo[own, name] = (first,) if first else ()
        return self._memo[own, name]

    def _there(self, path: str) -> bool:
        return path in self._files.tracked or os.path.isfile(os.path.join(self._root, path))


def _directories(unit: Unit) -> Iterator[str]:
    """What ``-I`` names, relative to the tree's top or absolute."""
    for i, arg in enumerate(unit.args):
        value = unit.args[i + 1] if arg == "-I" and i + 1 < len(unit.args) else arg[2:]
        if arg.startswith("-I") and value:
            yield os.path.join(unit.cwd, value)


def _join(path: str, name: str) -> str:
    parts = path.split("/")[:-1]
    for piece in name.split("/"):
        if piece == ".." and parts:
            parts.pop()
        elif piece not in (".", ""):
            parts.append(piece)
    return "/".join(parts)
