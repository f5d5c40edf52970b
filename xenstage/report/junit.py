"""junit: verdicts as a JUnit report, which GitLab and others show beside a change."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass

from ..boot.report.report import visible

_GOOD, _SKIP, _BROKEN = ("PASS",), ("SKIP",), ("INFRA",)


@dataclass(frozen=True)
class Case:
    """One verdict.

    :param suite: what it is about: a patch, a row of the matrix.
    :param name: what was asked: a proof, a guest.
    :param said: one line.
    :param more: findings, differences, the line that asks it again.
    :param good: whether a verdict that is no PASS is as declared.
    """

    suite: str
    name: str
    verdict: str
    said: str
    more: str = ""
    seconds: float = 0.0
    good: bool = False


def junit(cases: Iterable[Case]) -> bytes:
    """The report; a FAIL and what is not shown are failures, INFRA is an error, SKIP is skipped.

    It holds no time of day: the same verdicts give the same bytes.
    """
    root = ET.Element("testsuites")
    suites: dict[str, ET.Element] = {}
    for case in cases:
        if case.suite not in suites:
            suites[case.suite] = ET.SubElement(root, "testsuite", name=_text(case.suite))
        where = {"classname": _text(case.suite), "name": _text(case.name), "time": f"{case.seconds:.1f}"}
        made = ET.SubElement(suites[case.suite], "testcase", where)
        if case.verdict in _GOOD or case.good:
            ET.SubElement(made, "system-out").text = _text(case.said)
            continue
        kind = "skipped" if case.verdict in _SKIP else "error" if case.verdict in _BROKEN else "failure"
        found = ET.SubElement(made, kind, message=_text(f"{case.verdict}: {case.said}"))
        if kind != "skipped":
            found.text = _text(case.more)
    for suite in suites.values():
        for kind, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(kind, str(len(suite.findall(f".//{tag}"))))
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _text(text: str) -> str:
    """What XML can hold: control characters and bytes that are no text are shown as escapes."""
    return visible(text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))
