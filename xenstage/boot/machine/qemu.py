"""Qemu: a Xen with its dom0 as QEMU's command line."""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...cache import Cache, digest
from ...process import Runner
from ..image.image import DATA, dom0_archive, kept, vmlinux
from ..stack.debian import Kernel
from ..stack.stack import Toolstack
from .machine import Machine

XEN_OPTIONS = (
    "com1=115200,8n1 console=com1 loglvl=all guest_loglvl=all noreboot "
    "dom0_mem=768M,max:768M dom0_max_vcpus=1 bootscrub=0 serial_tx_buffer=256k"
)
# serial_tx_buffer: Xen drops what dom0 relays when 16 kB wait to be sent, and a probe's table is longer.
DOM0_OPTIONS = "console=hvc0 loglevel=4 panic=0"


@dataclass(frozen=True)
class Dom0:
    """What boots, as files that are named by what they hold.

    :param initramfs: without guests; a guest's files come on the request's disk, or as a second
        archive behind this one.
    """

    xen: Path
    kernel: Path
    initramfs: Path


def make_dom0(stack: Toolstack, base: Path, kernel: Kernel, *, cache: Cache) -> Dom0:
    """Xen, dom0's kernel and initramfs in the cache.

    :raises XenstageError: (TOOLS) the toolstack or the packages lack something.
    """
    key = _inputs(stack, base, kernel)
    made = cache.get("boot-dom0", key)
    if made is not None and all(Path(p).exists() for p in made):
        return Dom0(*map(Path, made))
    hypervisor = (stack.root / stack.hypervisor).read_bytes()
    if hypervisor[:2] == b"\x1f\x8b":
        hypervisor = gzip.decompress(hypervisor)
    initramfs = dom0_archive(stack, base, kernel.modules).pack()
    dom0 = Dom0(
        kept(cache, "xen", hypervisor, ".elf"),
        kept(cache, "kernel", vmlinux(kernel.image.read_bytes()), ".elf"),
        kept(cache, "initramfs", initramfs, ".cpio"),
    )
    cache.put("boot-dom0", key, [str(dom0.xen), str(dom0.kernel), str(dom0.initramfs)])
    return dom0


def _inputs(stack: Toolstack, base: Path, kernel: Kernel) -> str:
    """A name for what a dom0 is made of: the trees (by size and time, as make sees them), and this code."""
    code = [
        p.read_bytes() for p in sorted(Path(__file__).parents[1].rglob("*.py")) + sorted(DATA.iterdir()) if p.is_file()
    ]
    return digest("dom0", *_stats(stack.root), *_stats(base), str(kernel.image), str(kernel.modules), *code)


def _stats(tree: Path) -> list[str]:
    found = []
    for directory, below, names in os.walk(tree):
        below.sort()
        for name in sorted(names):
            path = os.path.join(directory, name)
            at = os.lstat(path)
            found.append(f"{path} {at.st_size} {at.st_mtime_ns}")
    return found


def command(machine: Machine, dom0: Dom0, *, serial: Path, request: Path, more: Sequence[str] = ()) -> tuple[str, ...]:
    """QEMU's command line.

    :param serial: the file that Xen's and dom0's console goes to.
    :param request: the disk on which dom0 finds what to do (:func:`xenstage.boot.image.image.write_request`).
    """
    return (
        machine.program,
        *("-accel", str(machine.extra["accel"]), "-machine", str(machine.extra["machine"]), "-cpu", machine.cpu),
        *("-smp", str(machine.smp), "-m", str(machine.memory), "-nodefaults", "-display", "none", "-no-reboot"),
        *("-serial", f"file:{serial}"),
        *("-kernel", str(dom0.xen), "-append", XEN_OPTIONS),
        *("-initrd", f"{dom0.kernel} {DOM0_OPTIONS},{dom0.initramfs}"),
        *("-drive", f"file={request},format=raw,if=none,id=request,snapshot=on"),
        *("-device", "virtio-blk-pci,drive=request"),
        *more,
    )


def identity(machine: Machine, dom0: Dom0, *, runner: Runner) -> str:
    """A name for everything that a saved dom0 depends on."""
    version = runner.run([machine.program, "--version"], timeout=30).text
    plain = command(machine, dom0, serial=Path("serial"), request=Path("request"))
    return digest("snapshot 2", version, *(a.replace(str(dom0.xen.parent.parent), "") for a in plain))
