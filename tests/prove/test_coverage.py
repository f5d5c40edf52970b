"""Coverage: a proof speaks for one definition of one file, with its head, and for nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenstage.ctext.body import parameters
from xenstage.ctext.entities import entities
from xenstage.ctext.macros import TIGHT, shape_of
from xenstage.index.sweep import Files
from xenstage.prove.binary.coverage import Coverage, coverage
from xenstage.prove.case import Case
from xenstage.prove.changes import changed_entities
from xenstage.prove.source.macros import macro_difference

PUMP = "xen/common/pump.c"
WELL = "xen/common/well.c"
HEADER = "xen/include/xen/pump.h"
TEXTS = {
    PUMP: "#include <xen/pump.h>\n#define DEEP 3\nstatic int rate(int x)\n{\n    return x;\n}\n",
    WELL: "#include <xen/pump.h>\nint rate(int x)\n{\n    return x;\n}\nint level = 1;\n",
    HEADER: "#ifndef PUMP_H\n#define PUMP_H\nint rate(int x);\n#define wet(d) ((d)->water)\n#endif\n",
}


def make(tmp_path: Path, *changes: tuple[str, str, str], before: dict[str, str] | None = None) -> Case:
    """A case: in each path, a text becomes another."""
    texts = {p: t.encode() for p, t in {**TEXTS, **(before or {})}.items()}
    for path, data in texts.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    old = Files(tmp_path, dict.fromkeys(texts, "100644"), {})
    new = dict(texts)
    for path, a, b in changes:
        assert a.encode() in new[path]
        new[path] = new[path].replace(a.encode(), b.encode(), 1)
    paths = tuple(sorted({p for p, _, _ in changes}))
    return Case(1, "s", "s", "p", "c", old, old.with_overlay(new), paths)


def kinds(case: Case) -> list[tuple[str, str]]:
    """Kind and name of every change."""
    return [(c.kind, c.name) for c in changed_entities(case)]


def covered(case: Case, *where: str) -> Coverage:
    """Coverage by a proof of the bodies of some definitions."""
    return coverage(case, dict.fromkeys(where, "shown"), {})


def test_a_proof_of_one_file_does_not_cover_the_same_name_in_another(tmp_path: Path) -> None:
    case = make(tmp_path, (PUMP, "return x", "return x + 1"), (WELL, "return x", "return x + 1"))
    found = covered(case, f"{PUMP}: function rate")
    assert found.uncovered() == [f"{WELL}: function rate"]
    assert found.why("common/pump.o", "rate") == "rate: shown"
    assert found.why("common/well.o", "rate") == ""


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("static int rate", "static char rate", "'static char rate'"),
        ("int rate(int x)\n{\n    return x", "__init int rate(int x)\n{\n    return x + 0", "__init"),
        ("(int x)", "(int x) __attribute__((const))", "const"),
        ("static int rate", "int rate", "is 'int'"),
    ],
)
def test_a_head_is_not_covered_by_a_proof_of_the_body(tmp_path: Path, old: str, new: str, word: str) -> None:
    case = make(tmp_path, (PUMP, old, new))
    assert word in covered(case, f"{PUMP}: function rate").uncovered()[0]


def test_a_condition_around_a_definition_is_not_covered(tmp_path: Path) -> None:
    case = make(tmp_path, (WELL, "int rate", "#ifdef NDEBUG\nint rate"), (WELL, "int level", "#endif\nint level"))
    assert covered(case, f"{WELL}: function rate").uncovered() == [
        f"{WELL}: function rate (the conditions around it were none, are #ifdef NDEBUG)"
    ]


def test_a_difference_without_a_cause_is_not_as_before(tmp_path: Path) -> None:
    """The function's text and all that it uses is the same, and its bytes are not: something else is at work."""
    case = make(tmp_path, (WELL, "return x", "return x + 1"))
    assert covered(case, f"{WELL}: function rate").why("common/other.o", "drain") == ""
    assert covered(case, f"{WELL}: function rate").why("common/pump.o", "rate") == ""


def test_a_function_may_differ_as_its_changed_caller_has_it(tmp_path: Path) -> None:
    """A compiler puts it into its caller, or makes one of its own for it."""
    more = "static int deep(int x)\n{\n    return x;\n}\nint top(int x)\n{\n    return deep(x) + rate(x);\n}\n"
    texts = {PUMP: TEXTS[PUMP] + more}
    case = make(tmp_path, (PUMP, "deep(x) + rate(x)", "rate(x) + deep(x)"), before=texts)
    assert covered(case, f"{PUMP}: function top").why("common/pump.o", "deep").startswith("its text is as before; top")
    assert covered(case).why("common/pump.o", "deep") == ""


def test_a_copy_of_a_headers_function_may_be_made_or_not(tmp_path: Path) -> None:
    """Who calls it differs itself then; a copy that both sides have and that differs is another matter."""
    inline = "static inline int dry(int x)\n{\n    return !x;\n}\n#endif"
    texts = {HEADER: TEXTS[HEADER].replace("#endif", inline)}
    found = covered(make(tmp_path, (WELL, "return x", "return x + 1"), before=texts), f"{WELL}: function rate")
    assert found.why("common/well.o", "dry", copied=True).startswith("its text is as before; a copy")
    assert found.why("common/well.o", "dry") == "" and found.why("common/other.o", "drain", copied=True) == ""
    changed = covered(make(tmp_path, (HEADER, "!x", "x != 1"), before=texts))
    assert changed.why("common/well.o", "dry", copied=True) == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("#undef rate\n", "undef"),
        ("#pragma pack(1)\n", "directive"),
        ('#line 7 "x"\n', "directive"),
        ("#include <xen/other.h>\n", "include"),
        ("extern int rate(long);\n", "prototype"),
        ("%:define rate(x) 0\n", "spelling"),
        ("#define a(x) ra\\\nte(x)\n", "spelling"),
        ("#define a \\ \n rate\n", "spelling"),
    ],
)
def test_nothing_that_a_preprocessor_reads_is_passed_over(tmp_path: Path, text: str, kind: str) -> None:
    case = make(tmp_path, (PUMP, "static", f"{text}static"))
    assert kind in {k for k, _ in kinds(case)}
    assert any(f": {kind} " in u for u in covered(case).uncovered())


def test_digraphs_in_prose_are_no_digraphs(tmp_path: Path) -> None:
    case = make(tmp_path, (PUMP, "static", '/* %: */\nstatic const char *note = "<%";\nstatic'))
    assert kinds(case) == [("variable", "note")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("#include <a.h>\n#include <b.h>\nint x;\n", "#include <b.h>\n#include <a.h>\nint x;\n"),
        ("#define A 1\nint x = A;\n", "int x = A;\n#define A 1\n"),
        (
            "int a(void)\n{\n    return rate(1);\n}\n#undef rate\n",
            "#undef rate\nint a(void)\n{\n    return rate(1);\n}\n",
        ),
    ],
)
def test_a_directive_that_passes_what_has_its_word_is_a_change(tmp_path: Path, before: str, after: str) -> None:
    case = make(tmp_path, (PUMP, before, after), before={PUMP: before})
    assert [k for k, _ in kinds(case)] == ["order"] * len(kinds(case)) and kinds(case)


def test_functions_and_macros_that_do_not_meet_may_pass_each_other(tmp_path: Path) -> None:
    before = "#define A 1\nint x;\nint y = A;\n"
    assert kinds(make(tmp_path, (PUMP, before, "int x;\n#define A 1\nint y = A;\n"), before={PUMP: before})) == []


def test_a_second_meaning_takes_the_coverage_away(tmp_path: Path) -> None:
    case = make(tmp_path, (HEADER, "((d)->water)\n", "(!!(d)->water)\n#undef wet\n#define wet(d) 0\n"))
    assert "3 meanings" in covered(case, f"{HEADER}: macro wet").uncovered()[0]


def macro(text: str) -> tuple[str, dict[str, int], int]:
    """Bare parameters and level of a macro."""
    shape = shape_of(next(iter(entities(text.encode()).values())))
    assert shape is not None
    return ",".join(shape.bare), dict(shape.times), shape.level


@pytest.mark.parametrize(
    ("text", "bare", "times", "whole"),
    [
        ("#define f(d) ((d)->x)\n", "", 1, True),
        ("#define f(d) (d->x)\n", "d", 1, True),
        ("#define f(d) (d)->x\n", "", 1, True),
        ("#define f(d) (d)->x && 1\n", "", 1, False),
        ("#define f(d) g(d)\n", "", 1, True),
        ("#define f(d) (a ? (d) : (d))\n", "", 2, True),
        ("#define f(d) !(d)\n", "", 1, False),
        ("#define f(d) (int)(d)\n", "", 1, False),
        ("#define f(d) g(d, 1) | 2\n", "", 1, False),
    ],
)
def test_the_shape_of_a_body(text: str, bare: str, times: int, whole: bool) -> None:
    assert macro(text)[:2] == (bare, {"d": times}) and (macro(text)[2] == TIGHT) == whole


@pytest.mark.parametrize(
    ("new", "use", "word"),
    [
        ("(d)->water || (d)->mud", "if ( !wet(d) )", "looser"),
        ("(d)->water || (d)->mud", "if ( wet(d) && 1 )", "looser"),
        ("(d)->water || (d)->mud", "if ( wet(d) )", ""),
        ("(d)->water || (d)->mud", "if ( wet(d) || 1 )", "looser"),
        ("(d->water)", "if ( wet(e + 1) )", "without brackets"),
        ("(d->water)", "if ( wet(a->b) )", ""),
        ("((d)->water && (d)->deep)", "if ( wet(next(d)) )", "2 times"),
        ("((d)->water && (d)->deep)", "if ( wet(d++) )", "2 times"),
        ("((d)->water && (d)->deep)", "if ( wet(a[1].b->c) )", ""),
        ("(1)", "if ( wet(next(d)) )", "0 times"),
        ("((d)->water && (d)->deep)", "#define damp(x) wet(x)\nif ( damp(next(d)) )", "2 times"),
        ("((d)->water && (d)->deep)", "#define damp(x) wet(x)\nif ( damp(d) )", ""),
    ],
)
def test_the_uses_of_a_macro_decide_about_its_body(tmp_path: Path, new: str, use: str, word: str) -> None:
    lead, _, statement = use.rpartition("\n")
    text = f"{lead}\nint f(void)\n{{\n    {statement}\n        return 1;\n    return 0;\n}}\n"
    case = make(tmp_path, (HEADER, "((d)->water)", new), before={PUMP: text})
    change = next(c for c in changed_entities(case) if c.name == "wet")
    assert change.new is not None
    found = macro_difference(case.after, change.old, change.new)
    assert (word in found) if word else found == ""


@pytest.mark.parametrize(("new", "word"), [("seen(d); 1", "did 2 times"), ("seen(d); (d)->deep", "")])
def test_a_block_with_a_value_may_not_name_its_arguments_more_or_less_often(
    tmp_path: Path, new: str, word: str
) -> None:
    lead = "#define soaked(d) ({ "
    before = {PUMP: lead + "seen(d); (d)->water; })\n"}
    case = make(tmp_path, (PUMP, "seen(d); (d)->water", new), before=before)
    (change,) = changed_entities(case)
    assert change.new is not None
    found = macro_difference(case.after, change.old, change.new)
    assert (word in found) if word else found == ""


def test_brackets_around_a_functions_name_are_no_part_of_it(tmp_path: Path) -> None:
    text = "void (drain)(int x)\n{\n    low(x);\n}\n\nint empty(int x)\n{\n    drain(x);\n    return 0;\n}\n"
    case = make(tmp_path, (PUMP, "low(x)", "lower(x)"), before={PUMP: text})
    found = covered(case, f"{PUMP}: function drain")
    assert kinds(case) == [("function", "drain")]
    (change,) = changed_entities(case)
    assert change.new is not None and parameters(change.new) == [("int", "x")]
    assert found.why("common/pump.o", "empty") == "its text is as before; it uses drain: shown"
