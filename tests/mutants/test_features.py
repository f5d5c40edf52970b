"""The operators on gates, which no written stage has yet: on the mock of one that has."""

from __future__ import annotations

import dataclasses

import pytest

from tests.prove.kit import on_disk, verdicts
from tests.prove.mock.stage import PATCHES, series
from tests.prove.mock.test_mock import mock_files
from xenstage.prove.case import Case
from xenstage.prove.result import PASS

from .features import accessors, gate
from .operators import Apply

REFUSE, GIVE, SPLIT, ASK, ANY, RENAME = (p.subject for p in PATCHES)
GATES = (
    ("flipped", ASK, gate("{other}{ask}")),
    ("flipped, another", SPLIT, gate("{other}{ask}", nth=2)),
    ("dropped", SPLIT, gate("1")),
    ("never", SPLIT, gate("0")),
    ("unbalanced", SPLIT, gate("1", within="devices_destroy|devices_relinquish")),
    ("of a kind", SPLIT, gate("is_pvh_domain({argument})")),
    ("of the current guest", ASK, gate("{sign}has_vlapic(current->domain)", name="has_vlapic")),
    ("without its container", ANY, gate("0", name="has_vtsc")),
)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """The mock's patches by subject."""
    return {p.subject: c for p, c in series(on_disk(mock_files(), tmp_path_factory.mktemp("tree")))}


def test_accessors_and_their_bits_are_found_by_their_shape(cases: dict[str, Case]) -> None:
    found = accessors(cases[GIVE].after)
    assert ("has_vlapic", "DOMFEAT_VLAPIC") in [(a.name, a.bit) for a in found]
    assert len({a.bit for a in found}) == len(found) == 17


@pytest.mark.parametrize(("name", "subject", "apply"), GATES, ids=lambda x: x if isinstance(x, str) else "")
def test_a_gate_that_is_spoilt_is_caught(cases: dict[str, Case], name: str, subject: str, apply: Apply) -> None:
    case = cases[subject]
    changed = apply(case.after)
    paths = tuple(sorted({*case.changed, *changed}))
    spoilt = dataclasses.replace(case, after=case.after.with_overlay(changed), changed=paths)
    assert any(p.verdict != PASS for p in verdicts(spoilt)), name


def test_no_place_is_an_error(cases: dict[str, Case]) -> None:
    with pytest.raises(LookupError, match="no function asks has_horn"):
        gate("1", name="has_horn")(cases[ASK].after)
    with pytest.raises(LookupError, match="no accessors"):
        gate("1")(cases[REFUSE].after)
