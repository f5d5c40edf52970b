"""What is broken on purpose gets the right verdict: guests and emulators really booted, hypervisors at least found.

The broken hypervisors are built and booted by ``make sabotage``: that takes ten minutes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.boot.kit import need_boots
from tests.cli.kit import user_environment
from xenstage.boot.model import Outcome, Verdict
from xenstage.cache import Cache
from xenstage.process import Runner

from .__main__ import main, right
from .guests import sabotages
from .hypervisors import BROKEN, Broken, Line
from .kit import Ground

HERE = Path("/")
BOOTED = {s.name: s for s in sabotages(Ground(HERE, Cache(HERE), Runner()))}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome]:
    """Every sabotage booted, and the unbroken guest."""
    need_boots()
    ground = Ground(tmp_path_factory.mktemp("sabotage"), Cache.default(), Runner())
    everything = {s.name: s.run for s in sabotages(ground)}
    everything["nothing"] = lambda: ground.boot(ground.harness("nothing"))
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(everything, pool.map(lambda run: run(), everything.values()), strict=True))


@pytest.mark.alone
@pytest.mark.parametrize("name", BOOTED)
def test_it_gets_its_verdict(outcomes: Mapping[str, Outcome], name: str) -> None:
    assert right(BOOTED[name], outcomes[name]), f"{outcomes[name].verdict}: {outcomes[name].reason}"


@pytest.mark.alone
def test_the_unbroken_guest_passes_with_the_same_patience(outcomes: Mapping[str, Outcome]) -> None:
    assert outcomes["nothing"].verdict is Verdict.PASS, outcomes["nothing"].reason


@pytest.mark.alone
def test_each_keeps_its_log_and_its_command(outcomes: Mapping[str, Outcome]) -> None:
    for name, outcome in outcomes.items():
        assert outcome.log and f"--replay {outcome.cell.name}" in outcome.command, name


TREES = [
    "sample",
    pytest.param("real", marks=pytest.mark.skipif(not os.environ.get("XENSTAGE_TREE"), reason="no Xen tree")),
]


@pytest.fixture(scope="module", params=TREES)
def line(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, xen_cache: Path) -> Iterator[Line]:
    """The last commit of the series."""
    sample = request.param == "sample"
    tree, cache = ("sample", tmp_path_factory.mktemp("cache")) if sample else (os.environ["XENSTAGE_TREE"], xen_cache)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in user_environment(cache).items():
            patch.setenv(name, value)
        yield Line(tree, HERE)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda b: b.name)
def test_a_broken_hypervisor_differs_in_one_file(line: Line, broken: Broken) -> None:
    assert len(broken.apply(line.tip.after)) == 1


def test_the_kinds_of_the_mission_are_all_there() -> None:
    assert len(BOOTED) + len(BROKEN) >= 12
    assert len({*BOOTED, *(b.name for b in BROKEN)}) == len(BOOTED) + len(BROKEN)


def test_a_sabotage_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as e:
        main(["--only", "nonsense"])
    assert e.value.code == 2 and "nonsense" in capsys.readouterr().err
