"""xenstage verify: every patch carries its proof."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..builds.builder import Result
from ..builds.results import known_results
from ..errors import Exit, XenstageError
from ..index.sweep import Files
from ..mail.mailbox import FORMS
from ..progress import Progress
from ..prove.case import Case, Declared, make_case, retold
from ..prove.judge import NAMES, Judgement, judge_patch
from ..prove.page import evidence_page
from ..prove.patch.apply import am_in_order
from ..prove.patch.form import prove_form
from ..prove.patch.second import second_opinion
from ..prove.result import Proof
from ..series.deliver import Delivery, deliver, look_ahead
from ..series.make import Series
from ..series.output import Edition, write_series
from ..stage.base import ABSENT
from ..stage.declare import pick
from ..tree.config import BY_NAME
from .common import Opened, add_tree_options, open_all, stages
from .proving import base_files, build_all, build_tools, built_for, configs_of, report
from .run import make, say_other_bases
from .telling import Desk, add_version_options
from .verify_foreign import verify_directory


def add(verbs: Any) -> None:
    """Register the verb."""
    p = verbs.add_parser("verify", help="prove what every patch of stages, or of any directory of patches, does")
    add_tree_options(p)
    p.add_argument("what", nargs="+", metavar="STAGE|MAILS", help=f"01, 02, …; or one of: {FORMS}")
    p.add_argument("--out", metavar="DIR", default="out", help="where series and evidence go (default: out)")
    add_version_options(p)
    p.add_argument(
        "--build-config",
        metavar="NAME",
        action="append",
        choices=[*sorted(BY_NAME), "none"],
        help="a configuration to build, may be repeated (default: all; 'none' builds nothing)",
    )
    p.add_argument("--json", action="store_true", help="print the verdicts as data")
    p.add_argument("--junit", metavar="FILE", help="write the verdicts as a JUnit report, too")
    p.add_argument("--only", metavar="PROOF", action="append", choices=NAMES, help="run one proof, may be repeated")
    p.add_argument(
        "--second-opinion",
        action="store_true",
        help="hold the uses of the stages' names against what spatch finds (needs coccinelle)",
    )
    p.set_defaults(function=main)


def main(args: argparse.Namespace) -> int:
    """Prove and print a table; the exit code says the worst verdict (docs/verify.md)."""
    started = time.monotonic()
    only = frozenset(args.only or NAMES)
    if len(args.what) == 1 and Path(args.what[0]).exists() and not args.what[0].isdigit():
        rows, place, spent = verify_directory(args, only)
        return report(
            rows, {place.name: place}, spent, time.monotonic() - started, as_data=args.json, junit_file=args.junit
        )
    known = stages()
    wanted = pick(known, args.what)
    opened = open_all(args)
    out = Path(args.out)
    desk = Desk.of(out, wanted, args.version, args.signoff)
    look_ahead(out, desk.names())
    desk.warn_of_exported()
    # What people say in their own words is judged as well: no proof has allowed anything yet.
    bare = desk.tell(make(opened, known, wanted), opened, {})
    mine = [s for s in bare if s.stage in wanted]
    pairs = [(m.commit, p) for s in mine for m, p in zip(s.made, _parents(s), strict=True)]
    results, spent = build_all(opened, pairs, configs_of(args), only)
    base = base_files(opened)
    cases = {s.stage.label: cases_of(opened, s, base) for s in mine}
    every = [c for row in cases.values() for c in row]
    if results and "builds" in only:
        spent += build_tools(opened, every, results)
    progress = Progress("prove", sum(len(s.made) for s in mine) * len(NAMES))
    judged: dict[str, list[Judgement]] = {}
    for series in mine:
        judged[series.stage.label] = [
            judge_patch(c, built_for(c, results), cache=opened.cache, only=only, step=progress.step)
            for c in cases[series.stage.label]
        ]
    said = {m.tree: j.conclusion for s in mine for m, j in zip(s.made, judged[s.stage.label], strict=True)}
    with deliver(out) as delivery:
        final = [s for s in desk.tell(bare, opened, said) if s.stage in wanted]
        editions = {s.stage.label: desk.edition(opened, s) for s in final}
        staged = [_write(opened, s, judged, delivery, results, only, editions, ready=False) for s in final]
        if "form" in only:
            _form(opened, final, judged, staged, editions, progress)
            for series in final:
                _write(opened, series, judged, delivery, results, only, editions, ready=True)
        for series in final:
            desk.settle(series, delivery)
        delivery.commit()
        say_other_bases(out, opened.tree.base)
    progress.close()
    logs = {s.stage.label: desk.place(s.stage.label) for s in mine}
    opinion = _second(opened, every) if args.second_opinion and every else None
    rows = [j for row in judged.values() for j in row]
    return report(rows, logs, spent, time.monotonic() - started, opinion, as_data=args.json, junit_file=args.junit)


def _second(opened: Opened, cases: Sequence[Case]) -> Proof:
    """What spatch says of every name that the series remove, introduce or keep."""
    said = [c.declared for c in cases]
    names = sorted({n for d in said for n in (*d.removes, *d.introduces, *d.keeps)})
    scratch = opened.cache.scratch("second")
    return second_opinion(cases[0].before, cases[-1].after, names, scratch=scratch, runner=opened.runner)


def _parents(series: Series) -> list[str]:
    return [series.parent, *(m.commit for m in series.made[:-1])]


def cases_of(opened: Opened, series: Series, base: Files) -> list[Case]:
    """One case for each patch of a series."""
    out = []
    for number, (made, parent) in enumerate(zip(series.made, _parents(series), strict=True), 1):
        p = made.patch
        keeps = tuple(series.stage.keeps)
        removes = tuple(n for n in p.removes if n not in made.facts.get(ABSENT, ()))
        said = (p.intended, removes, p.introduces, keeps, made.edits, p.effects)
        declared = Declared(
            *said,
            series.stage.families,
            series.stage.mixed,
            answers=p.answers,
            reaches=p.reaches,
            guests=series.stage.guests,
            closed=p.closed,
            interface=p.interface,
            moved=p.moved,
        )
        git, tree = opened.tree.git, opened.tree
        out.append(make_case(git, number, parent, made.commit, base, tree.base, declared, opened.cache))
    return out


def _form(
    opened: Opened,
    series: Sequence[Series],
    judged: dict[str, list[Judgement]],
    staged: Sequence[Path],
    editions: Mapping[str, Edition],
    progress: Progress,
) -> None:
    """Apply the finished mails to a clean clone, and look at each.

    :param staged: the directories that hold the mails, in the order of the series.
    """
    mails = {s.stage.label: sorted(d.glob("[0-9]*.patch"))[1:] for s, d in zip(series, staged, strict=True)}
    every = [m for s in series for m in mails[s.stage.label]]
    if not every:
        return
    scratch = opened.cache.scratch("am")
    start = next(s.parent for s in series if s.made)
    applied = am_in_order(opened.tree.git, every, start, scratch=scratch, runner=opened.runner)
    position = 0
    for s in series:
        rows = judged[s.stage.label]
        # The same patches as judged; only their messages, and so their commits, are others.
        cases = [
            retold(opened.tree.git, j.case, m.commit, p) for j, m, p in zip(rows, s.made, _parents(s), strict=True)
        ]
        for i, case in enumerate(cases):
            got = opened.tree.git.tree_of(applied[position])
            if got != case.tree:
                raise XenstageError(
                    Exit.FAIL,
                    f"{every[position].name} applied to a clean clone gives another tree than its commit",
                    why=f"{got} and {case.tree}",
                    remedy="this is a defect of the tool; nothing of the series should be sent",
                )
            notes = editions[s.stage.label].mailing.notes.get(s.made[i].patch_id, "")
            form = prove_form(case, patch=mails[s.stage.label][i].read_bytes(), total=len(cases), notes=notes)
            rows[i] = rows[i].with_form(form)
            progress.step("form")
            position += 1


def _write(
    opened: Opened,
    series: Series,
    judged: Mapping[str, Sequence[Judgement]],
    delivery: Delivery,
    results: Mapping[tuple[str, str], Result],
    only: frozenset[str],
    editions: Mapping[str, Edition],
    *,
    ready: bool,
) -> Path:
    rows = judged[series.stage.label]
    git = opened.tree.git
    proofs = {
        m.tree: {
            "proofs": {p.name: p.to_json() for p in j.proofs},
            "conclusion": j.conclusion,
            "proved": m.commit,
        }
        for m, j in zip(series.made, rows, strict=True)
    }
    if not ready or only != frozenset(NAMES):
        proofs = {t: {**v, "proofs": v["proofs"] if ready or "form" not in only else {}} for t, v in proofs.items()}
    extra = {"evidence.md": evidence_page(series.stage.title, series.base, rows).encode()}
    for number, made in enumerate(series.made, 1):
        for (tree, config), result in results.items():
            if tree == made.tree and result.log:
                extra[f"logs/{number:04d}-{config}.log"] = result.log
    builds = known_results(opened.cache, series)
    edition = editions[series.stage.label]
    return write_series(series, delivery, git, builds, cache=opened.cache, proofs=proofs, extra=extra, edition=edition)
