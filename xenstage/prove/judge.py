"""judge_patch: all proofs over one patch, and what its message may say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ..builds.builder import Result
from ..cache import Cache
from .binary.builds import prove_builds
from .binary.compiled import prove_objects
from .binary.coverage import coverage
from .case import Case
from .interface.abi import prove_abi
from .model import guests
from .patch.residue import is_documentation, prove_residue
from .result import FAIL, PASS, SKIP, Finding, Proof, worst
from .source.hypercalls import prove_hypercalls
from .source.lifetimes import prove_lifetimes
from .source.predicates import prove_predicates

NFC = "No functional change."
NAMES = ("builds", "predicates", "hypercalls", "objects", "abi", "lifetimes", "residue", "form")
Built = Mapping[str, tuple[Result, Result]]  # configuration -> results of the parent and of the patch


@dataclass(frozen=True)
class Judgement:
    """What the proofs come to for one patch.

    :param proofs: in the order of ``NAMES``.
    :param nfc: whether the evidence shows that nothing changes in function.
    :param why_not: what it does not show, when it does not.
    :param conclusion: the sentence for the message; "" where the declared changes say it.
    """

    case: Case
    proofs: tuple[Proof, ...]
    nfc: bool
    why_not: tuple[str, ...]
    conclusion: str

    @property
    def verdict(self) -> str:
        """The worst of all."""
        return worst([p.verdict for p in self.proofs])

    def with_form(self, form: Proof) -> Judgement:
        """The same with the proof that looks at the finished mail."""
        return replace(self, proofs=(*(p for p in self.proofs if p.name != "form"), form))


def judge_patch(
    case: Case, built: Built, *, cache: Cache, only: frozenset[str] = frozenset(NAMES), step: Callable[[str], None]
) -> Judgement:
    """Run the proofs, but for form, which needs the finished mail.

    :param built: results of the builds; may be empty.
    :param only: names of the proofs to run.
    :param step: told the name of each proof that is done.
    """
    ours = {c: row for c, row in built.items() if c.startswith(guests.DISPATCH_ARCH) and all(map(_tables, row))}
    tables = {c: (a.harvest["tables"], b.harvest["tables"]) for c, (a, b) in ours.items()}
    runs: dict[str, Callable[[], Proof]] = {
        "builds": lambda: prove_builds(case, {c: b for c, (_, b) in built.items()}),
        "predicates": lambda: prove_predicates(case),
        "hypercalls": lambda: prove_hypercalls(case, tables),
        "abi": lambda: prove_abi(case, cache=cache),
        "lifetimes": lambda: prove_lifetimes(case),
        "residue": lambda: prove_residue(case),
    }
    done: dict[str, Proof] = {}
    for name, run in runs.items():
        if name in only:
            done[name] = run()
            step(name)
    covers = {n: f"{how} ({p.name})" for p in done.values() if p.verdict in (PASS, SKIP) for n, how in p.covers.items()}
    sources = {o: s for _, b in built.values() for o, s in b.harvest.get("sources", {}).items()}
    covering = coverage(case, covers, sources)
    if "objects" in only:
        done["objects"] = prove_objects(case, built, covering)
        step("objects")
    why_not = _why_not(case, built, done, covering.uncovered(), only)
    done = {n: _hold_to_claim(p, case, why_not) for n, p in done.items()}
    proofs = tuple(done[n] for n in NAMES if n in done)
    return Judgement(case, proofs, not why_not, tuple(why_not), _conclude(case, why_not))


def _tables(result: Result) -> bool:
    return bool(result.harvest.get("tables"))


def _unread(case: Case, built: Built) -> list[str]:
    """Changed files of which no proof knows what they do: C is read, assembly compared where it was compiled."""
    compiled = {o for _, b in built.values() for o in b.harvest.get("objects", {})}
    out = []
    for path in case.changed:
        if is_documentation(path) or path.endswith((".c", ".h")):
            continue
        if not (path.endswith(".S") and path.removeprefix("xen/").removesuffix(".S") + ".o" in compiled):
            out.append(path)
    return out


def _why_not(
    case: Case, built: Built, done: Mapping[str, Proof], uncovered: list[str], only: frozenset[str]
) -> list[str]:
    """Why the message may not say that nothing changes in function."""
    if case.declared.intended:
        return [f"an intended change: {text}" for text in case.declared.intended]
    missing = [n for n in ("predicates", "hypercalls", "objects", "abi", "lifetimes") if n not in only]
    out = [f"{n} was not asked for" for n in missing]
    objects = done.get("objects")
    for name in ("predicates", "hypercalls", "objects", "abi", "lifetimes"):
        if name in done and done[name].verdict != PASS:
            out.append(f"{name}: {done[name].summary}")
    # Equal objects waive nothing: they do not speak for tools, other architectures, or code that was left out.
    out += [f"{path} is read by no proof" for path in _unread(case, built)]
    out += [f"{u} is covered by no proof" for u in uncovered]
    if objects is not None:
        out += [f"the compiled function {f} differs and no proof covers it" for f in objects.facts.get("uncovered", [])]
    return out


def _hold_to_claim(proof: Proof, case: Case, why_not: list[str]) -> Proof:
    """A message that says "No functional change" without the evidence for it is a failure."""
    if proof.name != "objects" or not case.claims_nfc or not why_not:
        return proof
    findings = (*proof.findings, *(Finding("message", f"says 'No functional change', but {w}") for w in why_not[:8]))
    return replace(proof, verdict=FAIL, summary="the message claims more than is shown", findings=findings)


def _conclude(case: Case, why_not: list[str]) -> str:
    if not why_not:
        return NFC
    if case.declared.intended:
        return ""
    first = "; ".join(why_not[:3])
    more = f"; and {len(why_not) - 3} more" if len(why_not) > 3 else ""
    return f"It is not shown that nothing changes in function: {first}{more}."
