"""xenstage man: the manual page."""

from __future__ import annotations

import argparse
from typing import Any

from .. import __version__


def add(verbs: Any) -> None:
    """Register the verb."""
    p = verbs.add_parser("man", help="print the manual page: xenstage man | man -l -")
    p.set_defaults(function=main)


def main(args: argparse.Namespace) -> int:
    """Print it; the same version gives the same page."""
    from argparse_manpage.manpage import Manpage

    about = {
        "project_name": "xenstage",
        "version": __version__,
        "date": __version__,  # not the day
        "manual_title": "xenstage",
        "description": "staged refactoring of the Xen hypervisor",
    }
    print(Manpage(args.parser, about))
    return 0
