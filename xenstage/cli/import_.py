"""xenstage import: tags from a thread into the overlay of the version that it is about."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from ..cache import write_atomically
from ..errors import Exit, XenstageError
from ..mail.mailbox import patch_id, read_mails
from ..mail.overlay import Overlay, add_tags, place_of_overlay, read_overlay, render_overlay
from ..mail.thread import Thread, threads_in
from ..process import Runner
from ..series.deliver import Delivery, deliver
from ..series.versions import EXPORTED, Version, place_of, read_version, versions
from .typed import typed


def add(verbs: Any) -> None:
    """Register the verb."""
    p = verbs.add_parser("import", help="take Acked-by and other tags from a thread into the overlay of a version")
    p.add_argument("mailbox", metavar="MBOX|DIR", type=Path, help="an mbox, a maildir, or a directory of .eml files")
    p.add_argument("--out", metavar="DIR", default="out", help="where the series are (default: out)")
    p.add_argument("--json", action="store_true", help="print what was taken and what was not as data")
    p.set_defaults(function=main)


def main(args: argparse.Namespace) -> int:
    """Write the overlays; prints what was taken and what was not, with the reason."""
    mails = read_mails(args.mailbox)
    out, runner = Path(args.out), Runner()
    found = [(t, v) for t in threads_in(mails) for v in _all_versions(out) if _is_of(t, v, runner)]
    if not found:
        raise XenstageError(
            Exit.USAGE,
            f"{args.mailbox} is about no series below {out}",
            why="no patch in it, and no answer, has the subject and version of a patch that stands there",
            remedy="name the output directory that the series was sent from: --out DIR",
        )
    with deliver(out) as delivery:
        told = [_take(thread, version, delivery, runner) for thread, version in found]
        delivery.commit()
    for each in told:
        each["next"] = typed(each["next"], args)
    print(json.dumps(told, indent=1) if args.json else "\n".join(row for t in told for row in _rows(t)))
    return 0


def _rows(told: dict[str, Any]) -> list[str]:
    """What became of a thread, for people."""
    label = told["stage"]
    rows = [f"{label} v{t['version']}: {t['subject']}: {t['tag']}{'' if t['fits'] else DROPPED}" for t in told["tags"]]
    rows += [f"{label} v{told['version']}: not taken: {line}" for line in told["left"]]
    return rows + ([f"{label}: for the next version: {told['next']}"] if told["tags"] else [])


DROPPED = " dropped: the patch's diff is another in it"


def _all_versions(out: Path) -> list[Version]:
    labels = sorted({p.parent.name for p in out.glob("[0-9]*_*/v*")})
    found = [read_version(out, label, n) for label in labels for n in versions(out, label)]
    return [v for v in found if v is not None]


def _is_of(thread: Thread, version: Version, runner: Runner) -> bool:
    """Whether a thread is about a version: by the diff of a patch in it, else by number and subject."""
    if thread.version != version.number:
        return False
    if thread.patches:
        return any(patch_id(m, runner) in version.subjects for m in thread.patches.values())
    subjects = {n: p["subject"] for n, p in enumerate(version.value["patches"], 1)}
    return any(subjects.get(n) == s for n, s in thread.subjects.items())


def _take(thread: Thread, version: Version, delivery: Delivery, runner: Runner) -> dict[str, Any]:
    label, rows = version.place.parent.name, list[dict[str, Any]]()
    patches = dict(enumerate(version.value["patches"], 1))
    wanted: dict[str, list[str]] = {}
    for number, tags in sorted(thread.tags.items()):
        for n in patches if number == 0 else [number]:
            mail = thread.patches.get(n)
            if n not in patches:
                thread.left += [f"{t}: there is no patch {n}" for t in tags]
            elif mail is not None and patch_id(mail, runner) != patches[n]["patch_id"]:
                thread.left += [f"{t}: the patch {n} that it is for is another than {version.place} has" for t in tags]
            else:
                wanted.setdefault(patches[n]["patch_id"], []).extend(tags)
    if thread.patches and not version.exported:
        mark_exported(version, delivery, "mail")
    titles = {p["patch_id"]: p["subject"] for p in patches.values()}
    for number in [n for n in versions(delivery.out, label) if n >= version.number]:
        later = read_version(delivery.out, label, number)
        here = {k: t for k, t in wanted.items() if later is not None and k in later.subjects}
        path = place_of_overlay(delivery.out, label, number)
        read_overlay(path)  # what cannot be read is left as it is
        text = path.read_text() if path.exists() else render_overlay(f"{label} v{number}", Overlay())
        fresh = text
        for key, tags in here.items():
            fresh = add_tags(fresh, key, titles[key], tags)
        if fresh != text:
            write_atomically(path, fresh.encode())
        for key, tags in wanted.items():
            about = {"version": number, "subject": titles[key], "fits": key in here}
            rows += [{**about, "tag": tag} for tag in dict.fromkeys(tags)]
    coming = f"xenstage run {label[:2]} -v{max(versions(delivery.out, label)) + 1}"
    return {"stage": label, "version": version.number, "tags": rows, "left": list(thread.left), "next": coming}


def mark_exported(version: Version, delivery: Delivery, how: str) -> None:
    """Put down in the directory of a version that it left the house, with the words that it had by then.

    It appears with ``commit``.
    """
    label = version.place.parent.name
    fresh = delivery.stage(place_of(label, version.number))
    shutil.copytree(version.place, fresh, dirs_exist_ok=True)
    overlay = place_of_overlay(delivery.out, label, version.number)
    read_overlay(overlay)  # what cannot be read is no words of it
    words = overlay.read_text(encoding="utf-8") if overlay.exists() else ""
    mark = {"as": how, "commit": version.tip, "words": words}
    (fresh / EXPORTED).write_text(json.dumps(mark, indent=1, sort_keys=True) + "\n")
