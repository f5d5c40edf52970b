"""Every mutant is caught by the proof that it names, and the true series raises no alarm."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from .catalogue import MUTANTS
from .operators import Mutant
from .run import SOURCE, Bench, bench, build, catch, prove

KINDS = {
    "polarity", "conjunct dropped", "!pvh && X to X", "pvh && X to X", "current for d", "d for current",
    "vcpu for domain", "|| for &&", "&& for ||", "wrong feature", "handler swapped", "handler of the wrong width",
    "handler missing in one table", "table widened", "table narrowed", "row dropped", "presence test",
    "errno changed", "register width changed", "wrong union half", "may be NULL", "flag set before it is read",
    "flag never set", "flag set too widely", "flag without type", "initialisation dropped", "teardown dropped",
    "early return moved above work", "switch case lost", "else dropped", "arms swapped", "ARM build broken",
    "NDEBUG build broken", "XSM build broken", "ABI value reused", "ABI value changed", "ABI layout changed",
    "version bump forgotten", "stray byte outside the edits", "style", "name left behind",
    "type in a head changed", "section changed", "attribute changed", "conditions around a definition",
    "field of another type", "name shadowed", "second definition", "macro's body", "text included", "build file",
    "ABI macro with arguments", "ABI of the hypervisor", "ABI of an old version", "save record changed",
    "guard behind its use", "bound gone", "evaluated otherwise", "width of a number", "arithmetic",
    "text that reads alike", "table's length", "reader of a value", "third combination", "refused otherwise",
    "HVM lacks a feature", "PVH has a feature", "second writer", "a test names another feature", "a gate unbalanced",
    "a gate dropped", "container conjunct dropped",
    "a constraint dropped", "a constraint too wide", "a feature where a container is meant",
    "an effect larger than declared", "an effect that does not happen", "is_pvh && X turned into X", "mask dropped",
    "paging_mode_translate(curr) alone", "bit reused", "dom0 given features", "features lost", "field in the middle",
    "field too wide", "padding", "report", "toolstack left out", "validator", "version not raised",
}  # fmt: skip
LONG = {
    "ABI macro with arguments", "ABI of the hypervisor", "ABI of an old version", "save record changed",
    "reader of a value",
}  # fmt: skip
SAMPLE_ONLY = {"audit-iopl-of-containers"}  # the Xen tree has no such test


def made(tree: str, cache: Path) -> Bench:
    """The true series of the written stages, by somebody with a name."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{name}_NAME", "A Developer")
            patch.setenv(f"GIT_{name}_EMAIL", "developer@example.org")
        patch.setenv("XDG_CACHE_HOME", str(cache))
        return bench(tree)


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """On the sample; tests/mutants/test_real.py has the same tests on the Xen tree."""
    return made("sample", tmp_path_factory.mktemp("cache"))


def test_the_catalogue_has_every_kind() -> None:
    assert {m.kind for m in MUTANTS} == KINDS
    assert len(MUTANTS) >= 40
    assert not [n for n, count in Counter(m.name for m in MUTANTS).items() if count > 1]


def test_the_true_series_raises_no_alarm(on: Bench) -> None:
    alarms = []
    for (stage, patch), case in on.cases.items():
        total = sum(s == stage for s, _ in on.cases)
        proofs = [prove(case, name, on.opened.cache, total) for name in SOURCE]
        alarms += [(stage, patch, p.name, p.findings[:2]) for p in proofs if p.verdict not in ("PASS", "SKIP")]
    assert not alarms


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if not m.config], ids=lambda m: m.name)
def test_is_caught(on: Bench, mutant: Mutant) -> None:
    if on.tree != "sample" and mutant.kind in LONG:
        pytest.skip("on the Xen tree these take minutes: make mutants")
    if on.tree != "sample" and mutant.name in SAMPLE_ONLY:
        with pytest.raises(LookupError):
            catch(mutant, on)
        return
    got = catch(mutant, on)
    assert got.caught, f"{mutant.caught_by} says {got.verdict} to: {mutant.kind}, in {got.site}"
    assert got.finding


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.config], ids=lambda m: m.name)
def test_a_broken_build_is_caught(on: Bench, mutant: Mutant) -> None:
    if on.tree != "sample" and not os.environ.get("XENSTAGE_BUILD_MUTANTS"):
        pytest.skip("minutes on the real tree: make mutants, or XENSTAGE_BUILD_MUTANTS=1")
    got = catch(mutant, on)
    if got.verdict == "SKIP":
        pytest.skip(got.finding)
    assert got.verdict == "FAIL" and mutant.config in got.finding, got
    true = on.case(mutant)
    assert build(on, true.commit, mutant.config).verdict == "PASS"
