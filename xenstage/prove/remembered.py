"""remembered: a proof that reads the sources alone, kept by all that it was made from.

By the tool's own code, the files of both sides, what is declared and what the message says: a verdict
is the same whatever ran before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from ..cache import Cache, digest, sha256_of
from ..engine import engine
from ..index.sweep import Files
from .case import Case
from .result import Proof

_KIND = "proofs"


def remembered(name: str, case: Case, cache: Cache, prove: Callable[[], Proof], beside: str = "") -> Proof:
    """What the proof says of a case, from the cache where it was asked before.

    :param beside: what else it is made from.

    One that would not come back as it is stays unkept.
    """
    sides = (_content(case.before), _content(case.after))
    said = (str(case.number), case.message, repr(case.declared), beside, *case.changed)
    key = digest(engine(), name, *sides, *said)
    value = cache.get(_KIND, key)
    try:
        if value is not None:
            return Proof.from_json(name, value)
    except (KeyError, TypeError, ValueError, AttributeError):
        pass  # unreadable means absent
    proof = prove()
    try:
        same = Proof.from_json(name, json.loads(json.dumps(proof.to_json()))) == proof
    except (TypeError, ValueError):
        return proof
    if same:
        cache.put(_KIND, key, proof.to_json())
    return proof


def _content(files: Files) -> str:
    """Names the bytes of a side."""
    rows = (f"{p}={sha256_of(data)}" for p, data in sorted(files.overlay.items()))
    modes = (f"{p}={mode}" for p, mode in sorted(files.tracked.items()))
    return digest(files.key or str(files.root), "\0".join(rows), "\0".join(modes), "\0".join(sorted(files.gone)))
