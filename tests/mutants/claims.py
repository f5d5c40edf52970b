"""prove_claim: may a patch still say that nothing changes in function, as far as no build is needed?"""

from __future__ import annotations

from collections.abc import Mapping

from xenstage.builds.builder import Result
from xenstage.cache import Cache
from xenstage.prove.case import Case
from xenstage.prove.judge import NAMES, judge_patch
from xenstage.prove.result import FAIL, PASS, SKIP, Finding, Proof

NAME = "claim"
_SOURCE = frozenset({"predicates", "hypercalls"})
UNCLAIMED = frozenset({"x86: name what serves guests without devices for that", "xen: drop the PVH flag"})
"""Patches of ours that do not say it: new heads with sections, and a smaller struct domain, no source proof covers."""


def prove_claim(case: Case, cache: Cache, built: Mapping[str, tuple[Result, Result]] | None = None) -> Proof:
    """FAIL with every reason why not, but for the want of builds that were not asked for."""
    if case.subject in UNCLAIMED:
        return Proof(NAME, PASS, "it does not say so")
    only = frozenset(NAMES) if built else _SOURCE
    judged = judge_patch(case, built or {}, cache=cache, only=only, step=lambda _: None)
    skipped = tuple(f"{p.name}: " for p in judged.proofs if p.verdict == SKIP)
    if not built:
        why = [w for w in judged.why_not if not w.startswith(skipped) and not w.endswith("was not asked for")]
    else:
        why = list(judged.why_not)
    # What a patch declares to change is no claim that nothing does.
    why = [w for w in why if w not in {f"an intended change: {i}" for i in case.declared.intended}]
    why = [w for w in why if not w.startswith("a declared effect: ")]
    first = {p.name: f" ({p.findings[0].where}: {p.findings[0].what})" for p in judged.proofs if p.findings}
    told = [w + first.get(w.partition(": ")[0], "") for w in why]
    return Proof(NAME, FAIL if why else PASS, "", tuple(Finding("claim", w) for w in told))
