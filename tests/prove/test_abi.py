"""abi: what is found does not depend on what was kept before."""

from __future__ import annotations

from pathlib import Path

from xenstage.cache import Cache
from xenstage.index.sweep import Files
from xenstage.prove.case import Case
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
