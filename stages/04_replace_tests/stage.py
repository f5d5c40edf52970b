"""Stage 04: tests for PVH become tests of the features that the code behind them is about.

What is decided of each test, and why, is data: ``decisions.toml``.  Uses that guard several
features are taken apart first, in patches that change nothing else; then each feature has
one patch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from xenstage.families import Mixed
from xenstage.index.sites import Site
from xenstage.stage.conditions import Use
from xenstage.stage.decisions import Decision, for_tree, load
from xenstage.stage.declare import Patch, Stage
from xenstage.stage.view import View

from .table import FEATURES, board, listed

HERE = Path(__file__).parent
DECISIONS = (load(HERE / "sample.toml"), load(HERE / "decisions.toml"))
OWN, PROSE = "the predicate itself", "the definition, or text about it"
NAMES = ("is_pvh_domain", "is_pvh_vcpu")

XENFEATS = "else if ( is_pvh_domain($d) ) $s |= $p; else if ( is_hvm_domain($d) ) $s |= $h;"
# What only the one and only the other kind of guest is told, and the feature that it comes of.
TOLD = {"XENFEAT_supervisor_mode_kernel": "!has_realmode", "XENFEAT_hvm_pirqs": "has_emuirq"}


def _xenfeats(view: View, use: Use, decision: Decision) -> None:
    """Two arms that tell XENFEATs become one for containers, and what differs is told by feature."""
    around = view.function_around(use.site.path, use.site.offset)
    match = view.one(XENFEATS, around)
    d, into, pvh, hvm = (view.hole(around, match, name) for name in ("d", "s", "p", "h"))
    arms = [[" ".join(x.split()) for x in text.split("|")] for text in (pvh, hvm)]
    only = [x for a, b in (arms, arms[::-1]) for x in a if x not in b]
    asked = [next((q for name, q in TOLD.items() if name.removeprefix("XENFEAT_") in x), "") for x in only]
    if sorted(asked) != sorted(TOLD.values()):
        raise view.unknown("XENFEATs differ in something that the stage does not know", f"{view.where(around)}: {only}")
    both = f" |\n    {' ' * len(f'{into} |= ')}".join(x for x in arms[0] if x in arms[1])
    text = f"else if ( has_hvm_container_domain({d}) )\n{{\n    {into} |= {both};\n"
    for x, question in zip(only, asked, strict=True):
        bare = x[1:-1] if x.startswith("(") and x.endswith(")") else x
        text += f"    if ( {question}({d}) )\n        {into} |= {bare};\n"
    view.rewrite_match(around, match, text + "}", rule="ask the features", reason=decision.reason)


def _asked(use: Use, decision: Decision) -> str:
    """What is asked instead, as ``ask_instead`` wants it."""
    (feature,) = decision.features
    if decision.kind == "contained":
        kind = use.site.name.rpartition("_")[2]
        return f"has_hvm_container_{kind}($v) && !has_{feature}($d)"
    return f"!has_{feature}"


def rewrites(patch: str) -> Callable[[View], None]:
    """The rewrite of one of the decisions' patches."""

    def rewrite(view: View) -> None:
        done = view.decided(DECISIONS, patch, *NAMES)
        for use, decision in done:
            if decision.kind == "split":
                view.take_apart(use, decision, rule="one test a piece", comment="drop")
            elif decision.kind == "xenfeat":
                _xenfeats(view, use, decision)
            else:
                asked = _asked(use, decision)
                view.ask_instead(use.site, asked, rule="ask the feature", reason=decision.reason)
        view.stay_rest(PROSE, where=_no_test)
        view.fact("places", listed([(u.site, d) for u, d in done]))
        decisions = for_tree(DECISIONS, view.files.has)
        known = decisions.base == view.commit
        view.fact("table", board(decisions) if known else "  of this tree: as the messages of the patches say")
        view.fact("left", sum(r not in ("asked by a later patch", OWN, PROSE) for _, r in view.stays))

    rewrite.__name__ = patch.replace("-", "_")
    return rewrite


def _no_test(site: Site) -> bool:
    return not site.is_test


MIXED = (
    Mixed("hvm_vcpu_has_pending_irq", "has_vlapic", "has_vpic", because="the PIC's interrupts pass through LVT0"),
    Mixed("hvm_physdev_op", "has_vpci", "has_emuirq", because="operations on pirqs are behind it for everybody"),
    Mixed("arch_set_info_guest", "has_realmode", "has_hcall32", because="a context for 64-bit mode is no compat one"),
)
PLACES = "\n\n{places}"
APART = """
Code that PVH guests skip belongs to several devices, and to none. Before it can ask for each of them, it
must stand apart. """


def _patch(name: str, subject: str, body: str) -> Patch:
    return Patch(subject=subject, body=" ".join(body.split()) + PLACES, rewrite=rewrites(name), names=NAMES)


STAGE = Stage(
    number=4,
    name="replace_tests",
    title="x86: ask for features instead of PVH",
    cover="""
    This is the fourth step of the plan "PVH cleanups after 4.5". Code that asks whether a guest is PVH mostly
    means something else: whether there is a local APIC, a device model, a start in real mode. Let it ask for
    that. Uses that guard several features are taken apart first; then each feature has a patch. HVM guests
    have all features and PVH guests none, so that each test answers for both as before.

    What became of the tests:

    {table}

    {left} tests for PVH are left, for the next steps.
    """,
    families=FEATURES.FAMILIES,
    mixed=MIXED,
    patches=(
        _patch(
            "apart-vmcs",
            "x86/vmx: set up what PVH VCPUs lack and how they start apart",
            APART + "Make three blocks of the one in construct_vmcs().",
        ),
        _patch(
            "apart-domain",
            "x86/hvm: set up and tear down domains device by device",
            APART
            + """Turn the early returns for PVH domains into a test for each device, the unwinding of errors
            included, which PVH domains never came to.""",
        ),
        _patch(
            "apart-vcpu",
            "x86/hvm: set up VCPUs device by device",
            APART
            + """Turn the early returns for PVH VCPUs into a test for each device. Nested virtualisation needs
            none: nestedhvm_enabled() is false for PVH.""",
        ),
        _patch(
            "vlapic",
            "x86/hvm: ask for the local APIC",
            """
            These places test for PVH because PVH guests have no local APIC. Ask for that. What reaches a
            processor through its local APIC goes with it: the PIC's interrupts, those of performance counters,
            and the IPIs that start other processors.
            """,
        ),
        _patch(
            "vioapic",
            "x86/hvm: ask for the IO-APIC",
            "Set up and free the IO-APIC where there is one, instead of where the guest is not PVH.",
        ),
        _patch(
            "vpic",
            "x86/hvm: ask for the PIC",
            "Set up the two 8259A where there are such, instead of where the guest is not PVH.",
        ),
        _patch(
            "vrtc",
            "x86/hvm: ask for the real time clock",
            "Set up, stop and move the real time clock's timers where there is one, instead of where the guest is "
            "not PVH.",
        ),
        _patch(
            "vhpet",
            "x86/hvm: ask for the HPET",
            "Set up and stop the HPET where there is one, instead of where the guest is not PVH.",
        ),
        _patch(
            "vpm",
            "x86/hvm: ask for the PM timer",
            "Set up and stop the ACPI PM timer where there is one, instead of where the guest is not PVH.",
        ),
        _patch(
            "vtimers",
            "x86/hvm: ask for any timer where all are served",
            """
            Guest time and periodic timers serve several devices. Ask whether there is any, instead of whether
            the guest is PVH.
            """,
        ),
        _patch(
            "vvga",
            "x86/hvm: ask for the VGA",
            "Set up and free the emulated VGA where there is one, instead of where the guest is not PVH.",
        ),
        _patch(
            "vpci",
            "x86/hvm: ask for emulated PCI",
            "These places test for PVH because PVH guests have no emulated PCI. Ask for that.",
        ),
        _patch(
            "ioreq",
            "x86/hvm: ask for ioreq servers",
            """
            These places test for PVH because there is no device model to send an access to. Ask for that. The
            handler that gives PVH guests the machine's ports is registered before any other, as before.
            """,
        ),
        _patch(
            "hcall32",
            "x86: ask for 32-bit hypercalls",
            "These places test for PVH because PVH guests make no hypercalls from 32-bit code. Ask for that.",
        ),
        _patch(
            "realmode",
            "x86/hvm: ask for a start in real mode",
            """
            A PVH guest's VCPUs start in 64-bit mode with paging, from a context that the toolstack gives, and stay
            there; a PC's start in real mode with all that firmware expects. The whiteboard has no row for it.
            These places test for PVH because of that; ask for it.
            """,
        ),
        _patch(
            "hvm_cpuid",
            "x86/vmx: ask for the HVM policy of CPUID",
            """
            PVH guests have PV's policy of CPUID. The plan wants them to have HVM's; that is a change that guests
            see, and the toolstack's policy belongs to it. Until then ask for the policy by its own flag.
            """,
        ),
        _patch(
            "vmtrr",
            "x86: ask for MTRRs in pv_cpuid()",
            """
            PVH guests have no MTRRs of their own, and CPUID does not show them any. PV guests get here, too, and
            are none of the guests in HVM containers that lack something.
            """,
        ),
        _patch(
            "vtsc",
            "x86: ask for TSC emulation",
            """
            PVH guests cannot have their TSC emulated. Ask for that. PV guests get to tsc_set_info(), too, and are
            none of the guests in HVM containers that lack something.
            """,
        ),
        _patch(
            "xenfeat",
            "xen: tell guests their XENFEATs by their features",
            """
            What XENVER_get_features says to guests in HVM containers has three parts: what all of them have,
            what comes of starting in the kernel's ring with paging, and what comes of pirqs for emulated
            interrupts. Say it so.
            """,
        ),
    ),
)
