"""The tests of is_pvh_*() that stage 04 leaves: constraints, containers, and rows of the hypercall table.

What is decided of each is data, leftovers.toml.  dom0 and PV's own code are reached by no HVM
guest, which the proofs are told, and see for themselves.
"""

from __future__ import annotations

from pathlib import Path

from xenstage.effect import Effect
from xenstage.stage.conditions import Use
from xenstage.stage.decisions import Decision, load
from xenstage.stage.view import View

from .features import DECISIONS, TESTS

HERE = Path(__file__).parent
LEFT = (load(HERE / "leftovers-sample.toml"), load(HERE / "leftovers.toml"))
PVH = ("is_pvh_domain", "is_pvh_vcpu")
RULE = "ask for what is meant"
ALL = """\

/* Whether nothing is lacking that an HVM guest may have. */
#define has_all_features(d) ((d)->features == DOMFEAT_HVM)"""
HVM = "xen/arch/x86/hvm/hvm.c"
PARAMS_H = "xen/include/public/hvm/params.h"
# What a guest must have for a parameter to mean something: accessors, and names without HVM_PARAM_.
PARAMS = (
    (
        "has_realmode",
        (
            "STORE_PFN STORE_EVTCHN CONSOLE_PFN CONSOLE_EVTCHN PAE_ENABLED IDENT_PT VM86_TSS ACPI_S_STATE "
            "VM_GENERATION_ID_ADDR"
        ),
    ),
    (
        "has_ioreq",
        "IOREQ_PFN BUFIOREQ_PFN BUFIOREQ_EVTCHN DM_DOMAIN IOREQ_SERVER_PFN NR_IOREQ_SERVER_PAGES",
    ),
    ("has_vtimers", "TIMER_MODE VPT_ALIGN"),
    ("has_vhpet", "HPET_ENABLED"),
    ("has_vpm", "ACPI_IOPORTS_LOCATION"),
)
HAS_PARAM = """\
/* Whether a parameter means something for a guest. */
static bool_t hvm_has_param(const struct domain *d, uint32_t index)
{{
    switch ( index )
    {{
    case HVM_PARAM_CALLBACK_IRQ:
        return 1;

{cases}
    /* What none of these is about, and what is new, needs all. */
    default:
        return has_all_features(d);
    }}
}}

"""
HVM_FIRST = "if ( is_hvm_domain($d) ) $a; else if ( is_pvh_domain($d) ) $b;"
PVH_FIRST = """\
if ( is_pvh_domain($d) )
    $b;
else if ( has_hvm_container_domain($d) )
    $a;"""


def _asked(use: Use, decision: Decision) -> str:
    """What is asked instead, as ``ask_instead`` wants it."""
    kind = use.site.name.rpartition("_")[2]
    if decision.kind in ("container", "foreign"):
        return f"has_hvm_container_{kind}($v)"
    if decision.kind == "pv":
        return f"!is_pv_{kind}($v)"
    (feature,) = decision.features
    if decision.kind == "contained":
        return f"has_hvm_container_{kind}($v) && !has_{feature}($d)"
    return f"!has_{feature}"


def ask(view: View, patch: str) -> list[tuple[Use, Decision]]:
    """Ask what the decisions say, at every site of a patch."""
    done = view.decided(LEFT, patch, *PVH)
    for use, decision in done:
        view.ask_instead(use.site, _asked(use, decision), rule=RULE, reason=decision.reason)
    leave_text(view)
    return done


def leave_text(view: View) -> None:
    """What is no test stays."""
    view.stay_rest("no test: a comment, or the predicate's own definition", where=lambda s: not s.is_test)


def hardware(view: View) -> None:
    """What is not emulated is left to the hardware."""
    if ask(view, "hardware"):
        why = "what creation asks, and the parameters that no single feature is about"
        view.insert_after(view.macro("has_vmtrr"), ALL, rule=RULE, reason=why)


def params(view: View) -> None:
    """HVM parameters: what each is about."""
    done = view.decided(LEFT, "params", *PVH)
    functions = {(f.path, f.start): f for f in (view.function_around(u.site.path, u.site.offset) for u, _ in done)}
    for function in functions.values():
        only = "is_pvh_domain($d:word) && ($i != HVM_PARAM_CALLBACK_IRQ)"
        why = "a parameter of what the guest has not got means nothing"
        view.rewrite(function, only, "!hvm_has_param($d, $i)", rule=RULE, reason=why)
    if functions:
        first = functions[min(functions)]
        view.insert_before(first, HAS_PARAM.format(cases=_cases(view)), rule=RULE, reason="which needs what")
    leave_text(view)


def _cases(view: View) -> str:
    """The cases of the parameters that the tree has."""
    out: list[str] = []
    for accessor, names in PARAMS:
        there = [f"HVM_PARAM_{n}" for n in names.split() if view.has(f"HVM_PARAM_{n}", "macro", PARAMS_H)]
        if there:
            out += [*(f"    case {n}:" for n in there), f"        return {accessor}(d);", ""]
    return "\n".join(out)


def foreign(view: View) -> None:
    """Foreign pages are put into a p2m of the guest's own, and every container has one."""
    done = ask(view, "foreign")
    for use, decision in {(u.site.path, u.site.scope): (u, d) for u, d in done}.values():
        view.effect(
            Effect(use.site.path, use.site.scope, "hvm", reads_true="is_pvh_*", because=decision.effect or decision.reason)
        )


def nested(view: View) -> None:
    """What was nested is relinquished; nobody is asked for."""
    for use, decision in view.decided(LEFT, "nested", *PVH):
        function = view.function_around(use.site.path, use.site.offset)
        both = f"if ( !{use.site.name}({use.site.argument}) && $hook )"
        match = view.one(f"{both} $call;", function)
        hook, call = (view.hole(function, match, h).strip() for h in ("hook", "call"))
        view.rewrite(function, both, "if ( $hook )", rule=RULE, reason=decision.reason)
        diff = f"+ if ({hook})\n+ {call}"
        view.effect(Effect(function.path, use.site.scope, "pvh", diff=diff, because=decision.effect))
    leave_text(view)


def dom0(view: View) -> None:
    """dom0: in a container or not."""
    ask(view, "dom0")


def native(view: View) -> None:
    """What is PV's own."""
    ask(view, "native")


def told(view: View) -> None:
    """What the toolstack is told: who is PVH comes first, so that a container is left."""
    view.decided(DECISIONS, "told", *TESTS)
    view.decided(LEFT, "told", *PVH)
    why = "PVH is answered before"
    for site in (s for s in view.sites("is_hvm_domain") if s.is_test and s.scope == "getdomaininfo"):
        function = view.function_around(site.path, site.offset)
        swapped = view.rewrite_all(function, HVM_FIRST, PVH_FIRST, rule=RULE, reason=why)
        if not swapped:
            view.one("if ( is_pvh_domain($d) ) $b; else if ( is_hvm_domain($d) )", function)
            view.ask_instead(site, "has_hvm_container_domain($v)", rule=RULE, reason=why)
    leave_text(view)
    view.stay_rest("the ABI speaks of PVH there", *PVH, where=lambda s: s.scope == "getdomaininfo")
