"""xenstage export: hand one version to whoever sends it.  The tool itself sends nothing."""

from __future__ import annotations

import argparse
import json
import shlex
import time
from pathlib import Path
from typing import Any

from ..bundle import checkout
from ..cache import write_atomically
from ..errors import Exit, XenstageError
from ..mail.overlay import place_of_overlay
from ..process import Runner
from ..series.deliver import deliver
from ..series.export import as_mbox, b4_branch
from ..series.output import set_version
from ..series.versions import Version, read_version, versions
from ..stage.declare import find
from ..tree.isolation import run_on_users
from .common import Opened, add_tree_options, open_tree_of, stages
from .import_ import mark_exported
from .preflight import preflight
from .sample import SAMPLE
from .telling import bring
from .typed import typed


def add(verbs: Any) -> None:
    """Register the verb."""
    p = verbs.add_parser(
        "export", help="say what is missing before a series is sent, then hand it out: lines to type, an mbox, b4"
    )
    add_tree_options(p)
    p.add_argument("stage", nargs="+", metavar="STAGE", help="01, 02, …; one: a send is for one series")
    p.add_argument("-v", "--version-number", dest="version", metavar="N", type=int, help="default: the last one")
    p.add_argument("--out", metavar="DIR", default="out", help="where the series are (default: out)")
    p.add_argument("--mbox", metavar="FILE", type=Path, help="write the mails into one file, with To and Cc")
    p.add_argument("--b4", metavar="REPO", type=Path, help="make a new branch there that b4 sends from")
    p.add_argument("--anyway", action="store_true", help="although something is missing, which is printed")
    p.add_argument("--json", action="store_true", help="print what is missing and what to type as data")
    p.set_defaults(function=main)


def main(args: argparse.Namespace) -> int:
    """Look, hand out, and put down that the version was exported: its mails do not change any more."""
    if len(args.stage) > 1:
        raise XenstageError(
            Exit.USAGE,
            "one series a send",
            why=f"two series in one thread lose patches in b4, and their numbers mean nothing: {' '.join(args.stage)}",
            remedy="\n".join(f"xenstage export {s}" for s in args.stage),
        )
    label, out = find(stages(), args.stage[0]).label, Path(args.out)
    number = args.version or max(versions(out, label), default=1)
    with deliver(out) as delivery:
        version = read_version(out, label, number)
        if version is None:
            raise XenstageError(
                Exit.USAGE,
                f"there is no v{number} of {label} below {out}",
                why="only a version that was written can be exported",
                remedy=f"xenstage run {label[:2]} --out {out}",
            )
        opened = _open(args, version)
        missing = [typed(m, args) for m in preflight(version, out, Runner())]
        if not args.json:
            for row in missing:
                print(f"missing: {row}")
        elif missing and not args.anyway:
            print(json.dumps({"stage": label, "version": number, "missing": missing}, indent=1))
        if missing and not args.anyway:
            raise XenstageError(
                Exit.FAIL,
                f"{version.place} is not ready to be sent",
                why=f"{len(missing)} things are missing or do not fit, listed above",
                remedy="see to them; or, if you know better: the same line with --anyway",
            )
        bring(opened, version, out)
        with opened.cache.lock(f"refs-{opened.tree.base}"):
            stands = set_version(opened.tree.git, label, number, version.tip, exported=True)
        if stands != version.tip:
            raise XenstageError(
                Exit.OUTPUT,
                f"another v{number} of {label} was exported before",
                why=f"from another directory; its last commit is {stands[:12]}, here it is {version.tip[:12]}",
                remedy=f"what reviewers may have seen keeps its number: xenstage run {label[:2]} -v{number + 1}",
            )
        if args.mbox:
            _write_mbox(args.mbox, as_mbox(version))
        branch = None
        if args.b4:
            branch = b4_branch(version, opened.tree.git, args.b4, opened.runner, now=int(time.time()))
        if not version.exported:
            mark_exported(version, delivery, "b4" if args.b4 else "mbox" if args.mbox else "files")
            delivery.commit()
    told = _told(args, version, branch.name if branch else "", missing)
    print(json.dumps(told, indent=1) if args.json else _text(told))
    return 0


def _write_mbox(path: Path, data: bytes) -> None:
    """Write it, unless something else of the user's is there."""
    try:
        if path.exists() and path.read_bytes() != data:
            raise FileExistsError(0, "another file of this name is there", str(path))
        write_atomically(path, data)
    except OSError as e:
        raise XenstageError(
            Exit.OUTPUT,
            f"cannot write {path}",
            why=str(e.strerror),
            remedy="name another file, or move that one away: --mbox FILE",
        ) from e


def _open(args: argparse.Namespace, version: Version) -> Opened:
    """The tree at the version's base, which then is the one to name for the next version, unless HEAD is it."""
    sample, label = args.tree == SAMPLE, version.place.parent.name
    args.base = args.base if sample else str(version.value["base"])
    try:
        cache, runner, tree = open_tree_of(args)
    except XenstageError as e:
        if e.code is Exit.TREE:
            e.remedy += f"\nor name the clone that the series was made from: xenstage export {label[:2]} --tree DIR"
        raise
    if not sample and run_on_users(runner, tree.origin, ["rev-parse", "HEAD"]).text.strip() == args.base:
        args.base = "HEAD"
    return Opened(cache, runner, tree, ())


def called() -> str:
    """How this tool is called, to be typed anywhere."""
    top = checkout()
    return f"sh {shlex.quote(str(top / 'ci/xenstage.sh'))}" if top else "xenstage"


def _told(args: argparse.Namespace, version: Version, branch: str, missing: list[str]) -> dict[str, Any]:
    """What was handed out and what to type now."""
    label, number = version.place.parent.name, version.number
    lines: list[str] = []
    if args.mbox:
        lines.append(f"git am --empty=drop {shlex.quote(str(args.mbox))}")
    if branch:
        keys = ("patatt.signingkey", "user.signingkey")
        signs = any(run_on_users(Runner(), args.b4, ["config", "--get", k]).text.strip() for k in keys)
        unsigned = "" if signs else "--no-sign "  # b4 stops where it has no key
        lines.append(f"cd {shlex.quote(str(args.b4))} && git switch {branch} && b4 send {unsigned}--dry-run")
    if not lines:
        cmd = f"{called()} cc-cmd"
        lines.append(
            f"git send-email --dry-run --to-cmd={shlex.quote(cmd + ' --to')} --cc-cmd={shlex.quote(cmd)}"
            f" {shlex.quote(str(version.place))}/*.patch"
        )
    return {
        "stage": label,
        "version": number,
        "missing": missing,
        "mbox": str(args.mbox or ""),
        "branch": branch,
        "repository": str(args.b4 or ""),
        "type": lines,
        "overlay": str(place_of_overlay(Path(args.out), label, number)),
        "next": typed(f"xenstage run {label[:2]} -v{max(versions(Path(args.out), label)) + 1}", args),
        "import": typed("xenstage import MBOX", args),
    }


def _text(told: dict[str, Any]) -> str:
    """The same for people."""
    lines, rows = list(told["type"]), list[str]()
    if told["mbox"]:
        rows.append(f"mails: {told['mbox']}; on a clean clone: {lines.pop(0)}")
    if told["branch"]:
        rows.append(f"branch: {told['branch']} in {told['repository']}; to send it:")
        rows.append(f"    {lines.pop(0)}    # then without --dry-run")
    for line in lines:
        rows += ["to send it (first as it stands, then without --dry-run):", f"    {line}"]
    rows.append(f"{told['stage']} v{told['version']} keeps its mails from now on; your words for it: {told['overlay']}")
    rows.append(f"when answers come: {told['import']}, then {told['next']}")
    return "\n".join(rows)
