"""C as C means it: what two versions of a function must have in common, and what they may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenstage.index.sweep import Files
from xenstage.prove.case import Case
from xenstage.prove.result import FAIL, PASS, REFUSED, Proof
from xenstage.prove.source.follow import follow
from xenstage.prove.source.predicates import prove_predicates

SAMPLE = Path(__file__).resolve().parent.parent / "sample/tree"
PATH = "xen/common/meaning.c"


def prove(old: str, new: str, path: str = PATH) -> Proof:
    """The proof for a file of the sample tree's whose text is given."""
    paths = [str(p.relative_to(SAMPLE)) for p in SAMPLE.rglob("*") if p.is_file()]
    tracked = dict.fromkeys([*paths, path], "100644")
    before, after = (Files(SAMPLE, tracked, {path: text.encode()}) for text in (old, new))
    case = Case(1, "s", "s\n\nb", "p", "c", before, after, (path,))
    return follow(case, prove_predicates(case))


def verdict(old: str, new: str, head: str = "", path: str = PATH) -> str:
    """For two bodies of one function of a domain, a vCPU, a pointer and some numbers."""
    sides = [
        f"{head}\nint f(struct domain *d, struct vcpu *v, struct box *p, struct box *q,\n"
        f"      unsigned int i, int n, uint64_t w)\n{{\n{body}\n}}\n"
        for body in (old, new)
    ]
    return prove(sides[0], sides[1], path).verdict


def condition(old: str, new: str) -> str:
    """For two conditions around one call."""
    return verdict(*(f"    if ( {c} )\n        go(d);\n    return 0;" for c in (old, new)))


SAME = [
    ("p->a && p->b", "p->b && p->a"),
    ("d->need_iommu && is_hvm_domain(d)", "is_hvm_domain(d) && d->need_iommu"),
    ("!(p->a && p->b)", "!p->a || !p->b"),
    ("n != 0", "n"),
    ("p != NULL && p->a", "p && p->a"),
    ("i < 4 && !(n > 1)", "!(n > 1) && i < 4"),
    ("!(i >= 4)", "i < 4"),
    ("i > 4", "4 < i"),
    ("i == 0x10", "i == 16"),
    ("unlikely(w)", "w != 0"),
    ("p && p->a && p->b", "p && p->b && p->a"),
    ("(-n) == 1", "-n == 1"),
    ("f(1) && p->a", "f(1) && p->a != 0"),
]
NOT_SAME = [
    ("guard behind its use", "p && p->a", "p->a && p"),
    ("bound behind its use", "i < 4 && table[i]", "table[i] && i < 4"),
    ("guard of an or", "!p || p->a", "p->a || !p"),
    ("guard of a ternary", "p ? p->a : 0", "p->a ? !!p : 0"),
    ("divisor", "n && w / n", "w / n && n"),
    ("another pointer", "p->a && q->a", "q->a && p->a"),
    ("call", "p->a && go(n)", "go(n) && p->a"),
    ("call twice", "go(n)", "go(n) && go(n)"),
    ("call, then the same read", "go(n) && p->a", "p->a && go(n) && p->a"),
    ("read again after a call", "p->a && go(n) && p->a", "p->a && go(n)"),
    ("volatile read twice", "*(volatile int *)&n", "*(volatile int *)&n && *(volatile int *)&n"),
    ("predicate of a guarded pointer", "d && is_hvm_domain(d)", "is_hvm_domain(d) && d"),
    ("predicate of a guarded vcpu", "v != NULL && is_pvh_vcpu(v)", "is_pvh_vcpu(v) && v != NULL"),
    ("known to be false behind a read", "is_hvm_domain(d) && p && p->a", "p->a && is_hvm_domain(d) && p"),
    ("comma", "(go(n), i)", "i && (go(n), 1)"),
    ("literal suffix", "w & (1ULL << i)", "w & (1 << i)"),
    ("literal suffix of ones", "w & ~0ULL", "w & ~0"),
    ("unsigned ones", "w == ~0U", "w == ~0"),
    ("ones of a long", "w == ~0UL", "w == ~0ULL"),
    ("a bit that a long may not have", "w & (1UL << 40)", "w & (1ULL << 40)"),
    ("shift by the width", "w == 1U << 32", "w == 0"),
    ("signed compare", "n < 1U", "n < 1"),
    ("decimal and hex of a wide value", "n < 4294967295", "n < 0xffffffff"),
    ("overflow", "w == 0x7fffffff + 1", "w == 0x80000000"),
    ("division", "n == -7 / 2", "n == -4"),
    ("octal", "i == 010", "i == 10"),
    ("assignment", "(n = go(i)) == 1", "(n == go(i)) == 1"),
    ("bitwise and", "(i & 2) && n", "(i & 2) & n"),
    ("postfix of a pointer", "(*p->s)++", "*p->s++"),
    ("member of a pointer", "(*p).s", "*p.s"),
    ("element of a pointer", "(*p)[1]", "*p[1]"),
    ("minus minus", "- -n", "--n"),
    ("comma in a call", "go((i, n))", "go(i, n)"),
    ("string escape", 'go("\\x1" "2")', 'go("\\x12")'),
    ("sizeof", "i < sizeof(*p)", "i < sizeof(p)"),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_the_same(old: str, new: str) -> None:
    assert condition(old, new) == PASS


@pytest.mark.parametrize(("old", "new"), [n[1:] for n in NOT_SAME], ids=[n[0] for n in NOT_SAME])
def test_not_the_same(old: str, new: str) -> None:
    assert condition(old, new) in (FAIL, REFUSED)


VALUES = [
    ("wide flag of an int function", "return !!(w & (1ULL << 40));", "return w & (1ULL << 40);"),
    ("likely makes a bool", "return unlikely(w & 256);", "return w & 256;"),
    ("a mask of another type", "w &= ~0xffULL;\n    return w > 1;", "w &= ~0xffU;\n    return w > 1;"),
    ("arms of two types", "return (p ? -1 : 1U) > 0;", "return p ? -1 > 0 : 1U > 0;"),
    ("arms of two types, kept", "w = p ? n : i;\n    return w > 1;",
     "if ( p )\n        w = n;\n    else\n        w = i;\n    return w > 1;"),
    ("comma and assignment", "n = (i, w);\n    return n;", "n = i, w;\n    return n;"),
    ("cast", "return (uint8_t)w == 1;", "return w == 1;"),
    ("cast of a sum", "return (uint16_t)(w + i);", "return (uint16_t)w + i;"),
    ("a local of another type", "uint64_t x = go(d);\n    return x > 1;", "int x = go(d);\n    return x > 1;"),
    ("shift in a type of another width", "return i << 31;", "return (uint64_t)i << 31;"),
    ("effects twice", "p[i++].a += 1;\n    return 0;", "p[i++].a = p[i++].a + 1;\n    return 0;"),
    ("order of two calls", "return go(n) + come(n);", "return come(n) + go(n);"),
    ("a read for nothing", "if ( 0 && p->a )\n        go(d);\n    return 0;",
     "if ( p->a && 0 )\n        go(d);\n    return 0;"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), [v[1:] for v in VALUES], ids=[v[0] for v in VALUES])
def test_values(old: str, new: str) -> None:
    assert verdict(f"    {old}", f"    {new}") in (FAIL, REFUSED)


def test_a_pointer_that_was_followed_before_is_valid() -> None:
    body = "    p->a = 1;\n    if ( {} )\n        go(d);\n    return 0;"
    assert verdict(body.format("q->a && p->b"), body.format("p->b && q->a")) == PASS
    moved = "    p->a = 1;\n    p = go(d);\n    if ( {} )\n        go(d);\n    return 0;"
    assert verdict(moved.format("n && p->b"), moved.format("p->b && n")) != PASS


MACROS = [
    ("two values", "#define WIDTH 4\n", "#ifdef A\n#define WIDTH 4\n#else\n#define WIDTH 2\n#endif\n"),
    ("a macro that goes", "#define WIDTH 4\n", "#define WIDTH 4\n#undef WIDTH\n"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), [m[1:] for m in MACROS], ids=[m[0] for m in MACROS])
def test_a_constant_is_one_only_where_it_has_one_value(old: str, new: str) -> None:
    body = "int f(int n)\n{\n    return n == WIDTH && n;\n}\n"
    plain = "int f(int n)\n{\n    return n == 4 && n;\n}\n"
    assert prove(old + plain, old + body).verdict == PASS
    assert prove(new + plain, new + body).verdict in (FAIL, REFUSED)
