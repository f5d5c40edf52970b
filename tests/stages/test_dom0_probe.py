"""dom0's probe and the stages say the same: of the features, and of what their patches declare."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from xenstage.bundle import place
from xenstage.stage.declare import load_stages

STAGES = load_stages(place("stages"))
SOURCES = {p.name: p.read_text() for p in place("guests").joinpath("dom0").glob("*.c")}
GUEST = "dom0-probe:"


def test_dom0s_probe_knows_the_features_by_their_bits() -> None:
    listed = re.search(r"features\[\] = \{(.*?)\};", SOURCES["absent.c"], re.S)
    assert listed is not None
    features = import_module("xenstage_stage_03_feature_flags.features").FEATURES
    assert re.findall(r'"(\w+)"', listed[1]) == [f.name.lower() for f in features]


@pytest.mark.parametrize("number", sorted(STAGES))
def test_what_is_declared_of_dom0s_probe_is_something_that_it_asks(number: int) -> None:
    words = {w for text in SOURCES.values() for w in re.findall(r"\w+", text)}
    declared = [d.removeprefix(GUEST) for p in STAGES[number].patches for d in p.probes if d.startswith(GUEST)]
    for name in (d.partition("=")[0] for d in declared):
        assert all(part in words for part in re.findall(r"[a-z_]+", name)), name
