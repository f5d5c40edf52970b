"""A probe's table: whole or not, and held against another."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenstage.boot.guest.probe_table import Declared, Table, compare, read_table, whiteboard
from xenstage.boot.model import MENDED
from xenstage.cli.common import stages

LOG = """\
(XEN) a line of Xen's
xenstage: dom0 up
[hvm-probe] xenstage-guest hvm-probe n0nce hello
[hvm-probe] probe device.pit=answers
[hvm-probe] probe hypercall64.12.memory_op=present:EFAULT
probe device.rtc=answers
[pvh-probe] probe device.rtc=answers
[hvm-probe] probe hypercall32.12.memory_op=absent
[hvm-probe] xenstage-guest hvm-probe n0nce probe-end 3
xenstage: end
"""


def table(text: str, nonce: str = "n0nce") -> Table:
    return read_table(text.splitlines(), "hvm-probe", nonce)


def test_a_table_holds_what_the_guest_printed_and_nothing_else() -> None:
    got = table(LOG)
    assert got.complete
    assert dict(got.cells) == {
        "device.pit": "answers",
        "hypercall32.12.memory_op": "absent",
        "hypercall64.12.memory_op": "present:EFAULT",
    }


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[hvm-probe] xenstage-guest hvm-probe n0nce probe-end 3\n", "", "no end line after 3 cells"),
        ("[hvm-probe] probe device.pit=answers\n", "", "the probe printed 3 cells, 2 arrived"),
        ("probe device.pit=answers", "probe device.p", "not a cell"),
        ("probe device.pit=answers", "probe device.pit=answ ers", "not a cell"),
        ("hypercall32.12", "hypercall64.12", "measured twice"),
        ("probe-end 3", "probe-fault 13 at 0000", "exception 13 at 0000 after 3 cells"),
        ("[hvm-probe] xenstage-guest hvm-probe n0nce probe-end", "xenstage-guest hvm-probe n0nce probe-end", "no end"),
    ],
)
def test_a_damaged_log_is_not_complete_and_says_why(old: str, new: str, says: str) -> None:
    assert old in LOG
    got = table(LOG.replace(old, new, 1))
    assert not got.complete
    assert says in got.lack


def test_another_guests_nonce_ends_nothing() -> None:
    assert table(LOG, nonce="other").lack == "no end line after 3 cells"


def test_a_second_start_of_the_guest_begins_a_new_table() -> None:
    first = LOG.split("[hvm-probe] probe hypercall64")[0]
    assert table(first + LOG) == table(LOG)


def test_equal_tables_are_equal() -> None:
    assert compare(table(LOG), table(LOG)).ok


def test_a_difference_that_nobody_declared_fails_with_the_cells_name() -> None:
    got = compare(table(LOG), table(LOG.replace("pit=answers", "pit=silent")))
    assert not got.ok
    assert "device.pit: answers -> silent" in got.text


def test_a_cell_that_appears_or_goes_is_a_difference() -> None:
    renamed = table(LOG.replace("device.pit", "device.pic.master"))
    assert [str(d) for d in compare(table(LOG), renamed).undeclared] == [
        "device.pic.master: (no such cell) -> answers",
        "device.pit: answers -> (no such cell)",
    ]


def test_a_declared_difference_passes_with_the_declared_value_only() -> None:
    declared = [Declared("device.*", "silent", "PVH has no PIT")]
    assert compare(table(LOG), table(LOG.replace("pit=answers", "pit=silent")), declared).ok
    other = compare(table(LOG), table(LOG.replace("pit=answers", "pit=late")), declared)
    assert [str(d) for d in other.undeclared] == ["device.pit: answers -> late"]


def test_what_was_declared_and_did_not_happen_fails() -> None:
    got = compare(table(LOG), table(LOG), [Declared("device.pit", "silent", "PVH has no PIT")])
    assert not got.ok
    assert "declared, but not seen: device.pit becomes silent (PVH has no PIT)" in got.text


def test_an_incomplete_table_is_compared_with_nothing() -> None:
    got = compare(table(LOG), table(LOG.replace("probe-end 3", "probe-end 4")))
    assert not got.ok
    assert got.text == "this table of hvm-probe is not complete: the probe printed 4 cells, 3 arrived"


def test_the_whiteboard_has_a_line_for_each_thing_and_a_column_for_each_guest() -> None:
    silent = LOG.replace("probe hypercall64.12.memory_op=present:EFAULT", "probe hypercall64.11.unused=absent")
    text = whiteboard({"base": table(LOG), "stage": table(silent.replace("probe-end 3", "probe-end 9"))})
    lines = [line.split("  ") for line in text.splitlines()]
    assert ["12.memory_op", "EFAULT / absent", "- / absent"] in [[c.strip() for c in x if c.strip()] for x in lines]
    assert not any("11.unused" in x[0] for x in lines)
    assert "(1 hypercall numbers" in text
    assert "stage: not complete" in text


LOGS = Path(__file__).parent / "logs"
"""Relayed lines of real boots; their nonce is abc123."""


def saved(name: str) -> Table:
    guest = "-".join(name.split("-")[:2])
    return read_table((LOGS / f"{name}.log").read_text().splitlines(), guest, "abc123")


@pytest.mark.parametrize("name", ["hvm-probe-4.17", "hvm-probe-4.5", "pvh-probe-4.5"])
def test_saved_logs_of_real_boots_are_whole(name: str) -> None:
    got = saved(name)
    assert (got.lack, len(got.cells)) == ("", 465)


def test_the_pinned_tree_answers_as_its_tables_say() -> None:
    """hvm_hypercall64_table, hvm_hypercall32_table, pvh_hypercall64_table of xen/arch/x86/hvm/hvm.c at 4.5.0."""
    hvm, pvh = dict(saved("hvm-probe-4.5").cells), dict(saved("pvh-probe-4.5").cells)
    both = {12, 17, 18, 20, 24, 29, 32, 33, 34, 35, 36, 49}  # xsm_op (27) says ENOSYS without XSM
    assert _answering(hvm, 64) == _answering(hvm, 32) == both | {15, 38}  # set_timer_op, tmem_op
    assert _answering(pvh, 64) == both | {7, 26}  # platform_op, mmuext_op
    assert _answering(pvh, 32) == set()
    for key in ("VCPUOP_initialise", "XENMEM_memory_map"):
        assert (hvm[key], pvh[key]) == ("absent", "present:EFAULT")


def _answering(cells: dict[str, str], bits: int) -> set[int]:
    calls = [(k.split("."), v) for k, v in cells.items() if k.startswith(f"hypercall{bits}.")]
    return {int(k[1]) for k, v in calls if v != "absent"}


def test_a_widened_surface_is_seen() -> None:
    """A boot of 4.5.0 whose HVM tables had mmuext_op, and whose hvm_vcpu_op let VCPUOP_initialise through."""
    got = compare(saved("hvm-probe-4.5"), saved("hvm-probe-4.5-widened"))
    assert [d.key for d in got.undeclared] == [
        "VCPUOP_initialise",
        "hypercall32.26.mmuext_op",
        "hypercall64.26.mmuext_op",
        "operation64.vcpu_op.00",
    ]


def test_a_pvh_that_lost_what_it_needs_is_seen() -> None:
    """A boot of 4.5.0 whose PVH table had hvm_vcpu_op and hvm_memory_op, as a plain union of the tables gives."""
    got = compare(saved("pvh-probe-4.5"), saved("pvh-probe-4.5-narrowed"))
    assert {"VCPUOP_initialise", "XENMEM_memory_map"} <= {d.key for d in got.undeclared}
    assert len(got.undeclared) == 11


def test_stages_declare_what_boots_of_them_measured_and_no_more() -> None:
    """The PVH probe under 4.5.0 and under the tip of stage 05, with every patch up to there declared: a key that is
    declared and does not change is a slip, as one that changes and is not declared is."""
    probes = [p for n, s in stages().items() if n <= 5 for patch in s.patches for p in patch.probes]
    own = [p.removeprefix("pvh-probe:").partition("=") for p in probes if not p.startswith(("cell:", "dom0-probe:"))]
    declared = [Declared(key, value or "*", "declared") for key, _, value in own]
    got = compare(saved("pvh-probe-4.5-longer"), saved("pvh-probe-4.5-audited"), declared)
    assert got.ok, got.text
    assert {d.key: d.after for d in got.differences} == {
        "copy.read_only.no_wp": "present:ok",
        "hvm_op.self.flush_tlbs": "present:ok",
        "hvm_op.self.get_mem_type": "present:ok",
        "hypercall64.15.set_timer_op": "present:ok",
        "hypercall64.38.tmem_op": "present:ENODEV",
        "pvclock.after_tsc_write": "right",
        "register.cr8": "ignored",
    }
    assert {p.removeprefix("cell:") for p in probes if p.startswith("cell:")} == set(MENDED)
