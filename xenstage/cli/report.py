"""xenstage report: everything that was proved below an output directory, as one page."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..cache import write_atomically
from ..errors import Exit, XenstageError

NAME = "report.html"


def add(verbs: Any) -> None:
    """Register the verb."""
    p = verbs.add_parser("report", help="write one page of everything that was proved and booted")
    p.add_argument("--out", metavar="DIR", default="out", help="where series, evidence and boots are (default: out)")
    p.add_argument("--json", action="store_true", help="print verdicts and anchors as data, too")
    p.set_defaults(function=main)


def main(args: argparse.Namespace) -> int:
    """Write the page and print where it is; what a verdict is does not matter here.

    :raises XenstageError: (OUTPUT) there is nothing to report, or the page cannot be written.
    """
    from ..report.page import report_page  # templates take a moment to load

    out = Path(args.out)
    page, summary = report_page(out)
    if not any(summary[k] for k in ("series", "others", "boots", "passed over")):
        raise XenstageError(
            Exit.OUTPUT,
            f"there is nothing to report in {out}",
            why="neither series nor evidence nor boots are there",
            remedy=f"xenstage verify 01 --out {out}",
        )
    place = out / NAME
    write_atomically(place, page)
    print(json.dumps({**summary, "page": str(place)}, indent=1) if args.json else place)
    return 0
