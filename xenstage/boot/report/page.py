"""page: the matrix as one static HTML file, logs a click away.

It needs no script (and its content policy allows none), no other file but the logs, and
shows what a guest printed as text: markup is only what :func:`tag` made.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..matrix.blame import FAILING
from ..matrix.judge import Judged, Run
from ..matrix.matrix import Bisected, Matrix
from ..matrix.plan import BASE, Commit
from ..model import Verdict
from .report import again, alike, plain, totals, visible
from .style import STYLE

Link = Callable[[str], str]
"""A log's path in the results to the address that the page has for it."""
Tail = Callable[[str, int], str]
"""The last lines of a log in the results."""

_TAIL = 25
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


@dataclass(frozen=True)
class _Show:
    """How a cell's parts are shown."""

    title: Callable[[Commit], str]
    link: Link
    tail: Tail


def tag(name: str, *children: str | None, **attributes: str) -> Markup:
    """An element; children that are not Markup are shown as text, whatever they hold; None is left out.

    :param attributes: ``class_`` for class, ``data_x`` for data-x.
    """
    said = "".join(f' {k.rstrip("_").replace("_", "-")}="{_text(v)}"' for k, v in attributes.items())
    inner = "".join(c if isinstance(c, Markup) else _text(c) for c in children if c is not None)
    return Markup(f"<{name}{said}>{inner}</{name}>")


def _text(text: str) -> str:
    return html.escape(visible(text))


def page(matrix: Matrix, *, link: Link, tail: Tail) -> bytes:
    """The page's bytes; the same matrix and logs give the same bytes."""
    show = _Show(matrix.plan.title, link, tail)
    bad = [j for j in matrix.cells if j.verdict in FAILING or j.verdict is Verdict.INFRA]
    skipped = [j for j in matrix.cells if j.verdict is Verdict.SKIP]
    passed = [j for j in matrix.cells if j.verdict is Verdict.PASS]
    body = [
        tag("header", tag("h1", "Boot matrix"), _lead(matrix), _sums(matrix)),
        _bisected(matrix.bisected) if matrix.bisected else None,
        _grid(matrix, link),
        _section("Not passed", bad, show, opened=True),
        _section("Skipped", skipped, show, opened=False),
        _section("Passed", passed, show, opened=False),
        _footer(),
    ]
    return document(_title(matrix), STYLE, *body)


def document(title: str, style: str, *body: str | None) -> bytes:
    """A page that needs no script and no other file.

    :param style: rules of a style sheet.
    :param body: the children of its body.
    """
    head = tag(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        tag("title", title),
        tag("style", Markup(style)),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', *body), lang='en')}\n".encode()


def _title(matrix: Matrix) -> str:
    sums = ", ".join(f"{n} {v}" for v, n in totals(matrix).items())
    return f"{sums or 'no cells'} · boot matrix {matrix.plan.base.xen[:12]}"


def _lead(matrix: Matrix) -> Markup:
    rows = len(matrix.plan.rows)
    return tag(
        "p",
        f"{rows} {'commit' if rows == 1 else 'commits'} × {len(matrix.plan.guests)} guests. Base ",
        tag("code", matrix.plan.base.xen),
        class_="lead",
    )


def _sums(matrix: Matrix) -> Markup:
    chips = [tag("li", tag("b", str(n)), f" {v}", class_=f"chip {_kind(Verdict(v))}")
             for v, n in totals(matrix).items()]  # fmt: skip
    return tag("ul", *chips, class_="sums")


def _kind(verdict: Verdict) -> str:
    """The colour; the word is always there as well."""
    return "bad" if verdict in FAILING else verdict.lower()


def _grid(matrix: Matrix, link: Link) -> Markup:
    by = {(j.commit.name, j.planned.cell.guest): j for j in matrix.cells}
    head = tag("tr", tag("th", "commit", scope="col"), *(tag("th", g, scope="col") for g in matrix.plan.guests))
    rows = [
        tag("tr", _row_head(c, matrix.plan.title(c)), *(_square(by[(c.name, g)], link) for g in matrix.plan.guests))
        for c in matrix.plan.rows
    ]  # fmt: skip
    return tag("table", tag("thead", head), tag("tbody", *rows), class_="grid")


def _row_head(commit: Commit, title: str) -> Markup:
    subject = tag("span", commit.subject, class_="subject") if commit.name != BASE else None
    return tag("th", tag("span", title, class_="name"), tag("code", commit.xen[:12]), subject, scope="row")


def _square(j: Judged, link: Link) -> Markup:
    where = tag("span", "no machine" if j.planned.skip else j.planned.cell.machine)
    spent = tag("span", _seconds(j.shown.seconds)) if j.shown.seconds else None
    log = tag("a", "log", href=link(j.shown.log)) if j.shown.log else None
    count = tag("span", _count(j.runs)) if len(j.runs) > 1 else None
    word = tag("a", str(j.verdict), class_="word", href=f"#{_anchor(j)}", title=plain(j.shown.reason))
    top = tag("span", word, Markup(" "), log, class_="top")
    facts = [x for x in (spent, where, count) if x is not None]
    sub = tag("span", *(x if i == 0 else Markup(f" {x}") for i, x in enumerate(facts)), class_="sub")
    return tag("td", top, Markup(" "), sub, class_=_kind(j.verdict), data_guest=j.planned.cell.guest)


def _count(runs: Sequence[Run]) -> str:
    return f"{sum(r.outcome.verdict is Verdict.PASS for r in runs)}/{len(runs)} PASS"


def _seconds(value: float) -> str:
    return f"{value:.0f} s" if value < 600 else f"{value / 60:.0f} min"


def _anchor(j: Judged) -> str:
    return f"{j.commit.name}.{j.planned.cell.guest}".replace("/", "-")


def _section(title: str, cells: Sequence[Judged], show: _Show, *, opened: bool) -> Markup | None:
    if not cells:
        return None
    groups = alike(cells)
    articles = [_together(g, show) if len(g) > 1 else _article(g[0], show, opened) for g in groups]
    return tag("section", tag("h2", f"{title} ({len(cells)})"), *articles)


def _together(cells: Sequence[Judged], show: _Show) -> Markup:
    """Cells that no machine can run, for one reason."""
    names = [tag("li", f"{show.title(j.commit)} · {j.planned.cell.guest}", id=_anchor(j)) for j in cells]
    head = tag("h3", tag("span", str(cells[0].verdict), class_="chip skip"), f" {len(cells)} cells")
    return tag("article", head, tag("p", cells[0].shown.reason, class_="reason"), tag("ul", *names), class_="skip")


def _article(j: Judged, show: _Show, opened: bool) -> Markup:
    cell, shown = j.planned.cell, j.shown
    where = "" if j.planned.skip else f" on {cell.machine}"
    head = tag(
        "h3",
        tag("span", str(j.verdict), class_=f"chip {_kind(j.verdict)}"),
        f" {show.title(j.commit)} · {cell.guest}{where}",
    )
    facts = [_fact("blame", j.blame.text, class_="blame") if j.blame else None]
    facts += [_fact("machine", f"{cell.machine}: {j.planned.why}")] if j.planned.why else []
    facts += [_fact("time", _seconds(shown.seconds))] if shown.seconds else []
    facts += [_fact("log", tag("a", shown.log, href=show.link(shown.log)))] if shown.log else []
    facts += [_fact("again", tag("code", plain(again(j))))]
    if j.planned.skip:
        return tag("article", head, tag("p", plain(shown.reason), class_="reason"), id=_anchor(j), class_="skip")
    parts = [
        head,
        tag("p", plain(shown.reason), class_="reason"),
        tag("dl", *facts),
        _differences(j),
        _runs(j, show.link),
        _excerpt(shown.log, show.tail) if opened else None,
    ]
    return tag("article", *parts, id=_anchor(j), class_=_kind(j.verdict))


def _fact(name: str, value: str, class_: str = "") -> Markup:
    shown = value if isinstance(value, Markup) else plain(value)
    return Markup(tag("dt", name) + (tag("dd", shown, class_=class_) if class_ else tag("dd", shown)))


def _differences(j: Judged) -> Markup | None:
    if not j.differences:
        return None
    rows = tag("ul", *(tag("li", tag("code", plain(d))) for d in j.differences))
    return tag("details", tag("summary", f"{len(j.differences)} undeclared differences"), rows)


def _runs(j: Judged, link: Link) -> Markup | None:
    if len(j.runs) < 2:
        return None
    rows = [
        tag(
            "li",
            tag("span", str(r.outcome.verdict), class_=f"chip {_kind(r.outcome.verdict)}"),
            f" run {r.number}, {_seconds(r.outcome.seconds)} ",
            tag("a", "log", href=link(r.outcome.log)) if r.outcome.log else None,
            f" {plain(r.outcome.reason)}",
        )
        for r in j.runs
    ]
    return tag("details", tag("summary", f"{len(j.runs)} runs, {_count(j.runs)}"), tag("ol", *rows, class_="runs"))


def _excerpt(log: str, tail: Tail) -> Markup | None:
    text = tail(log, _TAIL)
    if not text:
        return None
    lines = (x.rstrip().replace("\t", "    ") for x in text.splitlines())
    return tag("details", tag("summary", "the log's last lines"), tag("pre", "\n".join(lines)), open="open")


def _bisected(b: Bisected) -> Markup:
    rows = [tag("li", tag("b", str(a)), f" {b.line[i].patch} ", tag("code", b.line[i].xen[:12]))
            for i, a in sorted(b.found.asked)]  # fmt: skip
    asked = tag("details", tag("summary", f"{len(rows)} commits asked"), tag("ul", *rows))
    return tag("section", tag("h2", "Bisection"), tag("p", plain(b.text), class_="reason"), asked, class_="bisect")


def _footer() -> Markup:
    return tag(
        "footer",
        "PASS: the guest printed its own marker from inside, and a probe measured what it measures on the base. "
        "SKIP and INFRA say nothing about Xen. How to read this: docs/matrix.md of xenstage.",
    )
