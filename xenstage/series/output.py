"""write_series: the patches, cover letter, sites and evidence of a series.

They are staged for ``OUT/NN_name/v1`` and appear with all other series of the command
(:mod:`deliver`).  What stands there is replaced only if it is, byte for byte, what the
tool wrote.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .. import __version__
from ..cache import Cache
from ..errors import XenstageError
from ..mail.maintainers import recipients, sections_of, union
from ..tree.git import Git
from .deliver import Delivery, check_ours
from .mails import write_mails
from .make import Made, Series

EVIDENCE_SCHEMA = "xenstage-evidence/2"


def place_of(label: str) -> str:
    """Where a series stands below an output directory."""
    return f"{label}/v1"


def known_proofs(out: Path, label: str, base: str) -> dict[str, dict[str, Any]]:
    """What earlier proofs found of patches that stand below ``out``, by tree hash.

    Nothing for a directory that is not ours, unchanged, of this schema and this base.
    """
    place = out / place_of(label)
    try:
        check_ours(place)
        value = json.loads((place / "evidence.json").read_bytes())
        if value["schema"] != EVIDENCE_SCHEMA or value["base"] != base:
            return {}
        return {p["tree"]: {k: p[k] for k in ("proofs", "conclusion")} for p in value["patches"] if p["proofs"]}
    except (OSError, ValueError, KeyError, TypeError, XenstageError):
        return {}


def evidence_pages(out: Path, label: str) -> dict[str, bytes]:
    """The evidence for people that stands below ``out``."""
    page = out / place_of(label) / "evidence.md"
    return {page.name: page.read_bytes()} if page.exists() else {}


def other_bases(out: Path, base: str) -> Iterable[tuple[Path, str]]:
    """Series of ours below ``out`` that stand on another base commit, with that commit."""
    for page in sorted(out.glob("*/v1/evidence.json")):
        try:
            value = json.loads(page.read_bytes())
            if value["schema"] == EVIDENCE_SCHEMA and value["base"] != base:
                yield page.parent, str(value["base"])
        except (OSError, ValueError, KeyError, TypeError):
            continue


def write_series(
    series: Series,
    delivery: Delivery,
    git: Git,
    builds: dict[str, Any],
    *,
    cache: Cache,
    proofs: Mapping[str, Any] | None = None,
    extra: Mapping[str, bytes] | None = None,
) -> Path:
    """Stage one series and return the directory in which it was made; it appears with ``commit``.

    :param builds: build results by tree hash, as far as they are known.
    :param proofs: by tree hash, what the evidence says of a patch: "proofs" and "conclusion".
    :param extra: further files, path below the directory to bytes.
    :raises XenstageError: (OUTPUT) when the directory cannot be written or holds
        something that the tool did not write.
    """
    name = place_of(series.stage.label)
    fresh = delivery.stage(name)
    _fill(series, fresh, git, builds, proofs or {})
    logs = delivery.place(name) / "logs"
    if logs.is_dir():
        shutil.copytree(logs, fresh / "logs")
    for path, data in (extra or {}).items():
        (fresh / path).parent.mkdir(exist_ok=True)
        (fresh / path).write_bytes(data)
    with cache.lock(f"refs-{series.base}"):
        git.set_branch(f"xenstage/{series.stage.label}", series.tip)
    return fresh


def _fill(series: Series, directory: Path, git: Git, builds: dict[str, Any], proofs: Mapping[str, Any]) -> None:
    mails = write_mails(series, directory, git)
    (directory / "sites.json").write_text(json.dumps(series.index.to_json(), indent=1) + "\n")
    value = evidence(series, builds)
    for patch in value["patches"]:
        patch.update(proofs.get(patch["tree"], {}))
    known = sections_of(git, series.base)
    each = [recipients(known, m.read_bytes().decode("utf-8", "replace")) for m in mails]
    for patch, who in zip(value["patches"], each, strict=True):
        patch["recipients"] = who.to_json()
    value["recipients"] = union(each).to_json()
    write_evidence(directory, value)


def write_evidence(directory: Path, value: dict[str, Any]) -> None:
    """Write ``evidence.json``."""
    (directory / "evidence.json").write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def evidence(series: Series, builds: dict[str, Any]) -> dict[str, Any]:
    """The evidence file's value: what was changed and why, what was counted, what was built."""
    return {
        "schema": EVIDENCE_SCHEMA,
        "tool": __version__,
        "stage": series.stage.label,
        "base": series.base,
        "parent": series.parent,
        "coverage": series.index.coverage(),
        "kept": series.kept,
        "keeps": list(series.stage.keeps),
        "patches": [_patch(i, made, builds) for i, made in enumerate(series.made, 1)],
    }


def _patch(number: int, made: Made, builds: dict[str, Any]) -> dict[str, Any]:
    return {
        "number": number,
        "subject": made.patch.subject,
        "commit": made.commit,
        "tree": made.tree,
        "intended": list(made.patch.intended),
        "effects": [e.to_json() for e in made.patch.effects],
        "removes": list(made.patch.removes),
        "introduces": list(made.patch.introduces),
        "proofs": {},
        "conclusion": "",
        "facts": made.facts,
        "sites": made.sites,
        "stays": list(made.stays),
        "edits": [e.to_json() for e in made.edits],
        "checked": made.checked,
        "builds": builds.get(made.tree, {}),
    }
