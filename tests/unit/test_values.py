"""Values that go into the evidence and come back keep their type, byte for byte."""

from __future__ import annotations

import json

import pytest

from xenstage.edit.edits import Edit
from xenstage.index.sites import Site

SITE = Site(
    "is_x", "a.c", 7, 2, "code", "f", ("negated", "condition of if"), ("unlikely",), (7, 14), "d",
    "struct domain *", "domain", ("x86_64-debug",), ("expansion",), "",
)  # fmt: skip


@pytest.mark.parametrize("data", [b"", b"plain\n", "Größe".encode(), b"/* \xe9\xff */", b"\\xe9", b"\0"])
def test_an_edit_comes_back(data: bytes) -> None:
    for edit in (Edit("a.c", 3, data, b"x", "rule", "reason"), Edit("a.c", 3, b"x", data, "rule", "reason")):
        assert Edit.from_json(json.loads(json.dumps(edit.to_json()))) == edit


def test_a_site_comes_back() -> None:
    assert Site.from_json(json.loads(json.dumps(SITE.to_json()))) == SITE


def test_what_is_none_is_refused() -> None:
    for wrong in ({}, {"path": "a.c", "offset": "x", "expected": "", "new": "", "rule": "", "reason": ""}):
        with pytest.raises((KeyError, TypeError, ValueError)):
            Edit.from_json(wrong)
    with pytest.raises((KeyError, TypeError)):
        Site.from_json({"name": "is_x"})
