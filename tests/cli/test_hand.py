"""The tool in the hand: which tree is meant, what is said and how much, and commands that can be typed."""

from __future__ import annotations

import argparse
import io
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from xenstage.boot.model import Cell, Outcome, Verdict
from xenstage.cli import boot, common
from xenstage.cli.main import VERBS
from xenstage.process import Runner
from xenstage.progress import Progress, Ticker

from .conftest import Tool
from .kit import CONFIG, ONE, Repo, evidence

Factory = Callable[..., Repo]
QUICK = ("--config", CONFIG)
SAMPLE = ("--tree", "sample", *QUICK)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an installed tool, which has no submodule of its own."""
    monkeypatch.setattr(common, "checkout", lambda: None)


# Which tree -------------------------------------------------------------------


@pytest.mark.parametrize("inside", ["", "xen/arch/x86"])
def test_the_clone_that_one_stands_in(
    tool: Tool, tmp_path: Path, xen_like_repo: Factory, monkeypatch: pytest.MonkeyPatch, inside: str, alone: None
) -> None:
    repo = xen_like_repo()
    monkeypatch.chdir(repo.path / inside)
    tool("run", "01", *QUICK, "--out", tmp_path / "out").good()
    assert evidence(tmp_path / "out", ONE)["base"] == repo.head


def test_a_named_tree_goes_before_the_clone_around(
    tool: Tool, tmp_path: Path, xen_like_repo: Factory, monkeypatch: pytest.MonkeyPatch, alone: None
) -> None:
    around, named = xen_like_repo(), xen_like_repo("named")
    named.append("README", "another\n") if (named.path / "README").exists() else named.write("README", "another\n")
    commit = named.commit()
    monkeypatch.chdir(around.path)
    monkeypatch.setenv("XEN_SRC", str(named.path))
    tool("run", "01", *QUICK, "--out", tmp_path / "out").good()
    assert evidence(tmp_path / "out", ONE)["base"] == commit


def test_no_tree_anywhere(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: None) -> None:
    subprocess.run(["git", "init", "-q", tmp_path / "other"], check=True)
    monkeypatch.chdir(tmp_path / "other")
    got = tool("run", "01", *QUICK, "--out", tmp_path / "out")
    got.refused(3, "which tree?", "is in no clone of xen.git", "--tree sample")


@pytest.mark.parametrize("how", ["kconfig", "marks"])
def test_a_too_new_tree_is_named_as_that(tool: Tool, tmp_path: Path, xen_like_repo: Factory, how: str) -> None:
    repo = xen_like_repo()
    makefile = re.sub(r"(XEN_SUBVERSION\s*[:?]?=\s*)\d+", r"\g<1>18", repo.read("xen/Makefile"))
    repo.write(
        "xen/Makefile",
        makefile.replace("export XEN_SUBVERSION", "XEN_SUBVERSION" if how == "marks" else "export XEN_SUBVERSION"),
    )
    if how == "marks":
        (repo.path / "xen/Rules.mk").write_text("# nothing\n")
    else:
        (repo.path / "xen/Kconfig").write_text("mainmenu\n")
    repo.commit()
    got = tool.run("01", tree=repo.path, out=tmp_path / "out")
    got.refused(3, "the tree is too new: Xen 4.18", "4.4 to 4.6", "--base RELEASE-4.5.0")


# What is said --------------------------------------------------------------------


def test_bare_lists_the_verbs(tool: Tool) -> None:
    got = tool()
    assert got.code == 0 and not got.err
    for verb in VERBS:
        assert re.search(rf"^ +{verb}\b", got.out, re.M), verb


def test_quiet_and_verbose(tool: Tool, tmp_path: Path) -> None:
    plain = tool("run", "01", *SAMPLE, "--out", tmp_path / "a").good()
    quiet = tool("run", "01", *SAMPLE, "--out", tmp_path / "a", "-q").good()
    loud = tool("run", "01", *SAMPLE, "--out", tmp_path / "a", "--verbose").good()
    assert plain.out == quiet.out == loud.out
    assert quiet.err == ""
    assert "+ git " in loud.err and "format-patch" in loud.err
    assert "+ git " not in tool("run", "01", *SAMPLE, "--out", tmp_path / "a").good().err, "the level is of one call"
    assert "there is no stage" in tool("run", "99", "-q", *SAMPLE).err, "errors are always said"
    assert tool("run", "01", "-q", "--verbose", *SAMPLE).code == 2
    assert "+ git " in tool("prepare", *SAMPLE, "-v").good().err


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """It says so."""
        return True


def test_a_ticker_writes_over_on_a_terminal_and_seldom_elsewhere() -> None:
    now = [0.0]
    shown = Terminal()
    ticker = Ticker("prepare x", lambda: f"{now[0]:.0f} noted", stream=shown, clock=lambda: now[0])
    ticker.tick()
    ticker.close()
    assert shown.getvalue() == "\r\x1b[Kprepare x: 0 noted\r\x1b[K"
    log = io.StringIO()
    ticker = Ticker("prepare x", lambda: f"{now[0]:.0f} noted", stream=log, clock=lambda: now[0])
    for second in range(40):
        now[0] = float(second)
        ticker.tick()
    assert log.getvalue() == "prepare x: 15 noted\nprepare x: 30 noted\n"


def test_a_program_is_watched_and_its_output_is_whole() -> None:
    looks: list[int] = []
    done = Runner().run(["sh", "-c", "cat; sleep 1.3; echo end"], stdin=b"x" * 300_000, watch=lambda: looks.append(1))
    assert done.status == 0 and len(looks) >= 2 and done.out == b"x" * 300_000 + b"end\n"
    late = Runner().run(["sleep", "20"], timeout=1.2, watch=lambda: looks.append(1))
    assert late.status < 0 and "timed out after 1.2 s" in late.errors


def test_skips_of_one_cause_are_one_line(tool: Tool, tmp_path: Path) -> None:
    got = tool("verify", "01", *SAMPLE, "--build-config", "none", "--out", tmp_path / "out")
    rows = [x for x in got.out.splitlines() if x.startswith("SKIP") and "of 4 patches" in x]
    assert rows and not re.search(r"^    SKIP", got.out, re.M), got.out
    assert got.out.count("of 4 patches") == len({r.partition(": ")[2] for r in rows})


def test_boots_that_are_skipped_for_one_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skipped = [Outcome(Cell("debian", g, "q35"), Verdict.SKIP, "no network") for g in ("dom0", "hvm-linux")]
    args = argparse.Namespace(json=False)
    assert boot._finish(tmp_path, skipped, args) == 8
    said = capsys.readouterr().out
    assert said.count("no network") == 1 and "dom0" in said and "hvm-linux" in said
    args.json = True
    boot._finish(tmp_path, skipped, args)
    assert [o["verdict"] for o in json.loads(capsys.readouterr().out)] == ["SKIP", "SKIP"]


# Data ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "keys"),
    [
        (("prepare", *SAMPLE), {"configuration", "units", "root"}),
        (("run", "01", *SAMPLE), {"stage", "base", "tip", "place", "patches"}),
        (("build", "01", *SAMPLE), {"verdict", "configuration", "subject"}),
        (("explain",), {"stage", "title", "patches"}),
    ],
)
def test_rows_as_data(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...], keys: set[str]
) -> None:
    if argv[0] == "build":  # what is built once stands in the evidence of every later series
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    more = ("--out", str(tmp_path / "out")) if argv[0] in ("run", "build") else ()
    got = tool(*argv, *more, "--json")
    value = json.loads(got.out)
    assert value and keys <= set(value[0]), got.err


def test_verdicts_as_data(tool: Tool, tmp_path: Path) -> None:
    got = tool("verify", "01", *SAMPLE, "--build-config", "none", "--out", tmp_path / "out", "--json")
    value = json.loads(got.out)
    assert got.code == 8 and len(value["patches"]) == 4
    assert value["patches"][0]["proofs"]["builds"]["verdict"] == "SKIP"
    assert Path(value["evidence"][ONE]).exists()


# What can be typed -------------------------------------------------------------------


def test_a_printed_command_holds_tree_base_and_output(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo = xen_like_repo("a tree")
    got = tool("run", "99", "--tree", repo.path, "--base", "main", "--out", tmp_path / "o", *QUICK)
    command = re.search(r"next: (xenstage run [^;]*);", got.err)
    assert command is not None, got.err
    words = shlex.split(command.group(1))
    assert words == [
        "xenstage",
        "run",
        "01",
        "02",
        "--tree",
        str(repo.path),
        "--base",
        "main",
        "--out",
        str(tmp_path / "o"),
    ]
    tool(*words[1:], *QUICK).good()
    assert (tmp_path / "o" / ONE).is_dir()


def test_a_printed_command_is_named_as_it_was_typed(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XENSTAGE_COMMAND", "ci/xenstage.sh")
    got = tool("report", "--out", tmp_path / "none")
    assert f"next: ci/xenstage.sh verify 01 --out {tmp_path / 'none'}\n" in got.err
    assert "next: ci/xenstage.sh run 01 02; what they do: ci/xenstage.sh explain\n" in tool("run", "99").err


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion(tool: Tool, tmp_path: Path, shell: str) -> None:
    text = tool("completion", shell).good().out
    assert all(verb in text for verb in VERBS) and "--build-config" in text
    program = shutil.which(shell)
    if program is not None and shell != "tcsh":
        (tmp_path / "c").write_text(text)
        subprocess.run([program, "-n", tmp_path / "c"], check=True)


def test_the_manual_page(tool: Tool) -> None:
    text = tool("man").good().out
    assert text.startswith(".TH XENSTAGE") and text == tool("man").good().out
    assert all(f"xenstage {verb}".replace("-", r"\-") in text for verb in VERBS) and r"\-\-build\-config" in text


def test_long_work_says_how_far_it_is_and_what_is_left() -> None:
    """Where there is no terminal: each quarter, and after half a minute without a line the next step."""
    now, log = [0.0], io.StringIO()
    bar = Progress("build", 100, stream=log, clock=lambda: now[0])
    for number in range(1, 9):
        now[0] += 12
        bar.step(f"patch {number}")
    assert log.getvalue().splitlines() == [
        "build: 1/100 patch 1",
        "build: 4/100, about 19 min left, patch 4",
        "build: 7/100, about 19 min left, patch 7",
    ]
