"""Archives, library closure, kernel modules, requests: the files that boot."""

from __future__ import annotations

import io
import lzma
import stat
import struct
import subprocess
from pathlib import Path

import pytest

from xenstage.boot.guest.guests import Guest
from xenstage.boot.image.cpio import Archive
from xenstage.boot.image.image import REQUEST_BLOCK, REQUEST_SIZE, vmlinux, write_blank, write_request
from xenstage.boot.image.libraries import closure, inside, linked, modules
from xenstage.boot.stack.stack import Toolstack
from xenstage.errors import Exit, XenstageError


def read_cpio(data: bytes) -> dict[str, tuple[int, bytes]]:
    """What the kernel would unpack: name to mode and contents."""
    stream = io.BytesIO(data)
    found: dict[str, tuple[int, bytes]] = {}
    while True:
        head = stream.read(110)
        assert head[:6] == b"070701"
        field = [int(head[6 + 8 * i : 14 + 8 * i], 16) for i in range(13)]
        name = stream.read(field[11])[:-1].decode()
        stream.seek(-stream.tell() % 4, 1)
        body = stream.read(field[6])
        stream.seek(-stream.tell() % 4, 1)
        if name == "TRAILER!!!":
            return found
        assert (field[2], field[3], field[5]) == (0, 0, 0), "owned by root, at time 0"
        found[name] = (field[1], body)


def test_an_archive_is_what_went_in_in_any_order() -> None:
    one, two = Archive(), Archive()
    one.file("/etc/a", b"abc")
    one.link("bin/sh", "busybox")
    two.link("bin/sh", "busybox")
    two.file("etc/a", b"abc")
    assert one.pack() == two.pack() and len(one.pack()) % 512 == 0
    found = read_cpio(one.pack())
    assert list(found) == ["bin", "bin/sh", "etc", "etc/a"], "directories come before what is in them"
    assert stat.S_ISLNK(found["bin/sh"][0]) and found["bin/sh"][1] == b"busybox"
    assert found["etc/a"] == (stat.S_IFREG | 0o644, b"abc")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A tree with usr/lib/libours.so.1, which bin/prog needs."""
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "o.c").write_text("int ours(void) { return 1; }\n")
    (tmp_path / "p.c").write_text("int ours(void); int main(void) { return ours(); }\n")
    so = tmp_path / "usr/lib/libours.so.1"
    shared: list[str | Path] = ["gcc", "-shared", "-nostdlib", "-Wl,-soname,libours.so.1", "-o", so, tmp_path / "o.c"]
    subprocess.run(shared, check=True)
    program: list[str | Path] = ["gcc", "-nostdlib", "-Wl,-e,main", "-o", tmp_path / "bin/prog", tmp_path / "p.c", so]
    subprocess.run(program, check=True)
    return tmp_path


def test_libraries_are_those_of_the_tree(library: Path) -> None:
    (library / "lib64").mkdir()
    # The dynamic linker is a link to an absolute path of the tree, not of this machine.
    (library / "lib64/ld-linux-x86-64.so.2").symlink_to("/usr/lib/libours.so.1")
    program = library / "bin/prog"
    want = linked(program)
    assert want is not None and want.needed == ("libours.so.1",)
    found = closure([program], [(library, "usr/lib")])
    assert found["usr/lib/libours.so.1"] == library / "usr/lib/libours.so.1"
    assert found["lib64/ld-linux-x86-64.so.2"] == library / "usr/lib/libours.so.1"


def test_a_missing_library_is_named_with_who_needs_it(library: Path) -> None:
    (library / "usr/lib/libours.so.1").rename(library / "elsewhere")
    (library / "lib64").mkdir()
    (library / "lib64/ld-linux-x86-64.so.2").write_bytes(b"")
    with pytest.raises(XenstageError) as e:
        closure([library / "bin/prog"], [(library, "usr/lib")])
    assert e.value.code is Exit.TOOLS and "libours.so.1" in e.value.title and "prog" in e.value.why


def test_links_are_followed_inside_the_tree(tmp_path: Path) -> None:
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/x").write_text("")
    (tmp_path / "lib").symlink_to("/usr/lib")
    (tmp_path / "loop").symlink_to("loop")
    assert inside(tmp_path, "lib/x") == tmp_path / "usr/lib/x"
    assert inside(tmp_path, "lib/../lib/x") == tmp_path / "usr/lib/x"
    assert inside(tmp_path, "etc/passwd") is None and inside(tmp_path, "loop") is None


def _module(path: Path, depends: str) -> None:
    text = f'__attribute__((section(".modinfo"))) const char d[] = "name={path.stem}\\0depends={depends}";\n'
    path.with_suffix(".c").write_text(text)
    subprocess.run(["gcc", "-c", "-o", path, path.with_suffix(".c")], check=True)


def test_modules_come_after_those_that_they_need(tmp_path: Path) -> None:
    _module(tmp_path / "virtio_blk.ko", "virtio,virtio_ring")
    _module(tmp_path / "virtio.ko", "")
    _module(tmp_path / "virtio_ring.ko", "virtio")
    ring = tmp_path / "virtio_ring.ko"
    (tmp_path / "virtio_ring.ko.xz").write_bytes(lzma.compress(ring.read_bytes()))
    ring.unlink()
    (tmp_path / "modules.builtin").write_text("kernel/drivers/xen/xen-privcmd.ko\n")
    got = modules(tmp_path, ["xen-privcmd", "virtio-blk"])
    assert [n for n, _ in got] == ["virtio.ko", "virtio_ring.ko", "virtio_blk.ko"]
    assert all(data.startswith(b"\x7fELF") for _, data in got)
    with pytest.raises(XenstageError, match="no module xenfs"):
        modules(tmp_path, ["xenfs"])


def test_a_request_names_the_guest_and_holds_its_files(tmp_path: Path) -> None:
    files = Archive()
    files.file("guests/x/xl.cfg", b"name = 'x'\n")
    write_request(tmp_path / "request", "x", files)
    write_blank(tmp_path / "blank")
    data = (tmp_path / "request").read_bytes()
    assert data[:REQUEST_BLOCK].rstrip(b"\0") == b"xenstage-request x 1\n"
    assert read_cpio(data[REQUEST_BLOCK:])["guests/x/xl.cfg"][1] == b"name = 'x'\n"
    sizes = {(tmp_path / n).stat().st_size for n in ("request", "blank")}
    assert sizes == {REQUEST_SIZE}, "a saved dom0 knows the size of its disk"


def test_a_guest_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    files = Archive()
    files.file("guests/x/disk", bytes(REQUEST_SIZE))
    with pytest.raises(XenstageError, match="too large"):
        write_request(tmp_path / "request", "x", files)


@pytest.mark.parametrize("size", [0x5D, 0x68])
def test_the_kernel_inside_a_bzimage(size: int) -> None:
    elf = b"\x7fELF".ljust(size, b"\0")  # 0x5d, as the first byte of the length, looks like an .lzma file
    payload = lzma.compress(elf, check=lzma.CHECK_CRC32) + struct.pack("<I", len(elf))
    image = bytearray(2 * 512) + payload
    image[0x1F1], image[0x202:0x206] = 1, b"HdrS"
    struct.pack_into("<II", image, 0x248, 0, len(payload))
    assert vmlinux(bytes(image)) == elf
    assert vmlinux(elf) == elf


GUEST = """name = "mine"
kind = "pvh"
marker = "xenstage-guest mine 0123 up"
limit = 60
[cfg]
default = "type = 'pvh'"
"4.5" = "pvh = 1"
"""


def test_a_guest_is_configured_by_xens_version(tmp_path: Path) -> None:
    (tmp_path / "guest.toml").write_text(GUEST)
    (tmp_path / "kernel").write_bytes(b"k")
    guest = Guest.load(tmp_path)
    old, new = guest.files("4.5").entries, guest.files("4.17").entries
    assert (old["guests/mine/xl.cfg"].data, new["guests/mine/xl.cfg"].data) == (b"pvh = 1", b"type = 'pvh'")
    assert "guests/mine/guest.toml" not in new, "the marker does not reach dom0 but in the guest's own image"


@pytest.mark.parametrize(
    ("version", "fits"),
    [("4.3", "rest"), ("4.4", "old"), ("4.5", "own"), ("4.9", "old"), ("4.10", "rest"), ("4.17", "rest")],
)
def test_a_configuration_for_several_versions(tmp_path: Path, version: str, fits: str) -> None:
    several = GUEST.partition("[cfg]")[0] + '[cfg]\n"4.4-4.9" = "old"\n"4.5" = "own"\ndefault = "rest"\n'
    (tmp_path / "guest.toml").write_text(several)
    assert Guest.load(tmp_path).config(version) == fits


@pytest.mark.parametrize(
    ("old", "new"),
    [("xenstage-guest mine 0123 up", "hello"), ('"mine"', '"Mine"'), ("limit = 60\n", ""), ("[cfg]", "[cfg")],
)
def test_a_bad_guest_is_refused(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "guest.toml").write_text(GUEST.replace(old, new, 1))
    with pytest.raises(XenstageError) as e:
        Guest.load(tmp_path)
    assert e.value.code is Exit.USAGE


def test_a_toolstack_prefers_the_programs_beside_xl(tmp_path: Path) -> None:
    for path in ("usr/lib/xen/bin/xl", "usr/lib/xen/bin/xenstored", "usr/lib/xen/bin/xenconsoled", "usr/bin/xenstored"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"\x7fELF")
    stack = Toolstack(tmp_path, "debian", "4.17", "boot/xen", None, "usr/lib/xen/bin/xl")
    stack.save()
    again = Toolstack.load(tmp_path)
    assert again == stack
    assert "usr/lib/xen/bin/xenstored" in again.programs() and "usr/bin/xenstored" not in again.programs()
    (tmp_path / "usr/lib/xen/bin/xenconsoled").unlink()
    with pytest.raises(XenstageError, match="lacks xenconsoled"):
        again.programs()
