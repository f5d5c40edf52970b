"""Which kinds of PVH guest a kernel can be: ELF files of a header, a note segment, and nothing else."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from xenstage.boot.guest.notes import check_pvh_kernel, pvh_kinds
from xenstage.errors import XenstageError

OF_LINUX = "!writable_page_tables|writable_descriptor_tables|auto_translated_physmap|supervisor_mode_kernel"
BITS = 1 << 2 | 1 << 3 | 1 << 8


def note(kind: int, data: bytes, owner: bytes = b"Xen\0") -> bytes:
    """One ELF note."""
    return struct.pack("<III", len(owner), len(data), kind) + owner + data + bytes(-len(data) % 4)


def features(names: str) -> bytes:
    """XEN_ELFNOTE_FEATURES."""
    return note(10, names.encode() + b"\0")


def supported(bits: int) -> bytes:
    """XEN_ELFNOTE_SUPPORTED_FEATURES."""
    return note(17, struct.pack("<I", bits))


def kernel(*notes: bytes) -> bytes:
    """A 64-bit ELF file with one PT_NOTE segment."""
    body = b"".join(notes)
    head = b"\x7fELF\2\1\1" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return head + struct.pack("<IIQQQQQQ", 4, 4, 120, 0, 0, len(body), len(body), 4) + body


def test_linux_says_the_callback_vector_by_its_bit() -> None:
    """Linux 3.14 to 4.10: three features by name, hvm_callback_vector only among the bits."""
    assert pvh_kinds(kernel(note(1, bytes(8)), features(OF_LINUX), supported(BITS))) == {"v1"}


@pytest.mark.parametrize(
    "notes",
    [
        (features(f"{OF_LINUX}|hvm_callback_vector"),),
        (supported(BITS | 1 << 1),),
        (features("!writable_descriptor_tables|!auto_translated_physmap"), supported(1 << 3 | 1 << 8)),
    ],
    ids=["names", "bits", "required"],
)
def test_either_note_may_say_it(notes: tuple[bytes, ...]) -> None:
    assert pvh_kinds(kernel(*notes)) == {"v1"}


@pytest.mark.parametrize(
    "notes",
    [
        (),
        (features(OF_LINUX),),
        (features("writable_descriptor_tables"), supported(BITS & ~(1 << 2))),
        (features(OF_LINUX), note(17, struct.pack("<I", BITS), b"GNU\0")),
    ],
    ids=["none", "without the vector", "without translation", "another owner's"],
)
def test_a_kernel_that_lacks_one_is_none(notes: tuple[bytes, ...]) -> None:
    assert pvh_kinds(kernel(*notes)) == frozenset()


def test_the_second_kind_is_told_by_its_entry(tmp_path: Path) -> None:
    second = kernel(note(18, bytes(4)))
    assert pvh_kinds(second) == {"v2"}
    (tmp_path / "vmlinux").write_bytes(second)
    check_pvh_kernel(tmp_path / "vmlinux", "4.17")
    with pytest.raises(XenstageError) as e:
        check_pvh_kernel(tmp_path / "vmlinux", "4.5")
    assert "has the notes of: v2" in e.value.why and "CONFIG_XEN_PVH=y" in e.value.why


def test_what_is_no_kernel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello")
    with pytest.raises(XenstageError) as e:
        check_pvh_kernel(tmp_path / "file", "4.5")
    assert "not an ELF kernel" in e.value.why
