"""pvh_kinds: which kinds of PVH guest a Linux kernel can be, by the ELF notes that Xen reads.

Source: ``xen/include/public/elfnote.h`` (XEN_ELFNOTE_FEATURES 10, XEN_ELFNOTE_SUPPORTED_FEATURES 17,
XEN_ELFNOTE_PHYS32_ENTRY 18), ``xen/include/public/features.h`` and, for what the first kind of PVH asks of a kernel,
``xc_dom_parse_image`` in ``tools/libxc/xc_dom_core.c`` (4.4 to 4.9).
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import NoteSegment

from ...errors import Exit, XenstageError
from ..image.image import vmlinux
from ..machine.machine import old_pvh

_FEATURES = 10
_SUPPORTED_FEATURES = 17
_PHYS32_ENTRY = 18
# Name and bit of each feature.  A kernel may say that it has one by either: Linux leaves hvm_callback_vector out of
# the names, for older hypervisors that do not know it refuse such a kernel, and has it among the bits.
_FIRST_KIND = {
    "writable_descriptor_tables": 1,
    "auto_translated_physmap": 2,
    "supervisor_mode_kernel": 3,
    "hvm_callback_vector": 8,
}


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
    names = {n.lstrip("!") for n in notes.get(_FEATURES, b"").rstrip(b"\0").decode("ascii", "replace").split("|")}
    (bits,) = struct.unpack("<I", notes.get(_SUPPORTED_FEATURES, b"")[:4].ljust(4, b"\0"))
    kinds = set()
    if all(name in names or bits >> bit & 1 for name, bit in _FIRST_KIND.items()):
        kinds.add("v1")
    if _PHYS32_ENTRY in notes:
        kinds.add("v2")
    return frozenset(kinds)


def check_pvh_kernel(path: Path, version: str) -> None:
    """Refuse a kernel that a Xen of this version cannot start as PVH, before anything is booted.

    :raises XenstageError: (USAGE) with the configuration that the kernel lacks.
    """
    want = "v1" if old_pvh(version) else "v2"
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
