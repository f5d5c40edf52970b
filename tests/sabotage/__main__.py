"""Break boots on purpose and print what each was called: ``python -m tests.sabotage [TREE]``.

Without TREE: guests, toolstack, dom0 and emulator under Debian's own Xen.  With one (a clone of xen.git): also
hypervisors of the series' last commit, broken, built and booted.  ``--only NAME`` for one of them.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from xenstage.boot.model import Cell, Outcome, Verdict
from xenstage.cache import Cache
from xenstage.process import Runner

from .guests import sabotages
from .hypervisors import BISECTED, BROKEN, MIXED, Line
from .kit import GUEST, Ground, Sabotage


def right(sabotage: Sabotage, outcome: Outcome) -> bool:
    """Whether a sabotaged boot got its verdict and the reason that belongs to it."""
    return outcome.verdict in sabotage.verdicts and re.search(sabotage.says, outcome.reason, re.S) is not None


def main(argv: Sequence[str]) -> int:
    """0 when every sabotage got the right verdict and the unbroken guests boot."""
    p = argparse.ArgumentParser(prog="python -m tests.sabotage", description=__doc__)
    p.add_argument("tree", nargs="?", help="a clone of xen.git")
    p.add_argument("--only", metavar="NAME", action="append", help="only this one")
    p.add_argument("--keep", metavar="DIR", help="leave logs and images there (a directory that does not exist)")
    args = p.parse_args(argv)
    known = (
        {s.name for s in sabotages(Ground(Path("/"), Cache.default(), Runner()))}
        | {b.name for b in BROKEN}
        | {BISECTED, *MIXED}
    )
    if unknown := sorted(set(args.only or ()) - known):
        p.error(f"no sabotage named {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
    root = Path(args.keep).absolute() if args.keep else Path(tempfile.mkdtemp(prefix="xenstage-sabotage-"))
    root.mkdir(parents=True, exist_ok=not args.keep)
    try:
        return run(root, args.tree, args.only)
    finally:
        if not args.keep:
            shutil.rmtree(root, ignore_errors=True)


def run(root: Path, tree: str | None, only: Sequence[str] | None) -> int:
    """The table, a line for each as it ends."""
    ground = Ground(root, Cache.default(), Runner())
    line = Line(tree, root) if tree else None

    def wanted(all_of_them: Sequence[Sabotage]) -> list[Sabotage]:
        return [s for s in all_of_them if not only or s.name in only]

    booted = wanted(sabotages(ground))
    built = wanted(line.sabotages()) if line else []
    answers = [told(unbroken(), ground.boot(ground.harness("nothing")))] if booted else []
    # A boot takes one processor; a build takes them all.
    with ThreadPoolExecutor(2) as pool:
        answers += [told(s, o) for s, o in zip(booted, pool.map(lambda s: s.run(), booted), strict=True)]
    answers += [told(s, s.run()) for s in built]
    if line is not None:
        answers += [told(unbroken(guest), outcome) for guest, outcome in line.known.items()]
    count, good = len(booted) + len(built), all(answers)
    print(f"{count} sabotages, {'every one' if good else 'NOT every one'} with its verdict")
    return 0 if good else 1


def unbroken(guest: str = GUEST) -> Sabotage:
    """What must pass."""
    return Sabotage(
        "(none)",
        f"nothing: {guest}",
        frozenset({Verdict.PASS}),
        "",
        lambda: Outcome(Cell("", guest, ""), Verdict.SKIP, ""),
    )


def told(sabotage: Sabotage, outcome: Outcome) -> bool:
    """Print one line; whether it is as it must be."""
    good = right(sabotage, outcome)
    mark = "" if good else "  WRONG, must be " + " or ".join(sorted(sabotage.verdicts)) + f", and say {sabotage.says!r}"
    print(
        f"{sabotage.name:<18}{sabotage.what:<58}{outcome.verdict:<8}{outcome.seconds:>6.1f} s  {outcome.reason}{mark}",
        flush=True,
    )
    return good


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
