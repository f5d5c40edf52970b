"""Harvester: what proofs need of a build's products, read while they are there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cache import Cache
from ..process import Runner
from ..tree.config import Config
from ..tree.prepare import Unit, noted_unit
from ..tree.source import Tree
from ..tree.toolchain import COMMAND, make_toolchain
from .binary import read_tables
from .elf import dates_of, read_build, read_unit
from .lines import keep_line_numbers
from .sources import files_read


@dataclass(frozen=True)
class Harvester:
    """Reads functions, tables and, for sources that changed, functions under the parent's line numbers.

    :param parents: commit to parent; the first parent has none.
    """

    tree: Tree
    config: Config
    parents: Mapping[str, str]
    cache: Cache
    runner: Runner

    def __call__(self, xen: Path, commit: str) -> dict[str, Any]:
        """A JSON value: "objects" (see :func:`read_build`), "tables" (see
        :func:`read_tables`), and "lines": objects compiled again from sources whose
        unchanged lines have their old numbers, "sources": object to source where their
        names differ, and "read": the files of the tree that were compiled."""
        image = xen / "xen-syms"
        units = _units(xen)
        return {
            "objects": read_build(xen),
            "tables": read_tables(image) if image.exists() else {},
            "lines": self._relined(xen, commit, units),
            "sources": {made: u.source for made, u in units.items() if f"xen/{made.removesuffix('.o')}.c" != u.source},
            "read": files_read(xen),
        }

    def _relined(self, xen: Path, commit: str, units: Mapping[str, Unit]) -> dict[str, Any]:
        parent = self.parents.get(commit)
        if parent is None:
            return {}
        git = self.tree.git
        listed = git.need("diff-tree", "-r", "-z", "--name-only", "--diff-filter=M", parent, commit)
        changed = set(listed.decode("utf-8", "surrogateescape").split("\0"))
        out: dict[str, Any] = {}
        for made, unit in units.items():
            if unit.source in changed:
                text = keep_line_numbers(git.read(parent, unit.source), git.read(commit, unit.source))
                value = self._again(xen.parent, unit, text)
                if value is not None:
                    out[made] = value
        return out

    def _again(self, root: Path, unit: Unit, text: bytes) -> Any | None:
        """One unit compiled from other bytes, in the same directory under another name, as it was
        compiled there; None where the compiler does not take them."""
        source = (root / unit.source).with_suffix(".xenstage.c")
        made = self.cache.scratch("again.o")
        args: list[str] = []
        skip = False
        for a in unit.args:
            if skip or a in ("-MMD",):
                skip = False
                continue
            if a in ("-o", "-MF"):
                skip = True
                continue
            args.append(str(source) if a.endswith(".c") else a)
        named = next(a for a in reversed(unit.args) if a.endswith(".c"))
        tools = make_toolchain(self.config, cache=self.cache, runner=self.runner)
        try:
            source.write_bytes(f'#line 1 "{named}"\n'.encode() + text)
            done = self.runner.run([tools.directory / "cc", *args, "-o", made], cwd=root / unit.cwd)
            return read_unit(made, root / "xen", dates_of(root / "xen")) if done.status == 0 else None
        finally:
            source.unlink(missing_ok=True)
            made.unlink(missing_ok=True)


def _units(xen: Path) -> dict[str, Unit]:
    """Every object below a built ``xen`` directory that was compiled from C of the tree, with the command that
    made it, by its path there, sorted."""
    out: dict[str, Unit] = {}
    for note in sorted(xen.rglob(f"*.o{COMMAND}")):
        made = note.with_name(note.name.removesuffix(COMMAND))
        unit = noted_unit(note, xen.parent) if made.exists() else None
        if unit is not None:
            out[os.path.relpath(made, xen)] = unit
    return out
