"""pvh_kinds: which kinds of PVH guest a Linux kernel can be, by the ELF notes that Xen reads.

Source: ``xen/include/public/elfnote.h`` (XEN_ELFNOTE_FEATURES 10, XEN_ELFNOTE_PHYS32_ENTRY 18) and, for the
first kind, ``PVH_FEATURES_STR`` in Linux 3.14 to 4.10, ``arch/x86/xen/xen-head.S``.
"""

from __future__ import annotations

import io
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import NoteSegment

from ..errors import Exit, XenstageError
from .image import vmlinux

_FEATURES = 10
_PHYS32_ENTRY = 18
_FIRST_KIND = ("auto_translated_physmap", "hvm_callback_vector")


def xen_notes(kernel: bytes) -> dict[int, bytes]:
    """Xen's notes of an ELF kernel or a bzImage, by type.

    :raises ValueError: it is neither, or packed in a way that we cannot unpack.
    """
    plain = vmlinux(kernel)
    if plain[:4] != b"\x7fELF":
        raise ValueError("not an ELF kernel, and no bzImage packed with gzip or xz")
    notes: dict[int, bytes] = {}
    try:
        for segment in ELFFile(io.BytesIO(plain)).iter_segments():
            if isinstance(segment, NoteSegment):
                for note in segment.iter_notes():
                    if note["n_name"] == "Xen":
                        kind = note["n_type"]
                        notes[_number(kind)] = bytes(note["n_descdata"])
    except ELFError as e:
        raise ValueError(str(e)) from e
    return notes


def _number(kind: object) -> int:
    # pyelftools names the types of GNU's notes whoever the owner is; Xen's begin where those end, except for these.
    gnu = {"NT_GNU_ABI_TAG": 1, "NT_GNU_HWCAP": 2, "NT_GNU_BUILD_ID": 3, "NT_GNU_GOLD_VERSION": 4}
    return kind if isinstance(kind, int) else gnu.get(str(kind), -1)


def pvh_kinds(kernel: bytes) -> frozenset[str]:
    """``v1`` (Xen 4.4 to 4.9, CONFIG_XEN_PVH of Linux 3.14 to 4.10) and ``v2`` (Xen 4.10 and later).

    :raises ValueError: the file is no kernel that can be read.
    """
    notes = xen_notes(kernel)
    features = notes.get(_FEATURES, b"").rstrip(b"\0").decode("ascii", "replace").split("|")
    kinds = set()
    if all(f in features for f in _FIRST_KIND):
        kinds.add("v1")
    if _PHYS32_ENTRY in notes:
        kinds.add("v2")
    return frozenset(kinds)


def check_pvh_kernel(path: Path, version: str) -> None:
    """Refuse a kernel that a Xen of this version cannot start as PVH, before anything is booted.

    :raises XenstageError: (USAGE) with the configuration that the kernel lacks.
    """
    want = "v2" if tuple(int(n) for n in version.split(".")[:2]) >= (4, 10) else "v1"
    try:
        kinds = pvh_kinds(path.read_bytes())
    except (OSError, ValueError) as e:
        kinds, why = frozenset(), f"{path}: {e}"
    else:
        why = f"{path} has the notes of: {', '.join(sorted(kinds)) or 'no PVH at all'}"
    if want not in kinds:
        need = "CONFIG_XEN_PVH=y of Linux 3.14 to 4.10" if want == "v1" else "CONFIG_PVH=y of Linux 4.21 or later"
        raise XenstageError(
            Exit.USAGE,
            f"this kernel is no PVH guest for Xen {version}",
            why=f"{why}; needed: {need}",
            remedy="see docs/boot.md, 'Bringing a kernel', for how to build one; then --pvh-kernel FILE",
        )
