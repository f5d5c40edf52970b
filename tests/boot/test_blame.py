"""Who a failure is blamed on, and when nobody is."""

from __future__ import annotations

import itertools

import pytest

from xenstage.boot.matrix.blame import LIMIT, NEEDED, SETTLED, Answer, answer, bisect, blame, more_runs
from xenstage.boot.model import Verdict

F, P, S, I = Verdict.FAIL, Verdict.PASS, Verdict.SKIP, Verdict.INFRA  # noqa: E741
GOOD, BAD, UNKNOWN = Answer.GOOD, Answer.BAD, Answer.UNKNOWN


def test_three_failures_and_three_boots_of_the_parent() -> None:
    said = blame([F, Verdict.PANIC, F], [P, P, P], ["01/2"], parent_name="01/1")
    assert said.blamed and said.suspects == ("01/2",)
    assert said.text == "blamed: 01/2 (failed 3 times, 01/1 booted 3 times)"


def test_a_stage_is_a_range() -> None:
    said = blame([F] * 3, [P] * 3, ["01/1", "01/2", "01/3"], parent_name="base")
    assert said.suspects == ("01/1", "01/2", "01/3")
    assert "one of 3 patches, 01/1 to 01/3" in said.text


@pytest.mark.parametrize(
    ("here", "parent", "words"),
    [
        ([F, F], [P, P, P], "failed 2 of 3 times"),
        ([F, F, I, I], [P, P, P], "failed 2 of 3 times, 2 could not run (INFRA)"),
        ([F, P, F, F], [P, P, P], "flaky, 3 of 4 runs failed"),
        ([F] * 9 + [P], [P, P, P], "flaky, 9 of 10 runs failed"),
        ([F, F, F], [F], "base fails too"),
        ([F, F, F], [P, P, P, F], "base fails too, in 1 of 4 runs"),
        ([F, F, F], [P, P], "base booted 2 of 3 times"),
        ([F, F, F], [S], "base booted 0 of 3 times, 1 could not run (SKIP)"),
        ([F, F, F], [P, P, I], "base booted 2 of 3 times, 1 could not run (INFRA)"),
        ([F, F, F], [], "base was not run here"),
        ([F, F, F], None, "the base itself fails"),
        ([S], [P, P, P], "it did not fail"),
    ],
)
def test_not_blamed(here: list[Verdict], parent: list[Verdict] | None, words: str) -> None:
    said = blame(here, parent, ["01/1"], parent_name="base")
    assert not said.blamed and not said.suspects
    assert said.text.startswith("not blamed: ") and words in said.text


def test_nobody_is_blamed_for_less_than_the_rule() -> None:
    """Every pair of short histories: blame only where the rule is kept to the letter."""
    histories = [list(h) for n in range(5) for h in itertools.product((F, P, S, I), repeat=n)]
    for here, parent in itertools.product(histories, histories):
        kept = here.count(F) >= NEEDED and P not in here and parent.count(P) >= NEEDED and F not in parent
        assert blame(here, parent, ["x"]).blamed == kept, (here, parent)


@pytest.mark.parametrize("flaw", [P, S, I])
def test_confirming_ends(flaw: Verdict) -> None:
    """However the runs turn out, confirming asks a bounded number of them and then blame speaks."""
    for outcomes in itertools.product((F, flaw), repeat=6):
        here, parent = [F], list[Verdict]()
        for _ in range(20):
            a, b = more_runs(here, parent)
            if not a and not b:
                break
            here += [outcomes[(len(here) + i) % 6] for i in range(a)]
            parent += [P] * b
        else:
            pytest.fail("it goes on for ever")
        assert len(here) <= LIMIT and len(parent) <= LIMIT
        settled = [v for v in here if v in SETTLED]
        assert blame(here, parent, ["x"]).blamed == (settled.count(F) >= NEEDED and P not in settled)


def test_no_run_is_wasted() -> None:
    assert more_runs([F], []) == (2, 0)  # the parent is asked only once the failure is firm
    assert more_runs([F, F, F], []) == (0, 3)
    assert more_runs([F, P], []) == (0, 0)
    assert more_runs([F], [F]) == (0, 0)
    assert more_runs([F], None) == (0, 0)
    assert more_runs([P], []) == (0, 0)


def test_answers() -> None:
    assert {v: answer(v) for v in Verdict} == {
        P: GOOD, F: BAD, Verdict.PANIC: BAD, Verdict.HANG: BAD, Verdict.TIMEOUT: BAD, S: UNKNOWN, I: UNKNOWN,
    }  # fmt: skip


@pytest.mark.parametrize("count", range(2, 12))
def test_bisect_finds_every_first_bad(count: int) -> None:
    for first_bad in range(1, count):
        asked: list[int] = []

        def ask(i: int, asked: list[int] = asked, first_bad: int = first_bad) -> Answer:
            asked.append(i)
            return BAD if i >= first_bad else GOOD

        found = bisect(count, ask)
        assert (found.good, found.bad, found.suspects) == (first_bad - 1, first_bad, (first_bad,))
        assert len(asked) == len(set(asked)) <= count.bit_length() + 2


@pytest.mark.parametrize("count", range(3, 8))
def test_bisect_never_guesses_about_what_cannot_be_asked(count: int) -> None:
    """Every place of the first bad patch and every set of commits that cannot be asked."""
    for first_bad in range(1, count):
        for unknown in itertools.product((False, True), repeat=count - 2):
            skipped = {i + 1 for i, u in enumerate(unknown) if u}
            found = bisect(
                count,
                lambda i, s=skipped, b=first_bad: UNKNOWN if i in s else BAD if i >= b else GOOD,  # type: ignore[misc]
            )
            good = max(i for i in range(first_bad) if i not in skipped)
            bad = min(i for i in range(first_bad, count) if i not in skipped)
            assert (found.good, found.bad) == (good, bad)
            assert found.suspects == tuple(range(good + 1, bad + 1)) and first_bad in found.suspects
            assert found.unknown == tuple(range(good + 1, bad))


def test_bisect_of_what_is_not_broken() -> None:
    found = bisect(5, lambda _: GOOD)
    assert (found.good, found.bad, found.suspects) == (4, None, ())
    assert found.asked == ((4, GOOD),)  # one boot, not the whole line


def test_bisect_with_a_bad_base() -> None:
    found = bisect(5, lambda _: BAD)
    assert (found.good, found.bad, found.suspects) == (None, 0, ())


def test_bisect_when_the_ends_cannot_be_asked() -> None:
    assert bisect(4, lambda i: UNKNOWN if i == 3 else GOOD).suspects == ()
    found = bisect(4, lambda i: UNKNOWN if i == 0 else BAD)
    assert found.suspects == () and found.unknown == (0,) and found.bad == 3
    assert bisect(0, lambda _: BAD).suspects == ()
