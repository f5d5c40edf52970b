"""Where a use comes to stand when edits are made: held against the bytes themselves."""

from __future__ import annotations

from xenstage.edit.edits import Edit, apply_edits
from xenstage.edit.trace import Landed, land

TEXT = b"first\nask(a) && ask(b)\nlast ask(c)\n"


def edit(old: bytes, new: bytes) -> Edit:
    """An edit of the one place that has a text."""
    assert TEXT.count(old) == 1
    return Edit("f.c", TEXT.index(old), old, new, "rule", "reason")


def followed(*edits: Edit) -> list[Landed]:
    """The three uses, each where it is said to stand held against the new text."""
    after = apply_edits(edits, lambda _: TEXT)["f.c"]
    out = []
    at = -1
    for _ in range(3):
        at = TEXT.index(b"ask", at + 1)
        landed = land(edits, "f.c", at, "ask")
        if landed.offset is not None:
            assert after[landed.offset :].startswith(b"ask(")
            assert after.count(b"\n", 0, landed.offset) == TEXT.count(b"\n", 0, at) + landed.lines
        out.append(landed)
    return out


def test_what_no_edit_holds_moves() -> None:
    got = followed(edit(b"first\n", b"one\ntwo\nthree\n"), edit(b"last ", b""))
    assert [x.edit for x in got] == [None] * 3
    assert [x.lines for x in got] == [2, 2, 2]


def test_what_an_edit_replaces_is_gone() -> None:
    one = edit(b"ask(a)", b"has(a)")
    got = followed(one)
    assert (got[0].edit, got[0].offset) == (one, None)
    assert got[1].edit is None and got[1].offset == TEXT.index(b"ask(b)")


def test_what_an_edit_puts_down_again_is_followed() -> None:
    whole = edit(b"ask(a) && ask(b)", b"ask(a) &&\n    ask(b)")
    got = followed(whole)
    assert [x.lines for x in got] == [0, 1, 1]
    assert all(x.offset is not None for x in got)


def test_of_several_nobody_guesses() -> None:
    got = followed(edit(b"ask(a) && ask(b)", b"ask(b)"))
    assert got[0].offset is None and got[1].offset is None and got[2].offset is not None


def test_another_file_and_an_insertion_at_the_name() -> None:
    assert land([Edit("g.c", 0, b"", b"xx", "r", "r")], "f.c", 6, "ask") == Landed(None, 6)
    assert land([Edit("f.c", 6, b"", b"!", "r", "r")], "f.c", 6, "ask") == Landed(None, 7)
