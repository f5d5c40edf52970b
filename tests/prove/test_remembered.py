"""A proof that is kept is one of the same question: other bytes, words or declarations ask again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from xenstage.cache import Cache
from xenstage.index.sweep import Files
from xenstage.prove.case import Case, Declared
from xenstage.prove.remembered import remembered
from xenstage.prove.result import FAIL, Finding, Proof

PUMP = "xen/common/pump.c"
SAID = Proof("predicates", FAIL, "1 differs", (Finding(PUMP, "it differs"),), {"rows": [1, 2]}, {"a": "b"})


@pytest.fixture
def case(tmp_path: Path) -> Case:
    old = Files(tmp_path, {PUMP: "100644"}, {PUMP: b"int a;\n"}, "base")
    return Case(1, "s", "s\n\nb", "p", "c", old, old.with_overlay({PUMP: b"int b;\n"}), (PUMP,))


class Prover:
    """Counts how often it is asked."""

    def __init__(self, said: Proof = SAID) -> None:
        self.asked, self.said = 0, said

    def __call__(self) -> Proof:
        self.asked += 1
        return self.said


def test_the_same_question_is_asked_once(case: Case, tmp_path: Path) -> None:
    prover, cache = Prover(), Cache(tmp_path / "cache")
    assert [remembered("predicates", case, cache, prover) for _ in range(3)] == [SAID] * 3
    assert prover.asked == 1


def test_a_commit_with_another_author_is_the_same_question(case: Case, tmp_path: Path) -> None:
    prover, cache = Prover(), Cache(tmp_path / "cache")
    for one in (case, replace(case, parent="q", commit="d")):
        remembered("predicates", one, cache, prover)
    assert prover.asked == 1


def test_another_question_is_asked_again(case: Case, tmp_path: Path) -> None:
    prover, cache = Prover(), Cache(tmp_path / "cache")
    others = [
        case,
        replace(case, after=case.after.with_overlay({PUMP: b"int c;\n"})),
        replace(case, before=case.before.with_overlay({PUMP: b"int c;\n"})),
        replace(case, before=replace(case.before, tracked={PUMP: "100755"})),
        replace(case, message="s\n\nNo functional change."),
        replace(case, declared=Declared(removes=("a",))),
        replace(case, changed=()),
    ]
    for one in others:
        remembered("predicates", one, cache, prover)
    remembered("lifetimes", case, cache, prover)
    assert prover.asked == len(others) + 1


def test_what_would_come_back_as_something_else_is_not_kept(case: Case, tmp_path: Path) -> None:
    prover, cache = Prover(replace(SAID, facts={"rows": (1, 2)})), Cache(tmp_path / "cache")
    for _ in range(2):
        assert remembered("predicates", case, cache, prover).facts == {"rows": (1, 2)}
    assert prover.asked == 2


def test_a_damaged_one_is_absent(case: Case, tmp_path: Path) -> None:
    prover, cache = Prover(), Cache(tmp_path / "cache")
    remembered("predicates", case, cache, prover)
    for path in (tmp_path / "cache/proofs").rglob("*.json"):
        path.write_bytes(path.read_bytes().replace(b"differs", b"is same"))
    assert remembered("predicates", case, cache, prover) == SAID
    assert prover.asked == 2
