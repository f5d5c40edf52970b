"""Mutants of stage 05: constraints, containers and rows that are not what the audit decided."""

from __future__ import annotations

import re
from collections.abc import Callable

from xenstage.index.sweep import Files, sweep

from .operators import Apply, Changed, Mutant, in_file, replace

HVM, MM, PHYSDEV = (rf"xen/arch/x86/{p}\.c\Z" for p in ("hvm/hvm", "mm", "physdev"))
ANY = r"xen/.*\.c\Z"
CONTAINER = r"has_hvm_container_(domain|vcpu)\("


def _audit(name: str, kind: str, caught_by: str, subject: str, apply: Apply) -> Mutant:
    return Mutant(f"audit-{name}", kind, 5, 0, caught_by, apply, subject=subject)


def _walk(new: str) -> Apply:
    return replace(rf"{CONTAINER}(\w+)\)", new, where=r"xen/arch/x86/mm/.*\.c\Z", word="has_hvm_container_")


FOREIGN, PARAMS, NATIVE = "foreign pages", "refuse parameters", "I/O privileges"
DENY, GIVE, WALK, TOLD = "deny hypercalls", "give PVH guests", "honour CR0.WP", "say HVM of containers"
TABLE = "xen/arch/x86/hvm/hvm.c"

AUDIT = (
    _audit(
        "curr-alone", "paging_mode_translate(curr) alone", "predicates", FOREIGN,
        replace(rf"!{CONTAINER}curr\) &&\s+|\s*&&\s+!{CONTAINER}curr\)", "", where=MM, word="paging_mode_translate"),
    ),
    _audit(
        "tdom-turned", "polarity", "predicates", FOREIGN,
        replace(r"!(has_hvm_container_domain\(tdom\))", r"\1", where=ANY, word="tdom"),
    ),
    _audit(
        "tdom-feature", "a feature where a container is meant", "predicates", FOREIGN,
        replace(r"!has_hvm_container_domain\(tdom\)", "!has_vlapic(tdom)", where=ANY, word="tdom"),
    ),
    _audit(
        "ring-of-anybody", "is_pvh && X turned into X", "predicates", FOREIGN,
        replace(rf"{CONTAINER}\w+\) (?:\|\||&&)\s+", "", where=r"xen/common/.*\.c\Z", word="mem_event"),
    ),
    _audit("walk-feature", "a feature where a container is meant", "predicates", WALK, _walk(r"is_hvm_\1(\2)")),
    _audit("walk-undone", "an effect that does not happen", "predicates", WALK, _walk(r"(0 && is_hvm_\1(\2))")),
    _audit("walk-of-all", "an effect larger than declared", "predicates", WALK, _walk("1")),
    _audit(
        "iopl-of-containers", "is_pvh && X turned into X", "predicates", NATIVE,
        replace(rf"{CONTAINER}current\) \|\|\s+", "", where=PHYSDEV, word="do_physdev_op"),
    ),
    _audit(
        "callback-refused", "a constraint too wide", "predicates", PARAMS,
        replace(
            r"(!has_all_features\(\w+\))\s+&&\s+\(?[\w.>-]+ != HVM_PARAM_CALLBACK_IRQ\)?", r"\1",
            where=ANY, word="has_all_features",
        ),
    ),
    _audit(
        "parameters-for-all", "a constraint dropped", "predicates", PARAMS,
        replace(r"!has_all_features\(\w+\)", "0", where=ANY, word="has_all_features"),
    ),
    _audit("row-opened", "table widened", "hypercalls", DENY, in_file(TABLE, r"DOMFEAT_REALMODE\)", "0)")),
    _audit("row-closed", "table narrowed", "hypercalls", DENY, in_file(TABLE, r"(HCALL\([^;]*?), 0\)", r"\1, ~0u)")),
    _audit(
        "nobody-denied", "mask dropped", "hypercalls", DENY,
        replace(r"\s*\|\|\s*\(\w+\[\w+\]\.denied & [\w>.-]+\)", "", where=HVM, word="denied"),
    ),
    _audit(
        "one-not-given", "an effect that does not happen", "hypercalls", GIVE,
        in_file(TABLE, r"(HCALL\(set_timer_op,[^)]*?)HCALL_HVM \| HCALL_PVH", r"\1HCALL_HVM"),
    ),
    _audit(
        "one-more-given", "table widened", "hypercalls", GIVE,
        in_file(TABLE, r"(HCALL\(mmuext_op,[^)]*?)HCALL_PVH", r"\1HCALL_HVM | HCALL_PVH"),
    ),
    _audit(
        "told-turned", "polarity", "predicates", TOLD,
        replace(r"is_pvh_domain\(", "!is_pvh_domain(", where=ANY, word="getdomaininfo"),
    ),
)  # fmt: skip


def left_behind(accessor: str, question: str) -> Callable[[Files], list[Changed]]:
    """Each test of an accessor turned back, one by one."""

    def every(files: Files) -> list[Changed]:
        out: list[Changed] = []
        for path in sorted({h.path for h in sweep(files, [accessor]) if h.path.endswith(".c")}):
            data = files.read(path)
            for m in re.finditer(rb"\b%s\(" % accessor.encode(), data):
                out.append({path: data[: m.start()] + question.encode() + b"(" + data[m.end() :]})
        return out

    return every
