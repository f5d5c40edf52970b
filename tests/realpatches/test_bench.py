"""The list of real patches: what it may hold, and when a verdict of it is false."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenstage.index.sweep import Files
from xenstage.prove.binary.equal import Equal
from xenstage.prove.case import Case
from xenstage.prove.judge import Judgement
from xenstage.prove.result import FAIL, PASS, REFUSED, Finding, Proof

from .bench import CHANGES, SAME, Listed, Row, read_list

LIST = Path(__file__).parent / "commits.txt"


def judgement(verdict: str, *, nfc: bool = False, equal: Equal | None = None, message: str = "x") -> Judgement:
    """A judgement whose one proof says so."""
    nothing = Files(Path("/nowhere"), {}, {})
    case = Case(1, message, message, "a" * 40, "b" * 40, nothing, nothing, ())
    findings = (Finding("xen/x.c: function fill", "before: calls pour; after: nothing"),)
    proof = Proof("predicates", verdict, "1 difference", findings if verdict != PASS else ())
    return Judgement(case, (proof,), nfc, () if nfc else ("predicates: 1 difference",), "", equal or Equal())


def test_the_list_is_hashes_and_a_word_for_each() -> None:
    listed = read_list(LIST.read_text())
    assert len(listed) == len({e.commit for e in listed}) >= 40
    assert sum(e.truth == SAME for e in listed) >= 20 and sum(e.truth == CHANGES for e in listed) >= 20
    known = {"506db9078c", "171946abce", "c55f69e5c4", "7978429727", "e5786bae04"}
    assert known <= {e.commit for e in listed if e.truth == CHANGES}
    assert len({e.window for e in listed}) > 5


@pytest.mark.parametrize("line", ["deadbeef", "deadbeef perhaps", "a subject of a commit", "DEADBEEF same"])
def test_anything_else_in_the_list_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not 'HASH same' or 'HASH changes'"):
        read_list(f"# a comment\n\n{line}\n")


EQUAL = Equal(("arm64-debug", "x86_64-debug"))


@pytest.mark.parametrize(
    ("truth", "verdict", "nfc", "equal", "false"),
    [
        (SAME, FAIL, False, Equal(), "FAIL on a patch that changes nothing"),
        (SAME, REFUSED, False, Equal(), ""),
        (SAME, REFUSED, False, EQUAL, ""),
        (CHANGES, FAIL, False, Equal(), ""),
        (CHANGES, PASS, True, Equal(), "a change called unchanged"),
        (CHANGES, REFUSED, False, EQUAL, "a change called unchanged"),
    ],
)
def test_a_false_verdict_is_named(truth: str, verdict: str, nfc: bool, equal: Equal, false: str) -> None:
    row = Row(Listed("deadbeef", truth, 1), judgement(verdict, nfc=nfc, equal=equal), 1.0)
    assert row.false == false


def test_what_only_lacks_a_build_is_told_apart() -> None:
    bare = Judgement(judgement(PASS).case, judgement(PASS).proofs, False, ("objects: nothing was built here",), "")
    row = Row(Listed("deadbeef", CHANGES, 1), bare, 1.0)
    assert row.shown == "the source proofs, unbuilt" and row.false
    more = Judgement(bare.case, bare.proofs, False, (*bare.why_not, "xen/x.c: macro A is covered by no proof"), "")
    assert not Row(row.listed, more, 1.0).shown


@pytest.mark.parametrize(
    ("judged", "words"),
    [
        (judgement(PASS, nfc=True), "shown by the source proofs: nothing changes in function"),
        (
            judgement(REFUSED, equal=EQUAL),
            "shown by equal objects: every compiled function is as before in arm64-debug",
        ),
        (judgement(REFUSED), "not shown to change nothing: predicates: 1 difference"),
        (judgement(REFUSED, message="x\n\nNo functional change."), "CLAIMED AND NOT SHOWN: predicates"),
        (judgement(FAIL), "predicates: xen/x.c: function fill: before: calls pour; after: nothing"),
    ],
    ids=["source", "objects", "neither", "claimed", "counterexample"],
)
def test_one_sentence_says_what_is_shown_and_by_what(judged: Judgement, words: str) -> None:
    assert words in judged.says


def test_the_form_of_somebodys_patch_is_advice() -> None:
    form = Proof("form", FAIL, "1 line is too long", (Finding("xen/x.c:3", "99 columns"),))
    judged = judgement(PASS, nfc=True).with_form(form)
    assert judged.verdict == PASS
    assert [(p.verdict, p.summary) for p in judged.proofs[1:]] == [(PASS, "advice: 1 line is too long")]
    assert judged.proofs[1].findings == form.findings
