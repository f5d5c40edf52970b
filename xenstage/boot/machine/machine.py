"""Machine: what can run a Xen, read from ``machines/NAME.toml``, and which one a cell gets."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import Exit, XenstageError
from . import bochs

MACHINES = Path(__file__).parent / "machines"


@dataclass(frozen=True)
class Host:
    """What of this computer matters; a test makes one up.

    :param kvm: may this user open ``/dev/kvm``?
    :param features: ``vmx``, ``svm``: the processor's, as KVM would offer them to a guest.
    :param which: the path of an installed program, or None.
    """

    kvm: bool
    features: frozenset[str]
    which: Callable[[str], str | None]

    @staticmethod
    def this() -> Host:
        """This computer."""
        try:
            with open("/dev/kvm", "r+b"):
                kvm = True
        except OSError:
            kvm = False
        try:
            flags = re.findall(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        except OSError:
            flags = []
        words = set(flags[0].split()) if flags else set()
        return Host(kvm, frozenset(f for f in ("vmx", "svm") if f in words and _nested(f)), shutil.which)


def _nested(feature: str) -> bool:
    module = {"vmx": "kvm_intel", "svm": "kvm_amd"}[feature]
    file = Path(f"/sys/module/{module}/parameters/nested")
    return file.exists() and file.read_text().strip() in ("1", "Y")


@dataclass(frozen=True)
class Machine:
    """One machine file.

    :param kind: which program's options it needs: ``qemu`` or ``bochs``.
    :param order: machines are tried from the smallest.
    :param features: ``svm``, ``vmx``: what the virtual processor offers; empty: whatever KVM finds.
    :param memory: MiB.
    :param limits: seconds: ``dom0`` (from power-on until dom0 is up), ``silence``; ``guest`` scales a
        guest's own limit.
    :param why_not: feature to the reason for which the machine lacks it.
    :param extra: the keys that only its kind knows.
    """

    name: str
    kind: str
    order: int
    program: str
    package: str
    cpu: str
    smp: int
    memory: int
    features: frozenset[str]
    limits: dict[str, float]
    why_not: dict[str, str]
    extra: dict[str, Any] = field(default_factory=dict)

    def missing(self, host: Host) -> str | None:
        """Why it cannot run on this computer, with the line to type; None when it can."""
        if self.kind == "bochs":
            return bochs.missing(host.which)
        if host.which(self.program) is None:
            return f"{self.program} is not installed (type: apt-get install {self.package})"
        if self.extra.get("accel") == "kvm":
            if not host.kvm:
                return "/dev/kvm cannot be opened (type: sudo usermod -aG kvm $USER, where the file exists)"
            if not host.features:
                return "no VMX or SVM for guests of guests: /proc/cpuinfo, or nested=1 of kvm_intel, kvm_amd, lacks it"
        return None

    def offers(self, host: Host) -> frozenset[str]:
        """The virtualisation features that Xen finds on it."""
        return host.features if self.extra.get("accel") == "kvm" else self.features


_KNOWN = {"name", "kind", "order", "program", "package", "cpu", "smp", "memory", "features", "limits", "why_not"}


def load(path: Path) -> Machine:
    """Read one machine file.

    :raises XenstageError: (TOOLS) a key is missing or of the wrong type.
    """
    try:
        value = tomllib.loads(path.read_text())
        return Machine(
            name=str(value["name"]),
            kind=str(value["kind"]),
            order=int(value["order"]),
            program=str(value["program"]),
            package=str(value["package"]),
            cpu=str(value["cpu"]),
            smp=int(value["smp"]),
            memory=int(value["memory"]),
            features=frozenset(value.get("features", ())),
            limits={k: float(v) for k, v in value.get("limits", {}).items()},
            why_not={k: str(v) for k, v in value.get("why_not", {}).items()},
            extra={k: v for k, v in value.items() if k not in _KNOWN},
        )
    except (OSError, KeyError, TypeError, ValueError) as e:
        raise XenstageError(
            Exit.TOOLS,
            f"{path.name} is not a machine file",
            why=f"{type(e).__name__}: {e}",
            remedy="see the files beside it, and docs/boot.md, 'Machines'",
        ) from e


def machines(directory: Path = MACHINES) -> tuple[Machine, ...]:
    """All machine files, in the order in which they are tried."""
    return tuple(sorted(map(load, directory.glob("*.toml")), key=lambda m: (m.order, m.name)))


def needed(guest: str, version: str) -> frozenset[str]:
    """The features of which a guest needs one under a Xen ``MAJOR.MINOR``; empty for dom0 (PV).

    PVH guests of the first kind (until Xen 4.9; classic PVH was dropped in 4.10) exist only on
    VMX: ``hvm_enable`` and the ``pvh`` paths of ``xen/arch/x86/hvm/vmx`` in the tree; svm has none.
    """
    if guest == "dom0":
        return frozenset()
    # dom0's probe creates domains of every kind.
    if guest.startswith(("pvh-", "dom0-")) and old_pvh(version):
        return frozenset({"vmx"})
    return frozenset({"svm", "vmx"})


def old_pvh(version: str) -> bool:
    """Whether PVH guests of a Xen ``MAJOR.MINOR`` are of the first kind (4.4 to 4.9)."""
    return number(version) < (4, 10)


def number(version: str) -> tuple[int, ...]:
    """``MAJOR.MINOR`` as something that can be compared: 4.10 comes after 4.9."""
    return tuple(int(n) for n in re.findall(r"\d+", version)[:2])


def refusal(machine: Machine, guest: str, version: str, host: Host) -> str | None:
    """Why a machine cannot run a guest under a Xen; None when it can."""
    guests = machine.extra.get("guests")
    if isinstance(guests, dict) and isinstance(guests.get(guest), str):
        return str(guests[guest])
    want = needed(guest, version)
    if machine.features and want and not want & machine.features:
        return _lacks(machine, guest, version, want)
    missing = machine.missing(host)
    if missing is None and want and not want & machine.offers(host):
        return _lacks(machine, guest, version, want)
    return missing


def _lacks(machine: Machine, guest: str, version: str, want: frozenset[str]) -> str:
    because = "; ".join(machine.why_not[f] for f in sorted(want) if f in machine.why_not)
    return f"{guest} under Xen {version} needs {' or '.join(sorted(want))}" + (f": {because}" if because else "")


@dataclass(frozen=True)
class Chosen:
    """The machine that a cell gets, or None, and the reasons of those before it."""

    machine: Machine | None
    passed_over: tuple[tuple[str, str], ...]

    @property
    def reason(self) -> str:
        """One line: who was passed over and why."""
        return "; ".join(f"{name}: {why}" for name, why in self.passed_over)


def choose(guest: str, version: str, among: Sequence[Machine], host: Host) -> Chosen:
    """The first machine that can run a guest under a Xen of this version."""
    passed: list[tuple[str, str]] = []
    for machine in among:
        why = refusal(machine, guest, version, host)
        if why is None:
            return Chosen(machine, tuple(passed))
        passed.append((machine.name, why))
    return Chosen(None, tuple(passed))
