"""Sites that mean "in an HVM container": PVH guests are in one, and get what each of them guards.

The effect of each is declared for the proofs: the function does for a PVH guest what it would
have done had is_hvm_*() said yes, and nothing else changes.
"""

from __future__ import annotations

import re

from xenstage.effect import Effect
from xenstage.index.sites import Site
from xenstage.stage.view import WIDTH, View

from .features import DECISIONS, TESTS

RULE = "ask for a container"


def contain(view: View, patch: str) -> None:
    """Ask has_hvm_container_*() at every site of a patch."""
    mine = view.decided(DECISIONS, patch, *TESTS)
    effects: dict[tuple[str, str], list[str]] = {}
    for use, decision in mine:
        question = use.site.name.replace("is_hvm", "has_hvm_container")
        view.ask_instead(use.site, f"{question}($v)", rule=RULE, reason=decision.reason)
        if use.site.kind == "macro body":
            _wrap(view, use.site, len(question) - len(use.site.name))
        said = effects.setdefault((use.site.path, use.site.scope), [])
        if decision.effect not in said:
            said.append(decision.effect)
    for (path, function), why in effects.items():
        view.effect(Effect(path, function, "pvh", reads_true="is_hvm_*", because="; ".join(why)))
    view.stay_rest("no test: a comment, or the predicate's own definition", where=lambda s: not s.is_test)
    view.fact("sites", "the one place" if len(mine) == 1 else f"the {len(mine)} places")


def _wrap(view: View, site: Site, more: int) -> None:
    """Begin a new line of a macro behind the question, where its line becomes too long for one."""
    data = view.read(site.path)
    start, end = view.line_start(site.path, site.offset), view.line_end(site.path, site.offset)
    if end - start + more < WIDTH:
        return
    rest = re.match(rb"[^\n]*?(&&|\?|:|\|\|)( )", data[site.call[1] : end])
    if rest is None:
        raise view.unknown("a macro's line becomes too long", f"{site.path}:{site.line}")
    at = site.call[1] + rest.start(2)
    blank = view.region(site.path, at, at + 1, "blank")
    pad = view.indent(site.path, site.offset)
    view.replace(blank, f" \\\n{pad} ", rule=RULE, reason="the line would be too long")


def shadow(view: View) -> None:
    """Shadow paging, which PVH does not use."""
    contain(view, "shadow")


def walk(view: View) -> None:
    """Walks of a guest's page tables."""
    contain(view, "walk")


def pinned(view: View) -> None:
    """Pinned cacheability."""
    contain(view, "pinned")


def params(view: View) -> None:
    """What a parameter of the domain switches on."""
    contain(view, "params")


def sharing(view: View) -> None:
    """Memory sharing."""
    contain(view, "sharing")


def pod(view: View) -> None:
    """Populate on demand."""
    contain(view, "pod")


def access(view: View) -> None:
    """Access rights."""
    contain(view, "access")


def hvmops(view: View) -> None:
    """Operations on a guest's memory and processors."""
    contain(view, "hvmops")


def debugop(view: View) -> None:
    """Single steps."""
    contain(view, "debugop")


def pvclock(view: View) -> None:
    """The time stamps that a guest gets."""
    contain(view, "pvclock")


def tsc(view: View) -> None:
    """TSC emulation."""
    contain(view, "tsc")


def switch(view: View) -> None:
    """Context switches."""
    contain(view, "switch")


def dump(view: View) -> None:
    """Debug keys."""
    contain(view, "dump")


def profiling(view: View) -> None:
    """Xenoprof."""
    contain(view, "profiling")


def passthrough(view: View) -> None:
    """Page tables of the IOMMU."""
    contain(view, "passthrough")


def amd(view: View) -> None:
    """Page tables of AMD's IOMMU."""
    contain(view, "amd")
