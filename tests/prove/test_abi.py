"""abi: what is found does not depend on what was kept before."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenstage.cache import Cache
from xenstage.index.sweep import Files
from xenstage.prove.case import Case, Declared
from xenstage.prove.interface.abi import prove_abi

PATH = "xen/include/public/xen.h"
HEADER = b"""\
/* What a pump tells. */
#ifndef PUMP_H
#define PUMP_H
struct pump {
    unsigned long rate;
    void *next;
};
#endif
"""


def test_a_reworded_comment_is_no_change_beside_a_kept_layout(tmp_path: Path) -> None:
    """Sizes differ by target; their order in a text must not."""
    cache = Cache(tmp_path / "cache")
    place = tmp_path / "tree"
    (place / PATH).parent.mkdir(parents=True)
    (place / PATH).write_bytes(HEADER)
    before = Files(place, {PATH: "100644", "xen/include/public/arch-arm.h": "100644"}, {})
    (place / "xen/include/public/arch-arm.h").write_bytes(b"")
    cases = []
    for word in (b"says", b"reports"):
        after = before.with_overlay({PATH: HEADER.replace(b"tells", word)})
        cases.append(Case(1, "public: a comment", "public: a comment\n\nBecause.", "p", "c", before, after, (PATH,)))
    verdicts = [prove_abi(case, cache=cache) for case in (*cases, *cases)]  # kept beside fresh, both kept
    assert [(p.verdict, p.findings) for p in verdicts] == [("PASS", ())] * 4


VERSIONED = b"""\
#ifndef PUMP_H
#define PUMP_H
#define XEN_PUMP_INTERFACE_VERSION 7
struct pump {
    unsigned int rate;
};
#endif
"""
GAINED = VERSIONED.replace(b"rate;\n", b"rate, level;\n").replace(b"VERSION 7", b"VERSION 8")
EXACTLY = (
    "xen.h: macro XEN_PUMP_INTERFACE_VERSION: 7 -> 8",
    "xen.h: field pump.level is new: bit 32, unsigned int of 4 bytes",
    "xen.h: struct pump: 4 -> 8",
)
NUMBERS = (
    "xen.h: macro XEN_PUMP_INTERFACE_VERSION: {v} -> {v+1}",
    "xen.h: field pump.level is new: bit {8*n}, unsigned int of 4 bytes",
    "xen.h: struct pump: {n} -> {n+4}",
)


@pytest.mark.parametrize(
    ("header", "declared", "said"),
    [
        (GAINED, EXACTLY, ""),
        (GAINED, EXACTLY[1:], "no such change is declared"),
        (GAINED, (*EXACTLY, "xen.h: struct valve: 8 -> 12"), "it is declared and does not happen"),
        (GAINED.replace(b"VERSION 8", b"VERSION 9"), EXACTLY, "7 -> 9: no such change is declared"),
        (VERSIONED, EXACTLY, "it is declared and does not happen"),
        (GAINED, (), ""),
        (GAINED, NUMBERS, ""),
        (GAINED.replace(b"VERSION 8", b"VERSION 9"), NUMBERS, "7 -> 9: no such change is declared"),
        (GAINED.replace(b"level;", b"level, more;"), NUMBERS, "struct pump: 4 -> 12: no such change is declared"),
        (GAINED.replace(b"rate, level", b"level, rate"), NUMBERS, "field pump.level is new: bit 0"),
        (VERSIONED, NUMBERS, "{v} -> {v+1}: it is declared and does not happen"),
        (GAINED, ("xen.h: struct pump: 4 -> {m}", *NUMBERS), "no old value fixes m"),
    ],
    ids=[
        "as declared",
        "undeclared",
        "does not happen",
        "version too high",
        "nothing happens",
        "nobody said",
        "by numbers",
        "version by numbers",
        "size by numbers",
        "place by numbers",
        "nothing by numbers",
        "open",
    ],
)
def test_a_declared_interface_is_held_both_ways(
    tmp_path: Path, header: bytes, declared: tuple[str, ...], said: str
) -> None:
    place = tmp_path / "tree"
    (place / PATH).parent.mkdir(parents=True)
    (place / PATH).write_bytes(VERSIONED)
    (place / "xen/include/public/arch-arm.h").write_bytes(b"")
    before = Files(place, {PATH: "100644", "xen/include/public/arch-arm.h": "100644"}, {})
    after = before.with_overlay({PATH: header})
    changed = (PATH,) if header != VERSIONED else ()
    case = Case(1, "s", "s", "p", "c", before, after, changed, Declared(interface=declared))
    proof = prove_abi(case, cache=Cache(tmp_path / "cache"))
    assert (proof.verdict == "PASS") is not bool(said), proof.findings
    assert said in " | ".join(f.what for f in proof.findings)
