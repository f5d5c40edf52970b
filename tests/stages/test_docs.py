"""The seventh stage of docs/writing-a-stage.md: loaded, tried on its examples, and short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from xenstage.series.trial import Example, read_examples
from xenstage.stage.decisions import read_decisions
from xenstage.stage.declare import load_stages, pick

from .kit import hold

TEXT = (Path(__file__).resolve().parents[2] / "docs/writing-a-stage.md").read_text()
CHAPTER = TEXT.split("## A seventh stage")[1].split("\n## ")[0]
CODE = re.findall(r"^```python\n(.*?)^```$", CHAPTER, re.M | re.S)[0]
EXAMPLES = read_examples(CHAPTER.split("examples.md`:")[1])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.title)
def test_the_worked_example_holds(example: Example, tmp_path: Path) -> None:
    folder = tmp_path / "07_one_question"
    folder.mkdir()
    (folder / "stage.py").write_text(CODE)
    (stage,) = pick(load_stages(tmp_path), ["07"])
    (patch,) = [p for p in stage.patches if p.rewrite.__name__ == example.rewrite]
    hold(stage, patch, example)


def test_the_worked_example_is_short() -> None:
    """Under forty lines with its examples; blank ones and fences are none."""
    blocks = re.findall(r"^```\w+.*\n(.*?)^```$", CHAPTER, re.M | re.S)
    assert len(EXAMPLES) == 2
    assert sum(bool(line.strip()) for block in blocks for line in block.splitlines()) < 40


def test_the_decisions_of_the_page_are_such() -> None:
    text = re.findall(r"^```toml\n(.*?)^```$", TEXT, re.M | re.S)[0]
    assert [d.patch for d in read_decisions(text, "the page's").entries] == ["timers"]
