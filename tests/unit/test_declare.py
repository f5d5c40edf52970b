"""Naming stages on the command line, and loading their folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenstage.errors import Exit, XenstageError
from xenstage.stage.declare import Patch, Stage, load_stages, pick
from xenstage.stage.view import View


def _nothing(_view: View) -> None:
    pass


PATCHES = (Patch("x86: do it", "Because.", _nothing),)
STAGES = {
    1: Stage(1, "merge_tables", "One table", patches=PATCHES),
    2: Stage(2, "pvh_flag", "A flag", patches=PATCHES),
    5: Stage(5, "audit", "An audit", why_not="it will list every remaining test"),
    12: Stage(12, "drop", "The end", patches=PATCHES),
}


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (["01"], [1]),
        (["1"], [1]),
        (["01_merge_tables"], [1]),
        (["01_merge_tables/"], [1]),
        (["12"], [12]),
        (["2", "01"], [1, 2]),
        (["12", "2", "1"], [1, 2, 12]),
        (["1", "01", "01_merge_tables"], [1]),
        ([], []),
    ],
)
def test_pick(wanted: list[str], numbers: list[int]) -> None:
    assert [s.number for s in pick(STAGES, wanted)] == numbers


@pytest.mark.parametrize(
    "text",
    ["3", "99", "001", "", "merge_tables", "01_merge", "1_merge_tables", "01_pvh_flag", "-1", "1x", "1 2", "1\n"],
)
def test_unknown_stage_lists_the_known_ones(text: str) -> None:
    with pytest.raises(XenstageError) as caught:
        pick(STAGES, ["01", text])
    assert caught.value.code is Exit.USAGE
    assert caught.value.title == f"there is no stage {text}"
    assert "01_merge_tables, 02_pvh_flag, 05_audit, 12_drop" in caught.value.why


@pytest.mark.parametrize("text", ["5", "05", "05_audit"])
def test_stage_not_written_yet_says_what_it_will_do(text: str) -> None:
    with pytest.raises(XenstageError) as caught:
        pick(STAGES, [text])
    assert caught.value.code is Exit.USAGE
    assert "05_audit is not written yet" in caught.value.title
    assert "it will list every remaining test" in caught.value.render()
    assert caught.value.remedy == "xenstage run 01 02 12"


def _folder(root: Path, name: str, text: str) -> None:
    (root / name).mkdir()
    (root / name / "stage.py").write_text(text)


HEAD = "from xenstage.stage.declare import Stage\n"


def test_load_finds_stages_and_their_helpers(tmp_path: Path) -> None:
    _folder(tmp_path, "07_b", HEAD + "from .words import TITLE\nSTAGE = Stage(7, 'b', TITLE)\n")
    (tmp_path / "07_b" / "words.py").write_text("TITLE = 'from the helper'\n")
    _folder(tmp_path, "03_a", HEAD + "STAGE = Stage(3, 'a', 'A')\n")
    _folder(tmp_path, "notes", "raise RuntimeError\n")
    stages = load_stages(tmp_path)
    assert [(n, s.label, s.title) for n, s in stages.items()] == [(3, "03_a", "A"), (7, "07_b", "from the helper")]


@pytest.mark.parametrize(
    "text", ["", "STAGE = 1\n", HEAD + "STAGE = Stage(9, 'x', '')\n", HEAD + "STAGE = Stage(8, 'y', '')\n"]
)
def test_load_refuses_a_folder_that_declares_something_else(tmp_path: Path, text: str) -> None:
    _folder(tmp_path, "08_x", text)
    with pytest.raises(XenstageError) as caught:
        pick(load_stages(tmp_path), ["08"])
    assert caught.value.code is Exit.USAGE
    assert "08_x" in caught.value.title
