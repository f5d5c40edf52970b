"""probe: what a probe guest measured, as a table that can be held against another.

Start with :func:`read_table` (lines of a serial log in, :class:`Table` out) and
:func:`compare`.  Pure: nothing is opened, started or timed here.

The lines are those that dom0 relays from the guest's own console, each with the
guest's name in brackets::

    [hvm-probe] xenstage-guest hvm-probe NONCE hello
    [hvm-probe] probe device.pic.master=answers
    [hvm-probe] xenstage-guest hvm-probe NONCE probe-end 1

``guests/probe/`` prints them.  A table is complete when the number at its end is the
number of lines that were read: a truncated or garbled log never passes for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

NOTHING = "(no such cell)"
"""The value of a cell that a table does not have."""

_CELL = re.compile(r"probe (?P<key>[A-Za-z0-9_.]+)=(?P<value>\S+)\Z")


@dataclass(frozen=True)
class Table:
    """What one probe measured in one boot.

    :param guest: the guest's name.
    :param cells: name and value, sorted by name.
    :param lack: why the table is not complete, one sentence; empty when it is.
    """

    guest: str
    cells: tuple[tuple[str, str], ...]
    lack: str = ""

    @property
    def complete(self) -> bool:
        """Did the guest print its end line, and did every line of the table arrive?"""
        return not self.lack


def read_table(lines: Iterable[str], guest: str, nonce: str) -> Table:
    """The table that a guest printed.

    :param lines: a serial log's lines, without line ends; only those that begin with
        ``[GUEST] `` are the guest's own, whatever else dom0 or Xen print.
    :param nonce: the word that the guest's image holds; another one's end line does not count.
    """
    prefix, marker = f"[{guest}] ", f"xenstage-guest {guest} {nonce} "
    cells: dict[str, str] = {}
    count, lack, end = 0, "", None
    for line in lines:
        if not line.startswith(prefix) or end is not None:
            continue
        own = line[len(prefix) :].rstrip("\r")
        if own.startswith(marker):
            kind, _, rest = own[len(marker) :].partition(" ")
            if kind == "hello":  # the same log may hold an earlier start of the guest
                cells, count, lack = {}, 0, ""
            elif kind == "probe-end":
                end = rest
            elif kind == "probe-fault":
                lack = lack or f"the probe ended by exception {rest} after {count} cells"
        elif own.startswith("probe "):
            count += 1
            lack = lack or _take(own, cells)
    if not lack:
        lack = _lack_at_end(end, count)
    return Table(guest, tuple(sorted(cells.items())), lack)


def _take(line: str, cells: dict[str, str]) -> str:
    """Note one cell; what is wrong with the line, or nothing."""
    match = _CELL.match(line)
    if match is None:
        return f"not a cell: {line[:80]!r}"
    key, value = match["key"], match["value"]
    if key in cells:
        return f"{key} was measured twice: {cells[key]}, {value}"
    cells[key] = value
    return ""


def _lack_at_end(end: str | None, count: int) -> str:
    if end is None:
        return f"no end line after {count} cells"
    if end != str(count):
        return f"the probe printed {end} cells, {count} arrived"
    return ""


@dataclass(frozen=True)
class Declared:
    """One change that a stage declares.

    :param cells: the cells' names, as a pattern of :mod:`fnmatch`.
    :param after: the value that they are to have, as such a pattern.
    :param reason: why guests are to see it.
    """

    cells: str
    after: str = "*"
    reason: str = ""

    def covers(self, key: str, value: str) -> bool:
        """Is this cell's new value what was declared?"""
        return fnmatchcase(key, self.cells) and fnmatchcase(value, self.after)


@dataclass(frozen=True)
class Difference:
    """One cell that is not as it was; ``reason`` of who declared it, None when nobody did."""

    key: str
    before: str
    after: str
    reason: str | None

    def __str__(self) -> str:
        return f"{self.key}: {self.before} -> {self.after}"


@dataclass(frozen=True)
class Comparison:
    """Two tables held against each other.

    :param differences: every cell whose value differs, sorted by name.
    :param unseen: what was declared and did not happen.
    :param lack: why the comparison says nothing (a table is not complete).
    """

    differences: tuple[Difference, ...]
    unseen: tuple[Declared, ...] = ()
    lack: str = ""

    @property
    def undeclared(self) -> tuple[Difference, ...]:
        """The differences that no stage declared: each is a FAIL."""
        return tuple(d for d in self.differences if d.reason is None)

    @property
    def ok(self) -> bool:
        """Both complete, every difference declared, every declaration seen."""
        return not self.lack and not self.undeclared and not self.unseen

    @property
    def text(self) -> str:
        """What to say about it: one line, then one for each cell or declaration that is wrong."""
        if self.lack:
            return self.lack
        wrong = [f"  {d}" for d in self.undeclared]
        wrong += [f"  declared, but not seen: {d.cells} becomes {d.after} ({d.reason})" for d in self.unseen]
        declared = len(self.differences) - len(self.undeclared)
        head = f"{len(self.undeclared)} undeclared and {declared} declared differences"
        return "\n".join([head, *wrong])


def compare(base: Table, here: Table, declared: Sequence[Declared] = ()) -> Comparison:
    """Hold a stage's table against the base's, cell by cell.

    An incomplete table is compared with nothing: what it lacks would look like a change.
    """
    for name, table in (("the base's", base), ("this", here)):
        if not table.complete:
            return Comparison((), lack=f"{name} table of {table.guest} is not complete: {table.lack}")
    old, new = dict(base.cells), dict(here.cells)
    differences = []
    seen: set[Declared] = set()
    for key in sorted({*old, *new}):
        before, after = old.get(key, NOTHING), new.get(key, NOTHING)
        if before != after:
            by = [d for d in declared if d.covers(key, after)]
            seen.update(by)
            differences.append(Difference(key, before, after, by[0].reason if by else None))
    return Comparison(tuple(differences), tuple(d for d in declared if d not in seen))


def whiteboard(tables: Mapping[str, Table]) -> str:
    """The tables side by side for people: a line for each thing measured, a column for each guest.

    The 64- and the 32-bit answer of a hypercall share a line ("EFAULT / absent"); hypercall numbers
    that nobody answers are left out and counted at the end.
    """
    columns = {name: _rows(table) for name, table in tables.items()}
    keys = sorted({k for rows in columns.values() for k in rows}, key=_order)
    shown = [k for k in keys if any(_answered(k, rows.get(k, "-")) for rows in columns.values())]
    lines = [["", *columns], *([_title(k), *(rows.get(k, "-") for rows in columns.values())] for k in shown)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns) + 1)]
    text = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    if len(shown) < len(keys):
        text.append(f"({len(keys) - len(shown)} hypercall numbers and operations that nobody answers are not shown)")
    text += [f"{name}: not complete: {t.lack}" for name, t in tables.items() if not t.complete]
    return "\n".join(text) + "\n"


_BITS = re.compile(r"(hypercall|operation)(64|32)\.")
_SECTIONS = ("device.", "msr.", "VCPUOP", "XENMEM", "xenfeat.", "hypercall.", "operation.", "cpuid.")


def _rows(table: Table) -> dict[str, str]:
    pairs: dict[str, dict[str, str]] = {}
    for key, value in table.cells:
        match = _BITS.match(key)
        name = _BITS.sub(r"\1.", key)
        pairs.setdefault(name, {})[match[2] if match else ""] = value.removeprefix("present:")
    return {k: v[""] if "" in v else f"{v.get('64', '-')} / {v.get('32', '-')}" for k, v in pairs.items()}


def _order(key: str) -> tuple[int, str]:
    return next((i for i, s in enumerate(_SECTIONS) if key.startswith(s)), len(_SECTIONS)), key


def _answered(key: str, value: str) -> bool:
    calls = key.startswith(("hypercall.", "operation.")) and key != "hypercall.page"
    return not calls or any(v not in ("absent", "-") for v in value.split(" / "))


def _title(key: str) -> str:
    return key.removeprefix("hypercall.") if re.match(r"hypercall\.\d", key) else key.removeprefix("operation.")
