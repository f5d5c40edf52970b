"""The six stages on the real tree: every test has its decision, and every source proof passes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import git
import pytest

from tests.real.conftest import Shell
from tests.real.test_series import ME, PINNED

STAGES = (
    "01_merge_hcall_tables", "02_pvh_flag", "03_feature_flags", "04_replace_tests", "05_audit", "06_drop_pvh",
)  # fmt: skip
LEFT = {"the predicate itself", "the definition, or text about it"}


@pytest.fixture(scope="module")
def proved(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The six series, with the proofs that need no build."""
    out = tmp_path_factory.mktemp("stages") / "out"
    wanted = [s[:2] for s in STAGES]
    how = ("--build-config", "none", "--config", "x86_64-debug", "--out", str(out))
    code, text, err, _ = shell.run("verify", *wanted, *how)
    assert code in (0, 8), text + err
    return out


def evidence(out: Path, stage: str) -> list[dict[str, Any]]:
    """The patches of a stage's evidence."""
    value = json.loads((out / stage / "v1/evidence.json").read_text())
    patches: list[dict[str, Any]] = value["patches"]
    return patches


def test_every_source_proof_of_every_patch_passes(proved: Path) -> None:
    for stage in STAGES:
        for patch in evidence(proved, stage):
            said = {n: p["verdict"] for n, p in patch["proofs"].items() if n not in ("builds", "objects", "hypercalls")}
            assert set(said.values()) == {"PASS"}, (patch["subject"], said)
            assert not patch["proofs"]["hypercalls"]["findings"]


def test_every_test_of_pvh_ends_as_its_decision_says(proved: Path, real_tree: Path) -> None:
    if git.Repo(real_tree).head.commit.hexsha != PINNED:
        pytest.skip("the counts are those of RELEASE-4.5.0")
    patches = evidence(proved, STAGES[3])
    uses = sum(row["uses"] for row in patches[0]["sites"].values())
    text = sum(s["reason"] in LEFT for s in patches[0]["stays"])
    assert uses - text == 48, "45 in the base, and what stages 01 and 02 made of some"
    last = [s["reason"] for s in patches[-1]["stays"] if s["reason"] not in LEFT]
    assert len(last) == 21 and "asked by a later patch" not in last
    assert len(patches) == 19


def test_git_am_takes_all_six_series(proved: Path, real_tree: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--no-local", real_tree, clone], check=True)
    repo = git.Repo(clone)
    for stage in STAGES:
        with repo.git.custom_environment(**ME):
            repo.git.am("-q", *map(str, sorted((proved / stage / "v1").glob("00*.patch"))[1:]))
        assert repo.head.commit.tree.hexsha == evidence(proved, stage)[-1]["tree"]
