"""The page: nothing that a reader would miss, every link leads somewhere, hostile text is text."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.cli.conftest import Tool
from tests.cli.kit import CONFIG, ONE, TWO, evidence, numbered, shell, snapshot
from xenstage.report.page import report_page

HOSTILE = "<script>alert(1)</script> \"'> </pre> {{ 777*7 }} \x1b[2J \x00"


class Seen(HTMLParser):
    """Tags, ids, links and text of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.inside: dict[str, str] = {}
        self._open: list[tuple[str, str]] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Void elements are never closed."""
        given = dict(attrs)
        self.tags.append(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if "href" in given else []
        assert not [k for k in given if k.startswith("on") or k in ("src", "srcset", "action")], given
        if tag not in ("meta", "br"):
            self._open.append((tag, given.get("id") or ""))

    def handle_endtag(self, tag: str) -> None:
        """Well-formed: what is closed is what was opened last."""
        assert self._open and self._open[-1][0] == tag, (tag, self._open[-3:], self.text[-200:])
        self._open.pop()

    def handle_data(self, data: str) -> None:
        """Text, also below each id around it."""
        if any(t == "style" for t, _ in self._open):
            return
        self.text += data
        for _, name in self._open:
            if name:
                self.inside[name] = self.inside.get(name, "") + data


@pytest.fixture(scope="session")
def proved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both series of the sample with their source proofs; nothing is built."""
    place = tmp_path_factory.mktemp("proved")
    argv = ("verify", "01", "02", "--tree", "sample", "--config", CONFIG, "--build-config", "none")
    got = shell(*argv, "--out", str(place / "out"), cache=place / "cache")
    assert got.code == 8, got.err  # SKIP: nothing was built
    return place / "out"


@pytest.fixture
def out(proved: Path, tmp_path: Path) -> Path:
    """A copy, for a test to change."""
    shutil.copytree(proved, tmp_path / "out")
    return tmp_path / "out"


def seen(out: Path) -> Seen:
    """The page of a directory, held against what every page must be."""
    page, _ = report_page(out)
    got = Seen(page)
    assert page == report_page(out)[0], "the same files give the same bytes"
    assert not got._open and len(set(got.ids)) == len(got.ids), "each id once"
    assert not {"script", "img", "iframe", "link", "form"} & set(got.tags)
    for link in got.links:
        assert link[1:] in got.ids if link.startswith("#") else (out / unquote(link)).exists(), link
    return got


def test_every_patch_with_its_verdicts_and_numbers(proved: Path) -> None:
    page = seen(proved)
    for label in (ONE, TWO):
        for patch, mail in zip(evidence(proved, label)["patches"], numbered(proved, label), strict=True):
            anchor = f"{label[:2]}-{'-'.join(re.findall('[a-z0-9]+', patch['subject'].lower()))}"
            mine = page.inside[anchor]
            assert patch["subject"] in mine and patch["tree"] in mine and mail.name in mine
            for name, proof in patch["proofs"].items():
                shown = page.inside[f"{anchor}--{name}"]
                assert proof["verdict"] in shown and proof["summary"] in shown
            for edit in patch["edits"]:
                assert edit["rule"] in mine and edit["reason"] in mine, edit["rule"]
            for stay in patch["stays"]:
                assert stay["reason"] in mine
            for name in (*patch["removes"], *patch["introduces"]):
                assert name in mine
            text = mail.read_text().partition("\ndiff --git")[2]
            for line in text.splitlines():
                if line[:1] in "+-" and line[1:].strip() and line[:3] not in ("---", "+++", "-- "):
                    assert line in mine, line


def test_every_site_has_an_anchor_and_its_fate(proved: Path) -> None:
    page = seen(proved)
    for label in (ONE, TWO):
        sites = json.loads((proved / label / "v1/sites.json").read_bytes())["sites"]
        rows = [i for i in page.ids if i.startswith(f"{label[:2]}-site-")]
        assert len(rows) == len(sites)
        for site, row in zip(sites, rows, strict=True):
            said = page.inside[row]
            assert f"{site['path']}:{site['line']}" in said and site["name"] in said
            assert "stays: " in said or "patch " in said, said


def test_each_site_that_was_judged_is_there_with_its_reason(out: Path) -> None:
    place = out / ONE / "v1/evidence.json"
    value = json.loads(place.read_text())
    row = {"path": "xen/a.c", "offset": 3, "kind": "feature", "features": ["vpic"], "patch": "x", "reason": "a <wire>"}
    stays = {**row, "kind": "stay", "patch": "", "reason": "the predicate itself"}
    left = {**row, "kind": "constraint", "patch": "", "reason": "told by each patch again"}
    value["patches"][1]["facts"]["decisions"] = [row, stays, left]
    value["patches"][2]["facts"]["decisions"] = [stays, left]
    place.write_text(json.dumps(value))
    page = seen(out)
    mine = page.inside[f"{ONE.replace('_', '-')}--decided"]
    assert "2 sites judged one by one: 1 constraint, 1 feature" in mine
    assert "xen/a.c" in mine and "a <wire>" in mine and "vpic" in mine and "patch 2" in mine
    assert "the predicate itself" not in mine
    assert f"{TWO.replace('_', '-')}--decided" not in page.inside


def test_truth_tables_stand_beside_their_hunks(proved: Path) -> None:
    page = seen(proved)
    found = 0
    for label in (ONE, TWO):
        for patch in evidence(proved, label)["patches"]:
            functions = patch["proofs"]["predicates"]["facts"].get("functions", {})
            for key, row in functions.items():
                for c in row.get("conditions", []):
                    for text in filter(None, (c["before"], c["after"])):
                        bare = "".join(text.split())
                        homes = [i for i, t in page.inside.items() if "--xen-" in i and bare in "".join(t.split())]
                        found += bool(homes)
                        assert homes or bare in "".join(page.text.split()), (key, text)
    assert found > 4


def test_anchors_stay_when_a_line_moves_or_a_patch_comes_before(out: Path) -> None:
    before = seen(out).ids
    path = out / ONE / "v1"
    value = json.loads((path / "evidence.json").read_bytes())
    sites = json.loads((path / "sites.json").read_bytes())
    for patch in value["patches"]:
        patch["number"] += 3
    for site in sites["sites"]:
        site["line"] += 40
    (path / "evidence.json").write_text(json.dumps(value))
    (path / "sites.json").write_text(json.dumps(sites))
    kept = [i for i in before if not i.startswith("02")]
    assert set(kept) <= set(seen(out).ids)


def change(out: Path, label: str, make: Callable[[dict[str, Any]], None]) -> None:
    """Change a series' evidence."""
    path = out / label / "v1/evidence.json"
    value = json.loads(path.read_bytes())
    make(value)
    path.write_text(json.dumps(value))


def test_counterexamples_are_open_and_counted(out: Path) -> None:
    def fail(value: dict[str, Any]) -> None:
        proof = value["patches"][1]["proofs"]["predicates"]
        what = "for d is pvh: does BUG() before, nothing after"
        proof.update(verdict="FAIL", summary="1 differences", findings=[{"where": "xen/a.c: f", "what": what}])

    change(out, TWO, fail)
    page, summary = report_page(out)
    assert summary["verdicts"]["FAIL"] == 1
    got = seen(out)
    assert "for d is pvh: does BUG() before, nothing after" in got.text
    opened = page.decode().split('--predicates" open>')
    assert len(opened) == 2 and "1 differences" in opened[1][:400]
    assert "holds something else than a series of ours" in got.text, "and that somebody changed it"


def test_what_each_gate_asks_for(out: Path) -> None:
    def gates(value: dict[str, Any]) -> None:
        row = {"where": "xen/a.c:7", "function": "pump_init", "asks": "has_pump", "for": ["pump_on"]}
        value["patches"][0]["proofs"]["gates"] = {
            "verdict": "PASS", "summary": "1 tests ask for what they guard", "findings": [],
            "facts": {"gates": [row]}, "covers": {},
        }  # fmt: skip

    change(out, TWO, gates)
    (shown,) = [t for i, t in seen(out).inside.items() if i.startswith("02") and i.endswith("--gates") and "pump" in t]
    assert all(w in shown for w in ("pump_init", "has_pump", "pump_on", "xen/a.c:7"))


def test_hostile_text_is_shown_as_text(out: Path) -> None:
    def spoil(value: dict[str, Any]) -> None:
        for patch in value["patches"]:
            patch.update(subject=HOSTILE, intended=[HOSTILE], conclusion=HOSTILE, removes=[HOSTILE])
            patch["effects"] = [
                {"path": HOSTILE, "function": HOSTILE, "kind": HOSTILE, "reads_true": "", "diff": HOSTILE,
                 "becomes": "", "unreachable": False, "because": HOSTILE}
            ]  # fmt: skip
            for edit in patch["edits"]:
                edit.update(rule=HOSTILE, reason=HOSTILE)
            for stay in patch["stays"]:
                stay.update(path=HOSTILE, reason=HOSTILE)
            for proof in patch["proofs"].values():
                proof.update(summary=HOSTILE, findings=[{"where": HOSTILE, "what": HOSTILE}])

    change(out, ONE, spoil)
    for mail in numbered(out, ONE):
        data = mail.read_bytes().replace(b"\n+", b"\n+" + HOSTILE.replace("\x00", "").encode(), 3)
        mail.write_bytes(data)
    (out / TWO).rename(out / "02_<b>&quot;")
    got = seen(out)
    assert "<script>alert(1)</script>" in got.text and "{{ 777*7 }}" in got.text and "5439" not in got.text
    assert "\x1b" not in got.text and "\\x1b[2J" in got.text and "\\x00" in got.text


def test_a_second_version_is_held_against_the_first(out: Path) -> None:
    shutil.copytree(out / ONE / "v1", out / ONE / "v2")
    first, second, third, _ = numbered(out, ONE)
    new = out / ONE / "v2"
    two = (new / second.name).read_text()
    (new / second.name).write_text(two.replace("\n+", "\n+/* more */", 1))
    (new / first.name).write_text((new / first.name).read_text().replace("\n\n", "\n\nReworded.\n\n", 1))
    value = json.loads((new / "evidence.json").read_bytes())
    del value["patches"][3]
    (new / "evidence.json").write_text(json.dumps(value))
    got = seen(out)
    said = " ".join(got.inside["01-merge-hcall-tables--versions"].split())
    assert "v1 against v2" in said and "the message" in said and "+Reworded." in said
    assert "changed" in said and "/* more */" in said and "same" in said and "dropped" in said
    assert third.name not in said


def test_what_cannot_be_read_is_told(out: Path) -> None:
    (out / TWO / "v1/evidence.json").write_text("{")
    (out / "theirs-evidence").mkdir()
    (out / "theirs-evidence/evidence.json").write_text(json.dumps({"schema": "xenstage-evidence/1", "patches": []}))
    page, summary = report_page(out)
    assert [x["place"] for x in summary["passed over"]] == [f"{TWO}/v1", "theirs-evidence"]
    text = Seen(page).text
    assert f"{TWO}/v1 could not be read" in text and "xenstage-evidence/1; this version reads" in text


def test_patches_of_others_are_on_it(tool: Tool, out: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for mail in numbered(out, ONE):
        shutil.copy(mail, theirs)
    options = ("--tree", "sample", "--config", CONFIG, "--build-config", "none", "--out", out)
    assert tool("verify", theirs, *options).code in (8, 10)
    assert "theirs-evidence" in seen(out).text


def test_boots_stand_on_it_with_their_logs(out: Path) -> None:
    cell = {
        "row": "base", "xen": "a" * 40, "guest": "dom0", "machine": "q35", "why": "", "verdict": "PANIC",
        "expected": False, "reason": HOSTILE, "seconds": 3.2, "log": "logs/a.log.txt", "command": "xenstage matrix",
        "differences": ["pit: answers -> absent"], "table": {}, "runs": [],
        "blame": {"blamed": True, "suspects": [], "text": "01 patch 2 it is"},
    }  # fmt: skip
    skipped = [{**cell, "guest": g, "verdict": "SKIP", "reason": "no bochs", "log": "", "blame": None}
               for g in ("pvh-probe", "pvh-cycle")]  # fmt: skip
    row = {"name": "base", "patch": "base", "xen": "a" * 40, "subject": "A tree", "declared": []}
    value = {"schema": "xenstage-matrix/1", "base": "a" * 40, "guests": ["dom0", "hvm-linux"], "rows": [row],
             "cells": [cell, *skipped], "totals": {"PANIC": 1}, "verdict": "PANIC", "bisect": None}  # fmt: skip
    (out / "matrix/logs").mkdir(parents=True)
    (out / "matrix/logs/a.log.txt").write_text("Panic\n")
    (out / "matrix/matrix.html").write_text("")
    (out / "matrix/matrix.json").write_text(json.dumps(value))
    boot = {"verdict": "PASS", "reason": "it started", "seconds": 9.0, "log": "x/log.txt", "command": "xenstage boot"}
    (out / "boot/x").mkdir(parents=True)
    (out / "boot/x/log.txt").write_text("Up\n")
    (out / "boot/x/outcome.json").write_text(json.dumps(boot))
    got = seen(out)
    boots = got.inside["boots"]
    assert boots.count("no bochs") == 1 and "base, pvh-probe; base, pvh-cycle" in boots
    for words in ("PANIC", "01 patch 2 it is", "pit: answers -> absent", "it started", "<script>alert(1)</script>"):
        assert words in boots
    assert "1 boot PANIC" in " ".join(got.text.split())


def test_the_verb(tool: Tool, out: Path) -> None:
    before = snapshot(out)
    got = tool("report", "--out", out).good()
    assert got.out.strip() == str(out / "report.html")
    assert {k: v for k, v in snapshot(out).items() if k != "report.html"} == before
    value = json.loads(tool("report", "--out", out, "--json").good().out)
    anchors = [p["anchor"] for s in value["series"] for p in s["patches"]]
    assert len(anchors) == 6 and set(anchors) <= set(Seen((out / "report.html").read_bytes()).ids)
    tool("run", "01", "02", "--tree", "sample", "--config", CONFIG, "--out", out).good()  # the page is in nobody's way


def test_nothing_to_report(tool: Tool, tmp_path: Path) -> None:
    tool("report", "--out", tmp_path / "out").refused(6, "there is nothing to report", "xenstage verify 01")
    assert not (tmp_path / "out").exists()
