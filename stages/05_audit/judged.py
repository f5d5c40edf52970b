"""What the decisions say, for the verb ``audit`` and for docs/audit.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from xenstage.stage.audit import Audited, Kind
from xenstage.stage.decisions import Decision
from xenstage.stage.declare import Patch

from .features import DECISIONS, TESTS

ONLY_HVM = (("pv", 0, 0), ("pvh", 0, 0), ("hvm", 1, 1))
CONTAINER = (("pv", 0, 0), ("pvh", 0, 1), ("hvm", 1, 1))
STAYS = (("pv", 0, 0), ("pvh", 0, 0), ("hvm", 1, 1))
KINDS = {
    "feature": Kind("a feature decides", "What is guarded is there for guests with one feature.", ONLY_HVM),
    "hvm-only": Kind(
        "HVM, not PVH",
        "What is guarded is there for HVM guests for a reason that is no row of the whiteboard; it has a flag, too.",
        ONLY_HVM,
    ),
    "unreachable": Kind(
        "a container; PVH does not get there",
        "The question means an HVM container. No PVH guest comes to it.",
        CONTAINER,
    ),
    "no effect": Kind(
        "a container; nothing comes of it",
        "The question means an HVM container. PVH guests come to it, and what is guarded finds nothing to do.",
        CONTAINER,
    ),
    "diagnostics": Kind(
        "a container; diagnostics only",
        "The question means an HVM container. What is guarded is for debug keys and profiling.",
        CONTAINER,
    ),
    "changes": Kind(
        "a container; PVH changes",
        "The question means an HVM container, and what PVH guests or their toolstacks get changes.",
        CONTAINER,
    ),
    "interface": Kind(
        "an interface",
        "The toolstack is told what it asked for. PVH is answered before, and what is left of containers is HVM.",
        STAYS,
    ),
    "stay": Kind("stays", "The predicate itself.", STAYS),
}

OWN = ("interface", "stay")  # not among the tests of the base


def question(decision: Decision) -> str:
    """What is asked instead."""
    if decision.features:
        return " and ".join(f"has_{f}()" for f in decision.features)
    return "" if decision.kind == "stay" else "has_hvm_container_*()"


def audited(patches: Sequence[tuple[str, Patch]]) -> Audited:
    """What the stage audits.

    :param patches: each with the name that the decisions give it.
    """
    subjects = {name: patch.subject for name, patch in patches}
    return Audited(TESTS, DECISIONS, KINDS, lambda name: subjects.get(name, ""), question)


def _count(entries: Iterable[Decision]) -> Counter[str]:
    return Counter(d.kind for d in entries if d.kind not in OWN and not d.elsewhere)


def classes(commit: str) -> str:
    """The cover letter's list: how many tests of the base are of which class.

    :param commit: the base; of another one than the decisions were made for nothing is counted.
    """
    known = DECISIONS[-1]
    if known.base != commit:
        return "  of this tree: as the messages of the patches say"
    count = _count(known.entries)
    return "\n".join(f"  {count[k]}: {KINDS[k].title}" for k in KINDS if count[k])


def page(judged: Audited) -> str:
    """docs/audit.md."""
    entries = judged.decisions[-1].entries
    count = _count(entries)
    sums = [f"| {KINDS[k].title} | {count[k]} | {KINDS[k].about} |" for k in KINDS if count[k]]
    out = [HEAD.format(total=sum(count.values())), *sums, f"| **all** | **{sum(count.values())}** | |", ""]
    for kind, about in KINDS.items():
        mine = [d for d in entries if d.kind == kind and not d.elsewhere]
        out += [f"## {about.title[0].upper()}{about.title[1:]}", "", about.about, "", *_table(mine, judged), ""]
    return "\n".join([*out, RELEASES])


def _table(entries: Sequence[Decision], judged: Audited) -> list[str]:
    effects = any(d.effect for d in entries)
    columns = ["where", "form", "asked instead", "guards", *(["what comes of it for PVH"] if effects else []), "patch"]
    rows = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    for d in entries:
        number = f", number {d.nth}" if d.nth > 1 else ""
        cells = [f"`{d.file}`: `{d.function}`", f"{d.form}{number}", f"`{question(d)}`" if question(d) else "-"]
        cells += [d.reason, *([d.effect] if effects else []), judged.subject(d.patch) or "-"]
        rows.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return rows


HEAD = """\
# The audit of is_hvm_domain() and is_hvm_vcpu()

Made from `stages/05_audit/decisions.toml`; a test holds it against that. It has the {total} tests of
RELEASE-4.5.0, each with what it guards, as they stand after stage 04. `xenstage audit` finds them in any tree,
shows them with their lines there (`--html FILE`), and names those that it does not know.

| class | tests | |
|---|---|---|"""
RELEASES = """\
## Other releases

`xenstage audit --base TAG --config x86_64-debug`, of the uses as they stand in the tag itself; the predicate's own
definition is one of the known. A vanished site is one of RELEASE-4.5.0's; sites of other trees that are judged
have `elsewhere = true` in the file.

| tag | known | new | vanished | |
|---|---|---|---|---|
| 4.4.0-rc1 | | | | does not parse: its headers take `stdarg.h` from the compiler |
| 4.4.0-rc6, RELEASE-4.4.0 | 117 | 3 | 17 | `epte_get_entry_emt`, `set_pirq_eoi`, `clear_pirq_eoi` are not judged |
| RELEASE-4.4.1, 4.4.2, 4.4.3 | 118 | 0 | 17 | |
| RELEASE-4.4.4 | 117 | 0 | 18 | |
| 4.5.0-rc1 | 125 | 0 | 0 | |
| 4.5.0-rc4, RELEASE-4.5.0, 4.5.1, 4.5.2 | 124 | 0 | 0 | |
| RELEASE-4.5.3, 4.5.4, 4.5.5 | 123 | 0 | 1 | `tsc_set_info` |
| 4.6.0-rc1, 4.6.0-rc5, RELEASE-4.6.0 | 132 | 0 | 28 | |
"""
