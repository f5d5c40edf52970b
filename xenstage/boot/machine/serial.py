"""judge: what a serial log says, as a verdict and one sentence.

Pure: bytes in, verdict out.  The log is everything that Xen, dom0 and (relayed
by dom0, each line with its name in brackets) the guest printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..model import Verdict

OURS = "xenstage: "
UP = OURS + "dom0 up"
END = OURS + "end"
GUEST = "xenstage-guest "
_HYPERVISOR = re.compile(r"\((?:XEN|d\d+)\) ")
_PANIC_OF_XEN = ("Panic on CPU", "FATAL TRAP", "Xen BUG at", "Assertion '")
_CRASH_OF_DOM0 = re.compile(r"\(XEN\).*(?:Domain 0|Dom0) crashed", re.IGNORECASE)
_CRASH_OF_GUEST = re.compile(r"\(XEN\).*(?:domain_crash called|Domain [1-9]\d* \(vcpu#\d+\) crashed)")
_PANIC_OF_LINUX = "Kernel panic - not syncing"
_GUEST_ENDED = "Xen ended the guest"
_LONGEST = 160


class End(StrEnum):
    """Why the harness stopped reading."""

    SEEN = "seen"  # a line decided it, or dom0 said that it is at its end
    EXITED = "exited"  # the emulator ended by itself
    SILENCE = "silence"  # nothing was printed for too long
    TIME = "time"  # the time was over
    CHANGED = "changed"  # the log does not begin with what was read of it


@dataclass(frozen=True)
class Expected:
    """What a log must show for PASS.

    :param guest: ``dom0``, or the guest's name.
    :param marker: how the marker's line begins, as the guest prints it (no name in brackets);
        it holds words that only the guest's image holds.
    :param times: how often the guest is created, shows its marker, and is destroyed.
    """

    guest: str
    marker: str = ""
    times: int = 1


@dataclass(frozen=True)
class Stopped:
    """How the run ended, besides what the log says.

    :param status: the emulator's exit status, when it ended by itself (negative: signal).
    :param note: the emulator's last words on stderr.
    :param seconds: the limit that was reached, for SILENCE and TIME.
    """

    end: End
    status: int | None = None
    note: str = ""
    seconds: float = 0.0


@dataclass
class Lines:
    """Takes a serial log apart into lines as it comes.

    dom0's output reaches the line in small pieces, and Xen may print a line of its own between
    two of them: ``[hvm] xenst(XEN) …`` and then ``age-guest …`` are two lines, Xen's and dom0's.
    """

    _partial: str = ""
    _held: str = ""

    def feed(self, data: bytes) -> list[str]:
        """The lines that are whole now, without line ends."""
        text = self._partial + self._decode(data)
        *whole, self._partial = text.split("\n")
        return [line for raw in whole for line in self._sort(raw.replace("\r", ""))]

    def close(self) -> list[str]:
        """What is left when nothing more comes."""
        left = self._held + self._partial.replace("\r", "")
        self._held = self._partial = ""
        return [left] if left else []

    def _decode(self, data: bytes) -> str:
        # A character of several bytes may be cut in two; everything we look for is ASCII.
        return data.decode("utf-8", "backslashreplace")

    def _sort(self, raw: str) -> list[str]:
        inside = _HYPERVISOR.search(raw)
        if inside is None:
            line, self._held = self._held + raw, ""
            return [line]
        before, own = raw[: inside.start()], raw[inside.start() :]
        if self._quotes(before):
            line, self._held = self._held + raw, ""
            return [line]
        self._held += before
        return [own]

    @staticmethod
    def _quotes(before: str) -> bool:
        # A guest may itself relay such text (Xen's own log, by xl dmesg): that line is the guest's.
        return before.startswith("xl: ")


def lines_of(log: bytes) -> list[str]:
    """The lines of a whole log."""
    parser = Lines()
    return parser.feed(log) + parser.close()


def decisive(line: str, expected: Expected) -> float | None:
    """For how many more seconds to read after a line that decides the verdict; None for any other line.

    After a panic there is more to come: a trace, and what dom0 has yet to relay of the guest's console.
    """
    if _panic(line) is not None:
        return 4.0
    return 0.3 if line == END or (expected.times == 1 and _is_marker(line, expected)) else None


def judge(lines: Iterable[str], expected: Expected, stopped: Stopped) -> tuple[Verdict, str]:
    """The verdict and its reason; the same lines always give the same.

    A log that somebody else changed is no witness. Then the order of the rules is: panics of Xen and dom0 (one just
    after a marker is no PASS either), the marker from inside, who gave up and said so (a refusing toolstack), then
    how the log ends.
    """
    if stopped.end is End.CHANGED:
        return Verdict.INFRA, "the serial log was changed by somebody else while it was written"
    seen = list(lines)
    marker = _marker(seen, expected)
    # A guest that was there may end as it likes (Xen 4.5 speaks of a crash when one switches itself off).
    its_own = (_GUEST_ENDED, f"{expected.guest}:") if marker is not None and expected.guest != "dom0" else ()
    panics = ((i, p) for i, p in enumerate(map(_panic, seen)) if p is not None and not p.startswith(its_own))
    panic = next(panics, None)
    if panic is not None:
        return Verdict.PANIC, panic[1] + _continued(seen, panic[0])
    refused = _exit_of(seen, f"xl create {expected.guest}")
    kept = _exit_of(seen, f"xl destroy {expected.guest}")
    if kept:
        return Verdict.FAIL, f"xl destroy {expected.guest} ended with {kept}{_complaint(seen)}"
    if marker is not None and not refused:
        return Verdict.PASS, marker
    if expected.guest == "dom0":
        answer = _exit_of(seen, "xl info")
        if answer:
            return Verdict.FAIL, f"xl info, or xl list, ended with {answer}{_complaint(seen)}"
    if refused:
        return Verdict.FAIL, f"xl create {expected.guest} ended with {refused}{_complaint(seen)}"
    wrong = _wrong_marker(seen, expected)
    if wrong is not None:
        return Verdict.FAIL, wrong
    if f"{OURS}no guest {expected.guest}" in seen:
        return Verdict.INFRA, f"dom0 did not get the files of {expected.guest}"
    if f"{OURS}guest {expected.guest}: gone" in seen:
        return Verdict.FAIL, f"{expected.guest} ended without its marker{_fault(seen)}; {_last(seen, expected)}"
    return _by_end(seen, expected, stopped)


def _by_end(seen: Sequence[str], expected: Expected, stopped: Stopped) -> tuple[Verdict, str]:
    where = f"{_phase(seen, expected)}; {_last(seen, expected)}"
    if END in seen:
        return Verdict.FAIL, f"dom0 came to its end without the marker; {_last(seen, expected)}"
    match stopped.end:
        case End.EXITED if stopped.status == 0 and "terminating on signal" not in stopped.note:
            return Verdict.FAIL, f"the machine was reset or switched off {where}"
        case End.EXITED:
            note = f" ({stopped.note})" if stopped.note else ""
            return Verdict.INFRA, f"the emulator ended with {stopped.status}{note} {where}"
        case End.SILENCE:
            return Verdict.HANG, f"nothing was printed for {stopped.seconds:.0f} s {where}"
        case End.TIME:
            return Verdict.TIMEOUT, f"not there after {stopped.seconds:.0f} s {where}"
    return Verdict.INFRA, f"the log ends in the middle {where}"


def _marker(seen: Sequence[str], expected: Expected) -> str | None:
    """The marker's line; of a guest that is created several times, only when every round has one and its end."""
    if expected.times == 1:
        return next((x for x in seen if _is_marker(x, expected)), None)
    rounds: list[list[str]] = []
    for line in seen:
        if line == f"{OURS}xl create {expected.guest}: started":
            rounds.append([])
        elif rounds:
            rounds[-1].append(line)
    found = [next((x for x in r if _is_marker(x, expected)), None) for r in rounds]
    ended = all(f"{OURS}xl destroy {expected.guest}: exit 0" in r for r in rounds)
    whole = len(rounds) == expected.times and ended and all(x is not None for x in found)
    return f"{found[-1]} ({expected.times} times created and destroyed)" if whole else None


def _is_marker(line: str, expected: Expected) -> bool:
    if expected.guest == "dom0":
        return line == f"{OURS}xl info: exit 0"
    mine = f"[{expected.guest}] {expected.marker}"
    # The next character ends a word: nonce 12 is not nonce 123.
    return bool(expected.marker) and line.startswith(mine) and line[len(mine) : len(mine) + 1] in ("", " ")


def _wrong_marker(seen: Sequence[str], expected: Expected) -> str | None:
    whole = f"[{expected.guest}] {expected.marker}"
    if seen and whole.startswith(seen[-1]):
        seen = seen[:-1]  # the log ends in the middle of it: that is no other marker
    inside = next((x for x in seen if x.startswith(f"[{expected.guest}] {GUEST}")), None)
    if inside is not None:
        return f"wrong marker: expected {expected.marker!r}, got {inside!r}"
    outside = next((x for x in seen if GUEST in x), None)
    if outside is not None and expected.guest != "dom0":
        return f"the marker was not printed by {expected.guest}: {_short(outside)!r}"
    return None


def _panic(line: str) -> str | None:
    if _HYPERVISOR.match(line):
        if any(p in line for p in _PANIC_OF_XEN):
            return f"Xen: {_short(line)}"
        if _CRASH_OF_DOM0.search(line):
            return f"dom0 crashed: {_short(line)}"
        if _CRASH_OF_GUEST.search(line):
            return f"{_GUEST_ENDED}: {_short(line)}"
        return None
    if _PANIC_OF_LINUX in line:
        relayed = re.match(r"\[([a-z0-9-]+)\] ", line)
        return f"{relayed.group(1) if relayed else 'dom0'}: {_short(line)}"
    return None


def _continued(seen: Sequence[str], at: int) -> str:
    """Xen says on the line after ``Panic on CPU 0:`` what it is (panic() in xen/drivers/char/console.c)."""
    after = seen[at + 1] if at + 1 < len(seen) else ""
    return f" {_short(after.removeprefix('(XEN) '))}" if "Panic on CPU" in seen[at] and after else ""


def _exit_of(seen: Sequence[str], what: str) -> str | None:
    """The exit status that dom0 reported of a command; None for none and for 0."""
    start = f"{OURS}{what}: exit "
    return next((x[len(start) :] for x in seen if x.startswith(start) and x != f"{start}0"), None)


def _complaint(seen: Sequence[str]) -> str:
    said = [x for x in seen if x.startswith("xl: ")]
    first = next((x for x in said if "error" in x.lower()), said[-1] if said else "")
    return f": {_short(first[4:])}" if first else ""


def _fault(seen: Sequence[str]) -> str:
    return " (Xen saw a triple fault)" if any(x.startswith("(XEN)") and "riple fault" in x for x in seen) else ""


def _phase(seen: Sequence[str], expected: Expected) -> str:
    if not any(x.startswith(_OF_XEN) for x in seen):
        return "before Xen's first line"
    if UP not in seen:
        return "before dom0 was up"
    if expected.guest != "dom0" and not any(x.startswith(f"[{expected.guest}] ") for x in seen):
        return f"after dom0 was up, before {expected.guest}'s first line"
    return f"while {expected.guest} was running"


_OF_XEN = ("(XEN)", " Xen ", "Xen ")


def _last(seen: Sequence[str], expected: Expected) -> str:
    guest = next((x for x in reversed(seen) if x.startswith(f"[{expected.guest}] ")), None)
    line = guest or next((x for x in reversed(seen) if x.strip()), None)
    return f"last line: {_short(line)!r}" if line else "the log is empty"


def _short(line: str) -> str:
    return line.strip() if len(line.strip()) <= _LONGEST else line.strip()[: _LONGEST - 1] + "…"
