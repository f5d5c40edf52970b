"""objects: every compiled function before and after, and which proof covers each that differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...builds.builder import Result
from ..case import Case
from ..result import PASS, SKIP, Finding, Proof
from .coverage import Coverage

Units = Mapping[str, Mapping[str, Mapping[str, list[Any]]]]  # object -> "f"/"d" -> symbol -> [size, digest]


@dataclass(frozen=True)
class Difference:
    """What differs between two builds; each row is (object, symbol, size before, size after).

    :param identical: functions that are the same.
    :param moved: functions that differ in line numbers only.
    :param functions: those that differ; a size of 0 stands for one that is not there.
    :param data: variables that differ.
    """

    identical: int
    moved: int
    functions: tuple[tuple[str, str, int, int], ...]
    data: tuple[tuple[str, str, int, int], ...]


def compare(before: Units, after: Units, lines: Units) -> Difference:
    """Compare two builds.

    :param lines: objects of the second one compiled with the first one's line numbers.
    """
    identical = moved = 0
    rows: dict[str, list[tuple[str, str, int, int]]] = {"f": [], "d": []}
    for unit in sorted({*before, *after}):
        for kind, out in rows.items():
            old, new = (side.get(unit, {}).get(kind, {}) for side in (before, after))
            again = lines.get(unit, {}).get(kind, {})
            for name in sorted({*old, *new}):
                a, b = old.get(name), new.get(name)
                if a == b:
                    identical += kind == "f"
                elif a is not None and again.get(name) == a:
                    moved += kind == "f"
                else:
                    out.append((unit, name, a[0] if a else 0, b[0] if b else 0))
    return Difference(identical, moved, tuple(rows["f"]), tuple(rows["d"]))


def bloat(difference: Difference) -> str:
    """The functions as Linux' scripts/bloat-o-meter prints them."""
    rows = sorted(difference.functions, key=lambda r: (r[2] - r[3], r[1]))
    added = [r for r in rows if not r[2]]
    removed = [r for r in rows if not r[3]]
    grown = [r for r in rows if r[2] and r[3] > r[2]]
    shrunk = [r for r in rows if r[3] and r[3] < r[2]]
    up = sum(r[3] - r[2] for r in rows if r[3] > r[2])
    down = sum(r[2] - r[3] for r in rows if r[3] < r[2])
    head = f"add/remove: {len(added)}/{len(removed)} grow/shrink: {len(grown)}/{len(shrunk)} "
    out = [head + f"up/down: {up}/{-down} ({up - down})", f"{'function':40} {'old':>7} {'new':>7} {'delta':>7}"]
    for _, name, a, b in rows:
        out.append(f"{name:40} {a or '-':>7} {b or '-':>7} {b - a:>+7}")
    return "\n".join(out)


def prove_objects(case: Case, built: Mapping[str, tuple[Result, Result]], covering: Coverage) -> Proof:
    """Every function of every build that differs, and why it may.

    A function that no proof covers does not fail this proof by itself: it keeps the
    message from saying that nothing changes.
    """
    able = {c: (a, b) for c, (a, b) in built.items() if a.harvest.get("objects") and b.harvest.get("objects")}
    if not able:
        return Proof("objects", SKIP, "nothing was built here", (Finding("objects", "no build of both sides"),))
    covered: dict[str, str] = {}
    uncovered: dict[str, str] = {}
    rows: dict[str, Any] = {}
    total = moved = differ = 0
    for config, (a, b) in sorted(able.items()):
        d = compare(a.harvest["objects"], b.harvest["objects"], b.harvest.get("lines", {}))
        for unit, name, old, new in (*d.functions, *d.data):
            why = covering.why(unit, name, copied=(unit, name, old, new) in d.functions and not (old and new))
            (covered if why else uncovered)[name] = why or f"{config}: {unit}"
        lines = f"{d.identical} identical, {d.moved} line numbers only, {len(d.functions)} changed"
        data = f", {len(d.data)} variables changed" if d.data else ""
        rows[config] = {"summary": f"functions: {lines}{data}", "bloat": bloat(d)}
        rows[config]["changed"] = [list(r) for r in d.functions]
        rows[config]["data"] = [list(r) for r in d.data]
        total, moved, differ = total + d.identical, moved + d.moved, differ + len(d.functions) + len(d.data)
    facts = {
        "configurations": rows,
        "covered": covered,
        "uncovered": sorted(uncovered),
        "where": uncovered,
    }
    summary = f"{total} functions identical, {moved} line numbers only, {differ} changed"
    summary += f"; {len(uncovered)} not covered" if uncovered else ", each covered" if differ else ""
    return Proof("objects", PASS, f"{summary} ({len(able)} builds)", (), facts)
