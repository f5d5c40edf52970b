"""Hypercall tables: read as C reads them, called as before, and compared to their ends with the binary."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from xenstage.ctext.body import NotUnderstood
from xenstage.index.sweep import Files
from xenstage.prove.binary.linked import agree
from xenstage.prove.case import Case
from xenstage.prove.model.constants import Constants
from xenstage.prove.model.special import Table
from xenstage.prove.model.tables import FileConstants, tables_of
from xenstage.prove.result import FAIL, PASS, REFUSED, SKIP, Proof
from xenstage.prove.source.hypercalls import assembly_table, prove_hypercalls

SAMPLE = Path(__file__).resolve().parent.parent / "sample/tree"
HVM = "xen/arch/x86/hvm/hvm.c"
PATHS = dict.fromkeys([str(p.relative_to(SAMPLE)) for p in SAMPLE.rglob("*") if p.is_file()], "100644")


def read(rows: str, length: str = "NR_hypercalls") -> Table:
    """The one table of a file."""
    head = "#define NR_hypercalls 8\nstruct row { fn *native, *compat; };\n"
    kind = "struct row" if "{" in rows else "fn *"
    data = f"{head}static const {kind} table[{length}] = {{\n{rows}\n}};\n".encode()
    return tables_of(data, FileConstants(Constants(Files(SAMPLE, PATHS, {})), data, HVM))["table"]


def handlers(table: Table) -> dict[int, str]:
    """Handler by number."""
    return {n: r[""][1] for n, r in table.items()}


def test_rows_are_read_as_c_reads_them() -> None:
    assert handlers(read("[2] = a, b, [1 ... 2] = c, [6] = d")) == {1: "c", 2: "c", 3: "b", 6: "d"}
    members = read("[1] = { .compat = c, .native = b }, [2] = { a }")
    assert members == {1: {"compat": ("handler", "c"), "native": ("handler", "b")}, 2: {"native": ("handler", "a")}}
    assert (members.length, members.members) == (8, ("native", "compat"))
    assert read("[1] = a", "NR_hypercalls - 2").length == 6


@pytest.mark.parametrize(
    ("rows", "length"),
    [
        ("[8] = a", "NR_hypercalls"),
        ("[7] = a, b", "NR_hypercalls"),
        ("[3 ... 9] = a", "NR_hypercalls"),
        ("[6] = a", "NR_hypercalls - 2"),
        ("[1] = { .other = a }", "NR_hypercalls"),
        ("[1] = { a, b, c }", "NR_hypercalls"),
        ("[1] = a", "NR_hypercalls * unknown"),
    ],
)
def test_rows_that_a_table_has_not(rows: str, length: str) -> None:
    with pytest.raises(NotUnderstood):
        read(rows, length)


def test_a_binary_is_compared_to_the_end() -> None:
    table = Table(3, ("",), {1: {"": ("handler", "do_a")}})
    assert agree({"t": table}, {}, {"t": [0, "do_a", 0]}) == ([], 3)
    short, _ = agree({"t": table}, {}, {"t": [0, "do_a"]})
    assert "t has 2 words in the binary, the source says 3 rows" in short
    assert "t has 4 words in the binary, the source says 3 rows" in agree({"t": table}, {}, {"t": [0, "do_a", 0, 0]})[0]
    pairs = Table(2, ("native", "compat"), {1: {"native": ("handler", "do_a")}})
    assert agree({"t": pairs}, {}, {"t": [0, 0, "do_a|sys_a", 0]}) == ([], 4)
    assert agree({"t": pairs}, {}, {"t": [0, 0, 0, "do_a"]})[0] == [
        "t[1].native is 0, the source says do_a",
        "t[1].compat is do_a, the source says 0",
    ]


def test_a_table_in_assembly_is_compared_by_number() -> None:
    rows = {0: "do_a", 1: "do_b"}
    assert agree({}, {"t": rows}, {"t": ["do_a", "do_b"]}) == ([], 2)
    assert len(agree({}, {"t": rows}, {"t": ["do_b", "do_a"]})[0]) == 2
    assert agree({}, {"t": rows}, {"t": ["do_a"]})[0] == ["t[1] is not in the binary, the source says do_b"]
    assert agree({}, {"t": rows}, {})[0] == ["t is not in the binary"]


def test_a_table_in_assembly_ends_where_its_constant_says() -> None:
    text = b"ENTRY(t)\n .quad do_a\n .rept LAST-((.-t)/8)\n .quad no\n .endr\n .quad do_b\n\n .data\n"
    assert assembly_table(text, "t", {"LAST": 3}.get) == {0: "do_a", 1: "no", 2: "no", 3: "do_b"}
    with pytest.raises(NotUnderstood):
        assembly_table(text, "t", lambda _: None)


def prove(pattern: str, new: str) -> Proof:
    """The proof over a change of the sample's dispatcher."""
    data = (SAMPLE / HVM).read_bytes()
    text = re.sub(pattern.encode(), new.encode(), data, count=1, flags=re.S)
    assert text != data
    before = Files(SAMPLE, PATHS, {})
    return prove_hypercalls(Case(1, "s", "s\n\nb", "p", "c", before, before.with_overlay({HVM: text}), (HVM,)), {})


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r"hvm_hypercall32_table\[NR_hypercalls\]", "hvm_hypercall32_table[NR_hypercalls - 8]"),
        (r"eax >= NR_hypercalls", "eax > NR_hypercalls"),
        (r"\(eax >= NR_hypercalls\) \|\|\s+\((is_pvh_vcpu[^;]*?\])\) \)", r"(\1) || (eax >= NR_hypercalls) )"),
        (r"uint32_t eax = regs", "int eax = regs"),
        (r"typedef unsigned long hvm_hypercall_t", "typedef unsigned int hvm_hypercall_t"),
        (r"(hvm_hypercall_t\(\s*)unsigned long", r"\1unsigned int"),
        (r"uint32_t eax = regs->eax;", "uint32_t eax = regs->eax;\n    eax &= NR_hypercalls - 1;"),
    ],
    ids=["length", "bound by one", "bound behind", "signed", "result", "argument", "masked"],
)
def test_what_the_matrix_sees(pattern: str, new: str) -> None:
    assert prove(pattern, new).verdict in (FAIL, REFUSED)


def test_what_it_covers() -> None:
    assert prove(r"\(hvm_hypercall_t \*\) do_ ## x", "(hvm_hypercall_t *)(do_ ## x)").verdict in (SKIP, PASS, REFUSED)
    logs = prove(r"if \( 0 \) printk", "if ( 1 ) printk")
    assert logs.verdict == SKIP and f"{HVM}: macro HCALL_LOG" not in logs.covers
    shared = prove(r"int hvm_do_hypercall", "hvm_hypercall_t *extra;\n\nint hvm_do_hypercall")
    assert shared.verdict == SKIP and f"{HVM}: type hvm_hypercall_t" not in shared.covers
