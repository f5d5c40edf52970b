"""Commit messages: wrapping, facts, conventions."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise

import pytest

from xenstage.errors import Exit, XenstageError
from xenstage.series.message import WIDTH, commit_message, fill
from xenstage.stage.declare import Patch
from xenstage.stage.view import View


def _nothing(_view: View) -> None:
    pass


PATCH = Patch("x86: drop a predicate", "There are {n} uses.", _nothing)


@pytest.mark.parametrize(
    ("text", "facts", "filled"),
    [
        pytest.param("one\ntwo   three\n", {}, "one two three", id="lines are joined"),
        pytest.param("\n    one\n\n    two\n    ", {}, "one\n\ntwo", id="dedented"),
        pytest.param("one\n\n\n  \n\ntwo", {}, "one\n\ntwo", id="one empty line between paragraphs"),
        pytest.param("All {n} of {what}.", {"n": 3, "what": "them"}, "All 3 of them.", id="facts"),
        pytest.param("one\n\n{more}\n\ntwo", {"more": ""}, "one\n\ntwo", id="empty paragraph vanishes"),
        pytest.param(
            "Such as:\n\n  a  b\n    c\n\nend", {}, "Such as:\n\n  a  b\n    c\n\nend", id="indented lines stay"
        ),
        pytest.param("  {rows}", {"rows": "a  b\n  c"}, "a b\n  c", id="fact with lines of its own"),
        pytest.param("see { x } and {}", {}, "see { x } and {}", id="braces of C"),
        pytest.param("", {}, "", id="nothing"),
    ],
)
def test_fill(text: str, facts: dict[str, object], filled: str) -> None:
    assert fill(text, facts) == filled


def test_fill_wraps_at_72_columns() -> None:
    words = [f"w{'o' * (i % 9)}rd-mark{i}" for i in range(80)]
    lines = fill(" ".join(words), {}).split("\n")
    assert max(map(len, lines)) <= WIDTH == 72
    assert " ".join(lines).split() == words  # neither broken nor lost
    assert all(len(a) + 1 + len(b.split()[0]) > WIDTH for a, b in pairwise(lines))


def test_facts_count_for_the_width() -> None:
    lines = fill("{a} {a} {a}", {"a": "word " * 12}).split("\n")
    assert len(lines) > 1 and max(map(len, lines)) <= WIDTH


def test_long_words_and_long_indented_lines_are_not_broken() -> None:
    path = "xen/include/" + "x" * 80 + "-y.h"
    assert path in fill(f"see {path} there", {}).split("\n")
    assert fill(f"    one\n\n      {path} two", {}) == f"one\n\n  {path} two"


def test_unknown_fact_is_refused() -> None:
    with pytest.raises(XenstageError) as caught:
        fill("All {number} of {them}.", {"them": 1, "other": 2})
    assert caught.value.code is Exit.SITE
    assert "{number}" in caught.value.title
    assert "other, them" in caught.value.why


@pytest.mark.parametrize(
    "subject",
    ["x86: drop it", "x86/hvm, arm: drop it", "xen/arch/x86 hvm: a b", "PVH: use x86's own", "x86: " + "a" * 60],
)
def test_subjects_that_keep_the_convention(subject: str) -> None:
    assert commit_message(replace(PATCH, subject=subject), {"n": 1}, None).split("\n")[0] == subject


@pytest.mark.parametrize(
    "subject",
    [
        "x86: Drop it",
        "drop it",
        "x86:drop it",
        "x86:  drop it",
        "[PATCH] x86: drop it",
        "x86: ",
        "",
        "x86: " + "a" * 61,
    ],
)
def test_other_subjects_are_refused(subject: str) -> None:
    with pytest.raises(XenstageError) as caught:
        commit_message(replace(PATCH, subject=subject), {"n": 1}, None)
    assert caught.value.code is Exit.SITE
    assert repr(subject) in caught.value.title


def test_message_without_signoff() -> None:
    assert commit_message(PATCH, {"n": 2}, None) == "x86: drop a predicate\n\nThere are 2 uses.\n"


def test_message_with_signoff() -> None:
    message = commit_message(PATCH, {"n": 2}, "A Hacker <a@example.org>")
    assert message.endswith("uses.\n\nSigned-off-by: A Hacker <a@example.org>\n")


def test_intended_changes_are_repeated_before_the_signoff() -> None:
    patch = replace(PATCH, intended=("guests see {n} more " + "words " * 20, "and another"))
    message = commit_message(patch, {"n": 2}, "A <a@example.org>")
    head, _, tail = message.partition("Intended changes, visible to guests:\n\n")
    assert head.endswith("uses.\n\n")
    assert tail.startswith("- guests see 2 more words") and "\n  words" in tail
    assert tail.endswith("\n\n- and another\n\nSigned-off-by: A <a@example.org>\n")
    assert max(map(len, message.split("\n"))) <= WIDTH


def test_intended_changes_make_no_claim_without_evidence() -> None:
    with pytest.raises(XenstageError, match="missing"):
        commit_message(replace(PATCH, intended=("{missing}",)), {"n": 2}, None)


def test_a_long_subject_without_a_colon_is_refused_at_once() -> None:
    started = time.perf_counter()
    with pytest.raises(XenstageError):
        commit_message(Patch("drop " + "abcdefgh" * 7, "body", lambda view: None), {}, None)
    assert time.perf_counter() - started < 1
