"""JUnit reports: what is green in them, and what hostile text becomes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from tests.cli.conftest import Tool
from tests.cli.kit import CONFIG
from xenstage.report.junit import Case, junit

VERDICTS = ("PASS", "FAIL", "REFUSED", "SKIP", "INFRA", "PANIC", "HANG", "TIMEOUT")


def test_only_pass_is_green() -> None:
    cases = [Case("a suite", v, v, "said", "more") for v in VERDICTS]
    root = ET.fromstring(junit(cases))
    found = {c.get("name"): [e.tag for e in c] for c in root.iter("testcase")}
    assert {n for n, tags in found.items() if tags == ["system-out"]} == {"PASS"}
    assert found["SKIP"] == ["skipped"] and found["INFRA"] == ["error"]
    assert all(found[v] == ["failure"] for v in ("FAIL", "REFUSED", "PANIC", "HANG", "TIMEOUT"))
    (suite,) = root
    assert [suite.get(k) for k in ("tests", "failures", "errors", "skipped")] == ["8", "5", "1", "1"]


def test_what_is_declared_is_no_failure() -> None:
    root = ET.fromstring(junit([Case("row", "guest", "PANIC", "as declared", good=True)]))
    assert root[0].get("failures") == "0"


def test_hostile_text() -> None:
    text = "</testsuite> ]]> <b> & \x1b[2J \x00 \x0b \udcff"
    data = junit([Case(text, text, "FAIL", text, text)])
    (case,) = ET.fromstring(data).iter("testcase")
    assert "</testsuite> ]]> <b> & \\x1b[2J \\x00" in str(case.get("name")) and b"\x1b" not in data
    assert data == junit([Case(text, text, "FAIL", text, text)])


def test_a_series_proofs(tool: Tool, tmp_path: Path) -> None:
    where = ("--build-config", "none", "--out", tmp_path / "out", "--junit", tmp_path / "proofs.xml")
    tool("verify", "01", "--tree", "sample", "--config", CONFIG, *where)
    root = ET.parse(tmp_path / "proofs.xml").getroot()
    assert [s.get("name", "")[:2] for s in root] == ["1 ", "2 ", "3 ", "4 "]
    names = [c.get("name") for c in root[0]]
    assert "predicates" in names and "builds" in names
    assert root[0].get("failures") == "0" and int(root[0].get("skipped", "0")) >= 1
