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

from .tables import COMPAT, MERGED, NATIVE, PVH, read_table

ABSENT = "-ENOSYS in rax"
PVH32 = "-ENOSYS in eax"
PVH32_OLD = "assertion"  # trees before the PVH check in 32-bit mode (4.4) assert instead
SELECTED = ("container_memory_op", "container_vcpu_op")


def reach(view: View) -> dict[str, str]:
    """Cells "guest/mode/hypercall" to what is reached; a cell that is absent everywhere is left out."""
    there = [t for t in (NATIVE, COMPAT, PVH, MERGED) if view.has(t, "variable")]
    tables = {t: {r.key: r.native for r in read_table(view, t)} for t in there}
    if MERGED in tables:
        rows = read_table(view, MERGED)  # without a mask a row is HVM's alone: the table before it names its guests
        hvm = [r for r in rows if "HCALL_HVM" in (r.guests or "HCALL_HVM").split("|")]
        tables[NATIVE], tables[COMPAT] = {r.key: r.native for r in hvm}, {r.key: r.compat for r in hvm}
        tables.setdefault(PVH, {r.key: r.native for r in rows if "HCALL_PVH" in r.guests.split("|")})
    if len(tables) < 3:
        raise view.unknown("the hypercall tables are not all there", "needed: the HVM tables of both widths and PVH's")
    native, compat, pvh = tables[NATIVE], tables[COMPAT], tables[PVH]
    stopped = pvh_stopped_in_32bit(view)
    cells: dict[str, str] = {}
    for key in sorted({*native, *compat, *pvh}):
        # hvm_do_hypercall tests for presence in the 32-bit table, whatever the mode.
        here = bool(compat.get(key))
        cells[f"hvm/64/{key}"] = _as(view, native.get(key, "NULL"), "hvm") if here else ABSENT
        cells[f"hvm/32/{key}"] = compat[key] if here else ABSENT
        cells[f"pvh/64/{key}"] = _as(view, pvh[key], "pvh") if key in pvh else ABSENT
        beyond = PVH32 if stopped else f"{PVH32_OLD}, then {compat.get(key) or 'NULL'}"
        cells[f"pvh/32/{key}"] = beyond if key in pvh else ABSENT
    return cells


def pvh_stopped_in_32bit(view: View) -> bool:
    """Whether hvm_do_hypercall turns a PVH guest in 32-bit mode away (not so in Xen 4.4)."""
    dispatch = view.function("hvm_do_hypercall")
    return len(view.matches("else if ( unlikely($p:word($v)) ) regs->_eax = -ENOSYS;", dispatch)) == 1


def _as(view: View, handler: str, guest: str) -> str:
    """A selector's choice for a guest type; any other handler is itself."""
    if handler not in SELECTED:
        return handler
    selector = view.function(handler)
    m = view.one("return is_pvh_vcpu(current) ? $pvh:word($a) : $hvm:word($b);", selector)
    return view.hole(selector, m, guest)


def check(before: View, after: View) -> dict[str, Any]:
    """The stage's promise: no cell differs.

    :raises XenstageError: (SITE) naming the first cells that differ.
    """
    old, new = reach(before), reach(after)
    pairs = {c: (old.get(c, ABSENT), new.get(c, ABSENT)) for c in sorted({*old, *new})}
    differ = [f"{c}: {a} -> {b}" for c, (a, b) in pairs.items() if a != b]
    if differ:
        raise XenstageError(
            Exit.SITE,
            f"{len(differ)} cells of the hypercall matrix would change",
            why="guest/mode/hypercall: before -> after\n" + "\n".join(differ[:12]),
            remedy="the stage promises that none does; no series was written",
        )
    return {"hypercalls": {"cells": len(new), "differ": 0, "reach": new}}
