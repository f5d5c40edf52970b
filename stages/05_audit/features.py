"""Sites that a feature decides: PV, idle, dummy and ARM domains have no features and PVH guests have none, so
that each question is answered as before, for every domain.
"""

from __future__ import annotations

from pathlib import Path

from xenstage.stage.decisions import load
from xenstage.stage.view import View

HERE = Path(__file__).parent
DECISIONS = (load(HERE / "sample.toml"), load(HERE / "decisions.toml"))
TESTS = ("is_hvm_domain", "is_hvm_vcpu")

CONTEXT = """\

/* HVM context records hold the state of these, and assume them all. */
#define DOMFEAT_CONTEXT (DOMFEAT_VLAPIC | DOMFEAT_VIOAPIC | DOMFEAT_VPIC | \\
                         DOMFEAT_VRTC | DOMFEAT_VHPET | DOMFEAT_VPM | \\
                         DOMFEAT_VPIT | DOMFEAT_VPCI | DOMFEAT_VMTRR)
#define has_hvm_context(d) \\
    (((d)->features & DOMFEAT_CONTEXT) == DOMFEAT_CONTEXT)"""
START = """\
if ( {question} )
{{
    paging_update_paging_modes($v:word);
    vmx_vlapic_msr_changed($v);
}}"""
STARTS = """\
if ( has_realmode($v->domain) )
    /* will update HOST & GUEST_CR3 as reqd */
    paging_update_paging_modes($v);

if ( has_vlapic($v->domain) )
    vmx_vlapic_msr_changed($v);"""


def ask(view: View, patch: str) -> None:
    """Ask for the feature that the decisions name, at every site of a patch."""
    mine = view.decided(DECISIONS, patch, *TESTS)
    for use, decision in mine:
        (feature,) = decision.features
        view.ask_instead(use.site, f"has_{feature}", rule="ask for the feature", reason=decision.reason)
    _rest(view, len(mine))


def _rest(view: View, sites: int) -> None:
    view.stay_rest("no test: a comment, or the predicate's own definition", where=lambda s: not s.is_test)
    view.fact("sites", "the one place" if sites == 1 else f"the {sites} places")


def emuirq(view: View) -> None:
    """All at once: they agree about how long a struct pirq is."""
    ask(view, "emuirq")


def ioreq(view: View) -> None:
    """What a device model answers, or is asked about."""
    ask(view, "ioreq")


def vlapic(view: View) -> None:
    """The local APIC."""
    ask(view, "vlapic")


def controllers(view: View) -> None:
    """The 8259As and the IO-APIC."""
    ask(view, "controllers")


def timers(view: View) -> None:
    """Each timer by its own flag; what serves all of them by one that is for all of them."""
    ask(view, "timers")


def pci(view: View) -> None:
    """Emulated PCI, and the AMD IOMMU that is emulated beside it."""
    ask(view, "pci")


def start(view: View) -> None:
    """The start of day; one block holds what belongs to it and what belongs to the local APIC."""
    mine = view.decided(DECISIONS, "start", *TESTS)
    for use, decision in mine:
        if len(decision.features) == 1:
            question = f"has_{decision.features[0]}"
            view.ask_instead(use.site, question, rule="ask for the feature", reason=decision.reason)
            continue
        function = view.function_around(use.site.path, use.site.offset)
        start = START.format(question=f"{use.site.name}({use.site.argument})")
        block, v = view.run_of(function, start), view.hole(function, view.one(start, function), "v")
        view.replace(
            block,
            _indented(STARTS.replace("$v", v), view.indent(block.path, block.start)),
            rule="ask for the feature",
            reason=decision.reason,
        )
    _rest(view, len(mine))


def _indented(text: str, pad: str) -> str:
    return "\n".join(pad + line if line and i else line for i, line in enumerate(text.splitlines()))


def vmtrr(view: View) -> None:
    """The guest's own MTRRs."""
    ask(view, "vmtrr")


def context(view: View) -> None:
    """HVM context records."""
    ask(view, "context")
    why = "most handlers use their device unasked"
    view.insert_after(view.macro("has_vmtrr"), CONTEXT, rule="ask for the feature", reason=why)
