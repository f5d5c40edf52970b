"""Versions of a stage's series below an output directory: ``OUT/NN_name/v1``, ``v2``, …

A version that was exported (:data:`EXPORTED` lies in it, which ``xenstage export`` and ``xenstage
import`` write), or that has a successor, keeps its mails for ever: :func:`keep_frozen`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Exit, XenstageError
from .deliver import check_ours

EVIDENCE_SCHEMA = "xenstage-evidence/2"
EXPORTED = "exported.json"
_VERSION = re.compile(r"v([1-9]\d*)")


def place_of(label: str, version: int = 1) -> str:
    """Where a version of a series stands below an output directory."""
    return f"{label}/v{version}"


def versions(out: Path, label: str) -> list[int]:
    """The versions that stand below an output directory, in order."""
    found = [m for p in (out / label).glob("v*") if p.is_dir() and (m := _VERSION.fullmatch(p.name))]
    return sorted(int(m.group(1)) for m in found)


def choose(out: Path, label: str, asked: int | None) -> int:
    """The version that is meant: the one asked for, else the last one, else the first.

    :raises XenstageError: (USAGE) for one that would leave a gap.
    """
    last = max(versions(out, label), default=0)
    if asked is None:
        return max(last, 1)
    if not 1 <= asked <= last + 1:
        raise XenstageError(
            Exit.USAGE,
            f"there can be no v{asked} of {label} yet",
            why=f"the last one below {out} is v{last}" if last else f"there is none below {out}",
            remedy=f"xenstage run {label[:2]} -v{last + 1} --out {out}",
        )
    return asked


@dataclass(frozen=True)
class Version:
    """A version as it stands below an output directory.

    :param value: its evidence.
    """

    number: int
    place: Path
    value: Mapping[str, Any]

    @property
    def exported(self) -> bool:
        """Whether it left the house."""
        return (self.place / EXPORTED).is_file()

    @property
    def words(self) -> str | None:
        """The overlay as it was when the version was exported; None for one that was not, or does not say."""
        if not self.exported:
            return None
        mark = json.loads((self.place / EXPORTED).read_bytes())
        return str(mark["words"]) if "words" in mark else None

    @property
    def tip(self) -> str:
        """The last patch's commit."""
        patches = self.value["patches"]
        return str(patches[-1]["commit"] if patches else self.value["parent"])

    @property
    def mails(self) -> list[Path]:
        """The patches, without the cover letter."""
        return [p for p in sorted(self.place.glob("[0-9]*.patch")) if not p.name.startswith("0000-")]

    @property
    def subjects(self) -> dict[str, str]:
        """The patches' subjects by patch id."""
        return {p.get("patch_id", ""): p["subject"] for p in self.value["patches"]}


def read_version(out: Path, label: str, number: int) -> Version | None:
    """A version that stands below an output directory; None where it does not.

    Nor is one that was written before this tool knew versions: it is replaced as it was then.

    :raises XenstageError: (OUTPUT) it is not, byte for byte, what the tool wrote; (USAGE) another
        version of the tool wrote it.
    """
    place = out / place_of(label, number)
    if not place.is_dir():
        return None
    check_ours(place)
    try:
        value = json.loads((place / "evidence.json").read_bytes())
        schema = value["schema"]
    except (OSError, ValueError, KeyError, TypeError):
        schema = "none that can be read"
    if schema != EVIDENCE_SCHEMA:
        raise XenstageError(
            Exit.USAGE,
            f"{place}/evidence.json has the schema {schema}",
            why=f"this version reads {EVIDENCE_SCHEMA}",
            remedy=f"mv '{place}' '{place}.old', and make the series again: xenstage run {label[:2]}",
        )
    return Version(number, place, value) if "version" in value else None


def keep_frozen(out: Path, label: str, number: int, fresh: Path) -> None:
    """Stop where a version whose mails may not change any more would get others.

    What is known beside the mails (builds, proofs) may become more.  The mark of an export goes on.

    :param fresh: the directory that would take its place.
    :raises XenstageError: (OUTPUT) naming the first mail that would be another.
    """
    there = out / place_of(label, number)
    mark, later = there / EXPORTED, [n for n in versions(out, label) if n > number]
    if not mark.is_file() and not later:
        return
    old, new = ({p.name: p.read_bytes() for p in d.glob("*.patch")} for d in (there, fresh))
    if old != new:
        other = min(n for n in {*old, *new} if old.get(n) != new.get(n))
        why = f"v{number} was exported" if mark.is_file() else f"v{later[0]} says what changed since v{number}"
        following = max([number, *later]) + 1
        raise XenstageError(
            Exit.OUTPUT,
            f"{there} is not touched: its mails would be others",
            why=f"{why}; the first that would be another is {other}",
            remedy=f"make a new version beside it: xenstage run {label[:2]} -v{following} --out {out}",
        )
    if mark.is_file():
        (fresh / EXPORTED).write_bytes(mark.read_bytes())
