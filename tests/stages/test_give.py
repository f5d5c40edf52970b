"""Stage 05 gives PVH guests two rows of the hypercall table, once their 32-bit calls are answered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from xenstage.cli.common import stages
from xenstage.index.sites import Index, Site
from xenstage.index.sweep import Files
from xenstage.stage.view import View

HVM = "xen/arch/x86/hvm/hvm.c"
TEXT = """\
static const struct hvm_hypercall hvm_hypercall_table[NR_hypercalls] = {
    HCALL(sched_op, do_sched_op, compat_sched_op, HCALL_HVM | HCALL_PVH),
    HCALL(tmem_op, do_tmem_op, do_tmem_op, HCALL_HVM),
};

int hvm_do_hypercall(struct cpu_user_regs *regs)
{
    if ( mode == 8 )
        native(regs);
    else
    {
        ASSERT(has_hcall32(curr->domain));   /* Not yet. */
        compat(regs);
    }
    return HVM_HCALL_completed;
}
"""
REFUSED = TEXT.replace("        ASSERT(has_hcall32(curr->domain));   /* Not yet. */\n", "").replace(
    "    else\n", "    else if ( unlikely(!has_hcall32(curr->domain)) )\n        regs->_eax = -ENOSYS;\n    else\n"
)


class Rows(View):
    """A view of what needs no parser: what stays is nobody's question here."""

    def stay_rest(self, reason: str, *names: str, where: Callable[[Site], bool] = lambda s: True) -> int:
        return 0


def given(text: str, subject: str = "give PVH guests") -> View:
    (patch,) = (p for p in stages()[5].patches if subject in p.subject)
    files = Files(Path("/nonexistent"), {}, {HVM: text.encode()})
    view = Rows(files, lambda: Index((), (), 0), (), "")
    patch.rewrite(view)
    return view


def test_where_the_call_is_answered_the_row_is_given() -> None:
    assert [edit.new for edit in given(REFUSED).edits] and "ASSERT" not in REFUSED


def test_such_a_tree_gets_an_answer_first() -> None:
    """The patch before it makes of the function what later trees have, and every row that PVH has is declared."""
    view = given(TEXT, "answer 32-bit hypercalls")
    (edit,) = view.edits
    made = TEXT.encode()[: edit.offset] + edit.new + TEXT.encode()[edit.end :]
    assert made.decode() == REFUSED
    assert [(r.cell, r.becomes) for r in view.reaches] == [("pvh/32/sched_op", "-ENOSYS -> _eax")]
    assert given(REFUSED, "answer 32-bit hypercalls").edits == []
