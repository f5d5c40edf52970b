"""Ctrl-C and kill at any moment: the next run gives the same bytes, and nothing stays behind."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from .kit import CONFIG, MARK, ONE, TWO, Repo, alive, shell, snapshot, user_environment

pytestmark = pytest.mark.alone

Factory = Callable[..., Repo]
SECONDS = 2.4  # of a cold run, about
GRACE = 20.0  # seconds in which what was started must have ended


def _interrupt(argv: list[str], cache: Path, delay: float, number: signal.Signals) -> tuple[int, str, str]:
    """Run, send a signal after a while; exit status, standard error, the run's mark."""
    mark = uuid.uuid4().hex
    env = {**os.environ, **user_environment(cache), MARK: mark}
    full = [sys.executable, "-m", "xenstage", *argv]
    words = cache.with_name("stderr")
    with words.open("wb") as log:
        child = subprocess.Popen(full, env=env, stdout=log, stderr=log, start_new_session=True)
        time.sleep(delay)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)  # the group, as a terminal does
        status = child.wait(timeout=60)
    return status, words.read_text(), mark


def _ended(mark: str) -> list[str]:
    end = time.monotonic() + GRACE
    while (left := alive(mark)) and time.monotonic() < end:
        time.sleep(0.1)
    return left


def _moments(seed: int) -> list[float]:
    chance = random.Random(seed)
    return [SECONDS * (i + chance.random()) / 3 for i in range(3)]


MOMENTS = [(s, m) for s in (signal.SIGINT, signal.SIGKILL) for m in _moments(int(s))]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
@pytest.mark.parametrize(("number", "moment"), MOMENTS, ids=[f"{s.name}-{m:.2f}" for s, m in MOMENTS])
def test_killed_and_run_again(
    tmp_path: Path, xen_like_repo: Factory, reference: Path, number: signal.Signals, moment: float
) -> None:
    repo, cache, out = xen_like_repo(), tmp_path / "cache", tmp_path / "out"
    before = snapshot(repo.path)
    argv = ["run", "01", "02", "--tree", str(repo.path), "--config", CONFIG, "--out", str(out)]
    status, err, mark = _interrupt(argv, cache, moment, number)
    if number is signal.SIGINT and status not in (0, -signal.SIGINT):  # the latter: before main()
        assert status == 130, err
        assert "interrupted" in err
    assert _ended(mark) == []
    assert snapshot(repo.path) == before
    for label in (ONE, TWO):
        if (out / label / "v1").exists():
            assert snapshot(out / label / "v1") == snapshot(reference / label / "v1")
    shell(*argv, cache=cache).good()
    assert snapshot(out) == snapshot(reference)
    assert snapshot(repo.path) == before
