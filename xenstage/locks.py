"""take: locks between processes on open files and directories (flock), which die with their process."""

from __future__ import annotations

import contextlib
import fcntl

from .progress import say

_SAID: set[str] = set()


def take(fd: int, waiting: str = "") -> None:
    """Lock an open file or directory for this process alone, and wait until it can be had.

    A file system without locks (some network ones) gets a line that says so, and no lock.

    :param waiting: what to say when another process has it; "" for nothing.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    except BlockingIOError:
        if waiting:
            say(waiting)
    except OSError:
        pass
    held(fd)


def held(fd: int) -> None:
    """Lock, waiting; where there are no locks, a line says so, once."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    except OSError as e:
        line = f"this file system has no locks ({e.strerror}): do not start two runs at once on it"
        if line not in _SAID:
            _SAID.add(line)
            say(line)


def try_take(fd: int) -> bool:
    """Lock if nobody else has it; False also where the file system has no locks."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def unlock(fd: int) -> None:
    """Let others in, also where a child process has inherited the open file."""
    with contextlib.suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_UN)
