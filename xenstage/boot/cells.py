"""run_cells: each cell in a process of its own, so that none can take the matrix with it.

A process is forked for every run: the runner needs no pickling, a runner that crashes or
is killed is an INFRA of one cell, and nothing that we started outlives us.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Exit, XenstageError
from ..process import end_with_parent
from .model import Cell, Outcome, Verdict

if TYPE_CHECKING:
    from multiprocessing.context import ForkProcess

CellRunner = Callable[[Cell], Outcome]
_GRACE = 5.0  # seconds that a runner has to end its emulator after SIGINT


@dataclass(frozen=True)
class Task:
    """A cell's run.

    :param number: 1 for the cell's first run.
    """

    cell: Cell
    number: int


Told = Callable[[Task, Outcome, bytes], None]
"""A finished run with the bytes of its log."""


def run_cells(tasks: Sequence[Task], run: CellRunner, results: Path, jobs: int, told: Told) -> None:
    """Run tasks in order, ``jobs`` at a time.

    :param results: the directory that logs are relative to.
    :param told: called here, in the caller's process, as each run ends.
    """
    todo, live = list(reversed(tasks)), dict[Connection, tuple[Task, "ForkProcess"]]()
    try:
        while todo or live:
            while todo and len(live) < max(jobs, 1):
                task = todo.pop()
                ours, process = _start(task.cell, run, results)
                live[ours] = (task, process)
            for ready in wait(list(live)):
                if isinstance(ready, Connection):
                    task, process = live[ready]
                    outcome, log = _end(ready, process, task.cell, results)
                    del live[ready]
                    told(task, outcome, log)
    finally:
        _stop([p for _, p in live.values()])


def _start(cell: Cell, run: CellRunner, results: Path) -> tuple[Connection, ForkProcess]:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(run, cell, results, theirs, os.getpid()))
    process.start()
    theirs.close()
    return ours, process


def _child(run: CellRunner, cell: Cell, results: Path, pipe: Connection, parent: int) -> None:
    end_with_parent(parent)
    with contextlib.suppress(KeyboardInterrupt):  # the parent says what there is to say
        outcome = _guarded(run, cell, results)
        pipe.send_bytes(json.dumps(outcome.to_json()).encode())


def _guarded(run: CellRunner, cell: Cell, results: Path) -> Outcome:
    """The runner's outcome, or what its failing means."""
    try:
        outcome = run(cell)
    except XenstageError as e:
        kind = {Exit.TOOLS: Verdict.SKIP, Exit.FAIL: Verdict.FAIL}.get(e.code, Verdict.INFRA)
        return Outcome(cell, kind, f"{e.title}: {_line(e.why)}; next: {_line(e.remedy)}")
    except Exception as e:
        log = f"{cell.name}.{os.getpid()}.traceback"
        with contextlib.suppress(OSError):
            results.mkdir(parents=True, exist_ok=True)
            (results / log).write_text(traceback.format_exc())
        return Outcome(cell, Verdict.INFRA, f"the runner stopped with {type(e).__name__}: {_line(str(e))}", log=log)
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
        return Outcome(cell, Verdict.INFRA, f"the process that ran the cell {how} before it had a verdict"), b""
    finally:
        pipe.close()
    process.join()
    log, why = _log(results, outcome.log)
    if outcome.verdict is Verdict.PASS and not log:
        reason = f"the runner says PASS ({outcome.reason}), but there is no log to show it: {why}"
        return Outcome(cell, Verdict.INFRA, reason, outcome.seconds, command=outcome.command), b""
    return outcome, log


def _log(results: Path, name: str) -> tuple[bytes, str]:
    """The bytes of a log, taken away from where the runner left it."""
    if not name:
        return b"", "none was named"
    path = results / name
    try:
        data = path.read_bytes()
        path.unlink()
    except OSError as e:
        return b"", str(e)
    return data, "" if data else "it is empty"


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
