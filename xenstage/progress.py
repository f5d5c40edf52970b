"""Progress: a bar on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

_WIDTH = 24
_TICK = 15.0  # seconds between lines about something that does not tell how far it is
_QUIET = 30.0  # seconds after which a step has a line of its own where there is no terminal


class _Level:
    """How much is said: -1 nothing but errors, 0 what happens, 1 each step and each program that is started."""

    now = 0


def set_level(level: int) -> None:
    """Say less (-1), as always (0), or more (1), in this process."""
    _Level.now = level


class Progress:
    """Counts steps of one piece of work, and says what is left of it once that can be told.

    Where there is no terminal a quarter of the work has a line, and a step after half a
    minute without one.

    :param what: the work, a few words.
    :param total: the number of steps; 0 for work of unknown length.
    :param least: with fewer steps than this nothing is said but of one that is late.
    """

    def __init__(
        self,
        what: str,
        total: int,
        *,
        least: int = 0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._total, self._done = what, total, 0
        self._stream = stream if stream is not None else sys.stderr
        self._small = total < least
        self._tty = self._stream.isatty() and not self._small
        self._last_quarter = -1
        self._clock, self._began = clock, clock()
        self._last = self._began

    def step(self, note: str = "") -> None:
        """One step is done; ``note`` names it."""
        self._done += 1
        if _Level.now < 0:
            return
        if _Level.now > 0:
            self._stream.write(f"{self._what}: {self._done}/{self._total} {note}".rstrip() + "\n")
            return
        if self._tty:
            filled = _WIDTH * self._done // max(self._total, 1)
            bar = "#" * filled + "." * (_WIDTH - filled)
            self._stream.write(f"\r\x1b[K{self._what} [{bar}] {self._done}/{self._total}{self._left()} {note[:40]}")
            self._stream.flush()
            return
        quarter, now = 4 * self._done // max(self._total, 1), self._clock()
        if (quarter != self._last_quarter and not self._small) or now - self._last >= _QUIET:
            self._last_quarter, self._last = quarter, now
            self._stream.write(f"{self._what}: {self._done}/{self._total}{self._left()} {note}".rstrip() + "\n")
            self._stream.flush()

    def _left(self) -> str:
        """How long the rest will take if it goes on like this; nothing in the first half minute."""
        spent = self._clock() - self._began
        if spent < _QUIET or not 0 < self._done < self._total:
            return ""
        left = spent / self._done * (self._total - self._done)
        return f", about {left / 60:.0f} min left," if left >= 90 else f", about {left:.0f} s left,"

    def close(self) -> None:
        """Leave the terminal's line clean for what comes next."""
        if self._tty and self._done and not _Level.now:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


class Ticker:
    """Counts something that another program makes, for as long as that runs.

    On a terminal the count is written over; elsewhere a line tells it each quarter of a minute.

    :param what: the work, a few words.
    :param count: how far it is now, in words.
    """

    def __init__(
        self,
        what: str,
        count: Callable[[], str],
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._count, self._clock = what, count, clock
        self._stream = stream if stream is not None else sys.stderr
        self._tty = self._stream.isatty()
        self._last = clock()

    def tick(self) -> None:
        """To be called again and again."""
        if _Level.now < 0 or (not self._tty and self._clock() - self._last < _TICK):
            return
        self._last = self._clock()
        start, end = ("\r\x1b[K", "") if self._tty else ("", "\n")
        self._stream.write(f"{start}{self._what}: {self._count()}{end}")
        self._stream.flush()

    def close(self) -> None:
        """Leave the terminal's line clean for what comes next."""
        if self._tty and _Level.now >= 0:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def say(line: str) -> None:
    """One plain line on stderr about what happens now."""
    if _Level.now >= 0:
        sys.stderr.write(line + "\n")


def detail(line: str) -> None:
    """A line for those who asked for more."""
    if _Level.now > 0:
        sys.stderr.write(line + "\n")
