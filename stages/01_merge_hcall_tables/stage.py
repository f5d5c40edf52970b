"""Stage 01: merge the PVH and HVM hypercall tables (``xen/arch/x86/hvm/hvm.c``).

Two arrays for HVM, one for PVH become one array whose rows hold both widths and name
the guests that have them.  A plain union would be wrong both ways: hvm_memory_op
refuses what PVH needs, and mmuext_op must not become reachable from HVM.
"""

from __future__ import annotations

from xenstage.ctext.pattern import Match
from xenstage.stage.declare import Patch, Stage
from xenstage.stage.view import WIDTH, Region, View

from . import tables
from .reach import check, pvh_stopped_in_32bit
from .tables import COMPAT, MERGED, NATIVE, PVH, Row

DISPATCH = "hvm_do_hypercall"
NAMES = (NATIVE, COMPAT, PVH)
DEFINES = (
    *NAMES,
    MERGED,
    DISPATCH,
    "#define HYPERCALL",
    "#define COMPAT_CALL",
    "container_memory_op",
    "container_vcpu_op",
)

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
    body = "\n".join(tables.row_text(r) for r in rows)
    return f"static const struct hvm_hypercall {MERGED}[NR_hypercalls] = {{\n{body}\n}}"


def _with_line_end(view: View, region: Region) -> Region:
    """A declaration with its semicolon, its line's end, and one empty line after it."""
    data = view.read(region.path)
    end = region.end
    for lead in (b";", b"\n", b"\n"):
        if data[end : end + 1] == lead:
            end += 1
    return view.region(region.path, region.start, end, region.what)


def fold(view: View) -> None:
    """HVM's two tables become one of pairs."""
    native, compat = tables.read_table(view, NATIVE), {r.key: r.native for r in tables.read_table(view, COMPAT)}
    if {r.key for r in native} != set(compat):
        odd = sorted({r.key for r in native} ^ set(compat))
        raise view.unknown(f"{NATIVE} and {COMPAT} hold different hypercalls", f"in one of them only: {', '.join(odd)}")
    region = view.definition(NATIVE, "VAR_DECL")
    rows = [Row(r.key, r.native, compat[r.key]) for r in native]
    why = "both widths of a hypercall in one row"
    view.replace(view.with_own_comment(region), HEAD + _table(rows), rule="fold the tables", reason=why)
    old = _with_line_end(view, view.with_own_comment(view.definition(COMPAT, "VAR_DECL")))
    view.replace(old, "", rule="fold the tables", reason=f"its rows are in {MERGED}")
    macro = view.definition("COMPAT_CALL", "MACRO_DEFINITION", region.path)
    others = [h for h in view.uses("COMPAT_CALL") if h.path == macro.path and not _inside(h.offset, macro, old)]
    if others:
        lines = ", ".join(str(view.line(h.path, h.offset)) for h in others)
        raise view.unknown(f"COMPAT_CALL is used outside {COMPAT}", f"{macro.path}, lines {lines}")
    view.replace(_with_line_end(view, macro), "", rule="fold the tables", reason=f"pasted rows of {COMPAT} only")
    _dispatch_pairs(view)
    view.fact("rows", len(rows))


def _inside(offset: int, *regions: Region) -> bool:
    return any(r.start <= offset < r.end for r in regions)


def _dispatch_pairs(view: View) -> None:
    f = view.definition(DISPATCH, "FUNCTION_DECL")
    rule = "call through the pair"
    for m in view.matches(f"($p:word($d) ? {PVH} : {NATIVE})[$i]", f):
        p, d, i = (view.hole(f, m, h) for h in "pdi")
        pad = " " * (m.start - view.read(f.path).rfind(b"\n", 0, m.start))
        new = f"({p}({d})\n{pad}? {PVH}[{i}]\n{pad}: {MERGED}[{i}].native)"
        view.replace_call_head(f, m, new, rule=rule, reason="64-bit mode")
    for table, member, mode in ((NATIVE, "native", "64"), (COMPAT, "compat", "32")):
        for m in view.matches(f"{table}[$i]", f):
            new = f"{MERGED}[{view.hole(f, m, 'i')}].{member}"
            view.replace_call_head(f, m, new, rule=rule, reason=f"{mode}-bit mode")
    _leave(view, PVH, "PVH keeps its own table until the last patch")


def _leave(view: View, name: str, why: str) -> None:
    """Uses that this patch does not touch stay, with the reason; prose too."""
    touched = [(e.path, e.offset, e.end) for e in view.edits]
    for site in view.sites(name):
        if not any(p == site.path and a <= site.offset < b for p, a, b in touched):
            view.stay(site, why)


def select(view: View) -> None:
    """Where HVM and PVH differ, the table holds a function that chooses."""
    rows = tables.read_table(view, MERGED)
    pvh = {r.key: r.native for r in tables.read_table(view, PVH)}
    differ = {r.key for r in rows if r.key in pvh and pvh[r.key] != r.native}
    if differ != set(SELECTOR_OF):
        raise view.unknown(
            "HVM and PVH differ in other handlers than the stage knows",
            f"known: {', '.join(sorted(SELECTOR_OF))}; in this tree: {', '.join(sorted(differ))}",
        )
    region = view.definition(MERGED, "VAR_DECL")
    for key, (selector, hvm, pv) in SELECTOR_OF.items():
        row = next(r for r in rows if r.key == key)
        if (row.native, pvh[key]) != (hvm, pv):
            raise view.unknown(f"{key} has other handlers than the stage knows", f"{row.native} and {pvh[key]}")
        m = view.one(f"HCALL({key}, {row.native}, {row.compat}),", region)
        new = tables.row_text(Row(key, selector, row.compat)).lstrip()
        view.replace_match(region, m, new, rule="choose by guest type", reason=f"PVH reaches {pv}, HVM {hvm}")
    head = view.comment_before(_struct(view))
    if head is None:
        raise view.unknown("the comment before struct hvm_hypercall is not there", "patch 1 wrote it")
    at = view.region(head.path, head.start, head.start, "place before the table")
    view.replace(at, SELECTORS, rule="choose by guest type", reason="one visible place for the difference")
    _leave(view, PVH, "PVH keeps its own table until the last patch")
    _leave(view, MERGED, "calls through the pair already")


def _struct(view: View) -> Region:
    return view.definition("hvm_hypercall", "STRUCT_DECL")


def name_guests(view: View) -> None:
    """Rows name their guests, and PVH's own hypercalls get rows."""
    rows = tables.read_table(view, MERGED)
    pvh = {r.key: r.native for r in tables.read_table(view, PVH)}
    new: list[Row] = []
    for r in rows:
        new.append(Row(r.key, r.native, r.compat, BOTH if r.key in pvh else HVM_ONLY))
    own = [k for k in pvh if k not in {r.key for r in rows}]
    new += [Row(k, pvh[k], "", PVH_ONLY) for k in own]
    head, table = view.comment_before(_struct(view)), view.definition(MERGED, "VAR_DECL")
    assert head is not None  # patch 2 stands on it
    region = view.region(head.path, head.start, table.end, "the table and its head")
    view.replace(region, HEAD_GUESTS + _table(new), rule="name the guests", reason="explicit presence by guest type")
    f = view.definition(DISPATCH, "FUNCTION_DECL")
    m = view.one(f": !{MERGED}[$i].compat", f)
    data = view.read(f.path)
    column = m.start - (data.rfind(b"\n", 0, m.start) + 1)
    new_test = f": !({MERGED}[{view.hole(f, m, 'i')}].guests & HCALL_HVM)"
    if column + len(new_test) + len(data[m.end :].partition(b"\n")[0]) >= WIDTH:
        new_test = new_test.replace(" & ", " &\n" + " " * (column + len(": !(")))
    view.replace_match(f, m, new_test, rule="name the guests", reason="presence for HVM")
    _leave(view, PVH, "PVH keeps its own table until the last patch")
    _leave(view, MERGED, "calls through the pair already")
    hvm_only = [r.key for r in new if r.guests == HVM_ONLY]
    view.fact("pvh_only", ", ".join(own) or "none")
    view.fact("hvm_only", ", ".join(hvm_only) or "none")
    view.fact("both", sum(r.guests == BOTH for r in new))


def merge(view: View) -> None:
    """PVH goes through the merged table; its own goes away."""
    merged = {r.key: r for r in tables.read_table(view, MERGED)}
    selected = {pv: selector for selector, _, pv in SELECTOR_OF.values()}
    for row in tables.read_table(view, PVH):
        mine = merged[row.key]
        if "HCALL_PVH" not in mine.guests or mine.native not in (row.native, selected.get(row.native)):
            raise view.unknown(f"{row.key} would reach another handler from PVH", f"{row.native} -> {mine.native}")
    f = view.definition(DISPATCH, "FUNCTION_DECL")
    rule = "dispatch through the merged table"
    m = view.one(f"($p:word($v) ? !{PVH}[$i] : !({MERGED}[$i].guests & HCALL_HVM))", f)
    p, v, i = (view.hole(f, m, h) for h in "pvi")
    pad = view.indent(f.path, m.start)
    test = f"!({MERGED}[{i}].guests &\n{pad}  ({p}({v}) ? HCALL_PVH : HCALL_HVM))"
    view.replace_match(f, m, test, rule=rule, reason="presence by guest type")
    branch = f"if ( $p:word($v) ) $r = {PVH}[$i]($a); else $r = {MERGED}[$i].native($b);"
    calls = view.matches(branch, f)
    for m in calls:
        view.replace_match(f, m, _else_call(view, f, m), rule=rule, reason="64-bit mode")
    choices = view.matches(f"($p:word($v) ? {PVH}[$i] : {MERGED}[$i].native)", f)
    for m in choices:
        new = f"{MERGED}[{view.hole(f, m, 'i')}].native"
        view.replace_call_head(f, m, new, rule=rule, reason="64-bit mode")
    if len(calls) + len(choices) != 1:
        raise view.unknown(
            f"{DISPATCH} has {len(calls) + len(choices)} 64-bit calls through {PVH}",
            "needed: exactly one, in a known form",
        )
    table = view.definition(PVH, "VAR_DECL")
    whole = _with_line_end(view, view.with_own_comment(table))
    view.replace(whole, "", rule="drop the PVH table", reason=f"its rows are in {MERGED}")
    _drop_row_macro(view, table)
    for site in view.sites(PVH):
        if site.kind in ("text", "comment"):
            new = f"the rows with\nHCALL_PVH of {MERGED}" if site.kind == "text" else MERGED
            view.replace(site, new, rule="correct the documentation", reason="the table that it names is gone")
    _leave(view, MERGED, "calls through the pair already")
    stopped = (
        " A PVH guest in 32-bit mode still finds -ENOSYS in the lower half of the register for a hypercall"
        " that exists, and in the whole of it for one that does not."
    )
    view.fact("pvh_in_thirtytwo", stopped if pvh_stopped_in_32bit(view) else "")
    named = sorted({s.path for s in view.sites(PVH) if s.kind in ("text", "comment")})
    view.fact("documentation", f"Correct what names the table: {', '.join(named)}." if named else "")


def _drop_row_macro(view: View, table: Region) -> None:
    """HYPERCALL pasted rows of this table last; other files may have a macro of that name."""
    macro = view.definition("HYPERCALL", "MACRO_DEFINITION", table.path)
    if all(h.path != macro.path or _inside(h.offset, macro, table) for h in view.uses("HYPERCALL")):
        whole = _with_line_end(view, macro)
        view.replace(whole, "", rule="drop the PVH table", reason="pasted rows of it only")


def _else_call(view: View, f: Region, m: Match) -> str:
    """The HVM branch as the only statement, its lines moved to the ``if``'s column."""
    arms = [" ".join(view.hole(f, m, h).split()) for h in ("a", "b")]
    if arms[0] != arms[1]:
        raise view.unknown("the two 64-bit calls pass different arguments", f"PVH: {arms[0]}\nHVM: {arms[1]}")
    start = m.holes["b"][0]
    data = view.read(f.path)
    line = data.rfind(b"\n", 0, start) + 1
    text = data[line : m.end].decode("latin-1")
    by = len(view.indent(f.path, start)) - len(view.indent(f.path, m.start))
    return "\n".join(x[by:] for x in text.split("\n")).lstrip()


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
            names=NAMES,
            defines=DEFINES,
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
            defines=(*DEFINES, "struct hvm_hypercall"),
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
            defines=(*DEFINES, "struct hvm_hypercall"),
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
            defines=(*DEFINES, "struct hvm_hypercall"),
            removes=(PVH,),
        ),
    ),
)
