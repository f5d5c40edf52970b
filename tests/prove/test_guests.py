"""The guest model: what is read from each tree, and what stops it from being believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenstage.index.sweep import Files
from xenstage.prove.model.creation import passed_flags
from xenstage.prove.model.world import read_creation, world_of, worlds_of

from .kit import CREATE, SCHED, added, case_of, edited, sample_files, told, verdicts

PROVE = Path(__file__).resolve().parent.parent.parent / "xenstage/prove"


@pytest.fixture(scope="module")
def files() -> Files:
    """The sample tree."""
    return sample_files()


def test_the_proof_room_does_not_know_what_pvh_is() -> None:
    assert [str(p) for p in PROVE.rglob("*.py") if "pvh" in p.read_text().lower()] == []


def test_kinds_are_the_combinations_of_flags_that_make_a_difference(files: Files) -> None:
    made = read_creation(files)
    assert set(made.flags) == {"DOMCRF_hvm", "DOMCRF_pvh"}
    assert set(made.kinds) == {"pv", "hvm", "pvh", "hvm+pvh"}
    assert made.values["guest_type"] == {"pv": 0, "hvm": 2, "pvh": 1, "hvm+pvh": 2}
    assert world_of(files).kinds == ("pv", "hvm", "pvh")  # what nothing tells apart is looked at once


def test_a_constant_that_changes_elsewhere_changes_what_creation_puts_down(files: Files) -> None:
    """The creation code has the same text; what was read of it for the tree before does not hold."""
    assert read_creation(files).values["guest_type"]["hvm"] == 2
    other = edited(files, (SCHED, r"guest_type_pvh,(\s+)guest_type_hvm", r"guest_type_hvm,\1guest_type_pvh"))
    assert read_creation(other).values["guest_type"] == {"pv": 0, "hvm": 1, "pvh": 2, "hvm+pvh": 1}
    assert read_creation(files).values["guest_type"]["hvm"] == 2


def test_who_passes_which_flags(files: Files) -> None:
    passed = passed_flags(files, read_creation(files).asked)
    made = {"DOMCRF_hap", "DOMCRF_hvm", "DOMCRF_pvh"}
    assert made in map(set, passed.values()) and all(set(v) <= made for v in passed.values())


def test_predicates_are_found_in_any_header_and_by_what_they_read(files: Files) -> None:
    extra = """
#define runs_boxed(p) (!is_pv_vcpu(p))
static inline bool_t boxed_and_whole(const struct domain *x)
{
    return x->guest_type == guest_type_hvm;
}
#define asks_more(d) (is_hvm_domain(d) && (d)->tot_pages)
"""
    world = world_of(added(files, "xen/include/asm-x86/more.h", extra))
    assert world.truth["runs_boxed"] == world.truth["has_hvm_container_vcpu"] and "runs_boxed" in world.of_vcpu
    assert world.truth["boxed_and_whole"] == world.truth["is_hvm_domain"]
    assert "boxed_and_whole" not in world.of_vcpu
    assert world.truth["asks_more"] == {"pv": 0, "pvh": 0, "fresh": 0}  # open for the others
    assert "is_hardware_domain" not in world.truth


def test_a_second_definition_anywhere_takes_the_answer_away(files: Files) -> None:
    shadow = added(files, "xen/common/event_channel.c", "\n#undef is_pvh_domain\n#define is_pvh_domain(d) 0\n")
    proof, _ = verdicts(case_of(files, shadow))
    assert proof.verdict == "REFUSED" and "defined more than once" in told(proof)


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("xen/common/event_channel.c", "\nvoid e(struct domain *d) { d->guest_type = 0; }\n"),
        ("xen/common/event_channel.c", "\nvoid e(struct vcpu *v) { v->domain->guest_type |= 1; }\n"),
        ("xen/arch/x86/hvm/hvm.c", "\nvoid e(struct domain *d) { note(1, &d->guest_type); }\n"),
        ("xen/common/event_channel.c", "\nvoid e(struct domain *d) { (*d).guest_type = 0; }\n"),
        ("xen/common/event_channel.c", "\n#define kind(d) ((d)->guest_type)\nvoid e(void) { kind(x[1](2)) = 0; }\n"),
        ("xen/common/event_channel.c", "\n#define place(d) &(d)->guest_type\n"),
        (
            "xen/common/event_channel.c",
            "\n#define kind(d) ((d)->guest_type)\n#define mine(v) (kind((v)->domain))\nvoid e(void) { mine(v)++; }\n",
        ),
        ("xen/common/event_channel.c", "\nvoid e(struct domain *d, struct domain *f) { *d = *f; }\n"),
        ("xen/common/event_channel.c", "\nvoid e(struct domain *d) { memset(d, 0, sizeof(*d)); }\n"),
    ],
)
def test_a_second_writer_elsewhere_is_found(files: Files, where: str, text: str) -> None:
    proof, _ = verdicts(case_of(files, added(files, where, text)))
    assert proof.verdict == "FAIL" and "may change it later" in told(proof) and where in told(proof)


def test_the_same_name_in_another_structure_is_no_writer(files: Files) -> None:
    other = "\nstruct lamp { int guest_type; };\nvoid e(struct lamp *d) { d->guest_type = 1; }\n"
    world = world_of(added(files, "xen/common/event_channel.c", other))
    assert world.truth == world_of(files).truth


@pytest.mark.parametrize(
    "text",
    [
        "#define kind(d) ((d)->guest_type)\nint e(void) { return kind(x) == 1; }",
        "struct domain *e(void) { struct domain *d = get(); memset(d, 0, sizeof(*d)); return d; }",
        "void e(struct domain *d, struct lamp *l) { *l = lamp_of(d); }",
        "int e(struct domain *d) { return n * d->guest_type & mask; }",
    ],
    ids=["a macro that is read", "a new domain", "another structure", "arithmetic"],
)
def test_what_is_no_writer(files: Files, text: str) -> None:
    world = world_of(added(files, "xen/common/event_channel.c", f"\n{text}\n"))
    assert world.truth == world_of(files).truth


def test_a_flag_of_both_is_looked_at_where_it_differs(files: Files) -> None:
    old = "        d->guest_type = guest_type_hvm;\n    else if ( domcr_flags & DOMCRF_pvh )"
    new = "        d->guest_type = guest_type_hvm;\n    if ( domcr_flags & DOMCRF_pvh )"
    assert old in files.read(CREATE).decode()
    proof, _ = verdicts(case_of(files, edited(files, (CREATE, old, new))))
    assert proof.verdict == "FAIL" and "hvm+pvh" in told(proof)


def test_kinds_that_only_one_tree_tells_apart_are_looked_at(files: Files) -> None:
    after = edited(
        files,
        (SCHED, "    bool_t          is_privileged;", "    bool_t          boxed;\n    bool_t          is_privileged;"),
        (SCHED, "#endif /\\* XEN_SCHED_H \\*/", "#define has_box(d) ((d)->boxed)\n\n#endif /* XEN_SCHED_H */"),
        (CREATE, "    if \\( domcr_flags & DOMCRF_hvm \\)", "    d->boxed = !!(domcr_flags & DOMCRF_hap);\n\\g<0>"),
    )
    old, new = worlds_of(case_of(files, after))
    assert old.kinds == new.kinds and "hap" in new.kinds and "has_box" not in old.truth
    assert new.truth["has_box"]["hap"] == 1 and new.truth["has_box"]["hvm"] == 0


FIRST = "xen/arch/x86/first.c"
SHARED = """
struct domain *first;
int start_first(void)
{
    first = domain_create(1, 0, 0);
    if ( IS_ERR(first) )
        return -1;
    lock(&first->tot_pages);
    return 0;
}
static void settle(struct domain *d, int n)
{
    if ( %s )
        ring(n);
}
void later(int n)
{
    settle(first, n);
}
"""


@pytest.mark.parametrize(("more", "verdict"), [
    ("", "PASS"),
    ("int peek(struct domain *first) { first = first->next; return first == 0; }", "PASS"),
    ("void other(struct domain *d) { first = d; }", "FAIL"),
    ("void other(struct domain *d) { if ( (first = d) ) ring(1); }", "FAIL"),
    ("void other(void) { keep(&first); }", "FAIL"),
    ("#define each(d, n) for ( (d) = next(n); (d); )\nvoid other(void) { each ( first, 1 ) ring(2); }", "FAIL"),
    ("#define each(n, d) for ( (n) = next(d); (n); )\nvoid other(int n) { each ( n, first ) ring(2); }", "PASS"),
    ("void other(void) { first = domain_create(2, DOMCRF_hvm, 0); }", "FAIL"),
    ("struct domain **held = &first;", "FAIL"),
    ("#define set_first(d) (first = (d))", "FAIL"),
])  # fmt: skip
def test_a_variable_that_the_hypervisor_shares_is_what_all_that_set_it_make(more: str, verdict: str) -> None:
    """Of a domain made without flags nothing is asked that only others answer otherwise."""
    files = sample_files()
    before, after = (added(files, FIRST, SHARED % p + more + "\n") for p in ("is_pvh_domain(d)", "!is_pv_domain(d)"))
    proof, _ = verdicts(case_of(before, after))
    assert proof.verdict == verdict, told(proof)
