"""xenstage overlay: a section for each patch in the file of your own words."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..cache import write_atomically
from ..errors import Exit, XenstageError
from ..mail.overlay import Entry, Overlay, place_of_overlay, read_overlay, render_entry, render_overlay
from ..series.deliver import deliver
from ..series.versions import choose, read_version
from ..stage.declare import find
from .common import stages


def add(verbs: Any) -> None:
    """Register the verb."""
    p = verbs.add_parser("overlay", help="begin the file of your own words for a version: subject, text, tags, notes")
    p.add_argument("stage", metavar="STAGE", help="01, 02, …")
    p.add_argument("-v", "--version-number", dest="version", metavar="N", type=int, help="default: the last one")
    p.add_argument("--out", metavar="DIR", default="out", help="where the series are (default: out)")
    p.add_argument("--json", action="store_true", help="print where it is and what was added as data")
    p.set_defaults(function=main)


def main(args: argparse.Namespace) -> int:
    """Add what is missing, and print where the file is."""
    label, out = find(stages(), args.stage).label, Path(args.out)
    number = choose(out, label, args.version)
    version = read_version(out, label, number)
    if version is None:
        raise XenstageError(
            Exit.USAGE,
            f"there is no v{number} of {label} below {out}",
            why="words are kept by the diffs of a version's patches",
            remedy=f"xenstage run {label[:2]} --out {out}",
        )
    path = place_of_overlay(out, label, number)
    with deliver(out):
        there = read_overlay(path).patches
        text = path.read_text() if path.exists() else render_overlay(f"{label} v{number}", Overlay())
        rows = [
            render_entry(p["patch_id"], Entry(p["subject"]))
            for p in version.value["patches"]
            if p["patch_id"] not in there
        ]
        if rows:
            write_atomically(path, "\n".join([text.rstrip("\n"), "", *rows]).encode())
    added = {"stage": label, "version": number, "overlay": str(path), "added": len(rows)}
    print(json.dumps(added, indent=1) if args.json else path)
    return 0
