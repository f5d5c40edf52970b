"""Machines: which one a cell gets, and why not another."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenstage.boot.machine.machine import MACHINES, Host, choose, load, machines
from xenstage.errors import XenstageError

QEMU = tuple(m for m in machines() if m.kind == "qemu")
EVERYTHING = lambda name: f"/usr/bin/{name}"  # noqa: E731
PLAIN = Host(False, frozenset(), EVERYTHING)


def test_without_kvm_everything_of_debian_runs_on_tcg() -> None:
    for guest in ("dom0", "hvm-linux", "pvh-linux", "hvm-probe"):
        choice = choose(guest, "4.17", QEMU, PLAIN)
        assert choice.machine is not None and choice.machine.name == "qemu-tcg"
        assert "qemu-kvm: /dev/kvm cannot be opened" in choice.reason


def test_kvm_comes_first_where_it_is() -> None:
    host = Host(True, frozenset({"vmx"}), EVERYTHING)
    for guest in ("dom0", "hvm-linux", "pvh-linux", "pvh-probe"):
        choice = choose(guest, "4.5", QEMU, host)
        assert choice.machine is not None and choice.machine.name == "qemu-kvm" and not choice.reason


@pytest.mark.parametrize("features", [frozenset(), frozenset({"svm"})])
def test_the_first_kind_of_pvh_needs_vmx(features: frozenset[str]) -> None:
    host = Host(bool(features), features, EVERYTHING)
    choice = choose("pvh-probe", "4.5", QEMU, host)
    assert choice.machine is None
    assert "qemu-tcg: pvh-probe under Xen 4.5 needs vmx: QEMU's own emulation has SVM, but no VMX" in choice.reason
    assert choose("hvm-probe", "4.5", QEMU, host).machine is not None


def test_a_missing_emulator_is_named_with_the_line_to_type() -> None:
    choice = choose("dom0", "4.17", QEMU, Host(False, frozenset(), lambda name: None))
    assert choice.machine is None
    assert "qemu-system-x86_64 is not installed (type: apt-get install qemu-system-x86)" in choice.reason


def test_a_machine_may_refuse_a_guest_by_name(tmp_path: Path) -> None:
    text = (MACHINES / "qemu-tcg.toml").read_text()
    (tmp_path / "m.toml").write_text(text + '\n[guests]\nhvm-linux = "no disk"\n')
    assert choose("hvm-linux", "4.17", (load(tmp_path / "m.toml"),), PLAIN).reason == "qemu-tcg: no disk"


def test_a_damaged_machine_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text('name = "m"\n')
    with pytest.raises(XenstageError, match=r"m\.toml is not a machine file"):
        load(tmp_path / "m.toml")
