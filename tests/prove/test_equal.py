"""Equal objects: when they show by themselves that nothing changes, and what they leave open."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from xenstage.builds.builder import Result
from xenstage.builds.sources import files_read
from xenstage.cache import Cache
from xenstage.index.sweep import Files
from xenstage.prove.binary.equal import equal_objects
from xenstage.prove.case import Case
from xenstage.prove.judge import Judgement, judge_patch
from xenstage.prove.result import FAIL, PASS, REFUSED

PUMP = "xen/common/pump.c"
HEADER = "xen/include/xen/pump.h"
OLD = b"#define RATE 7\nint pump(int x)\n{\n    return x * RATE;\n}\n"
NEW = b"#define FLOW 7\nint pump(int x)\n{\n    return FLOW * x;\n}\n"
NFC = "pump: name it\n\nNo functional change."


def case(before: Mapping[str, bytes], after: Mapping[str, bytes], message: str = NFC, root: Path | None = None) -> Case:
    """A patch in memory, or with its parent checked out in a directory."""

    def files(side: Mapping[str, bytes]) -> Files:
        return Files(root or Path("/nowhere"), dict.fromkeys(side, "100644"), side)

    for path, data in before.items() if root is not None else ():
        assert root is not None
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)

    changed = tuple(sorted(p for p in {*before, *after} if before.get(p) != after.get(p)))
    subject = message.partition("\n")[0]
    return Case(1, subject, message, "a" * 40, "b" * 40, files(before), files(after), changed)


def built(*read: str, digest: str = "1 .text", lines: str = "", more: str = "") -> Result:
    """A build whose one object holds pump()."""
    unit: dict[str, Any] = {"f": {"pump": [9, digest]}, "d": {}, "s": {".fixup": [4, more or "x"]}}
    harvest: dict[str, Any] = {"objects": {"common/pump.o": unit}, "read": list(read)}
    if lines:
        harvest["lines"] = {"common/pump.o": {"f": {"pump": [9, lines]}, "d": {}, "s": {}}}
    return Result("PASS", "", 1.0, "gcc", b"", "make", (), True, harvest=harvest)


def judge(patch: Case, *configs: str, old: Result, new: Result, cache: Path) -> Judgement:
    """All proofs of a patch whose builds are given."""
    return judge_patch(patch, dict.fromkeys(configs, (old, new)), cache=Cache(cache), step=lambda name: None)


def test_equal_objects_carry_a_claim_that_the_source_proofs_do_not_show(tmp_path: Path) -> None:
    got = judge(
        case({PUMP: OLD}, {PUMP: NEW}, root=tmp_path),
        "arm64-debug",
        "x86_64-debug",
        old=built(PUMP),
        new=built(PUMP),
        cache=tmp_path / "cache",
    )
    assert not got.nfc and got.shown == "equal objects in arm64-debug, x86_64-debug"
    assert got.verdict == PASS
    assert "as before in arm64-debug, x86_64-debug; the source proofs do not show it" in got.says
    assert next(p for p in got.proofs if p.name == "objects").facts["equal"]["gaps"] == []


def test_a_claim_without_them_is_not_shown(tmp_path: Path) -> None:
    other = built(PUMP, digest="2 .text")
    patch = case({PUMP: OLD}, {PUMP: NEW}, root=tmp_path)
    got = judge(patch, "x86_64-debug", old=built(PUMP), new=other, cache=tmp_path / "cache")
    assert got.verdict == REFUSED and not got.shown and got.says.startswith("CLAIMED AND NOT SHOWN")


def test_a_function_with_other_line_numbers_is_equal() -> None:
    old, new = built(PUMP), built(PUMP, digest="2 .text", lines="1 .text")
    assert equal_objects(case({PUMP: OLD}, {PUMP: NEW}), {"x86_64-debug": (old, new)}).holds


@pytest.mark.parametrize(
    ("new", "word"),
    [
        (built(PUMP, digest="2 .text"), "pump in common/pump.o"),
        (built(PUMP, digest="1 .init.text"), "pump in common/pump.o"),
        (built(PUMP, more="y"), "section .fixup of common/pump.o"),
    ],
    ids=["bytes", "section", "table"],
)
def test_what_differs_in_one_configuration_is_named(new: Result, word: str) -> None:
    pairs = {"x86_64-debug": (built(PUMP), built(PUMP)), "arm64-debug": (built(PUMP), new)}
    got = equal_objects(case({PUMP: OLD}, {PUMP: NEW}), pairs)
    assert not got.holds and "arm64-debug" in got.differ[0] and word in got.differ[0]


def under(condition: bytes, text: bytes = NEW) -> bytes:
    """The function with one branch under a condition."""
    return text + condition + b"\nint more(void) { return 1; }\n#endif\n"


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        ({PUMP: OLD, "xen/arch/arm/x.c": OLD}, {PUMP: NEW, "xen/arch/arm/x.c": NEW}, "arm/x.c is compiled in none"),
        ({PUMP: OLD, "tools/x.c": OLD}, {PUMP: NEW, "tools/x.c": NEW}, "tools/x.c is compiled in none"),
        ({PUMP: OLD}, {PUMP: under(b"#ifdef XSM_ENABLE")}, "under #ifdef XSM_ENABLE"),
        ({PUMP: under(b"#ifdef NDEBUG", OLD)}, {PUMP: OLD}, "under #ifdef NDEBUG"),
        ({PUMP: OLD}, {PUMP: under(b"#if PUMPS > 2")}, "under #if PUMPS > 2"),
        ({PUMP: under(b"#ifdef CONFIG_X86")}, {PUMP: under(b"#ifdef CONFIG_ARM")}, "under #ifdef CONFIG_ARM"),
        ({PUMP: OLD, "xen/common/Makefile": b"obj-y += pump.o\n"},
         {PUMP: OLD, "xen/common/Makefile": b"obj-y += pump.o\nobj-$(XSM) += x.o\n"}, "depends on the configuration"),
        ({"xen/arch/arm/Makefile": b"obj-y += a.o\n"}, {"xen/arch/arm/Makefile": b""}, "nothing below"),
        ({PUMP: OLD, "xen/arch/x86/xen.lds.S": b"A"}, {PUMP: OLD, "xen/arch/x86/xen.lds.S": b"B"}, "compiled in none"),
    ],
    ids=["architecture", "tools", "xsm", "release", "unknown", "condition", "makefile", "its makefile", "link"],
)  # fmt: skip
def test_what_no_build_compiles_is_a_gap(before: dict[str, bytes], after: dict[str, bytes], word: str) -> None:
    got = equal_objects(case(before, after), {"x86_64-debug": (built(PUMP), built(PUMP))})
    assert got.configs == ("x86_64-debug",) and not got.holds
    assert any(word in gap for gap in got.gaps), got.gaps


def test_what_the_build_compiles_under_a_known_condition_is_none() -> None:
    guarded = b"#ifndef __XEN_PUMP_H__\n#define __XEN_PUMP_H__\n#ifdef CONFIG_X86\nextern int a;\n#endif\n#endif\n"
    other = guarded.replace(b"int a", b"int b")
    patch = case({HEADER: guarded, PUMP: OLD}, {HEADER: other, PUMP: under(b"#ifndef NDEBUG")})
    row = (built(PUMP, HEADER), built(PUMP, HEADER))
    assert equal_objects(patch, {"x86_64-debug": row}).holds
    assert not equal_objects(patch, {"arm64-debug": row}).holds


def test_a_comment_needs_no_build_of_its_file() -> None:
    patch = case({PUMP: OLD, "xen/arch/arm/x.c": OLD}, {PUMP: NEW, "xen/arch/arm/x.c": b"/* a pump */\n" + OLD})
    assert equal_objects(patch, {"x86_64-debug": (built(PUMP), built(PUMP))}).holds


def test_nothing_built_shows_nothing() -> None:
    assert not equal_objects(case({PUMP: OLD}, {PUMP: NEW}), {}).holds


def test_the_files_that_a_build_read(tmp_path: Path) -> None:
    xen = tmp_path / "xen"
    (xen / "common").mkdir(parents=True)
    (xen / "include/asm-x86").mkdir(parents=True)
    (xen / "include/asm").symlink_to("asm-x86")
    (xen / "common/pump.o").touch()
    names = f"pump.o: pump.c \\\n {xen}/include/asm/regs.h /usr/include/stdio.h\n\n{xen}/include/asm/regs.h:\n"
    (xen / "common/.pump.o.d").write_text(names)
    (xen / "common/.gone.o.d").write_text("gone.o: gone.c\n")
    assert files_read(xen) == ["xen/common/pump.c", "xen/include/asm-x86/regs.h"]


def test_a_difference_in_the_source_alone_is_no_counterexample(tmp_path: Path) -> None:
    """The compiler makes the same of both: what a source proof says against it is not shown."""
    body = b"int pump(struct domain *d)\n{\n    if ( is_hvm_domain(d) )\n        return 1;\n    return 0;\n}\n"
    patch = case({PUMP: body}, {PUMP: body.replace(b"is_hvm", b"is_pv")}, root=tmp_path)
    alone = judge(patch, old=built(PUMP), new=built(PUMP), cache=tmp_path / "cache")
    assert alone.verdict in (FAIL, REFUSED)
    got = judge(patch, "x86_64-debug", old=built(PUMP), new=built(PUMP), cache=tmp_path / "cache")
    assert got.verdict == PASS and FAIL not in {p.verdict for p in got.proofs}
