"""Toolstack: a directory laid out like a root file system that holds a Xen and its own tools.

``toolstack.json`` in it says where things are.  Debian's unpacked packages and a
build of a commit (``make install DESTDIR=``) look the same from here on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ...cache import write_atomically
from ...errors import Exit, XenstageError

FILE = "toolstack.json"

PROGRAMS = (
    "xl",
    "xenstored",
    "xenconsoled",
    "xenstore-read",
    "xenstore-write",
    "xenstore-ls",
    "xen-init-dom0",
    "libxl-save-helper",
    "xenconsole",
    "hvmloader",
)
"""What of a toolstack goes into dom0, by name; its own path is kept, for paths are compiled in."""

_DATA_DIRS = ("seabios", "qemu", "qemu-xen")  # no network card, so no ipxe
_PASSED_OVER = {"doc", "man", "python3", "locale", "modules", "include", "debug"}


@dataclass(frozen=True)
class Toolstack:
    """What ``toolstack.json`` says; every path is relative to ``root``.

    :param xen: ``debian`` or the full hash of a commit.
    :param version: ``MAJOR.MINOR`` of Xen, which chooses a guest's configuration.
    :param device_model: the QEMU that serves HVM guests, or None where only PVH and PV guests can run.
    :param libraries: directories of shared libraries, searched before the usual ones.
    """

    root: Path
    xen: str
    version: str
    hypervisor: str
    device_model: str | None
    xl: str
    libraries: tuple[str, ...] = ()

    @staticmethod
    def load(root: Path) -> Toolstack:
        """Read ``root/toolstack.json``.

        :raises XenstageError: (TOOLS) it is missing, or not what it should be.
        """
        try:
            value = json.loads((root / FILE).read_bytes())
            return Toolstack(
                root,
                str(value["xen"]),
                str(value["version"]),
                str(value["hypervisor"]).lstrip("/"),
                None if value["device_model"] is None else str(value["device_model"]).lstrip("/"),
                str(value["xl"]).lstrip("/"),
                tuple(str(d).strip("/") for d in value.get("libraries", ())),
            )
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise XenstageError(
                Exit.TOOLS,
                f"{root} is not a toolstack",
                why=f"{FILE}: {type(e).__name__}: {e}",
                remedy="delete that directory and run the same command again; it is made anew",
            ) from e

    def save(self) -> None:
        """Write ``root/toolstack.json``, last of all files, so that its presence says that all are there."""
        value = {k: v for k, v in asdict(self).items() if k != "root"}
        write_atomically(self.root / FILE, json.dumps(value, indent=1, sort_keys=True).encode() + b"\n")

    def programs(self) -> dict[str, Path]:
        """Path in dom0 to file, of :data:`PROGRAMS` and the device model.

        A name may stand in several directories (a wrapper script and the program): the one beside ``xl`` wins.
        """
        chosen: dict[str, str] = {"xl": self.xl}
        beside = os.path.dirname(self.xl)
        for path in self._files():
            name = os.path.basename(path)
            if name not in PROGRAMS or not is_elf(self.root / path):
                continue
            if name not in chosen or os.path.dirname(path) == beside:
                chosen[name] = path
        if self.device_model is not None:
            chosen["(device model)"] = self.device_model
        missing = [n for n in ("xl", "xenstored", "xenconsoled") if not (self.root / chosen.get(n, "-")).is_file()]
        if missing:
            raise XenstageError(
                Exit.TOOLS,
                f"the toolstack in {self.root} lacks {', '.join(missing)}",
                why="dom0 cannot start a guest without them",
                remedy="build or unpack the whole toolstack; see docs/boot.md",
            )
        return {path: self.root / path for path in sorted(chosen.values())}

    def data(self) -> dict[str, Path]:
        """Firmware and the one keyboard map that a device model opens: path in dom0 to file."""
        found = {}
        for path in self._files():
            parts = path.split("/")
            if not any(d in parts for d in _DATA_DIRS) or not {"share", "lib"} & set(parts):
                continue
            if path.endswith((".bin", ".rom")) or path.endswith("keymaps/en-us"):
                found[path] = self.root / path
        return found

    def _files(self) -> Iterator[str]:
        for directory, below, names in os.walk(self.root):
            below[:] = sorted(d for d in below if d not in _PASSED_OVER)
            for name in sorted(names):
                yield os.path.relpath(os.path.join(directory, name), self.root)


def is_elf(path: Path) -> bool:
    """Whether a file is a program, a library or an object."""
    with path.open("rb") as f:
        return f.read(4) == b"\x7fELF"
