"""The probe guests: what their images are, and that one of them measures a machine without Xen."""

from __future__ import annotations

import shutil
import struct
import tomllib
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from xenstage.boot.guest.guests import Guest
from xenstage.boot.guest.probe_guests import NAMES, OLD_PVH, probe_guests
from xenstage.boot.guest.probe_table import read_table
from xenstage.cache import Cache
from xenstage.errors import XenstageError
from xenstage.process import Runner

pytestmark = pytest.mark.alone

needs_gcc = pytest.mark.skipif(
    not (shutil.which("gcc") and shutil.which("make")), reason="gcc or make is not installed (apt-get install gcc make)"
)


@pytest.fixture(scope="module")
def guests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return probe_guests(cache=Cache(tmp_path_factory.mktemp("cache")), runner=Runner())


def nonce_of(guest: Path) -> str:
    value = tomllib.loads((guest / "guest.toml").read_text())
    name, nonce, end = value["marker"].removeprefix("xenstage-guest ").split(" ")
    assert (name, end) == (guest.name, "probe-end")
    return str(nonce)


def image_of(guest: Path) -> Path:
    return next(guest / n for n in ("probe.elf", "program") if (guest / n).exists())


@needs_gcc
def test_equal_sources_give_equal_images(guests: dict[str, Path], tmp_path: Path) -> None:
    again = probe_guests(cache=Cache(tmp_path), runner=Runner())
    for name in NAMES:
        assert image_of(guests[name]).read_bytes() == image_of(again[name]).read_bytes()


@needs_gcc
def test_the_nonce_stands_in_the_image_and_in_no_file_that_dom0_prints(guests: dict[str, Path]) -> None:
    for name in NAMES:
        nonce = nonce_of(guests[name]).encode()
        assert nonce in image_of(guests[name]).read_bytes()
        for cfg in tomllib.loads((guests[name] / "guest.toml").read_text())["cfg"].values():
            assert nonce not in cfg.encode()


@needs_gcc
def test_the_hvm_probe_is_what_an_hvm_domain_builder_starts(guests: dict[str, Path]) -> None:
    """hvmloader's place: 32-bit x86, a physical entry, one segment in the first megabytes."""
    with (guests["hvm-probe"] / "probe.elf").open("rb") as f:
        elf = ELFFile(f)
        load = [s for s in elf.iter_segments() if s["p_type"] == "PT_LOAD"]
        assert (elf.elfclass, elf["e_machine"], len(load)) == (32, "EM_386", 1)
        assert load[0]["p_paddr"] == 0x100000 <= elf["e_entry"] < 0x101000
        assert load[0]["p_memsz"] < 1 << 20


@needs_gcc
@pytest.mark.parametrize("name", OLD_PVH)
def test_a_pvh_image_says_that_it_can_be_pvh(guests: dict[str, Path], name: str) -> None:
    """Xen's notes: what libxc asks of a kernel for pvh=1 (xc_dom_parse_image)."""
    with (guests[name] / "probe.elf").open("rb") as f:
        elf = ELFFile(f)
        assert elf.elfclass == 64
        data = next(s.data() for s in elf.iter_segments() if s["p_type"] == "PT_NOTE")
        entry = elf["e_entry"]
    notes = dict(_notes(data))
    assert struct.unpack("<Q", notes[1]) == (entry,)  # XEN_ELFNOTE_ENTRY
    assert struct.unpack("<Q", notes[2])[0] % 4096 == 0  # XEN_ELFNOTE_HYPERCALL_PAGE
    assert struct.unpack("<Q", notes[3]) == (0,)  # XEN_ELFNOTE_VIRT_BASE
    features = set(notes[10].rstrip(b"\0").decode().split("|"))
    assert features == {
        "writable_descriptor_tables",
        "auto_translated_physmap",
        "supervisor_mode_kernel",
        "hvm_callback_vector",
    }


def _notes(data: bytes) -> list[tuple[int, bytes]]:
    out, at = [], 0
    while at < len(data):
        name, size, kind = struct.unpack_from("<III", data, at)
        assert data[at + 12 : at + 12 + name] == b"Xen\0"
        at += 12 + (name + 3 & ~3)
        out.append((kind, data[at : at + size]))
        at += size + 3 & ~3
    return out


@needs_gcc
def test_a_kept_guest_is_not_built_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    first = probe_guests(cache=cache, runner=Runner())
    (first["hvm-probe"] / "probe.elf").write_bytes(b"kept")
    assert (probe_guests(cache=cache, runner=Runner())["hvm-probe"] / "probe.elf").read_bytes() == b"kept"


@needs_gcc
def test_a_build_that_fails_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "guests").mkdir()
    (tmp_path / "guests/Makefile").write_text("all:\n\t@echo no such thing >&2; false\n")
    with pytest.raises(XenstageError, match="cannot be built") as e:
        probe_guests(cache=Cache(tmp_path / "cache"), runner=Runner(), sources=tmp_path / "guests")
    assert "no such thing" in e.value.why
    assert not list((tmp_path / "cache/boot/probes").iterdir())


@needs_gcc
@pytest.mark.skipif(
    shutil.which("qemu-system-x86_64") is None,
    reason="no QEMU to run a probe in (apt-get install qemu-system-x86)",
)
def test_the_hvm_probe_measures_a_machine_without_xen(guests: dict[str, Path], tmp_path: Path) -> None:
    serial = tmp_path / "serial"
    machine = ["qemu-system-x86_64", "-accel", "tcg", "-m", "32", "-nodefaults", "-display", "none"]
    # Without Xen nobody ends it: the table is long out when the time is over.
    image = guests["hvm-probe"] / "probe.elf"
    Runner().run([*machine, "-serial", f"file:{serial}", "-kernel", image], timeout=6)
    lines = [f"[hvm-probe] {line}" for line in serial.read_text().splitlines()]
    table = read_table(lines, "hvm-probe", nonce_of(guests["hvm-probe"]))
    assert table.complete, table.lack
    cells = dict(table.cells)
    assert cells["cpuid.xen.base"] == "absent"
    devices = ("pic.master", "pic.slave", "pit", "rtc", "pci.cf8", "hpet", "lapic", "io_apic", "model.uart")
    assert {cells[f"device.{d}"] for d in devices} == {"answers"}
    assert cells["device.model.platform"] == "silent"  # only Xen's machine has it
    assert (cells["msr.read.pat"], cells["msr.write.pat"], cells["register.cr8"]) == ("value", "kept", "kept")
    assert not any(key.startswith(("hypercall", "hvm_", "pvclock", "copy")) for key in cells)


@needs_gcc
@pytest.mark.skipif(
    shutil.which("qemu-system-x86_64") is None,
    reason="no QEMU to run a probe in (apt-get install qemu-system-x86)",
)
@pytest.mark.parametrize(("processors", "second"), [("1", "silent"), ("2", "starts")])
def test_a_second_processor_starts_where_there_is_one(
    guests: dict[str, Path], tmp_path: Path, processors: str, second: str
) -> None:
    serial = tmp_path / "serial"
    machine = ["qemu-system-x86_64", "-accel", "tcg", "-m", "32", "-nodefaults", "-display", "none"]
    image = guests["hvm-cycle"] / "probe.elf"
    Runner().run([*machine, "-smp", processors, "-serial", f"file:{serial}", "-kernel", image], timeout=4)
    lines = [f"[hvm-cycle] {line}" for line in serial.read_text().splitlines()]
    table = read_table(lines, "hvm-cycle", nonce_of(guests["hvm-cycle"]))
    assert table.complete and dict(table.cells)["smp.init_sipi"] == second


@needs_gcc
def test_dom0s_probe_is_a_static_program_and_says_what_it_lacks(guests: dict[str, Path]) -> None:
    program = guests["dom0-probe"] / "program"
    with program.open("rb") as f:
        assert not any(s["p_type"] == "PT_INTERP" for s in ELFFile(f).iter_segments())
    done = Runner().run([program])  # no Xen below this system: no table, and no end of one
    assert done.status == 1 and "no domctl" in done.text and "probe-end" not in done.text


@needs_gcc
def test_what_dom0_gets_of_each(guests: dict[str, Path]) -> None:
    program, cycle = (Guest.load(guests[n]).files("4.5").entries for n in ("dom0-probe", "pvh-cycle"))
    assert program["guests/dom0-probe/program"].mode & 0o111 and "guests/dom0-probe/xl.cfg" not in program
    assert cycle["guests/pvh-cycle/times"].data == b"3\n" and "guests/pvh-cycle/xl.cfg" in cycle


@needs_gcc
def test_what_dom0_runs_to_save_a_guest_does_not_know_its_nonce(guests: dict[str, Path]) -> None:
    """Else the marker might be dom0's own: the script relays what the domain printed after it was restored."""
    guest = Guest.load(guests["hvm-save-probe"])
    files = guest.files("4.5").entries
    program, config = (files[f"guests/hvm-save-probe/{n}"] for n in ("program", "xl.cfg"))
    assert program.mode & 0o111 and nonce_of(guests["hvm-save-probe"]).encode() not in program.data
    assert b'firmware_override = "/guests/hvm-save-probe/probe.elf"' in config.data
