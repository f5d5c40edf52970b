"""bochs: a Xen with its dom0 as a disc that Bochs boots, and Bochs' configuration.

Start with :func:`prepare`: files in, Bochs' command line out; the serial log is a
file that Bochs writes.  Bochs has no ``-kernel``: Xen comes from an ISO image with GRUB
(multiboot, version 1), made by grub-mkimage and xorriso without root and without mounts.
Equal files give an equal image.

What was found by trying with Debian 12's Bochs 2.7: files must not be compressed (unpacking
takes longer than reading); a power-off ends Bochs with a status other than 0, so only the log
tells how a run went; Debian builds Bochs with its debugger, which must be told to go on.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ...cache import write_atomically
from ...errors import Exit, XenstageError
from ...process import Done, Runner

XEN_OPTIONS = (
    "com1=115200,8n1 console=com1 loglvl=all guest_loglvl=all noreboot "
    "dom0_mem=256M,max:256M dom0_max_vcpus=1 bootscrub=0 serial_tx_buffer=256k"
)
# serial_tx_buffer: Xen drops what dom0 relays when 16 kB wait to be sent, and a probe's table is longer.
DOM0_OPTIONS = "console=hvc0 loglevel=4 panic=0 mitigations=off tsc=reliable"

BIOS = Path("/usr/share/bochs/BIOS-bochs-latest")
VGA_BIOS = Path("/usr/share/bochs/VGABIOS-lgpl-latest")
_GRUB = Path("/usr/lib/grub/i386-pc")
_MODULES = ("biosdisk", "iso9660", "multiboot")
_EPOCH = "1420070400"  # 1 January 2015, the image's only date
_PROGRAMS = (("bochs", "bochs"), ("grub-mkimage", "grub-common"), ("xorriso", "xorriso"))
_FILES = ((BIOS, "bochsbios"), (VGA_BIOS, "bochs"), (_GRUB / "multiboot.mod", "grub-pc-bin"))


class Settings(Protocol):
    """What is read of a machine file (``machines/bochs.toml``)."""

    @property
    def cpu(self) -> str:
        """Bochs' name of a processor."""

    @property
    def smp(self) -> int:
        """Processors."""

    @property
    def memory(self) -> int:
        """MiB."""

    @property
    def extra(self) -> Mapping[str, Any]:
        """``ips``: instructions per emulated second."""


@dataclass(frozen=True)
class Disc:
    """What the disc holds; nothing of it compressed.

    :param xen: the hypervisor (multiboot version 1, ELF).
    :param kernel: dom0's kernel as an ELF file, not as a bzImage.
    :param initramfs: dom0's, as a cpio archive.
    :param guest_files: a second cpio archive, which the kernel unpacks over the first.
    :param guest: its name; dom0 starts it when it is up.
    """

    xen: Path
    kernel: Path
    initramfs: Path
    guest_files: bytes = b""
    guest: str = ""


def missing(
    which: Callable[[str], str | None] = shutil.which, exists: Callable[[Path], bool] = Path.exists
) -> str | None:
    """Why no disc can be made or started on this computer, with the line to type; None when it can."""
    lacks = [(name, package) for name, package in _PROGRAMS if which(name) is None]
    lacks += [(str(path), package) for path, package in _FILES if not exists(path)]
    if not lacks:
        return None
    packages = " ".join(sorted({package for _, package in lacks}))
    return f"not installed: {', '.join(name for name, _ in lacks)} (type: apt-get install {packages})"


def grub_config(guest: str, *, xen_options: str = XEN_OPTIONS, dom0_options: str = DOM0_OPTIONS) -> str:
    """What GRUB does: no menu, no waiting.  GRUB 2 does not hand on the files' names, nor does Xen want them."""
    wanted = f" xenstage.guest={guest}" if guest else ""
    return (
        f"set root=(cd)\nmultiboot /xen {xen_options}\nmodule /kernel {dom0_options}{wanted}\nmodule /initramfs\nboot\n"
    )


def make_iso(disc: Disc, directory: Path, *, runner: Runner) -> Path:
    """The ISO image ``directory/disc.iso``; what else is made there is removed again.

    :raises XenstageError: (SKIPPED) a program is not installed, (INFRA) one failed.
    """
    lack = missing()
    if lack is not None:
        raise XenstageError(Exit.SKIPPED, "no disc for Bochs", why=lack, remedy=lack.partition("type: ")[2].rstrip(")"))
    tree, config, iso = directory / "disc", directory / "grub.cfg", directory / "disc.iso"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    shutil.copyfile(disc.xen, tree / "xen")
    shutil.copyfile(disc.kernel, tree / "kernel")
    with (tree / "initramfs").open("wb") as f:
        for part in (disc.initramfs.read_bytes(), disc.guest_files):
            f.write(part + bytes(-len(part) % 4))
    config.write_text(grub_config(disc.guest))
    image: list[str | Path] = [
        "grub-mkimage",
        "-O",
        "i386-pc-eltorito",
        "-p",
        "/",
        "-c",
        config,
        "-o",
        tree / "grub.img",
        *_MODULES,
    ]
    _must(runner.run(image, timeout=60))
    for path in (tree, *tree.iterdir()):
        os.utime(path, (int(_EPOCH), int(_EPOCH)))
    boot = ["-b", "grub.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info"]
    make: list[str | Path] = ["xorriso", "-as", "mkisofs", "-R", "-V", "XENSTAGE", *boot, "-o", iso, tree]
    _must(runner.with_env(SOURCE_DATE_EPOCH=_EPOCH, TZ="UTC").run(make, timeout=120))
    shutil.rmtree(tree)
    return iso


def _must(done: Done) -> None:
    if done.status != 0:
        raise XenstageError(
            Exit.INFRA,
            f"{done.argv[0]} ended with {done.status}",
            why=done.errors.strip()[-500:],
            remedy="make room on the disk (df), then run the same command again",
        )


def bochsrc(machine: Settings, *, iso: Path, serial: Path, log: Path) -> str:
    """Bochs' configuration.

    :param serial: the file that com1 is written to.
    :param log: Bochs' own messages: errors only.
    """
    lines = (
        "plugin_ctrl: unmapped=true, biosdev=true, serial=true, extfpuirq=true, speaker=false",
        # The one display of Debian's that needs no terminal; it waits for no viewer.
        'display_library: rfb, options="timeout=0"',
        "config_interface: textconfig",
        f"cpu: model={machine.cpu}, count={machine.smp}, ips={int(machine.extra['ips'])}, "
        "reset_on_triple_fault=1, ignore_bad_msrs=1",
        f"memory: guest={machine.memory}, host={machine.memory}",
        f"romimage: file={BIOS}",
        f"vgaromimage: file={VGA_BIOS}",
        "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14",
        f'ata0-master: type=cdrom, path="{iso}", status=inserted',
        "boot: cdrom",
        # By instructions alone, from a fixed day: equal discs compute equal things.
        f"clock: sync=none, time0={_EPOCH}",
        f'com1: enabled=1, mode=file, dev="{serial}"',
        f'log: "{log}"',
        "panic: action=fatal",
        "error: action=report",
        "info: action=ignore",
        "debug: action=ignore",
    )
    return "\n".join(lines) + "\n"


def prepare(machine: Settings, disc: Disc, directory: Path, *, runner: Runner) -> tuple[tuple[str, ...], Path]:
    """Make everything that Bochs needs in a directory.

    :returns: Bochs' command line and the file that its serial line goes to.
    :raises XenstageError: as :func:`make_iso` does.
    """
    directory.mkdir(parents=True, exist_ok=True)
    iso, serial = make_iso(disc, directory, runner=runner), directory / "serial.log"
    text = bochsrc(machine, iso=iso, serial=serial, log=directory / "bochs.log")
    write_atomically(directory / "bochsrc", text.encode())
    # Debian's Bochs stops in its debugger before the first instruction, and where a guest asks it to.
    write_atomically(directory / "continue", b"continue\n" * 3)
    return ("bochs", "-q", "-f", str(directory / "bochsrc"), "-rc", str(directory / "continue")), serial
