"""What can go wrong with a guest, a toolstack, a dom0 and an emulator, each really booted (Debian's Xen)."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from xenstage.boot.assemble import Xen
from xenstage.boot.guest.guests import FILE
from xenstage.boot.machine.qemu import Dom0
from xenstage.boot.model import Outcome, Verdict
from xenstage.boot.stack.debian import Debian
from xenstage.boot.stack.stack import Toolstack

from .kit import GUEST, Ground, Sabotage, at_line, cut, kill

MOUNTS = "#!/bin/sh\nmount -t proc proc /proc\nmount -t sysfs sysfs /sys\n"
MARKER = "xenstage-guest $NAME $NONCE up PVH"
FAIL, PANIC, HANG = frozenset({Verdict.FAIL}), frozenset({Verdict.PANIC}), frozenset({Verdict.HANG})
TIMEOUT, INFRA = frozenset({Verdict.TIMEOUT}), frozenset({Verdict.INFRA})


def sabotages(ground: Ground) -> tuple[Sabotage, ...]:
    """All of them, none run yet."""

    def guest(name: str, script: str | None = None, changes: Mapping[str, str] | None = None) -> Outcome:
        return ground.boot(ground.harness(name, ground.guest(name, script, changes)))

    return (
        Sabotage(
            "guest-silent",
            "a guest that says nothing",
            HANG,
            rf"nothing was printed for 20 s .*{GUEST}",
            lambda: guest("guest-silent", f"{MOUNTS}while :; do sleep 1000; done\n"),
        ),
        Sabotage(
            "guest-chatter",
            "a guest that goes on without end",
            TIMEOUT,
            r"not there after 40 s while pvh-linux was running",
            lambda: guest("guest-chatter", f"{MOUNTS}while :; do echo so far; sleep 1; done\n"),
        ),
        Sabotage(
            "guest-panic",
            "a guest whose first process ends",
            PANIC,
            r"pvh-linux: .*Kernel panic - not syncing",
            lambda: guest("guest-panic", f"{MOUNTS}exit 1\n"),
        ),
        Sabotage(
            "guest-off",
            "a guest that switches itself off",
            FAIL,
            r"pvh-linux ended without its marker",
            lambda: guest("guest-off", f"{MOUNTS}sleep 1\npoweroff -f\n"),
        ),
        Sabotage(
            "other-nonce",
            "the guest of another build",
            FAIL,
            r"wrong marker: expected .*, got .* another up PVH",
            lambda: guest(
                "other-nonce", f"{MOUNTS}. /marker\nNONCE=another\nwhile :; do echo {MARKER}; sleep 1; done\n"
            ),
        ),
        Sabotage(
            "not-pvh",
            "a toolstack that makes a PV guest of it",
            FAIL,
            r"wrong marker: .* up PV'",
            lambda: guest("not-pvh", None, {'type = "pvh"': 'type = "pv"'}),
        ),
        Sabotage(
            "no-kernel",
            "a guest without its kernel",
            FAIL,
            r"xl create pvh-linux ended with \d+: .*kernel",
            lambda: no_kernel(ground),
        ),
        Sabotage(
            "refused",
            "a toolstack that refuses",
            FAIL,
            r"xl create pvh-linux ended with \d+",
            lambda: guest("refused", None, {"memory = 256": "memory = 900000"}),
        ),
        Sabotage(
            "marker-of-dom0",
            "the marker printed by dom0",
            FAIL,
            r"the marker was not printed by pvh-linux: 'xl: xenstage-guest pvh-linux \w+ up PVH'",
            lambda: marker_of_dom0(ground),
        ),
        Sabotage(
            "dom0-empty",
            "a dom0 without a first process",
            PANIC,
            r"dom0: .*Kernel panic",
            lambda: ground.boot(ground.with_dom0("dom0-empty", no_initramfs)),
        ),
        Sabotage(
            "dom0-no-kernel",
            "a dom0 whose kernel is none",
            PANIC,
            r"Xen: .*Panic on CPU 0",
            lambda: ground.boot(ground.with_dom0("dom0-no-kernel", no_kernel_of_dom0)),
        ),
        Sabotage(
            "not-xen",
            "a hypervisor that cannot be loaded",
            INFRA,
            r"the emulator ended with 1 .*before Xen's first line",
            lambda: ground.boot(ground.with_dom0("not-xen", no_xen)),
        ),
        Sabotage(
            "emulator-killed",
            "an emulator that dies",
            INFRA,
            r"the emulator ended with -9 .*pvh-linux",
            lambda: ground.boot(replace(ground.harness("emulator-killed"), start=at_line(b"exit 0", kill))),
        ),
        Sabotage(
            "log-cut",
            "a log that is cut while it is written",
            INFRA,
            r"the serial log was changed by somebody else",
            lambda: ground.boot(replace(ground.harness("log-cut"), start=at_line(b"exit 0", cut))),
        ),
    )


def no_kernel(ground: Ground) -> Outcome:
    """The configuration names a file that is not there."""
    directory = ground.guest("no-kernel")
    (directory / "kernel").unlink()
    return ground.boot(ground.harness("no-kernel", directory))


def marker_of_dom0(ground: Ground) -> Outcome:
    """A toolstack whose ``xl`` starts nothing, knows the marker, and is content."""
    directory = ground.guest("marker-of-dom0")
    right = Debian(ground.cache, ground.runner).stack()
    copy = ground.root / "lying-toolstack"
    shutil.copytree(right.root, copy, symlinks=True, ignore=shutil.ignore_patterns("modules", "doc", "python3"))
    (marker,) = [x for x in (directory / FILE).read_text().splitlines() if x.startswith("marker = ")]
    (copy / right.xl).unlink()
    (copy / right.xl).write_text(f"#!/bin/sh\necho {shlex.quote(marker.split(chr(34))[1])}\n")
    stack = replace(right, root=copy)
    stack.save()
    return ground.boot(ground.harness("marker-of-dom0", directory, Xen(Toolstack.load(copy))))


def no_initramfs(right: Dom0, place: Path) -> Dom0:
    """dom0's kernel finds nothing to start."""
    (place / "initramfs").write_bytes(bytes(512))
    return replace(right, initramfs=place / "initramfs")


def no_kernel_of_dom0(right: Dom0, place: Path) -> Dom0:
    """Xen is given something else for a kernel."""
    (place / "kernel").write_bytes(b"no kernel\n" * 1000)
    return replace(right, kernel=place / "kernel")


def no_xen(right: Dom0, place: Path) -> Dom0:
    """The emulator is given something else for a hypervisor."""
    (place / "xen").write_bytes(b"\x7fELF" + bytes(1 << 16))
    return replace(right, xen=place / "xen")
