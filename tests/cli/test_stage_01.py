"""Stage 01 on altered samples: it stops at what it does not know, and copes with mere layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Tool
from .kit import HVM, ONE, Repo, apply, evidence, numbered, rows, snapshot, tree_of

Factory = Callable[..., Repo]
Change = Callable[[Repo], None]
NATIVE, COMPAT, PVH = "hvm_hypercall64_table[NR", "hvm_hypercall32_table[NR", "pvh_hypercall64_table[NR"
VMX = "xen/arch/x86/hvm/vmx/vmx.c"

PVH_CALL = """\
        if ( is_pvh_vcpu(curr) )
            regs->rax = pvh_hypercall64_table[eax](regs->rdi,
                                                   regs->rsi, regs->rdx,
                                                   regs->r10, regs->r8,
                                                   regs->r9);
        else
            regs->rax = hvm_hypercall64_table[eax](regs->rdi,
                                                   regs->rsi, regs->rdx,
                                                   regs->r10, regs->r8,
                                                   regs->r9);
"""


def row_in_one_table(repo: Repo) -> None:
    """A row is missing from the 32-bit table only."""
    repo.edit(HVM, "    HYPERCALL(tmem_op),\n", "", after=COMPAT)


def row_in_other_table(repo: Repo) -> None:
    """A row is missing from the 64-bit table only."""
    repo.edit(HVM, "    HYPERCALL(xsm_op),\n", "", after=NATIVE)


def row_twice(repo: Repo) -> None:
    """A row stands twice."""
    repo.edit(HVM, "    HYPERCALL(sysctl),\n", "    HYPERCALL(sysctl),\n    HYPERCALL(sysctl),\n", after=PVH)


def table_missing(repo: Repo) -> None:
    """There is no 32-bit table."""
    text = repo.read(HVM)
    start = text.index("/* For an HVM guest in any other mode. */")
    end = text.index("/* For a PVH guest, of")
    repo.write(HVM, (text[:start] + text[end:]).replace("hvm_hypercall32_table", "hvm_hypercall64_table"))


def pvh_table_missing(repo: Repo) -> None:
    """There is no PVH table."""
    text = repo.read(HVM)
    start, end = text.index("/* For a PVH guest, of"), text.index("int hvm_do_hypercall(")
    repo.write(HVM, (text[:start] + text[end:]).replace("pvh_hypercall64_table", "hvm_hypercall64_table"))


def helper_macro(repo: Repo) -> None:
    """A row is pasted by a macro that nobody knows."""
    repo.edit(HVM, "/* For an HVM guest in 64-bit", "#define AS_IS(x) HYPERCALL(x)\n\n/* For an HVM guest in 64-bit")
    repo.edit(HVM, "HYPERCALL(domctl)", "AS_IS(domctl)", after=NATIVE)


def range_row(repo: Repo) -> None:
    """A row covers a range of numbers."""
    repo.edit(HVM, "    HYPERCALL(sysctl),\n", "    [ 50 ... 52 ] = (hvm_hypercall_t *)do_sysctl,\n", after=PVH)


def null_row(repo: Repo) -> None:
    """A row holds an expression."""
    repo.edit(HVM, "    HYPERCALL(sysctl),\n", "    [ __HYPERVISOR_sysctl ] = 0 ? 0 : NULL,\n", after=PVH)


def conditional_row(repo: Repo) -> None:
    """A row depends on the preprocessor."""
    repo.edit(HVM, "    HYPERCALL(sysctl),\n", "#ifndef NDEBUG\n    HYPERCALL(sysctl),\n#endif\n", after=PVH)


def user_in_another_file(repo: Repo) -> None:
    """Another file calls through the PVH table."""
    repo.edit(HVM, "static hvm_hypercall_t *const pvh_", "hvm_hypercall_t *const pvh_")
    repo.append(
        VMX,
        "\nextern void *const pvh_hypercall64_table[];\n\n"
        "int vmx_has_hypercall(unsigned int nr)\n{\n    return pvh_hypercall64_table[nr] != NULL;\n}\n",
    )


def namesake_in_another_file(repo: Repo) -> None:
    """Another file has a table of that name for itself."""
    repo.append(
        VMX,
        "\nint vmx_probe(unsigned int nr)\n{\n    static int pvh_hypercall64_table[4];\n\n"
        "    return pvh_hypercall64_table[nr & 3]++;\n}\n",
    )


def two_dispatches(repo: Repo) -> None:
    """The 64-bit dispatch stands twice."""
    repo.edit(HVM, PVH_CALL, PVH_CALL + PVH_CALL)


def comment_in_test(repo: Repo) -> None:
    """A comment would be lost with the presence test."""
    repo.edit(HVM, "!pvh_hypercall64_table[eax]\n", "!pvh_hypercall64_table[eax] /* keep me */\n")


def comment_in_call(repo: Repo) -> None:
    """A comment would be lost with the dispatch."""
    repo.edit(
        HVM, "        else\n            regs->rax = hvm", "        else /* keep me */\n            regs->rax = hvm"
    )


def third_difference(repo: Repo) -> None:
    """PVH reaches another handler in a third hypercall."""
    new = "[ __HYPERVISOR_sched_op ] = (hvm_hypercall_t *)do_sysctl"
    repo.edit(HVM, "HYPERCALL(sched_op)", new, after=PVH)


def other_arguments(repo: Repo) -> None:
    """The two calls pass different arguments."""
    repo.edit(HVM, "regs->rsi, regs->rdx,", "regs->rdx, regs->rsi,", after="pvh_hypercall64_table[eax](")


def native_presence(repo: Repo) -> None:
    """Presence is asked of the 64-bit table: another meaning than the stage knows."""
    repo.edit(HVM, ": !hvm_hypercall32_table[eax]", ": !hvm_hypercall64_table[eax]")


REFUSED: list[tuple[Change, tuple[str, ...]]] = [
    (row_in_one_table, ("tmem_op", "hvm_hypercall32_table")),
    (row_in_other_table, ("xsm_op", "hvm_hypercall64_table")),
    (row_twice, ("sysctl", "pvh_hypercall64_table", "two rows")),
    (table_missing, ("hvm_hypercall32_table",)),
    (pvh_table_missing, ("hypercall tables are not all there", "PVH")),
    (helper_macro, ("AS_IS",)),
    (range_row, ("pvh_hypercall64_table", "50")),
    (null_row, ("pvh_hypercall64_table", "sysctl")),
    (conditional_row, ("pvh_hypercall64_table", "directives")),
    (user_in_another_file, ("pvh_hypercall64_table", VMX)),
    (namesake_in_another_file, ("pvh_hypercall64_table", VMX)),
    (two_dispatches, ("hvm_do_hypercall", "pvh_hypercall64_table")),
    (comment_in_test, ("keep me", HVM)),
    (comment_in_call, ("keep me", HVM)),
    (third_difference, ("sched_op",)),
    (other_arguments, ("arguments",)),
    (native_presence, ("hvm_do_hypercall",)),
]


@pytest.mark.parametrize(("change", "words"), REFUSED, ids=[c.__name__ for c, _ in REFUSED])
def test_refused(tool: Tool, tmp_path: Path, xen_like_repo: Factory, change: Change, words: tuple[str, ...]) -> None:
    repo = xen_like_repo()
    change(repo)
    repo.commit()
    before = snapshot(repo.path)
    tool.run("01", tree=repo.path, out=tmp_path / "out").refused(4, "no series was written", *words)
    assert snapshot(repo.path) == before and not (tmp_path / "out").exists()


def reordered(repo: Repo) -> None:
    """Rows in another order in one table."""
    repo.edit(HVM, "    HYPERCALL(console_io),\n", "", after=COMPAT)
    row = "    HYPERCALL(hvm_op),\n"
    repo.edit(HVM, row, row + "    HYPERCALL(console_io),\n", after=COMPAT)


def layout(repo: Repo) -> None:
    """Other white space, line breaks and comments."""
    repo.edit(HVM, "    HYPERCALL(domctl),\n", "  HYPERCALL( domctl ) ,  /* ctl */\n\n", after=NATIVE)
    repo.edit(HVM, "HYPERCALL(sysctl),\n    HYPERCALL(vcpu_op)", "HYPERCALL(sysctl), HYPERCALL(vcpu_op)", after=PVH)
    cast = "[ __HYPERVISOR_physdev_op ] = (hvm_hypercall_t *)hvm_physdev_op\n"
    repo.edit(HVM, cast.rstrip(), "[__HYPERVISOR_physdev_op]\n        = ( hvm_hypercall_t* ) hvm_physdev_op", after=PVH)
    repo.edit(
        HVM, "= (hvm_hypercall_t *)paging_domctl_continuation\n", "=\n (hvm_hypercall_t *)paging_domctl_continuation,\n"
    )
    repo.edit(HVM, "int hvm_do_hypercall(", "/* Who calls? */\n\nint hvm_do_hypercall(")


def lines_of_dispatch(repo: Repo) -> None:
    """The dispatch on other lines."""
    repo.edit(
        HVM,
        "[eax](regs->rdi,\n",
        "[eax](\n        regs->rdi,\n",
        after="pvh_hypercall64_table[eax](",
    )
    repo.edit(
        HVM,
        "(is_pvh_vcpu(curr)\n          ? !pvh_hypercall64_table[eax]\n",
        "(is_pvh_vcpu(curr) ? !pvh_hypercall64_table[eax]\n",
    )


WORKS: list[Change] = [reordered, layout, lines_of_dispatch]


@pytest.mark.parametrize("change", WORKS, ids=lambda c: c.__name__)
def test_layout_does_not_matter(
    tool: Tool, tmp_path: Path, xen_like_repo: Factory, change: Change, reference: Path
) -> None:
    repo, out = xen_like_repo(), tmp_path / "out"
    change(repo)
    base = repo.commit()
    tool.run("01", tree=repo.path, out=out).good()
    clone = apply(repo.path, base, tmp_path / "clone", numbered(out, ONE))
    made, theirs = evidence(out, ONE)["patches"], evidence(reference, ONE)["patches"]
    assert tree_of(clone) == made[-1]["tree"]
    assert [p["checked"]["hypercalls"] for p in made] == [p["checked"]["hypercalls"] for p in theirs]
    text = (Path(str(clone.working_dir)) / HVM).read_text()
    table = text[text.index("hvm_hypercall_table[NR_hypercalls]") :].partition("};")[0]
    assert len(rows(table)) == len(set(rows(table))) == 17


def test_more_rows_in_all_tables(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo, out = xen_like_repo(), tmp_path / "out"
    for table in (NATIVE, COMPAT, PVH):
        line = "    [ __HYPERVISOR_multicall ] = (hvm_hypercall_t *)do_sysctl,\n"
        repo.edit(HVM, "    HYPERCALL(domctl),\n", "    HYPERCALL(domctl),\n" + line, after=table)
    repo.commit()
    tool.run("01", tree=repo.path, out=out).good()
    reach = evidence(out, ONE)["patches"][-1]["checked"]["hypercalls"]["reach"]
    assert reach["pvh/64/multicall"] == reach["hvm/64/multicall"] == reach["hvm/32/multicall"] == "do_sysctl"


def test_row_dropped_from_every_table(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo, out = xen_like_repo(), tmp_path / "out"
    for table in (NATIVE, COMPAT, PVH):
        repo.edit(HVM, "    HYPERCALL(xsm_op),\n", "", after=table)
    repo.commit()
    tool.run("01", tree=repo.path, out=out).good()
    reach = evidence(out, ONE)["patches"][-1]["checked"]["hypercalls"]["reach"]
    assert not [cell for cell in reach if cell.endswith("/xsm_op")]
