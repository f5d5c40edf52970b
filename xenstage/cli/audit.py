"""xenstage audit: each use of the names that a stage judges, with what is decided of it, in any tree."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import Exit, XenstageError
from ..index.sites import index_names
from ..index.sweep import Files
from ..mail.maintainers import sections_of
from ..stage.audit import HOWS, MOVED, NEW, REWORDED, Audited, Found, audit
from ..stage.decisions import for_tree
from ..stage.declare import Stage, find
from ..stage.view import View
from .audit_page import audit_page
from .common import Opened, add_tree_options, open_all, stages


def add(verbs: Any) -> None:
    """Register the verb."""
    p = verbs.add_parser("audit", help="hold the tests of a tree against what is decided of each")
    add_tree_options(p)
    p.add_argument("stage", nargs="?", default="05", help="the stage that judges them (default: 05)")
    p.add_argument("--json", action="store_true", help="print the data")
    p.add_argument("--html", metavar="FILE", help="write a page with the tree's own lines")
    p.set_defaults(function=main)


def main(args: argparse.Namespace) -> int:
    """Print what is known, new and gone; 4 where a use is new or has another text, which somebody must judge."""
    stage = find(stages(), args.stage)
    audited = _audited(stage)
    opened = open_all(args)
    view = look(opened, audited)
    found = audit(view.in_use(*audited.names), for_tree(audited.decisions, view.files.has))
    if args.html:
        sections = sections_of(opened.tree.git, opened.tree.base)
        title = f"Audit of Xen {opened.tree.version}, {opened.tree.base[:12]}"
        Path(args.html).write_bytes(audit_page(title, found, audited, view, sections))
    if args.json:
        print(json.dumps(to_json(found, audited, opened.tree.base), indent=1))
    else:
        _print(found, audited)
    if args.html:
        print(f"page: {args.html}", file=sys.stderr if args.json else sys.stdout)
    return int(Exit.SITE if any(f.how in (NEW, REWORDED) for f in found) else Exit.OK)


def _audited(stage: Stage) -> Audited:
    if stage.defect is not None:
        raise stage.defect
    if stage.audited is None:
        raise XenstageError(
            Exit.USAGE,
            f"stage {stage.label} judges no uses one by one",
            why="its STAGE declares nothing as audited",
            remedy="xenstage audit 05",
        )
    return stage.audited


def look(opened: Opened, audited: Audited) -> View:
    """The tree as it is, with the audited names indexed."""
    prepared = opened.prepare_all()
    tracked = opened.tree.git.files(opened.tree.base)
    files = Files(prepared[0].root, tracked, {}, opened.tree.tree, opened.cache)
    return View(
        files,
        lambda: index_names(files, prepared, audited.names, cache=opened.cache),
        audited.names,
        opened.tree.base,
    )


def place(found: Found) -> str:
    """Where a use is; where it was expected, for an entry without one."""
    if found.use is not None:
        return f"{found.use.site.path}:{found.use.site.line}"
    return found.decision.file if found.decision is not None else ""


def function(found: Found) -> str:
    """The function or macro around it."""
    if found.use is not None:
        return found.use.site.scope
    return found.decision.function if found.decision is not None else ""


def to_json(found: Sequence[Found], audited: Audited, base: str) -> dict[str, Any]:
    """The audit as data: sums, and a row for each use and each entry without one."""
    rows: list[dict[str, Any]] = []
    for f in found:
        d, u = f.decision, f.use
        row: dict[str, Any] = {"how": f.how, "place": place(f), "function": function(f)}
        if u is not None:
            row |= {"name": u.site.name, "form": u.form, "text": u.text, "negated": u.negated}
        if d is not None:
            row |= {"kind": d.kind, "instead": audited.question(d), "reason": d.reason, "effect": d.effect}
            row |= {"patch": audited.subject(d.patch)}
        rows.append(row)
    return {"base": base, "counts": counts(found), "kinds": kinds(found), "sites": rows}


def counts(found: Sequence[Found]) -> dict[str, int]:
    """How many of each :data:`HOWS`."""
    number = Counter(f.how for f in found)
    return {how: number[how] for how in HOWS}


def kinds(found: Sequence[Found]) -> dict[str, int]:
    """How many uses of each kind there are."""
    number = Counter(f.decision.kind for f in found if f.use is not None and f.decision is not None)
    return dict(sorted(number.items()))


def _print(found: Sequence[Found], audited: Audited) -> None:
    for f in found:
        d = f.decision
        what = f"[{d.kind}] {audited.question(d) or 'stays'}" if d is not None else f"[?] {f.use.text if f.use else ''}"
        said = "" if f.how == "known" else f"{f.how.upper()}: "
        print(f"{place(f):48} {function(f):36} {said}{what}")
        if d is not None and f.how == MOVED:
            print(f"{'':48} was {d.file}: {d.function}")
    print()
    for kind, number in kinds(found).items():
        print(f"{number:5} {kind:12} {audited.kinds[kind].title}")
    print(", ".join(f"{n} {how}" for how, n in counts(found).items()))
