"""xenstage cc-cmd: who gets a patch, one address a line, as git send-email asks for them."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from ..errors import Exit, XenstageError
from ..mail.maintainers import Recipients, recipients, sections_of, union
from ..series.deliver import MANIFEST
from .common import add_tree_options, open_tree_of

_BASE = re.compile(rb"^base-commit: ([0-9a-f]{40,64})$", re.M)


def add(verbs: Any) -> None:
    """Register the verb."""
    p = verbs.add_parser(
        "cc-cmd",
        help="print who a patch goes to by MAINTAINERS, for git send-email --cc-cmd and --to-cmd",
        description="git send-email --to-cmd='xenstage cc-cmd --to' --cc-cmd='xenstage cc-cmd' out/01_*/v1/*.patch",
    )
    add_tree_options(p)
    p.add_argument("file", metavar="FILE", type=Path, help="a patch, or the cover letter of the patches beside it")
    p.add_argument("--to", action="store_true", help="the lists alone (default: the people alone)")
    p.add_argument("--json", action="store_true", help="print both, as data")
    p.set_defaults(function=main)


def main(args: argparse.Namespace) -> int:
    """Print the addresses.

    A mail of a series of ours is looked up in the evidence beside it; of any other, MAINTAINERS of
    its base commit is read.
    """
    try:
        data = args.file.read_bytes()
    except OSError as e:
        raise XenstageError(
            Exit.USAGE,
            f"{args.file} cannot be read",
            why=str(e.strerror),
            remedy="name a file that git format-patch or xenstage run wrote",
        ) from e
    said = _of_ours(args.file, data) or _read(args, data)
    if args.json:
        print(json.dumps({k: said[k] for k in ("to", "cc")}, indent=1))
        return 0
    for line in said["to" if args.to else "cc"]:
        print(line)
    return 0


def _of_ours(path: Path, data: bytes) -> dict[str, list[str]] | None:
    """What the evidence beside a mail says of it; None where it is not, byte for byte, what the tool wrote."""
    try:
        sums = json.loads((path.parent / MANIFEST).read_bytes())
        if sums[path.name] != hashlib.sha256(data).hexdigest():
            return None
        value = json.loads((path.parent / "evidence.json").read_bytes())
        number = int(path.name.partition("-")[0])
        said: dict[str, list[str]] = (value["patches"][number - 1] if number else value)["recipients"]
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
    return said


def _read(args: argparse.Namespace, data: bytes) -> dict[str, list[str]]:
    named = {m.group(1).decode() for m in _BASE.finditer(data)}
    if args.base == "HEAD" and len(named) == 1:
        args.base = named.pop()
    tree = open_tree_of(args)[2]
    known = sections_of(tree.git, tree.base)
    if args.file.name.startswith("0000-"):
        beside = sorted(p for p in args.file.parent.glob("[0-9]*.patch") if not p.name.startswith("0000-"))
        return union(_who(known, p.read_bytes()) for p in beside).to_json()
    return _who(known, data).to_json()


def _who(known: Any, data: bytes) -> Recipients:
    return recipients(known, data.decode("utf-8", "replace"))
