"""Stage 03 on the sample and on altered samples: the flags are data, and a place that it does not know stops it."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from xenstage.bundle import bundled
from xenstage.stage.declare import load_stages

from .conftest import Tool
from .kit import ONE, TWO, Repo, apply, evidence, make_repo, numbered

THREE = "03_feature_flags"
DOMAIN, DOMCTL = "xen/common/domain.c", "xen/common/domctl.c"


@pytest.fixture(scope="session")
def two_applied(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose tip holds the first two series."""
    place = tmp_path_factory.mktemp("two")
    repo = make_repo(place / "plain")
    apply(repo.path, repo.head, place / "clone", numbered(reference, ONE), numbered(reference, TWO))
    return place / "clone"


@pytest.fixture
def after_two(two_applied: Path, tmp_path: Path) -> Repo:
    """A copy of it for a test to change."""
    shutil.copytree(two_applied, tmp_path / "tree", symlinks=True)
    return Repo(tmp_path / "tree")


def test_every_feature_has_a_bit_of_its_own_and_the_hvm_set_holds_all(tool: Tool, tmp_path: Path) -> None:
    tool.run("01", "02", "03", out=tmp_path).good()
    mail = next((tmp_path / THREE / "v1").glob("0002-*.patch")).read_text()
    bits = dict(re.findall(r"^\+#define (DOMFEAT_\w+) +\(1U << +(\d+)\)", mail, re.M))
    accessors = re.findall(r"^\+#define (has_\w+)\(d\) +\(!!\(\(d\)->features & (DOMFEAT_\w+)\)\)$", mail, re.M)
    (hvm,) = re.findall(r"^\+#define DOMFEAT_HVM ((?:.*\\\n)*.*)$", mail, re.M)
    (group,) = re.findall(r"^\+#define DOMFEAT_VTIMERS ((?:.*\\\n)*.*)$", mail, re.M)
    assert len(set(bits.values())) == len(bits) == len(accessors) - 1
    assert {name for _, name in accessors} == {*bits, "DOMFEAT_VTIMERS"}
    assert set(bits) == set(re.findall(r"DOMFEAT_\w+", hvm)) > set(re.findall(r"DOMFEAT_\w+", group))
    assert "+#define DOMFEAT_PVH 0U" in mail


def test_the_cover_letter_says_what_became_of_each_row_of_the_board(tool: Tool, tmp_path: Path) -> None:
    tool.run("01", "02", "03", out=tmp_path).good()
    cover = " ".join((tmp_path / THREE / "v1/0000-cover-letter.patch").read_text().split())
    for row in (
        "64bit hypercalls (Yes/Yes)",
        "HVM-style CPUID (Yes/Yes)",
        "Emulated PCI (Yes/No)",
        "MTRRs (not on it)",
    ):
        assert row in cover


def test_the_page_is_what_the_data_says() -> None:
    stage = load_stages(bundled("stages"))[3]
    features = sys.modules[f"{stage.patches[0].rewrite.__module__}.features"]
    assert (bundled("stages").parent / "docs/features.md").read_text() == features.page()


def test_the_effects_are_in_the_evidence(tool: Tool, tmp_path: Path) -> None:
    tool.run("01", "02", "03", out=tmp_path).good()
    first, second = evidence(tmp_path, THREE)["patches"]
    assert [(e["function"], e["kind"]) for e in first["effects"]] == [
        ("domain_create", "hvm+pvh"),
        ("createdomain", "*"),
    ]
    assert second["effects"] == [] and second["intended"] == []


def test_an_arm_of_creation_that_does_more_is_not_rewritten(tool: Tool, after_two: Repo, tmp_path: Path) -> None:
    after_two.edit(DOMAIN, "        d->is_pvh = 1;\n", "        d->is_pvh = 1;\n        d->max_vcpus = 1;\n")
    after_two.commit()
    got = tool.run("03", tree=after_two.path, out=tmp_path / "out")
    assert got.code == 4 and "domain_create" in got.err and not (tmp_path / "out").exists()


def test_a_check_of_the_flags_in_another_form_is_not_guessed(tool: Tool, after_two: Repo, tmp_path: Path) -> None:
    after_two.edit(
        DOMCTL,
        "    if ( (cdf & XEN_DOMCTL_CDF_hvm_guest) && (cdf & XEN_DOMCTL_CDF_pvh_guest) )\n        return -EINVAL;\n",
        "    if ( !(~cdf & (XEN_DOMCTL_CDF_hvm_guest | XEN_DOMCTL_CDF_pvh_guest)) )\n        return -EINVAL;\n",
    )
    after_two.commit()
    tool.run("03", tree=after_two.path, out=tmp_path / "out").refused(4, "do_domctl")
