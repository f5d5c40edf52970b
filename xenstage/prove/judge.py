"""judge_patch: all proofs over one patch, and what its message may say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ..builds.builder import Result
from ..cache import Cache
from .binary.builds import prove_builds
from .binary.compiled import prove_objects
from .binary.coverage import coverage
from .binary.equal import Equal, equal_objects
from .case import Case
from .interface.abi import prove_abi
from .model import guests
from .patch.residue import is_prose, prove_residue
from .remembered import remembered
from .result import FAIL, INFRA, PASS, REFUSED, SKIP, Finding, Proof, worst
from .source.follow import follow, settle
from .source.gates import prove_gates
from .source.hypercalls import prove_hypercalls
from .source.lifetimes import prove_lifetimes
from .source.predicates import prove_predicates

NFC = "No functional change."
NAMES = ("builds", "predicates", "hypercalls", "objects", "abi", "lifetimes", "gates", "residue", "form")
# What reads the source to show that it does the same; equal objects show it in another way.
SOURCE = ("predicates", "hypercalls", "lifetimes")
Built = Mapping[str, tuple[Result, Result]]  # configuration -> results of the parent and of the patch


@dataclass(frozen=True)
class Judgement:
    """What the proofs come to for one patch.

    :param proofs: in the order of ``NAMES``.
    :param nfc: whether the source proofs show that nothing changes in function.
    :param why_not: what they do not show, when they do not.
    :param conclusion: the sentence for the message; "" where the declared changes say it.
    :param equal: what equal objects show by themselves.
    """

    case: Case
    proofs: tuple[Proof, ...]
    nfc: bool
    why_not: tuple[str, ...]
    conclusion: str
    equal: Equal = field(default_factory=Equal)

    @property
    def shown(self) -> str:
        """By which evidence it is shown that nothing changes in function; "" where it is not."""
        if self.nfc:
            return "the source proofs"
        return f"equal objects in {self.equal.where}" if self.equal.holds and not self.case.declared.intended else ""

    @property
    def verdict(self) -> str:
        """The worst of all proofs; where equal objects decide, what the source did not show is no part of it."""
        counted = [p for p in self.proofs if not (p.verdict == REFUSED and p.name in SOURCE and self.equal.holds)]
        return worst([p.verdict for p in counted])

    @property
    def says(self) -> str:
        """One sentence for a maintainer: what is shown, by which evidence, and what is not."""
        built = next((p.summary for p in self.proofs if p.name == "builds" and p.verdict != SKIP), "not built")
        more = f"; and {len(self.why_not) - 1} more" if len(self.why_not) > 1 else ""
        first = f"{self.why_not[0]}{more}" if self.why_not else ""
        bad = [p for p in self.proofs if p.verdict in (FAIL, INFRA)]
        if bad and bad[0].findings:
            return f"{bad[0].name}: {bad[0].findings[0].where}: {bad[0].findings[0].what} ({built})"
        if self.nfc:
            return f"shown by the source proofs: nothing changes in function ({built})"
        if self.shown:
            equal = f"every compiled function is as before in {self.equal.where}"
            return f"shown by equal objects: {equal}; the source proofs do not show it: {first}"
        if self.case.declared.intended:
            return f"changes as it declares ({built})"
        word = "CLAIMED AND NOT SHOWN" if self.case.claims_nfc else "not shown to change nothing"
        return f"{word}: {first} ({built})"

    def with_form(self, form: Proof) -> Judgement:
        """The same with the proof that looks at the finished mail; of a patch that is not ours it is advice."""
        if form.verdict == FAIL and self.case.declared.edits is None:
            form = replace(form, verdict=PASS, summary=f"advice: {form.summary}")
        return replace(self, proofs=(*(p for p in self.proofs if p.name != "form"), form))


def judge_patch(
    case: Case,
    built: Built,
    *,
    cache: Cache,
    only: frozenset[str] = frozenset(NAMES),
    step: Callable[[str], None],
    unbuilt: str = "",
) -> Judgement:
    """Run the proofs, but for form, which needs the finished mail.

    :param built: results of the builds; may be empty.
    :param only: names of the proofs to run.
    :param step: told the name of each proof that is done.
    :param unbuilt: why nothing could be built.
    """
    ours = {c: row for c, row in built.items() if c.startswith(guests.DISPATCH_ARCH) and all(map(_tables, row))}
    tables = {c: (a.harvest["tables"], b.harvest["tables"]) for c, (a, b) in ours.items()}
    runs: dict[str, Callable[[], Proof]] = {
        "builds": lambda: prove_builds(
            case, {c: b for c, (_, b) in built.items()}, unbuilt, {c: a for c, (a, _) in built.items()}
        ),
        "predicates": lambda: remembered("predicates", case, cache, lambda: follow(case, prove_predicates(case))),
        "hypercalls": lambda: remembered(
            "hypercalls", case, cache, lambda: prove_hypercalls(case, tables), repr(tables)
        ),
        "abi": lambda: prove_abi(case, cache=cache),
        "lifetimes": lambda: remembered("lifetimes", case, cache, lambda: prove_lifetimes(case)),
        "gates": lambda: remembered("gates", case, cache, lambda: prove_gates(case)),
        "residue": lambda: prove_residue(case),
    }
    done: dict[str, Proof] = {}
    for name, run in runs.items():
        if name in only:
            done[name] = run()
            step(name)
    if {"predicates", "lifetimes"} <= done.keys() and case.declared.edits is None:
        done["lifetimes"] = settle(done["lifetimes"], done["predicates"])
    if "residue" in done and case.declared.edits is None:
        done["residue"] = _advice(done["residue"])
    covers = {n: f"{how} ({p.name})" for p in done.values() if p.verdict in (PASS, SKIP) for n, how in p.covers.items()}
    sources = {o: s for _, b in built.values() for o, s in b.harvest.get("sources", {}).items()}
    covering = coverage(case, covers, sources)
    if "objects" in only:
        done["objects"] = prove_objects(case, built, covering)
        step("objects")
    equal = equal_objects(case, built) if "objects" in only else Equal()
    done = {n: _confirmed(p, equal) for n, p in done.items()}
    why_not = _why_not(case, built, done, covering.uncovered(), only)
    unshown = [] if equal.holds else [*why_not, *(why_not and (*equal.gaps, *equal.differ))]
    done = {n: _hold_to_claim(p, case, unshown) for n, p in done.items()}
    if "objects" in done:
        done["objects"].facts["equal"] = {
            "configurations": list(equal.configs), "differ": list(equal.differ), "gaps": list(equal.gaps)
        }  # fmt: skip
    proofs = tuple(done[n] for n in NAMES if n in done)
    conclusion = _conclude(case, why_not, done)
    return Judgement(case, proofs, not why_not, tuple(why_not), conclusion, equal)


def _advice(residue: Proof) -> Proof:
    """A name that is gone and that a comment still has: somebody's patch is told, and not failed for it."""
    if residue.verdict != FAIL or not all(f.what.endswith("(comment)") for f in residue.findings):
        return residue
    return replace(residue, verdict=PASS, summary=f"advice: {residue.summary}")


def _confirmed(proof: Proof, equal: Equal) -> Proof:
    """A difference that a proof reads in the source is no counterexample where the compiler makes the same of both."""
    if proof.name not in SOURCE or proof.verdict != FAIL or not equal.holds:
        return proof
    summary = f"{proof.summary} in the source, none in the objects of {equal.where}"
    return replace(proof, verdict=REFUSED, summary=summary)


def _tables(result: Result) -> bool:
    return bool(result.harvest.get("tables"))


def _unread(case: Case, built: Built) -> list[str]:
    """Changed files of which no proof knows what they do: C is read, assembly compared where it was compiled."""
    compiled = {o for _, b in built.values() for o in b.harvest.get("objects", {})}
    out = []
    for path in case.changed:
        modes = [side.tracked.get(path, "100644") for side in (case.before, case.after)]
        plain = all(m.startswith("100") for m in modes)
        if plain and (is_prose(case, path) or path.endswith((".c", ".h"))):
            continue
        if not (plain and path.endswith(".S") and path.removeprefix("xen/").removesuffix(".S") + ".o" in compiled):
            out.append(path)
    return out


def _why_not(
    case: Case, built: Built, done: Mapping[str, Proof], uncovered: list[str], only: frozenset[str]
) -> list[str]:
    """Why the message may not say that nothing changes in function."""
    if case.declared.intended:
        return [f"an intended change: {text}" for text in case.declared.intended]
    effects = [e for e in case.declared.effects if not e.unreachable]
    if effects:
        return [f"a declared effect: {e.where}" for e in effects]
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
    """A message that says "No functional change" without the evidence for it claims what is not shown."""
    if proof.name != "objects" or not case.claims_nfc or not why_not:
        return proof
    findings = (*proof.findings, *(Finding("message", f"says '{case.claim}', but {w}") for w in why_not[:8]))
    return replace(proof, verdict=REFUSED, summary="the message claims more than is shown", findings=findings)


def _conclude(case: Case, why_not: list[str], done: Mapping[str, Proof]) -> str:
    """The sentence for the message, from what is true of the patch.

    What could not run on this machine, or was not asked for, is the evidence's business: the history
    of a tree has no use for what one machine lacked.
    """
    if not why_not:
        return NFC
    if case.declared.intended:
        return ""
    deciding = [n for n in NAMES if n not in ("builds", "residue", "form")]
    whole = all(n in done and done[n].verdict not in (SKIP, INFRA) for n in deciding)
    if not whole and not any(not e.unreachable for e in case.declared.effects):
        why_not = [f"{n}: {done[n].summary}" for n in deciding if n in done and done[n].verdict in (FAIL, REFUSED)]
    if not why_not:
        return ""
    first = "; ".join(why_not[:3])
    more = f"; and {len(why_not) - 3} more" if len(why_not) > 3 else ""
    return f"It is not shown that nothing changes in function: {first}{more}."
