"""Work: what a patch's rewrite made of a tree, and how it is kept for the next run.

It is kept by everything that it is made from: the tool's own code and the stages', the
libraries that read C, the configurations and the tree that the patch stands on.  What is
kept holds no commit, no message and no person's name; those are made in every run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..cache import Cache, digest
from ..edit.edits import Edit
from ..effect import Effect, Reach
from ..engine import engine, texts
from ..stage.declare import Patch, Stage, home_of

_KIND = "patches"


@dataclass(frozen=True)
class Work:
    """What a patch made of the files before it.

    :param tree: the hash of the git tree after it; "" where every use may stay as it is.
    :param patch_id: what ``git patch-id --stable`` says of it.
    :param changed: path to the new bytes; None for a file that goes.
    :param edits, facts, sites, stays, checked: as in :class:`xenstage.series.make.Made`.
    :param effects: those that the rewrite found for this tree; ``interface`` and ``reaches`` likewise.
    :param notes: what is said to the user.
    """

    tree: str
    patch_id: str = ""
    changed: Mapping[str, bytes | None] = field(default_factory=dict)
    edits: tuple[Edit, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    sites: dict[str, dict[str, int]] = field(default_factory=dict)
    stays: tuple[dict[str, Any], ...] = ()
    checked: dict[str, Any] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()
    interface: tuple[str, ...] = ()
    reaches: tuple[Reach, ...] = ()
    notes: tuple[str, ...] = ()


def code_of(stage: Stage, patch: Patch, homes: dict[Path, str]) -> str:
    """Names the code that makes a patch and what is declared of it; "" for a patch that was loaded from no folder.

    :param homes: what is known of directories of stages' folders; filled.
    """
    home = home_of(patch)
    if home is None:
        return ""
    if home not in homes:
        homes[home] = digest(*texts(home))
    declared = [repr(getattr(patch, f.name)) for f in fields(patch) if f.name != "rewrite"]
    check = getattr(stage.check, "__qualname__", "")
    return digest(engine(), homes[home], stage.label, repr(stage.keeps), check, *declared)


def keep(cache: Cache, key: str, work: Work) -> None:
    """Keep a patch's work; one that would not come back as it is stays unkept."""
    value = {
        "tree": work.tree,
        "patch_id": work.patch_id,
        "changed": {p: None if d is None else d.decode("utf-8", "surrogateescape") for p, d in work.changed.items()},
        "edits": [e.to_json() for e in work.edits],
        "facts": work.facts,
        "sites": work.sites,
        "stays": list(work.stays),
        "checked": work.checked,
        "effects": [e.to_json() for e in work.effects],
        "interface": list(work.interface),
        "reaches": [r.to_json() for r in work.reaches],
        "notes": list(work.notes),
    }
    try:
        same = _work(json.loads(json.dumps(value))) == work
    except (TypeError, ValueError):  # a stage may put down facts that are no JSON
        return
    if same:
        cache.put(_KIND, key, value)


def kept(cache: Cache, key: str) -> Work | None:
    """What :func:`keep` kept under a key; None where there is nothing usable."""
    value = cache.get(_KIND, key)
    try:
        return None if value is None else _work(value)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _work(value: dict[str, Any]) -> Work:
    texts = value["changed"].items()
    return Work(
        tree=value["tree"],
        patch_id=value["patch_id"],
        changed={p: None if t is None else t.encode("utf-8", "surrogateescape") for p, t in texts},
        edits=tuple(Edit.from_json(e) for e in value["edits"]),
        facts=value["facts"],
        sites=value["sites"],
        stays=tuple(value["stays"]),
        checked=value["checked"],
        effects=tuple(Effect.from_json(e) for e in value["effects"]),
        interface=tuple(value["interface"]),
        reaches=tuple(Reach.from_json(r) for r in value["reaches"]),
        notes=tuple(value["notes"]),
    )
