"""run --diff: what would be written, and nothing is."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Tool
from .kit import CONFIG, DROPPED, ONE, numbered, user_environment

RUN = ("run", "01", "--tree", "sample", "--config", CONFIG)


def changed(text: str) -> list[str]:
    """The changed lines of diffs, stats and file names left out."""
    return [x for x in text.splitlines() if re.match(r"[-+](?![-+]{2} |-)", x) and x != "-- "]


def test_the_changes_are_those_of_the_mails(tool: Tool, tmp_path: Path, sample_out: Path) -> None:
    out = tmp_path / "out"
    got = tool(*RUN, "--diff", "--out", out).good().out
    assert not out.exists()
    mails = numbered(sample_out, ONE)
    assert changed(got) == [x for m in mails for x in changed(m.read_text().partition("\ndiff --git")[2])]
    for number, mail in enumerate(mails, 1):
        subject = mail.read_text().partition("Subject: [PATCH ")[2].partition("] ")[2].partition("\n")[0]
        assert f"{ONE} {number}/{len(mails)} {subject}" in got
    assert "\x1b" not in got


@pytest.mark.parametrize("no_colour", ["", "1"])
def test_coloured_on_a_terminal(warm: Path, tmp_path: Path, no_colour: str) -> None:
    main, other = pty.openpty()
    env = {k: v for k, v in os.environ.items() if k not in (*DROPPED, "NO_COLOR")}
    env.update(user_environment(warm), **({"NO_COLOR": no_colour} if no_colour else {}))
    argv = [sys.executable, "-m", "xenstage", *RUN, "--diff", "--out", str(tmp_path / "out")]
    with subprocess.Popen(argv, stdout=other, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=env) as run:
        os.close(other)
        said = b""
        while True:
            try:
                data = os.read(main, 65536)
            except OSError:  # the other end is closed
                break
            if not data:
                break
            said += data
    os.close(main)
    assert run.returncode == 0 and b"diff --git" in said
    assert (b"\x1b[32m+" in said) == (not no_colour)


def test_only_what_is_asked_for_is_shown(tool: Tool) -> None:
    got = tool("run", "02", "--tree", "sample", "--config", CONFIG, "--diff").good().out
    assert "02_pvh_flag 1/" in got and ONE not in got
