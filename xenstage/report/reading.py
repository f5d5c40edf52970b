"""read_out: everything that stands below an output directory, whoever wrote it there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import XenstageError
from ..index.sites import Site
from ..series.deliver import check_ours
from ..series.versions import EVIDENCE_SCHEMA
from .mail import Mail, read_mail

MATRIX_SCHEMA = "xenstage-matrix/1"


@dataclass(frozen=True)
class Version:
    """One version of a series, or what was found of somebody's patches.

    :param name: the series: "01_merge_hcall_tables"; of others' patches the evidence's directory.
    :param version: 1 for v1; 0 for what has none.
    :param place: the directory, relative to the output directory.
    :param evidence: evidence.json's value.
    :param sites: every use of the series' names before its first patch.
    :param mails: file name and mail of each patch, in order.
    :param logs: names of files below the place.
    :param wrong: why the directory is not as the tool wrote it; "" where it is.
    """

    name: str
    version: int
    place: str
    evidence: dict[str, Any]
    sites: tuple[Site, ...]
    cover: Mail | None
    mails: tuple[tuple[str, Mail], ...]
    logs: frozenset[str]
    wrong: str

    @property
    def patches(self) -> list[dict[str, Any]]:
        """The evidence of each patch."""
        rows: list[dict[str, Any]] = self.evidence["patches"]
        return rows


@dataclass(frozen=True)
class Out:
    """What an output directory holds.

    :param series: name to its versions, the latest last.
    :param others: evidence of patches that are no series of a stage.
    :param matrix: matrix.json's value, or None.
    :param boots: (place, outcome) of single boots.
    :param passed: places that look like evidence and cannot be read, with the reason.
    """

    series: dict[str, list[Version]]
    others: tuple[Version, ...]
    matrix: dict[str, Any] | None
    boots: tuple[tuple[str, dict[str, Any]], ...]
    passed: tuple[tuple[str, str], ...] = field(default=())


def read_out(out: Path) -> Out:
    """Read what is there; what cannot be read is told, and stops nothing."""
    series: dict[str, list[Version]] = {}
    others: list[Version] = []
    passed: list[tuple[str, str]] = []
    for path in sorted([*out.glob("*/v*/evidence.json"), *out.glob("*/evidence.json")]):
        place = path.parent
        number = re.fullmatch(r"v(\d+)", place.name)
        name = place.parent.name if number else place.name
        try:
            one = _version(out, place, name, int(number.group(1)) if number else 0)
        except (OSError, ValueError, KeyError, TypeError) as e:
            passed.append((place.relative_to(out).as_posix(), f"{type(e).__name__}: {e}"))
            continue
        if number:
            series.setdefault(name, []).append(one)
        else:
            others.append(one)
    for versions in series.values():
        versions.sort(key=lambda v: v.version)
    matrix, boots = None, list[tuple[str, dict[str, Any]]]()
    for path in sorted([*out.glob("matrix/matrix.json"), *out.glob("boot/*/outcome.json")]):
        where = path.parent.relative_to(out).as_posix()
        try:
            value = json.loads(path.read_bytes())
            if path.name == "matrix.json":
                if value["schema"] != MATRIX_SCHEMA:
                    raise ValueError(f"the schema {value['schema']}; this version reads {MATRIX_SCHEMA}")
                matrix = value
            else:
                boots.append((where, {k: value[k] for k in ("verdict", "reason", "seconds", "log", "command")}))
        except (OSError, ValueError, KeyError, TypeError) as e:
            passed.append((path.relative_to(out).as_posix(), f"{type(e).__name__}: {e}"))
    return Out(series, tuple(others), matrix, tuple(boots), tuple(passed))


def _version(out: Path, place: Path, name: str, number: int) -> Version:
    value = json.loads((place / "evidence.json").read_bytes())
    if value["schema"] != EVIDENCE_SCHEMA:
        raise ValueError(f"the schema {value['schema']}; this version reads {EVIDENCE_SCHEMA}")
    lacking = {k for p in value["patches"] for k in ("number", "subject", "tree", "proofs") if k not in p}
    if lacking:
        raise ValueError(f"a patch without {', '.join(sorted(lacking))}")
    sites: list[Site] = []
    if (place / "sites.json").exists():
        sites = [Site.from_json(s) for s in json.loads((place / "sites.json").read_bytes())["sites"]]
    every = [(p.name, read_mail(p.read_bytes())) for p in sorted(place.glob("[0-9]*.patch"))]
    cover = next((m for n, m in every if n.startswith("0000-")), None)
    mails = tuple((n, m) for n, m in every if not n.startswith("0000-"))
    logs = frozenset(p.relative_to(place).as_posix() for p in place.glob("logs/*") if p.is_file())
    return Version(
        name, number, place.relative_to(out).as_posix(), value, tuple(sites), cover, mails, logs, _wrong(place)
    )


def _wrong(place: Path) -> str:
    try:
        check_ours(place)
    except XenstageError as e:
        return f"{e.title}: {e.why}"
    return ""
