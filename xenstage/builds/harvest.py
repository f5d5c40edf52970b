"""Harvester: what proofs need of a build's products, read while they are there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..cache import Cache
from ..process import Runner
from ..tree.config import Config
from ..tree.prepare import Unit, prepare
from ..tree.source import Tree
from ..tree.toolchain import make_toolchain
from .binary import read_tables
from .elf import dates_of, read_build, read_unit
from .lines import keep_line_numbers
from .sources import files_read


@dataclass
class Harvester:
    """Reads functions, tables and, for sources that changed, functions under the parent's line numbers.

    :param parents: commit to parent; the first parent has none.
    """

    tree: Tree
    config: Config
    parents: Mapping[str, str]
    cache: Cache
    runner: Runner
    units: dict[str, list[Unit]] = field(default_factory=dict)
    recorded: list[str] = field(default_factory=list)

    def __call__(self, xen: Path, commit: str) -> dict[str, Any]:
        """A JSON value: "objects" (see :func:`read_build`), "tables" (see
        :func:`read_tables`), and "lines": objects compiled again from sources whose
        unchanged lines have their old numbers, "sources": object to source where their
        names differ, and "read": the files of the tree that were compiled."""
        image = xen / "xen-syms"
        return {
            "objects": read_build(xen),
            "tables": read_tables(image) if image.exists() else {},
            "lines": self._relined(xen, commit),
            "sources": self._sources(xen),
            "read": files_read(xen),
        }

    def _sources(self, xen: Path) -> dict[str, str]:
        """Object to source, where the names differ."""
        out: dict[str, str] = {}
        for source, units in self._units().items():
            for unit in units:
                made = _object(unit, xen)
                if made and f"xen/{made.removesuffix('.o')}.c" != source:
                    out[made] = source
        return out

    def _relined(self, xen: Path, commit: str) -> dict[str, Any]:
        parent = self.parents.get(commit)
        if parent is None or self.config.clang:
            return {}
        git = self.tree.git
        listed = git.need("diff-tree", "-r", "-z", "--name-only", "--diff-filter=M", parent, commit)
        names = listed.decode("utf-8", "surrogateescape")
        out: dict[str, Any] = {}
        for path in (n for n in names.split("\0") if n.startswith("xen/") and n.endswith(".c")):
            for unit in (u for u in self._units().get(path, []) if _object(u, xen)):
                value = self._again(xen.parent, unit, keep_line_numbers(git.read(parent, path), git.read(commit, path)))
                if value is not None:
                    out[_object(unit, xen)] = value
        return out

    def _units(self) -> dict[str, list[Unit]]:
        if not self.units and not self.config.clang:
            prepared = prepare(self.tree, self.config, cache=self.cache, runner=self.runner)
            self.recorded.append(str(prepared.root))
            for u in prepared.units:
                self.units.setdefault(u.source, []).append(u)
        return self.units

    def _here(self, argument: str, root: Path) -> str:
        for place in self.recorded:
            argument = argument.replace(f"{place}/", f"{root}/")
        return argument

    def _again(self, root: Path, unit: Unit, text: bytes) -> Any | None:
        """One unit compiled from other bytes, in the same directory under another name,
        with the headers that stand there: the recorded command names those of the base."""
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
            args.append(str(source) if a.endswith(".c") else self._here(a, root))
        named = next(a for a in reversed(unit.args) if a.endswith(".c"))
        tools = make_toolchain(self.config, cache=self.cache, runner=self.runner)
        try:
            source.write_bytes(f'#line 1 "{named}"\n'.encode() + text)
            done = self.runner.run([tools.directory / "cc", *args, "-o", made], cwd=root / unit.cwd)
            return read_unit(made, root / "xen", dates_of(root / "xen")) if done.status == 0 else None
        finally:
            source.unlink(missing_ok=True)
            made.unlink(missing_ok=True)


def _object(unit: Unit, xen: Path) -> str:
    """The object that a unit makes, below ``xen/``; "" for a command that names none."""
    if "-o" not in unit.args[:-1]:
        return ""
    return os.path.relpath(xen.parent / unit.cwd / unit.args[unit.args.index("-o") + 1], xen)
