"""Edits: merging, refusals, and bytes left alone."""

from __future__ import annotations

import random

import pytest

from xenstage.edit.edits import Edit, apply_edits, merge
from xenstage.errors import Exit, XenstageError


def _edit(offset: int, expected: bytes, new: bytes, rule: str = "r", path: str = "a.c") -> Edit:
    return Edit(path, offset, expected, new, rule, "because")


def _apply(data: bytes, *edits: Edit) -> bytes:
    return apply_edits(edits, {"a.c": data}.__getitem__).get("a.c", data)


TEXT = b"if ( is_pvh(v) ) go();"


@pytest.mark.parametrize(
    ("edits", "after"),
    [
        pytest.param([_edit(5, b"is_pvh", b"has_pvh")], b"if ( has_pvh(v) ) go();", id="replace"),
        pytest.param([_edit(5, b"", b"!")], b"if ( !is_pvh(v) ) go();", id="insert"),
        pytest.param([_edit(2, b" ( is_pvh(v) )", b"")], b"if go();", id="delete"),
        pytest.param([_edit(17, b"go", b"stop"), _edit(0, b"if", b"while")], b"while ( is_pvh(v) ) stop();", id="two"),
        pytest.param([_edit(22, b"", b"\n")], TEXT + b"\n", id="at the end"),
        pytest.param([_edit(5, b"is_", b"a_"), _edit(8, b"pvh", b"b")], b"if ( a_b(v) ) go();", id="adjacent"),
        pytest.param([_edit(5, b"is_pvh", b"x"), _edit(11, b"", b"y")], b"if ( xy(v) ) go();", id="insert behind"),
        pytest.param([_edit(5, b"is_pvh", b"is_pvh")], TEXT, id="changes nothing"),
        pytest.param(
            [_edit(5, b"is_pvh", b"x"), _edit(5, b"is_pvh", b"is_pvh"), _edit(5, b"is_pvh", b"x", "other")],
            b"if ( x(v) ) go();",
            id="equal ones once",
        ),
        pytest.param(
            [_edit(5, b"", b"!", "one"), _edit(5, b"", b"!", "two")], b"if ( !is_pvh(v) ) go();", id="insert once"
        ),
    ],
)
def test_apply(edits: list[Edit], after: bytes) -> None:
    assert _apply(TEXT, *edits) == after
    assert _apply(TEXT, *reversed(edits)) == after


@pytest.mark.parametrize(
    ("one", "two"),
    [
        pytest.param(_edit(5, b"is_pvh", b"x", "first"), _edit(8, b"pvh(v)", b"y", "second"), id="crossing"),
        pytest.param(_edit(5, b"is_pvh(v)", b"x", "first"), _edit(8, b"pvh", b"y", "second"), id="inside"),
        pytest.param(_edit(5, b"is_pvh", b"x", "first"), _edit(5, b"is_pvh", b"y", "second"), id="same bytes"),
        pytest.param(_edit(5, b"is_pvh", b"x", "first"), _edit(5, b"is_", b"x", "second"), id="same start"),
        pytest.param(_edit(5, b"", b"!", "first"), _edit(5, b"", b"~", "second"), id="insertions at one place"),
        pytest.param(_edit(5, b"", b"!", "first"), _edit(5, b"is", b"x", "second"), id="insertion at a replacement"),
        pytest.param(_edit(5, b"is_pvh", b"x", "first"), _edit(7, b"", b"y", "second"), id="insertion inside"),
        pytest.param(_edit(5, b"is_pvh", b"", "first"), _edit(10, b"h", b"y", "second"), id="last byte"),
    ],
)
def test_overlap_is_refused_and_names_both_rules(one: Edit, two: Edit) -> None:
    for edits in ([one, two], [two, one]):
        with pytest.raises(XenstageError) as caught:
            merge(edits)
        assert caught.value.code is Exit.SITE
        assert "a.c" in caught.value.title
        assert "'first'" in caught.value.why and "'second'" in caught.value.why


def test_overlap_with_an_earlier_equal_pair_is_still_refused() -> None:
    wide = _edit(5, b"is_pvh(v)", b"x")
    with pytest.raises(XenstageError):
        merge([wide, wide, _edit(12, b"v", b"w")])


def test_same_offsets_in_other_files_do_not_meet() -> None:
    edits = [_edit(0, b"a", b"1", path="x.h"), _edit(0, b"a", b"2", path="y.h")]
    assert apply_edits(edits, lambda _path: b"ab") == {"x.h": b"1b", "y.h": b"2b"}


def test_files_without_a_change_are_not_rewritten() -> None:
    assert apply_edits([_edit(0, b"a", b"a", path="x.h"), _edit(1, b"b", b"c")], lambda _path: b"ab") == {"a.c": b"ac"}


@pytest.mark.parametrize("found", [b"if ( is_pvx(v) )", b"if ( is_", b""])
def test_other_bytes_than_expected_are_refused(found: bytes) -> None:
    with pytest.raises(XenstageError) as caught:
        _apply(found, _edit(5, b"is_pvh", b"x", "the rule"))
    assert caught.value.code is Exit.SITE
    assert "a.c" in caught.value.title
    assert "'the rule'" in caught.value.why and "byte 5" in caught.value.why
    assert repr(b"is_pvh") in caught.value.why and repr(found[5:11]) in caught.value.why


@pytest.mark.parametrize("seed", range(25))
def test_untouched_bytes_stay(seed: int) -> None:
    rng = random.Random(seed)
    data = rng.randbytes(rng.randrange(1, 400))
    cuts = sorted(rng.sample(range(len(data) + 1), min(len(data) + 1, 2 * rng.randrange(1, 12))))
    edits: list[Edit] = []
    kept: list[bytes] = []
    wanted: list[bytes] = []
    at = 0
    for start, end in zip(cuts[::2], cuts[1::2], strict=False):
        new = rng.randbytes(rng.randrange(0, 9))
        edits.append(_edit(start, data[start:end], new, f"rule {start}"))
        kept.append(data[at:start])
        wanted += [data[at:start], new]
        at = end
    wanted.append(data[at:])
    rng.shuffle(edits)
    after = _apply(data, *edits, *rng.choices(edits, k=3)) if edits else data
    assert after == b"".join(wanted)
    assert len(after) == len(data) + sum(len(e.new) - len(e.expected) for e in edits)
