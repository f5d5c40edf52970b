"""Stage 05 on the sample: what is left of the tests of guest types is what a decision lets stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Tool
from .kit import CONFIG, apply, evidence, make_repo, numbered, written_on_sample

FIVE = "05_audit"
STAGES = ("01_merge_hcall_tables", "02_pvh_flag", "03_feature_flags", "04_replace_tests", FIVE)
NAMES = ("is_hvm_domain", "is_hvm_vcpu", "is_pvh_domain", "is_pvh_vcpu")


@pytest.fixture(scope="module")
def made(warm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All five series on a repository that holds the sample."""
    return written_on_sample(tmp_path_factory.mktemp("five"), warm, "01", "02", "03", "04", "05")


@pytest.fixture(scope="module")
def tip(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that holds all five."""
    place = tmp_path_factory.mktemp("tip")
    repo = make_repo(place / "plain")
    apply(repo.path, repo.head, place / "clone", *(numbered(made, s) for s in STAGES))
    return place / "clone"


def test_rows_name_what_denies_them(tip: Path) -> None:
    text = (tip / "xen/arch/x86/hvm/hvm.c").read_text()
    assert "HCALL_HVM" not in text and "HCALL_PVH" not in text
    assert "HCALL(mmuext_op, do_mmuext_op, NULL, DOMFEAT_REALMODE)" in text
    assert "HCALL(set_timer_op, do_set_timer_op, compat_set_timer_op, 0)" in text


def test_the_first_half_of_a_conjunction_stays(tip: Path) -> None:
    text = " ".join((tip / "xen/arch/x86/mm.c").read_text().split())
    assert "paging_mode_translate(curr)) && !has_hvm_container_domain(curr)" in text


def test_the_toolstack_is_told_pvh_first(tip: Path) -> None:
    text = (tip / "xen/common/domctl.c").read_text()
    assert text.index("is_pvh_domain(d)") < text.index("has_hvm_container_domain(d)")


def test_what_the_last_patch_leaves_has_a_decision(made: Path) -> None:
    last = evidence(made, FIVE)["patches"][-1]
    assert not [s for s in last["stays"] if s["reason"] == "asked by a later patch"]


def test_a_second_run_over_its_own_result_finds_nothing(tool: Tool, tip: Path, tmp_path: Path) -> None:
    """Also of the first stage, whose names for rows the fifth takes away."""
    got = tool("run", "01", "02", "03", "04", "05", "--tree", tip, "--config", CONFIG, "--out", tmp_path).good()
    assert got.out.count("the tree holds it already, nothing to do") == 5
    assert not list(tmp_path.rglob("*.patch"))
