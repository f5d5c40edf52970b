"""Emulator: one emulator process, its serial log watched as it grows.

The emulator writes the serial log to a file by itself; we only read.  Ending
us by any means ends it: it is in a process group of its own, and asks the kernel
to be killed with its parent.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from ...errors import Exit, XenstageError
from ...process import Runner, end_with_parent
from .serial import End, Lines, Stopped

_POLL = 0.05
ANSWER = 60.0
"""Seconds within which an emulator answers on its control channel: it does in milliseconds, or it hangs."""


class Clock(Protocol):
    """Where time comes from; a test has one that does not wait."""

    def now(self) -> float:
        """Seconds, from any start, never going back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class WallClock:
    """The machine's own monotonic clock; whoever waits by it can be made to stop, from another thread."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Interrupt all who wait, now and later."""
        self._stopped.set()

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait.

        :raises KeyboardInterrupt: the clock was stopped.
        """
        if self._stopped.wait(seconds):
            raise KeyboardInterrupt


@dataclass(frozen=True)
class Limits:
    """Seconds after which waiting ends: in all, and without a new byte."""

    total: float
    silence: float


Start = Callable[[Sequence[str], Path], "subprocess.Popen[bytes]"]


def start_process(argv: Sequence[str], stderr: Path) -> subprocess.Popen[bytes]:
    """Start an emulator with pipes for its control channel.

    :raises XenstageError: (SKIPPED) it is not installed.
    """
    me = os.getpid()
    try:
        with stderr.open("wb") as err:
            return subprocess.Popen(
                list(argv),
                env=Runner().environment(),
                preexec_fn=lambda: end_with_parent(me),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=err,
                start_new_session=True,
            )
    except FileNotFoundError as e:
        raise XenstageError(
            Exit.SKIPPED,
            f"{argv[0]} is not installed",
            why=str(e),
            remedy="apt-get install qemu-system-x86 (or bochs, for that machine)",
        ) from e


class Emulator:
    """A running emulator; leaving the ``with`` block ends it and all that it started.

    :param serial: the file that the emulator's serial line goes to; what it holds is deleted first.
    """

    def __init__(self, argv: Sequence[str], serial: Path, *, clock: Clock, start: Start = start_process) -> None:
        self._clock, self._serial, self._errors = clock, serial, serial.with_suffix(".stderr")
        serial.parent.mkdir(parents=True, exist_ok=True)
        serial.write_bytes(b"")
        self.lines: list[str] = []
        self._parser = Lines()
        self._read, self._digest, self._heard = 0, sha256(), b""
        self.began = clock.now()
        self.process = start(argv, self._errors)

    def __enter__(self) -> Emulator:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def follow(self, decides: Callable[[str], float | None], limits: Limits) -> Stopped:
        """Read lines until one decides, the emulator ends, or a limit is reached.

        Every line read is in :attr:`lines`.

        :param decides: for how many more seconds to read after a line, or None.
        """
        begin = last = self._clock.now()
        until: float | None = None
        while True:
            ended = self.process.poll()  # before reading, so that the last bytes are read too
            fresh = self._take()
            now = self._clock.now()
            if fresh is not None:
                last = now
            lines = (fresh or []) + (self._left() if ended is not None else [])
            if until is None:
                more = [m for m in map(decides, lines) if m is not None]
                until = now + max(more) if more else None
            if until is not None and (now >= until or ended is not None):
                return Stopped(End.SEEN)
            if ended is not None:
                return Stopped(End.EXITED, ended, self._last_words())
            if until is None and now - begin >= limits.total:
                return Stopped(End.TIME, seconds=limits.total)
            if until is None and now - last >= limits.silence:
                return Stopped(End.SILENCE, seconds=limits.silence)
            self._clock.sleep(_POLL)

    def _left(self) -> list[str]:
        """The last line, where it has no end."""
        rest = self._parser.close()
        self.lines += rest
        return rest

    def _take(self) -> list[str] | None:
        """New whole lines; None when not a byte came."""
        with self._serial.open("rb") as f:
            f.seek(self._read)
            data = f.read()
        if not data:
            return None
        self._read += len(data)
        self._digest.update(data)
        fresh = self._parser.feed(data)
        self.lines += fresh
        return fresh

    def log(self) -> bytes | None:
        """The serial log as it is; None when it does not begin with what was read while it grew."""
        data = self._serial.read_bytes()
        return data if sha256(data[: self._read]).digest() == self._digest.digest() else None

    def _last_words(self) -> str:
        text = self._errors.read_text(errors="backslashreplace").strip() if self._errors.exists() else ""
        return text.splitlines()[-1] if text else ""

    def command(self, name: str, **arguments: Any) -> Any:
        """One command of QEMU's machine protocol on the emulator's standard input and output.

        :raises XenstageError: (INFRA) QEMU refused, is gone, or says nothing for :data:`ANSWER` seconds.
        """
        pipe_in = self.process.stdin
        assert pipe_in is not None
        why = "it ended"
        with contextlib.suppress(BrokenPipeError, ValueError):
            pipe_in.write(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
            pipe_in.flush()
            begin = self._clock.now()
            while raw := self._said(begin + ANSWER):
                answer = json.loads(raw)
                if "return" in answer:
                    return answer["return"]
                if "error" in answer:
                    why = str(answer["error"])
                    break
            if raw == b"":
                why = f"it says nothing on its control channel for {ANSWER:g} s"
        raise XenstageError(
            Exit.INFRA,
            f"the emulator did not do '{name}'",
            why=f"{why} {self._last_words()}",
            remedy="run the same command again; with --no-snapshot if it happens twice",
        )

    def _said(self, until: float) -> bytes | None:
        """The next line on the control channel; None at its end, b"" when the clock reaches a time before."""
        assert self.process.stdout is not None
        channel = self.process.stdout.fileno()
        while b"\n" not in self._heard:
            if select.select([channel], [], [], 0)[0]:
                data = os.read(channel, 65536)
                if not data:
                    return None
                self._heard += data
            elif self._clock.now() >= until:
                return b""
            else:
                self._clock.sleep(_POLL)
        line, _, self._heard = self._heard.partition(b"\n")
        return line
