"""explain of sites: the test, for whom it is true, the decision, the reason, the patch; also where a stage stops."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xenstage.cli import common, explain

from .conftest import Tool
from .kit import CONFIG, PROJECT, Repo, snapshot

Factory = Callable[..., Repo]

TIMERS = """
#define pump_lacks(d) (is_pvh_domain(d))

bool_t pump_less(struct domain *d)
{
    return is_pvh_domain(d);
}

void pump_start(struct domain *d)
{
    if ( pump_lacks(d) )
        return;
    vtimer_stop(d->vcpu[0]);
}

void pump_dump(struct domain *d)
{
    /* pump_lacks() is asked for the log only. */
    printk("%d %d\\n", pump_lacks(d), is_hvm_domain(d));
}
"""
PUMP = "xen/arch/x86/vtimer.c"
STAGE = '''"""A stage of a test, which judges single sites."""
from pathlib import Path

from xenstage.stage.decisions import load
from xenstage.stage.declare import Patch, Stage

DECISIONS = load(Path(__file__).with_name("decisions.toml"))


def pumps(view):
    for use, decision in view.decided(DECISIONS, "pumps", "pump_lacks"):
        view.ask_instead(use.site, "!is_hvm_domain", rule="ask for the pump", reason=decision.reason)
    view.stay_rest("defined, or spoken of")


PATCH = Patch(subject="x86: ask for the pump", body="Ask for it.", rewrite=pumps, names=("pump_lacks",))
STAGE = Stage(50, "pumps", "x86: pumps", "They are asked for.", (PATCH,), keeps=("is_pvh_domain",))
'''
DECISIONS = f"""
patches = ["pumps"]
[[site]]
file = "{PUMP}"
function = "pump_start"
form = "if"
kind = "feature"
features = ["PUMP"]
patch = "pumps"
reason = "starts the pump and nothing else"
[[site]]
file = "{PUMP}"
function = "pump_dump"
kind = "stay"
reason = "a log says what the guest is"
"""


@pytest.fixture
def pumps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, xen_like_repo: Factory) -> Repo:
    """A tree with two uses of a name, and one stage that decides about them."""
    folder = tmp_path / "stages/50_pumps"
    folder.mkdir(parents=True)
    (folder / "stage.py").write_text(STAGE)
    (folder / "decisions.toml").write_text(DECISIONS)
    monkeypatch.setattr(common, "stages_folder", lambda: tmp_path / "stages")
    monkeypatch.setattr(explain, "stages_folder", lambda: tmp_path / "stages")
    repo = xen_like_repo()
    repo.append(PUMP, TIMERS)
    repo.commit()
    return repo


def line_of(repo: Repo, text: str) -> int:
    """The number of the line of a file of the tests that holds a text."""
    (number,) = [n for n, line in enumerate(repo.read(PUMP).splitlines(), 1) if text in line]
    return number


def about(tool: Tool, repo: Repo, what: str) -> list[dict[str, Any]]:
    """What ``--json`` says of some sites."""
    got = tool("explain", what, "--tree", repo.path, "--config", CONFIG, "--json").good()
    value: list[dict[str, Any]] = json.loads(got.out)["sites"]
    return value


def test_a_decided_site(tool: Tool, pumps: Repo) -> None:
    before = snapshot(pumps.path)
    line = line_of(pumps, "if ( pump_lacks(d) )")
    got = tool("explain", f"{PUMP}:{line}", "--tree", pumps.path, "--config", CONFIG).good().out
    for words in (
        f"{PUMP}:{line}  pump_lacks (d: domain) in pump_start",
        "skips: vtimer_stop",
        "50_pumps 1: x86: ask for the pump",
        "decided: feature PUMP, patch 'pumps': starts the pump and nothing else",
        "ask for the pump: starts the pump and nothing else",
        "-pump_lacks(d)",
        "+!is_hvm_domain(d)",
    ):
        assert words in got, got
    assert snapshot(pumps.path) == before


def test_a_site_that_stays(tool: Tool, pumps: Repo) -> None:
    rows = about(tool, pumps, f"{PUMP}:{line_of(pumps, 'printk')}")
    lacks, hvm = rows
    assert [s["fate"] for s in lacks["steps"]] == ["stays"]
    assert lacks["steps"][0]["reason"] == "a log says what the guest is"
    assert lacks["steps"][0]["decision"]["kind"] == "stay"
    assert hvm["site"]["name"] == "is_hvm_domain" and hvm["steps"] == []
    assert hvm["answers"] == {"pv": 0, "hvm": 1, "pvh": 0}


def test_prose_on_the_line_is_told_as_such(tool: Tool, pumps: Repo) -> None:
    (row,) = about(tool, pumps, f"{PUMP}:{line_of(pumps, 'for the log only')}")
    assert row["site"]["kind"] == "comment" and row["use"] is None
    assert row["steps"][0]["reason"] == "defined, or spoken of"


def test_a_function_and_what_a_stage_keeps(tool: Tool, pumps: Repo) -> None:
    (row,) = about(tool, pumps, "pump_less")
    assert row["site"]["name"] == "is_pvh_domain" and row["use"]["form"] == "return"
    assert [(r["types"], r["left"]) for r in row["table"]] == [
        ({"d": "pv"}, "0"), ({"d": "hvm"}, "0"), ({"d": "pvh"}, "1")
    ]  # fmt: skip
    assert "leaves every use of it alone" in row["steps"][0]["reason"]


def test_a_tree_on_which_the_stage_stops_shows_what_was_decided(tool: Tool, pumps: Repo) -> None:
    """A use that no entry knows stops the series; explain says so and goes on."""
    pumps.append(PUMP, "\nint pump_odd(struct domain *d)\n{\n    return pump_lacks(d);\n}\n")
    pumps.commit()
    got = tool("explain", "pump_start", "--tree", pumps.path, "--config", CONFIG).good().out
    assert "stage 50_pumps stops here: 1 uses are in no entry of 50_pumps/decisions.toml" in got
    assert "50_pumps is not reached; decided there: feature PUMP" in got
    assert "no stage is about it" in tool("explain", "pump_odd", "--tree", pumps.path, "--config", CONFIG).good().out


def test_a_broken_stage_stops_nothing(tool: Tool, pumps: Repo, tmp_path: Path) -> None:
    (tmp_path / "stages/50_pumps/stage.py").write_text("raise RuntimeError('on purpose')\n")
    got = tool("explain", "pump_start", "--tree", pumps.path, "--config", CONFIG)
    got.refused(2, "no function or macro of that name asks for a guest's kind")


def test_paths_as_they_are_typed(tool: Tool, pumps: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    line = line_of(pumps, "printk")
    monkeypatch.chdir(pumps.path / "xen/arch/x86")
    for path in (PUMP, "vtimer.c", "./vtimer.c", "x86/vtimer.c", pumps.path / PUMP):
        assert len(about(tool, pumps, f"{path}:{line}")) == 2, path


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (f"{PUMP}:1", "it has some on"),
        ("xen/common/nothing.c:1", "no such file"),
        ("domain.c:3", "it may be xen/arch/arm/domain.c, xen/arch/x86/domain.c"),
        ("vtimer_none", "no file has that word"),
        ("printk", "with no test in it"),
    ],
)
def test_nothing_is_known(tool: Tool, pumps: Repo, what: str, words: str) -> None:
    tool("explain", what, "--tree", pumps.path, "--config", CONFIG).refused(2, words)


def test_all_are_the_tests_that_sites_counts(tool: Tool) -> None:
    """Every test of a predicate that a search finds is explained, with a truth table or the reason for none."""
    options = ("--tree", "sample", "--config", CONFIG, "--json")
    every = json.loads(tool("explain", "all", *options).good().out)["sites"]
    counted = json.loads(tool("sites", *options).good().out)["sites"]
    wanted = {(s["path"], s["offset"]) for s in counted if s["kind"] in ("code", "macro body")}
    assert wanted and wanted <= {(k["site"]["path"], k["site"]["offset"]) for k in every}
    for k in every:
        assert k["table"] or k["open"], k["site"]


def test_the_written_stages_say_what_becomes_of_a_site(tool: Tool) -> None:
    text = (PROJECT / "tests/sample/tree/xen/arch/x86/hvm/hvm.c").read_text()
    line = 1 + text[: text.index("pvh_hypercall64_table[eax]")].count("\n")
    got = tool("explain", f"xen/arch/x86/hvm/hvm.c:{line}", "--tree", "sample", "--config", CONFIG).good().out
    assert "01_merge_hcall_tables" in got and "dispatch through the merged table" in got


def test_declarations_as_data(tool: Tool) -> None:
    value = json.loads(tool("explain", "02", "--json").good().out)
    assert value[0]["stage"] == "02_pvh_flag" and len(value[0]["patches"]) == 2


def test_a_word_that_is_nowhere_is_told_before_any_series_is_made(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*_: object) -> None:
        raise AssertionError("minutes of reading")

    monkeypatch.setattr(explain, "_made", made)
    tool("explain", "no_such_word", "--tree", "sample").refused(2, "no file has that word")
