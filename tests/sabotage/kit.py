"""Sabotage: one thing of a boot that works is broken on purpose, and the boot must get the right verdict."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xenstage.boot.assemble import Xen, assemble
from xenstage.boot.guest.guests import FILE, linux_guest
from xenstage.boot.harness import Harness
from xenstage.boot.image.image import guest_archive
from xenstage.boot.machine.emulator import Start, start_process
from xenstage.boot.machine.machine import Machine, machines
from xenstage.boot.machine.qemu import Dom0
from xenstage.boot.model import Outcome, Verdict
from xenstage.boot.stack.debian import Debian, kernel
from xenstage.cache import Cache
from xenstage.process import Runner

GUEST = "pvh-linux"
SILENCE, LIMIT = 20.0, 40.0
"""Seconds: shorter than the machine file's, and ten times what an unbroken guest needs between two lines."""


@dataclass(frozen=True)
class Sabotage:
    """One breakage.

    :param name: short, unique.
    :param what: what is broken, in a few words.
    :param verdicts: what the cell may be called.
    :param says: a pattern that the reason must match.
    :param run: breaks it and boots.
    """

    name: str
    what: str
    verdicts: frozenset[Verdict]
    says: str
    run: Callable[[], Outcome]


@dataclass(frozen=True)
class Ground:
    """Debian's Xen under QEMU without KVM, whose PVH Linux boots when nothing is broken.

    :param root: a directory for what the sabotages make.
    """

    root: Path
    cache: Cache
    runner: Runner

    @property
    def base(self) -> Path:
        """Debian's packages, unpacked."""
        return Debian(self.cache, self.runner).stack().root

    def machine(self, limits: Mapping[str, float] | None = None) -> Machine:
        """The machine, with less patience."""
        (tcg,) = [m for m in machines() if m.name == "qemu-tcg"]
        short = {**tcg.limits, "silence": SILENCE, **(limits or {})}
        return replace(tcg, limits=short)

    def guest(self, name: str, script: str | None = None, changes: Mapping[str, str] | None = None) -> Path:
        """The PVH guest's directory, changed.

        :param name: the directory's.
        :param script: another first process than the one that prints the marker.
        :param changes: words of ``guest.toml`` to other words; all must be there.
        """
        right = linux_guest(GUEST, kernel(self.base).image, base=self.base, cache=self.cache, runner=self.runner)
        directory = self.root / f"guest-{name}"
        shutil.copytree(right.root, directory)
        text = (directory / FILE).read_text().replace(f"limit = {right.limit:.0f}", f"limit = {LIMIT:.0f}")
        for old, new in (changes or {}).items():
            assert old in text, f"{old} is not in {FILE}"
            text = text.replace(old, new)
        (directory / FILE).write_text(text)
        if script is not None:
            inside = guest_archive(self.base, {"NAME": GUEST, "NONCE": right.marker.split()[2]})
            inside.file("init", script.encode(), 0o755)
            (directory / "initramfs").write_bytes(inside.pack())
        return directory

    def harness(self, name: str, guest: Path | None = None, xen: Xen | None = None) -> Harness:
        """The harness of one sabotage."""
        made = xen or Xen(Debian(self.cache, self.runner).stack())
        own = [guest or self.guest(name)]
        return assemble(made, [GUEST], self.root / name, cache=self.cache, runner=self.runner, own=own)

    def boot(self, harness: Harness, limits: Mapping[str, float] | None = None) -> Outcome:
        """Run the cell of the guest."""
        among = (self.machine(limits),)
        cell, machine, why = harness.cell(GUEST, among)
        return Outcome(cell, Verdict.SKIP, why) if machine is None else harness.run(cell, machine)

    def with_dom0(self, name: str, change: Callable[[Dom0, Path], Dom0]) -> Harness:
        """A harness whose dom0 is changed after it was made; a saved one is not used."""
        harness = self.harness(name)
        place = self.root / f"dom0-{name}"
        place.mkdir()
        return replace(harness, _dom0=change(harness.dom0(), place), fresh=True)


def at_line(line: bytes, then: Callable[[subprocess.Popen[bytes], Path], None]) -> Start:
    """An emulator to which something happens as soon as its serial log holds a line."""

    def start(argv: Sequence[str], stderr: Path) -> subprocess.Popen[bytes]:
        process = start_process(argv, stderr)
        if "-qmp" not in argv:  # not to the one that is only saved
            serial = stderr.with_suffix(".log")
            threading.Thread(target=watch, args=(process, serial), daemon=True).start()
        return process

    def watch(process: subprocess.Popen[bytes], serial: Path) -> None:
        while process.poll() is None:
            if serial.exists() and line in serial.read_bytes():
                then(process, serial)
                return
            time.sleep(0.05)

    return start


def kill(process: subprocess.Popen[bytes], _serial: Path) -> None:
    """As the kernel does when memory is short."""
    os.kill(process.pid, signal.SIGKILL)


def cut(_process: subprocess.Popen[bytes], serial: Path) -> None:
    """As a full disk's cleaner does."""
    os.truncate(serial, 40)
