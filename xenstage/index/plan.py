"""Plan: which units are parsed in which configurations, so that every hit of the sweep is read.

It does not depend on what is in the cache.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from ..tree.prepare import Prepared, Unit
from .includes import Includes
from .parse import Ask
from .sweep import Files

_TRIES = 3  # units per header whose hits are not all seen

Todo = list[tuple[Prepared, Unit]]


class Plan:
    """The units whose text has hits, then more until each header was met, and each hit seen.

    A header is read through the nearest unit that reaches it; where that one leaves out what
    is asked, through some more.

    Where it is known what differs from a tree that was read before, the first configuration of
    each architecture reads all of this, and the others read what was changed (of a header, the
    nearest unit) and what no configuration has seen.

    :param prepared: the configurations.
    :param asks: path to the hits in that file.
    :param changed: the files that differ, or None where all configurations read all.
    """

    def __init__(
        self,
        prepared: Sequence[Prepared],
        files: Files,
        asks: Mapping[str, tuple[Ask, ...]],
        changed: Collection[str] | None = None,
    ) -> None:
        self._prepared, self._asks, self._gone = prepared, asks, files.removed()
        self._changed = frozenset(changed or ())
        self._includes = Includes(files)
        leading = {p.config.arch: p.config.name for p in reversed(prepared)}
        self._whole = {p.config.name for p in prepared if changed is None or p.config.name in leading.values()}
        self._met: dict[str, set[str]] = {p.config.name: set() for p in prepared}
        self._parsed: dict[str, set[Unit]] = {p.config.name: set() for p in prepared}
        self._tried: Counter[tuple[str, str]] = Counter()

    def first(self) -> Todo:
        """What is parsed whatever comes of it."""
        out: Todo = []
        for p in self._prepared:
            whole = p.config.name in self._whole
            for unit in self._units(p):
                sources = self._includes.sources(unit.source)
                if sources & self._changed or (whole and sources & self._asks.keys()):
                    out.append((p, unit))
        return out

    def done(self, config: Prepared, unit: Unit, files: Iterable[str]) -> None:
        """A unit was parsed, and read these files."""
        self._met[config.config.name].update(files)
        self._parsed[config.config.name].add(unit)

    def next(self, all_seen: Callable[[str, tuple[Ask, ...]], bool]) -> Todo:
        """What is still to be parsed after all that was.

        :param all_seen: whether some configuration compiles each of a file's hits.
        """
        dark = {p for p, asks in self._asks.items() if not all_seen(p, asks)}
        out: Todo = []
        for p in self._prepared:
            name = p.config.name
            if name not in self._whole:
                out += [(p, u) for u in self._units(p) if self._includes.sources(u.source) & dark and self._new(p, u)]
            must = self._asks.keys() | self._changed if name in self._whole else self._changed
            open_ends = [h for h in sorted(must) if h.endswith(".h") and h not in self._met[name]]
            open_ends += [h for h in sorted(dark) if h.endswith(".h") and h not in open_ends]
            open_ends = [h for h in open_ends if self._tried[name, h] < _TRIES]
            self._tried.update((name, h) for h in open_ends)
            for header in open_ends:
                near = (u for u in self._includes.units(p, header) if self._new(p, u) and u.source not in self._gone)
                unit = next(near, None)
                if unit is not None and (p, unit) not in out:
                    out.append((p, unit))
        return out

    def _units(self, config: Prepared) -> list[Unit]:
        return [u for u in config.units if u.source not in self._gone]

    def _new(self, config: Prepared, unit: Unit) -> bool:
        return unit not in self._parsed[config.config.name]
