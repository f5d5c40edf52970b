"""xenstage pipeline: the GitLab pipelines of tests, series, proofs, boots and the page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..cache import write_atomically
from .common import stages


def add(verbs: Any) -> None:
    """Register the verb."""
    p = verbs.add_parser("pipeline", help="write .gitlab-ci.yml and ci/boot.gitlab-ci.yml")
    p.add_argument("--out", metavar="DIR", default=".", help="the top of the clone of xenstage (default: here)")
    p.add_argument("--every-patch", action="store_true", help="boot every patch, not only each stage's last")
    p.set_defaults(function=main)


def main(args: argparse.Namespace) -> int:
    """Write them, and print their paths."""
    from ..report.pipeline import pipelines  # templates take a moment to load

    patches = {s.label: len(s.patches) for s in stages().values() if s.whole and s.defect is None}
    for name, text in pipelines(patches, every_patch=args.every_patch).items():
        path = Path(args.out) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
        print(path)
    return 0
