"""Stages that run by name, on the sample: every mutant is caught, the true series by no proof, effects are exact."""

from __future__ import annotations

import dataclasses

import pytest

from xenstage.effect import Effect
from xenstage.prove.case import Case

from .audit import AUDIT
from .dropped import DROPPED
from .operators import Mutant
from .run import Bench, bench, catch, prove


@pytest.fixture(scope="module")
def on() -> Bench:
    return bench("sample", also=(5, 6))


@pytest.mark.parametrize("mutant", (*AUDIT, *DROPPED), ids=lambda m: m.name)
def test_caught(mutant: Mutant, on: Bench) -> None:
    got = catch(mutant, on)
    assert got.caught, got


@pytest.mark.parametrize("name", ["predicates", "abi"])
def test_the_true_series_raises_no_alarm(name: str, on: Bench) -> None:
    for (stage, _), case in on.cases.items():
        if stage == 6:
            proof = prove(case, name, on.opened.cache, 6)
            assert proof.verdict == "PASS", proof.findings[:2]


def declared(case: Case, *effects: Effect) -> str:
    """What predicates says of a true patch that declares these effects."""
    said = dataclasses.replace(case.declared, effects=effects)
    case = dataclasses.replace(case, declared=said)
    return prove(case, "predicates", case.after.cache, 1).verdict  # type: ignore[arg-type]


def test_effects_are_held_both_ways(on: Bench) -> None:
    """One that is missing, one that is of another kind of guest, and one that does not happen."""
    cases = [c for (s, _), c in on.cases.items() if s == 5 and c.declared.effects]
    assert len(cases) >= 5
    for case in cases:
        first, *rest = case.declared.effects
        assert declared(case, first, *rest) == "PASS", case.subject
        assert declared(case, *rest) != "PASS", f"{case.subject}: {first.where} is missing"
        other = dataclasses.replace(first, kind="pv")
        assert declared(case, other, *rest) != "PASS", f"{case.subject}: {other.where}"
        wider = Effect("xen/common/domain.c", "domain_create", "pvh", reads_true="is_hvm_*")
        assert declared(case, first, *rest, wider) != "PASS", f"{case.subject}: an effect that does not happen"
