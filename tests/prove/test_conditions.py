"""Truth tables of conditions, for people: whatever stands for the guest, each kind has a row."""

from __future__ import annotations

import pytest

from xenstage.ctext.body import NotUnderstood
from xenstage.ctext.entities import entities
from xenstage.prove.model.world import world_of
from xenstage.prove.source.conditions import left_by_kind

from .kit import added, case_of, edited, sample_files, verdicts

VTIMER = "xen/arch/x86/vtimer.c"
TEXT = """
int quiet(struct vcpu *v, int a)
{
    struct domain *own = v->domain;

    if ( is_pvh_vcpu(v) && a )
        return 1;
    return is_hvm_domain(own) ? 2 : 3;
}
"""


def left(words: str) -> dict[str, str]:
    """What is left of a condition of the function above, by kind."""
    files = added(sample_files(), VTIMER, TEXT)
    (function,) = [e for e in entities(files.read(VTIMER)).values() if e.name == "quiet"]
    rows = left_by_kind(words.split(" "), function, world_of(files))
    assert all(len(r["types"]) == 1 for r in rows), rows
    return {next(iter(r["types"].values())): r["left"] for r in rows}


def test_a_condition_on_a_virtual_cpu_that_is_handed_in() -> None:
    assert left("is_pvh_vcpu ( v ) && a") == {"pv": "0", "hvm": "0", "pvh": "a"}


def test_a_statement_with_a_choice_in_it() -> None:
    assert left("return is_hvm_domain ( own ) ? 2 : 3 ;") == {"pv": "3", "hvm": "2", "pvh": "3"}


def test_what_is_no_condition() -> None:
    with pytest.raises(NotUnderstood):
        left("goto out ;")


def test_the_evidence_has_rows_for_a_virtual_cpu_that_is_handed_in() -> None:
    """The parameter was taken for a NULL pointer, so that its table had no row for any kind."""
    before = added(sample_files(), VTIMER, TEXT)
    after = edited(before, (VTIMER, "if ( is_pvh_vcpu(v) && a )", "if ( a && is_pvh_domain(v->domain) )"))
    proof, _ = verdicts(case_of(before, after))
    (condition,) = proof.facts["functions"][f"{VTIMER}:quiet"]["conditions"]
    rows = {r["types"]["v->domain"]: (r["before"], r["after"]) for r in condition["table"]}
    assert rows["pv"] == ("0", "0") and rows["pvh"] == ("a", "a")
