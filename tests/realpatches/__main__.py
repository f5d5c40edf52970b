"""Verify real patches: ``python -m tests.realpatches [LIST] --tree DIR [--builds]``.

LIST is a file of commits (default: ``commits.txt`` beside this file), DIR a clone of
xen.git with the history.  ``--builds`` builds each commit and its parent as well; what was
built is kept, so that an interrupted run goes on where it was.  Ends with 1 when a patch
that changes nothing is FAIL, or one that changes something is called unchanged.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from xenstage.cache import Cache
from xenstage.process import Runner
from xenstage.prove.judge import NAMES

from .bench import CHANGES, SAME, Bench, Row, read_list

_SHORT = {"PASS": "ok", "FAIL": "FAIL", "REFUSED": "not shown", "SKIP": "-", "INFRA": "INFRA"}


def main() -> int:
    """0 when no verdict is false."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", nargs="?", type=Path, default=Path(__file__).parent / "commits.txt")
    parser.add_argument("--tree", type=Path, required=True, metavar="DIR")
    parser.add_argument("--builds", action="store_true", help="x86_64-debug and arm64-debug, unless --build-config")
    parser.add_argument("--build-config", action="append", metavar="NAME", default=[])
    parser.add_argument("--only", action="append", metavar="HASH", default=[], help="these of the list")
    parser.add_argument("--why", action="store_true", help="print the findings of each")
    args = parser.parse_args()
    listed = [e for e in read_list(args.list.read_text()) if not args.only or e.commit.startswith(tuple(args.only))]
    configs = tuple(args.build_config) or (("x86_64-debug", "arm64-debug") if args.builds else ())
    rows = []
    print(_head())
    for row in Bench(args.tree.resolve(), configs, Cache.default(), Runner()).rows(listed):
        rows.append(row)
        print(_line(row), flush=True)
        if args.why:
            _explain(row)
    print(_total(rows))
    return 1 if any(r.false for r in rows) else 0


def _head() -> str:
    names = ["commit", "truth", "claims", "verdict", *NAMES, "shown by", "seconds"]
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}"


def _line(row: Row) -> str:
    j = row.judgement
    if j is None:
        return f"| {row.listed.commit} | {row.listed.truth} | {row.error.splitlines()[0][:120]} |"
    verdicts = {p.name: p.verdict for p in j.proofs}
    cells = [_SHORT.get(verdicts.get(n, "-"), "-") for n in NAMES]
    alarm = f" **{row.false}**" if row.false else ""
    claims = "yes" if j.case.claims_nfc else "no"
    shown = row.shown or "-"
    first = f"| {row.listed.commit} | {row.listed.truth} | {claims} | {j.verdict}{alarm} "
    return f"{first}| {' | '.join(cells)} | {shown} | {row.seconds:.1f} |"


def _explain(row: Row) -> None:
    if row.judgement is None:
        return
    print(f"    {row.judgement.case.subject}")
    for proof in row.judgement.proofs:
        if proof.verdict != "PASS" or proof.name in ("objects", "builds"):
            print(f"    {proof.verdict} {proof.name}: {proof.summary}")
            for f in proof.findings[:8]:
                print(f"        {f.where}: {f.what}")
    for why in row.judgement.why_not[:10]:
        print(f"    not shown: {why}")


def _total(rows: Sequence[Row]) -> str:
    out = []
    for truth in (SAME, CHANGES):
        mine = [(r, r.judgement) for r in rows if r.listed.truth == truth]
        some = [j for _, j in mine if j is not None]
        verdicts = sorted({j.verdict for j in some})
        counts = ", ".join(f"{sum(j.verdict == v for j in some)} {v}" for v in verdicts)
        shown = sum(bool(r.shown) for r, _ in mine)
        out.append(f"{len(some)} that are '{truth}': {counts}; {shown} shown to change nothing")
    left = sum(r.judgement is None for r in rows)
    built = sum(bool(r.built) for r in rows)
    false = sum(bool(r.false) for r in rows)
    return "\n".join([*out, f"{built} of {len(rows)} built; {left} not judged; {false} false verdicts"])


if __name__ == "__main__":
    sys.exit(main())
