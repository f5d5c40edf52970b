"""Starting other programs: results, environments, timeouts."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from xenstage.errors import Exit, XenstageError
from xenstage.process import Runner

pytestmark = pytest.mark.alone


def _alive(pid: int) -> bool:
    """Whether a process runs (a zombie nobody has reaped does not)."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_output_and_status() -> None:
    done = Runner().run(["sh", "-c", "cat; echo no >&2; exit 3"], stdin=b"in")
    assert (done.status, done.text, done.errors) == (3, "in", "no\n")


def test_bytes_that_are_not_text() -> None:
    done = Runner().run(["printf", r"a\377\n"])
    assert done.out == b"a\xff\n" and done.text == "a\\xff\n"


def test_death_by_signal_is_a_value() -> None:
    assert Runner().run(["sh", "-c", "kill -TERM $$"]).status == -signal.SIGTERM


def test_program_that_does_not_read_its_input() -> None:
    assert Runner().run(["true"], stdin=b"x" * 1_000_000).status == 0


def test_working_directory(tmp_path: Path) -> None:
    assert Runner().run(["pwd", "-P"], cwd=tmp_path).text.strip() == str(tmp_path.resolve())


def test_environment_adds_and_removes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XS_KEEP", "1")
    monkeypatch.setenv("XS_DROP", "2")
    first = Runner({"XS_NEW": "3"})
    runner = first.with_env(XS_DROP=None, XS_MORE="4")
    shown = runner.run(["env"]).text.split("\n")
    assert sorted(x for x in shown if x.startswith("XS_")) == ["XS_KEEP=1", "XS_MORE=4", "XS_NEW=3"]
    assert first.environment()["XS_DROP"] == "2"
    assert runner.with_env(XS_NEW=None).environment().get("XS_NEW") is None


def test_timeout_ends_the_whole_group() -> None:
    begun = time.monotonic()
    done = Runner().run(["sh", "-c", "sleep 60 & echo $! $$; echo warned >&2; sleep 60"], timeout=0.5)
    assert time.monotonic() - begun < 20
    assert done.status == -signal.SIGKILL
    assert done.errors.split("\n")[0] == "warned"
    assert done.errors.split("\n")[-1] == "timed out after 0.5 s"
    pids = [int(p) for p in done.text.split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 5
    while any(map(_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(_alive, pids))


def test_in_time_is_no_timeout() -> None:
    done = Runner().run(["sh", "-c", "echo ok"], timeout=30)
    assert (done.status, done.text, done.errors) == (0, "ok\n", "")


@pytest.mark.parametrize(
    ("program", "package"),
    [("xs-no-such-program", "xs-no-such-program"), ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu")],
)
def test_missing_program_says_how_to_install_it(tmp_path: Path, program: str, package: str) -> None:
    with pytest.raises(XenstageError) as caught:
        Runner({"PATH": str(tmp_path)}).run([program, "--version"])
    assert caught.value.code is Exit.TOOLS
    assert program in caught.value.title
    assert f"{program} --version" in caught.value.why
    assert f"apt-get install {package}" in caught.value.remedy
