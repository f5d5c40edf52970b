"""Print the mutants and what caught each: ``python -m tests.mutants [TREE]``."""

from __future__ import annotations

import shutil
import sys

from .catalogue import MUTANTS
from .run import SOURCE, bench, catch, prove


def main() -> int:
    """0 when every mutant is caught and the true series raises no alarm."""
    on = bench(sys.argv[1] if len(sys.argv) > 1 else "sample")
    width = shutil.get_terminal_size((150, 0)).columns
    caught = run = 0
    for mutant in (m for m in MUTANTS if m.caught_by != "builds"):
        run += 1
        try:
            got = catch(mutant, on)
        except LookupError as e:
            print(f"{mutant.name:22} {mutant.kind:30} NO SITE   {e}"[:width])
            continue
        caught += got.caught
        mark = got.verdict if got.caught else "SURVIVES"
        print(f"{mutant.name:22} {mutant.kind:30} {mutant.caught_by:10} {mark:8} {got.finding}"[:width])
    alarms = 0
    for key, case in on.cases.items():
        for name in SOURCE:
            proof = prove(case, name, on.opened.cache, sum(s == key[0] for s, _ in on.cases))
            if proof.verdict not in ("PASS", "SKIP"):
                alarms += 1
                print(f"ALARM on the true series, stage {key[0]} patch {key[1]}: {name}: {proof.findings[:1]}")
    builds = sum(m.caught_by == "builds" for m in MUTANTS)
    print(f"{run} mutants, {caught} caught; {builds} more need builds; the true series: {alarms or 'no'} alarms")
    return 0 if caught == run and not alarms else 1


sys.exit(main())
