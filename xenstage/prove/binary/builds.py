"""builds: does the patch build in every configuration, with no warning of its own?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...builds.builder import Result
from ...builds.tools import concerns, untried
from ..case import Case
from ..result import FAIL, INFRA, PASS, SKIP, Finding, Proof


def prove_builds(
    case: Case, results: Mapping[str, Result], unbuilt: str = "", before: Mapping[str, Result] | None = None
) -> Proof:
    """The verdicts of the builds of one patch.

    :param results: configuration to result; SKIP where the compiler is missing.  "tools" is
        the result of the tools, for a patch that changes what they are made of.
    :param unbuilt: why there are none.
    :param before: the results of the commit before it: what that one does not build is not asked of
        the patch, and not shown either.
    """
    if unbuilt and not results:
        return Proof("builds", SKIP, f"nothing was built: {unbuilt}", (Finding("builds", f"SKIP: {unbuilt}"),))
    results = {c: _beside(r, (before or {}).get(c)) for c, r in results.items()}
    findings = tuple(Finding(c, f"{r.verdict}: {r.reason}") for c, r in sorted(results.items()) if r.verdict != "PASS")
    facts = {
        c: {
            "verdict": r.verdict,
            "reason": r.reason,
            "seconds": r.seconds,
            "compiler": r.compiler,
            "command": r.command,
        }
        for c, r in sorted(results.items())
    }
    verdicts = [r.verdict for r in results.values()]
    good = verdicts.count("PASS")
    summary = f"{good} of {len(results)} configurations"
    if any(v in ("FAIL", "TIMEOUT") for v in verdicts):
        return Proof("builds", FAIL, summary, findings, facts)
    if "INFRA" in verdicts:
        return Proof("builds", INFRA, summary, findings, facts)
    touched = concerns(case.changed)
    if touched and "tools" not in results:
        findings += (Finding("tools", f"SKIP: the tools were not built; the patch changes {touched[0]}"),)
    if alone := untried(case.changed):
        findings += (Finding("tools", f"SKIP: no target that is built here has {', '.join(alone)}"),)
    if findings or not results:
        return Proof(
            "builds", SKIP, f"{summary}; {findings[0].what if findings else 'none was asked for'}", findings, facts
        )
    return Proof("builds", PASS, summary, (), facts)


def _beside(result: Result, before: Result | None) -> Result:
    """The result, where the commit before builds at all."""
    if before is None or before.verdict == "PASS" or result.verdict not in ("FAIL", "TIMEOUT"):
        return result
    return replace(result, verdict="SKIP", reason=f"the commit before it does not build either: {before.reason}")
