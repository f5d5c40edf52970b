"""The processes that parse: they do not stand between Ctrl-C and the main thread, and end when they are told to."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from xenstage.index.pool import Workers


def _blocked(thread: int) -> set[int]:
    """The signals that a thread of this process has blocked (proc(5), SigBlk)."""
    status = Path(f"/proc/self/task/{thread}/status").read_text()
    mask = int(next(line for line in status.splitlines() if line.startswith("SigBlk:")).split()[1], 16)
    return {n for n in range(1, 65) if mask >> (n - 1) & 1}


def test_threads_leave_signals_to_the_main_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that took them would have the handler run while a program is started, where what it raises is lost."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    before, mine = set(os.listdir("/proc/self/task")), _blocked(threading.get_native_id())
    with Workers() as workers:
        assert list(workers.map(abs, [-1, -2, -3, -4])) == [1, 2, 3, 4]
        others = set(os.listdir("/proc/self/task")) - before
        assert others, "it has threads"
        assert all({signal.SIGINT, signal.SIGTERM} <= _blocked(int(t)) for t in others)
        assert _blocked(threading.get_native_id()) == mine


def test_a_process_that_parses_ends_by_sigterm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    with pytest.raises(Exception, match="terminated abruptly"), Workers() as workers:
        list(workers.map(_end, [os.getpid()] * 2))


def _end(parent: int) -> None:
    assert os.getpid() != parent
    os.kill(os.getpid(), signal.SIGTERM)
