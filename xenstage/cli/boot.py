"""boot: start a Xen in an emulator, and guests with its own tools; say honestly what happened."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from ..boot.assemble import KERNEL_VARIABLE, Xen, assemble, xen_of_commit
from ..boot.harness import Harness
from ..boot.machine.emulator import WallClock
from ..boot.machine.machine import Machine, machines
from ..boot.model import GUESTS, Cell, Outcome, Verdict
from ..boot.report.report import worst
from ..boot.stack.debian import Debian
from ..boot.stack.stack import Toolstack
from ..cache import Cache, write_atomically
from ..errors import Exit, XenstageError
from ..process import Runner
from ..progress import say
from ..stage.declare import pick
from ..tree.source import Tree, open_tree
from .common import default_tree, exit_code, open_all, stages
from .run import make
from .sample import SAMPLE

DEBIAN = "debian"
LINUX = ("dom0", "hvm-linux", "pvh-linux")


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    p = verbs.add_parser("boot", help="boot a Xen in an emulator and start guests", description=__doc__)
    p.add_argument(
        "--xen",
        metavar="debian|COMMIT|STAGE[/N]",
        help="what boots: Debian's own Xen (default), a commit of the tree, or a stage's last (or N-th) patch",
    )
    p.add_argument(
        "--base", metavar="COMMIT", default="HEAD", help="the commit that a stage's series starts from (default: HEAD)"
    )
    p.add_argument(
        "--tree",
        metavar="DIR",
        default=default_tree(),
        help="the clone of xen.git that has COMMIT, read only (default: $XEN_SRC, or the one around you, or xen-src)",
    )
    p.add_argument("--toolstack", metavar="DIR", help="a hypervisor and its tools that were installed into DIR")
    p.add_argument(
        "--guest",
        metavar="NAME",
        action="append",
        help=f"may be repeated: {', '.join(GUESTS)} (default: Debian's Xen: the first three; else all)",
    )
    p.add_argument("--guest-dir", metavar="DIR", action="append", default=[], help="a guest of your own (docs/boot.md)")
    p.add_argument("--machine", metavar="NAME", help="the machine (default: the first that can, for each guest)")
    p.add_argument(
        "--pvh-kernel",
        metavar="FILE",
        default=os.environ.get(KERNEL_VARIABLE, ""),
        help=f"the Linux kernel of pvh-linux (default: ${KERNEL_VARIABLE}, or Debian's)",
    )
    p.add_argument("--out", metavar="DIR", default="out", help="results go to DIR/boot (default: out)")
    p.add_argument("--replay", metavar="CELL", help="run one cell of DIR/boot or DIR/matrix again, as it was run")
    p.add_argument("--jobs", metavar="N", type=int, default=1, help="cells at a time (default: 1)")
    p.add_argument(
        "--no-snapshot", action="store_true", help="boot dom0 for each cell instead of going on from a saved one"
    )
    p.add_argument("--json", action="store_true", help="print the outcomes as data")
    p.set_defaults(function=lambda args: boot(args, p))


def boot(args: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Run the cells; the exit code of the worst."""
    request: Cell | None = None
    if args.replay:
        kept = _replayed(Path(args.out).absolute(), args.replay)
        request, args = kept.cell, as_it_was(args, kept, parser)
    out = Path(args.out).absolute() / "boot"
    xen = request.xen if request and not is_patch(args.xen) else _asked(args)
    guests = [request.guest] if request else list(dict.fromkeys(args.guest or (LINUX if xen == DEBIAN else GUESTS)))
    among = _machines(request.machine if request and request.machine != "none" else args.machine)
    clock = WallClock()
    try:
        harness = replace(prepare(xen, guests, out, args), clock=clock)
    except XenstageError as e:
        if e.code not in (Exit.SKIPPED, Exit.TOOLS):
            raise
        reason = f"{e.title}: {e.why} (type: {e.remedy})"
        return _finish(out, [Outcome(Cell(xen, g, among[0].name), Verdict.SKIP, reason) for g in guests], args)
    with ThreadPoolExecutor(max(args.jobs, 1)) as pool:
        try:
            got = list(pool.map(lambda g: run_guest(harness, g, among, quiet=args.json), guests))
            return _finish(out, got, args)
        except KeyboardInterrupt:
            clock.stop()  # or leaving the pool would wait for the guests
            raise


def prepare(xen: str, guests: Sequence[str], out: Path, args: argparse.Namespace) -> Harness:
    """Everything that the cells of one Xen share.

    :raises XenstageError: (SKIPPED) Debian's packages cannot be had; (USAGE) an option is wrong;
        (TREE) there is no such commit; (TOOLS, FAIL) it cannot be built.
    """
    cache, runner, base = Cache.default(), Runner(), ""
    if args.toolstack:
        what = Xen(Toolstack.load(Path(args.toolstack).absolute()))
    elif xen == DEBIAN:
        what = Xen(Debian(cache, runner).stack())
    elif is_patch(xen):
        tree, commit = patch_commit(args, xen)
        what, base = xen_of_commit(tree, commit, cache=cache, runner=runner), tree.base
    else:
        tree = open_tree(Path(args.tree), xen, cache=cache, runner=runner)
        what = xen_of_commit(tree, tree.base, cache=cache, runner=runner)
    return assemble(
        what,
        guests,
        out,
        cache=cache,
        runner=runner,
        pvh_kernel=args.pvh_kernel,
        own=[Path(d) for d in args.guest_dir],
        options=_options(args, base),
        fresh=args.no_snapshot,
    )


def is_patch(xen: str | None) -> bool:
    """Whether ``--xen`` names a patch of a stage (``02``, ``02_pvh_flag``, ``02/1``), which no tree has."""
    return re.fullmatch(r"\d{1,2}(_\w+)?(/\d+)?", xen or "") is not None


def patch_commit(args: argparse.Namespace, name: str) -> tuple[Tree, str]:
    """The series is made, as ``xenstage run`` makes it; the tree, and the patch's commit in it.

    :raises XenstageError: (USAGE) there is no such stage or patch; what making the series raises.
    """
    label, _, number = name.partition("/")
    known = stages()
    (stage,) = pick(known, [label])
    opened = open_all(argparse.Namespace(tree=args.tree, base=args.base, config=None))
    series = make(opened, known, [stage])[-1]
    commits = [m.commit for m in series.made] or [series.parent]
    position = int(number) if number else len(commits)
    if not 1 <= position <= len(commits):
        raise XenstageError(
            Exit.USAGE,
            f"{stage.label} has no patch {number}",
            why=f"on {opened.tree.base[:12]} it has {len(series.made)}",
            remedy=f"--xen {stage.label}, for the last one",
        )
    return opened.tree, commits[position - 1]


def _asked(args: argparse.Namespace) -> str:
    return Toolstack.load(Path(args.toolstack).absolute()).xen if args.toolstack else args.xen or "debian"


def _options(args: argparse.Namespace, base: str) -> tuple[str, ...]:
    given = [("--guest-dir", str(Path(d).absolute())) for d in args.guest_dir]
    if args.toolstack:
        given.append(("--toolstack", str(Path(args.toolstack).absolute())))
    elif is_patch(args.xen):
        given += [("--xen", args.xen), ("--base", base), ("--tree", _tree(args))]
    elif args.xen not in (None, DEBIAN) or args.replay:
        given.append(("--tree", _tree(args)))
    if args.pvh_kernel:
        given.append(("--pvh-kernel", str(Path(args.pvh_kernel).absolute())))
    return (*(word for pair in given for word in pair), *(["--no-snapshot"] if args.no_snapshot else []))


def _tree(args: argparse.Namespace) -> str:
    return str(args.tree) if args.tree == SAMPLE else str(Path(args.tree).absolute())


def run_guest(harness: Harness, guest: str, among: tuple[Machine, ...], *, quiet: bool = False) -> Outcome:
    """One guest on the first machine that can run it; says which and why, and what came out.

    :param quiet: whether what came out is printed later.
    """
    cell, machine, passed_over = harness.cell(guest, among)
    if machine is None:
        outcome = Outcome(Cell(cell.xen, guest, among[-1].name), Verdict.SKIP, passed_over)
    else:
        say(f"boot: {guest} on {machine.name}" + (f" ({passed_over})" if passed_over else ""))
        outcome = harness.run(cell, machine)
    _keep(harness.out, outcome)
    if outcome.verdict is not Verdict.SKIP and not quiet:  # SKIPs are told together
        _print(harness.out, [outcome])
    return outcome


def _keep(out: Path, outcome: Outcome) -> None:
    text = json.dumps(outcome.to_json(), indent=1, sort_keys=True) + "\n"
    write_atomically(out / outcome.cell.name / "outcome.json", text.encode())


def _print(out: Path, alike: Sequence[Outcome]) -> None:
    """Outcomes of one reason: a line for each, the reason once."""
    for outcome in alike:
        where = f"  {out / outcome.log}" if outcome.log else ""
        sys.stdout.write(f"{outcome.verdict:<8}{outcome.cell.name:<32}{outcome.seconds:>7.1f} s{where}\n")
    sys.stdout.write(f"        {alike[0].reason}\n")
    sys.stdout.flush()


def _finish(out: Path, outcomes: Sequence[Outcome], args: argparse.Namespace) -> int:
    for outcome in outcomes:
        path = out / outcome.cell.name / "outcome.json"
        if not path.exists() or json.loads(path.read_bytes()) != outcome.to_json():  # a SKIP of all
            _keep(out, outcome)
    if args.json:
        print(json.dumps([o.to_json() for o in outcomes], indent=1, sort_keys=True))
    else:
        skipped = [o for o in outcomes if o.verdict is Verdict.SKIP]
        for reason in dict.fromkeys(o.reason for o in skipped):
            _print(out, [o for o in skipped if o.reason == reason])
    return int(exit_code(worst(o.verdict for o in outcomes)))


def _machines(name: str | None) -> tuple[Machine, ...]:
    every = machines()
    if name is None:
        return every
    chosen = tuple(m for m in every if m.name == name)
    if not chosen:
        raise XenstageError(
            Exit.USAGE,
            f"there is no machine {name}",
            why=f"there are: {', '.join(m.name for m in every)}",
            remedy="choose one of them, or leave --machine out",
        )
    return chosen


def as_it_was(args: argparse.Namespace, kept: Outcome, parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options of a kept result's own line, and over them those that were typed now."""
    was = parser.parse_args(shlex.split(kept.command)[2:])
    for name, value in vars(args).items():
        if value != parser.get_default(name):
            setattr(was, name, value)
    return was


def _replayed(out: Path, name: str) -> Outcome:
    """What is kept of a cell, in ``DIR/boot`` or else in ``DIR/matrix``.

    :raises XenstageError: (USAGE) nothing is, or it cannot be read.
    """
    path = out / "boot" / name / "outcome.json"
    of_matrix = sorted((out / "matrix/cells").glob(f"{name}.*.json"))
    try:
        if of_matrix and not path.exists():
            return Outcome.from_json(json.loads(of_matrix[0].read_bytes())["outcome"])
        return Outcome.from_json(json.loads(path.read_bytes()))
    except (OSError, KeyError, TypeError, ValueError) as e:
        known = {p.parent.name for p in out.glob("boot/*/outcome.json")}
        known |= {p.name.rpartition(".")[0].rpartition(".")[0] for p in out.glob("matrix/cells/*.json")}
        raise XenstageError(
            Exit.USAGE,
            f"there is no result of a cell {name}",
            why=f"{type(e).__name__}: {e}; there are: {', '.join(sorted(known)) or 'none'}",
            remedy=f"xenstage boot --out {out}, which makes results",
        ) from e
