"""Edits and then changes of what they make are edits: the same bytes, and nothing else touched."""

from __future__ import annotations

import random

from xenstage.edit.compose import Change, compose, make
from xenstage.edit.edits import Edit, apply_edits

TEXT = bytes(range(65, 91)) * 2


def _spans(rng: random.Random, length: int, count: int) -> list[tuple[int, int]]:
    """Ranges in order that neither overlap nor begin at one place."""
    cuts = sorted(rng.sample(range(length + 1), min(2 * count, length)))
    return [(a, b if rng.random() < 0.7 else a) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]


def test_composed_edits_make_what_both_make() -> None:
    for seed in range(3000):
        rng = random.Random(seed)
        edits = [
            Edit("a.c", a, TEXT[a:b], bytes(rng.choices(b"xyz", k=rng.randrange(4))), f"rule {a}", "why")
            for a, b in _spans(rng, len(TEXT), rng.randrange(5))
        ]
        made = make(TEXT, edits)
        assert made.text == apply_edits(edits, lambda _: TEXT).get("a.c", TEXT)
        changes = [
            Change(a, b, bytes(rng.choices(b"123", k=rng.randrange(4))))
            for a, b in _spans(rng, len(made.text), rng.randrange(4))
        ]
        wanted = bytearray(made.text)
        for c in reversed(changes):
            wanted[c.start : c.end] = c.new
        both = compose("a.c", TEXT, edits, changes, "layout")
        assert apply_edits(both, lambda _: TEXT).get("a.c", TEXT) == bytes(wanted), seed
        rules = {r for e in both for r in e.rule.split(", ")}
        assert {e.rule for e in edits if e.expected != e.new} <= rules <= {e.rule for e in edits} | {"layout"}


def test_what_is_made_knows_where_it_stood() -> None:
    made = make(b"0123456789", [Edit("a", 2, b"23", b"abc", "r", "w"), Edit("a", 7, b"", b"x", "r", "w")])
    assert made.text == b"01abc456x789"
    assert [made.old(i) for i in range(12)] == [0, 1, None, None, None, 4, 5, 6, None, 7, 8, 9]
