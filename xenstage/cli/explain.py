"""xenstage explain: what a stage declares, and what every stage is."""

from __future__ import annotations

import argparse
import inspect
import sys
from typing import Any

from ..stage.declare import find
from .common import stages


def add(verbs: Any) -> None:
    """Register the verb."""
    p = verbs.add_parser("explain", help="say what the stages do")
    p.add_argument("stage", nargs="?", help="01, 02, …; all in a line each without it")
    p.set_defaults(function=main)


def main(args: argparse.Namespace) -> int:
    """Print the declarations."""
    known = stages()
    if args.stage is not None and (defect := find(known, args.stage).defect) is not None:
        raise defect
    for stage in known.values():
        if args.stage is None:
            state = f"{len(stage.patches)} patches" if stage.patches else "not written yet"
            state = "broken" if stage.defect else state
            print(f"{stage.label:26} {state:16} {stage.title}")
        elif stage == find(known, args.stage):
            module = sys.modules[f"xenstage_stage_{stage.label}"]
            print(inspect.getdoc(module) or stage.title)
            for i, patch in enumerate(stage.patches, 1):
                print(f"\n{i}/{len(stage.patches)} {patch.subject}")
                print(f"    looks at:   {', '.join(patch.names) or '-'}")
                print(f"    removes:    {', '.join(patch.removes) or '-'}")
                print(f"    introduces: {', '.join(patch.introduces) or '-'}")
                print(f"    a guest sees: {'; '.join(patch.intended) or 'no difference'}")
            if stage.keeps:
                print(f"\nkeeps every use of {', '.join(stage.keeps)}")
    return 0
