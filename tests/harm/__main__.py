"""Do what careless and hostile users do, and print what came of it: ``python -m tests.harm [PART …]``.

Without ``--tree`` only the bundled sample is tried; without ``--full`` only a selection.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from . import cache, crowd, disks, git, kills
from .kit import Answer, Ground, Part, Trial

PARTS: Mapping[str, Part] = {
    "git": git.trials,
    "crowd": crowd.trials,
    "kills": kills.trials,
    "cache": cache.trials,
    "disks": disks.trials,
}
"""Name to the function that gives its trials; one module each."""


def main(argv: Sequence[str] | None = None) -> int:
    """0 when no trial did harm."""
    p = argparse.ArgumentParser(prog="python -m tests.harm", description=__doc__)
    p.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    p.add_argument("--tree", metavar="DIR", help="a clone of xen.git, read only")
    p.add_argument("--full", action="store_true", help="everything, not a selection")
    p.add_argument("--warm", metavar="DIR", help="a cache to begin with a copy of (XDG_CACHE_HOME), only read")
    p.add_argument("--only", metavar="TEXT", action="append", help="only trials whose group or name holds it")
    args = p.parse_args(argv)
    if unknown := sorted(set(args.parts) - set(PARTS)):
        p.error(f"no part named {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    root = Path(tempfile.mkdtemp(prefix="xenstage-harm-"))
    try:
        tree, warm = (Path(p).absolute() if p else None for p in (args.tree, args.warm))
        ground = Ground(root, tree, args.full, warm)
        chosen = [PARTS[n] for n in args.parts or PARTS]
        trials = (t for part in chosen for t in part(ground))
        wanted = (t for t in trials if not args.only or any(o in f"{t.group}: {t.name}" for o in args.only))
        return 0 if show(wanted) else 1
    finally:
        shutil.rmtree(root, ignore_errors=True)


def show(trials: Iterable[Trial]) -> bool:
    """Run each, a line as it ends, then the counts by group; whether every one held."""
    counts: dict[str, list[Answer]] = {}
    for trial in trials:
        started = time.monotonic()
        answer = trial.run()
        counts.setdefault(trial.group, []).append(answer)
        what = f"{'  ' if answer.held else '! '}{trial.group:<32}{trial.name:<44}"
        print(f"{what}{time.monotonic() - started:>6.1f} s  {answer.words}", flush=True)
    print()
    for group, answers in counts.items():
        print(f"{group:<34}{sum(a.held for a in answers):>5} of {len(answers)} without harm")
    every = [a for answers in counts.values() for a in answers]
    print(f"{'in all':<34}{sum(a.held for a in every):>5} of {len(every)} without harm")
    return bool(every) and all(a.held for a in every)


if __name__ == "__main__":
    sys.exit(main())
