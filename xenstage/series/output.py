"""write_series: the patches, cover letter, sites and evidence of a series, whole or not at all.

``OUT/NN_name/v1`` is made beside its final name and renamed.  What stands there is
replaced only if it is, byte for byte, what the tool wrote.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import __version__
from ..cache import Cache
from ..edit.edits import Edit
from ..errors import Exit, XenstageError
from ..tree.git import Git
from .mails import write_mails
from .make import Made, Series

EVIDENCE_SCHEMA = "xenstage-evidence/2"
MANIFEST = "manifest.json"


def known_proofs(out: Path, label: str, base: str) -> dict[str, dict[str, Any]]:
    """What earlier proofs found of patches that stand below ``out``, by tree hash.

    Nothing for a directory that is not ours, unchanged, of this schema and this base.
    """
    place = out / label / "v1"
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
    page = out / label / "v1" / "evidence.md"
    return {page.name: page.read_bytes()} if page.exists() else {}


def write_series(
    series: Series,
    out: Path,
    git: Git,
    builds: dict[str, Any],
    *,
    cache: Cache,
    proofs: Mapping[str, Any] | None = None,
    extra: Mapping[str, bytes] | None = None,
) -> Path:
    """Write one series below ``out`` and return its directory.

    :param builds: build results by tree hash, as far as they are known.
    :param proofs: by tree hash, what the evidence says of a patch: "proofs" and "conclusion".
    :param extra: further files, path below the directory to bytes.
    :raises XenstageError: (OUTPUT) when the directory cannot be written or holds
        something that the tool did not write.
    """
    final = out / series.stage.label / "v1"

    def fill(fresh: Path) -> None:
        _fill(series, fresh, git, builds, proofs or {})
        logs = final / "logs"
        if logs.is_dir():
            shutil.copytree(logs, fresh / "logs")
        for name, data in (extra or {}).items():
            (fresh / name).parent.mkdir(exist_ok=True)
            (fresh / name).write_bytes(data)

    write_whole(final, fill)
    with cache.lock(f"refs-{series.base}"):
        git.set_branch(f"xenstage/{series.stage.label}", series.tip)
    return final


def write_whole(final: Path, fill: Callable[[Path], None]) -> None:
    """Make a directory of ours anew, whole or not at all: what stood there stays until the end.

    :param fill: writes the files into the directory that it is given.
    :raises XenstageError: (OUTPUT) when the directory cannot be written or holds
        something that the tool did not write.
    """
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        _recover(final)
        check_ours(final)
        fresh = Path(tempfile.mkdtemp(dir=final.parent, prefix=".new-"))
    except OSError as e:
        raise XenstageError(
            Exit.OUTPUT,
            f"cannot write to {final.parent}",
            why=str(e),
            remedy="choose another directory: --out DIR",
        ) from e
    try:
        os.chmod(fresh, 0o755)
        fill(fresh)
        seal(fresh)
        _swap(fresh, final)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def seal(directory: Path) -> None:
    """Write the manifest: SHA-256 of every other file, by which the tool knows its own."""
    sums = {p.relative_to(directory).as_posix(): _sha(p) for p in _listing(directory)}
    (directory / MANIFEST).write_text(json.dumps(sums, indent=1, sort_keys=True) + "\n")


def check_ours(directory: Path) -> None:
    """Nothing, or what the tool wrote and nobody changed.

    :raises XenstageError: (OUTPUT) otherwise, naming the first strange file.
    """
    if not directory.exists():
        return
    try:
        sums = json.loads((directory / MANIFEST).read_bytes())
        assert isinstance(sums, dict)
        now = {p.relative_to(directory).as_posix(): _sha(p) for p in _listing(directory)}
        strange = sorted(n for n in {*sums, *now} if sums.get(n) != now.get(n))
    except (OSError, ValueError, AssertionError):
        strange = [MANIFEST]
    if strange:
        raise XenstageError(
            Exit.OUTPUT,
            f"{directory} holds something else than a series of ours",
            why=f"{strange[0]} is not what the tool wrote there",
            remedy=f"move it away, or choose another directory: --out DIR\nmv '{directory}' '{directory}.mine'",
        )


def _listing(directory: Path) -> list[Path]:
    return sorted(p for p in directory.rglob("*") if p.is_file() and p.name != MANIFEST)


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _recover(final: Path) -> None:
    """After a kill between two renames the old series stands under its second name."""
    old = final.with_name(f".old-{final.name}")
    if old.exists():
        if final.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(final)
    for left in final.parent.glob(".new-*"):
        shutil.rmtree(left, ignore_errors=True)


def _swap(fresh: Path, final: Path) -> None:
    old = final.with_name(f".old-{final.name}")
    if final.exists():
        final.rename(old)
    fresh.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def _fill(series: Series, directory: Path, git: Git, builds: dict[str, Any], proofs: Mapping[str, Any]) -> None:
    write_mails(series, directory, git)
    (directory / "sites.json").write_text(json.dumps(series.index.to_json(), indent=1) + "\n")
    value = evidence(series, builds)
    for patch in value["patches"]:
        patch.update(proofs.get(patch["tree"], {}))
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
        "edits": [_edit(e) for e in made.edits],
        "checked": made.checked,
        "builds": builds.get(made.tree, {}),
    }


def _edit(edit: Edit) -> dict[str, Any]:
    row = asdict(edit)
    row["expected"] = edit.expected.decode("utf-8", "backslashreplace")
    row["new"] = edit.new.decode("utf-8", "backslashreplace")
    return row
