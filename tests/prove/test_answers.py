"""Declared answers of new names are held both ways, also where nothing asks them yet."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from xenstage.effect import Answer
from xenstage.prove.case import Case, Declared
from xenstage.prove.result import FAIL, PASS, REFUSED
from xenstage.prove.source.predicates import prove_predicates

from .kit import CREATE, SCHED, case_of, edited, sample_files, told

HVM = ("hvm", "hvm+pvh")  # the sample makes the latter as it makes the former
LAMP, BELL = Answer("has_lamp", HVM, ("HAS_LAMP",)), Answer("has_bell", HVM, ("HAS_BELL",))
NAMES = """\
#define HAS_LAMP (1U << 0)
#define HAS_BELL (1U << 4)
#define has_lamp(d) (!!((d)->has & HAS_LAMP))
#define has_bell(d) (!!((d)->has & HAS_BELL))

"""


def patch(*spoilt: tuple[str, str, str], answers: tuple[Answer, ...] = (LAMP, BELL)) -> Case:
    """Two flags that nothing asks, and what is declared of them."""
    before = sample_files()
    after = edited(
        before,
        (SCHED, "    enum guest_type guest_type;", "    enum guest_type guest_type;\n    unsigned int has;"),
        (SCHED, "#endif /\\* XEN_SCHED_H \\*/", f"{NAMES}#endif /* XEN_SCHED_H */"),
        (
            CREATE,
            "^        d->guest_type = guest_type_hvm;",
            "    {\n\\g<0>\n        d->has = HAS_LAMP | HAS_BELL;\n    }",
        ),
    )
    return replace(case_of(before, edited(after, *spoilt)), declared=Declared(answers=answers))


def test_what_is_declared_is_shown() -> None:
    proof = prove_predicates(patch())
    assert proof.verdict == PASS, told(proof)


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        ((CREATE, "HAS_LAMP [|] HAS_BELL", "HAS_LAMP"), "has_bell: is 0 for a hvm guest, declared to be 1"),
        ((SCHED, "!!(\\(\\(d\\)->has & HAS_LAMP)", "!\\1"), "has_lamp: is 1 for a pv guest, declared to be 0"),
        (
            (CREATE, "^        d->guest_type = guest_type_pvh;", "    {\n\\g<0>\n        d->has = HAS_BELL;\n    }"),
            "has_bell: is 1 for a pvh guest, declared to be 0",
        ),
        ((SCHED, "has & HAS_LAMP", "has & HAS_BELL"), "has_bell: asks the same bit as has_lamp"),
        ((SCHED, "1U << 4", "17U"), "HAS_BELL: is not one bit"),
        ((SCHED, "HAS_LAMP .1U << 0.", "HAS_LAMP (1U << 4)"), "asks the same bit"),
        ((SCHED, "has & HAS_LAMP", "has & (HAS_LAMP | HAS_BELL)"), "does not say 0 where HAS_BELL alone is set"),
        ((SCHED, "has_lamp.d. (.*?)$", "has_lamp(d) is_hvm_domain(d)"), "does not say 1 where HAS_LAMP alone is set"),
        ((SCHED, "has_lamp.d. .!!(.*?).$", "has_lamp(d) !!\\1"), "its body is not one expression in brackets"),
        ((SCHED, "!!..d.->has & HAS_LAMP.", "!!(d->has & HAS_LAMP)"), "of one argument in brackets"),
        ((SCHED, "!!..d.->has & HAS_LAMP.", "!!((d)->domain->has & HAS_LAMP)"), "asks a virtual CPU, declared to ask"),
        ((SCHED, "!!..d.->has & HAS_BELL.", "((d)->has & HAS_BELL)"), "has_bell: is 16 for a hvm guest"),
        (
            (SCHED, "#define has_lamp", "#define has_horn(d) (!!((d)->has & 4U))\n#define has_lamp"),
            "has_horn: tells guests apart, and no answer is declared for it",
        ),
    ],
    ids=lambda x: x if isinstance(x, str) else x[2][:20],
)
def test_anything_else_is_a_fail(spoilt: tuple[str, str, str], says: str) -> None:
    proof = prove_predicates(patch(spoilt))
    assert proof.verdict == FAIL and says in told(proof), told(proof)


def test_two_names_that_ask_for_each_others_bits() -> None:
    spoilt = ((SCHED, "has & HAS_LAMP", "has & HAS_HORN"), (SCHED, "has & HAS_BELL", "has & HAS_LAMP"))
    proof = prove_predicates(patch(*spoilt, (SCHED, "has & HAS_HORN", "has & HAS_BELL")))
    assert proof.verdict == FAIL and "has_bell: does not say 1 where HAS_BELL alone is set in has" in told(proof)


def test_a_name_that_is_not_there_is_not_shown() -> None:
    proof = prove_predicates(patch(answers=(LAMP, BELL, Answer("has_horn", HVM))))
    assert proof.verdict == REFUSED and "has_horn: declared to tell guests apart, and not read" in told(proof)


def test_a_kind_that_is_not_there_is_a_fail() -> None:
    proof = prove_predicates(patch(answers=(LAMP, Answer("has_bell", (*HVM, "boxed"), ("HAS_BELL",)))))
    assert proof.verdict == FAIL and "declared to be 1 for a boxed guest, and there is none" in told(proof)


def test_a_third_set_is_another_kind_of_guest() -> None:
    third = "        d->has = domcr_flags & DOMCRF_hap ? HAS_LAMP : HAS_LAMP | HAS_BELL;"
    proof = prove_predicates(patch((CREATE, "        d->has = HAS_LAMP [|] HAS_BELL;", third)))
    assert proof.verdict == FAIL and "for a hvm+hap guest, declared to be 0" in told(proof)


def test_without_a_declaration_nothing_is_held() -> None:
    assert prove_predicates(patch(answers=())).verdict == PASS


def test_answers_survive_the_evidence_file() -> None:
    for answer in (LAMP, Answer("has_horn", ("pvh", "hvm"))):
        assert Answer.from_json(json.loads(json.dumps(answer.to_json()))) == answer
    with pytest.raises(ValueError, match="bits"):
        Answer.from_json({"name": "has_lamp", "yes": []})
