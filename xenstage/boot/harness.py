"""Harness: one cell, from its images to its verdict.

:class:`Harness` holds what the cells of one Xen share (images, a saved machine);
:func:`Harness.run` answers one cell.  Whatever a machine's kind is, it comes down to a
:class:`Launch`: a command line that writes a serial log.
"""

from __future__ import annotations

import itertools
import shlex
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..cache import Cache, write_atomically
from ..errors import Exit, XenstageError
from ..process import Runner
from .guest.guests import Guest
from .image.cpio import Archive
from .image.image import write_request
from .machine.emulator import Clock, Emulator, Limits, Start, WallClock, start_process
from .machine.machine import Host, Machine, choose, refusal
from .machine.qemu import Dom0, command, make_dom0
from .machine.serial import End, Expected, Stopped, decisive, judge, lines_of
from .machine.snapshot import NoSnapshot, snapshot
from .model import Cell, Outcome, Verdict
from .stack.debian import Kernel
from .stack.stack import Toolstack

_RUNS = itertools.count(1)
DOM0_LIMIT = 60.0
"""Seconds that the dom0 cell has after dom0 is up."""


@dataclass(frozen=True)
class Launch:
    """How one cell is run.

    :param argv: the emulator; it writes ``serial``.
    :param before: what was printed before (a saved machine's log); goes in front of the log.
    """

    argv: tuple[str, ...]
    serial: Path
    limits: Limits
    before: bytes = b""


class Ran(NamedTuple):
    """A run that is over: the command line, the whole serial log, how it ended."""

    argv: tuple[str, ...]
    log: bytes
    stopped: Stopped


@dataclass(frozen=True)
class Job:
    """What a launcher of a machine's kind gets."""

    cell: Cell
    machine: Machine
    dom0: Dom0
    guest: Guest | None
    version: str
    directory: Path


Launcher = Callable[[Job], Launch | Ran]
Table = tuple[tuple[str, str], ...]


@dataclass
class Harness:
    """The cells of one Xen, on any machine.

    :param base: unpacked Debian packages.
    :param guests: by name; a cell of another guest is SKIP.
    :param options: what the replaying command line needs besides the cell (a kernel of one's own, say).
    :param measure: a probe's table from the log's lines; called with the lines and the guest's name.
    :param launchers: machine kind to launcher; ``qemu`` is built in, others (Bochs) are passed in.
    :param fresh: no saved machine is used.
    :param lacking: guest to the reason for which it is SKIP, whatever the machine.
    """

    stack: Toolstack
    base: Path
    kernel: Kernel
    guests: Mapping[str, Guest]
    out: Path
    cache: Cache
    runner: Runner
    host: Host
    options: tuple[str, ...] = ()
    measure: Callable[[list[str], str], Table] = lambda lines, guest: ()
    launchers: Mapping[str, Launcher] = field(default_factory=dict)
    fresh: bool = False
    lacking: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=WallClock)
    start: Start = start_process
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _dom0: Dom0 | None = None

    def cell(self, guest: str, among: tuple[Machine, ...]) -> tuple[Cell, Machine | None, str]:
        """The cell of a guest, the machine that it gets (or None), and why others were passed over."""
        choice = choose(guest, self.stack.version, among, self.host)
        name = choice.machine.name if choice.machine else "none"
        return Cell(self.stack.xen, guest, name), choice.machine, choice.reason

    def run(self, cell: Cell, machine: Machine) -> Outcome:
        """Run one cell on a machine; what goes wrong is its verdict, never an exception."""
        try:
            return self._run(cell, machine)
        except XenstageError as e:
            verdict = Verdict.SKIP if e.code in (Exit.SKIPPED, Exit.TOOLS) else Verdict.INFRA
            return Outcome(cell, verdict, f"{e.title}: {e.why} (type: {e.remedy})", command=self.again(cell))
        except OSError as e:
            reason = f"{type(e).__name__}: {e} (is the disk full? type: df)"
            return Outcome(cell, Verdict.INFRA, reason, command=self.again(cell))

    def dom0(self) -> Dom0:
        """Xen, kernel and initramfs, made once."""
        with self._lock:
            if self._dom0 is None:
                self._dom0 = make_dom0(self.stack, self.base, self.kernel, cache=self.cache)
            return self._dom0

    def _run(self, cell: Cell, machine: Machine) -> Outcome:
        why = refusal(machine, cell.guest, self.stack.version, self.host)
        if why is not None:
            return Outcome(cell, Verdict.SKIP, why)
        if cell.guest in self.lacking:
            return Outcome(cell, Verdict.SKIP, self.lacking[cell.guest])
        guest = self.guests.get(cell.guest)
        if guest is None and cell.guest != "dom0":
            return Outcome(cell, Verdict.SKIP, f"no files for guest {cell.guest} (type: xenstage boot --help)")
        if guest is not None and guest.kind == "hvm" and self.stack.device_model is None:
            return Outcome(cell, Verdict.SKIP, f"{self.stack.root} has no device model, which an HVM guest needs")
        directory = self.cache.scratch(f"{cell.name}.{next(_RUNS)}")  # one cell may be running twice
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        job = Job(cell, machine, self.dom0(), guest, self.stack.version, directory)
        began = self.clock.now()
        expected = Expected(cell.guest, guest.marker, guest.times) if guest else Expected(cell.guest)
        try:
            plan = self.launchers.get(machine.kind, self.launch_qemu)(job)
            argv, log, stopped = self._emulate(plan, expected) if isinstance(plan, Launch) else plan
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        lines = lines_of(log)
        verdict, reason = judge(lines, expected, stopped)
        seconds = round(self.clock.now() - began, 1)
        self._keep(cell, argv, log)
        table = self.measure(lines, cell.guest) if verdict is Verdict.PASS else ()
        return Outcome(cell, verdict, reason, seconds, f"{cell.name}/serial.log", self.again(cell), table)

    def _emulate(self, plan: Launch, expected: Expected) -> Ran:
        with Emulator(plan.argv, plan.serial, clock=self.clock, start=self.start) as emulator:
            stopped = emulator.follow(lambda line: decisive(line, expected), plan.limits)
        log = emulator.log()
        if log is None:
            return Ran(plan.argv, plan.before + plan.serial.read_bytes(), Stopped(End.CHANGED))
        return Ran(plan.argv, plan.before + log, stopped)

    def launch_qemu(self, job: Job) -> Launch | Ran:
        """The plan of a QEMU machine: from a saved dom0 where that is allowed, with a request's disk."""
        request, serial = job.directory / "request", job.directory / "serial.log"
        write_request(request, job.cell.guest, job.guest.files(job.version) if job.guest else Archive())
        limits = job.machine.limits
        own = (job.guest.limit if job.guest else DOM0_LIMIT) * limits.get("guest", 1.0)
        if job.machine.extra.get("snapshot") and not self.fresh:
            saved = snapshot(
                job.machine, job.dom0, cache=self.cache, runner=self.runner, clock=self.clock, start=self.start
            )
            if isinstance(saved, NoSnapshot):
                return Ran(saved.argv, saved.log, saved.stopped)
            argv = command(job.machine, job.dom0, serial=serial, request=request, more=saved.options())
            return Launch(argv, serial, Limits(own, limits["silence"]), saved.log.read_bytes())
        argv = command(job.machine, job.dom0, serial=serial, request=request)
        return Launch(argv, serial, Limits(limits["dom0"] + own, limits["silence"]))

    def _keep(self, cell: Cell, argv: tuple[str, ...], log: bytes) -> None:
        directory = self.out / cell.name
        write_atomically(directory / "serial.log", log)
        lines = [f"# {cell.name}: the emulator as it was started; {self.again(cell)} makes the files and repeats it"]
        write_atomically(directory / "command", "\n".join([*lines, shlex.join(argv), ""]).encode())

    def again(self, cell: Cell) -> str:
        """The line that runs a cell again."""
        return shlex.join(["xenstage", "boot", "--replay", cell.name, "--out", str(self.out.parent), *self.options])
