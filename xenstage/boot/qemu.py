"""Qemu: a Xen with its dom0 as QEMU's command line."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..cache import Cache, digest
from ..process import Runner
from .debian import Kernel
from .image import dom0_archive, kept, vmlinux
from .machine import Machine
from .stack import Toolstack

XEN_OPTIONS = (
    "com1=115200,8n1 console=com1 loglvl=all guest_loglvl=all noreboot "
    "dom0_mem=768M,max:768M dom0_max_vcpus=1 bootscrub=0"
)
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
    hypervisor = (stack.root / stack.hypervisor).read_bytes()
    if hypervisor[:2] == b"\x1f\x8b":
        hypervisor = gzip.decompress(hypervisor)
    initramfs = dom0_archive(stack, base, kernel.modules).pack()
    return Dom0(
        kept(cache, "xen", hypervisor, ".elf"),
        kept(cache, "kernel", vmlinux(kernel.image.read_bytes()), ".elf"),
        kept(cache, "initramfs", initramfs, ".cpio"),
    )


def command(machine: Machine, dom0: Dom0, *, serial: Path, request: Path, more: Sequence[str] = ()) -> tuple[str, ...]:
    """QEMU's command line.

    :param serial: the file that Xen's and dom0's console goes to.
    :param request: the disk on which dom0 finds what to do (:func:`xenstage.boot.image.write_request`).
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
