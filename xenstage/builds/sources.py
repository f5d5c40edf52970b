"""files_read: which files of the tree a build read, from the dependency files that the compiler wrote."""

from __future__ import annotations

import os
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
    for path in sorted(xen.rglob(".*.d")):
        text = path.read_text("utf-8", "surrogateescape").replace("\\\n", " ")
        for rule in text.splitlines():
            targets, colon, sources = rule.partition(": ")
            made = [path.parent / t for t in targets.split()] if colon else []
            if not made or not any(t.exists() for t in made):
                continue
            for name in sources.split():
                place = os.path.join(path.parent, name)
                if place not in known:
                    known[place] = os.path.relpath(os.path.realpath(place), top)
                out.add(known[place])
    return sorted(p for p in out if not p.startswith(".."))
