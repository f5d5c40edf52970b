"""report_page: everything that was proved below an output directory, as one static page.

It needs no script (its content policy allows none) and no other file but mails and logs, to
which it links.  All text of others is shown as text: the templates escape what they are given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .. import __version__
from ..boot.report.report import visible
from ..boot.report.style import STYLE
from ..prove.result import ORDER
from .decided import counted
from .reading import Out, read_out
from .views import MOST, UNPROVED, SeriesView, Tables, series_view

TEMPLATES = str(files("xenstage.report") / "templates")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_COLOURS = {"PASS": "pass", "SKIP": "skip", "INFRA": "infra", "REFUSED": "infra", UNPROVED: "skip"}


def report_page(out: Path) -> tuple[bytes, dict[str, Any]]:
    """The page, and its sums as a value for :mod:`json`; the same files give the same bytes.

    Links are relative to ``out``, where the page is meant to stand.
    """
    found = read_out(out)
    tables = Tables()
    series = [series_view(versions, tables) for _, versions in sorted(found.series.items())]
    others = [series_view([v], tables) for v in found.others]
    sums = _sums([*series, *others])
    text = _environment().get_template("page.html.j2").render(
        series=series,
        others=others,
        tables=tables.found,
        matrix=_matrix(found),
        boots=found.boots,
        passed=found.passed,
        bases=sorted({s.base for s in series if s.base}),
        sums=sums,
        policy=_POLICY,
        style=STYLE,
        version=__version__,
        most=MOST,
    )  # fmt: skip
    return text.encode("utf-8", "xmlcharrefreplace"), _summary(found, series, others, sums)


def _environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True, finalize=_shown,
    )  # fmt: skip
    env.filters["counts"] = lambda row: ", ".join(f"{n} {k}" for k, n in sorted(row.items()) if n) or "none"
    env.filters["counted"] = counted
    env.filters["colour"] = lambda verdict: _COLOURS.get(str(verdict), "bad")
    return env


def _shown(value: Any) -> Any:
    """Control characters and bytes that are no text are shown as escapes; a diff's tabs stay."""
    if type(value) is not str:
        return value  # markup is a type of its own
    text = value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "\t".join(visible(piece) for piece in text.split("\t"))


def _sums(series: list[SeriesView]) -> dict[str, int]:
    counts = Counter(p.verdict for s in series for p in s.patches)
    return {v: counts[v] for v in (*ORDER, UNPROVED) if counts[v]}


def _matrix(found: Out) -> dict[str, Any] | None:
    """The boot matrix by rows, each cell with the address of its log."""
    if found.matrix is None:
        return None
    cells = {(c["row"], c["guest"]): {**c, "address": f"matrix/{c['log']}" if c["log"] else ""}
             for c in found.matrix["cells"]}  # fmt: skip
    guests = found.matrix["guests"]
    rows = [{**r, "cells": [cells.get((r["name"], g)) for g in guests]} for r in found.matrix["rows"]]
    bad: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for c in cells.values():
        if c["verdict"] != "PASS":
            own = () if c["verdict"] == "SKIP" and not c["runs"] else (c["row"], c["guest"])
            bad.setdefault((c["reason"], *own), []).append(c)  # SKIPs for one reason are told once
    return {
        "guests": guests,
        "rows": rows,
        "bad": list(bad.values()),
        "totals": found.matrix["totals"],
        "base": found.matrix["base"],
    }


def _summary(found: Out, series: list[SeriesView], others: list[SeriesView], sums: Mapping[str, int]) -> dict[str, Any]:
    def row(s: SeriesView) -> dict[str, Any]:
        patches = [{"number": p.number, "subject": p.subject, "verdict": p.verdict, "anchor": p.id} for p in s.patches]
        return {"series": s.name, "version": s.version, "base": s.base, "verdict": s.verdict, "patches": patches}

    return {
        "series": [row(s) for s in series],
        "others": [row(s) for s in others],
        "verdicts": dict(sums),
        "boots": found.matrix["totals"] if found.matrix else {},
        "passed over": [{"place": place, "reason": why} for place, why in found.passed],
    }
