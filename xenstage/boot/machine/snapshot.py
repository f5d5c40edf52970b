"""Snapshot: a machine on which dom0 is up and waits, saved once and read back by many cells.

What a guest needs reaches dom0 on a disk that it looks at again and again without its page
cache; the saved machine had an empty disk of the same size.  So the guest is chosen after
the machine was read back, and one saved machine serves every guest of one Xen.
"""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from ...cache import Cache
from ...errors import Exit, XenstageError
from ...process import Runner
from ...progress import say
from ..image.image import write_blank
from .emulator import Clock, Emulator, Limits, Start, start_process
from .machine import Machine
from .qemu import Dom0, command, identity
from .serial import UP, End, Expected, Stopped, decisive

_SAVE_SECONDS = 120.0
_BANDWIDTH = 1 << 40
_NOBODY = Expected("(nobody)")


@dataclass(frozen=True)
class Snapshot:
    """A saved machine: QEMU's migration stream, and what was printed until then."""

    state: Path
    log: Path

    def options(self) -> tuple[str, ...]:
        """QEMU's options to go on from it."""
        return ("-incoming", f"exec:cat {shlex.quote(str(self.state))}")


@dataclass(frozen=True)
class NoSnapshot:
    """dom0 did not come up, which answers the cell that asked: how the run ended, and what it printed."""

    argv: tuple[str, ...]
    stopped: Stopped
    log: bytes


def snapshot(
    machine: Machine,
    dom0: Dom0,
    *,
    cache: Cache,
    runner: Runner,
    clock: Clock,
    start: Start = start_process,
) -> Snapshot | NoSnapshot:
    """The saved machine of a dom0: from the cache, or made now.

    :raises XenstageError: (INFRA) QEMU did not save it, (SKIPPED) QEMU is missing.
    """
    key = identity(machine, dom0, runner=runner)
    root = cache.path("boot", "snapshots", key)
    done = Snapshot(root / "state", root / "serial.log")
    with cache.lock(f"snapshot-{key}"):
        if root.exists():
            return done
        say(f"boot: starting dom0 once on {machine.name}, to be saved and used again")
        scratch = cache.scratch(f"snapshot-{key}")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        blank = scratch / "request"
        write_blank(blank)
        serial = scratch / "serial.log"
        argv = command(machine, dom0, serial=serial, request=blank, more=("-qmp", "stdio"))
        limits = Limits(machine.limits["dom0"], machine.limits["silence"])
        with Emulator(argv, serial, clock=clock, start=start) as emulator:
            stopped = emulator.follow(lambda line: 0.3 if line == UP else decisive(line, _NOBODY), limits)
            if stopped.end is not End.SEEN or UP not in emulator.lines:
                return NoSnapshot(argv, stopped, serial.read_bytes())
            clock.sleep(1.0)  # until it waits at its disk
            _save(emulator, scratch / "state", clock)
        blank.unlink()
        os.replace(scratch, root)
        return done


def _save(emulator: Emulator, state: Path, clock: Clock) -> None:
    emulator.command("qmp_capabilities")
    emulator.command("migrate-set-parameters", **{"max-bandwidth": _BANDWIDTH})
    emulator.command("migrate", uri=f"exec:cat > {shlex.quote(str(state))}")
    begin = clock.now()
    while clock.now() - begin < _SAVE_SECONDS:
        status = emulator.command("query-migrate").get("status")
        if status == "completed":
            return
        if status in ("failed", "cancelled"):
            break
        clock.sleep(0.1)
    raise XenstageError(
        Exit.INFRA,
        "QEMU did not save the machine",
        why=f"migration to a file: {status}",
        remedy="is the disk full? (df); or use --no-snapshot",
    )
