"""files_read: which files of the tree a build read, from the dependency files that the compiler wrote."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def files_read(xen: Path) -> list[str]:
    """Files of the tree that the objects of a built ``xen`` directory were compiled from,
    sorted, as paths from the tree's top with symbolic links resolved.

    The dependency files are ``.NAME.d`` and ``.NAME.o.d`` beside the objects (``-MF`` in
    ``xen/Rules.mk``); one whose object is gone does not count.
    """
    top = os.path.realpath(xen.parent)
    out: set[str] = set()
    known: dict[str, str] = {}
    for directory, made, sources in _rules(xen):
        if not any(t.exists() for t in made):
            continue
        for name in sources:
            place = os.path.join(directory, name)
            if place not in known:
                known[place] = os.path.relpath(os.path.realpath(place), top)
            out.add(known[place])
    return sorted(p for p in out if not p.startswith(".."))


def without_rule(xen: Path) -> list[Path]:
    """Objects with a source beside them that no dependency file names, sorted: make does not
    know which headers they were compiled from."""
    named = {os.path.normpath(t) for _, made, _ in _rules(xen) for t in made}
    objects = (p for p in sorted(xen.rglob("*.o")) if any(p.with_suffix(s).exists() for s in (".c", ".S")))
    return [p for p in objects if os.path.normpath(p) not in named]


def _rules(xen: Path) -> Iterator[tuple[Path, list[Path], list[str]]]:
    """Every rule of the dependency files: their directory, what is made, of what."""
    for path in sorted(xen.rglob(".*.d")):
        text = path.read_text("utf-8", "surrogateescape").replace("\\\n", " ")
        for rule in text.splitlines():
            targets, colon, sources = rule.partition(": ")
            if colon and targets.split():
                yield path.parent, [path.parent / t for t in targets.split()], sources.split()
