"""Cell, Verdict, Outcome: the frozen values that the boot room shares.

A cell is one question ("does this Xen start this guest on this machine?"), an
outcome its answer with the log and the command that it can be checked by.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What became of a cell; a guest that could not run is SKIP, never PASS."""

    PASS = "PASS"  # the guest printed its own marker from inside
    FAIL = "FAIL"  # something else than the expected happened, and it is known what
    PANIC = "PANIC"  # Xen, dom0 or the guest said that it panicked
    HANG = "HANG"  # nothing more was printed, and nothing was being computed towards an end
    TIMEOUT = "TIMEOUT"  # it was still going on when the time was over
    SKIP = "SKIP"  # it could not run here; the reason says what is missing and what to type
    INFRA = "INFRA"  # the machine around Xen failed: the emulator died, the disk is full


GUESTS = (
    "dom0", "hvm-linux", "hvm-linux-save", "pvh-linux", "dom0-probe", "hvm-probe", "pvh-probe", "hvm-save-probe",
    "hvm-cycle", "pvh-cycle", "dom0-both", "pvh-tdt", "pvh-cr8", "pvh-gsi",
)  # fmt: skip
"""The rows of a matrix, in the order in which they are shown."""

MENDED = ("dom0-both", "pvh-tdt", "pvh-cr8", "pvh-gsi")
"""Guests that are known to end or hold up the base; asked where a patch declares that it mends them."""


@dataclass(frozen=True, order=True)
class Cell:
    """One question of a matrix.

    :param xen: what boots: ``debian``, or the full hash of a commit of the tree.
    :param guest: one of :data:`GUESTS`.
    :param machine: the name of a machine file (``qemu-tcg``, ``qemu-kvm``, ``bochs``).
    """

    xen: str
    guest: str
    machine: str

    @property
    def name(self) -> str:
        """The cell's name on the command line and on disk: ``XEN.GUEST.MACHINE`` (short hash)."""
        return f"{self.xen[:12]}.{self.guest}.{self.machine}"


@dataclass(frozen=True)
class Outcome:
    """The answer to a cell.

    :param reason: one sentence: for PASS the marker's line, else what was seen and where.
    :param seconds: wall clock from the emulator's start to the verdict.
    :param log: the serial log's path, relative to the directory of the results.
    :param command: the shell line that repeats exactly this run.
    :param table: a probe's measurements, name to value; empty for other guests.
    """

    cell: Cell
    verdict: Verdict
    reason: str
    seconds: float = 0.0
    log: str = ""
    command: str = ""
    table: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A value for :mod:`json`; :meth:`from_json` reads it."""
        return {**asdict(self), "verdict": str(self.verdict), "table": dict(self.table)}

    @staticmethod
    def from_json(value: dict[str, Any]) -> Outcome:
        """:raises KeyError, TypeError, ValueError: the value is not an outcome."""
        table = tuple(sorted((str(k), str(v)) for k, v in value["table"].items()))
        rest = {k: value[k] for k in ("reason", "seconds", "log", "command")}
        return Outcome(Cell(**value["cell"]), Verdict(value["verdict"]), table=table, **rest)
