"""Proof: what one proof found out about one patch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# PASS: shown.  FAIL: a counterexample that a person can check.  REFUSED: not shown, one way or the
# other, and the findings say what is missing.  SKIP: it could not run here.  INFRA: the machine failed.
PASS, FAIL, REFUSED, SKIP, INFRA = "PASS", "FAIL", "REFUSED", "SKIP", "INFRA"
# The worst first: what several verdicts come to.
ORDER = (INFRA, FAIL, REFUSED, SKIP, PASS)


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that does not hold, or that could not be understood.

    :param where: "path:line", "path: function", a configuration or a name.
    :param what: one sentence, what differs or what is not understood.
    """

    where: str
    what: str


@dataclass(frozen=True)
class Proof:
    """What one proof says of one patch.

    :param name: builds, predicates, hypercalls, objects, abi, lifetimes, residue or form.
    :param verdict: PASS, FAIL (something does not hold, and the findings are counterexamples
        that a person can check), REFUSED (it is not shown: the findings say what is missing),
        SKIP (it could not run here; the summary says why) or INFRA (the machine, not the patch).
    :param summary: one line for the table.
    :param findings: for every verdict but PASS, what it rests on.
    :param facts: JSON values for the evidence file: tables, counts, differences.
    :param covers: definitions that this proof shows to do as before, named as
        :attr:`xenstage.prove.changes.Change.where` does, each with how it shows it.  Heads and
        conditions around them are not its matter (:mod:`xenstage.prove.binary.coverage`).
    """

    name: str
    verdict: str
    summary: str
    findings: tuple[Finding, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    covers: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The proof as the evidence file has it."""
        return {
            "verdict": self.verdict,
            "summary": self.summary,
            "findings": [{"where": f.where, "what": f.what} for f in self.findings],
            "facts": self.facts,
            "covers": self.covers,
        }

    @staticmethod
    def from_json(name: str, value: dict[str, Any]) -> Proof:
        """The inverse of :meth:`to_json`."""
        findings = tuple(Finding(f["where"], f["what"]) for f in value["findings"])
        return Proof(name, value["verdict"], value["summary"], findings, value["facts"], value["covers"])


def worst(verdicts: list[str]) -> str:
    """The verdict of several together; PASS for none."""
    return next((v for v in ORDER if v in verdicts), PASS)
