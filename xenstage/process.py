"""Runner: the edge at which other programs are started.

Everything that runs git, make or a compiler takes a :class:`Runner`, so that a
test can pass one of its own and no program is started behind a caller's back.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .errors import Exit, XenstageError
from .progress import detail

_PR_SET_PDEATHSIG = 1  # prctl(2)


def end_with_parent(parent: int) -> None:
    """Ask the kernel to end this process when its parent dies, also by SIGKILL (Linux).

    :param parent: the parent's process id, in case it is dead already.
    """
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


def leave_signals() -> None:
    """Leave Ctrl-C and SIGTERM to the main thread, which holds them back while it starts a program:
    for every other thread, and for who starts one."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)


ENDING = frozenset({signal.SIGINT, signal.SIGTERM})
_PRCTL = getattr(ctypes.CDLL(None), "prctl", None)


@dataclass(frozen=True)
class Done:
    """A finished program: its exit status (negative: signal) and what it printed."""

    argv: tuple[str, ...]
    status: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """Standard output as text, undecodable bytes kept as escapes."""
        return self.out.decode("utf-8", "backslashreplace")

    @property
    def errors(self) -> str:
        """Standard error as text, undecodable bytes kept as escapes."""
        return self.err.decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Runner:
    """Starts programs in a known environment.

    What is named ``GIT_*`` in the caller's environment is never handed on: a hook, an alias or
    ``git rebase -x`` sets such variables for its own repository, and neither our git nor one that
    a tree's makefile or script calls may work there.

    :param env: the variables that are added to (or, with ``None``, removed from)
        the caller's environment.
    """

    env: Mapping[str, str | None] = field(default_factory=dict)

    def with_env(self, **more: str | None) -> Runner:
        """The same runner with further variables set or removed."""
        return Runner({**self.env, **more})

    def environment(self) -> dict[str, str]:
        """The whole environment that a program gets."""
        full = {k: v for k, v in os.environ.items() if k not in self.env and not k.startswith("GIT_")}
        full.update({k: v for k, v in self.env.items() if v is not None})
        return full

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        stdin: bytes = b"",
        timeout: float | None = None,
        watch: Callable[[], None] | None = None,
    ) -> Done:
        """Run to the end and return what happened; a failure is a value, not an error.

        :param timeout: seconds; after them the whole process group is ended and the
            status is -SIGKILL, with "timed out" as the last line of ``err``.
        :param watch: called twice a second while it runs.
        :raises XenstageError: (TOOLS) when the program is not installed.
        """
        args = tuple(str(a) for a in argv)
        if "/" not in args[0] and shutil.which(args[0], path=self.environment().get("PATH")) is None:
            raise XenstageError(
                Exit.TOOLS,
                f"{args[0]} is not installed",
                why=f"needed to run: {' '.join(args[:6])}",
                remedy=f"install it (Debian: apt-get install {package_of(args[0])})",
            )
        detail(f"+ {shlex.join(args)}" + (f"  (in {cwd})" if cwd else ""))
        me = os.getpid()
        # What is raised in a hook of fork() is dropped: Ctrl-C and SIGTERM wait until it is over.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

        # Another thread of ours may wait for processes that parse, or read what they said: it holds no
        # lock that this needs, and it starts no process (which would get its signal when the thread ends).
        def begin() -> None:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
            end_with_parent(me)

        try:
            child = subprocess.Popen(
                args,
                preexec_fn=begin,
                cwd=cwd,
                env=self.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as e:  # no program of this machine, no right to run it, no memory
            raise XenstageError(
                Exit.TOOLS,
                f"{args[0]} cannot be started",
                why=f"{e.strerror}: {e.filename}\nneeded to run: {' '.join(args[:6])}",
                remedy=f"look at it: ls -l '{shutil.which(args[0]) or args[0]}'",
            ) from e
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        try:
            out, err = _watched(child, stdin, timeout, watch) if watch else child.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            _end(child)
            out, err = child.communicate()
            return Done(args, -signal.SIGKILL, out, err + f"\ntimed out after {timeout:g} s".encode())
        except BaseException:  # Ctrl-C: no program of ours outlives us
            _end(child)
            raise
        return Done(args, child.returncode, out, err)


def _watched(
    child: subprocess.Popen[bytes], stdin: bytes, timeout: float | None, watch: Callable[[], None]
) -> tuple[bytes, bytes]:
    """As communicate() does it, with looks in between.

    :raises subprocess.TimeoutExpired: as it does.
    """
    end = time.monotonic() + timeout if timeout is not None else None
    given: bytes | None = stdin
    while True:
        try:
            left = _LOOK if end is None else min(_LOOK, max(end - time.monotonic(), 0.01))
            return child.communicate(given, left)
        except subprocess.TimeoutExpired:
            given = None  # it is on its way
            watch()
            if end is not None and time.monotonic() >= end:
                raise


_LOOK = 0.5  # seconds

_PACKAGES = {
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
    "arm-linux-gnueabihf-gcc": "gcc-arm-linux-gnueabihf",
    "ld": "binutils",
    "aarch64-linux-gnu-ld": "binutils-aarch64-linux-gnu",
    "arm-linux-gnueabihf-ld": "binutils-arm-linux-gnueabihf",
}


def package_of(program: str) -> str:
    """The Debian package of a program."""
    return _PACKAGES.get(program, program)


def _end(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
