"""The second opinion: what Coccinelle sees of names, and what is left between it and us."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from xenstage.errors import Exit, XenstageError
from xenstage.index.sweep import Files, Hit, sweep
from xenstage.process import Runner
from xenstage.prove.patch.second import count_by_spatch, second_opinion
from xenstage.prove.result import FAIL, PASS, REFUSED, SKIP, Proof

needs_spatch = pytest.mark.skipif(shutil.which("spatch") is None, reason="spatch is not installed")

PATH = "xen/common/pump.c"
TEXT = """\
/* The rate of a pump. */
enum well { dry, full = 2 };
struct pump { int rate; struct well_list *next; };
#define FAST 9
#define RATE(p) ((p)->rate + FAST)
static int table[4] = { FAST };
static int start(struct pump *p, int rate)
{
    struct pump q = { .rate = FAST };

    if ( p->rate != full || rate == FAST )
        return RATE(p) + table[1] + q.rate;
    say("rate");
    return start(p, rate);
}
"""


def opinion(tmp_path: Path, before: str, after: str, *names: str, runner: Runner | None = None) -> Proof:
    """The proof for one file."""
    for path, text in ((PATH, before), ("docs/a", "rate\n")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    old = Files(tmp_path, {PATH: "100644", "docs/a": "100644"}, {})
    new = old.with_overlay({PATH: after.encode()})
    return second_opinion(old, new, names, scratch=tmp_path / "scratch", runner=runner or Runner())


@needs_spatch
def test_every_kind_of_use_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "pump.c"
    path.write_text(TEXT)
    seen = count_by_spatch(["rate", "FAST", "full", "table", "start", "pump"], [path], runner=Runner())
    lines = {name: [line for _, line in rows] for name, rows in seen.items()}
    assert lines == {
        "rate": [3, 5, 7, 9, 11, 11, 12, 14],
        "FAST": [4, 5, 6, 9, 11],
        "full": [2, 11],
        "table": [6, 12],
        "start": [7, 14],
        "pump": [3, 7, 9],
    }
    assert {f for rows in seen.values() for f, _ in rows} == {str(path)}


@needs_spatch
def test_both_agree_and_the_rest_has_reasons(tmp_path: Path) -> None:
    proof = opinion(tmp_path, TEXT, TEXT.replace("rate == FAST", "rate"), "rate", "FAST", "RATE")
    assert (proof.verdict, proof.findings) == (PASS, ())
    assert proof.facts["names"]["FAST"] == {
        "before": {"ours": 5, "spatch": 5, "explained": 0},
        "after": {"ours": 4, "spatch": 4, "explained": 0},
    }
    rows = [(r["path"], r["line"], r["name"], r["reason"]) for r in proof.facts["unseen"]["before"]]
    assert rows == [
        ("docs/a", 1, "rate", "spatch reads C files only"),
        (PATH, 1, "rate", "in a comment"),
        (PATH, 5, "RATE", "the name that a #define defines"),
        (PATH, 13, "rate", "in a string"),
    ]
    assert list((tmp_path / "scratch").iterdir()) == []


@needs_spatch
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("#ifdef FAST\nint a;\n#endif\n", "an operand of #ifdef"),
        ("#if 0\nint a = FAST;\n#endif\n", "in #if 0, which spatch passes over"),
        ("static struct { int FAST; } a = { 1 };\n", "a member of a struct that is declared together with a variable"),
        ("int a(int b)\n{\n    switch ( b )\n    {\n    case A...B:\n        return FAST;\n    }\n}\n", "case A...B:"),
    ],
)
def test_reasons(tmp_path: Path, text: str, reason: str) -> None:
    proof = opinion(tmp_path, "\n", text, "FAST")
    assert proof.verdict == PASS, proof
    assert [reason in (r["reason"] or "") for r in proof.facts["unseen"]["after"]] == [True]


@needs_spatch
def test_a_use_that_spatch_misses_for_no_known_reason(tmp_path: Path) -> None:
    proof = opinion(tmp_path, TEXT, TEXT + "int a(void)\n{\n    goto FAST;\nFAST:\n    return 1;\n}\n", "FAST")
    assert proof.verdict == REFUSED
    assert [f.where for f in proof.findings] == [f"{PATH}:18", f"{PATH}:19"]


@needs_spatch
def test_a_use_that_only_spatch_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xenstage.prove.patch.second.sweep", lambda files, names: _without_line_11(files))
    proof = opinion(tmp_path, TEXT, TEXT, "FAST")
    assert proof.verdict == FAIL
    assert {f.where for f in proof.findings} == {f"{PATH}:11"}


def _without_line_11(files: Files) -> list[Hit]:
    data = files.read(PATH)
    return [h for h in sweep(files, ["FAST"]) if data.count(b"\n", 0, h.offset) != 10]


def test_without_spatch(tmp_path: Path) -> None:
    assert opinion(tmp_path, TEXT, TEXT, "rate", runner=Runner({"PATH": str(tmp_path)})).verdict == SKIP


def test_a_spatch_that_fails(tmp_path: Path) -> None:
    fake = tmp_path / "spatch"
    fake.write_text("#!/bin/sh\necho no python >&2\nexit 2\n")
    fake.chmod(0o755)
    with pytest.raises(XenstageError) as stopped:
        count_by_spatch(["rate"], [tmp_path / "a.c"], runner=Runner({"PATH": f"{tmp_path}:/bin:/usr/bin"}))
    assert stopped.value.code is Exit.TOOLS and "no python" in stopped.value.why


def test_names_are_identifiers(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not an identifier"):
        count_by_spatch(["a}"], [tmp_path / "a.c"], runner=Runner())
    assert count_by_spatch(["a"], [], runner=Runner()) == {"a": []}
