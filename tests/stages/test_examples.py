"""Each stage on its own examples (``stages/NN_name/examples.md``), in memory."""

from __future__ import annotations

import pytest

from xenstage.bundle import bundled
from xenstage.series.trial import Example, read_examples
from xenstage.stage.declare import Stage, load_stages

from .kit import hold

STAGES = [s for s in load_stages(bundled("stages")).values() if s.patches]


def _examples(stage: Stage) -> list[Example]:
    path = bundled("stages") / stage.label / "examples.md"
    return read_examples(path.read_text()) if path.exists() else []


@pytest.mark.parametrize(
    ("stage", "example"),
    [pytest.param(s, e, id=f"{s.number:02d} {e.title}") for s in STAGES for e in _examples(s)],
)
def test_example(stage: Stage, example: Example) -> None:
    patch = next(p for p in stage.patches if p.rewrite.__name__ == example.rewrite)
    hold(stage, patch, example)


@pytest.mark.parametrize("stage", STAGES, ids=lambda s: s.label)
def test_a_written_stage_has_examples_and_what_it_refuses(stage: Stage) -> None:
    examples = _examples(stage)
    assert {e.rewrite for e in examples} <= {p.rewrite.__name__ for p in stage.patches}
    assert any(e.refused for e in examples) and any(e.after for e in examples)
