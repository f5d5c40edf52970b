"""run_cells: each run in a process and a directory of its own, so that none can disturb another.

A process is forked for every run: the runner needs no pickling, a runner that crashes or
is killed is an INFRA of one cell, and nothing that we started outlives us.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import Exit, XenstageError
from ...process import end_with_parent
from ..model import Cell, Outcome, Verdict

if TYPE_CHECKING:
    from multiprocessing.context import ForkProcess

CellRunner = Callable[[Cell], Outcome]
MakeRunner = Callable[[Path], CellRunner]
"""A directory, empty and of this run alone, to the runner that leaves its log there;
``Outcome.log`` is relative to it.  Called in the run's own process."""
_GRACE = 5.0  # seconds that a runner has to end its emulator after SIGINT


@dataclass(frozen=True)
class Task:
    """A cell's run.

    :param number: 1 for the cell's first run.
    """

    cell: Cell
    number: int

    @property
    def name(self) -> str:
        """Of the run's directory and of its log."""
        return f"{self.cell.name}.{self.number}"


Told = Callable[[Task, Outcome, bytes], None]
"""A finished run with the bytes of its log."""


def run_cells(tasks: Sequence[Task], make: MakeRunner, work: Path, jobs: int, told: Told) -> None:
    """Run tasks in order, ``jobs`` at a time.

    :param work: the directory in which each run gets one of its own, removed afterwards.
    :param told: called here, in the caller's process, as each run ends.
    """
    todo, live = list(reversed(tasks)), dict[Connection, tuple[Task, "ForkProcess"]]()
    try:
        while todo or live:
            while todo and len(live) < max(jobs, 1):
                task = todo.pop()
                (work / task.name).mkdir(parents=True)
                ours, process = _start(task.cell, make, work / task.name)
                live[ours] = (task, process)
            for ready in wait(list(live)):
                if isinstance(ready, Connection):
                    task, process = live[ready]
                    outcome, log = _end(ready, process, task.cell, work / task.name)
                    del live[ready]
                    shutil.rmtree(work / task.name, ignore_errors=True)
                    told(task, outcome, log)
    finally:
        _stop([p for _, p in live.values()])


def _start(cell: Cell, make: MakeRunner, results: Path) -> tuple[Connection, ForkProcess]:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(make, cell, results, theirs, os.getpid()))
    # What is raised in a hook of fork() is dropped: Ctrl-C waits until it is over.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    theirs.close()
    return ours, process


def _child(make: MakeRunner, cell: Cell, results: Path, pipe: Connection, parent: int) -> None:
    end_with_parent(parent)
    with contextlib.suppress(KeyboardInterrupt):  # the parent says what there is to say
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        outcome = _guarded(make, cell, results)
        pipe.send_bytes(json.dumps(outcome.to_json()).encode())


_MEANING = {Exit.TOOLS: Verdict.SKIP, Exit.SKIPPED: Verdict.SKIP, Exit.FAIL: Verdict.FAIL}


def _guarded(make: MakeRunner, cell: Cell, results: Path) -> Outcome:
    """The runner's outcome, or what its failing means."""
    try:
        outcome = make(results)(cell)
    except XenstageError as e:
        kind = _MEANING.get(e.code, Verdict.INFRA)
        return Outcome(cell, kind, f"{e.title}: {_line(e.why)}; next: {_line(e.remedy)}")
    except Exception as e:
        with contextlib.suppress(OSError):
            (results / "traceback.log").write_text(traceback.format_exc())
        why = f"the runner stopped with {type(e).__name__}: {_line(str(e))}"
        return Outcome(cell, Verdict.INFRA, why, log="traceback.log")
    if outcome.cell != cell:
        return Outcome(cell, Verdict.INFRA, f"the runner answered for another cell, {outcome.cell.name}")
    return outcome


def _end(pipe: Connection, process: ForkProcess, cell: Cell, results: Path) -> tuple[Outcome, bytes]:
    """What a process said before it ended; INFRA for one that said nothing."""
    try:
        outcome = Outcome.from_json(json.loads(pipe.recv_bytes()))
    except (EOFError, OSError, ValueError, KeyError, TypeError):
        process.join()
        code = process.exitcode or 0
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return Outcome(cell, Verdict.INFRA, f"the process that ran the cell {how} before it had a verdict"), _left(
            results
        )
    finally:
        pipe.close()
    process.join()
    log, why = _log(results, outcome.log)
    if outcome.verdict is Verdict.PASS and not log:
        reason = f"the runner says PASS ({outcome.reason}), but there is no log to show it: {why}"
        return Outcome(cell, Verdict.INFRA, reason, outcome.seconds, command=outcome.command), b""
    return outcome, log


def _log(results: Path, name: str) -> tuple[bytes, str]:
    """The bytes of a log."""
    if not name:
        return b"", "none was named"
    try:
        data = (results / name).read_bytes()
    except OSError as e:
        return b"", str(e)
    return data, "" if data else "it is empty"


def _left(results: Path) -> bytes:
    """The longest log that a runner left which did not come to name one."""
    logs = [p for p in sorted(results.rglob("*.log")) if p.is_file()]
    with contextlib.suppress(OSError):
        return max((p.read_bytes() for p in logs), key=len, default=b"")
    return b""


def _stop(processes: Sequence[ForkProcess]) -> None:
    """End what is still running: gently, so that runners end their emulators, then for sure."""
    for p in processes:
        if p.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(p.pid, signal.SIGINT)
    for p in processes:
        p.join(_GRACE)
        if p.is_alive():
            p.kill()
            p.join()


def _line(text: str) -> str:
    return " ".join(text.split())
