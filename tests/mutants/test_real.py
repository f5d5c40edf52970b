"""The mutants on the Xen tree: a module of its own, so that two processes can share the catalogue."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .run import Bench
from .test_mutants import made, test_a_broken_build_is_caught, test_is_caught

__all__ = ["on", "test_a_broken_build_is_caught", "test_is_caught"]  # tests/real/test_stages.py proves the true series

pytestmark = pytest.mark.skipif(not os.environ.get("XENSTAGE_TREE"), reason="no Xen tree")


@pytest.fixture(scope="module")
def on(xen_cache: Path) -> Bench:
    """The true series of the written stages on the tree."""
    return made(os.environ["XENSTAGE_TREE"], xen_cache)
