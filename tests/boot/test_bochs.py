"""Bochs: its configuration and its disc."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from xenstage.boot.machine import bochs
from xenstage.errors import XenstageError
from xenstage.process import Runner

FILE = Path(bochs.__file__).parent / "machines" / "bochs.toml"


@dataclass(frozen=True)
class Machine:
    cpu: str = "corei7_haswell_4770"
    smp: int = 1
    memory: int = 512
    extra: dict[str, Any] = field(default_factory=lambda: {"ips": 50_000_000})


def test_the_machine_file_offers_vmx_and_no_svm() -> None:
    value = tomllib.loads(FILE.read_text())
    assert (value["name"], value["kind"], value["features"]) == ("bochs", "bochs", ["vmx"])
    assert "svm" in value["why_not"]
    assert value["ips"] >= 50_000_000  # below it, dom0 drowns in timer interrupts


def test_the_configuration_depends_on_no_clock_and_waits_for_nobody() -> None:
    text = bochs.bochsrc(Machine(), iso=Path("/x/disc.iso"), serial=Path("/x/serial.log"), log=Path("/x/bochs.log"))
    assert "clock: sync=none, time0=1420070400\n" in text
    assert 'options="timeout=0"' in text
    assert "cpu: model=corei7_haswell_4770, count=1, ips=50000000" in text
    assert 'com1: enabled=1, mode=file, dev="/x/serial.log"' in text


def test_grub_names_the_guest_that_dom0_starts() -> None:
    text = bochs.grub_config("pvh-probe", xen_options="a=b", dom0_options="c=d")
    assert text.splitlines()[1:4] == [
        "multiboot /xen a=b",
        "module /kernel c=d xenstage.guest=pvh-probe",
        "module /initramfs",
    ]
    assert "xenstage.guest" not in bochs.grub_config("")


def test_what_is_missing_is_named_with_the_line_to_type() -> None:
    assert bochs.missing(lambda name: f"/bin/{name}", lambda path: True) is None
    lack = bochs.missing(lambda name: None if name == "xorriso" else name, lambda path: path != bochs.BIOS)
    assert lack is not None
    assert "xorriso, /usr/share/bochs/BIOS-bochs-latest" in lack
    assert lack.endswith("(type: apt-get install bochsbios xorriso)")


def test_without_its_programs_no_disc_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bochs, "missing", lambda: "not installed: bochs (type: apt-get install bochs)")
    with pytest.raises(XenstageError) as e:
        bochs.make_iso(bochs.Disc(tmp_path, tmp_path, tmp_path), tmp_path / "new", runner=Runner())
    assert e.value.remedy == "apt-get install bochs"
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(bochs.missing() is not None, reason=f"no disc for Bochs: {bochs.missing()}")
def test_equal_files_give_equal_discs_that_hold_both_archives(tmp_path: Path) -> None:
    parts = [tmp_path / n for n in ("xen.elf", "vmlinux", "dom0.cpio")]
    for path in parts:
        path.write_bytes(path.name.encode() * 3000)
    disc = bochs.Disc(parts[0], parts[1], parts[2], guest_files=b"the guest's files", guest="pvh-probe")
    images = []
    for name in ("one", "two"):
        argv, serial = bochs.prepare(Machine(), disc, tmp_path / name, runner=Runner())
        assert argv[0] == "bochs"
        assert serial == tmp_path / name / "serial.log"
        images.append((tmp_path / name / "disc.iso").read_bytes())
        assert sorted(p.name for p in (tmp_path / name).iterdir()) == ["bochsrc", "continue", "disc.iso", "grub.cfg"]
    assert images[0] == images[1]
    assert images[0][0x8000 + 813 :].startswith(b"2015010100000000")  # ECMA-119 8.4.26: when the volume was made
    assert b"dom0.cpio" * 3000 + b"the guest's files" in images[0]
