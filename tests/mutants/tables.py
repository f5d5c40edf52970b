"""Mutants of stage 01: the merged hypercall table and its dispatch."""

from __future__ import annotations

from .operators import Apply, Mutant, in_file, replace

HVM = "xen/arch/x86/hvm/hvm.c"
DISPATCH = r"xen/arch/x86/hvm/hvm\.c\Z"


def row(pattern: str, new: str) -> Apply:
    """In the table's rows."""
    return in_file(HVM, pattern, new)


def dispatch(pattern: str, new: str) -> Apply:
    """In the dispatcher."""
    return replace(pattern, new, where=DISPATCH, word="hvm_do_hypercall")


def table(name: str, kind: str, apply: Apply, patch: int = 4) -> Mutant:
    """A mistake in the merged table or its dispatch."""
    return Mutant(name, kind, 1, patch, "hypercalls", apply)


ROW = r"HCALL\((\w+),\s*(\w+),\s*(\w+),\s*([\w| ]+)\)"
TABLES = (
    table(
        "handlers-exchanged",
        "handler swapped",
        row(rf"{ROW}(,\s*){ROW}", r"HCALL(\1, \7, \3, \4)\5HCALL(\6, \2, \8, \9)"),
    ),
    table(
        "wrong-width",
        "handler of the wrong width",
        row(r"HCALL\((\w+),\s*(do_\w+),\s*(compat_\w+)", r"HCALL(\1, \2, \2"),
    ),
    table(
        "wrong-width-native",
        "handler of the wrong width",
        row(r"HCALL\((\w+),\s*(do_\w+),\s*(compat_\w+)", r"HCALL(\1, \3, \3"),
    ),
    table(
        "compat-missing",
        "handler missing in one table",
        row(r"HCALL\((\w+),\s*(\w+),\s*(\w+), HCALL_HVM\b", r"HCALL(\1, \2, NULL, HCALL_HVM"),
    ),
    table(
        "native-missing",
        "handler missing in one table",
        row(r"HCALL\((\w+),\s*(\w+),\s*(\w+), HCALL_HVM\b", r"HCALL(\1, NULL, \3, HCALL_HVM"),
    ),
    table("row-dropped", "row dropped", row(rf"\n\s*{ROW},", "")),
    table(
        "widened-pvh",
        "table widened",
        row(r"HCALL\((\w+),\s*(\w+),\s*(\w+),\s*HCALL_HVM\)", r"HCALL(\1, \2, \3, HCALL_HVM | HCALL_PVH)"),
    ),
    table(
        "widened-hvm",
        "table widened",
        row(r"HCALL\((\w+),\s*(\w+),\s*(\w+),\s*HCALL_PVH\)", r"HCALL(\1, \2, \3, HCALL_HVM | HCALL_PVH)"),
    ),
    table(
        "widened-early",
        "table widened",
        row(r"HCALL\((\w+),\s*(\w+),\s*(\w+),\s*HCALL_PVH\)", r"HCALL(\1, \2, \3, HCALL_HVM)"),
        3,
    ),
    table("narrowed", "table narrowed", row(r"HCALL_HVM \| HCALL_PVH\)", "HCALL_HVM)")),
    table("masks-exchanged", "presence test", dispatch(r"HCALL_PVH : HCALL_HVM", "HCALL_HVM : HCALL_PVH")),
    table(
        "mask-for-all",
        "table widened",
        dispatch(r"\(is_pvh_vcpu\((\w+)\) \? HCALL_PVH : HCALL_HVM\)", "(HCALL_HVM | HCALL_PVH)"),
    ),
    table("errno", "errno changed", dispatch(r"-ENOSYS;", "-EINVAL;")),
    table("errno-32bit", "errno changed", dispatch(r"(regs->_eax = )-ENOSYS;", r"\1-EPERM;")),
    table("register", "register width changed", dispatch(r"regs->_eax = -ENOSYS", "regs->eax = -ENOSYS")),
    table(
        "register-compat", "register width changed", dispatch(r"regs->eax = (hvm_hypercall_table)", r"regs->_eax = \1")
    ),
    table(
        "arguments",
        "register width changed",
        dispatch(r"native\(regs->rdi,", "native((uint32_t)regs->rdi,"),
    ),
    table("native-in-32bit", "handler of the wrong width", dispatch(r"\]\.compat\(", "].native(")),
    table(
        "pvh-32bit-open", "table widened", dispatch(r"else if \( unlikely\(is_pvh_vcpu\((\w+)\)\) \)", r"else if ( 0 )")
    ),
    table(
        "selector-swapped",
        "handler swapped",
        replace(
            r"\? (do_memory_op)(\([^()]*\))(\s*): (hvm_memory_op)",
            r"? \4\2\3: \1",
            where=DISPATCH,
            word="container_memory_op",
        ),
        2,
    ),
    table(
        "selector-same",
        "handler swapped",
        replace(r": hvm_vcpu_op\(", ": do_vcpu_op(", where=DISPATCH, word="container_vcpu_op"),
        2,
    ),
    table(
        "command-cut",
        "register width changed",
        replace(r"unsigned long cmd", "int cmd", where=DISPATCH, word="container_memory_op"),
        2,
    ),
    table(
        "selector-other-type",
        "wrong feature",
        replace(r"is_pvh_vcpu\(current\)", "is_hvm_vcpu(current)", where=DISPATCH, word="container_memory_op"),
        2,
    ),
    Mutant(
        "presence-dispatch",
        "presence test",
        1,
        4,
        "predicates",
        dispatch(r"\(is_pvh_vcpu\((\w+)\) \? HCALL_PVH : HCALL_HVM\)", "HCALL_HVM"),
    ),
)
