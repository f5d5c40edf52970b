"""A selection of the matrix, within seconds; ``make harm`` runs all of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from . import cache, crowd, disks, kills
from .kit import Ground, Trial

pytestmark = pytest.mark.alone

PARTS = {"crowd": crowd.trials, "kills": kills.trials, "cache": cache.trials, "disks": disks.trials}


def _every(root: Path) -> Iterator[tuple[str, Trial]]:
    ground = Ground(root, None, False)
    for part, trials in PARTS.items():
        for trial in trials(ground):
            yield f"{part}: {trial.name}", trial


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trial]:
    """The trials by name, on one ground."""
    return dict(_every(tmp_path_factory.mktemp("harm")))


@pytest.mark.parametrize("name", [n for n, _ in _every(Path("/nowhere"))])
def test_no_harm(every: dict[str, Trial], name: str) -> None:
    answer = every[name].run()
    if answer.words.startswith("not tried"):
        pytest.skip(answer.words)
    assert answer.held, answer.words
