"""Guest: a directory with ``guest.toml`` and the files that dom0 starts it from.

The two Linux guests are made here, from a kernel; any other directory of the same
shape is loaded with :meth:`Guest.load` and runs the same way.
"""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...cache import Cache, digest, write_atomically
from ...errors import Exit, XenstageError
from ...process import Runner
from ..image.cpio import Archive
from ..image.disk import bootable
from ..image.image import DATA, guest_archive
from ..machine.machine import number

FILE = "guest.toml"
PROGRAM = "program"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*\Z")


@dataclass(frozen=True)
class Guest:
    """One guest.

    :param kind: ``hvm``, ``pvh`` or ``pv``; ``dom0`` for a program that dom0 runs itself.
    :param marker: how the line begins by which the guest says from inside that it is there.
    :param limit: seconds from the request to the marker on a machine without KVM.
    :param times: how often it is created, and destroyed while it runs; 1: created once and left to itself.
    :param configs: configuration for ``xl`` by Xen's version ("4.5") or versions ("4.4-4.9"), and under "default".
    """

    root: Path
    name: str
    kind: str
    marker: str
    limit: float
    configs: Mapping[str, str]
    times: int = 1

    @staticmethod
    def load(root: Path) -> Guest:
        """Read ``root/guest.toml``.

        :raises XenstageError: (USAGE) it is missing, or not what it should be.
        """
        try:
            value = tomllib.loads((root / FILE).read_text())
            guest = Guest(
                root,
                str(value["name"]),
                str(value["kind"]),
                str(value["marker"]),
                float(value["limit"]),
                {str(k): str(v) for k, v in value["cfg"].items()},
                int(value.get("times", 1)),
            )
            if not _NAME.match(guest.name) or not guest.marker.startswith(f"xenstage-guest {guest.name} "):
                raise ValueError("name is lower-case with dashes; marker begins 'xenstage-guest NAME NONCE'")
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as e:
            raise XenstageError(
                Exit.USAGE,
                f"{root} is not a guest",
                why=f"{FILE}: {type(e).__name__}: {e}",
                remedy="see docs/boot.md, 'Adding a guest'",
            ) from e
        return guest

    def config(self, version: str) -> str:
        """The configuration for a Xen ``MAJOR.MINOR``: its own, else the one under "default".

        :raises XenstageError: (USAGE) there is neither.
        """
        fits = sorted((key for key in self.configs if _covers(key, version)), key=lambda key: "-" in key)
        text = self.configs.get(fits[0] if fits else "default")
        if text is None:
            raise XenstageError(
                Exit.USAGE,
                f"guest {self.name} has no configuration for Xen {version}",
                why=f"{FILE} has: {', '.join(sorted(self.configs))}",
                remedy=f'add "{version}" or "default" under [cfg] in {self.root / FILE}',
            )
        return text

    def files(self, version: str) -> Archive:
        """What dom0 gets: everything of the directory, under ``guests/NAME/``, and ``xl.cfg``; a program of dom0's
        own is called ``program`` there and has one only if it starts a domain."""
        archive = Archive()
        for path in sorted(self.root.rglob("*")):
            if path.is_file() and path.name != FILE:
                mode = 0o755 if path.name == PROGRAM else 0o644
                archive.file(f"guests/{self.name}/{path.relative_to(self.root)}", path.read_bytes(), mode)
        if self.kind != "dom0" or self.configs:
            archive.file(f"guests/{self.name}/xl.cfg", self.config(version).encode())
        if self.times > 1:
            archive.file(f"guests/{self.name}/times", f"{self.times}\n".encode())
        return archive


def _covers(key: str, version: str) -> bool:
    """Whether "4.5" or "4.4-4.9" is, or holds, a version."""
    first, _, last = key.partition("-")
    if not all(re.fullmatch(r"\d+\.\d+", v) for v in (first, last or first, version)):
        return False
    return number(first) <= number(version) <= number(last or first)


_HVM_DISK = "/guests/{name}/disk"
_COMMON = """name = "{name}"
memory = 256
vcpus = 1
tsc_mode = "native"
on_poweroff = "destroy"
on_reboot = "destroy"
on_crash = "destroy"
"""
_HVM = """vga = "none"
nographic = 1
usb = 0
boot = "c"
serial = "file:/run/{name}.serial"
"""
_OLD_HVM = f"""builder = "hvm"
disk = []
device_model_args_hvm = ["-device", "ich9-ahci,id=ahci", "-drive", "if=none,id=disk,format=raw,file={_HVM_DISK}",
                         "-device", "ide-hd,drive=disk,bus=ahci.0"]
"""
# libxl 4.5 has the device model save a machine whose disks are out of use already, and QEMU 7.2 stops at that
# (bdrv_inactivate_recurse): a guest that is saved has none there.
_DISKLESS = """builder = "hvm"
disk = []
device_model_args_hvm = ["-kernel", "/guests/{name}/kernel", "-initrd", "/guests/{name}/initramfs",
                         "-append", "{cmdline}", "-L", "/guests/{name}"]
"""
_LOADERS = ("linuxboot.bin", "linuxboot_dma.bin")
"""What QEMU's -kernel starts in a guest (Debian's qemu-system-data)."""
_CONFIGS = {
    "hvm": {
        "default": _COMMON
        + _HVM
        + f"""type = "hvm"
hdtype = "ahci"
disk = ["format=raw,vdev=hda,access=rw,backendtype=qdisk,target={_HVM_DISK}"]
""",
        # These have no hdtype; the device model has AHCI all the same.
        "4.4-4.9": _COMMON + _HVM + _OLD_HVM,
        # This xl knows no vga = "none".
        "4.4": _COMMON + _HVM.replace('vga = "none"\n', "") + _OLD_HVM,
    },
    "pvh": {
        "default": _COMMON
        + """type = "pvh"
kernel = "/guests/{name}/kernel"
ramdisk = "/guests/{name}/initramfs"
cmdline = "{cmdline}"
""",
        "4.4-4.9": _COMMON
        + """pvh = 1
kernel = "/guests/{name}/kernel"
ramdisk = "/guests/{name}/initramfs"
extra = "{cmdline}"
""",
    },
}
_CMDLINE = "console=hvc0 loglevel=6 panic=5"
_SYSLINUX = f"default linux\nprompt 0\nlabel linux\nkernel linux\ninitrd initrd\nappend {_CMDLINE}\n"
_LIMIT = 300


def linux_guest(name: str, kernel: Path, *, base: Path, cache: Cache, runner: Runner) -> Guest:
    """Make ``hvm-linux``, ``hvm-linux-save`` or ``pvh-linux`` from a kernel, or take it from the cache.

    :param base: unpacked Debian packages: busybox, and for a disk mtools and syslinux.
    :raises XenstageError: (USAGE) the kernel cannot be read, (TOOLS) the disk cannot be made.
    """
    try:
        image = kernel.read_bytes()
    except OSError as e:
        raise XenstageError(
            Exit.USAGE, f"the kernel of {name} cannot be read", why=str(e), remedy="give a kernel that exists"
        ) from e
    kind = name.partition("-")[0]
    saved = name.endswith("-save")
    program = (DATA / "save-linux.sh").read_bytes() if saved else b""
    configs = {k: v.replace(_OLD_HVM, _DISKLESS) if saved else v for k, v in _CONFIGS[kind].items()}
    shape = repr((configs, _CMDLINE, _SYSLINUX, _LIMIT, program))
    inside = guest_archive(base, {"NAME": name, "NONCE": "?"}).pack()
    key = digest("guest 2", name, image, inside, (DATA / "guest-init.sh").read_bytes(), shape, base.name)
    root = cache.path("boot", "guests", key)
    if (root / FILE).exists():
        return Guest.load(root)
    nonce = key[:16]
    initramfs = guest_archive(base, {"NAME": name, "NONCE": nonce}).pack()
    scratch = cache.scratch(f"guest-{name}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    if kind == "hvm":
        files = {"linux": image, "initrd": initramfs, "syslinux.cfg": _SYSLINUX.encode()}
        bootable(scratch / "disk", files, base=base, runner=runner, scratch=cache.scratch("disk"))
    if kind == "pvh" or saved:
        (scratch / "kernel").write_bytes(image)
        (scratch / "initramfs").write_bytes(initramfs)
    if saved:
        (scratch / PROGRAM).write_bytes(program)
        for loader in _LOADERS:
            try:
                shutil.copy(base / "usr/share/qemu" / loader, scratch)
            except OSError as e:
                raise XenstageError(
                    Exit.TOOLS,
                    f"{name} cannot be made",
                    why=f"{e.strerror}: {e.filename}, which QEMU starts a kernel with",
                    remedy="rm -r the directory above usr, which is filled with Debian's packages again",
                ) from e
    marker = f"xenstage-guest {name} {nonce} up {kind.upper()}"
    write_atomically(scratch / FILE, _toml(name, kind, marker, configs, program=saved).encode())
    if not root.exists():
        os.replace(scratch, root)
    return Guest.load(root)


def _toml(name: str, kind: str, marker: str, configs: Mapping[str, str], *, program: bool) -> str:
    filled = {k: v.format(name=name, cmdline=_CMDLINE) for k, v in configs.items()}
    texts = "".join(f"\"{version}\" = '''\n{text}'''\n" for version, text in filled.items())
    runs, limit = ("dom0", 2 * _LIMIT) if program else (kind, _LIMIT)
    return f'name = "{name}"\nkind = "{runs}"\nmarker = "{marker}"\nlimit = {limit}\n\n[cfg]\n{texts}'
