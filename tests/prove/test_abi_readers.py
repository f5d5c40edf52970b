"""The public interface: every reader's layout, and the text where there is no layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenstage.cache import Cache
from xenstage.index.sweep import Files
from xenstage.prove.case import Case
from xenstage.prove.interface.abi import prove_abi
from xenstage.prove.result import FAIL, PASS, REFUSED, Proof

HEADER = "xen/include/public/pump.h"
TEXT = """\
/* A pump. */
#ifndef PUBLIC_PUMP_H
#define PUBLIC_PUMP_H
#define PUMP_LEVEL 3
#define PUMP_AT(p, n) ((p)->rows[(n) % 4])
#if __XEN_INTERFACE_VERSION__ < 0x00030205
#define PUMP_OLD 1
#endif
struct pump {
    uint32_t rows[4];
#ifdef __XEN__
    uint32_t own;
#endif
};
#ifdef __ASSEMBLY__
#define PUMP_OFFSET 8
#endif
#endif
"""


def prove(tmp_path: Path, old: str, new: str) -> Proof:
    """The proof for a header in which one text becomes another."""
    assert old in TEXT
    root = tmp_path / "tree"
    for path, text in ((HEADER, TEXT), ("xen/include/public/xen.h", "#define XEN_ONE 1\n")):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    before = Files(root, dict.fromkeys((HEADER, "xen/include/public/xen.h"), "100644"), {})
    after = before.with_overlay({HEADER: TEXT.replace(old, new).encode()})
    return prove_abi(Case(1, "s", "s", "p", "c", before, after, (HEADER,)), cache=Cache(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/* A pump. */", "/* A pump that pumps. */"),
        ("PUMP_LEVEL 3", "PUMP_LEVEL (3)"),
        ("PUMP_AT(p, n) ((p)->rows[(n) % 4])", "PUMP_AT(x, y) ((x)->rows[(y) % 4])"),
        ("#define PUMP_LEVEL 3\n", "#define PUMP_LEVEL 3\n#define PUMP_DEPTH 4\n"),
    ],
    ids=["comment", "brackets", "other names of arguments", "new constant"],
)
def test_what_is_no_change_passes_at_once(tmp_path: Path, old: str, new: str) -> None:
    for _ in (1, 2):  # the second time from the cache
        assert prove(tmp_path, old, new).verdict == PASS


@pytest.mark.parametrize(
    ("old", "new", "verdict", "word"),
    [
        ("(n) % 4", "(n) % 3", REFUSED, "call PUMP_AT was"),
        ("PUMP_OLD 1", "PUMP_OLD 2", FAIL, "PUMP_OLD was 1, is 2"),
        ("uint32_t own", "uint64_t own", FAIL, "hypervisor"),
        ("PUMP_OFFSET 8", "PUMP_OFFSET 4", REFUSED, "under #ifdef __ASSEMBLY__"),
        ("struct pump {", "static inline int wet(void) { return 1; }\nstruct pump {", REFUSED, "function wet"),
        ("#define PUMP_AT(p, n) ((p)->rows[(n) % 4])\n", "", FAIL, "call PUMP_AT is gone"),
        ("struct pump {", "#undef PUMP_LEVEL\n#define PUMP_LEVEL 4\nstruct pump {", FAIL, "PUMP_LEVEL"),
    ],
    ids=["call", "old version", "hypervisor", "assembly", "inline", "call gone", "second meaning"],
)
def test_what_changes_for_anybody_is_seen(tmp_path: Path, old: str, new: str, verdict: str, word: str) -> None:
    proof = prove(tmp_path, old, new)
    assert proof.verdict == verdict
    assert any(word in f"{f.where} {f.what}" for f in proof.findings), proof.findings
