"""Progress: a bar on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import sys
from typing import TextIO

_WIDTH = 24


class Progress:
    """Counts steps of one piece of work.

    :param what: the work, a few words.
    :param total: the number of steps; 0 for work of unknown length.
    """

    def __init__(self, what: str, total: int, *, stream: TextIO | None = None) -> None:
        self._what, self._total, self._done = what, total, 0
        self._stream = stream if stream is not None else sys.stderr
        self._tty = self._stream.isatty()
        self._last_quarter = -1

    def step(self, note: str = "") -> None:
        """One step is done; ``note`` names it."""
        self._done += 1
        if self._tty:
            filled = _WIDTH * self._done // max(self._total, 1)
            bar = "#" * filled + "." * (_WIDTH - filled)
            self._stream.write(f"\r\x1b[K{self._what} [{bar}] {self._done}/{self._total} {note[:40]}")
            self._stream.flush()
            return
        quarter = 4 * self._done // max(self._total, 1)
        if quarter != self._last_quarter:
            self._last_quarter = quarter
            self._stream.write(f"{self._what}: {self._done}/{self._total} {note}".rstrip() + "\n")

    def close(self) -> None:
        """Leave the terminal's line clean for what comes next."""
        if self._tty and self._done:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def say(line: str) -> None:
    """One plain line on stderr about what happens now."""
    sys.stderr.write(line + "\n")
