"""A gate in a case of a switch decides about that case."""

from __future__ import annotations

from dataclasses import replace

import pytest

from xenstage.families import Family
from xenstage.prove.result import FAIL, PASS
from xenstage.prove.source.gates import prove_gates

from .kit import added, case_of, sample_files, told

PATH = "xen/arch/x86/domain.c"
FAMILIES = (Family("has_bell", ("bell_*",)), Family("has_drum", ("drum_*",)))
TEXT = """
int play(struct domain *d, int what)
{{
    switch ( what )
    {{
    case 1:
        if ( !has_bell(d) )
            goto silence;
        {first}
        break;
    case 2:
        {second}
        break;
    }}
    return 0;

 silence:
    return -1;
}}
"""


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ("bell_ring(d);", "drum_beat(d);", PASS),
        ("bell_ring(d); drum_beat(d);", "", FAIL),
        ("tick(d);", "bell_ring(d);", FAIL),
        ("", "", FAIL),
    ],
)
def test_a_way_out_of_a_case_skips_that_case(first: str, second: str, verdict: str) -> None:
    files = sample_files()
    case = case_of(files, added(files, PATH, TEXT.format(first=first, second=second)))
    proof = prove_gates(replace(case, declared=replace(case.declared, families=FAMILIES)))
    assert proof.verdict == verdict, told(proof)
