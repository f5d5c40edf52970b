"""Declared effects are held both ways, and what says nothing is no difference."""

from __future__ import annotations

import json

import pytest

from xenstage.effect import Effect
from xenstage.index.sweep import Files
from xenstage.prove.case import Case
from xenstage.prove.result import FAIL, PASS
from xenstage.prove.source.predicates import prove_predicates

from .kit import added, case_of, edited, sample_files, told, verdicts
from .mock.test_mock import DEVICES, TARIFF, mock_files

ARCH = "xen/arch/x86/domain.c"
WIDER = (ARCH, "d->tot_pages == 0 && !is_hvm_domain(d)", "d->tot_pages == 0 && !has_hvm_container_domain(d)")
READ = Effect(ARCH, "domain_is_empty", "pvh", reads_true="is_hvm_*")
DIFF = Effect(ARCH, "domain_is_empty", "pvh", diff="- return d->tot_pages == 0\n+ return 0")
BECOMES = Effect(ARCH, "domain_is_empty", "pvh", becomes="return 0")


@pytest.fixture(scope="module")
def files() -> Files:
    """The sample tree."""
    return sample_files()


@pytest.mark.parametrize("effect", [READ, DIFF, BECOMES], ids=["reads_true", "diff", "becomes"])
def test_an_effect_that_happens_as_declared_passes(files: Files, effect: Effect) -> None:
    proof = prove_predicates(case_of(files, edited(files, WIDER), effect))
    assert proof.verdict == PASS, told(proof)
    assert proof.facts["effects"] == [effect.where] and "effects as declared" in proof.summary


@pytest.mark.parametrize(
    "effects",
    [
        (),
        (Effect(ARCH, "domain_is_empty", "hvm", reads_true="is_hvm_*"),),
        (Effect(ARCH, "domain_is_empty", "pvh", reads_true="is_pv_*"),),
        (Effect(ARCH, "domain_is_empty", "pvh", diff="- return d->tot_pages == 0\n+ return 1"),),
        (Effect(ARCH, "domain_is_empty", "pvh", becomes="return 1"),),
        (Effect(ARCH, "arch_set_info_guest", "pvh", reads_true="is_hvm_*"),),
        (Effect(ARCH, "domain_is_empty", "pvh", unreachable=True),),
        (READ, Effect(ARCH, "domain_is_empty", "hvm", diff="- return 0\n+ return 1")),
    ],
    ids=["none", "kind", "predicate", "diff", "becomes", "function", "unreachable", "one-more"],
)
def test_anything_else_fails(files: Files, effects: tuple[Effect, ...]) -> None:
    proof = prove_predicates(case_of(files, edited(files, WIDER), *effects))
    assert proof.verdict == FAIL
    if effects and effects[0] is not READ:
        assert "the declared effect does not happen" in told(proof)


CALLS = """
int order(struct domain *d)
{
    if ( book(d, %s, pick(1, 2)) )
        return book(0, %s, d->next);
    return 0;
}
"""
WHOLE = Effect(ARCH, "order", "*", each="- book($a:arg, $n:arg, $b)\n+ book($a, $n, 0, $b)")
LINES = """\
- if (book($d:arg, {n}, $p))
+ if (book($d, {n+1}, $p))
- return book(0, {n}, $next)
+ return book(0, {n+1}, $next)"""
OTHERS = LINES.replace("- return book(0, {n}", "- return book(0, {m}").replace(
    "+ return book(0, {n+1}", "+ return book(0, {m+2}"
)


def _lines(diff: str) -> Effect:
    return Effect(ARCH, "order", "*", diff=diff)


@pytest.mark.parametrize(("new", "effect", "verdict"), [
    ("4, 0", WHOLE, PASS),
    ("4, 1", WHOLE, FAIL),
    ("0, 4", WHOLE, FAIL),
    ("5, 0", WHOLE, FAIL),
    ("4", WHOLE, FAIL),
    ("5", _lines(LINES), PASS),
    ("6", _lines(LINES), FAIL),
    ("5", _lines(OTHERS), FAIL),
    ("5", _lines(LINES.replace("$next", "$p")), FAIL),
])  # fmt: skip
def test_lines_may_leave_open_what_differs_from_tree_to_tree(
    files: Files, new: str, effect: Effect, verdict: str
) -> None:
    before, after = (added(files, ARCH, CALLS % (n, n)) for n in ("4", new))
    proof = prove_predicates(case_of(before, after, effect))
    assert proof.verdict == verdict, told(proof)


def test_one_match_that_stays_is_not_each(files: Files) -> None:
    before, after = (added(files, ARCH, CALLS % n) for n in (("4", "4"), ("4, 0", "4")))
    proof = prove_predicates(case_of(before, after, WHOLE))
    assert proof.verdict == FAIL and "declared: - book(" in told(proof)


def test_what_is_new_holds_nothing_that_no_line_gone_fixes() -> None:
    for diff, each in (("- f($a)\n+ f($b)", ""), ("+ x = {n}", ""), ("", "- f($a)\n+ f($a, $b)")):
        with pytest.raises(ValueError, match="fixes"):
            Effect("a.c", "f", "*", diff=diff, each=each)
    with pytest.raises(ValueError, match="each is one line"):
        Effect("a.c", "f", "*", each="- f($a)\n- g($a)\n+ f()")


def test_an_effect_of_a_patch_that_does_nothing_fails(files: Files) -> None:
    proof = prove_predicates(case_of(files, edited(files, (ARCH, "d->tot_pages == 0", "0 == d->tot_pages")), READ))
    assert proof.verdict == FAIL and "does not happen" in told(proof)


def test_unreachable_is_checked() -> None:
    files = mock_files()
    after = edited(
        files,
        (
            DEVICES,
            "    if ( is_pvh_domain(d) )\n        return rc;",
            "    if ( !is_hvm_domain(d) )\n        return rc;",
        ),
    )
    away = Effect(DEVICES, "devices_init", "pv", unreachable=True)
    assert prove_predicates(case_of(files, after, away)).verdict == PASS
    both = edited(after, (TARIFF, "is_pvh_domain(d)", "!is_hvm_domain(d)"))
    proof = prove_predicates(case_of(files, both, away, Effect(TARIFF, "tariff_set", "pv", unreachable=True)))
    assert proof.verdict == FAIL and "tariff_set" in told(proof) and "devices_init" not in told(proof)


def test_effects_survive_the_evidence_file() -> None:
    for effect in (READ, DIFF, BECOMES, Effect("a.c", "f", "pv", unreachable=True, because="nobody calls it")):
        assert Effect.from_json(json.loads(json.dumps(effect.to_json()))) == effect
    with pytest.raises(ValueError, match="one of"):
        Effect("a.c", "f", "pv")
    with pytest.raises(ValueError, match="reads_tru"):
        Effect.from_json({"path": "a.c", "function": "f", "kind": "pv", "reads_tru": "x"})


HEAD = "int probe(struct domain *d, int n);\nint probe(struct domain *d, int n)\n{\n"
SAME = {
    "code behind a return": ("return 1;", "return 1;\n n = 2;"),
    "a label that nothing jumps to": ("n = 1;\nreturn n;", "n = 1;\nout:\nreturn n;"),
    "a moved early return": (
        "if ( is_pvh_domain(d) )\n{ n = 1; goto out; }\nn = 2;\nout:\nreturn n;",
        "if ( is_pvh_domain(d) )\nn = 1;\nelse\nn = 2;\nreturn n;",
    ),
    "flags at once": ("n |= 1;\nn |= d->tot_pages;\nreturn n;", "n |= d->tot_pages | 1;\nreturn n;"),
    "flags under conditions": (
        "n |= 1 | 4;\nif ( d->is_dying )\nn |= 2;\nreturn n;",
        "n |= 1;\nif ( d->is_dying )\nn |= 2;\nn |= 4;\nreturn n;",
    ),
    "a directive in a condition": (
        "if ( !is_pv_domain(d)\n#ifdef DEBUGGING\n     && n\n#endif\n   )\nreturn 1;\nreturn 0;",
        "if ( has_hvm_container_domain(d)\n#ifdef DEBUGGING\n     && n\n#endif\n   )\nreturn 1;\nreturn 0;",
    ),
}
SAME["behind a NULL that is followed"] = (
    "switch ( n )\n{\ncase 1:\nif ( d == NULL )\nreturn 1;\nbreak;\n"
    "case 2:\nif ( !is_hvm_domain(d) )\nbreak;\nn = 3;\nbreak;\n}\nreturn n;",
    "switch ( n )\n{\ncase 1:\nif ( d == NULL )\nreturn 1;\nbreak;\n"
    "case 2:\nif ( !is_hvm_domain(d) )\nbreak;\nif ( n && is_pv_domain(d) )\nbreak;\nn = 3;\nbreak;\n}\nreturn n;",
)
_NULL_VCPU = (
    "struct vcpu *v;\nv = pick(d);\nif ( n && !v )\nreturn 1;\n"
    "if ( !{} || n )\n{{\nif ( is_pvh_vcpu(v) && !n )\nreturn 2;\nreturn 3;\n}}\nring(v);\nreturn 4;"
)
SAME["the domain of a virtual CPU that a condition compares with NULL"] = (
    _NULL_VCPU.format("is_hvm_vcpu(v)"),
    _NULL_VCPU.format("is_hvm_domain(v->domain)"),
)
OTHER = {
    "a NULL that is followed, before what was done": (
        "n = 3;\nif ( d == NULL )\nreturn 1;\nreturn n;",
        "if ( is_hvm_domain(d) )\nn = 3;\nelse\nn = 3;\nif ( d == NULL )\nreturn 1;\nreturn n;",
    ),
    "a label that something jumps to": (
        "if ( n )\ngoto out;\nreturn 1;\nout:\nreturn 2;",
        "if ( n )\ngoto out;\nreturn 1;\nout:\nreturn 3;",
    ),
    "a flag more": ("n |= 1;\nreturn n;", "n |= 1 | 2;\nreturn n;"),
    "a flag under another condition": (
        "n |= 1;\nif ( d->is_dying )\nn |= 2;\nreturn n;",
        "n |= 1;\nif ( !d->is_dying )\nn |= 2;\nreturn n;",
    ),
    "flags that are read between": ("n |= 1;\nn |= n << 1;\nreturn n;", "n |= n << 1;\nn |= 1;\nreturn n;"),
    "one arm of a directive": (
        "if ( is_pv_domain(d)\n#ifdef DEBUGGING\n     && n\n#endif\n   )\nreturn 1;\nreturn 0;",
        "if ( is_pv_domain(d)\n#ifdef DEBUGGING\n     && !n\n#endif\n   )\nreturn 1;\nreturn 0;",
    ),
    "behind a return that a directive may take away": (
        "#ifdef DEBUGGING\nn = 1;\n#else\nreturn 0;\n#endif\nreturn n;",
        "#ifdef DEBUGGING\nn = 1;\n#else\nreturn 0;\n#endif\nreturn n + 1;",
    ),
    "the same in the arm of a switch": (
        "switch ( d->guest_type )\n{\ncase guest_type_pv:\n# ifdef DEBUGGING\nreturn 0;\n# endif\nn = 2;\n}\nreturn n;",
        "switch ( d->guest_type )\n{\ncase guest_type_pv:\n# ifdef DEBUGGING\nreturn 0;\n# endif\nn = 3;\n}\nreturn n;",
    ),
}
SAME["behind a return and before a directive"] = (
    "if ( n )\n{\nreturn 1;\nn = 2;\n#ifdef DEBUGGING\nn = 3;\n#endif\n}\nreturn n;",
    "if ( n )\nreturn 1;\nreturn n;",
)


def _case(files: Files, texts: tuple[str, str]) -> Case:
    before, after = (added(files, ARCH, f"\n{HEAD}{t}\n}}\n") for t in texts)
    return case_of(before, after)


@pytest.mark.parametrize("name", SAME)
def test_what_says_nothing_is_no_difference(files: Files, name: str) -> None:
    proof = prove_predicates(_case(files, SAME[name]))
    assert proof.verdict == PASS, told(proof)


@pytest.mark.parametrize("name", OTHER)
def test_its_neighbours_are(files: Files, name: str) -> None:
    proof = prove_predicates(_case(files, OTHER[name]))
    assert proof.verdict == FAIL, told(proof)


STEP = "\nstatic inline bool_t may_step(struct domain *d)\n{\n    return %s(d);\n}\n"
STEPS = Effect("xen/include/xen/sched.h", "may_step", "pvh", reads_true="is_hvm_*")


@pytest.mark.parametrize(("new", "effects", "verdict"), [
    ("has_hvm_container_domain", (STEPS,), PASS),
    ("has_hvm_container_domain", (), FAIL),
    ("!is_pvh_domain", (STEPS,), FAIL),
    ("is_hvm_domain", (STEPS,), FAIL),
])  # fmt: skip
def test_a_predicate_may_answer_otherwise_where_that_is_declared(
    files: Files, new: str, effects: tuple[Effect, ...], verdict: str
) -> None:
    header = "xen/include/xen/sched.h"
    before, after = (added(files, header, STEP % p) for p in ("is_hvm_domain", new))
    proof = prove_predicates(case_of(before, after, *effects))
    assert proof.verdict == verdict, told(proof)


BLOCK = "\n#define table_of(d) ({ \\\n    ASSERT(d); \\\n    (%s(d) ? lower_table : upper_table); })\n"
BLOCKS = Effect(ARCH, "table_of", "pvh", reads_true="is_hvm_*")


@pytest.mark.parametrize(("new", "effects", "verdict"), [
    ("has_hvm_container_domain", (BLOCKS,), PASS),
    ("has_hvm_container_domain", (), FAIL),
    ("is_pv_domain", (BLOCKS,), FAIL),
])  # fmt: skip
def test_a_macro_may_be_a_block_with_a_value(files: Files, new: str, effects: tuple[Effect, ...], verdict: str) -> None:
    before, after = (added(files, ARCH, BLOCK % p) for p in ("is_hvm_domain", new))
    proof = prove_predicates(case_of(before, after, *effects))
    assert proof.verdict == verdict, told(proof)


def test_lifetimes_know_effects(files: Files) -> None:
    """What a kind of guest begins and ends now because a predicate is read as true for it."""
    mock = mock_files()
    wider = [(DEVICES, "    if ( is_pvh_domain(d) )\n        return", "    if ( 0 )\n        return")]
    effects = [
        Effect(DEVICES, f, "pvh", diff=diff)
        for f, diff in (
            ("devices_init", "- return rc\n+ clock_init(d)\n+ bell_init(d)\n+ return rc"),
            ("devices_relinquish", "x"),
            ("devices_destroy", "x"),
        )
    ]
    proof, lives = verdicts(case_of(mock, edited(mock, *wider), *effects))
    assert proof.verdict == FAIL and "declared: x" in told(proof)  # the message says what is there
    assert lives.verdict == PASS, told(lives)  # begins and ends change alike
