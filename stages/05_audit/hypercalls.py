"""Rows of the hypercall table: what a guest's features deny it, instead of a mask of guest types."""

from __future__ import annotations

from dataclasses import replace

from xenstage.effect import Effect, Reach
from xenstage.stage.declare import beside
from xenstage.stage.view import View

from .leftovers import LEFT, PVH, leave_text

TABLES = beside(__file__, "01_merge_hcall_tables", "tables")
MERGED = TABLES.MERGED
DISPATCH = "hvm_do_hypercall"
ALIASES = {"platform_op": "dom0_op"}  # number 7 has two names in xen.h; the matrix takes the older one
ASSERTED = "ASSERT(has_hcall32($x:arg));"
GIVEN = ("set_timer_op", "tmem_op")
REACHES = tuple(
    r
    for name in GIVEN
    # A row that is there is refused to a 32-bit caller by its mode, and not by the row.
    for r in (Reach(f"pvh/64/{name}", f"do_{name}(*) -> rax"), Reach(f"pvh/32/{name}", "-ENOSYS -> _eax"))
)
MASKED = rf"see\s+the\s+rows\s+with\s+HCALL_PVH\s+of\s+{MERGED}"
DENIED = "DOMFEAT_REALMODE"
HEAD = """\
/*
 * The hypercalls of guests in HVM containers.  A row holds what a 64-bit and
 * what a 32-bit caller reach: neither can be added without deciding the other.
 * It also names the features that deny the hypercall to whoever has one of
 * them; they get -ENOSYS.  Guests without HCALL32 make no 32-bit hypercalls,
 * whatever a row holds for them.
 */
struct hvm_hypercall {
    hvm_hypercall_t *native, *compat;
    unsigned int denied;
};

#define HCALL(x, n, c, d)                                   \\
    [ __HYPERVISOR_ ## x ] = { (hvm_hypercall_t *)(n),      \\
                               (hvm_hypercall_t *)(c), (d) }

"""


def answer(view: View) -> None:
    """Who has no 32-bit hypercalls is told so, where an assertion alone keeps him out."""
    if not view.has(DISPATCH, "function"):
        return
    function = view.function(DISPATCH)
    if not view.matches(ASSERTED, function):
        return
    asserted = view.one(ASSERTED, function)
    tokens = [t for t in view.tokens(function) if t.start <= asserted.start]
    if [t.text for t in tokens[-3:-1]] != ["else", "{"]:
        raise view.unknown("an assertion about 32-bit hypercalls stands elsewhere than expected", view.where(function))
    data, end = view.read(function.path), view.line_end(function.path, asserted.end)
    end += data[end : end + 2] == b"\n\n"
    start = tokens[-3].start
    indent = view.indent(function.path, start)
    asked = data[asserted.start : asserted.end].decode("latin-1").removeprefix("ASSERT(").rstrip("; ").removesuffix(")")
    text = f"else if ( unlikely(!{asked}) )\n{indent}    regs->_eax = -ENOSYS;\n{indent}else\n{indent}{{"
    why = "an assertion is no answer, and a release build has none"
    view.replace(view.region(function.path, start, end, "assertion"), text, rule="answer 32-bit calls", reason=why)
    for r in TABLES.read_table(view, MERGED):
        if "HCALL_PVH" in r.guests:
            view.reach(f"pvh/32/{ALIASES.get(r.key, r.key)}", "-ENOSYS -> _eax")
    because = "PV guests' hypercalls do not come out of an HVM container"
    view.effect(Effect(function.path, DISPATCH, "pv", unreachable=True, because=because))
    view.effect(Effect(function.path, DISPATCH, "pvh", diff="- ASSERT fails\n+ regs->_eax = -ENOSYS", because=why))


def give(view: View) -> None:
    """PVH guests get the hypercalls that nothing speaks against."""
    rows = [r for r in TABLES.read_table(view, MERGED) if r.guests == "HCALL_HVM"]
    if odd := sorted({r.key for r in rows} - set(GIVEN)):
        raise view.unknown("hypercalls of HVM guests alone that the stage does not know", ", ".join(odd))
    table = view.variable(MERGED)
    for r in rows:
        row = f"HCALL({r.key}, $n, $c, HCALL_HVM)"
        why = "as the other timers and memory that a PVH guest has"
        view.rewrite(
            table, row, row.replace("HCALL_HVM", "HCALL_HVM | HCALL_PVH"), rule="give PVH a hypercall", reason=why
        )
    view.stay_rest("defined, asked, or a row that is PVH's already")


def deny(view: View) -> None:
    """Rows name the features that deny them."""
    rule, why = (
        "deny by feature",
        "PV's interface to the machine and to page tables is not for what starts as a PC does",
    )
    (decided,) = view.decided(LEFT, "deny", *PVH)
    rows = TABLES.read_table(view, MERGED)
    masks = {r.guests for r in rows}
    if not masks <= {"HCALL_HVM|HCALL_PVH", "HCALL_PVH"}:
        raise view.unknown("rows name guests in a way that the stage does not know", ", ".join(sorted(masks)))
    body = "\n".join(str(replace(r, guests="0" if "HCALL_HVM" in r.guests else DENIED)) for r in rows)
    table = f"static const struct hvm_hypercall {MERGED}[NR_hypercalls] = {{\n{body}\n}}"
    head = view.with_own_comment(view.struct("hvm_hypercall"))
    whole = view.region(head.path, head.start, view.variable(MERGED).end, "the table and its head")
    view.replace(whole, HEAD + table, rule=rule, reason=why)
    function = view.function_around(decided[0].site.path, decided[0].site.offset)
    asked = f"!({MERGED}[$i].guests & ($p:word($v) ? HCALL_PVH : HCALL_HVM))"
    owner = "$v" if decided[0].site.name.endswith("_domain") else "$v->domain"
    instead = f"!{MERGED}[$i].native ||\n({MERGED}[$i].denied & {owner}->features)"
    view.rewrite(function, asked, instead, rule=rule, reason="a row that is there, and that nothing denies")
    for named in view.prose(MASKED):
        view.replace(named, f"see {MERGED}", rule="correct the documentation", reason="every row is PVH's now")
    leave_text(view)
    view.fact("denied", ", ".join(r.key for r in rows if r.guests == "HCALL_PVH"))
