"""Each operation of the view on fragments of C: docs/operations.md, run."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from xenstage.series.trial import Example, read_examples
from xenstage.stage.declare import Patch, Stage

from .kit import hold, operation

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLES = read_examples((PROJECT / "docs/operations.md").read_text())
NAMES = ("old_domain", "old_vcpu", "type_a", "type_b")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.title)
def test_operation(example: Example) -> None:
    patch = Patch("x86: try it", "Because.", operation(example.code, example.decisions), names=NAMES)
    started = time.monotonic()
    hold(Stage(90, "example", "An example", patches=(patch,)), patch, example)
    assert time.monotonic() - started < 5  # 0.1 s on an idle machine
