"""Table, JSON and page: what was seen and no more, whatever a guest printed."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from xenstage.boot.matrix.matrix import Matrix, Session, run_bisect
from xenstage.boot.matrix.plan import Choice, make_plan
from xenstage.boot.model import GUESTS, Cell, Outcome, Verdict
from xenstage.boot.report.page import page, tag
from xenstage.boot.report.report import json_bytes, plain, table, to_json, totals, visible, worst
from xenstage.boot.report.style import STYLE
from xenstage.cli.common import exit_code
from xenstage.cli.matrix import write

from .kit import ONE, TABLE, TWO, Lab, cell_of, commits, outcome, tcg

HOSTILE = "<script>alert(1)</script> \"'> </pre></td> &amp; \x1b[2J\x1b]0;mine\x07 \x00 \u202e \x9b31m"
NOBODY = "no machine here runs a PVHv1 guest: apt-get install bochs"


def said(verdict: Verdict, reason: str = "", **changed: str) -> list[Any]:
    """An answer of a script."""

    def run(cell: Cell, _n: int) -> Outcome:
        return outcome(cell, verdict, {**TABLE, **changed} if changed else None, reason)

    return [run]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """One of everything."""
    script: dict[Any, Any] = {
        (ONE, "dom0"): said(Verdict.PANIC, f"Xen panicked: {HOSTILE}"),
        (ONE, "hvm-linux"): said(Verdict.HANG),
        (ONE, "hvm-probe"): said(Verdict.PASS, pit=HOSTILE),
        (TWO, "dom0"): [Verdict.TIMEOUT, Verdict.PASS],
        (TWO, "hvm-linux"): said(Verdict.INFRA, "the emulator died"),
        (TWO, "pvh-linux"): said(Verdict.SKIP, "no kernel given"),
    }
    return Lab(tmp_path, commits(2, 2), script)


def choose(xen: str, guest: str) -> Choice:
    """No machine for the PVH probe."""
    return Choice(None, NOBODY) if guest == "pvh-probe" else tcg(xen, guest)


@pytest.fixture
def mixed(lab: Lab) -> Matrix:
    """Every verdict."""
    return lab.ask(choose=choose)


class Reader(HTMLParser):
    """A page as a browser sees it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.cells: list[tuple[str, str]] = []
        self._cell: tuple[str, list[str]] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        got = {k: v or "" for k, v in attrs}
        self.tags.append(name)
        self.attributes |= set(got)
        if name not in ("meta",):
            self.open.append(name)
        self.ids += [got["id"]] if "id" in got else []
        self.links += [got["href"]] if "href" in got else []
        if name == "td":
            self._cell = (got["data-guest"], [])

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name
        if name == "td" and self._cell:
            self.cells.append((self._cell[0], " ".join("".join(self._cell[1]).split())))
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell:
            self._cell[1].append(data)


def read(matrix: Matrix, lab: Lab) -> tuple[str, Reader]:
    """The page's text, and as read."""
    text = page(matrix, link=lambda log: log, tail=lab.store.tail).decode()
    reader = Reader(text)
    assert reader.open == []
    return text, reader


# --- the same for the same


def test_the_same_outcomes_give_the_same_bytes(lab: Lab, mixed: Matrix) -> None:
    again = lab.ask(choose=choose, stored=True)
    assert json_bytes(again) == json_bytes(mixed)
    assert read(again, lab)[0] == read(mixed, lab)[0]
    assert table(again, "out", 200) == table(mixed, "out", 200)


def test_no_time_of_day(lab: Lab, mixed: Matrix) -> None:
    for text in (json_bytes(mixed).decode(), read(mixed, lab)[0]):
        assert not re.search(r"\b20\d\d-\d\d|\d\d:\d\d", text.replace(STYLE, ""))


def test_only_what_is_stored_is_in_the_report(lab: Lab, mixed: Matrix) -> None:
    for text in (json_bytes(mixed).decode(), read(mixed, lab)[0], table(mixed, "out", 200)):
        assert str(lab.root) not in text


# --- SKIP is never PASS


def test_words_of_the_grid(lab: Lab, mixed: Matrix) -> None:
    """Every square's word is the verdict of the JSON, in all three."""
    cells = to_json(mixed)["cells"]
    _, reader = read(mixed, lab)
    assert [(g, text.split()[0]) for g, text in reader.cells] == [(c["guest"], c["verdict"]) for c in cells]
    lines = table(mixed, "out", 200).splitlines()[1:4]
    words = [w for line in lines for w in re.findall(r"\b(?:PASS|FAIL|PANIC|HANG|TIMEOUT|SKIP|INFRA)\b", line)]
    assert words == [c["verdict"] for c in cells]
    assert {c["verdict"] for c in cells} == {str(v) for v in Verdict}


def test_a_skipped_cell_says_why_and_never_pass(lab: Lab, mixed: Matrix) -> None:
    text, reader = read(mixed, lab)
    for guest, words in reader.cells:
        if guest == "pvh-probe":
            assert words == "SKIP no machine"
    assert text.count(NOBODY) >= 2 and NOBODY in table(mixed, "out", 200)
    for c in to_json(mixed)["cells"]:
        if c["guest"] == "pvh-probe":
            assert c["verdict"] == "SKIP" and c["reason"] == NOBODY and c["machine"] is None and c["runs"] == []


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ((Verdict.PASS,), 0),
        ((Verdict.PASS, Verdict.SKIP), 8),
        ((Verdict.SKIP, Verdict.INFRA), 9),
        ((Verdict.INFRA, Verdict.FAIL, Verdict.SKIP), 1),
        ((Verdict.PASS, Verdict.PANIC), 1),
        ((Verdict.HANG,), 1),
        ((Verdict.TIMEOUT, Verdict.INFRA), 1),
    ],
)
def test_exit_codes(tmp_path: Path, verdicts: tuple[Verdict, ...], code: int) -> None:
    script = {("base", g): [v] for g, v in zip(GUESTS, verdicts, strict=False)}
    m = Lab(tmp_path, commits(1), script).ask(guests=GUESTS[: len(verdicts)], only=["base"])
    assert exit_code(worst(j.verdict for j in m.cells)) == code


def test_an_empty_matrix_is_not_passed(tmp_path: Path) -> None:
    m = Lab(tmp_path, commits(1), {}).ask(guests=[])
    assert not m.cells
    assert worst(j.verdict for j in m.cells) is Verdict.SKIP and exit_code(Verdict.SKIP) == 8


# --- whatever a guest printed


def test_markup_of_a_guest_is_text(lab: Lab, mixed: Matrix) -> None:
    text, reader = read(mixed, lab)
    assert "script" not in reader.tags and "script>alert" not in text.replace("&lt;script&gt;", "")
    assert html.escape("<script>alert(1)</script>", quote=False) in text
    assert not {a for a in reader.attributes if a.startswith("on")}
    assert set(reader.tags) <= {
        "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "p", "ul", "ol", "li", "b",
        "code", "table", "thead", "tbody", "tr", "th", "td", "a", "span", "section", "article", "dl", "dt", "dd",
        "details", "summary", "pre", "footer",
    }  # fmt: skip


def test_control_characters_are_shown_and_not_sent(lab: Lab, mixed: Matrix) -> None:
    for text in (read(mixed, lab)[0], table(mixed, "out", 200)):
        assert not [c for c in text if not c.isprintable() and c != "\n"]
        assert "\\x1b[2J" in text and "\\u202e" in text
    assert plain("a\r\nb\tc") == "a b c" and visible("\x07\ud800") == "\\x07\\ud800"


def test_tag_escapes_all_but_its_own() -> None:
    assert tag("a", "<b>", tag("i", "&"), href='"x"') == '<a href="&quot;x&quot;">&lt;b&gt;<i>&amp;</i></a>'


def test_scripts_are_not_allowed_and_nothing_is_loaded(lab: Lab, mixed: Matrix) -> None:
    text, reader = read(mixed, lab)
    assert "default-src &#x27;none&#x27;" in text
    assert not re.search(r"url\(|@import|src=", text.replace("default-src", ""))
    assert all(x.startswith(("#", "logs/")) for x in reader.links)


# --- everything is a click away


def test_every_link_leads_somewhere(lab: Lab, mixed: Matrix) -> None:
    _, reader = read(mixed, lab)
    assert len(reader.ids) == len(set(reader.ids)) == len(mixed.cells)
    inner = [x[1:] for x in reader.links if x.startswith("#")]
    assert sorted(inner) == sorted(reader.ids)
    for x in reader.links:
        assert x.startswith("#") or (lab.store.root / x).exists()


def test_a_page_elsewhere_finds_the_logs(lab: Lab, mixed: Matrix, tmp_path: Path) -> None:
    target = tmp_path / "public pages" / "index.html"
    assert write(mixed, lab.store, target) == target
    outer = [x for x in Reader(target.read_text()).links if not x.startswith("#")]
    assert outer and all((target.parent / x).resolve().exists() for x in outer)


def test_a_failed_cell_tells_all(lab: Lab, mixed: Matrix) -> None:
    text, _ = read(mixed, lab)
    (article,) = [a for a in text.split("<article") if f'id="{ONE}.hvm-linux"' in a]
    for words in ("HANG", "3 of 3 runs failed", "blamed: one of 2 patches", "12 s", "logs/", "the first that can",
                  "xenstage boot --replay", "log of 01_merge_hcall_tables hvm-linux"):  # fmt: skip
        assert words in article
    shown = table(mixed, "out/matrix", 200)
    for words in (
        "HANG    01_merge_hcall_tables: hvm-linux on qemu-tcg, 12 s",
        "blamed: one of 2",
        "log:   out/matrix/logs/",
    ):
        assert words in shown


def test_differences_are_listed(lab: Lab, mixed: Matrix) -> None:
    (c,) = [c for c in to_json(mixed)["cells"] if c["row"] == ONE and c["guest"] == "hvm-probe"]
    assert c["verdict"] == "FAIL" and len(c["differences"]) == 1 and c["differences"][0].startswith("pit: answers -> ")
    assert "1 undeclared differences" in read(mixed, lab)[0]


def test_skips_for_one_reason_are_told_once(lab: Lab, mixed: Matrix) -> None:
    lines = [x for x in table(mixed, "out", 200).splitlines() if NOBODY in x]
    assert len(lines) == 1
    assert f"SKIP    base, {ONE}, {TWO}: pvh-probe" in table(mixed, "out", 200)


# --- the table and the JSON


NINE = (
    "dom0", "hvm-linux", "pvh-linux", "dom0-probe", "hvm-probe", "pvh-probe", "hvm-cycle", "pvh-cycle", "dom0-both",
)  # fmt: skip


def test_the_grid_fits(lab: Lab) -> None:
    mixed = lab.ask(choose=choose, guests=NINE)
    wide, middle, narrow, turned = (table(mixed, "out", w).splitlines() for w in (200, 136, 122, 80))
    assert "PASS 12 s" in wide[1] and "b0b0b0b0b0b0" in wide[1]
    assert "12 s" not in middle[1] and "b0b0b0b0b0b0" in middle[1] and max(map(len, middle[:4])) <= 136
    assert "b0b0" not in narrow[1] and "PASS" in narrow[1] and max(map(len, narrow[:4])) <= 122
    assert turned[0].split() == ["base", "01", "02"] and max(map(len, turned[: 1 + len(NINE)])) <= 80
    assert turned[1].split() == ["dom0", *(str(cell_of(mixed, r, "dom0").verdict) for r in ("base", ONE, TWO))]


def test_the_schema(mixed: Matrix) -> None:
    value = json.loads(json_bytes(mixed))
    assert value["schema"] == "xenstage-matrix/1"
    assert set(value) == {"schema", "base", "guests", "rows", "cells", "totals", "verdict", "bisect"}
    assert len(value["cells"]) == len(value["rows"]) * len(value["guests"])
    assert sum(value["totals"].values()) == len(value["cells"]) and value["totals"] == totals(mixed)
    for c in value["cells"]:
        assert set(c) == {"row", "xen", "guest", "machine", "why", "verdict", "expected", "reason", "seconds", "log",
                          "command", "differences", "table", "blame", "runs"}  # fmt: skip
        assert c["reason"] and c["command"]
        assert (c["blame"] is None) == (c["verdict"] in ("PASS", "SKIP", "INFRA"))
        for r in c["runs"]:
            assert set(r) == {"number", "verdict", "reason", "seconds", "log"}


def test_a_bisection_in_all_three(tmp_path: Path) -> None:
    lab = Lab(tmp_path, commits(3), {(ONE, "dom0"): [Verdict.FAIL], (f"{ONE}/2", "dom0"): [Verdict.SKIP]})
    plan = make_plan(lab.line, tcg, guests=["dom0"], every_patch=True)
    session = Session(plan, lab.bench(), lab.store)
    found = run_bisect(lab.line, "dom0", session, lambda _: None)
    matrix = Matrix(plan, (), found)
    whole = lab.ask(guests=["dom0"], every=True)
    matrix = Matrix(whole.plan, whole.cells, found)
    text = f"dom0: the first bad patch is one of {ONE}/2, {ONE}/3: {ONE}/2 could not be asked"
    assert text in table(matrix, "out", 200) and text in read(matrix, lab)[0]
    value = to_json(matrix)["bisect"]
    assert value["text"].startswith(text) and value["suspects"] == [f"{ONE}/2", f"{ONE}/3"]
    assert {a["answer"] for a in value["asked"]} == {"good", "bad", "unknown"}


def test_a_report_that_cannot_be_written(lab: Lab, mixed: Matrix, tmp_path: Path) -> None:
    from xenstage.errors import Exit, XenstageError

    (tmp_path / "file").write_text("mine")
    with pytest.raises(XenstageError) as e:
        write(mixed, lab.store, tmp_path / "file" / "page.html")
    assert e.value.code is Exit.OUTPUT and "the outcomes are kept" in e.value.remedy


CONTRAST = 4.5  # WCAG 2.1, 1.4.3, for text of this size


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("pair", ["fg bg", "dim bg", "dim soft", "fg soft", "link bg", "pass pass-bg", "bad bad-bg",
                                  "skip skip-bg", "infra infra-bg", "dim pass-bg", "dim bad-bg", "dim skip-bg",
                                  "dim infra-bg", "link pass-bg", "link bad-bg", "link infra-bg"])  # fmt: skip
def test_text_can_be_read_in_light_and_dark(scheme: str, pair: str) -> None:
    blocks = re.findall(r":root\{(.*?)\}", STYLE, re.S)
    colours = dict(re.findall(r"--([\w-]+):(#\w+)", blocks[0 if scheme == "light" else 1]))
    one, two = (_luminance(colours[name]) for name in pair.split())
    assert (max(one, two) + 0.05) / (min(one, two) + 0.05) >= CONTRAST


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    linear: Callable[[float], float] = lambda v: v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4  # noqa: E731
    r, g, b = (linear(int(digits[i : i + 2], 16) / 255) for i in (0, 2, 4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
