"""dom0_initramfs: a toolstack as an initramfs that dom0's kernel boots into.

Also the bytes of a *request*: the disk on which a waiting dom0 finds the name of
the guest to start, and the guest's files.
"""

from __future__ import annotations

import lzma
import shlex
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from ...cache import Cache, digest, write_atomically
from ...errors import Exit, XenstageError
from ..stack.stack import Toolstack
from .cpio import Archive
from .libraries import LIBRARY_DIRS, closure, inside, modules

DATA = Path(__file__).parent / "data"
MODULES = ("xen-privcmd", "xenfs", "xen-evtchn", "xen-gntdev", "xen-gntalloc", "virtio_pci", "virtio_blk")
"""The kernel modules of dom0: Xen's interfaces, and the disk that brings requests."""

REQUEST_BLOCK = 4096
REQUEST_SIZE = 256 << 20
"""Bytes of a request's disk: always the same, because a saved dom0 knows its disk's size."""

_EXTRA_LIBRARIES = ("libgcc_s.so.1",)  # opened by name when a thread is cancelled, so no ELF file needs it


def busybox(base: Path) -> bytes:
    """The static busybox among unpacked packages.

    :raises XenstageError: (TOOLS) there is none.
    """
    for place in ("bin/busybox", "usr/bin/busybox"):
        file = inside(base, place)
        if file is not None:
            return file.read_bytes()
    raise XenstageError(
        Exit.TOOLS,
        "no static busybox",
        why=f"looked for bin/busybox in {base}",
        remedy="delete that directory and run the same command again; the packages are unpacked anew",
    )


def dom0_archive(stack: Toolstack, base: Path, kernel_modules: Path) -> Archive:
    """Everything that dom0 needs to start a guest, but no guest.

    :param base: unpacked Debian packages: busybox, libc and what else the toolstack links with.
    :param kernel_modules: a directory ``lib/modules/VERSION`` of dom0's kernel.
    :raises XenstageError: (TOOLS) a library, a program or a module is missing.
    """
    archive = Archive()
    programs = stack.programs()
    places = [(stack.root, d) for d in (*stack.libraries, *LIBRARY_DIRS)] + [(base, d) for d in LIBRARY_DIRS]
    libraries = closure(programs.values(), places)
    for name in _EXTRA_LIBRARIES:
        file, path = next(((inside(r, f"{d}/{name}"), f"{d}/{name}") for r, d in places if inside(r, f"{d}/{name}")))
        libraries.setdefault(path, file or base)
    for path, file in {**libraries, **stack.data(), **programs}.items():
        archive.file(path, file.read_bytes(), 0o755)
    loaded = modules(kernel_modules, MODULES)
    for name, data in loaded:
        archive.file(f"lib/modules/{name}", data)
    _add_userland(archive, busybox(base))
    archive.file("init", (DATA / "dom0-init.sh").read_bytes(), 0o755)
    archive.file("etc/xenstage.conf", _settings(programs, libraries, [n for n, _ in loaded]).encode())
    archive.file("etc/xen/xl.conf", b"")
    for directory in ("usr/local/etc/xen", "usr/etc/xen"):  # other prefixes that a tree may be built with
        archive.file(f"{directory}/xl.conf", b"")
    return archive


def _settings(programs: Mapping[str, Path], libraries: Iterable[str], loaded: list[str]) -> str:
    directories = sorted({p.rpartition("/")[0] for p in programs})
    searched = sorted({p.rpartition("/")[0] for p in libraries} - {"lib64"})
    init = next((f"/{p}" for p in programs if p.endswith("/xen-init-dom0")), "")
    values = {
        "PATH": ":".join([*(f"/{d}" for d in directories), "/bin", "/sbin"]),
        "LD_LIBRARY_PATH": ":".join(f"/{d}" for d in searched),
        "MODULES": " ".join(loaded),
        "INIT_DOM0": init,
    }
    return "".join(f"{k}={shlex.quote(v)}\n" for k, v in values.items())


_APPLETS = (
    *("awk", "cat", "cp", "cpio", "cut", "date", "dd", "dmesg", "echo", "env", "false", "find", "grep", "gzip", "halt"),
    *(
        "head",
        "hostname",
        "id",
        "ifconfig",
        "insmod",
        "ip",
        "kill",
        "killall",
        "killall",
        "ln",
        "ls",
        "mkdir",
        "mknod",
        "mount",
    ),
    *("mv", "poweroff", "printf", "ps", "reboot", "rm", "sed", "seq", "sh", "sleep", "sort", "stty", "sync", "tail"),
    *("tee", "test", "timeout", "touch", "tr", "true", "tty", "umount", "uname", "wc", "which", "xargs", "["),
)


def _add_userland(archive: Archive, shell: bytes) -> None:
    archive.file("bin/busybox", shell, 0o755)
    for name in _APPLETS:
        archive.link(f"bin/{name}", "busybox")
    for directory in ("proc", "sys", "dev/pts", "tmp", "sbin", "root", "var/lib/xen", "var/log/xen/console"):
        archive.directory(directory)
    archive.link("var/run", "/run")
    archive.link("var/lock", "/run/lock")
    archive.directory("run")
    archive.node("dev/console", 5, 1)
    archive.node("dev/null", 1, 3, 0o666)
    archive.file("etc/passwd", b"root::0:0:root:/root:/bin/sh\n")
    archive.file("etc/group", b"root:x:0:\n")


def guest_archive(base: Path, settings: Mapping[str, str]) -> Archive:
    """The initramfs of a Linux guest: busybox, and a script that prints the marker.

    :param settings: what ``guest-init.sh`` reads: ``NAME``, ``NONCE``.
    """
    archive = Archive()
    _add_userland(archive, busybox(base))
    archive.file("init", (DATA / "guest-init.sh").read_bytes(), 0o755)
    archive.node("dev/ttyS0", 4, 64)
    archive.file("marker", "".join(f"{k}={shlex.quote(v)}\n" for k, v in sorted(settings.items())).encode())
    return archive


def write_request(path: Path, guest: str, files: Archive) -> None:
    """Write the disk that asks a waiting dom0 to start a guest.

    Layout: one block of ``xenstage-request GUEST MEGABYTES`` and zeros, then a cpio archive that is
    unpacked at ``/``; MEGABYTES (of 2**20) counts both.  The file is sparse.

    :raises XenstageError: (USAGE) the guest's files do not fit.
    """
    packed = files.pack()
    used = -(-(REQUEST_BLOCK + len(packed)) // (1 << 20))
    if used << 20 > REQUEST_SIZE:
        raise XenstageError(
            Exit.USAGE,
            f"the files of guest {guest} are too large",
            why=f"{len(packed)} bytes; a request's disk has {REQUEST_SIZE}",
            remedy="give the guest a smaller kernel, initramfs or disk",
        )
    head = f"xenstage-request {guest} {used}\n".encode()
    write_atomically(path, head + bytes(REQUEST_BLOCK - len(head)) + packed)
    with path.open("r+b") as f:
        f.truncate(REQUEST_SIZE)


def write_blank(path: Path) -> None:
    """Write the disk with which dom0 is saved: no request, the same size."""
    write_atomically(path, b"")
    with path.open("r+b") as f:
        f.truncate(REQUEST_SIZE)


def kept(cache: Cache, kind: str, data: bytes, suffix: str) -> Path:
    """A file of the cache that is named by what it holds."""
    path = cache.path("boot", kind, digest(data) + suffix)
    if not path.exists() or path.stat().st_size != len(data):
        write_atomically(path, data)
    return path


def vmlinux(kernel: bytes) -> bytes:
    """The ELF kernel inside a bzImage, which Xen's dom0 builder takes as it is: an emulator
    unpacks a thousand times slower than we do.  What we cannot unpack is returned as it was.

    Source of the header's layout: Documentation/x86/boot.rst in the Linux tree.
    """
    if kernel[0x202:0x206] != b"HdrS":
        return kernel
    setup_sectors = kernel[0x1F1] or 4
    offset, length = struct.unpack_from("<II", kernel, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    plain = _plain(kernel[start : start + length])
    return plain if plain[:4] == b"\x7fELF" else kernel


def _plain(payload: bytes) -> bytes:
    if payload[:2] == b"\x1f\x8b":
        return zlib.decompressobj(wbits=31).decompress(payload)
    if payload[:2] == b"\xfd7":
        # Four bytes of length follow the stream.  lzma.decompress() takes them for another stream's beginning
        # whenever the first of them could be one's.
        return lzma.LZMADecompressor().decompress(payload)
    return payload
