"""The mock of the stages to come on the Xen tree: shown patch by patch, and its mutants are not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.prove.kit import told, verdicts
from tests.prove.mock.stage import CREATE, PATCHES, SCHED, series, spoilt
from xenstage.index.sweep import Files
from xenstage.prove.case import Case
from xenstage.prove.result import PASS

HVM = "xen/arch/x86/hvm/"
REFUSE, FEATURES, SPLIT, ASK, ANY, RENAME = (p.subject for p in PATCHES)
MUTANTS = (
    (ASK, HVM + "vlapic.c", r"!has_vlapic\(v->domain\)", "has_vlapic(v->domain)", "vlapic_init"),
    (SPLIT, HVM + "hvm.c", r"    if \( has_vvga\(d\) \)\n", "", "hvm_domain_relinquish_resources"),
    (ANY, "xen/arch/x86/time.c", r"has_hvm_container_domain\(d\) && ", "", "for d is pv"),
    (FEATURES, SCHED, "features & DOMFEAT_VLAPIC", "features & DOMFEAT_VPIC", "same bit"),
    (FEATURES, CREATE, r"\Z", "\nvoid grow(struct vcpu *v) { v->domain->features = 1; }\n", "may change it later"),
    (REFUSE, CREATE, r"==\n +\(DOMCRF_hvm \| DOMCRF_pvh\)", "== DOMCRF_hvm", "created as hvm"),
)


@pytest.fixture(scope="module")
def cases(real_tree: Path) -> dict[str, Case]:
    """The mock's patches by subject."""
    out = subprocess.run(["git", "-C", real_tree, "ls-files", "-s"], capture_output=True, text=True, check=True).stdout
    tracked = {line.split("\t", 1)[1]: line.split(" ", 1)[0] for line in out.splitlines()}
    return {p.subject: c for p, c in series(Files(real_tree, tracked, {}))}


@pytest.mark.parametrize("number", range(len(PATCHES)))
def test_every_patch_of_the_mock_is_shown(cases: dict[str, Case], number: int) -> None:
    for proof in verdicts(list(cases.values())[number]):
        assert proof.verdict == PASS, told(proof)


@pytest.mark.parametrize(("subject", "path", "old", "new", "says"), MUTANTS)
def test_no_mutant_of_the_mock_is_shown(
    cases: dict[str, Case], subject: str, path: str, old: str, new: str, says: str
) -> None:
    proofs = verdicts(spoilt(cases[subject], path, old, new))
    assert any(p.verdict != PASS for p in proofs) and says in "\n".join(map(told, proofs))
