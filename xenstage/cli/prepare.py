"""xenstage prepare: generated headers and compile databases, per configuration."""

from __future__ import annotations

import argparse
import json
from typing import Any

from .common import add_tree_options, open_all


def add(verbs: Any) -> None:
    """Register the verb."""
    p = verbs.add_parser("prepare", help="prepare a tree for parsing (done by the other verbs when needed)")
    add_tree_options(p)
    p.add_argument("--json", action="store_true", help="print the data")
    p.set_defaults(function=main)


def main(args: argparse.Namespace) -> int:
    """Prepare, and print where."""
    opened = open_all(args)
    every = opened.prepare_all()
    if args.json:
        print(json.dumps([{"configuration": p.config.name, "units": len(p.units), "root": str(p.root)} for p in every]))
        return 0
    for prepared in every:
        print(f"{prepared.config.name:20} {len(prepared.units):4} units  {prepared.root}")
    return 0
