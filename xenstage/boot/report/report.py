"""report: a judged matrix as a table for the terminal and as ``matrix.json``.

Both hold no time of day and nothing of this run alone: the seconds are those of the
stored outcomes, so that the same outcomes give the same bytes.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from ..matrix.blame import FAILING
from ..matrix.judge import Judged
from ..matrix.matrix import Bisected, Matrix
from ..matrix.plan import Commit
from ..model import Verdict

SCHEMA = "xenstage-matrix/1"
_ORDER = (*sorted(FAILING), Verdict.INFRA, Verdict.SKIP, Verdict.PASS)


def visible(text: str) -> str:
    """Text from a guest's console with its control characters as escapes; line ends stay.

    A serial line may hold anything, escape sequences for the reader's terminal included.
    """
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def plain(text: str) -> str:
    """The same on one line."""
    return visible(" ".join(text.split()))


def totals(matrix: Matrix) -> dict[str, int]:
    """Verdicts that occur, and how often; the worst first."""
    counts = {v: sum(j.verdict is v for j in matrix.cells) for v in _ORDER}
    return {str(v): n for v, n in counts.items() if n}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of all, a failure before INFRA before SKIP; SKIP for none."""
    there = set(verdicts)
    return next((v for v in _ORDER if v in there), Verdict.SKIP)


def again(judged: Judged) -> str:
    """The line that asks a cell again: the runner's own command, or the matrix's."""
    name, guest = judged.commit.name, judged.planned.cell.guest
    stage = f" {name[:2]}" if judged.commit.position else ""
    return judged.shown.command or f"xenstage matrix{stage} --point {shlex.quote(name)} --guest {guest}"


def to_json(matrix: Matrix) -> dict[str, Any]:
    """The whole matrix as a value for :mod:`json` (schema :data:`SCHEMA`, docs/matrix.md)."""
    plan = matrix.plan
    return {
        "schema": SCHEMA,
        "base": plan.base.xen,
        "guests": list(plan.guests),
        "rows": [_commit(c) for c in plan.rows],
        "cells": [_cell(j) for j in matrix.cells],
        "totals": totals(matrix),
        "verdict": str(worst(j.verdict for j in matrix.cells if not j.expected)),
        "bisect": _bisect(matrix.bisected) if matrix.bisected else None,
    }


def json_bytes(matrix: Matrix) -> bytes:
    """``matrix.json``."""
    return (json.dumps(to_json(matrix), indent=1, sort_keys=True) + "\n").encode()


def _commit(c: Commit) -> dict[str, Any]:
    return {"name": c.name, "patch": c.patch, "xen": c.xen, "subject": c.subject, "declared": list(c.declared)}


def _cell(j: Judged) -> dict[str, Any]:
    shown = j.shown
    return {
        "row": j.commit.name,
        "xen": shown.cell.xen,
        "guest": shown.cell.guest,
        "machine": None if j.planned.skip else shown.cell.machine,
        "why": j.planned.why,
        "verdict": str(shown.verdict),
        "expected": j.expected,
        "reason": shown.reason,
        "seconds": shown.seconds,
        "log": shown.log,
        "command": again(j),
        "differences": list(j.differences),
        "table": dict(shown.table),
        "blame": None
        if j.blame is None
        else {"blamed": j.blame.blamed, "suspects": list(j.blame.suspects), "text": j.blame.text},
        "runs": [
            {
                "number": r.number,
                "verdict": str(r.outcome.verdict),
                "reason": r.outcome.reason,
                "seconds": r.outcome.seconds,
                "log": r.outcome.log,
            }
            for r in j.runs
        ],
    }


def _bisect(b: Bisected) -> dict[str, Any]:
    return {
        "guest": b.guest,
        "text": b.text,
        "asked": [{"commit": b.line[i].patch, "xen": b.line[i].xen, "answer": str(a)} for i, a in b.found.asked],
        "suspects": [b.line[i].patch for i in b.found.suspects],
        "blamed": b.blame.blamed if b.blame else False,
    }


def table(matrix: Matrix, results: str, width: int) -> str:
    """The matrix for a terminal: the grid, then every cell that is not PASS.

    :param results: the directory of the results, as the user named it.
    :param width: columns; where they are too few, the grid leaves out the seconds, then the hashes,
        and then has a line for each guest.
    """
    grids = [_grid(matrix, seconds=s, hashes=h) for s, h in ((True, True), (False, True), (False, False))]
    grids.append(_turned(matrix))
    lines = next((g for g in grids if max(map(len, g)) <= width), grids[-1])
    if any(j.expected for j in matrix.cells):
        lines += ["", "* as declared: a later patch mends it"]
    for group in alike([j for j in matrix.cells if j.verdict is not Verdict.PASS and not j.expected]):
        lines += ["", *_trouble(matrix, group, results)]
    lines += ["", plain(matrix.bisected.text)] if matrix.bisected else []
    counts = ", ".join(f"{n} {v}" for v, n in totals(matrix).items())
    return "\n".join([*lines, "", f"{len(matrix.cells)} cells: {counts or 'none'}"]) + "\n"


def _turned(matrix: Matrix) -> list[str]:
    """Guests down, commits across, a stage by its number alone."""
    by = {(j.commit.name, j.planned.cell.guest): _word(j, False) for j in matrix.cells}
    commits = matrix.plan.rows
    rows = [["", *(re.sub(r"^(\d+)_[^/]*", r"\1", matrix.plan.title(c)) for c in commits)]]
    rows += [[g, *(by[c.name, g] for c in commits)] for g in matrix.plan.guests]
    return _aligned(rows)


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return ["  ".join(text.ljust(w) for text, w in zip(r, widths, strict=True)).rstrip() for r in rows]


def _grid(matrix: Matrix, *, seconds: bool, hashes: bool) -> list[str]:
    rows = [["", *[""] * hashes, *matrix.plan.guests]]
    by = {(j.commit.name, j.planned.cell.guest): j for j in matrix.cells}
    for c in matrix.plan.rows:
        rows.append(
            [
                matrix.plan.title(c),
                *[c.xen[:12]] * hashes,
                *(_word(by[(c.name, g)], seconds) for g in matrix.plan.guests),
            ]
        )
    return _aligned(rows)


def _word(j: Judged, seconds: bool) -> str:
    spent = f" {j.shown.seconds:.0f} s" if seconds and j.shown.seconds else ""
    return f"{j.verdict}{'*' if j.expected else ''}{spent}"


def alike(cells: Sequence[Judged]) -> list[list[Judged]]:
    """SKIPs for one reason are told once; everything else has its own place."""
    groups: dict[tuple[str, ...], list[Judged]] = {}
    for j in cells:
        own = () if j.verdict is Verdict.SKIP and not j.runs else (j.commit.name, j.planned.cell.guest)
        groups.setdefault((str(j.verdict), j.shown.reason, *own), []).append(j)
    return list(groups.values())


def _trouble(matrix: Matrix, group: Sequence[Judged], results: str) -> list[str]:
    j = group[0]
    rows: dict[str, list[str]] = {}
    for one in group:
        rows.setdefault(matrix.plan.title(one.commit), []).append(one.planned.cell.guest)
    columns = list(dict.fromkeys(tuple(g) for g in rows.values()))
    what = f"{', '.join(rows)}: {', '.join(columns[0])}" if len(columns) == 1 else "; ".join(
        f"{name}: {', '.join(guests)}" for name, guests in rows.items())  # fmt: skip
    where = f" on {j.planned.cell.machine}" if not j.planned.skip else ""
    spent = f", {j.shown.seconds:.0f} s" if j.shown.seconds else ""
    lines = [f"{j.verdict:7} {what}{where}{spent}", f"        {plain(j.shown.reason)}"]
    lines += [f"        {plain(j.blame.text)}"] if j.blame else []
    lines += [f"        log:   {results}/{j.shown.log}"] if j.shown.log else []
    lines += [f"        again: {plain(again(j))}"] if not j.planned.skip else []
    return lines
