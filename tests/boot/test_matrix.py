"""Running, judging, blaming and bisecting: every way in which a matrix could say more than was seen."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from xenstage.boot.guest.probe_guests import OLD_PVH
from xenstage.boot.matrix.cells import CellRunner
from xenstage.boot.matrix.matrix import Bench, Session, run_bisect, run_matrix
from xenstage.boot.matrix.plan import Choice, Commit, choose_guests, distinct, line_of, make_plan
from xenstage.boot.model import GUESTS, Cell, Outcome, Verdict
from xenstage.boot.run import chooser, compare
from xenstage.errors import Exit, XenstageError

from .kit import ONE, TABLE, TWO, Lab, MakeLab, blamed, cell_of, commits, outcome, tcg

pytestmark = pytest.mark.alone
PASS, FAIL, SKIP, INFRA = Verdict.PASS, Verdict.FAIL, Verdict.SKIP, Verdict.INFRA


# --- what is asked


def test_base_and_tips_times_guests(lab: MakeLab) -> None:
    m = lab().ask()
    assert [c.name for c in m.plan.rows] == ["base", ONE, TWO]
    assert [(j.commit.name, j.planned.cell.guest) for j in m.cells] == [
        (row, guest) for row in ("base", ONE, TWO) for guest in GUESTS
    ]
    assert {j.verdict for j in m.cells} == {PASS}


def test_every_patch(lab: MakeLab) -> None:
    m = lab().ask(every=True, guests=["dom0"])
    assert [c.patch for c in m.plan.rows] == ["base", f"{ONE}/1", f"{ONE}/2", f"{TWO}/1", f"{TWO}/2"]


def test_a_stage_that_found_nothing_to_do_is_its_parent() -> None:
    line = line_of("b0" * 20, [(ONE, [("11" * 20, "a patch", ())]), (TWO, [])])
    assert [c.name for c in line] == ["base", ONE, TWO]
    assert line[1].xen == line[2].xen and len(distinct(line)) == 2
    plan = make_plan(line, tcg, guests=["dom0"])
    before = plan.before(line[2])
    assert before is not None and before.name == "base"
    assert [c.name for c in plan.between(before, line[2])] == [ONE]


def test_an_unknown_row_is_named(lab: MakeLab) -> None:
    with pytest.raises(XenstageError) as e:
        lab().ask(only=["03_nothing"])
    assert e.value.code is Exit.USAGE and ONE in e.value.why


# --- SKIP is not PASS


def test_without_a_machine_nothing_runs_and_the_reason_is_told(lab: MakeLab) -> None:
    one = lab()
    m = one.ask(choose=lambda _x, g: Choice(None, "bochs is not installed") if g.startswith("pvh") else tcg(_x, g))
    skipped = [j for j in m.cells if j.planned.cell.guest.startswith("pvh")]
    assert len(skipped) == 3 * len([g for g in GUESTS if g.startswith("pvh")])
    assert all(j.verdict is SKIP and j.shown.reason == "bochs is not installed" and not j.runs for j in skipped)
    assert not [r for r in one.ran() if r.split()[1].startswith("pvh")]


def test_one_skip_among_twenty_runs_is_no_pass(lab: MakeLab) -> None:
    j = cell_of(lab({("base", "dom0"): [*[PASS] * 19, SKIP]}).ask(repeat=20, guests=["dom0"]), "base", "dom0")
    assert j.verdict is SKIP and j.shown.reason.startswith("1 of 20 runs did not run")


def test_twenty_passes(lab: MakeLab) -> None:
    j = cell_of(lab().ask(repeat=20, guests=["dom0"], only=["base"]), "base", "dom0")
    assert j.verdict is PASS and j.shown.reason.startswith("20 of 20 runs") and len(j.runs) == 20


def test_pass_without_a_log_is_not_believed(lab: MakeLab) -> None:
    said: list[Any] = [lambda c, _: Outcome(c, PASS, "marker", 1.0)]
    j = cell_of(lab({("base", "dom0"): said}).ask(guests=["dom0"], only=["base"]), "base", "dom0")
    assert j.verdict is INFRA and "no log" in j.shown.reason


def test_pass_with_an_empty_log_is_not_believed(lab: MakeLab) -> None:
    one = lab()

    def make(results: Path) -> CellRunner:
        def empty(cell: Cell) -> Outcome:
            (results / "empty").touch()
            return Outcome(cell, PASS, "marker", 1.0, "empty")

        return empty

    plan = make_plan(one.line, tcg, guests=["dom0"], only=["base"])
    session = Session(plan, Bench(tcg, make, lambda _: "", compare), one.store)
    session.first(plan.cells, 1)
    assert session.verdicts(plan.cells[0]) == [INFRA]


def test_runs_of_one_cell_at_a_time_do_not_share_a_log(lab: MakeLab, tmp_path: Path) -> None:
    """A runner names its log after the cell, so that two of them would write the same one."""
    one = lab()

    def make(results: Path) -> CellRunner:
        def run(cell: Cell) -> Outcome:
            own = f"{os.getpid()}"
            (results / "serial.log").write_text(own)
            time.sleep(0.02)
            return Outcome(cell, PASS, own, 1.0, "serial.log")

        return run

    plan = make_plan(one.line, tcg, guests=["dom0"], only=["base"])
    session = Session(plan, Bench(tcg, make, lambda _: "", compare), one.store, jobs=4)
    session.first(plan.cells, 12)
    for r in session.runs(plan.cells[0]):
        assert r.outcome.verdict is PASS and (one.store.root / r.outcome.log).read_text() == r.outcome.reason
    assert list(one.store.work.iterdir()) == []


def test_what_a_killed_runner_had_logged_is_kept(lab: MakeLab) -> None:
    one = lab()

    def make(results: Path) -> CellRunner:
        def run(_cell: Cell) -> Outcome:
            (results / "serial.log").write_text("(XEN) the last words")
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError

        return run

    plan = make_plan(one.line, tcg, guests=["dom0"], only=["base"])
    session = Session(plan, Bench(tcg, make, lambda _: "", compare), one.store)
    session.first(plan.cells, 1)
    (run,) = session.runs(plan.cells[0])
    assert run.outcome.verdict is INFRA
    assert (one.store.root / run.outcome.log).read_text() == "(XEN) the last words"


def test_an_answer_for_another_cell_is_not_believed(lab: MakeLab) -> None:
    said: list[Any] = [lambda c, _: outcome(Cell(c.xen, "pvh-linux", c.machine), PASS)]
    j = cell_of(lab({("base", "dom0"): said}).ask(guests=["dom0"], only=["base"]), "base", "dom0")
    assert j.verdict is INFRA and "another cell" in j.shown.reason


# --- runners that misbehave


@pytest.mark.parametrize(
    ("code", "verdict"), [(Exit.TOOLS, SKIP), (Exit.FAIL, FAIL), (Exit.OUTPUT, INFRA), (Exit.INFRA, INFRA)]
)
def test_what_an_error_of_the_runner_means(lab: MakeLab, code: Exit, verdict: Verdict) -> None:
    def stop(_c: Cell, _n: int) -> Outcome:
        raise XenstageError(code, "it stops", why="that is why", remedy="type this")

    j = cell_of(lab({("base", "dom0"): [stop]}).ask(guests=["dom0"], only=["base"]), "base", "dom0")
    assert j.verdict is verdict and "that is why" in j.shown.reason and "type this" in j.shown.reason


def test_a_runner_with_a_defect_is_infra_with_its_traceback(lab: MakeLab) -> None:
    def broken(_c: Cell, _n: int) -> Outcome:
        raise ZeroDivisionError("one by nought")

    one = lab({("base", "hvm-linux"): [broken]})
    m = one.ask(guests=["dom0", "hvm-linux"])
    j = cell_of(m, "base", "hvm-linux")
    assert j.verdict is INFRA and "ZeroDivisionError: one by nought" in j.shown.reason
    assert b"Traceback" in (one.store.root / j.shown.log).read_bytes()
    assert cell_of(m, ONE, "dom0").verdict is PASS  # the matrix went on


def test_a_runner_that_is_killed_is_infra_and_the_matrix_goes_on(lab: MakeLab) -> None:
    def killed(_c: Cell, _n: int) -> Outcome:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    m = lab({("base", "dom0"): [killed]}).ask(guests=["dom0"], jobs=2)
    j = cell_of(m, "base", "dom0")
    assert j.verdict is INFRA and "SIGKILL" in j.shown.reason
    assert cell_of(m, TWO, "dom0").verdict is PASS


def test_jobs_run_at_the_same_time(lab: MakeLab, tmp_path: Path) -> None:
    def meet(cell: Cell, _n: int) -> Outcome:
        (tmp_path / cell.guest).touch()
        end = time.monotonic() + 10
        while not all((tmp_path / g).exists() for g in ("dom0", "hvm-linux")):
            if time.monotonic() > end:
                return outcome(cell, Verdict.TIMEOUT)
            time.sleep(0.01)
        return outcome(cell, PASS)

    script: dict[Any, Any] = {("base", g): [meet] for g in ("dom0", "hvm-linux")}
    m = lab(script).ask(guests=["dom0", "hvm-linux"], only=["base"], jobs=2)
    assert {j.verdict for j in m.cells} == {PASS}


def test_ctrl_c_is_not_lost_in_a_fork(lab: MakeLab) -> None:
    """Python drops what is raised in a hook of fork(), KeyboardInterrupt too."""
    armed = [True]

    def interrupt() -> None:
        if armed:
            armed.clear()
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)

    os.register_at_fork(before=interrupt)
    old = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job's is ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            lab().ask(guests=["dom0"], jobs=2)
    finally:
        signal.signal(signal.SIGINT, old)
    assert armed == []


# --- blame


def test_blamed_after_three_and_three(lab: MakeLab) -> None:
    one = lab({(TWO, "dom0"): [Verdict.PANIC]})
    m = one.ask(every=True, guests=["dom0"])
    assert blamed(m, TWO, "dom0").text == f"blamed: {TWO}/2 (failed 3 times, {TWO}/1 booted 3 times)"
    assert one.ran().count(f"{TWO} dom0") == 3 and one.ran().count(f"{TWO}/1 dom0") == 3
    assert one.ran().count("base dom0") == 1


def test_a_flaky_cell_is_shown_as_failed_and_nobody_is_blamed(lab: MakeLab) -> None:
    m = lab({(ONE, "dom0"): [FAIL, PASS]}).ask(guests=["dom0"])
    j = cell_of(m, ONE, "dom0")
    assert j.verdict is FAIL and blamed(m, ONE, "dom0").text == "not blamed: flaky, 1 of 3 runs failed"


def test_a_failing_base_is_not_the_patch(lab: MakeLab) -> None:
    m = lab({(r, "dom0"): [FAIL] for r in ("base", ONE, TWO)}).ask(guests=["dom0"])
    assert blamed(m, "base", "dom0").text.startswith("not blamed: the base itself fails")
    assert blamed(m, ONE, "dom0").text == "not blamed: base fails too"


def test_a_parent_that_cannot_run_lets_nobody_be_blamed(lab: MakeLab) -> None:
    m = lab({("base", "dom0"): [INFRA], (ONE, "dom0"): [FAIL]}).ask(guests=["dom0"])
    said = blamed(m, ONE, "dom0")
    assert not said.blamed and "base booted 0 of 3 times" in said.text and "could not run (INFRA)" in said.text


def test_one_row_asks_its_parent_for_blame_but_does_not_show_it(lab: MakeLab) -> None:
    one = lab({(TWO, "dom0"): [FAIL]}, sizes=(1, 1))
    m = one.ask(only=[TWO], guests=["dom0"])
    assert [j.commit.name for j in m.cells] == [TWO] and blamed(m, TWO, "dom0").blamed
    assert one.ran().count(f"{ONE} dom0") == 3


def test_a_stage_names_the_line_that_finds_the_patch(lab: MakeLab) -> None:
    said = blamed(lab({(ONE, "dom0"): [FAIL]}).ask(guests=["dom0"]), ONE, "dom0")
    assert said.suspects == (f"{ONE}/1", f"{ONE}/2") and "xenstage matrix 01 --bisect dom0" in said.text


# --- probes


def probe(**changed: str) -> Callable[[Cell, int], Outcome]:
    """A probe that measured something else."""
    return lambda c, _: outcome(c, PASS, {**TABLE, **changed})


def test_an_undeclared_difference_fails_and_names_the_cells(lab: MakeLab) -> None:
    m = lab({(ONE, "hvm-probe"): [probe(pit="silent")]}).ask(guests=["hvm-probe"])
    j = cell_of(m, ONE, "hvm-probe")
    assert j.verdict is FAIL and "pit: answers -> silent" in j.shown.reason
    assert j.differences == ("pit: answers -> silent",)
    assert cell_of(m, TWO, "hvm-probe").verdict is PASS
    assert blamed(m, ONE, "hvm-probe").blamed


def test_a_declared_difference_passes_from_then_on(tmp_path: Path) -> None:
    line = line_of("b0" * 20, [(ONE, [("11" * 20, "one", ("pit",))]), (TWO, [("22" * 20, "two", ())])])
    script: dict[Any, Any] = {(r, "hvm-probe"): [probe(pit="silent")] for r in (ONE, TWO)}
    m = Lab(tmp_path, line, script).ask(guests=["hvm-probe"])
    assert {j.verdict for j in m.cells} == {PASS}


@pytest.mark.parametrize(
    ("declared", "wrong"),
    [
        (("hvm-probe:pit=silent",), ()),
        (("hvm-probe:p*=sil*",), ()),
        (("hvm-probe:pit",), ()),
        (("hvm-probe:pit=late",), ("pit: answers -> silent", "pit does not become late, as declared")),
        (("hvm-probe:pit=silent", "hvm-probe:hcall*=*"), ("hcall* does not become *, as declared",)),
        (("pvh-probe:pit=silent",), ("pit: answers -> silent",)),
        (("dom0-probe:pit",), ("pit: answers -> silent",)),
    ],
)
def test_a_declared_value_must_be_that_one_and_of_that_guest(
    tmp_path: Path, declared: tuple[str, ...], wrong: tuple[str, ...]
) -> None:
    line = line_of("b0" * 20, [(ONE, [("11" * 20, "one", declared)])])
    m = Lab(tmp_path, line, {(ONE, "hvm-probe"): [probe(pit="silent")]}).ask(guests=["hvm-probe"])
    assert cell_of(m, ONE, "hvm-probe").differences == wrong


def test_a_stage_without_the_bases_table_is_not_passed(lab: MakeLab) -> None:
    m = lab({("base", "hvm-probe"): [Verdict.HANG]}).ask(guests=["hvm-probe"])
    j = cell_of(m, ONE, "hvm-probe")
    assert j.verdict is SKIP and "no table to compare with" in j.shown.reason


def test_a_probe_that_measured_nothing_fails(lab: MakeLab) -> None:
    said: list[Any] = [lambda c, _: outcome(c, PASS, {})]
    m = lab({("base", "hvm-probe"): said}).ask(guests=["hvm-probe"], only=["base"])
    assert cell_of(m, "base", "hvm-probe").verdict is FAIL


def test_a_base_that_measures_this_and_that_fails(lab: MakeLab) -> None:
    m = lab({("base", "hvm-probe"): [PASS, probe(pit="silent")]}).ask(guests=["hvm-probe"], only=["base"], repeat=2)
    j = cell_of(m, "base", "hvm-probe")
    assert j.verdict is FAIL and "the base's first run" in j.shown.reason


def test_one_row_of_a_probe_asks_the_base_first(lab: MakeLab) -> None:
    one = lab({(ONE, "hvm-probe"): [probe(pit="silent")]})
    m = one.ask(guests=["hvm-probe"], only=[ONE])
    assert one.ran()[0] == "base hvm-probe" and cell_of(m, ONE, "hvm-probe").verdict is FAIL


# --- bisect


def bisected(lab: Lab, guest: str = "dom0") -> tuple[str, Session]:
    """The sentence of a bisection."""
    plan = make_plan(lab.line, tcg, guests=(guest,), every_patch=True)
    session = Session(plan, lab.bench(), lab.store)
    return run_bisect(lab.line, guest, session, lambda _: None).text, session


def broken_from(position: int, guest: str = "dom0", **other: Verdict) -> dict[Any, Any]:
    """A script in which everything from a commit on fails."""
    line = commits(4, 3)
    return {(c.name, guest): [FAIL] for c in line if c.position >= position}


@pytest.mark.parametrize("position", range(1, 8))
def test_bisect_names_the_first_bad_patch(tmp_path: Path, position: int) -> None:
    lab = Lab(tmp_path, commits(4, 3), broken_from(position))
    text, _ = bisected(lab)
    bad = lab.line[position]
    assert f"the first bad patch is {bad.patch}, {bad.xen[:12]}" in text and "failed 3 times" in text


def test_bisect_names_the_range_that_cannot_be_told_apart(tmp_path: Path) -> None:
    script = broken_from(4)
    for position in (3, 4):
        script[(commits(4, 3)[position].name, "dom0")] = [SKIP]
    text, _ = bisected(Lab(tmp_path, commits(4, 3), script))
    assert f"one of {ONE}/3, {ONE}/4, {TWO}/1" in text and f"{ONE}/3, {ONE}/4 could not be asked" in text


def test_bisect_of_a_flake_blames_nobody(tmp_path: Path) -> None:
    script = {(c.name, "dom0"): [PASS] for c in commits(4, 3)} | {(TWO, "dom0"): [FAIL, PASS]}
    text, _ = bisected(Lab(tmp_path, commits(4, 3), script))
    assert "not blamed: flaky" in text


def test_bisect_without_a_failure(tmp_path: Path) -> None:
    lab = Lab(tmp_path, commits(4, 3), {})
    assert "nothing to find" in bisected(lab)[0] and len(lab.ran()) == 1


def test_bisect_with_a_failing_base(tmp_path: Path) -> None:
    assert "the base itself fails" in bisected(Lab(tmp_path, commits(4, 3), broken_from(0)))[0]


def test_bisect_that_cannot_start(tmp_path: Path) -> None:
    script = {**broken_from(1), ("base", "dom0"): [SKIP]}
    assert "cannot be bisected: base could not be asked" in bisected(Lab(tmp_path, commits(4, 3), script))[0]


def test_bisect_of_a_probe_is_by_its_table(tmp_path: Path) -> None:
    line = commits(4, 3)
    script: dict[Any, Any] = {(c.name, "hvm-probe"): [probe(pit="silent")] for c in line if c.position >= 3}
    assert f"the first bad patch is {ONE}/3" in bisected(Lab(tmp_path, line, script), "hvm-probe")[0]


# --- a cell that the base cannot pass, and a patch that declares to mend it


def mending(where: int) -> tuple[Commit, ...]:
    line = commits(2, 2)
    return tuple(replace(c, declared=("cell:dom0-both",)) if c.position >= where else c for c in line)


def test_a_cell_that_a_patch_mends_fails_before_it_and_passes_from_it(tmp_path: Path) -> None:
    line = mending(3)
    script: dict[Any, Any] = {(c.name, "dom0-both"): [Verdict.PANIC] for c in line if c.position < 3}
    m = Lab(tmp_path, line, script).ask(guests=["dom0-both"])
    base, one, two = (cell_of(m, r, "dom0-both") for r in ("base", ONE, TWO))
    assert base.verdict is one.verdict is Verdict.PANIC and base.expected and one.expected and len(base.runs) == 1
    assert two.verdict is PASS and not two.expected and line[3].patch in base.shown.reason


def test_what_is_declared_to_be_mended_and_is_not_broken_is_a_fail(tmp_path: Path) -> None:
    j = cell_of(Lab(tmp_path, mending(3), {}).ask(guests=["dom0-both"], only=["base"]), "base", "dom0-both")
    assert j.verdict is FAIL and not j.expected and "does not fail here" in j.shown.reason


def test_a_mended_cell_that_still_fails_is_a_fail(tmp_path: Path) -> None:
    line = mending(3)
    script: dict[Any, Any] = {(c.name, "dom0-both"): [Verdict.HANG] for c in line}
    j = cell_of(Lab(tmp_path, line, script).ask(guests=["dom0-both"]), TWO, "dom0-both")
    assert j.verdict is Verdict.HANG and not j.expected


@pytest.mark.parametrize("guest", OLD_PVH)
def test_guests_of_the_first_kind_of_pvh_are_not_asked_of_a_later_xen(guest: str) -> None:
    tree: Any = SimpleNamespace(version="4.10")
    said = chooser(tree, ["bochs"], "kernel")("f" * 40, guest)
    assert said.machine is None and "ended with Xen 4.9" in said.why


def test_a_guest_that_ends_the_base_is_asked_where_a_patch_mends_it() -> None:
    assert "dom0-both" not in choose_guests(None, commits(2, 2)) and "dom0-both" in choose_guests(None, mending(3))
    assert choose_guests(["dom0-both"], commits(2, 2)) == ("dom0-both",)


# --- what is stored is of a tree, not of a commit


def test_a_message_that_is_worded_anew_boots_nothing(lab: MakeLab) -> None:
    """The same trees under other commits: every outcome is there, and belongs to today's commit."""
    trees: dict[str, str] = {}

    def ask(one: Lab, prefix: str) -> Any:
        line = tuple(replace(c, xen=prefix + c.xen[2:]) for c in one.line)
        trees.update({c.xen: f"7e{c.xen[2:]}" for c in line})
        other = Lab(one.root, line, one.script)
        plan = make_plan(line, tcg, guests=["dom0", "hvm-probe"])
        bench = replace(other.bench(), content=trees.__getitem__)
        return run_matrix(plan, Session(plan, bench, other.store))

    one = lab({(ONE, "hvm-probe"): [FAIL]})
    before = ask(one, "aa")
    ran = one.ran()
    after = ask(one, "bb")
    assert ran and one.ran() == ran
    assert [j.verdict for j in after.cells] == [j.verdict for j in before.cells]
    assert {j.shown.cell.xen[:2] for j in after.cells} == {"bb"}
    assert {p.name[:2] for p in (one.store.root / "cells").iterdir()} == {"7e"}
    trees.update({c: f"99{t[2:]}" for c, t in trees.items() if c.startswith("bb")})
    plan = make_plan(tuple(replace(c, xen="bb" + c.xen[2:]) for c in one.line), tcg, guests=["dom0"])
    other = Lab(one.root, plan.line, one.script)
    run_matrix(plan, Session(plan, replace(other.bench(), content=trees.__getitem__), other.store))
    assert len(one.ran()) > len(ran), "another tree is asked anew"
