"""Stages 05 and 06 on the sample: what they declare is held both ways, and no test of a group is left behind."""

from __future__ import annotations

import dataclasses

import pytest

from xenstage.effect import Effect
from xenstage.prove.case import Case

from .audit import left_behind
from .run import Bench, bench, prove


@pytest.fixture(scope="module")
def on() -> Bench:
    return bench("sample")


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


def test_each_site_of_a_group_that_is_left_behind_is_caught(on: Bench) -> None:
    """No truth table tells it: is_hvm_domain() is as true today as the feature that the rest of the group asks for."""
    (case,) = (c for (s, _), c in on.cases.items() if s == 5 and c.declared.moved)
    mutants = left_behind("has_emuirq", "is_hvm_domain")(case.after)
    assert len(mutants) > 8
    assert prove(case, "gates", on.opened.cache, 1).verdict == "PASS"
    for changed in mutants:
        spoilt = dataclasses.replace(case, after=case.after.with_overlay(changed))
        proof = prove(spoilt, "gates", on.opened.cache, 1)
        assert any("is left behind" in f.what for f in proof.findings), (list(changed), proof)
