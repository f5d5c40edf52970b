"""What a patch rewrites without changing it, and beside each a near miss that does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from xenstage.index.sweep import Files
from xenstage.prove.case import Case
from xenstage.prove.result import FAIL, PASS, Finding, Proof
from xenstage.prove.source.follow import follow
from xenstage.prove.source.predicates import prove_predicates

SAMPLE = Path(__file__).resolve().parent.parent / "sample/tree"
PATH = "xen/arch/x86/pump.c"
CREATE = "xen/common/domain.c"
HEADERS = ("xen/include/xen/sched.h", "xen/include/xen/lib.h")


def prove(tmp_path: Path, old: str, new: str) -> Proof:
    """The predicates proof, followed, of one file of the sample tree that becomes another."""
    case = patch(tmp_path, old, new)
    return follow(case, prove_predicates(case))


def patch(tmp_path: Path, old: str, new: str) -> Case:
    """A patch that makes one file of the sample tree another."""
    both: Mapping[str, bytes] = {p: (SAMPLE / p).read_bytes() for p in (*HEADERS, CREATE)}
    before = {**both, PATH: old.encode()}
    for path, data in before.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    tracked = dict.fromkeys(before, "100644")
    sides = Files(tmp_path, tracked, {}), Files(tmp_path, tracked, {PATH: new.encode()})
    return Case(1, "pump: tidy up", "", "a" * 40, "b" * 40, *sides, (PATH,))


HEAD = "struct pump { int level; int rate; struct domain *owner; };\n"
CASES = [
    (
        "a helper that is taken out",
        """int fill(struct pump *p) { if ( p->level > 9 ) return -1; p->level += p->rate; note(p); return 0; }""",
        """static void raise(struct pump *q) { q->level += q->rate; note(q); }
int fill(struct pump *p) { if ( p->level > 9 ) return -1; raise(p); return 0; }""",
        """static void raise(struct pump *q) { note(q); q->level += q->rate; }
int fill(struct pump *p) { if ( p->level > 9 ) return -1; raise(p); return 0; }""",
    ),
    (
        "a helper that is put back",
        """static int half(int x) { int y = x / 2; return y; }
int fill(int n) { return half(n) + 1; }""",
        """int fill(int n) { return n / 2 + 1; }""",
        """int fill(int n) { return (n + 1) / 2; }""",
    ),
    (
        "a constant that is named",
        """int fill(int n) { if ( n == 7 ) return 12; return n & 0xf0; }""",
        """#define SPILL 7
#define MASK 0xf0
int fill(int n) { if ( n == SPILL ) return 12; return n & MASK; }""",
        """#define SPILL 7
#define MASK 0xf0ULL
int fill(int n) { if ( n == SPILL ) return 12; return n & MASK; }""",
    ),
    (
        "a macro that is made",
        """int fill(int n) { return (n >> 3) + 1; }""",
        """#define SLOT(x) ((x) >> 3)
int fill(int n) { return SLOT(n) + 1; }""",
        """#define SLOT(x) (x >> 3)
int fill(int n) { return SLOT(n + 1); }""",
    ),
    (
        "for and while",
        """void fill(int n) { int i; for ( i = 0; i < n; i++ ) { if ( !ready(n) ) continue; tick(n, i); } }""",
        """void fill(int n) { int i = 0; while ( i < n ) { if ( ready(n) ) tick(n, i); i++; } }""",
        """void fill(int n) { int i = 0; while ( i < n ) { if ( !ready(n) ) continue; tick(n, i); i++; } }""",
    ),
    (
        "a value that is read before the loop",
        """void fill(int n, int base) { int i; for ( i = 0; i < n; i++ ) tick(i, base * 2); }""",
        """void fill(int n, int base) { int i, twice = base * 2; for ( i = 0; i < n; i++ ) tick(i, twice); }""",
        """void fill(int n, int base) { int i, twice = base * 2; for ( i = 0; i < n; i++ ) tick(i, twice++); }""",
    ),
    (
        "memory that is read before the loop",
        """void fill(struct pump *p) { int i; note(p); for ( i = 0; i < 3; i++ ) tick(); done(p->level); }""",
        """void fill(struct pump *p) { int i; note(p); for ( i = 0; i < 3; i++ ) { tick(); } done(p->level); }""",
        """void fill(struct pump *p) { int i, l; note(p); l = p->level; for ( i = 0; i < 3; i++ ) tick(); done(l); }""",
    ),
    (
        "locals and parameters with other names",
        """int fill(struct pump *p) { int left = p->level; drain(p); return left + p->rate; }""",
        """int fill(struct pump *pump) { int rest = pump->level; drain(pump); return rest + pump->rate; }""",
        """int fill(struct pump *pump) { int rest; drain(pump); rest = pump->level; return rest + pump->rate; }""",
    ),
    (
        "a declaration apart from its value",
        """int fill(struct pump *p) { int l = p->level; if ( l > 3 ) stop(p); return l; }""",
        """int fill(struct pump *p) { int l; l = p->level; if ( l > 3 ) stop(p); return l; }""",
        """int fill(struct pump *p) { unsigned char l; l = p->level; if ( l > 3 ) stop(p); return l; }""",
    ),
    (
        "a local that hides another",
        """int fill(int n) { int rc = 0; if ( n ) { rc = pour(n); } return rc; }""",
        """int fill(int n) { int rc = 0; if ( n ) rc = pour(n); return rc; }""",
        """int fill(int n) { int rc = 0; if ( n ) { int rc = pour(n); note(rc); } return rc; }""",
    ),
    (
        "return and ternary",
        """int fill(int n) { if ( n > 3 ) return pour(n); return spill(n); }""",
        """int fill(int n) { return n > 3 ? pour(n) : spill(n); }""",
        """int fill(int n) { return n < 3 ? pour(n) : spill(n); }""",
    ),
    (
        "an error's label and a return",
        """int fill(struct pump *p) { int rc = -1; if ( !p->rate ) goto out; rc = pour(p); out: return rc; }""",
        """int fill(struct pump *p) { if ( !p->rate ) return -1; return pour(p); }""",
        """int fill(struct pump *p) { if ( !p->rate ) return 1; return pour(p); }""",
    ),
    (
        "declarations in another order, one that nobody used",
        """int fill(struct pump *p) { int a = p->level, b = p->rate, c; drain(p); return a - b; }""",
        """int fill(struct pump *p) { int b = p->rate; int a = p->level; drain(p); return a - b; }""",
        """int fill(struct pump *p) { int b = p->rate; int a = p->level; drain(p); return b - a; }""",
    ),
    (
        "nested conditions",
        """void fill(int a, int b) { if ( a && b ) tick(a); }""",
        """void fill(int a, int b) { if ( a ) { if ( b ) tick(a); } }""",
        """void fill(int a, int b) { if ( a ) { if ( b ) tick(a); } else tick(a); }""",
    ),
    (
        "a switch and its ifs",
        """int fill(int n)
{ switch ( n ) { case 1: return pour(n); case 2: spill(n); break; default: return 0; } return 1; }""",
        """int fill(int n) { if ( n == 1 ) return pour(n); if ( n != 2 ) return 0; spill(n); return 1; }""",
        """int fill(int n) { if ( n == 1 ) return pour(n); if ( n != 2 ) return 0; return 1; }""",
    ),
    (
        "a name throughout",
        """static int pour_all(int n) { return n * 3; }
int fill(int n) { return pour_all(n) + 1; }""",
        """static int pour_each(int n) { return n * 3; }
int fill(int n) { return pour_each(n) + 1; }""",
        """static int pour_each(int n) { return n * 4; }
int fill(int n) { return pour_each(n) + 1; }""",
    ),
    (
        "a guard before what it guards",
        """int fill(struct pump *p) { if ( p && p->level ) return pour(p); return 0; }""",
        """int fill(struct pump *p) { if ( !p ) return 0; if ( p->level ) return pour(p); return 0; }""",
        """int fill(struct pump *p) { int l = p->level; if ( !p ) return 0; if ( l ) return pour(p); return 0; }""",
    ),
    (
        "a parameter that is not read, of a function of some size",
        """int drain(struct pump *p, int why) { if ( p->level ) p->level--; return p->level; }
int fill(struct pump *p) { return drain(p, 1) + 1; }""",
        """int drain(struct pump *p) { if ( p->level ) p->level--; return p->level; }
int fill(struct pump *p) { return drain(p) + 1; }""",
        """int drain(struct pump *p) { if ( p->level ) p->level--; return p->level; }
int fill(struct pump *p) { return drain(p->owner) + 1; }""",
    ),
    (
        "a parameter whose type a macro makes",
        """long fill(XEN_GUEST_HANDLE_PARAM(void) arg, int n) { if ( n > 3 ) return pour(arg); return -38; }""",
        """long fill(XEN_GUEST_HANDLE_PARAM(void) arg, int n) { if ( n <= 3 ) return -38; return pour(arg); }""",
        """long fill(XEN_GUEST_HANDLE_PARAM(int) arg, int n) { if ( n <= 3 ) return -38; return pour(arg); }""",
    ),
    (
        "a local that stands for another object",
        """int fill(struct vcpu *v) { int i; for ( i = 0; i < 3; i++ ) tick(v->domain, i);
if ( v->domain->arch.rate ) note(v->domain); spill(v->domain, i); return 0; }""",
        """int fill(struct vcpu *v) { struct domain *d = v->domain; int i; for ( i = 0; i < 3; i++ ) tick(d, i);
if ( d->arch.rate ) note(d); spill(d, i); return 0; }""",
        """int fill(struct vcpu *v) { struct domain *d = current->domain; int i; for ( i = 0; i < 3; i++ ) tick(d, i);
if ( d->arch.rate ) note(d); spill(d, i); return 0; }""",
    ),
    (
        "bits that a helper asks for",
        """int fill(struct pump *p) { if ( !(p->level & 3) ) return 0; return pour(p); }""",
        """static inline int wet(const struct pump *p, int mask) { return !!(p->level & mask); }
int fill(struct pump *p) { if ( !wet(p, 3) ) return 0; return pour(p); }""",
        """static inline int wet(const struct pump *p, int mask) { return (p->level & mask) == mask; }
int fill(struct pump *p) { if ( !wet(p, 3) ) return 0; return pour(p); }""",
    ),
    (
        "a parameter that nobody needs",
        """static int pour_all(int n, int unused) { return n * 3; }
int fill(int n) { return pour_all(n, 1) + 1; }""",
        """static int pour_all(int n) { return n * 3; }
int fill(int n) { return pour_all(n) + 1; }""",
        """static int pour_all(int n) { return n * 3; }
int fill(int n) { return pour_all(1) + 1; }""",
    ),
]  # fmt: skip


def findings(proof: Proof) -> str:
    """All of them."""
    return "\n".join(f"{f.where}: {f.what}" for f in proof.findings)


@pytest.mark.parametrize(("old", "new"), [c[1:3] for c in CASES], ids=[c[0] for c in CASES])
def test_what_is_rewritten_is_followed(tmp_path: Path, old: str, new: str) -> None:
    proof = prove(tmp_path, HEAD + old, HEAD + new)
    assert proof.verdict == PASS, findings(proof)
    assert any("function fill" in w for w in proof.covers)


@pytest.mark.parametrize(("old", "miss"), [(c[1], c[3]) for c in CASES], ids=[c[0] for c in CASES])
def test_a_near_miss_is_not(tmp_path: Path, old: str, miss: str) -> None:
    proof = prove(tmp_path, HEAD + old, HEAD + miss)
    assert proof.verdict != PASS or not any("function fill" in w for w in proof.covers)


def test_a_counterexample_says_kinds_values_and_what_is_done(tmp_path: Path) -> None:
    old = "int fill(struct domain *d, int n) { if ( is_hvm_domain(d) && n > 3 ) return pour(n); return 0; }"
    proof = prove(tmp_path, old, old.replace("is_hvm_domain", "!is_hvm_domain"))
    assert proof.verdict == FAIL
    assert "d is " in findings(proof) and "before: " in findings(proof) and "after: " in findings(proof)


def test_what_was_not_understood_beside_a_difference_is_no_counterexample(tmp_path: Path) -> None:
    """The difference turns out to be none; what is left was never more than not understood."""
    case = patch(tmp_path, "int fill(int n) { if ( n ) return 1; return 2; }", "int fill(int n) { return n ? 1 : 2; }")
    rows = (Finding(f"{PATH}: function fill", "differs"), Finding("xen/x.c:3", "a variable, which is not followed"))
    said = Proof("predicates", FAIL, "1 differences", rows, {"functions": {}, "differences": 1})
    proof = follow(case, said)
    assert (proof.verdict, [f.where for f in proof.findings]) == ("REFUSED", ["xen/x.c:3"])


def test_two_names_of_one_domain_make_no_counterexample(tmp_path: Path) -> None:
    """Only where d and v's domain are of different kinds is the wrong half of the union read; they are one."""
    old = """void fill(struct vcpu *v, struct domain *d)
{ if ( is_hvm_vcpu(v) ) pour(0); if ( is_hvm_domain(d) ) note(d); }"""
    proof = prove(tmp_path, old, old.replace("pour(0)", "pour(d->arch.hvm_domain.params)"))
    assert proof.verdict == "REFUSED", findings(proof)


def test_a_new_condition_is_not_shown_and_no_counterexample(tmp_path: Path) -> None:
    """Nobody but the author knows whether the new question has the answer that keeps things as they were."""
    old = "int fill(int n) { if ( n > 3 ) return pour(n); return 0; }"
    proof = prove(tmp_path, old, old.replace("n > 3", "n > 3 && sound()"))
    assert proof.verdict == "REFUSED" and "sound" in findings(proof)


def test_a_function_with_another_name_and_other_locals_is_one(tmp_path: Path) -> None:
    old = """void pour_all(int n) { int i; for ( i = 0; i < n; i++ ) tick(i); }
int fill(int n) { pour_all(n + 1); return n; }"""
    new = """void pour_each(int count) { int at; for ( at = 0; at < count; at++ ) tick(at); }
int fill(int n) { pour_each(n + 1); return n; }"""
    covers = " ".join(prove(tmp_path / "same", old, new).covers)
    assert all(f"function {name}" in covers for name in ("pour_all", "pour_each", "fill"))
    miss = prove(tmp_path / "miss", old, new.replace("at = 0", "at = 1"))
    assert miss.verdict != PASS or not any("function fill" in w for w in miss.covers)
