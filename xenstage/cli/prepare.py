"""xenstage prepare: generated headers and compile databases, per configuration."""

from __future__ import annotations

import argparse
from typing import Any

from .common import add_tree_options, open_all


def add(verbs: Any) -> None:
    """Register the verb."""
    p = verbs.add_parser("prepare", help="prepare a tree for parsing (done by the other verbs when needed)")
    add_tree_options(p)
    p.set_defaults(function=main)


def main(args: argparse.Namespace) -> int:
    """Prepare, and print where."""
    opened = open_all(args)
    for prepared in opened.prepare_all():
        print(f"{prepared.config.name:20} {len(prepared.units):4} units  {prepared.root}")
    return 0
