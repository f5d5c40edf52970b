"""crowd: many runs at once, with a cold and a warm cache, with one output directory and with several."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial

from xenstage.series.deliver import STAGING

from .kit import Answer, Ground, Trial
from .place import PREPARE, RUN, Place, Reference, reference, same

CHECK = ("verify", "01", "--build-config", "none")
SKIPPED = 8  # verify without a build


def trials(ground: Ground) -> Iterator[Trial]:
    """Every one of them must end as it does alone."""
    count = 40 if ground.full else 3
    whole = reference(ground)
    for warm in (False, True):
        word = "warm" if warm else "cold"
        if not ground.full and warm:
            continue
        yield Trial("crowd", f"{count} runs, {word}, one --out", partial(_one, ground, whole, count, warm))
        yield Trial("crowd", f"{count} of three verbs, {word}", partial(_several, ground, whole, count, warm))


def _place(ground: Ground, whole: Reference, warm: bool) -> Place:
    if warm:
        whole.of(RUN)
        return whole.copy(ground.root / "crowd")
    return Place(ground.root / "crowd")


def _one(ground: Ground, whole: Reference, count: int, warm: bool) -> Answer:
    wanted = whole.of(RUN)
    place = _place(ground, whole, warm)
    try:
        out = place.root / "out"
        ended = [s.wait() for s in [place.start(RUN, out) for _ in range(count)]]
        bad = [e for e in ended if e.code or "Traceback" in e.text]
        if bad:
            return bad[0].answer(False, f"exit 0 of all {count}, {len(bad)} others")
        if not same(out, wanted):
            return Answer(False, "other bytes")
        if (out / STAGING).exists() or place.left():
            return Answer(False, f"left behind: {place.left() or STAGING}")
        return Answer(True, "exit 0, same bytes, nothing left")
    finally:
        shutil.rmtree(place.root)


def _several(ground: Ground, whole: Reference, count: int, warm: bool) -> Answer:
    wanted = whole.of(RUN)
    place = _place(ground, whole, warm)
    try:
        verbs = [(RUN, PREPARE, CHECK)[i % 3] for i in range(count)]
        outs = [None if v == PREPARE else place.root / f"out{i}" for i, v in enumerate(verbs)]
        started = [place.start(v, o) for v, o in zip(verbs, outs, strict=True)]
        ended = [s.wait() for s in started]
        for verb, out, one in zip(verbs, outs, ended, strict=True):
            if one.code != (SKIPPED if verb == CHECK else 0) or "Traceback" in one.text:
                return one.answer(False, f"{verb[0]} ends as it does alone")
            if verb == RUN and out is not None and not same(out, wanted):
                return Answer(False, f"other bytes in {out.name}")
        if place.left():
            return Answer(False, f"left behind: {place.left()}")
        return Answer(True, "all end as alone, same bytes, nothing left")
    finally:
        shutil.rmtree(place.root)
