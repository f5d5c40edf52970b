"""Who reads what gets another value: judged, or named, also where the text stays as it was."""

from __future__ import annotations

import pytest

from xenstage.prove.result import FAIL, PASS, REFUSED, Proof
from xenstage.prove.source.predicates import prove_predicates

from .kit import SCHED, added, case_of, edited, sample_files, told

FILE = "xen/common/reader.c"
ARM = "xen/arch/arm/reader.c"
ORDER = ("guest_type_pv, guest_type_pvh, guest_type_hvm", "guest_type_pv, guest_type_hvm, guest_type_pvh")


def renumbered(text: str, path: str = FILE) -> Proof:
    """The proof of a patch that exchanges two enumerators, where a file is the same before and after."""
    before = added(sample_files(), path, text)
    return prove_predicates(case_of(before, edited(before, (SCHED, *ORDER))))


def function(body: str, more: str = "") -> str:
    """A function of a domain and something else."""
    return f"{more}int reader(struct domain *d, struct box *b, int n)\n{{\n{body}\n}}\n"


STAYS = [
    "    return d->guest_type == guest_type_hvm;",
    "    return d->guest_type != guest_type_pv;",
    "    return d->guest_type > guest_type_pv;",
    "    switch ( d->guest_type )\n    {\n    case guest_type_pvh:\n        return go(d);\n    }\n    return 0;",
    "    return b->guest_type == 2;",
    "    /* guest_type_hvm is 2 */\n    return n;",
]
READS = [
    "    return d->guest_type == 2;",
    "    return d->guest_type > guest_type_pvh;",
    "    return d->guest_type & 1;",
    "    return names[d->guest_type];",
    "    return log(\"%d\", d->guest_type);",
    "    switch ( d->guest_type )\n    {\n    case 1:\n        return go(d);\n    }\n    return 0;",
    "    for ( n = 0; n < d->guest_type; n++ )\n        go(d);\n    return 0;",
    "    for ( n = 0; n < guest_type_hvm; n++ )\n        go(d);\n    return 0;",
    "    b->kind = d->guest_type;\n    return 0;",
    "    return guest_type_hvm - 1;",
    "    return (1 << d->guest_type) & 4;",
    "    while ( d->guest_type == 2 )\n        go(d);\n    return 0;",
]  # fmt: skip
ODD = [
    "    enum guest_type t = d->guest_type;\n    return t == guest_type_hvm;",
    "    return (*d).guest_type == 2;",
    "    return *(int *)((char *)d + offsetof(struct domain, guest_type));",
]


@pytest.mark.parametrize("body", STAYS)
def test_readers_whose_meaning_stays(body: str) -> None:
    assert renumbered(function(body)).verdict == PASS


@pytest.mark.parametrize("path", [FILE, ARM])
@pytest.mark.parametrize("body", READS)
def test_readers_whose_meaning_changes(body: str, path: str) -> None:
    proof = renumbered(function(body), path)
    assert proof.verdict == FAIL
    assert f"{path}:" in told(proof) and "which is as it was" in told(proof)


@pytest.mark.parametrize("body", ODD)
def test_readers_that_are_not_followed(body: str) -> None:
    proof = renumbered(function(body))
    assert proof.verdict == REFUSED and f"{FILE}:" in told(proof)


def test_a_macro_reads_as_well() -> None:
    proof = renumbered("#define kind_plus(d, n) ((d)->guest_type + (n))\n", "xen/include/xen/kind.h")
    assert proof.verdict in (FAIL, REFUSED) and "xen/include/xen/kind.h" in told(proof)


ELSEWHERE = [
    ("a table by enumerators", "static const char *names[] = { [guest_type_hvm] = \"HVM\" };\n", FILE),
    ("a copy in a record", "struct saved { enum guest_type type; };\n", "xen/include/xen/saved.h"),
    ("a directive", "#if guest_type_hvm == 2\n#endif\n", FILE),
    ("assembly", "        cmpl $2, DOMAIN_guest_type(%rax)\n", "xen/arch/x86/x86_64/reader.S"),
    ("a tool", "int type = guest_type_hvm;\n", "tools/debugger/reader.c"),
    ("a script", "guest_type_hvm = 2\n", "xen/tools/reader.py"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path"), [e[1:] for e in ELSEWHERE], ids=[e[0] for e in ELSEWHERE])
def test_places_that_are_no_functions(text: str, path: str) -> None:
    proof = renumbered(text, path)
    assert proof.verdict == REFUSED
    assert path in told(proof) or (path.endswith(".S") and "asm-offsets.c" in told(proof))


def test_an_offset_counts_where_assembly_uses_it() -> None:
    assert renumbered("        movl VCPU_domain(%rax), %rbx\n", "xen/arch/arm/reader.S").verdict == PASS
    proof = renumbered("        cmpl $2, DOMAIN_guest_type(%rax)\n", "xen/arch/arm/reader.S")
    assert proof.verdict == REFUSED and "asm-offsets.c" in told(proof)


HOME = f"{SCHED}: type domain"
FLAG = ("d->guest_type = guest_type_pvh;", "{\n    d->guest_type = guest_type_pvh;\n    d->is_pvh = 1;\n    }")


def with_flag(field: str, *more: tuple[str, str, str]) -> Proof:
    """The proof of a patch that makes a domain's type a type and a flag."""
    before = sample_files()
    after = edited(
        before,
        (SCHED, *("    bool_t          is_privileged;", f"    {field}\n    bool_t          is_privileged;")),
        (SCHED, r"#define is_pvh_domain\(d\)[^\n]*", "#define is_pvh_domain(d) ((d)->is_pvh)"),
        ("xen/common/domain.c", *FLAG),
        *more,
    )
    return prove_predicates(case_of(before, after))


def test_a_flag_must_hold_its_value() -> None:
    true = with_flag("bool_t is_pvh;")
    assert true.verdict == PASS and HOME in true.covers
    assert HOME in with_flag("unsigned int is_pvh:1;").covers
    narrow = with_flag("int is_pvh:1;")
    assert narrow.verdict == REFUSED and "1 bits and is signed: it does not hold 1" in told(narrow)


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ("uint8_t is_pvh;", "is a uint8_t: it does not hold 512"),
        ("bool_t is_pvh;", "is a bool_t: it does not hold 512"),
        ("unsigned int is_pvh:9;", "has 9 bits and is unsigned: it does not hold 512"),
        ("unsigned int *is_pvh;", "is a pointer"),
        ("struct box is_pvh;", "is a struct box, of which it is not known what it holds"),
        ("unsigned int is_pvh;", ""),
        ("unsigned int is_pvh:10;", ""),
        ("uint16_t is_pvh;", ""),
    ],
)
def test_a_field_must_hold_what_is_put_into_it(field: str, why: str) -> None:
    proof = with_flag(
        field,
        ("xen/common/domain.c", "is_pvh = 1", "is_pvh = 512"),
        (SCHED, r"\(\(d\)->is_pvh\)", "(!!((d)->is_pvh & 512))"),
    )
    assert (proof.verdict, why in told(proof)) == (REFUSED if why else PASS, True)


def test_a_second_name_beside_a_flag_is_not_covered() -> None:
    assert HOME not in with_flag("bool_t is_pvh, unknown;").covers


def test_a_structure_that_gains_something_else_is_not_covered() -> None:
    proof = with_flag("bool_t is_pvh;", (SCHED, "bool_t          is_dying;", "bool_t is_dying;\n    int unknown;"))
    assert HOME not in proof.covers


@pytest.mark.parametrize(("first", "found"), [("{ 0, 1 }", True), ("{ 1 }", True), ("{ 0 }", False), ("{ }", False)])
def test_a_structure_initialised_by_position(first: str, found: bool) -> None:
    """But for all zeros, which are the same in whatever order."""
    before = added(sample_files(), FILE, f"static struct domain idle = {first};\n")
    after = edited(
        before, (SCHED, "    bool_t          is_privileged;", "    bool_t is_pvh;\n    bool_t is_privileged;")
    )
    proof = prove_predicates(case_of(before, after))
    told_of = proof.verdict == REFUSED and f"{FILE}:1" in told(proof) and "by position" in told(proof)
    assert told_of == found
