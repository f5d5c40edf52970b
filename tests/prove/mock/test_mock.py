"""The mock stage: every patch is shown to change nothing, and its mutants are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenstage.index.sweep import Files
from xenstage.prove.case import Case
from xenstage.prove.result import PASS

from ..kit import added, edited, on_disk, sample_files, told, verdicts
from .stage import series

HERE = Path(__file__).resolve().parent
DEVICES = "xen/arch/x86/hvm/devices.c"
TARIFF = "xen/arch/x86/tariff.c"
ENTRY = "xen/arch/x86/x86_64/entry.S"
ARCH = "xen/arch/x86/domain.c"


def mock_files() -> Files:
    """The sample with devices: those in containers are called for such guests only."""
    text = (HERE / "devices.c").read_text()
    at = text.index("/* Runs for PV guests as well. */")
    files = added(added(sample_files(), DEVICES, text[:at]), TARIFF, "#include <xen/sched.h>\n\n" + text[at:])
    files = added(files, "xen/arch/x86/hvm/vmx/entry.S", "vmx_exit:\n        call vmx_vmexit_handler\n")
    return edited(
        files,
        (ARCH, "        d->arch.paging.mode = ", "        devices_init(d);\n        d->arch.paging.mode = "),
        (ARCH, "    d->max_pages = 4096;\n", "    d->max_pages = 4096;\n    tariff_set(d, 1);\n"),
        (ENTRY, "vmx_vmexit_handler", "do_exit"),
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
