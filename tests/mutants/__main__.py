"""Print the mutants and what caught each: ``python -m tests.mutants [TREE] [--builds]``.

TREE is a clone of xen.git, or "sample" (the default); ``--builds`` adds the mutants that
only a build in one configuration shows.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

from xenstage.prove.binary.builds import prove_builds
from xenstage.prove.case import Case
from xenstage.prove.result import Proof

from .catalogue import MUTANTS
from .run import SOURCE, Bench, bench, build, catch, prove


def main() -> int:
    """0 when every mutant is caught and the true series raises no alarm."""
    args = [a for a in sys.argv[1:] if a != "--builds"]
    on = bench(args[0] if args else "sample")
    width = shutil.get_terminal_size((150, 0)).columns
    caught = run = skipped = 0
    for mutant in MUTANTS:
        if mutant.config and "--builds" not in sys.argv:
            continue
        run += 1
        try:
            got = catch(mutant, on)
        except LookupError as e:
            print(f"{mutant.name:28} {mutant.kind:30} NO SITE   {e}"[:width])
            continue
        caught += got.caught
        skipped += got.verdict == "SKIP"
        mark = got.verdict if got.caught or got.verdict == "SKIP" else "SURVIVES"
        where = f"[{got.site}] {got.finding}"
        print(f"{mutant.name:28} {mutant.kind:30} {mutant.caught_by:10} {mark:8} {where}"[:width])
    alarms = 0
    for (stage, patch), case in on.cases.items():
        for proof in true_series(on, stage, case, "--builds" in sys.argv):
            if proof.verdict not in ("PASS", "SKIP"):
                alarms += 1
                print(f"ALARM on the true series, stage {stage} patch {patch}: {proof.name}: {proof.findings[:1]}")
    left = len(MUTANTS) - run
    more = f"; {left} more with --builds" if left else ""
    more += f"; {skipped} skipped for want of a compiler" if skipped else ""
    print(f"{run} mutants, {caught} caught{more}; the true series: {alarms or 'no'} alarms")
    return 0 if caught + skipped == run and not alarms else 1


def true_series(on: Bench, stage: int, case: Case, builds: bool) -> Iterator[Proof]:
    """What the same proofs say of an unspoilt patch."""
    total = sum(s == stage for s, _ in on.cases)
    for name in SOURCE:
        yield prove(case, name, on.opened.cache, total)
    spoilt = [m for m in MUTANTS if m.config and on.case(m) is case]
    if builds and spoilt:
        yield prove_builds(case, {m.config: build(on, case.commit, m.config) for m in spoilt})


if __name__ == "__main__":
    sys.exit(main())
