"""Stage 01: merge the PVH and HVM hypercall tables (``xen/arch/x86/hvm/hvm.c``).

Two arrays for HVM, one for PVH become one array whose rows hold both widths and name
the guests that have them.  A plain union would be wrong both ways: hvm_memory_op
refuses what PVH needs, and mmuext_op must not become reachable from HVM.
"""

from __future__ import annotations

from dataclasses import replace

from xenstage.stage.declare import Patch, Stage
from xenstage.stage.view import View

from .reach import check, pvh_stopped_in_32bit
from .tables import COMPAT, MERGED, NATIVE, PVH, Row, read_table

DISPATCH = "hvm_do_hypercall"

HEAD = """\
/*
 * The hypercalls of guests in HVM containers.  A row holds what a 64-bit and
 * what a 32-bit caller reach: neither can be added without deciding the other.
 */
struct hvm_hypercall {
    hvm_hypercall_t *native, *compat;
};

#define HCALL(x, n, c)                                      \\
    [ __HYPERVISOR_ ## x ] = { (hvm_hypercall_t *)(n),      \\
                               (hvm_hypercall_t *)(c) }

"""

HEAD_GUESTS = """\
/*
 * The hypercalls of guests in HVM containers.  A row holds what a 64-bit and
 * what a 32-bit caller reach: neither can be added without deciding the other.
 * It also names the guests that have the hypercall; others get -ENOSYS.  PVH
 * guests make no 32-bit hypercalls, whatever a row holds for them.
 */
struct hvm_hypercall {
    hvm_hypercall_t *native, *compat;
    unsigned int guests;
};

#define HCALL_HVM (1u << 0)
#define HCALL_PVH (1u << 1)

#define HCALL(x, n, c, g)                                   \\
    [ __HYPERVISOR_ ## x ] = { (hvm_hypercall_t *)(n),      \\
                               (hvm_hypercall_t *)(c), (g) }

"""

# PVH takes a memory_op's command whole; hvm_memory_op() cuts it to an int.
SELECTORS = """\
/*
 * What the table holds where HVM and PVH guests differ.  PVH guests have the
 * PV interface to memory and to VCPUs; HVM guests have only a part of it.
 */
static long container_memory_op(
    unsigned long cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    return is_pvh_vcpu(current) ? do_memory_op(cmd, arg)
                                : hvm_memory_op(cmd, arg);
}

static long container_vcpu_op(
    int cmd, int vcpuid, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    return is_pvh_vcpu(current) ? do_vcpu_op(cmd, vcpuid, arg)
                                : hvm_vcpu_op(cmd, vcpuid, arg);
}

"""

SELECTOR_OF = {
    "memory_op": ("container_memory_op", "hvm_memory_op", "do_memory_op"),
    "vcpu_op": ("container_vcpu_op", "hvm_vcpu_op", "do_vcpu_op"),
}

BOTH, HVM_ONLY, PVH_ONLY = "HCALL_HVM|HCALL_PVH", "HCALL_HVM", "HCALL_PVH"


def _table(rows: list[Row]) -> str:
    body = "\n".join(map(str, rows))
    return f"static const struct hvm_hypercall {MERGED}[NR_hypercalls] = {{\n{body}\n}}"


def fold(view: View) -> None:
    """HVM's two tables become one of pairs."""
    native, compat = read_table(view, NATIVE), {r.key: r.native for r in read_table(view, COMPAT)}
    if odd := sorted({r.key for r in native} ^ set(compat)):
        raise view.unknown(f"{NATIVE} and {COMPAT} hold different hypercalls", f"in one of them only: {', '.join(odd)}")
    rule = "fold the tables"
    table, old = view.variable(NATIVE), view.variable(COMPAT)
    rows = [Row(r.key, r.native, compat[r.key]) for r in native]
    view.replace(view.with_own_comment(table), HEAD + _table(rows), rule=rule, reason="both widths in one row")
    view.delete(old, rule=rule, reason=f"its rows are in {MERGED}")
    macro = view.macro("COMPAT_CALL", table.path)
    if others := view.used_outside("COMPAT_CALL", macro.path, macro, old):
        lines = ", ".join(str(view.line(h.path, h.offset)) for h in others)
        raise view.unknown(f"COMPAT_CALL is used outside {COMPAT}", f"{macro.path}, lines {lines}")
    view.delete(macro, rule=rule, reason=f"pasted rows of {COMPAT} only")
    f, rule = view.function(DISPATCH), "call through the pair"
    both = f"($p($d)\n ? {PVH}[$i]\n : {MERGED}[$i].native)"
    view.rewrite_all(f, f"($p:word($d) ? {PVH} : {NATIVE})[$i]", both, rule=rule, reason="64-bit mode")
    view.rewrite_all(f, f"{NATIVE}[$i]", f"{MERGED}[$i].native", rule=rule, reason="64-bit mode")
    view.rewrite_all(f, f"{COMPAT}[$i]", f"{MERGED}[$i].compat", rule=rule, reason="32-bit mode")
    view.stay_rest("PVH keeps its own table until the last patch", PVH)
    view.fact("rows", len(rows))


def select(view: View) -> None:
    """Where HVM and PVH differ, the table holds a function that chooses."""
    rows, pvh = {r.key: r for r in read_table(view, MERGED)}, {r.key: r.native for r in read_table(view, PVH)}
    differ = {k for k, r in rows.items() if pvh.get(k, r.native) != r.native}
    if differ != set(SELECTOR_OF):
        raise view.unknown(
            "HVM and PVH differ in other handlers than the stage knows",
            f"known: {', '.join(sorted(SELECTOR_OF))}; in this tree: {', '.join(sorted(differ))}",
        )
    rule, table = "choose by guest type", view.variable(MERGED)
    for key, (selector, hvm, pv) in SELECTOR_OF.items():
        if (rows[key].native, pvh[key]) != (hvm, pv):
            raise view.unknown(f"{key} has other handlers than the stage knows", f"{rows[key].native} and {pvh[key]}")
        reason = f"PVH reaches {pv}, HVM {hvm}"
        view.rewrite(table, f"HCALL({key}, {hvm}, $c)", f"HCALL({key}, {selector}, $c)", rule=rule, reason=reason)
    view.insert_before(
        view.struct("hvm_hypercall"), SELECTORS, rule=rule, reason="one visible place for the difference"
    )
    view.stay_rest("PVH keeps its own table until the last patch", PVH)
    view.stay_rest("calls through the pair already", MERGED)


def name_guests(view: View) -> None:
    """Rows name their guests, and PVH's own hypercalls get rows."""
    rows, pvh = read_table(view, MERGED), {r.key: r.native for r in read_table(view, PVH)}
    own = [k for k in pvh if k not in {r.key for r in rows}]
    new = [replace(r, guests=BOTH if r.key in pvh else HVM_ONLY) for r in rows]
    new += [Row(k, pvh[k], "", PVH_ONLY) for k in own]
    rule, head = "name the guests", view.with_own_comment(view.struct("hvm_hypercall"))
    whole = view.region(head.path, head.start, view.variable(MERGED).end, "the table and its head")
    view.replace(whole, HEAD_GUESTS + _table(new), rule=rule, reason="explicit presence by guest type")
    test = f": !({MERGED}[$i].guests & HCALL_HVM)"
    view.rewrite(view.function(DISPATCH), f": !{MERGED}[$i].compat", test, rule=rule, reason="presence for HVM")
    view.stay_rest("PVH keeps its own table until the last patch", PVH)
    view.stay_rest("calls through the pair already", MERGED)
    view.fact("pvh_only", ", ".join(own) or "none")
    view.fact("hvm_only", ", ".join(r.key for r in new if r.guests == HVM_ONLY) or "none")
    view.fact("both", sum(r.guests == BOTH for r in new))


def merge(view: View) -> None:
    """PVH goes through the merged table; its own goes away."""
    merged = {r.key: r for r in read_table(view, MERGED)}
    selected = {pv: selector for selector, _, pv in SELECTOR_OF.values()}
    for row in read_table(view, PVH):
        mine = merged[row.key]
        if "HCALL_PVH" not in mine.guests or mine.native not in (row.native, selected.get(row.native)):
            raise view.unknown(f"{row.key} would reach another handler from PVH", f"{row.native} -> {mine.native}")
    f, rule, native = view.function(DISPATCH), "dispatch through the merged table", f"{MERGED}[$i].native"
    presence = f"($p:word($v) ? !{PVH}[$i] : !({MERGED}[$i].guests & HCALL_HVM))"
    test = f"!({MERGED}[$i].guests &\n  ($p($v) ? HCALL_PVH : HCALL_HVM))"
    view.rewrite(f, presence, test, rule=rule, reason="presence by guest type")
    branch = f"if ( $p:word($v) ) $r = {PVH}[$i]($a); else $r = {native}($a);"
    calls = view.rewrite_all(f, branch, f"$r = {native}($a);", rule=rule, reason="64-bit mode")
    calls += view.rewrite_all(f, f"($p:word($v) ? {PVH}[$i] : {native})", native, rule=rule, reason="64-bit mode")
    if len(calls) != 1:
        why = "needed: one, in a known form, with the same arguments for both types"
        raise view.unknown(f"{DISPATCH} has {len(calls)} 64-bit calls through {PVH}", why)
    table = view.variable(PVH)
    view.delete(table, rule="drop the PVH table", reason=f"its rows are in {MERGED}")
    macro = view.macro("HYPERCALL", table.path)  # other files may have a macro of that name
    if not view.used_outside("HYPERCALL", table.path, macro, table):
        view.delete(macro, comment=False, rule="drop the PVH table", reason="pasted rows of it only")
    named = [s for s in view.sites(PVH) if s.kind in ("text", "comment")]
    for site in named:
        new = f"the rows with\nHCALL_PVH of {MERGED}" if site.kind == "text" else MERGED
        view.replace(site, new, rule="correct the documentation", reason="the table that it names is gone")
    view.stay_rest("calls through the pair already", MERGED)
    stopped = (
        " A PVH guest in 32-bit mode still finds -ENOSYS in the lower half of the register for a hypercall"
        " that exists, and in the whole of it for one that does not."
    )
    view.fact("pvh_in_thirtytwo", stopped if pvh_stopped_in_32bit(view) else "")
    paths = ", ".join(sorted({s.path for s in named}))
    view.fact("documentation", f"Correct what names the table: {paths}." if named else "")


STAGE = Stage(
    number=1,
    name="merge_hcall_tables",
    title="x86/hvm: merge the PVH and HVM hypercall tables",
    cover="""
    This is the first step of the plan "PVH cleanups after 4.5": PVH stops being a guest type of its own
    and becomes an HVM guest with features disabled.

    Guests in HVM containers have three hypercall tables today: HVM's for 64-bit and for 32-bit callers,
    which must hold the same hypercalls, and PVH's. The series folds them into one. A row holds the
    handlers of both widths and names the guests that have the hypercall.

    What a guest reaches does not change. The matrix of guest type, mode and hypercall was read from the
    source before and after each patch, and no cell of it differs. Where the two types differ, the C code
    says so in one place: two functions that choose by type (memory_op, vcpu_op) and the rows' masks
    (HVM only: {hvm_only}; PVH only: {pvh_only}). A later series turns both into features.
    """,
    check=check,
    patches=(
        Patch(
            subject="x86/hvm: fold the two HVM hypercall tables into one",
            body="""
            hvm_do_hypercall() looks a hypercall up in the 32-bit table to learn whether it exists, and then
            calls through the table of the caller's mode. The two tables must therefore hold the same
            hypercalls, and nothing makes sure that they do: an entry missing from one of them is a call
            through NULL.

            Make them one table of pairs. A row cannot be written without saying what both widths reach.
            All {rows} rows hold the handlers that the two tables held.
            """,
            rewrite=fold,
            names=(NATIVE, COMPAT, PVH),
            removes=(NATIVE, COMPAT),
            introduces=(MERGED, "hvm_hypercall"),
        ),
        Patch(
            subject="x86/hvm: choose memory_op and vcpu_op by guest type",
            body="""
            The tables of HVM and PVH guests differ in two handlers that both have. PVH guests reach
            do_memory_op() and do_vcpu_op(): they need XENMEM_memory_map to learn their memory and
            VCPUOP_initialise to start their VCPUs. HVM guests reach hvm_memory_op() and hvm_vcpu_op(),
            which refuse these.

            To let both types share a table, put the choice into two functions. The command of memory_op is
            an unsigned long there, as do_memory_op() has it, so that PVH guests' commands are not cut to an
            int on the way; those of HVM guests still are, by hvm_memory_op() itself.

            Only HVM guests come here for now.
            """,
            rewrite=select,
            names=(MERGED, PVH),
            introduces=("container_memory_op", "container_vcpu_op"),
        ),
        Patch(
            subject="x86/hvm: name the guests in the rows of the hypercall table",
            body="""
            Some hypercalls exist for one type of guest only: for HVM {hvm_only}, for PVH {pvh_only}. Give
            each row a mask of the guests that have it, and test the mask, not a handler, for presence.

            {both} rows are for both. Rows for PVH alone have no 32-bit handler: PVH guests make no 32-bit
            hypercalls, and HVM guests are turned away by the mask.

            PVH guests still use their own table.
            """,
            rewrite=name_guests,
            names=(MERGED, PVH),
            introduces=("HCALL_HVM", "HCALL_PVH"),
        ),
        Patch(
            subject="x86/hvm: drop the PVH hypercall table",
            body="""
            Every row of the PVH table now has its like in the common one. Dispatch through that, and remove
            the PVH table. Presence is tested for the caller's type, in both modes, as
            before.{pvh_in_thirtytwo}

            {documentation}
            """,
            rewrite=merge,
            names=(MERGED, PVH),
            removes=(PVH,),
        ),
    ),
)
