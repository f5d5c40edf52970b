"""Labs: matrices whose runs follow a script."""

from __future__ import annotations

from pathlib import Path

import pytest

from .kit import Lab, MakeLab, Script, commits


@pytest.fixture
def lab(tmp_path: Path) -> MakeLab:
    """Makes labs with two stages of two patches each."""

    def make(script: Script | None = None, sizes: tuple[int, ...] = (2, 2), declared: tuple[str, ...] = ()) -> Lab:
        return Lab(tmp_path, commits(*sizes, declared=declared), script or {})

    return make
