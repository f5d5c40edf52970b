"""What each guest type reaches by each hypercall number, in each mode, from the source.

The answer for a cell is a handler's name, or the errno and the register in which the
guest finds it.  It is computed from the tables and from ``hvm_do_hypercall``'s tests,
in whichever of their forms a tree has them, before and after each patch; the stage
stops when a cell differs.
"""

from __future__ import annotations

from typing import Any

from xenstage.errors import Exit, XenstageError
from xenstage.stage.view import View

from . import tables
from .tables import COMPAT, MERGED, NATIVE, PVH, Row

ABSENT = "-ENOSYS in rax"
PVH32 = "-ENOSYS in eax"
PVH32_OLD = "assertion"  # trees before the PVH check in 32-bit mode (4.4) assert instead

SELECTED = {"container_memory_op": "memory_op", "container_vcpu_op": "vcpu_op"}


def reach(view: View) -> dict[str, str]:
    """Cells "guest/mode/hypercall" to what is reached; a cell that is absent everywhere is left out."""
    merged = {r.key: r for r in tables.read_table(view, MERGED)} if _has(view, MERGED) else None
    native = {r.key: r.native for r in tables.read_table(view, NATIVE)} if _has(view, NATIVE) else None
    compat = {r.key: r.native for r in tables.read_table(view, COMPAT)} if _has(view, COMPAT) else None
    pvh = {r.key: r.native for r in tables.read_table(view, PVH)} if _has(view, PVH) else None
    if merged is not None:
        native = {k: r.native for k, r in merged.items() if _for(r, "HCALL_HVM")}
        compat = {k: r.compat for k, r in merged.items() if _for(r, "HCALL_HVM")}
        if pvh is None:
            pvh = {k: r.native for k, r in merged.items() if _for(r, "HCALL_PVH")}
    if native is None or compat is None or pvh is None:
        raise view.unknown("the hypercall tables are not all there", "needed: the HVM tables of both widths and PVH's")
    stopped = pvh_stopped_in_32bit(view)
    cells: dict[str, str] = {}
    for key in sorted({*native, *compat, *pvh}):
        # hvm_do_hypercall tests for presence in the 32-bit table, whatever the mode.
        here = key in compat and bool(compat[key])
        cells[f"hvm/64/{key}"] = _as(view, native.get(key, "NULL"), "hvm") if here else ABSENT
        cells[f"hvm/32/{key}"] = compat[key] if here else ABSENT
        cells[f"pvh/64/{key}"] = _as(view, pvh[key], "pvh") if key in pvh else ABSENT
        beyond = PVH32 if stopped else f"{PVH32_OLD}, then {compat.get(key) or 'NULL'}"
        cells[f"pvh/32/{key}"] = beyond if key in pvh else ABSENT
    return cells


def _has(view: View, name: str) -> bool:
    return any(h.path.endswith("arch/x86/hvm/hvm.c") for h in view.uses(name))


def _for(row: Row, guest: str) -> bool:
    """Rows without a mask are HVM's alone: the table before it names its guests."""
    return guest in row.guests.split("|") if row.guests else guest == "HCALL_HVM"


def pvh_stopped_in_32bit(view: View) -> bool:
    """Whether hvm_do_hypercall turns a PVH guest in 32-bit mode away (not so in Xen 4.4)."""
    region = view.definition("hvm_do_hypercall", "FUNCTION_DECL")
    return len(view.matches("else if ( unlikely($p:word($v)) ) regs->_eax = -ENOSYS;", region)) == 1


def _as(view: View, handler: str, guest: str) -> str:
    """A selector's choice for a guest type; any other handler is itself."""
    if handler not in SELECTED:
        return handler
    region = view.definition(handler, "FUNCTION_DECL")
    m = view.one("return is_pvh_vcpu(current) ? $pvh:word($a) : $hvm:word($b);", region)
    return view.hole(region, m, guest)


def check(before: View, after: View) -> dict[str, Any]:
    """The stage's promise: no cell differs.

    :raises XenstageError: (SITE) naming the first cells that differ.
    """
    old, new = reach(before), reach(after)
    differ = [
        f"{c}: {old.get(c, ABSENT)} -> {new.get(c, ABSENT)}" for c in sorted({*old, *new}) if _differs(old, new, c)
    ]
    if differ:
        raise XenstageError(
            Exit.SITE,
            f"{len(differ)} cells of the hypercall matrix would change",
            why="guest/mode/hypercall: before -> after\n" + "\n".join(differ[:12]),
            remedy="the stage promises that none does; no series was written",
        )
    return {"hypercalls": {"cells": len(new), "differ": 0, "reach": new}}


def _differs(old: dict[str, str], new: dict[str, str], cell: str) -> bool:
    return old.get(cell, ABSENT) != new.get(cell, ABSENT)
