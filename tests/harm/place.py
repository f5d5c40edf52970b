"""Place: a cache, output directories and the tool as a user starts it; what the parts on the cache share."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.kit import CONFIG, DROPPED, MARK, alive, snapshot, user_environment

from .kit import Answer, Ground

RUN = ("run", "01", "02")
BUILT = ("verify", "01", "--build-config", CONFIG)
PREPARE = ("prepare",)
GRACE = 20.0  # seconds in which what was started must have ended


@dataclass(frozen=True)
class Ended:
    """A finished verb."""

    code: int
    text: str

    def answer(self, wanted: bool, words: str) -> Answer:
        """The trial's answer; with the end of what the tool said where it is not as wanted."""
        if "Traceback" in self.text:
            return Answer(False, f"traceback: {self.text.strip().splitlines()[-1]}")
        if wanted:
            return Answer(True, words)
        tail = " / ".join(self.text.strip().splitlines()[-4:])
        return Answer(False, f"exit {self.code}, not: {words}: {tail}"[:400])


@dataclass
class Place:
    """One directory of the matrix: a cache below it, and a tree that the verbs read.

    :param tree: what ``--tree`` gets.
    """

    root: Path
    tree: str = "sample"
    cache: Path = field(init=False)

    def __post_init__(self) -> None:
        self.cache = self.root / "cache"

    def start(self, verb: Sequence[str], out: Path | None, more: Mapping[str, str] | None = None) -> Started:
        """Start a verb in a process group of its own."""
        self.root.mkdir(parents=True, exist_ok=True)
        mark = uuid.uuid4().hex
        env = {k: v for k, v in os.environ.items() if k not in DROPPED}
        env |= {**user_environment(self.cache), MARK: mark, **(more or {})}
        argv = [*verb, "--tree", self.tree, "--config", CONFIG, *(["--out", str(out)] if out else [])]
        log = self.root / f"log-{mark}"
        with log.open("wb") as words:
            child = subprocess.Popen(
                [sys.executable, "-m", "xenstage", *argv], env=env, stdout=words, stderr=words, start_new_session=True
            )
        return Started(child, log, mark)

    def run(self, verb: Sequence[str], out: Path | None, more: Mapping[str, str] | None = None) -> Ended:
        """Run a verb to its end."""
        return self.start(verb, out, more).wait()

    def left(self) -> list[str]:
        """What a verb that has ended must not leave in the cache: scratch and unfinished files."""
        top = self.cache / "xenstage"
        found = list((top / "scratch").glob("*"))
        found += list(top.glob("*/*/.*.json.*"))
        return [p.relative_to(top).as_posix() for p in found]


@dataclass(frozen=True)
class Started:
    """A verb that runs."""

    child: subprocess.Popen[bytes]
    log: Path
    mark: str

    def wait(self) -> Ended:
        """Wait for its end."""
        code = self.child.wait(timeout=1800)
        text = self.log.read_text(errors="replace")
        self.log.unlink()
        return Ended(code, text)

    def kill(self, after: float, number: signal.Signals, times: int = 1) -> Ended:
        """Send its group a signal after some seconds, and wait for all of it to end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(after)
        for _ in range(times):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, number)
            time.sleep(0.05 if times > 1 else 0)
        ended = self.wait()
        end = time.monotonic() + GRACE
        while alive(self.mark) and time.monotonic() < end:
            time.sleep(0.1)
        return ended


def bytes_of(out: Path) -> dict[str, bytes]:
    """Every file of an output directory, times of builds and proofs, and whether they were kept, left out."""
    found = snapshot(out)
    return {n: d for n, d in found.items() if not re.search(r"evidence\.(json|md)$|manifest\.json$|/logs|\.log$", n)}


def same(out: Path, wanted: Mapping[str, bytes]) -> bool:
    """Whether an output directory holds just these."""
    return out.is_dir() and bytes_of(out) == dict(wanted)


@functools.cache
def reference(ground: Ground) -> Reference:
    """The one of a matrix."""
    return Reference(ground)


class Reference:
    """What an undisturbed run gives, and the cache that it leaves; made once for each verb."""

    def __init__(self, ground: Ground) -> None:
        self.place = Place(ground.root / "reference")
        self._known: dict[tuple[str, ...], dict[str, bytes]] = {}
        self.seconds: dict[tuple[str, ...], float] = {}

    def of(self, verb: Sequence[str]) -> dict[str, bytes]:
        """The files of a verb's output; empty for one that writes none."""
        key = tuple(verb)
        if key not in self._known:
            out = self.place.root / f"out-{len(self._known)}"
            started = time.monotonic()
            ended = self.place.run(verb, None if verb == PREPARE else out)
            assert ended.code == 0, ended.text
            self.seconds[key] = time.monotonic() - started
            self._known[key] = bytes_of(out) if out.exists() else {}
        return self._known[key]

    def copy(self, where: Path) -> Place:
        """Another place with a copy of the cache."""
        shutil.rmtree(where, ignore_errors=True)
        place = Place(where)
        where.mkdir(parents=True)
        shutil.copytree(self.place.cache, place.cache, symlinks=True)
        return place
