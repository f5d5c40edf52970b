"""preflight: what is missing before a version may be sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..mail.mailbox import patch_id, read_mail
from ..mail.overlay import place_of_overlay, read_overlay
from ..process import Runner
from ..prove.judge import NAMES
from ..series.changes import runs
from ..series.versions import Version, read_version, versions

_PREREQUISITE = re.compile(r"^prerequisite-patch-id: ([0-9a-f]+)$", re.M)


def preflight(version: Version, out: Path, runner: Runner) -> list[str]:
    """What is missing or does not fit, a line for each; nothing where the version is ready."""
    label = version.place.parent.name
    patches = version.value["patches"]
    if not patches:
        return ["it holds no patch"]
    rows = _signed(version) + _proved(version) + _words(version, out) + _prerequisites(version, out, runner)
    later = [n for n in versions(out, label) if n > version.number]
    if later:
        rows.append(f"v{later[-1]} stands beside it, and is what reviewers would want")
    if not version.value.get("recipients", {}).get("to"):
        rows.append("MAINTAINERS of the base names no list for it: give one, --to=LIST")
    return rows


def _signed(version: Version) -> list[str]:
    """A person signs off, before the cut; nobody else's line counts for the author's."""
    rows: dict[str, list[int]] = {}
    for number, path in enumerate(version.mails, 1):
        message = path.read_text(encoding="utf-8", errors="replace").partition("\n---\n")[0]
        if "\nSigned-off-by: " not in message:
            rows.setdefault("no Signed-off-by: --signoff adds yours, you alone can say it", []).append(number)
    return _each_once(rows)


def _each_once(rows: Mapping[str, Sequence[int]]) -> list[str]:
    """What several patches lack, in one line with their numbers."""
    spans = {
        what: ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs(numbers)) for what, numbers in rows.items()
    }
    return [f"{span}: {what}" for what, span in spans.items()]


def _proved(version: Version) -> list[str]:
    rows: dict[str, list[int]] = {}
    label = version.place.parent.name[:2]
    for p in version.value["patches"]:
        verdicts = {n: r["verdict"] for n, r in p["proofs"].items()}
        bad = sorted(n for n, v in verdicts.items() if v in ("FAIL", "INFRA", "SKIP"))
        unasked = [n for n in NAMES if n not in verdicts]
        if not verdicts:
            what = f"not proved: xenstage verify {label}"
        elif p.get("proved") != p["commit"]:
            what = f"verdicts that are older than the message: xenstage verify {label}"
        elif unasked:
            what = f"{', '.join(unasked)} not asked for: xenstage verify {label}"
        elif bad:
            what = ", ".join(f"{n} is {verdicts[n]}" for n in bad)
        else:
            continue
        rows.setdefault(what, []).append(p["number"])
    return _each_once(rows)


def _words(version: Version, out: Path) -> list[str]:
    """What stands in the overlay must stand in the mails, and must fit a patch."""
    path = place_of_overlay(out, version.place.parent.name, version.number)
    patches = {p.get("patch_id", ""): p for p in version.value["patches"]}
    rows = []
    for key, entry in read_overlay(path).patches.items():
        there = patches.get(key)
        if there is None:
            rows += [f"{path.name}: {t}: fits no patch of this version any more" for t in entry.tags or ("a section",)]
        elif list(entry.tags) != there.get("tags", []) or (entry.subject and entry.subject != there["subject"]):
            label, number = version.place.parent.name[:2], version.number
            if version.exported:
                following = max(versions(out, version.place.parent.name)) + 1
                where = f"not in the mails of v{number}, which are out: xenstage run {label} -v{following}"
            else:
                where = f"not in the mails yet: xenstage run {label}"
            rows.append(f"{path.name}: {there['subject']}: {where}")
    return rows


def _prerequisites(version: Version, out: Path, runner: Runner) -> list[str]:
    """The ids in the cover letter must be those of the mails of the series that it stands on."""
    covers = list(version.place.glob("0000-*.patch"))
    said = _PREREQUISITE.findall(covers[0].read_text(encoding="utf-8", errors="replace")) if covers else []
    if not said:
        return []
    rows, parent, found = [], str(version.value["parent"]), list[str]()
    for standing in _below(parent, str(version.value["base"]), out):
        found = [patch_id(read_mail(p.read_bytes()), runner) for p in standing.mails] + found
        if not standing.exported:
            name = standing.place.relative_to(out)
            rows.append(f"it stands on {name}, which was not exported: send that first, on its own")
    if not found:
        rows.append(f"the series that it stands on are not below {out} as it was made on them: make all of them again")
    elif found != said:
        rows.append("its prerequisite-patch-id lines are not those of the series that it stands on: make both again")
    return rows


def _below(parent: str, base: str, out: Path) -> Sequence[Version]:
    """The versions between a commit and the base, the nearest first, each found by its tip."""
    every = [
        v
        for label in sorted({p.parent.name for p in out.glob("[0-9]*_*/v*")})
        for n in versions(out, label)
        if (v := read_version(out, label, n)) is not None
    ]
    rows: list[Version] = []
    while parent != base:
        found = next((v for v in every if v.tip == parent and v.value["patches"]), None)
        if found is None:
            return []
        rows.append(found)
        parent = str(found.value["parent"])
    return rows
