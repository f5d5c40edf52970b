"""Archive: a cpio archive (newc) that the Linux kernel unpacks as an initramfs.

The same files give the same bytes: names are sorted, every time is 0, every
owner is root, every inode number is the position.  Two archives one after the
other are one initramfs to the kernel, of which the later file wins.
Source of the format: Documentation/driver-api/early-userspace/buffer-format.rst
in the Linux tree.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_MAGIC = "070701"
_END = "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    """One file of an archive.

    :param mode: type and permissions, as in ``st_mode``.
    :param data: a file's contents, or the target of a symbolic link.
    :param device: major and minor number of a device node.
    """

    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


@dataclass
class Archive:
    """Files by their path (relative, no leading slash); directories above them come by themselves."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """A regular file; one of the same path is replaced."""
        self._put(path, Entry(stat.S_IFREG | mode, data))

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        self._put(path, Entry(stat.S_IFLNK | 0o777, target.encode()))

    def directory(self, path: str, mode: int = 0o755) -> None:
        """A directory."""
        self._put(path, Entry(stat.S_IFDIR | mode))

    def node(self, path: str, major: int, minor: int, mode: int = 0o600) -> None:
        """A character device."""
        self._put(path, Entry(stat.S_IFCHR | mode, device=(major, minor)))

    def _put(self, path: str, entry: Entry) -> None:
        clean = PurePosixPath(path.lstrip("/"))
        for above in reversed(clean.parents[:-1]):
            self.entries.setdefault(str(above), Entry(stat.S_IFDIR | 0o755))
        self.entries[str(clean)] = entry

    def pack(self) -> bytes:
        """The archive, padded to 512 bytes so that another one may follow."""
        out = bytearray()
        for inode, name in enumerate(sorted(self.entries), start=1):
            _append(out, name, self.entries[name], inode)
        _append(out, _END, Entry(0), 0)
        return bytes(out + bytes(-len(out) % 512))


def _append(out: bytearray, name: str, entry: Entry, inode: int) -> None:
    raw = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    numbers = (inode, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, *entry.device, len(raw), 0)
    out += _MAGIC.encode() + b"".join(b"%08X" % n for n in numbers) + raw
    out += bytes(-len(out) % 4)
    out += entry.data
    out += bytes(-len(out) % 4)
