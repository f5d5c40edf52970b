"""Cases made of two texts, for proofs that need neither git nor a build."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from xenstage.effect import Effect
from xenstage.index.sweep import Files
from xenstage.prove.case import Case, Declared
from xenstage.prove.result import Proof
from xenstage.prove.source.lifetimes import prove_lifetimes
from xenstage.prove.source.predicates import prove_predicates

SAMPLE = Path(__file__).resolve().parent.parent / "sample/tree"
CREATE = "xen/common/domain.c"
SCHED = "xen/include/xen/sched.h"


def sample_files() -> Files:
    """The sample tree as it is in the checkout."""
    tracked = {str(p.relative_to(SAMPLE)): "100644" for p in sorted(SAMPLE.rglob("*")) if p.is_file()}
    return Files(SAMPLE, tracked, {})


def edited(files: Files, *edits: tuple[str, str, str]) -> Files:
    """Files with texts replaced: (path, old text or pattern, new text); each must be there."""
    over: dict[str, bytes] = {}
    for path, old, new in edits:
        data = over.get(path, files.read(path) if path in files.tracked else b"").decode()
        if old in data:
            out = data.replace(old, new)
        else:
            out, n = re.subn(old, new, data, flags=re.M | re.S)
            assert n, f"{path} has no {old}"
        over[path] = out.encode()
    return files.with_overlay(over)


def added(files: Files, path: str, text: str) -> Files:
    """Files with a text put behind a file, or with a new file of it."""
    before = files.read(path) if path in files.tracked else b""
    tracked: Mapping[str, str] = {**files.tracked, path: "100644"}
    return Files(files.root, tracked, {**files.overlay, path: before + text.encode()}, memo=files.memo)


def case_of(before: Files, after: Files, *effects: Effect) -> Case:
    """The patch between two trees."""
    paths = {*before.overlay, *after.overlay}
    changed = tuple(
        sorted(p for p in paths if p not in before.tracked or p not in after.tracked or before.read(p) != after.read(p))
    )
    return Case(1, "s", "s\n", "a", "b", before, after, changed, Declared(effects=effects))


def verdicts(case: Case) -> tuple[Proof, Proof]:
    """predicates and lifetimes."""
    return prove_predicates(case), prove_lifetimes(case)


def told(proof: Proof) -> str:
    """A proof in a few lines, for assertions."""
    return "\n".join([f"{proof.name} {proof.verdict}", *(f"{f.where}: {f.what}" for f in proof.findings)])


def on_disk(files: Files, place: Path) -> Files:
    """The same files as a checkout of their own, without an overlay."""
    for path in files.tracked:
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(files.read(path))
    return Files(place, files.tracked, {})
