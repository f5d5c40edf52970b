"""xenstage build: does every patch of the series build?"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

from ..builds.builder import Builder, Result
from ..builds.results import known_results
from ..cache import write_atomically
from ..errors import Exit, XenstageError
from ..progress import Progress
from ..series.deliver import Delivery, deliver, look_ahead
from ..series.make import Series
from ..series.output import write_evidence, write_series
from ..series.versions import place_of
from ..stage.declare import pick
from ..tree.config import BY_NAME, Config
from .common import Opened, add_tree_options, open_all, stages
from .run import make, say_other_bases
from .telling import Desk


def add(verbs: Any) -> None:
    """Register the verb."""
    p = verbs.add_parser("build", help="build every patch of the series of stages")
    add_tree_options(p)
    p.add_argument("stages", nargs="+", metavar="STAGE", help="01, 02, …")
    p.add_argument("--out", metavar="DIR", default="out", help="where the series are (default: out)")
    p.add_argument("--json", action="store_true", help="print the verdicts as data")
    p.add_argument(
        "--build-config",
        metavar="NAME",
        action="append",
        choices=sorted(BY_NAME),
        help="a configuration to build, may be repeated (default: x86_64-debug)",
    )
    p.set_defaults(function=main)


def main(args: argparse.Namespace) -> int:
    """Build and print a line per patch; 0 only when every verdict is PASS."""
    known = stages()
    wanted = pick(known, args.stages)
    opened = open_all(args)
    out = Path(args.out)
    desk = Desk.of(out, wanted)
    look_ahead(out, desk.names())
    series = desk.tell(make(opened, known, wanted), opened, {})
    configs = [BY_NAME[n] for n in dict.fromkeys(args.build_config or ["x86_64-debug"])]
    rows: list[tuple[Series, int, Config, Result]] = []
    commits = [s for s in series if s.stage in wanted]
    progress = Progress("build", len(configs) * (1 + sum(len(s.made) for s in commits)))
    for config in configs:
        builder = Builder(opened.tree, config, opened.cache, opened.runner, time.monotonic)
        base = builder.build(opened.tree.base, None)
        progress.step(f"base, {config.name}: {base.verdict}")
        if base.verdict == "FAIL":
            raise _base_fails(config, base, out)
        for one in commits:
            for number, made in enumerate(one.made, 1):
                result = builder.build(made.commit, base)
                rows.append((one, number, config, result))
                progress.step(f"{one.stage.label} {number}, {config.name}: {result.verdict}")
    progress.close()
    with deliver(out) as delivery:
        for one in commits:
            _record(opened, one, [r for r in rows if r[0] is one], delivery, desk)
        delivery.commit()
        say_other_bases(out, opened.tree.base)
    if args.json:
        print(json.dumps([_row(*r) for r in rows], indent=1))
        return int(Exit.OK if all(r.verdict == "PASS" for *_, r in rows) else Exit.FAIL)
    return _report(rows, desk)


def _row(series: Series, number: int, config: Config, r: Result) -> dict[str, Any]:
    subject = series.made[number - 1].patch.subject
    row = {"stage": series.stage.label, "number": number, "subject": subject, "configuration": config.name}
    return {**row, "verdict": r.verdict, "seconds": r.seconds, "kept": r.kept, "reason": r.reason, "command": r.command}


def _base_fails(config: Config, base: Result, out: Path) -> XenstageError:
    log = out / f"base-{config.name}.log"
    write_atomically(log, base.log)
    return XenstageError(
        Exit.FAIL,
        f"the base commit itself does not build ({config.name})",
        why=f"{base.reason}\nlog: {log}",
        remedy=base.command,
    )


def _record(
    opened: Opened, series: Series, rows: list[tuple[Series, int, Config, Result]], delivery: Delivery, desk: Desk
) -> None:
    """Logs and verdicts beside the patches; the series is written first if it is not there."""
    name = place_of(series.stage.label, desk.numbers[series.stage.label])
    builds = known_results(opened.cache, series)
    if _holds(delivery.place(name), series):
        fresh = delivery.stage(name)
        shutil.copytree(delivery.place(name), fresh, dirs_exist_ok=True)
    else:
        edition = desk.edition(opened, series)
        fresh = write_series(series, delivery, opened.tree.git, builds, cache=opened.cache, edition=edition)
    logs = fresh / "logs"
    logs.mkdir(exist_ok=True)
    for _, number, config, result in rows:
        (logs / f"{number:04d}-{config.name}.log").write_bytes(result.log)
    # The patches may be of a run with --signoff: all but the builds stays as it is.
    value = json.loads((fresh / "evidence.json").read_bytes())
    for patch in value["patches"]:
        patch["builds"] = builds.get(patch["tree"], {})
    write_evidence(fresh, value)


def _holds(place: Path, series: Series) -> bool:
    """Whether the directory holds these very patches."""
    try:
        value = json.loads((place / "evidence.json").read_bytes())
        trees = [p["tree"] for p in value["patches"]]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return trees == [m.tree for m in series.made]


def _report(rows: list[tuple[Series, int, Config, Result]], desk: Desk) -> int:
    width = min(shutil.get_terminal_size().columns, 120)
    for series, number, config, r in rows:
        subject = series.made[number - 1].subject
        kept = " (kept)" if r.kept else ""
        print(f"{r.verdict:7} {r.seconds:6.1f} s{kept:7} {config.name:18} {subject}"[:width])
        if r.verdict != "PASS":
            log = desk.place(series.stage.label) / "logs" / f"{number:04d}-{config.name}.log"
            print(f"        {r.reason}\n        log: {log}\n        {r.command}")
    bad = sum(r.verdict != "PASS" for _, _, _, r in rows)
    print(f"{len(rows)} builds: {len(rows) - bad} PASS, {bad} other")
    return int(Exit.OK if bad == 0 else Exit.FAIL)
