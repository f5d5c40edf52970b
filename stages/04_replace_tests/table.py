"""What became of the tests for PVH, for people: lines of messages, the cover letter's table, docs/dispositions.md."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from xenstage.index.sites import Site
from xenstage.stage.decisions import Decision, Decisions
from xenstage.stage.declare import beside

FEATURES = beside(__file__, "03_feature_flags", "features")
ROW = {f.name.lower(): f.row or "not on the board" for f in FEATURES.FEATURES} | {
    g.name.lower(): FEATURES.TIMERS for g in FEATURES.GROUPS
}
KINDS = {
    "feature": "one feature is asked for",
    "contained": "one feature and the container are asked for, because PV guests come there, too",
    "split": "taken apart, because the code behind it belongs to several features",
    "xenfeat": "split into tests of two features",
    "constraint": "left for stage 05: a constraint on what may be combined",
    "container": "left for stage 05: the question is whether the guest is in an HVM container",
    "rows": "left for stage 05: the rows of the hypercall table name guests",
    "interface": "left for stage 06: the toolstack is told what it asked for",
}
LEFT = ("constraint", "container", "rows", "interface")
# Uses that stages 01 and 02 made; what they were in the base.
NEW = {
    ("container_memory_op", "feature"): "by stage 01, of the test that chose the PVH hypercall table",
    ("container_vcpu_op", "feature"): "by stage 01, of the same test",
    ("hvm_do_hypercall", "rows"): "by stage 01, of the test for a row in the PVH table",
    ("getdomaininfo", "interface"): "by stage 02, of a case label",
    ("DO", "xenfeat"): "by stage 02, of a case label",
}
ONE = 2  # that the base has for the three which stage 01 made


def listed(done: Sequence[tuple[Site, Decision]]) -> str:
    """The places that a patch changes, and what each is about, as lines of a message."""
    out: dict[str, None] = {}
    for site, decision in done:
        text = f"- {site.scope}(): {decision.reason}"
        out.update(dict.fromkeys(textwrap.wrap(text, 70, initial_indent="  ", subsequent_indent="    ")))
    return "\n".join(out)


def originals(decisions: Decisions) -> list[Decision]:
    """The entries of uses that the tree has before the stage: not of pieces, nor the predicate itself."""
    return [d for d in decisions.entries if not d.after and not d.elsewhere and d.kind in KINDS]


def board(decisions: Decisions) -> str:
    """The cover letter's table: how many uses ended how, and which rows of the whiteboard were asked for."""
    rows = originals(decisions)
    kinds = Counter(d.kind for d in rows)
    out = [*_wrapped(f"{kinds[k]}: {text}" for k, text in KINDS.items() if kinds[k])]
    asked = [d for d in decisions.entries if d.kind in ("feature", "contained", "xenfeat") and not d.elsewhere]
    by = Counter(ROW[f] for d in asked for f in d.features)
    out += ["", "New tests by the whiteboard's rows:", ""]
    out += _wrapped(f"{by[r]}: {r}" for r in dict.fromkeys(ROW.values()) if by[r])
    return "\n".join(out)


def _wrapped(texts: Iterator[str]) -> list[str]:
    return [x for t in texts for x in textwrap.wrap(t, 70, initial_indent="  ", subsequent_indent="      ")]


def page(decisions: Decisions) -> str:
    """docs/dispositions.md."""
    rows = originals(decisions)
    new = [d for d in rows if (d.function, d.kind) in NEW]
    old = len(rows) - len(new) + ONE
    left = sum(d.kind in LEFT for d in rows)
    nested = [d for d in decisions.entries if d.after and d.kind in LEFT and not d.elsewhere]
    out = [
        *HEAD.format(base=old, now=len(rows), new=len(new), left=left + len(nested)).split("\n"),
        *(f"- {sum(d.kind == k for d in rows)}: {text}" for k, text in KINDS.items()),
        "",
        "| file | function | use | what becomes of it | features | whiteboard | reason |",
        "|---|---|---|---|---|---|---|",
    ]
    for d in rows:
        since = NEW.get((d.function, d.kind), "as in the base")
        asked = ", ".join(f"`has_{f}`" for f in d.features) or "-"
        board = ", ".join(dict.fromkeys(ROW[f] for f in d.features)) or "-"
        out.append(f"| {d.file} | {d.function or '-'} | {since} | {d.kind} | {asked} | {board} | {d.reason} |")
        for piece in (e for e in decisions.entries if d.pieces and _of(d, e)):
            asked = ", ".join(f"`has_{f}`" for f in piece.features) or "-"
            board = ", ".join(dict.fromkeys(ROW[f] for f in piece.features)) or "-"
            out.append(f"| | | `{piece.guards}` | {piece.kind} | {asked} | {board} | {piece.reason} |")
    other = [d for d in decisions.entries if d.elsewhere]
    out += ["", OTHER, "", "| function | what becomes of it | features | reason |", "|---|---|---|---|"]
    for d in other:
        asked = ", ".join(f"`has_{f}`" for f in d.features) or "-"
        what = f"{d.function or d.file}" + (f": `{d.guards}`" if d.guards else "")
        out.append(f"| {what} | {d.kind} | {asked} | {d.reason} |")
    return "\n".join([*out, ""])


def _of(whole: Decision, piece: Decision) -> bool:
    return (piece.after, piece.file, piece.function) == (whole.patch, whole.file, whole.function)


OTHER = "Uses, and pieces of uses, that other trees between 4.4 and 4.6 have and RELEASE-4.5.0 has not:"
HEAD = """\
# What became of the tests for PVH

Made from `stages/04_replace_tests/decisions.toml`; a test holds it against that. RELEASE-4.5.0 has {base} uses
of `is_pvh_domain` and `is_pvh_vcpu`. After stages 01 and 02 they are {now}: {new} came of what those changed.
After stage 04 {left} are left, for stages 05 and 06.

By kind:
"""
