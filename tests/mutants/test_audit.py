"""Stage 05 on the sample: mistakes in what the audit decided are caught, and each effect that is not as declared."""

from __future__ import annotations

import dataclasses

import pytest

from xenstage.effect import Effect
from xenstage.prove.case import Case

from .audit import AUDIT
from .operators import Mutant
from .run import Bench, bench, catch, prove


@pytest.fixture(scope="module")
def on() -> Bench:
    return bench("sample", also=(5,))


@pytest.mark.parametrize("mutant", AUDIT, ids=[m.name for m in AUDIT])
def test_caught(mutant: Mutant, on: Bench) -> None:
    got = catch(mutant, on)
    assert got.caught, got


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
