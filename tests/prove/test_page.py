"""The evidence page: a row that differs has the reason beside it, and sentences are computed from the rows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from xenstage.index.sweep import Files
from xenstage.prove.case import Case
from xenstage.prove.judge import Judgement
from xenstage.prove.page import evidence_page
from xenstage.prove.result import FAIL, PASS, Finding, Proof

FILL = "xen/common/pump.c:fill"
COVER = {"xen/common/pump.c: function fill": "the same is left of it"}


def page(*proofs: Proof) -> str:
    """The page of one patch."""
    files = Files(Path("/nowhere"), {}, {})
    case = Case(1, "a subject", "a subject\n\nBody.", "p", "c", files, files, ())
    return evidence_page("a title", "base", [Judgement(case, proofs, True, (), "No functional change.")])


def contradictions(text: str) -> list[str]:
    """Rows with a before and an after that differ, or cells "a / b" that do, and no reason beside them."""
    out = []
    for line in text.splitlines():
        cells = (
            [c.strip() for c in re.split(r"(?<!\\)\|", line.strip().strip("|"))] if line.strip().startswith("|") else []
        )
        if len(cells) < 3 or set(line) <= set("|- ") or "before" in line:
            continue
        pairs = [c.split(" / ") for c in cells[1:-1] if " / " in c]
        differs = any(a != b for a, b in pairs) if pairs else cells[-3] != cells[-2]
        if differs and cells[-1] in ("", "same"):
            out.append(line)
    return out


def predicates(old: Any, new: Any, conditions: list[Any] | None = None, covers: Any = None) -> Proof:
    """A proof of predicates that passes."""
    rows = {FILL: {"objects": ["d"], "variables": [], "assignments": 3, "conditions": conditions or []}}
    facts = {"predicates": {"before": old, "after": new}, "functions": rows if conditions else {}}
    return Proof("predicates", PASS, "2 predicates the same", (), facts, covers or {})


def condition(before: str | None, after: str | None, *rows: tuple[str, str]) -> dict[str, Any]:
    """A pair of conditions with its table."""
    table = [{"types": {"d": str(i)}, "before": a, "after": b} for i, (a, b) in enumerate(rows)]
    return {"before": before, "after": after, "table": table, "rows": len(table)}


def test_answers_that_differ_say_so_and_are_not_counted_as_the_same() -> None:
    text = page(predicates({"a": {"x": 1, "y": 0}, "b": {"x": 1}}, {"a": {"x": 1, "y": 1}, "b": {"x": 1}}))
    assert "| a | 1 / 1 | 0 / 1 | differs for y |" in text
    assert "1 of 2 predicates answer the same" in text
    assert contradictions(text) == []


def test_names_that_one_side_has_are_named() -> None:
    text = page(predicates({"a": {"x": 1}, "c": {"x": 1, "z": 0}}, {"b": {"x": 1}, "c": {"x": 1}}))
    assert "gone with this patch" in text and "new with this patch" in text and "says nothing for z" in text
    assert contradictions(text) == []


def test_a_condition_that_differs_by_itself_has_the_reason() -> None:
    pair = condition("a", "b", ("1", "1"), ("0", "x"))
    text = page(predicates({"a": {"x": 1}}, {"a": {"x": 1}}, [pair, condition(None, "b", ("-", "1"))], COVER))
    assert "| d: 0 | `1` | `1` | same |" in text
    assert "| d: 1 | `0` | `x` | differs by itself; what is left of the whole function is the same |" in text
    assert "one side has no such condition" in text
    assert contradictions(text) == []


def test_a_condition_of_a_function_that_is_not_covered_is_not_shown() -> None:
    other = {"xen/common/pump.c: function filling": "the same is left of it"}
    text = page(predicates({"a": {"x": 1}}, {"a": {"x": 1}}, [condition("a", "b", ("0", "x"))], other))
    assert "assignments: not shown" in text and "differs by itself; not shown" in text


def test_cells_that_differ_say_whether_that_is_declared() -> None:
    facts = {
        "cells": 2,
        "agreed": 0,
        "configurations": [],
        "matrix": {},
        "difference": {"a": ["x", "y"], "b": ["x", "z"]},
    }
    text = page(Proof("hypercalls", FAIL, "1 finding", (Finding("b", "not declared"),), facts))
    assert "| a | x | y | declared |" in text and "| b | x | z | **not declared** |" in text
    assert contradictions(text) == []


def test_functions_that_nothing_covers_are_on_the_page() -> None:
    facts = {"configurations": {}, "covered": {"f": "shown"}, "where": {"g": "x86_64-debug: common/pump.o"}}
    text = page(Proof("objects", PASS, "1 identical, 2 changed; 1 not covered", (), facts))
    assert "| g | x86_64-debug: common/pump.o |" in text and "covered by nothing" in text


def test_values_that_change_with_a_version_name_it() -> None:
    facts = {"changes": ["domctl.h: macro A: 1 -> 2", "domctl.h: macro B is new"], "versions": {"V": ["10", "11"]}}
    text = page(Proof("abi", PASS, "1 headers change; 1 of what they fix changes with its version", (), facts))
    assert "1 -> 2 (allowed: V goes from 10 to 11)" in text and re.search(r"B is new$", text, re.M)


def test_calls_that_others_reach_are_on_the_page() -> None:
    acts = {"init": {"before": ["pv"], "after": ["hvm", "pv"]}, "free": {"before": ["pv"], "after": []}}
    proof = Proof(
        "lifetimes", FAIL, "1", (Finding("f", "init happens for pv now, for none before; its"),), {"acts": acts}
    )
    text = page(proof)
    assert "| init | pv | hvm, pv | **a finding** |" in text and "| free | pv | - |" in text
    assert contradictions(text) == []
