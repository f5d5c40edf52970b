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
from .judged import classes

HERE = Path(__file__).parent
LEFT = (load(HERE / "leftovers-sample.toml"), load(HERE / "leftovers.toml"))
PVH = ("is_pvh_domain", "is_pvh_vcpu")
RULE = "ask for what is meant"
ALL = """\

/* Whether nothing is lacking that an HVM guest may have. */
#define has_all_features(d) ((d)->features == DOMFEAT_HVM)"""
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


def parameters(view: View) -> None:
    """HVM parameters: all but the callback are of what some guests lack."""
    ask(view, "parameters")


def foreign(view: View) -> None:
    """Foreign pages are put into a p2m of the guest's own, and every container has one."""
    _as_pvh(view, ask(view, "foreign"))


def _as_pvh(view: View, done: list[tuple[Use, Decision]]) -> None:
    """What the functions do for PVH guests they do for HVM ones as well, if any come there."""
    effects: dict[tuple[str, str], list[str]] = {}
    for use, decision in done:
        said = effects.setdefault((use.site.path, use.site.scope), [])
        reason = decision.effect or decision.reason
        if reason not in said:
            said.append(reason)
    for (path, function), why in effects.items():
        view.effect(Effect(path, function, "hvm", reads_true="is_pvh_*", because="; ".join(why)))


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
    _as_pvh(view, ask(view, "native"))


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
    view.fact("classes", classes(view.commit))
