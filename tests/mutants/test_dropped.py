"""Every mutant of stage 06 is caught on the sample, by the proof that is named, and the true series by none."""

from __future__ import annotations

import pytest

from .dropped import DROPPED
from .operators import Mutant
from .run import Bench, bench, catch, prove


@pytest.fixture(scope="module")
def on() -> Bench:
    return bench("sample", also=(6,))


@pytest.mark.parametrize("mutant", DROPPED, ids=[m.name for m in DROPPED])
def test_caught(mutant: Mutant, on: Bench) -> None:
    got = catch(mutant, on)
    assert got.caught, got


@pytest.mark.parametrize("name", ["predicates", "abi"])
def test_the_true_series_raises_no_alarm(name: str, on: Bench) -> None:
    for (stage, _), case in on.cases.items():
        if stage == 6:
            proof = prove(case, name, on.opened.cache, 6)
            assert proof.verdict == "PASS", proof.findings[:2]
