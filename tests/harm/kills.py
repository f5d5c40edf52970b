"""kills: run, verify with builds and prepare, ended at seeded moments; the same command then ends well."""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import Iterator, Sequence
from functools import partial

from tests.cli.kit import alive
from xenstage.series.deliver import STAGING

from .kit import Answer, Ground, Trial
from .place import BUILT, PREPARE, RUN, Place, Reference, reference, same

SIGNALS = ((signal.SIGKILL, 1), (signal.SIGKILL, 1), (signal.SIGTERM, 1), (signal.SIGINT, 1), (signal.SIGINT, 2))


def trials(ground: Ground) -> Iterator[Trial]:
    """Each begins with a cold cache, or with what the kill before left there and the run after it mended."""
    whole = reference(ground)
    chance = random.Random(15)
    for verb in (RUN, BUILT, PREPARE):
        for i in range(20 if ground.full else int(verb != BUILT)):
            part = chance.random()
            number, times = SIGNALS[i % len(SIGNALS)]
            cold = i % 4 != 3
            name = f"{verb[0]} {i + 1}, {number.name}{' twice' * (times > 1)}, {part:.2f}, {'cold' if cold else 'warm'}"
            yield Trial(
                f"killed {verb[0]}",
                name,
                partial(_killed, ground, whole, verb, part, number, times, cold),
            )


def _killed(
    ground: Ground, whole: Reference, verb: Sequence[str], part: float, number: signal.Signals, times: int, cold: bool
) -> Answer:
    wanted = whole.of(verb)
    place = Place(ground.root / "killed")
    if cold:
        shutil.rmtree(place.cache, ignore_errors=True)
    out = None if verb == PREPARE else place.root / "out"
    try:
        started = place.start(verb, out)
        first = started.kill(part * whole.seconds[tuple(verb)] * (1 if cold else 0.5), number, times)
        if "Traceback" in first.text and number is not signal.SIGINT:
            return first.answer(False, "no traceback")
        if left := alive(started.mark):
            return Answer(False, f"still alive: {left[0]}")
        again = place.run(verb, out)
        if again.code or "Traceback" in again.text:
            return again.answer(False, "exit 0 afterwards")
        if out is not None and not same(out, wanted):
            return Answer(False, "other bytes afterwards")
        if (out is not None and (out / STAGING).exists()) or place.left():
            return Answer(False, f"left behind: {place.left() or STAGING}")
        return Answer(True, f"ended with {first.code}; then exit 0, same bytes, nothing left")
    finally:
        shutil.rmtree(place.root / "out", ignore_errors=True)
