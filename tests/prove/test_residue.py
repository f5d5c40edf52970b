"""What a patch leaves of names: counts by role, and definitions that something still names."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenstage.index.sweep import Files
from xenstage.prove.case import Case, Declared
from xenstage.prove.patch.residue import definitions, is_prose, prove_residue
from xenstage.prove.result import FAIL, PASS, Proof

PUMP = "xen/common/pump.c"
HEADER = "xen/include/pump.h"
BEFORE = {
    HEADER: "#define OLD_RATE 3\nextern int pump_rate;\nint pump_start(int rate);\nenum well { well_dry };\n",
    PUMP: "int pump_rate = OLD_RATE;\n/* OLD_RATE is slow. */\nint pump_start(int rate)\n{\n    return rate;\n}\n",
    "docs/pump.txt": "OLD_RATE is three.\n",
    "tools/pump/main.c": "int rate = OLD_RATE;\n",
    "Makefile": "CFLAGS += -DOLD_RATE=3\n",
}
NONE = {p: t.replace("OLD_RATE", "NEW_RATE") for p, t in BEFORE.items()}


def prove(
    tmp_path: Path, after: dict[str, str], declared: Declared | None = None, before: dict[str, str] | None = None
) -> Proof:
    """The proof for two trees."""
    start = before or BEFORE
    for path, text in {**after, **start}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    old = Files(tmp_path, dict.fromkeys(start, "100644"), {})
    new = Files(tmp_path, dict.fromkeys(after, "100644"), {p: t.encode() for p, t in after.items()})
    paths = {*old.tracked, *new.tracked}
    changed = tuple(sorted(p for p in paths if start.get(p) != after.get(p)))
    return prove_residue(Case(1, "s", "s\n\nb", "p", "c", old, new, changed, declared or Declared()))


def test_counts_by_role(tmp_path: Path) -> None:
    proof = prove(tmp_path, NONE, Declared(removes=("OLD_RATE",), introduces=("NEW_RATE",), keeps=("pump_rate",)))
    assert (proof.verdict, proof.findings) == (PASS, ())
    row = {"code": 2, "comment": 1, "documentation": 1, "tools": 1, "other": 0}
    names = proof.facts["names"]
    assert names["OLD_RATE"] == {"before": row, "after": dict.fromkeys(row, 0)}
    assert names["NEW_RATE"] == {"before": dict.fromkeys(row, 0), "after": row}
    assert "more uses of names that stay" not in proof.facts


def test_a_flag_of_a_makefile_is_another_word(tmp_path: Path) -> None:
    after = {**NONE, "Makefile": "# OLD_RATE\n"}
    proof = prove(tmp_path, after, Declared(removes=("OLD_RATE",)))
    assert [f.where for f in proof.findings] == ["Makefile:1"]


@pytest.mark.parametrize("path", ["docs/pump.txt", "tools/pump/main.c", HEADER, PUMP])
def test_a_removed_name_that_is_left(tmp_path: Path, path: str) -> None:
    proof = prove(tmp_path, {**NONE, path: BEFORE[path]}, Declared(removes=("OLD_RATE",)))
    assert proof.verdict == FAIL
    assert {f.where.split(":")[0] for f in proof.findings} == {path}


def test_names_that_are_not_as_declared(tmp_path: Path) -> None:
    def words(declared: Declared, after: dict[str, str] = NONE) -> str:
        proof = prove(tmp_path, after, declared)
        assert proof.verdict == FAIL
        return " ".join(f"{f.where} {f.what}" for f in proof.findings)

    assert "nothing names it before" in words(Declared(removes=("nowhere",)))
    assert "nothing names it after" in words(Declared(introduces=("nowhere",)))
    assert f"{PUMP}:1 pump_rate is declared to be new" in words(Declared(introduces=("pump_rate",)))
    fewer = words(Declared(keeps=("pump_rate",)), {**NONE, PUMP: "int pump_start(int rate);\n"})
    assert "1 fewer use after the patch" in fewer and PUMP in fewer


def test_more_uses_of_a_name_that_stays_are_a_fact(tmp_path: Path) -> None:
    after = {**NONE, PUMP: NONE[PUMP] + "int *rates = &pump_rate;\n"}
    proof = prove(tmp_path, after, Declared(keeps=("pump_rate",)))
    assert proof.verdict == PASS
    assert proof.facts["more uses of names that stay"] == {"pump_rate": 1}


def test_a_foreign_patch_that_leaves_uses_behind(tmp_path: Path) -> None:
    after = {**BEFORE, HEADER: BEFORE[HEADER].replace("#define OLD_RATE 3\n", "")}
    proof = prove(tmp_path, after)
    assert proof.verdict == FAIL
    assert [f.where for f in proof.findings] == ["docs/pump.txt:1", "tools/pump/main.c:1", f"{PUMP}:1", f"{PUMP}:2"]
    assert f"no longer defined or used in the files that the patch changes ({HEADER})" in proof.findings[2].what
    assert prove(tmp_path, NONE).verdict == PASS


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("int pump_start(int rate)\n{\n    return rate;\n}\n", "int other(void);\n"),
        ("enum well { well_dry, pump_start = 4 };\n", "enum well { well_dry };\n"),
        ("unsigned long *pump_start __read_mostly = 0;\n", "\n"),
        ("int pump_start[4];\n", "\n"),
    ],
)
def test_kinds_of_definitions(tmp_path: Path, before: str, after: str) -> None:
    user = {"xen/user.c": "void use(void)\n{\n    go(pump_start);\n}\n"}
    proof = prove(tmp_path, {**user, PUMP: after}, before={**user, PUMP: before})
    visible = not before.startswith("enum")  # what a .c file keeps for itself, no other can mean
    assert [f.where for f in proof.findings] == (["xen/user.c:3"] if visible else [])
    proof = prove(tmp_path, {**user, HEADER: after}, before={**user, HEADER: before})
    assert [f.where for f in proof.findings] == ["xen/user.c:3"]


@pytest.mark.parametrize(
    "user",
    [
        "void use(struct well *w)\n{\n    w->pump_start = 1;\n}\n",  # a member is another name space
        "int pump_start(int rate)\n{\n    return 0;\n}\n",  # defined there
        "/* We pump. */\n",
    ],
)
def test_names_of_something_else(tmp_path: Path, user: str) -> None:
    before = "int pump_start(int rate)\n{\n    return rate;\n}\nint pump;\n"
    files = {"xen/user.c": user}
    assert prove(tmp_path, {**files, PUMP: "\n"}, before={**files, PUMP: before}).findings == ()


def test_a_static_function_is_not_meant_elsewhere(tmp_path: Path) -> None:
    user = {"xen/user.c": "void use(void)\n{\n    pump_start(1);\n}\n"}
    before = "static int pump_start(int rate)\n{\n    return rate;\n}\n"
    assert prove(tmp_path, {**user, PUMP: "\n"}, before={**user, PUMP: before}).findings == ()
    comment = {"xen/user.c": "/* Called by pump_start(). */\n"}
    proof = prove(tmp_path, {**comment, PUMP: "\n"}, before={**comment, PUMP: before})
    assert [f.where for f in proof.findings] == ["xen/user.c:1"]


def test_still_named_in_a_changed_file(tmp_path: Path) -> None:
    before = "int pump_start(int rate)\n{\n    return rate;\n}\n"
    after = "int other(void); /* once pump_start() */\n"
    user = {"xen/user.c": "/* Called by pump_start(). */\n"}
    assert prove(tmp_path, {**user, PUMP: after}, before={**user, PUMP: before}).verdict == PASS


def test_what_is_no_definition() -> None:
    text = b"""\
extern int seen;
typedef int word_t;
struct forward;
int declared(int a);
static int table[] = { one, two };
struct box { int member; } boxed;
#if A
int twice(int a) {
#else
int twice(void) {
#endif
    int local = 1;
    call(local);
}
int last = 1;
"""
    assert definitions(text) == {"table": False, "twice": True, "last": True}


def test_text_that_code_includes_is_not_for_people_only(tmp_path: Path) -> None:
    texts = {"docs/well.txt": b"a", "xen/rows.txt": b"1,", "xen/a.c": b'int a[] = {\n#include "rows.txt"\n};\n'}
    for path, data in texts.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    files = Files(tmp_path, dict.fromkeys(texts, "100644"), {})
    case = Case(1, "s", "s", "p", "c", files, files, tuple(texts))
    assert is_prose(case, "docs/well.txt") and not is_prose(case, "xen/rows.txt")
