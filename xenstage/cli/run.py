"""xenstage run: write the series of some stages."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..builds.results import known_results
from ..cache import digest
from ..errors import Exit, XenstageError
from ..progress import say
from ..prove.patch.apply import need_applicable
from ..series.deliver import deliver, look_ahead
from ..series.mails import write_mails
from ..series.make import Series, Workshop, make_series
from ..series.output import evidence_pages, other_bases, write_series
from ..stage.declare import Stage, pick
from ..tree.git import user_identity
from ..tree.source import NEWEST, newer
from .common import Opened, add_tree_options, open_all, stages
from .telling import Desk, add_version_options

SHOWN = 4  # reasons of one patch on the terminal


def add(verbs: Any) -> None:
    """Register the verb."""
    p = verbs.add_parser("run", help="write the series of stages")
    add_tree_options(p)
    p.add_argument("stages", nargs="+", metavar="STAGE", help="01, 02, …; earlier ones are made first")
    p.add_argument("--out", metavar="DIR", default="out", help="where the series go (default: out)")
    add_version_options(p)
    p.add_argument("--json", action="store_true", help="print what was made as data")
    p.add_argument(
        "--diff", action="store_true", help="show what each patch would change, and write nothing (NO_COLOR is kept to)"
    )
    p.set_defaults(function=main)


def main(args: argparse.Namespace) -> int:
    """Make and write; prints the directories of the series."""
    known = stages()
    wanted = pick(known, args.stages)
    opened = open_all(args)
    if args.diff:
        _show([s for s in make(opened, known, wanted) if s.stage in wanted], opened)
        return 0
    out = Path(args.out)
    desk = Desk.of(out, wanted, args.version, args.signoff)
    look_ahead(out, desk.names())
    every = make(opened, known, wanted)
    git, cache = opened.tree.git, opened.cache
    with deliver(out) as delivery:
        proved = {t: p for s in every if s.stage in wanted for t, p in desk.proofs(s).items()}
        told = desk.tell(every, opened, {t: p["conclusion"] for t, p in proved.items()})
        if told != every:
            try_mails(opened, told)
        every = told
        mine = [s for s in every if s.stage in wanted]
        for series in mine:
            builds, source = known_results(cache, series), desk.source(series.stage.label)
            whole = source is not None and all(m.tree in proved for m in series.made)
            pages = evidence_pages(source.place) if source is not None and whole else {}
            edition = desk.edition(opened, series)
            write_series(series, delivery, git, builds, cache=cache, proofs=proved, extra=pages, edition=edition)
            desk.settle(series, delivery)
        delivery.commit()
        say_other_bases(out, opened.tree.base)
    if args.json:
        print(json.dumps([_made(s, desk.place(s.stage.label)) for s in mine], indent=1))
        return 0
    for series in mine:
        _report(series, desk.place(series.stage.label))
    return 0


def _made(series: Series, place: Path) -> dict[str, Any]:
    """A series in short; the whole is in its evidence.json."""
    rows = [
        {"number": n, "subject": m.patch.subject, "commit": m.commit, "tree": m.tree, "edits": len(m.edits),
         "sites": m.sites}
        for n, m in enumerate(series.made, 1)
    ]  # fmt: skip
    return {"stage": series.stage.label, "base": series.base, "tip": series.tip, "place": str(place), "patches": rows}


def say_other_bases(out: Path, base: str) -> None:
    """A line for each series of an earlier run that does not belong to what was written now."""
    for place, other in other_bases(out, base):
        say(f"{place} is of another base ({other[:12]}, not {base[:12]}): make it again, or move it away")


def make(opened: Opened, known: dict[int, Stage], wanted: list[Stage]) -> list[Series]:
    """The series of the wanted stages and of all before them, with the stages' own words alone.

    :raises XenstageError: (SITE) and others, as the stages do; no series is written then.
    """
    author = user_identity(opened.runner, opened.tree.origin)
    prepared = opened.prepare_all()
    last = max(w.number for w in wanted)
    for stage in known.values():
        if stage.defect is not None and stage.number <= last:
            raise stage.defect  # the later stages stand on it
    before = [s for n, s in known.items() if n <= last and s.patches]
    shop = Workshop(opened.tree, prepared, opened.cache, author)
    try:
        made = make_series(shop, before)
    except XenstageError as e:
        if e.code is Exit.SITE:
            late = f", later than {'.'.join(map(str, NEWEST))}, the last that the stages are for"
            version = f"{opened.tree.version}{late if newer(opened.tree.version) else ''}"
            say(f"at {opened.tree.base[:12]} (Xen {version}):")
        raise
    try_mails(opened, made)
    return made


def try_mails(opened: Opened, made: Sequence[Series]) -> None:
    """Stop before anything is written, if git am would not make of the mails what the stages made."""
    git = opened.tree.git
    scratch = opened.cache.scratch("mails")
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        mails: list[Path] = []
        for number, series in enumerate(made):
            directory = Path(place, str(number))
            directory.mkdir()
            mails += write_mails(series, directory, git)
        commits = [m.commit for s in made for m in s.made]
        if not mails:
            return
        # The same mails on the same base give the same trees, with the same git.
        key = digest("mails", git.need("version"), opened.tree.base, *(m.read_bytes() for m in mails), *commits)
        if opened.cache.get("mails", key) is not True:
            need_applicable(git, mails, commits, opened.tree.base, scratch=scratch, runner=opened.runner)
            opened.cache.put("mails", key, True)


def _show(series: Sequence[Series], opened: Opened) -> None:
    """Each patch's change, coloured on a terminal."""
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    bold, plain = ("\x1b[1m", "\x1b[m") if colour else ("", "")
    for one in series:
        if not one.made:
            print(f"{one.stage.label}: {NOTHING}")
        parent = one.parent
        for number, made in enumerate(one.made, 1):
            print(f"{bold}{one.stage.label} {number}/{len(one.made)} {made.patch.subject}{plain}")
            how = ["--no-renames", "--stat=72", "--patch", f"--color={'always' if colour else 'never'}"]
            print(opened.tree.git.need("diff", *how, parent, made.commit).decode("utf-8", "surrogateescape"))
            parent = made.commit


NOTHING = "the tree holds it already, nothing to do"


def _report(series: Series, place: Path) -> None:
    if not series.made:
        print(f"{series.stage.label}: {NOTHING}")
    for number, made in enumerate(series.made, 1):
        uses = sum(r["uses"] for r in made.sites.values())
        changed = sum(r["rewritten"] for r in made.sites.values())
        staying = sum(r["staying"] for r in made.sites.values())
        print(f"  {number}/{len(series.made)} {made.subject}")
        print(f"      {len(made.edits)} edits; {uses} uses = {changed} rewritten + {staying} staying")
        reasons = Counter(s["reason"] for s in made.stays).most_common()
        shown = reasons if len(reasons) <= SHOWN else reasons[: SHOWN - 1]
        for reason, count in shown:
            print(f"      {count} of them stay: {reason}")
        if rest := reasons[len(shown) :]:
            print(f"      {sum(c for _, c in rest)} of them stay, for {len(rest)} more reasons: evidence.json")
    for name, row in series.kept.items():
        print(f"  {name}: {row['before']} uses before, {row['after']} after")
    for remark in series.index.remarks():
        print(f"  {remark}")
    print(f"{series.stage.label}: {place}")
