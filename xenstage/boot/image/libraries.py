"""closure: the shared libraries that programs need, found in unpacked trees and never on this machine."""

from __future__ import annotations

import io
import lzma
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

from ...errors import Exit, XenstageError

LIBRARY_DIRS = (
    "lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "lib64",
    "usr/lib64",
    "lib",
    "usr/lib",
    "usr/local/lib",
)
"""Where a library may lie in an unpacked tree, besides what the toolstack names."""


def inside(root: Path, path: str | PurePosixPath) -> Path | None:
    """The file that ``path`` means in a tree, its symbolic links read as if the tree were ``/``.

    :returns: None when there is no such file.
    """
    rest = [p for p in PurePosixPath(path).parts if p != "/"]
    here: list[str] = []
    for _ in range(400):
        if not rest:
            return root.joinpath(*here)
        part = rest.pop(0)
        if part == "..":
            here = here[:-1]
            continue
        full = root.joinpath(*here, part)
        if full.is_symlink():
            target = PurePosixPath(os.readlink(full))
            here = [] if target.is_absolute() else here
            rest = [p for p in target.parts if p != "/"] + rest
        elif full.exists():
            here.append(part)
        else:
            return None
    return None


@dataclass(frozen=True)
class Linked:
    """What an ELF file asks of the dynamic linker."""

    needed: tuple[str, ...]
    interpreter: str | None


def linked(path: Path) -> Linked | None:
    """What a file needs; None when it is not a 64-bit ELF file (a script, a 32-bit firmware)."""
    with path.open("rb") as f:
        if f.read(5) != b"\x7fELF\x02":
            return None
        try:
            elf = ELFFile(f)
            dynamic = elf.get_section_by_name(".dynamic")
            tags = list(dynamic.iter_tags("DT_NEEDED")) if isinstance(dynamic, DynamicSection) else []
            interp = next((str(s.get_interp_name()) for s in elf.iter_segments() if isinstance(s, InterpSegment)), None)
        except ELFError:
            return None
    return Linked(tuple(str(vars(t)["needed"]) for t in tags), interp)


def closure(programs: Iterable[Path], places: Sequence[tuple[Path, str]]) -> dict[str, Path]:
    """Every shared library that programs need, directly or not.

    :param places: pairs of a tree's root and a directory in it, in search order.
    :returns: path in the image (``usr/lib/…/libfoo.so.1``) to the file that goes there.
    :raises XenstageError: (TOOLS) a library is in none of the places.
    """
    found: dict[str, Path] = {}
    names: set[str] = set()
    todo = [(p, p.name) for p in programs]
    while todo:
        path, asker = todo.pop()
        want = linked(path)
        if want is None:
            continue
        if want.interpreter is not None and want.interpreter.lstrip("/") not in found:
            at = want.interpreter.lstrip("/")
            found[at] = _somewhere(PurePosixPath(at), [(root, "") for root, _ in places], asker)[1]
        for name in want.needed:
            if name in names:
                continue
            names.add(name)
            where, file = _somewhere(PurePosixPath(name), places, asker)
            found[where] = file
            todo.append((file, name))
    return found


def _somewhere(name: PurePosixPath, places: Sequence[tuple[Path, str]], asker: str) -> tuple[str, Path]:
    for root, directory in places:
        at = PurePosixPath(directory) / name
        file = inside(root, at)
        if file is not None and file.is_file():
            return str(at), file
    raise XenstageError(
        Exit.TOOLS,
        f"a shared library of dom0 is missing: {name}",
        why=f"{asker} needs it, and it is neither in the toolstack's libraries nor in the unpacked Debian packages",
        remedy="name its directory in toolstack.json ('libraries'), or its package in boot/debian.py (DOM0)",
    )


def modules(tree: Path, wanted: Sequence[str]) -> list[tuple[str, bytes]]:
    """Kernel modules with those that they depend on, in the order in which to load them.

    :param tree: a directory ``lib/modules/VERSION``.
    :param wanted: names; ``-`` and ``_`` are the same.
    :returns: pairs of a file name (``NAME.ko``) and its contents, not compressed.
    :raises XenstageError: (TOOLS) the kernel has no such module and it is not built in.
    """
    files = {_plain(p.name.split(".ko")[0]): p for p in sorted(tree.rglob("*.ko*"))}
    builtin = {_plain(Path(line).stem) for line in _lines(tree / "modules.builtin")}
    order: dict[str, tuple[str, bytes]] = {}

    def visit(name: str) -> None:
        if name in order or name in builtin:
            return
        if name not in files:
            raise XenstageError(
                Exit.TOOLS,
                f"dom0's kernel has no module {name}",
                why=f"looked in {tree.name}, also among what is built in",
                remedy="take a kernel that has it (Debian: linux-image-amd64)",
            )
        data = _unpacked(files[name])
        for other in _depends(data):
            visit(other)
        order[name] = (f"{name}.ko", data)

    for name in wanted:
        visit(_plain(name))
    return list(order.values())


def _plain(name: str) -> str:
    return name.replace("-", "_")


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def _depends(module: bytes) -> list[str]:
    section = ELFFile(io.BytesIO(module)).get_section_by_name(".modinfo")
    fields = section.data().split(b"\0") if section is not None else []
    names = next((f[8:].decode() for f in fields if f.startswith(b"depends=")), "")
    return [_plain(n) for n in names.split(",") if n]
