"""Run mutants: the named proof over the spoilt patch."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from xenstage.builds.builder import Builder, Result
from xenstage.cache import Cache
from xenstage.cli.common import Opened, open_all, stages
from xenstage.cli.proving import base_files
from xenstage.cli.run import make
from xenstage.cli.verify import cases_of
from xenstage.index.sweep import Files
from xenstage.process import Runner
from xenstage.prove.binary.builds import prove_builds
from xenstage.prove.case import Case
from xenstage.prove.interface.abi import prove_abi
from xenstage.prove.patch.form import prove_form
from xenstage.prove.patch.residue import prove_residue
from xenstage.prove.result import Proof
from xenstage.prove.source.follow import follow
from xenstage.prove.source.gates import prove_gates
from xenstage.prove.source.hypercalls import prove_hypercalls
from xenstage.prove.source.lifetimes import prove_lifetimes
from xenstage.prove.source.predicates import prove_predicates
from xenstage.tree.config import BY_NAME
from xenstage.tree.git import Identity

from .claims import prove_claim
from .operators import Mutant

SOURCE = ("predicates", "hypercalls", "abi", "lifetimes", "gates", "residue", "form", "claim")
Cases = Mapping[tuple[int, int], Case]


@dataclass(frozen=True)
class Bench:
    """The true series of a tree.

    :param tree: "sample", or the path of a clone of xen.git.
    """

    tree: str
    opened: Opened
    cases: Cases

    def case(self, mutant: Mutant) -> Case:
        """The true patch that a mutant spoils; a negative number counts from the stage's end.

        :raises LookupError: no patch of this tree has the subject.
        """
        if mutant.subject:
            named = [c for (s, _), c in self.cases.items() if s == mutant.stage and mutant.subject in c.subject]
            if not named:
                raise LookupError(f"no patch is about {mutant.subject}")
            return named[0]
        patch = mutant.patch
        if patch < 0:
            patch += 1 + max(n for s, n in self.cases if s == mutant.stage)
        return self.cases[(mutant.stage, patch)]


@dataclass(frozen=True)
class Caught:
    """What a proof said of a mutant.

    :param site: the files that were spoilt.
    :param finding: the first one; "" where there is none.
    """

    mutant: Mutant
    site: str
    verdict: str
    finding: str

    @property
    def caught(self) -> bool:
        """Whether it did not pass."""
        return self.verdict in ("FAIL", "REFUSED")


def bench(tree: str) -> Bench:
    """Make the true series of the written stages on a tree ("sample" for the bundled one)."""
    import argparse

    args = argparse.Namespace(tree=tree, base="HEAD", config=["x86_64-debug"])
    opened = open_all(args)
    known = stages()
    written = [s for s in known.values() if s.whole]
    base = base_files(opened)
    out: dict[tuple[int, int], Case] = {}
    for series in make(opened, known, written):
        for case in cases_of(opened, series, base):
            out[(series.stage.number, case.number)] = case
    return Bench(tree, opened, out)


def prove(case: Case, name: str, cache: Cache, total: int) -> Proof:
    """One proof that needs no build."""
    if name == "predicates":
        return follow(case, prove_predicates(case))
    if name == "hypercalls":
        return prove_hypercalls(case, {})
    if name == "lifetimes":
        return prove_lifetimes(case)
    if name == "abi":
        return prove_abi(case, cache=cache)
    if name == "residue":
        return prove_residue(case)
    if name == "gates":
        return prove_gates(case)
    if name == "claim":
        return prove_claim(case, cache)
    return prove_form(case, patch=None, total=total)


def spoil(mutant: Mutant, case: Case) -> tuple[Case, dict[str, bytes]]:
    """The patch with the mistake in it.

    :raises LookupError: when the tree has no place for it.
    """
    if mutant.both is not None:
        case = dataclasses.replace(
            case, before=_with(case.before, mutant.both(case.before)), after=_with(case.after, mutant.both(case.after))
        )
    changed = mutant.apply(case.after)
    after: Files = case.after.with_overlay(changed)
    declared = case.declared if mutant.keeps_edits else dataclasses.replace(case.declared, edits=None)
    paths = tuple(sorted({*case.changed, *changed}))
    return dataclasses.replace(case, after=after, changed=paths, declared=declared), changed


def _with(files: Files, brought: Mapping[str, bytes]) -> Files:
    """A tree with files that the commit has as well."""
    tracked = {**files.tracked, **dict.fromkeys(brought, "100644")}
    return dataclasses.replace(files, tracked=tracked).with_overlay(brought)


def catch(mutant: Mutant, on: Bench) -> Caught:
    """Run the named proof over a mutant."""
    if mutant.config:
        return _catch_build(mutant, on)
    case, changed = spoil(mutant, on.case(mutant))
    total = sum(s == mutant.stage for s, _ in on.cases)
    proof = prove(case, mutant.caught_by, on.opened.cache, total)
    first = f"{proof.findings[0].where}: {proof.findings[0].what}" if proof.findings else ""
    return Caught(mutant, ", ".join(Path(p).name for p in changed), proof.verdict, first)


def _catch_build(mutant: Mutant, on: Bench) -> Caught:
    """Build the spoilt patch, in the configuration in which it must not build."""
    case, changed = spoil(mutant, on.case(mutant))
    git, cache = on.opened.tree.git, on.opened.cache
    me = Identity("A Mutant", "mutant@example.org")
    scratch = cache.scratch("mutant")
    commit = git.commit(case.commit, changed, mutant.name, author=me, date=1420156800, scratch=scratch)
    proof = prove_builds(case, {mutant.config: build(on, commit, mutant.config)})
    # The first finding names the configuration and what make said.
    first = f"{proof.findings[0].where}: {proof.findings[0].what}" if proof.findings else ""
    return Caught(mutant, ", ".join(Path(p).name for p in changed), proof.verdict, first)


def build(on: Bench, commit: str, config: str) -> Result:
    """A commit in one configuration."""
    builder = Builder(on.opened.tree, BY_NAME[config], on.opened.cache, Runner(), time.monotonic)
    return builder.build(commit, None)
