"""The mock stage: every patch is shown to change nothing, and its mutants are not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from xenstage.edit.edits import apply_edits
from xenstage.index.sweep import Files
from xenstage.prove.case import Case
from xenstage.prove.result import FAIL, PASS, REFUSED
from xenstage.stage.view import View

from ..kit import added, case_of, edited, on_disk, sample_files, told, verdicts
from .stage import CREATE, PATCHES, SCHED, give_features, no_index, series, spoilt

HERE = Path(__file__).resolve().parent
DEVICES = "xen/arch/x86/hvm/lamps.c"
EVENTS = "xen/common/event_channel.c"
TARIFF = "xen/arch/x86/tariff.c"
ARCH = "xen/arch/x86/domain.c"


def mock_files() -> Files:
    """The sample with devices: those in containers are called for such guests only."""
    text = (HERE / "devices.c").read_text()
    at = text.index("/* Runs for PV guests as well. */")
    files = added(added(sample_files(), DEVICES, text[:at]), TARIFF, "#include <xen/sched.h>\n\n" + text[at:])
    return edited(
        files,
        (ARCH, "        d->arch.paging.mode = ", "        devices_init(d);\n        d->arch.paging.mode = "),
        (ARCH, "    d->max_pages = 4096;\n", "    d->max_pages = 4096;\n    tariff_set(d, 1);\n"),
        (
            ARCH,
            "void arch_vcpu_destroy\\(struct vcpu \\*v\\)\n\\{\n",
            "\\g<0>    if ( has_hvm_container_vcpu(v) )\n    {\n        devices_relinquish(v->domain);\n"
            "        devices_destroy(v->domain);\n        lamp_init(v);\n    }\n",
        ),
    )


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """The patches by subject."""
    files = on_disk(mock_files(), tmp_path_factory.mktemp("tree"))
    return {p.subject: c for p, c in series(files)}


@pytest.mark.parametrize("number", range(6))
def test_every_patch_is_shown(cases: dict[str, Case], number: int) -> None:
    case = list(cases.values())[number]
    for proof in verdicts(case):
        assert proof.verdict == PASS, told(proof)


REFUSE, FEATURES, SPLIT, ASK, ANY, RENAME = (p.subject for p in PATCHES)
VLAPIC = r"features & DOMFEAT_VLAPIC"
WRITER = "\\nvoid grow(struct domain *d) { d->features |= 1; }\\n"
LATER = (
    "\\1    if ( domcr_flags & DOMCRF_hvm )\\n        d->features = DOMFEAT_HVM;\\n"
    "    else\\n        d->features = 0;\\n"
)
LATE = r"(    rc = arch_domain_create\(d, domcr_flags\);\n)"


@dataclass(frozen=True)
class Mutant:
    """A mistake that a stage's author could make.

    :param subject: the patch that it spoils.
    :param edits: path, pattern and text in the tree after the patch.
    :param also_before: whether the tree before the patch has the mistake already.
    :param says: what a finding must say.
    """

    name: str
    subject: str
    edits: tuple[tuple[str, str, str], ...]
    says: str
    also_before: bool = False


MUTANTS = (
    Mutant("polarity", ASK, ((DEVICES, r"!has_vlapic\(v->domain\)", "has_vlapic(v->domain)"),), "lamp_init"),
    Mutant("gate-polarity", SPLIT, ((DEVICES, r"has_vrtc\(d\)", "!has_vrtc(d)"),), "devices_relinquish"),
    Mutant("gate-forgotten", SPLIT, ((DEVICES, r"    if \( has_vvga\(d\) \)\n", ""),), "devices_relinquish"),
    Mutant("neighbours-bit", FEATURES, ((SCHED, VLAPIC, "features & DOMFEAT_VPIC"),), "same bit"),
    Mutant("bit-missing", ASK, ((SCHED, r"(DOMFEAT_HVM) \(\(", r"\1 (~DOMFEAT_VLAPIC & ("),), "lamp_init", True),
    Mutant("bit-too-many", ASK, ((SCHED, r"DOMFEAT_PVH 0", "DOMFEAT_PVH DOMFEAT_VLAPIC"),), "lamp_init", True),
    Mutant("no-container", ANY, ((TARIFF, r"has_hvm_container_domain\(d\) && ", ""),), "for d is pv"),
    Mutant("another-writer", FEATURES, ((EVENTS, r"\Z", WRITER),), "may change it later"),
    Mutant("another-writer-before", ASK, ((EVENTS, r"\Z", WRITER),), "devices_init", True),
    Mutant("through-the-union", ASK, ((SCHED, VLAPIC, "arch.hvm_domain.\\g<0>"),), "lamp_init", True),
    Mutant("refuses-one", REFUSE, ((CREATE, r"==\n +\(DOMCRF_hvm \| DOMCRF_pvh\)", "== DOMCRF_hvm"),), "hvm"),
    Mutant("refuses-none", REFUSE, ((CREATE, r"return ERR_PTR\(-EINVAL\);", ";"),), "does not happen"),
    Mutant("other-errno", REFUSE, ((CREATE, r"ERR_PTR\(-EINVAL", "ERR_PTR(-EPERM"),), "declared"),
    Mutant("renamed-to-another", RENAME, ((SCHED, r"(is_boxed_domain\(d\) [^\n]*)_pvh", r"\1_hvm"),), "pvh"),
    Mutant("renamed-with-twist", RENAME, ((ARCH, r"is_boxed_domain", "!is_boxed_domain"),), "arch_domain_create"),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_no_mutant_is_shown(cases: dict[str, Case], mutant: Mutant) -> None:
    case = cases[mutant.subject]
    for path, old, new in mutant.edits:
        case = spoilt(case, path, old, new, also_before=mutant.also_before)
    proofs = verdicts(case)
    assert any(p.verdict in (FAIL, REFUSED) for p in proofs)
    assert mutant.says in "\n".join(map(told, proofs))


def test_both_flags_at_once_are_looked_at(tmp_path: Path) -> None:
    """Without the refusal: the arms as ifs of their own give such a guest another type."""
    files = on_disk(mock_files(), tmp_path)
    view = View(files, no_index)
    give_features(view)
    after = files.with_overlay(apply_edits(view.edits, files.read))
    told_ = [told(p) for p in verdicts(case_of(files, after))]
    assert all(" PASS" in t for t in told_), told_
    loose = edited(after, (CREATE, "    else if ( domcr_flags & DOMCRF_pvh )", "    if ( domcr_flags & DOMCRF_pvh )"))
    proof, _ = verdicts(case_of(files, loose))
    assert proof.verdict == FAIL and "hvm+pvh" in told(proof)


def test_a_field_that_is_set_late_is_asked_too_early(cases: dict[str, Case]) -> None:
    case = cases[ASK]
    for old, new in ((r"^        d->features = [^\n]*\n", ""), (LATE, LATER)):
        for _ in range(3 if not new else 1):
            case = spoilt(case, CREATE, old, new, also_before=True)
    _, proof = verdicts(case)
    assert proof.verdict == FAIL and "before features is put down" in told(proof)
