"""assemble: the harness for one Xen, from Debian's packages or from a commit of a tree.

Start with :func:`xen_of_commit` (what boots) and :func:`assemble` (the harness of its cells).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..cache import Cache
from ..errors import Exit, XenstageError
from ..process import Runner
from ..tree.source import Tree
from .guest.guests import Guest, linux_guest
from .guest.notes import check_pvh_kernel
from .guest.probe_guests import NAMES as PROBES
from .guest.probe_guests import NEED_A_MODEL, OLD_PVH, probe_guests
from .guest.probe_table import read_table
from .harness import DOM0_LIMIT, Harness, Job, Launch, Launcher, Table
from .machine import bochs
from .machine.emulator import Limits
from .machine.machine import Host, old_pvh
from .stack.debian import Debian, Kernel, kernel
from .stack.devicemodel import DeviceModel
from .stack.stack import Toolstack
from .stack.toolstack import ToolstackBuilder

LINUX = ("hvm-linux", "hvm-linux-save", "pvh-linux")
KERNEL_VARIABLE = "XENSTAGE_PVH_KERNEL"
"""The environment's name for what ``--pvh-kernel`` says."""


@dataclass(frozen=True)
class Xen:
    """What boots.

    :param lacking: guest to the reason for which it cannot run under this Xen here; with the
        line to type.
    """

    stack: Toolstack
    lacking: Mapping[str, str] = field(default_factory=dict)


def xen_of_commit(tree: Tree, commit: str, *, cache: Cache, runner: Runner) -> Xen:
    """The hypervisor and the tools of a commit, built or kept.

    Without what QEMU's build needs there is no device model, and HVM guests are lacking.

    :raises XenstageError: as :meth:`ToolstackBuilder.build` does.
    """
    model = DeviceModel(cache, runner, time.monotonic)
    try:
        root = ToolstackBuilder(tree, cache, runner, time.monotonic, device_model=model).build(commit)
        return Xen(Toolstack.load(root))
    except XenstageError as e:
        if e.code != Exit.SKIPPED:
            raise
        why = f"{e.title}: {e.why} (type: {e.remedy})"
    root = ToolstackBuilder(tree, cache, runner, time.monotonic).build(commit)
    return Xen(Toolstack.load(root), dict.fromkeys(NEED_A_MODEL, why))


def no_kernel(version: str) -> str:
    """Why there is no Linux for PVH of the first kind."""
    return (
        f"a PVH guest of Xen {version} needs Linux 3.14 to 4.10 with CONFIG_XEN_PVH, which Debian has not "
        f"(type: --pvh-kernel FILE, or set {KERNEL_VARIABLE}; docs/boot.md says how to get one)"
    )


def no_probe(version: str) -> str:
    """Why the PVH probe cannot run under a later Xen."""
    return f"the PVH probe is a guest of the first kind, which ended with Xen 4.9; this is {version}"


def assemble(
    xen: Xen,
    names: Sequence[str],
    out: Path,
    *,
    cache: Cache,
    runner: Runner,
    pvh_kernel: str = "",
    own: Sequence[Path] = (),
    options: Sequence[str] = (),
    fresh: bool = False,
) -> Harness:
    """The harness with which the cells of one Xen run.

    :param names: the guests that will be asked for; only their files are made.
    :param out: where results go.
    :param pvh_kernel: a Linux kernel for pvh-linux; empty: Debian's, where this Xen takes it.
    :param own: directories of guests of the user's own.
    :param options: what the replaying command line needs besides the cell.
    :param fresh: no saved machine is used.
    :raises XenstageError: (SKIPPED) Debian's packages cannot be had; (USAGE) an option is wrong;
        (TOOLS) a guest's image cannot be made.
    """
    base = Debian(cache, runner).stack().root
    linux = kernel(base)
    lacking = dict(xen.lacking)
    guests = {g.name: g for g in map(Guest.load, own)}
    for name in sorted(set(LINUX) & set(names) - set(guests)):
        made = _linux(name, xen.stack.version, linux, pvh_kernel, base, cache, runner)
        if isinstance(made, Guest):
            guests[name] = made
        else:
            lacking[name] = made
    if set(PROBES) & set(names) - set(guests):
        guests.update({n: Guest.load(p) for n, p in probe_guests(cache=cache, runner=runner).items()})
    if not old_pvh(xen.stack.version):
        lacking.update(dict.fromkeys(OLD_PVH, no_probe(xen.stack.version)))
    return Harness(
        xen.stack, base, linux, guests, out, cache, runner, Host.this(),
        options=tuple(options), measure=measure(guests), launchers={"bochs": bochs_launcher(runner)}, fresh=fresh,
        lacking=lacking,
    )  # fmt: skip


def _linux(name: str, version: str, linux: Kernel, given: str, base: Path, cache: Cache, runner: Runner) -> Guest | str:
    """A Linux guest, or why there is none."""
    image = linux.image
    if name == "pvh-linux" and given:
        image = Path(given)
        check_pvh_kernel(image, version)
    elif name == "pvh-linux" and old_pvh(version):
        return no_kernel(version)
    return linux_guest(name, image, base=base, cache=cache, runner=runner)


def measure(guests: Mapping[str, Guest]) -> Callable[[list[str], str], Table]:
    """What reads a probe's table from a log: nothing where the table is not complete."""

    def read(lines: list[str], guest: str) -> Table:
        if guest not in PROBES or guest not in guests:
            return ()
        nonce = guests[guest].marker.split()[2]
        table = read_table(lines, guest, nonce)
        return table.cells if table.complete else ()

    return read


def bochs_launcher(runner: Runner) -> Launcher:
    """The plan of a Bochs machine: a disc with the guest's files behind dom0's."""

    def plan(job: Job) -> Launch:
        files = job.guest.files(job.version).pack() if job.guest else b""
        disc = bochs.Disc(job.dom0.xen, job.dom0.kernel, job.dom0.initramfs, files, job.cell.guest)
        argv, serial = bochs.prepare(job.machine, disc, job.directory, runner=runner)
        limits = job.machine.limits
        own = (job.guest.limit if job.guest else DOM0_LIMIT) * limits.get("guest", 1.0)
        return Launch(argv, serial, Limits(limits["dom0"] + own, limits["silence"]))

    return plan
