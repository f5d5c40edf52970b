"""Stage 04 on the sample: every test of PVH ends as its decision says, and what no decision knows stops it."""

from __future__ import annotations

import re
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest

from xenstage.bundle import bundled
from xenstage.stage.declare import load_stages

from .conftest import Tool
from .kit import Repo, apply, evidence, make_repo, numbered, written_on_sample

FOUR = "04_replace_tests"
BEFORE = ("01_merge_hcall_tables", "02_pvh_flag", "03_feature_flags")


@pytest.fixture(scope="module")
def made(warm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All four series on a repository that holds the sample."""
    return written_on_sample(tmp_path_factory.mktemp("four"), warm, "01", "02", "03", "04")


@pytest.fixture(scope="module")
def three_applied(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose tip holds the first three series."""
    place = tmp_path_factory.mktemp("three")
    repo = make_repo(place / "plain")
    apply(repo.path, repo.head, place / "clone", *(numbered(made, s) for s in BEFORE))
    return place / "clone"


@pytest.fixture
def after_three(three_applied: Path, tmp_path: Path) -> Repo:
    """A copy of it for a test to change."""
    shutil.copytree(three_applied, tmp_path / "tree", symlinks=True)
    return Repo(tmp_path / "tree")


def test_the_page_is_what_the_decisions_say() -> None:
    stage = load_stages(bundled("stages"))[4]
    module = sys.modules[stage.patches[0].rewrite.__module__]
    table = sys.modules[f"{stage.patches[0].rewrite.__module__}.table"]
    page = (bundled("stages").parent / "docs/dispositions.md").read_text()
    assert page == table.page(module.DECISIONS[-1])
    assert "RELEASE-4.5.0 has 45 uses" in page and "After stage 04 21 are left" in page


def test_init_and_teardown_of_a_device_ask_the_same(made: Path, tmp_path: Path) -> None:
    """Whatever is set up behind a question is taken down behind the same one, in the tree after the last patch."""
    repo = make_repo(tmp_path / "plain")
    apply(repo.path, repo.head, tmp_path / "clone", *(numbered(made, s) for s in (*BEFORE, FOUR)))
    text = (tmp_path / "clone/xen/arch/x86/hvm/devices.c").read_text()
    gates = re.findall(r"if \( (has_\w+)\(\w[^)]*\) \)\n\s+(?:\{\n\s+(?:/\*.*\*/\n\s+)?)?(?:rc = )?(\w+)\(", text)
    asked: dict[str, set[str]] = {}
    for question, call in gates:
        asked.setdefault(call.rpartition("_")[0].removesuffix("_de"), set()).add(question)
    assert asked["rtc"] == {"has_vrtc"} and asked["hpet"] == {"has_vhpet"}
    assert asked["vioapic"] == {"has_vioapic"} and asked["stdvga"] == {"has_vvga"}
    assert Counter(c for _, c in gates)["rtc_deinit"] == 2, "the unwinding of errors and the teardown"
    left = [line.strip() for line in text.splitlines() if "is_pvh" in line]
    assert left == ["if ( !is_pvh_domain(d) && leave_nested )"], "for the audit"


def test_every_patch_says_what_its_places_guard(made: Path) -> None:
    for mail in numbered(made, FOUR):
        text = mail.read_text()
        assert re.search(r"^  - \w+\(\): \w", text, re.M), mail.name


def test_the_cover_letter_counts_the_tests_that_are_left(made: Path) -> None:
    cover = " ".join((made / FOUR / "v1/0000-cover-letter.patch").read_text().split())
    left = re.search(r"(\d+) tests for PVH are left", cover)
    last = evidence(made, FOUR)["patches"][-1]
    assert left
    stay = [s for s in last["stays"] if s["reason"] not in ("the definition, or text about it", "the predicate itself")]
    assert len(stay) == int(left.group(1))


def test_a_test_that_nobody_decided_about_stops_it(tool: Tool, after_three: Repo, tmp_path: Path) -> None:
    after_three.edit(
        "xen/arch/x86/irq.c",
        "\n    return pirq &&",
        "\n    if ( is_pvh_domain(d) )\n        return 0;\n    return pirq &&",
    )
    after_three.commit()
    got = tool.run("04", tree=after_three.path, out=tmp_path / "out")
    assert got.code == 4 and 'file = "xen/arch/x86/irq.c"' in got.err and not (tmp_path / "out").exists()


def test_a_device_that_no_piece_knows_stops_it(tool: Tool, after_three: Repo, tmp_path: Path) -> None:
    path = "xen/arch/x86/hvm/devices.c"
    after_three.edit(
        path, "    hpet_deinit(d);\n    stdvga", "    hpet_deinit(d);\n    claim_ports(d, 1, 1);\n    stdvga"
    )
    after_three.commit()
    tool.run("04", tree=after_three.path, out=tmp_path / "out").refused(4, "a statement behind an early return is in 0")


def test_a_second_run_over_its_own_result_finds_nothing(tool: Tool, made: Path, tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "plain")
    apply(repo.path, repo.head, tmp_path / "clone", *(numbered(made, s) for s in (*BEFORE, FOUR)))
    got = tool.run("04", tree=tmp_path / "clone", out=tmp_path / "out").good()
    assert f"{FOUR}: the tree holds it already, nothing to do" in got.out
