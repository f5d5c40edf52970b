"""The process around a log: when reading ends, and that nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from xenstage.boot.machine.emulator import Emulator, Limits, WallClock
from xenstage.boot.machine.serial import End, Stopped
from xenstage.errors import Exit, XenstageError

pytestmark = pytest.mark.alone
LONG = Limits(30, 30)


def _sees(line: str) -> float | None:
    return 0.3 if line == "end" else None


def _run(tmp_path: Path, script: str, limits: Limits = LONG) -> tuple[Stopped, list[str]]:
    log = tmp_path / "serial.log"
    with Emulator(["sh", "-c", script, "sh", str(log)], log, clock=WallClock()) as emulator:
        return emulator.follow(_sees, limits), emulator.lines


def test_reading_ends_a_little_after_the_deciding_line(tmp_path: Path) -> None:
    stopped, lines = _run(tmp_path, 'printf "a\\nend\\n" >>"$1"; sleep 0.05; echo trace >>"$1"; sleep 60')
    assert stopped.end is End.SEEN and lines == ["a", "end", "trace"]


def test_an_emulator_that_dies_says_its_status_and_last_words(tmp_path: Path) -> None:
    stopped, lines = _run(tmp_path, 'printf "a\\nhalf" >>"$1"; echo why >&2; kill -9 $$')
    assert stopped == Stopped(End.EXITED, -signal.SIGKILL, "why") and lines == ["a", "half"]


def test_the_last_bytes_of_an_emulator_that_ends_are_read(tmp_path: Path) -> None:
    assert _run(tmp_path, 'printf "a\\nend" >>"$1"')[0].end is End.SEEN


def test_silence_and_time(tmp_path: Path) -> None:
    assert _run(tmp_path, "sleep 60", Limits(30, 0.3))[0] == Stopped(End.SILENCE, seconds=0.3)
    chatty = 'while :; do echo a >>"$1"; sleep 0.05; done'
    assert _run(tmp_path, chatty, Limits(0.5, 10))[0] == Stopped(End.TIME, seconds=0.5)


@pytest.mark.parametrize(
    ("more", "whole"),
    [("sleep 0.3", True), (': >"$1"; sleep 0.3', False), ('printf "XEN)\\n" 1<>"$1"; sleep 0.3', False)],
    ids=["grows", "is cut", "is written over"],
)
def test_a_log_that_somebody_else_changed_is_told(tmp_path: Path, more: str, whole: bool) -> None:
    log = tmp_path / "serial.log"
    script = f'printf "(XEN) a\\n" >>"$1"; sleep 0.3; {more}; echo end >>"$1"; sleep 60'
    with Emulator(["sh", "-c", script, "sh", str(log)], log, clock=WallClock()) as emulator:
        emulator.follow(_sees, Limits(5, 1))
    assert emulator.log() == (log.read_bytes() if whole else None)


def test_another_thread_interrupts_the_reading(tmp_path: Path) -> None:
    log, clock = tmp_path / "serial.log", WallClock()
    threading.Timer(0.3, clock.stop).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Emulator(["sleep", "60"], log, clock=clock) as emulator:
        emulator.follow(_sees, LONG)
    assert time.monotonic() - began < 5 and _wait(lambda: _gone(emulator.process.pid))


def test_what_is_missing_is_a_skip_with_the_line_to_type(tmp_path: Path) -> None:
    with pytest.raises(XenstageError) as e:
        Emulator(["no-such-emulator"], tmp_path / "serial.log", clock=WallClock())
    assert e.value.code is Exit.SKIPPED and "apt-get install" in e.value.remedy


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _wait(what: Callable[[], bool]) -> bool:
    for _ in range(200):
        if what():
            return True
        time.sleep(0.05)
    return False


def test_leaving_ends_the_emulator_and_its_children(tmp_path: Path) -> None:
    _run(tmp_path, f'sleep 60 & echo $! >{tmp_path}/child; echo end >>"$1"; wait')
    child = int((tmp_path / "child").read_text())
    assert _wait(lambda: _gone(child))


def test_killing_us_ends_the_emulator(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from xenstage.boot.machine.emulator import *
log = Path({str(tmp_path)!r}) / "serial.log"
with Emulator(["sh", "-c", "echo $$ >{tmp_path}/pid; exec sleep 60"], log, clock=WallClock()) as e:
    e.follow(lambda line: None, Limits(60, 60))
"""
    us = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.getcwd()})
    try:
        assert _wait(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip() != "")
        pid = int((tmp_path / "pid").read_text())
        assert not _gone(pid)
    finally:
        us.kill()
        us.wait()
    assert _wait(lambda: _gone(pid))


class _Quick:
    """Two hundred seconds pass in one: a deadline is near."""

    def now(self) -> float:
        """Seconds."""
        return time.monotonic() * 200

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds / 200)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("sleep 60", "nothing on its control channel for 60 s"),
        ("printf '{\"QMP\": 1}\\n'; sleep 60", "nothing on its control channel for 60 s"),
        ("printf '{\"half'; sleep 60", "nothing on its control channel for 60 s"),
        ('printf \'{"error": "no such command"}\\n\'; sleep 60', "no such command"),
        ("exit 3", "it ended"),
    ],
    ids=["says nothing", "greets only", "half a line", "refuses", "is gone"],
)
def test_a_control_channel_that_does_not_answer_is_a_verdict(tmp_path: Path, script: str, why: str) -> None:
    began = time.monotonic()
    with (
        pytest.raises(XenstageError) as caught,
        Emulator(["sh", "-c", script], tmp_path / "serial.log", clock=_Quick()) as emulator,
    ):
        emulator.command("query-migrate")
    assert caught.value.code is Exit.INFRA and why in caught.value.why
    assert time.monotonic() - began < 20


def test_a_control_channel_answers_in_pieces(tmp_path: Path) -> None:
    script = 'read a; printf \'{"QMP": 1}\\n{"ret\'; sleep 0.1; printf \'urn": 7}\\n{"return": 8}\\n\'; sleep 60'
    with Emulator(["sh", "-c", script], tmp_path / "serial.log", clock=WallClock()) as emulator:
        assert [emulator.command("one"), emulator.command("two")] == [7, 8]
