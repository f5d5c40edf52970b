"""A patch's work is kept by everything that it is made from, and comes back as it was or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from xenstage.cache import Cache
from xenstage.edit.edits import Edit
from xenstage.effect import Effect
from xenstage.series.kept import Work, code_of, keep, kept
from xenstage.stage.declare import load_stages

WORK = Work(
    tree="1" * 40,
    patch_id="2" * 40,
    changed={"xen/a.c": b"caf\xe9\n", "xen/gone.c": None},
    edits=(Edit("xen/a.c", 0, b"", b"caf\xe9", "rule", "reason"),),
    facts={"count": 3, "names": ["a", "b"]},
    sites={"f": {"uses": 1, "rewritten": 1, "staying": 0}},
    stays=({"path": "xen/a.c", "line": 1, "name": "f", "reason": "prose"},),
    checked={"hypercalls": {"reach": {}}},
    effects=(Effect("xen/a.c", "f", "pv", unreachable=True),),
    notes=("said",),
)


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    keep(Cache(tmp_path), "k", WORK)
    assert kept(Cache(tmp_path), "k") == WORK
    assert kept(Cache(tmp_path), "another") is None


def test_what_would_come_back_changed_is_not_kept(tmp_path: Path) -> None:
    odd: list[Any] = [{"a tuple": (1, 2)}, {1: "a number as key"}, {"no JSON": Path("x")}]
    for facts in odd:
        keep(Cache(tmp_path), "k", replace(WORK, facts=facts))
        assert kept(Cache(tmp_path), "k") is None, facts


def test_a_value_of_another_shape_counts_as_absent(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    odd: list[Any] = [[], {"tree": "1"}, {"tree": "1", "changed": 3}]
    for value in odd:
        cache.put("patches", "k", value)
        assert kept(cache, "k") is None


STAGE = """from xenstage.stage.declare import Patch, Stage

STAGE = Stage(1, "x", "x", "x", (Patch("a: b", "c", lambda view: None),))
"""


def test_a_stage_that_changes_has_another_name(tmp_path: Path) -> None:
    folder = tmp_path / "01_x"
    folder.mkdir()
    (folder / "stage.py").write_text(STAGE)
    stage = load_stages(tmp_path)[1]
    (patch,) = stage.patches
    names = [code_of(stage, patch, {})]
    assert code_of(stage, patch, {}) == names[0] != ""
    for data in ("[a]\n", "[b]\n"):
        (folder / "decisions.toml").write_text(data)
        names.append(code_of(stage, patch, {}))
    names.append(code_of(stage, replace(patch, names=("f",)), {}))
    names.append(code_of(replace(stage, keeps=("f",)), patch, {}))
    assert len(set(names)) == len(names)


def test_a_patch_of_no_folder_has_none(tmp_path: Path) -> None:
    folder = tmp_path / "01_x"
    folder.mkdir()
    (folder / "stage.py").write_text(STAGE)
    stage = load_stages(tmp_path)[1]
    assert code_of(stage, replace(stage.patches[0], rewrite=lambda view: None), {}) == ""
