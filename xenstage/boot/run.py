"""The one place at which the matrix meets real machines: what stands here is wired by :func:`bench`.

Everything is imported when it is asked for, so that the matrix can be planned, shown and
tested where no emulator is installed.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..cache import Cache, digest
from ..errors import Exit, XenstageError
from ..process import Runner
from ..tree.source import Tree
from ..tree.toolchain import make_toolchain
from .assemble import assemble, no_kernel, no_probe, xen_of_commit
from .guest import probe_table
from .guest.probe_guests import OLD_PVH, SOURCES
from .machine.machine import Host, choose, machines, old_pvh
from .matrix.cells import CellRunner
from .matrix.judge import Table
from .matrix.matrix import Bench
from .matrix.plan import Choice, Chooser
from .model import Cell, Outcome
from .stack.toolstack import CONFIG


def machine_names() -> tuple[str, ...]:
    """The machines that have a file, in the order in which they are tried."""
    return tuple(m.name for m in machines())


def bench(
    tree: Tree,
    *,
    machines: Sequence[str],
    cache: Cache,
    runner: Runner,
    pvh_kernel: str = "",
    names: Mapping[str, str] | None = None,
) -> Bench:
    """What real cells are run with.

    :param machines: those that may be used; empty for all.
    :param names: of the commits that are no commits of the tree: what ``xenstage boot --xen`` calls them.
    :param pvh_kernel: a Linux kernel for pvh-linux.
    """

    def make(results: Path) -> CellRunner:
        return cell_runner(tree, results, cache=cache, runner=runner, pvh_kernel=pvh_kernel, names=names)

    identity = make_toolchain(CONFIG, cache=cache, runner=runner).identity if CONFIG.missing() is None else ""
    parts = digest("boot", identity, _kernel_digest(pvh_kernel), *_sources())
    return Bench(chooser(tree, machines, pvh_kernel), make, lambda cell: parts, compare, tree.git.tree_of)


def cell_runner(
    tree: Tree,
    results: Path,
    *,
    cache: Cache,
    runner: Runner,
    pvh_kernel: str = "",
    names: Mapping[str, str] | None = None,
) -> CellRunner:
    """The function that boots a cell.  It runs in a process of its own, in the main thread.

    :param results: this run's own empty directory; ``Outcome.log`` is relative to it.
    """

    def run(cell: Cell) -> Outcome:
        (machine,) = [m for m in machines() if m.name == cell.machine]
        xen = xen_of_commit(tree, cell.xen, cache=cache, runner=runner)
        options = ("--tree", str(tree.origin.absolute()))
        made = assemble(xen, [cell.guest], results, cache=cache, runner=runner, pvh_kernel=pvh_kernel, options=options)
        outcome = made.run(cell, machine)
        patch = (names or {}).get(cell.xen)
        which = ["--xen", patch, "--base", tree.base] if patch else ["--xen", cell.xen]
        again = ["xenstage", "boot", *which, "--guest", cell.guest, "--machine", cell.machine, *options]
        if pvh_kernel and cell.guest == "pvh-linux":
            again += ["--pvh-kernel", str(Path(pvh_kernel).absolute())]
        return replace(outcome, command=shlex.join(again))

    return run


def chooser(tree: Tree, wanted: Sequence[str], pvh_kernel: str = "") -> Chooser:
    """The function that picks the first machine that can run a cell."""
    among = tuple(m for m in machines() if not wanted or m.name in wanted)
    host = Host.this()

    def pick(xen: str, guest: str) -> Choice:
        if guest == "pvh-linux" and old_pvh(tree.version) and not pvh_kernel:
            return Choice(None, no_kernel(tree.version))
        if guest in OLD_PVH and not old_pvh(tree.version):
            return Choice(None, no_probe(tree.version))
        found = choose(guest, tree.version, among, host)
        if found.machine is None:
            return Choice(None, found.reason)
        why = f"passed over {found.reason}" if found.reason else "the first that can"
        return Choice(found.machine.name, why)

    return pick


def _kernel_digest(path: str) -> str:
    if not path:
        return ""
    try:
        return digest(Path(path).read_bytes())
    except OSError as e:
        raise XenstageError(
            Exit.USAGE, f"the PVH kernel cannot be read: {path}", why=str(e), remedy="--pvh-kernel FILE"
        ) from e


def _sources() -> list[bytes]:
    """What makes images, machines and verdicts: a change of it asks the cells again."""
    here = Path(__file__).resolve().parent
    files = [*here.rglob("*.py"), *here.glob("image/data/*"), *here.glob("machine/machines/*"), *SOURCES.rglob("*")]
    return [p.read_bytes() for p in sorted(files) if p.is_file()]


def compare(base: Table, here: Table, declared: tuple[str, ...]) -> list[str]:
    """What differs and is not declared, and what is declared exactly and does not differ so.

    :param declared: patterns of names (fnmatch), which allow a difference; with ``=VALUE`` behind, the
        difference must be there, and be that one.
    """
    old, new = (probe_table.Table("probe", tuple(sorted(t))) for t in (base, here))
    said = [p.partition("=") for p in declared]
    known = [probe_table.Declared(name, value if sign else "*", "declared by the stage") for name, sign, value in said]
    exact = [d for d, (_, sign, _) in zip(known, said, strict=True) if sign]
    found = probe_table.compare(old, new, known)
    unseen = [f"{d.cells} does not become {d.after}, as declared" for d in found.unseen if d in exact]
    return [*(str(d) for d in found.undeclared), *unseen]
