"""Running examples: a stage's own, and those of the operations."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import pytest

from xenstage.errors import XenstageError
from xenstage.index.sites import Site
from xenstage.series.trial import Example, try_patch
from xenstage.stage.decisions import read_decisions
from xenstage.stage.declare import Patch, Stage
from xenstage.stage.view import Gate, View

RULE: dict[str, Any] = {"rule": "example", "reason": "an example"}


def hold(stage: Stage, patch: Patch, example: Example) -> None:
    """Whether an example is what the patch does."""
    if example.refused:
        with pytest.raises(XenstageError) as caught:
            try_patch(stage, patch, example.before)
        said = f"{caught.value.title}\n{caught.value.why}"
        assert example.refused in said, said
        return
    made = try_patch(stage, patch, example.before)
    for path, text in example.expected.items():
        got = made.get(path, example.before.get(path))
        assert got == text, "".join(difflib.ndiff((text or "").splitlines(True), (got or "").splitlines(True)))
    assert set(made) == set(example.expected)


def operation(code: str, decisions: str = "") -> Callable[[View], None]:
    """A rewrite from the text of an example: it sees the view and a few helpers."""

    def rewrite(view: View) -> None:
        def site(name: str, number: int = 1) -> Site:
            return [s for s in view.sites(name) if s.is_test][number - 1]

        known = {"view": view, "site": site, "Gate": Gate, "why": RULE}
        known["decisions"] = read_decisions(decisions, "decisions.toml")
        left: list[bool] = []
        known["leave_the_rest_open"] = lambda: left.append(True)
        exec(compile(code, "example", "exec"), known)
        if not left:
            view.stay_rest("not in the example")

    return rewrite
