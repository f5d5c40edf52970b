"""Mutants of what C means, and of those who read what a patch gives another value.

Some find their place in the tree.  The others bring one: a function that both sides have,
and that the patch spoils, or leaves alone while it changes what the function reads.
"""

from __future__ import annotations

from xenstage.index.sweep import Files

from .conditions import SCHED
from .operators import Apply, Changed, Mutant, in_file, replace
from .tables import DISPATCH, dispatch, row, table

PLACE = "xen/common/xenstage.c"
HEAD = (
    "static int asked(struct domain *d, struct vcpu *v, struct box *p, struct box *q,\n"
    "                 unsigned int i, int n, uint64_t w)"
)


def _file(path: str, text: str) -> Apply:
    return lambda files: {path: (files.read(path) if files.has(path) else b"") + text.encode()}


def _body(body: str) -> str:
    return f"{HEAD}\n{{\n    {body}\n}}\n"


def pair(name: str, kind: str, old: str, new: str) -> Mutant:
    """A function that the patch spoils: its body before, and after."""

    def apply(files: Files) -> Changed:
        return {PLACE: files.read(PLACE).replace(_body(old).encode(), _body(new).encode())}

    return Mutant(name, kind, 2, 1, "predicates", apply, both=_file(PLACE, _body(old)))


def asks(name: str, kind: str, old: str, new: str) -> Mutant:
    """A condition that the patch spoils."""
    return pair(name, kind, *(f"if ( {c} )\n        go(d);\n    return 0;" for c in (old, new)))


def reads(name: str, text: str, path: str = PLACE) -> Mutant:
    """Text that the patch does not touch and that reads a domain's type, which it renumbers."""
    both = _file(path, text)
    return Mutant(name, "reader of a value", 2, 2, "predicates", lambda files: {path: files.read(path)}, both=both)


def body(name: str, text: str) -> Mutant:
    """The same, for a function's body."""
    return reads(name, _body(text))


GUARDS = (
    asks("guard-behind", "guard behind its use", "p && p->a", "p->a && p"),
    asks("guard-behind-or", "guard behind its use", "!p || p->a", "p->a || !p"),
    asks("guard-behind-not", "guard behind its use", "!(p && p->a)", "!p->a || !p"),
    asks("guard-null", "guard behind its use", "p != NULL && p->a", "p->a && p != NULL"),
    asks("guard-ternary", "guard behind its use", "p ? p->a : 0", "p->a ? !!p : 0"),
    asks("guard-deeper", "guard behind its use", "p->s && p->s->a", "p->s->a && p->s"),
    asks("guard-divisor", "guard behind its use", "n && w / n", "w / n && n"),
    asks("guard-of-predicate", "guard behind its use", "d && is_hvm_domain(d)", "is_hvm_domain(d) && d"),
    asks("guard-of-vcpu", "guard behind its use", "v && is_pvh_vcpu(v)", "is_pvh_vcpu(v) && v"),
    asks("guard-of-container", "guard behind its use", "has_hvm_container_domain(d) && p && p->a",
         "p->a && p && has_hvm_container_domain(d)"),
    asks("other-pointer-first", "guard behind its use", "p->a && q->a", "q->a && p->a"),
    asks("bound-behind", "bound gone", "i < 4 && slots[i]", "slots[i] && i < 4"),
    asks("bound-behind-or", "bound gone", "i >= 4 || !slots[i]", "!slots[i] || i >= 4"),
    asks("bound-by-one", "bound gone", "i < 4 && slots[i]", "i <= 4 && slots[i]"),
    asks("bound-lost", "bound gone", "i < 4 && slots[i]", "slots[i]"),
)  # fmt: skip
EVALUATION = (
    asks("call-first", "evaluated otherwise", "p->a && go(d)", "go(d) && p->a"),
    asks("call-twice", "evaluated otherwise", "go(d)", "go(d) && go(d)"),
    asks("call-lost", "evaluated otherwise", "go(d) || n", "n || go(d)"),
    asks("read-after-call", "evaluated otherwise", "p->a && go(d) && p->a", "p->a && go(d)"),
    asks("volatile-twice", "evaluated otherwise", "*(volatile int *)&n",
         "*(volatile int *)&n && *(volatile int *)&n"),
    pair("calls-exchanged", "evaluated otherwise", "return go(d) + come(d);", "return come(d) + go(d);"),
    pair("effects-twice", "evaluated otherwise", "p[i++].a += 1;\n    return i;",
         "p[i++].a = p[i++].a + 1;\n    return i;"),
    pair("comma-cut", "evaluated otherwise", "w = (i, n);\n    return w > 1;", "w = i, n;\n    return w > 1;"),
)  # fmt: skip
NUMBERS = (
    asks("suffix-lost", "width of a number", "w & (1ULL << i)", "w & (1 << i)"),
    asks("suffix-unsigned", "width of a number", "w & (1ULL << i)", "w & (1U << i)"),
    asks("suffix-long", "width of a number", "w & (1ULL << 40)", "w & (1UL << 40)"),
    asks("ones-lost", "width of a number", "w & ~0xffULL", "w & ~0xffU"),
    asks("ones-of-an-int", "width of a number", "w == ~0ULL", "w == ~0U"),
    asks("ones-signed", "width of a number", "w == ~0U", "w == ~0"),
    asks("ones-of-a-long", "width of a number", "w == ~0ULL", "w == ~0UL"),
    asks("hex-for-decimal", "width of a number", "n < 4294967295", "n < 0xffffffff"),
    asks("octal", "width of a number", "i == 10", "i == 010"),
    asks("sign-of-a-compare", "width of a number", "n < 1", "n < 1U"),
    asks("size-of-another", "width of a number", "i < sizeof(*p)", "i < sizeof(p)"),
    pair("flag-of-an-int", "width of a number", "return !!(w & (1ULL << 40));", "return w & (1ULL << 40);"),
    pair("likely-lost", "width of a number", "return unlikely(w & 256);", "return w & 256;"),
    pair("cast-lost", "width of a number", "return (uint8_t)w == 1;", "return w == 1;"),
    pair("cast-narrowed", "width of a number", "return (uint16_t)(w + i);", "return (uint16_t)w + i;"),
    pair("local-narrowed", "width of a number", "uint64_t x = go(d);\n    return x > 1;",
         "int x = go(d);\n    return x > 1;"),
    pair("arms-of-two-types", "width of a number", "return (p ? -1 : 1U) > 0;", "return p ? -1 > 0 : 1U > 0;"),
    asks("shift-by-width", "arithmetic", "w == 1U << 32", "w == 0x100000000"),
    asks("overflow", "arithmetic", "w == 0x7fffffff + 1", "w == 0x80000000"),
    asks("least-int", "arithmetic", "n == -0x7fffffff - 1", "n == 0x80000000"),
    asks("division-of-a-negative", "arithmetic", "n == -7 / 2", "n == -4"),
    asks("remainder-of-a-negative", "arithmetic", "n == -7 % 2", "n == 1"),
    asks("unsigned-minus", "arithmetic", "w > 1U - 2", "w > 1 - 2"),
)  # fmt: skip
TEXTS = (
    pair("postfix-of-pointer", "text that reads alike", "(*p->s)++;\n    return 0;", "*p->s++;\n    return 0;"),
    asks("member-of-pointer", "text that reads alike", "(*p).s", "*p.s"),
    asks("element-of-pointer", "text that reads alike", "(*p)[1]", "*p[1]"),
    asks("minus-minus", "text that reads alike", "- -n", "--n"),
    asks("comma-in-a-call", "text that reads alike", "go((i, n))", "go(i, n)"),
    asks("string-escape", "text that reads alike", 'go("\\x1" "2")', 'go("\\x12")'),
    asks("assignment", "text that reads alike", "n == 1", "n = 1"),
    asks("bitwise-and", "text that reads alike", "i && n", "i & n"),
)

BOUND = r"\(?eax >= NR_hypercalls\)?"
LENGTHS = (
    table("dispatch-bound-gone", "bound gone", dispatch(rf"{BOUND} \|\|\s+", "")),
    table("dispatch-bound-by-one", "bound gone", dispatch(r"eax >= NR_hypercalls", "eax > NR_hypercalls")),
    table("dispatch-bound-wide", "bound gone", dispatch(r"eax >= NR_hypercalls", "eax >= 2 * NR_hypercalls")),
    table("dispatch-signed", "bound gone", dispatch(r"uint32_t eax = regs", "int eax = regs")),
    table("dispatch-masked", "bound gone", dispatch(r"(uint32_t eax = regs->_?eax;)", r"\1\n    eax &= 63;")),
    table("table-short", "table's length", row(r"(hvm_hypercall_table\[NR_hypercalls)\]", r"\1 - 8]")),
    table("table-long", "table's length", row(r"(hvm_hypercall_table\[)NR_hypercalls\]", r"\1 56 ]")),
    table("handlers-return-less", "table's length", row(r"typedef unsigned long (hvm_hypercall_t)", r"typedef int \1")),
    table("handlers-take-less", "table's length", row(r"(hvm_hypercall_t\(\s*)unsigned long", r"\1unsigned int")),
    table("selector-returns-less", "table's length",
          replace(r"static long (container_vcpu_op)", r"static int \1", where=DISPATCH, word="container_vcpu_op"), 2),
)  # fmt: skip

READERS = (
    body("reader-by-number", "return d->guest_type == 2;"),
    body("reader-by-order", "return d->guest_type > 1;"),
    body("reader-by-bit", "return d->guest_type & 1;"),
    body("reader-by-case", "switch ( d->guest_type )\n    {\n    case 1:\n        return go(d);\n    }\n    return 0;"),
    body("reader-by-index", "return slots[d->guest_type];"),
    body("reader-by-shift", "return (1 << d->guest_type) & 4;"),
    body("reader-prints", 'return log("%d", d->guest_type);'),
    body("reader-saves", "p->kind = d->guest_type;\n    return 0;"),
    body("reader-by-enumerator", "return guest_type_hvm - 1;"),
    body("reader-not-hvm", "return d->guest_type != guest_type_hvm;"),
    body("reader-in-a-loop", "for ( n = 0; n < d->guest_type; n++ )\n        go(d);\n    return 0;"),
    body("reader-keeps-a-copy", "enum guest_type t = d->guest_type;\n    return t == guest_type_hvm;"),
    body("reader-through-a-dot", "return (*d).guest_type == 2;"),
    body("reader-by-offset", "return *((int *)d + offsetof(struct domain, guest_type));"),
    reads("reader-on-arm", _body("return d->guest_type == 2;"), "xen/arch/arm/xenstage.c"),
    reads("reader-in-a-header", "#define kind_plus(d, n) ((d)->guest_type + (n))\n", "xen/include/xen/xenstage.h"),
    reads("reader-table", 'const char *const kinds[] = { [guest_type_hvm] = "HVM" };\n'),
    reads("reader-record", "struct saved_kind { enum guest_type type; };\n"),
    reads("reader-tool", "int kind = guest_type_hvm;\n", "tools/xenstage/kind.c"),
    reads("reader-script", "guest_type_hvm = 2\n", "xen/tools/kind.py"),
    Mutant("flag-too-narrow", "reader of a value", 2, 2, "predicates",
           in_file(SCHED, r"\n[^\n;]*\bis_pvh;", r"\n    int is_pvh:1;")),
)  # fmt: skip

MEANING = (*GUARDS, *EVALUATION, *NUMBERS, *TEXTS, *LENGTHS, *READERS)
