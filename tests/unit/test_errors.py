"""The one error: its text, and its way between processes."""

from __future__ import annotations

import copy
import pickle

import pytest

from xenstage.errors import Exit, XenstageError

ERROR = XenstageError(Exit.PARSE, "a.c does not parse", why="line 1\nline 2\n", remedy="xenstage doctor")


def test_render_says_what_why_and_next() -> None:
    assert ERROR.render().split("\n") == [
        "xenstage: a.c does not parse",
        "  why:  line 1",
        "        line 2",
        "  next: xenstage doctor",
    ]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles(protocol: int) -> None:
    back = pickle.loads(pickle.dumps(ERROR, protocol))
    assert type(back) is XenstageError
    assert (back.code, back.title, back.why, back.remedy) == (ERROR.code, ERROR.title, ERROR.why, ERROR.remedy)
    assert back.code is Exit.PARSE
    assert back.render() == ERROR.render()


def test_copies_and_prints_its_title() -> None:
    assert str(copy.copy(ERROR)) == "a.c does not parse"


def test_exit_codes_are_an_interface() -> None:
    assert {c.name: int(c) for c in Exit} == {
        "OK": 0,
        "FAIL": 1,
        "USAGE": 2,
        "TREE": 3,
        "SITE": 4,
        "TOOLS": 5,
        "OUTPUT": 6,
        "PARSE": 7,
        "SKIPPED": 8,
        "INFRA": 9,
        "NOT_SHOWN": 10,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }
