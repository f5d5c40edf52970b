"""write_series: the patches, cover letter, sites and evidence of a series.

They are staged for ``OUT/NN_name/vK`` and appear with all other series of the command
(:mod:`deliver`).  What stands there is replaced only if it is, byte for byte, what the
tool wrote.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import __version__
from ..cache import Cache
from ..mail.maintainers import recipients, sections_of, union
from ..tree.git import Git
from .deliver import Delivery
from .mails import Mailing, write_mails
from .make import Made, Series
from .versions import EVIDENCE_SCHEMA, Version, keep_frozen, place_of, versions


@dataclass(frozen=True)
class Edition:
    """What a version of a series has beside its commits.

    :param cover: by version, as text, what was new in it; ``patches`` the same by patch id.
    :param change_id: the series' name through its versions, in b4's form.
    """

    mailing: Mailing = field(default_factory=Mailing)
    cover: Mapping[str, list[str]] = field(default_factory=dict)
    patches: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)
    change_id: str = ""


def known_proofs(before: Version | None, base: str) -> dict[str, dict[str, Any]]:
    """What earlier proofs found of the patches of a version, by tree hash, with the tree before each.

    Nothing for a version on another base.
    """
    if before is None or before.value["base"] != base:
        return {}
    keys = ("proofs", "conclusion", "proved", "parent_tree")
    return {p["tree"]: {k: p.get(k) for k in keys} for p in before.value["patches"] if p["proofs"]}


def evidence_pages(place: Path) -> dict[str, bytes]:
    """The evidence for people that stands in the directory of a version."""
    page = place / "evidence.md"
    return {page.name: page.read_bytes()} if page.exists() else {}


def other_bases(out: Path, base: str) -> Iterable[tuple[Path, str]]:
    """Series of ours below ``out`` whose last version stands on another base commit, with that commit."""
    for label in sorted({p.parent.parent.name for p in out.glob("*/v*/evidence.json")}):
        place = out / place_of(label, max(versions(out, label), default=1))
        try:
            value = json.loads((place / "evidence.json").read_bytes())
            if value["schema"] == EVIDENCE_SCHEMA and value["base"] != base:
                yield place, str(value["base"])
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
    edition: Edition = Edition(),
) -> Path:
    """Stage one series and return the directory in which it was made; it appears with ``commit``.

    :param builds: build results by tree hash, as far as they are known.
    :param proofs: by tree hash, what the evidence says of a patch: "proofs" and "conclusion".
    :param extra: further files, path below the directory to bytes.
    :raises XenstageError: (OUTPUT) when the directory cannot be written or holds
        something that the tool did not write, or a version that may not change any more.
    """
    label, version = series.stage.label, edition.mailing.version
    name = place_of(label, version)
    fresh = delivery.stage(name)
    _fill(series, fresh, git, builds, proofs or {}, edition)
    keep_frozen(delivery.out, label, version, fresh)
    logs = delivery.place(name) / "logs"
    if logs.is_dir():
        shutil.copytree(logs, fresh / "logs")
    for path, data in (extra or {}).items():
        (fresh / path).parent.mkdir(exist_ok=True)
        (fresh / path).write_bytes(data)
    with cache.lock(f"refs-{series.base}"):
        set_version(git, label, version, series.tip)
    return fresh


def set_version(git: Git, label: str, version: int, tip: str, *, exported: bool = False) -> str:
    """Let the branch of a version name its tip, for ever if it is exported; the caller holds the lock.

    :returns: the commit that the branch names afterwards: another one, where a version of this
        number was exported from another directory.
    """
    mark, branch = f"refs/xenstage/exported/{label}/v{version}", f"xenstage/{label}/v{version}"
    frozen = git.run("rev-parse", "--verify", "--quiet", mark).text.strip()
    if frozen and frozen != tip:
        return frozen
    git.drop_ref(f"refs/heads/xenstage/{label}")  # of versions of this tool that knew one version only
    git.set_branch(branch, tip)
    if exported:
        git.need("update-ref", mark, tip)
    return tip


def _fill(
    series: Series,
    directory: Path,
    git: Git,
    builds: dict[str, Any],
    proofs: Mapping[str, Any],
    edition: Edition,
) -> None:
    mails = write_mails(series, directory, git, edition.mailing)
    (directory / "sites.json").write_text(json.dumps(series.index.to_json(), indent=1) + "\n")
    value = evidence(series, builds)
    value["version"] = edition.mailing.version
    value["changes"] = edition.cover
    value["change_id"] = edition.change_id
    for made, patch in zip(series.made, value["patches"], strict=True):
        patch.update(proofs.get(patch["tree"], {}))
        patch["changes"] = edition.patches.get(made.patch_id, {})
        patch["notes"] = edition.mailing.notes.get(made.patch_id, "")
    known = sections_of(git, series.base)
    each = [
        recipients(known, path.read_bytes().decode("utf-8", "replace")).with_cc(made.words.cc)
        for path, made in zip(mails, series.made, strict=True)
    ]
    for patch, who in zip(value["patches"], each, strict=True):
        patch["recipients"] = who.to_json()
    value["recipients"] = union(each).with_cc(edition.mailing.cover.cc).to_json()
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
        "guests": [g.to_json() for g in series.stage.guests],
        "patches": [_patch(i, made, builds) for i, made in enumerate(series.made, 1)],
    }


def _patch(number: int, made: Made, builds: dict[str, Any]) -> dict[str, Any]:
    return {
        "number": number,
        "subject": made.subject,
        "commit": made.commit,
        "tree": made.tree,
        "parent_tree": made.parent_tree,
        "patch_id": made.patch_id,
        "signoff": made.signoff,
        "tags": list(made.words.tags),
        "intended": list(made.patch.intended),
        "effects": [e.to_json() for e in made.patch.effects],
        "answers": [a.to_json() for a in made.patch.answers],
        "reaches": [r.to_json() for r in made.patch.reaches],
        "closed": made.patch.closed,
        "interface": list(made.patch.interface),
        "removes": list(made.patch.removes),
        "introduces": list(made.patch.introduces),
        "proofs": {},
        "conclusion": "",
        "proved": "",
        "facts": made.facts,
        "sites": made.sites,
        "stays": list(made.stays),
        "edits": [e.to_json() for e in made.edits],
        "checked": made.checked,
        "builds": builds.get(made.tree, {}),
    }
