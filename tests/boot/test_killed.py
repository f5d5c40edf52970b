"""The verb in a process of its own, killed and run again: the same bytes, nothing twice, nothing astray."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.kit import DROPPED, MARK, PROJECT, alive, user_environment

from .kit import ended

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc"),
]
GUESTS = ("dom0", "hvm-linux", "pvh-linux", "hvm-probe", "pvh-probe")
CELLS = 3 * 4  # commits times guests that a machine can run
RUNS = CELLS + 2 + 2  # hvm-linux hangs on stage 01: twice more there, twice more on the base; 02's parent fails too
REPORT = ("matrix.json", "matrix.html")


@dataclass(frozen=True)
class Place:
    """A directory for the verb's results."""

    root: Path

    def start(self, *more: str, seconds: str = "0.05") -> tuple[subprocess.Popen[bytes], str]:
        """The verb, and the mark that all its processes bear."""
        mark = uuid.uuid4().hex
        env = {k: v for k, v in os.environ.items() if k not in DROPPED}
        env |= {**user_environment(self.root / "cache"), MARK: mark}
        argv = [sys.executable, "-m", "tests.boot.entry", str(self.root), seconds, "matrix", "01", "02"]
        argv += ["--out", str(self.root / "out"), "--jobs", "2"]
        argv += [] if "--guest" in more else [f"--guest={g}" for g in GUESTS]
        argv += more
        self.root.mkdir(exist_ok=True)
        with (self.root / "said").open("wb") as said:
            return subprocess.Popen(argv, env=env, cwd=PROJECT, stdout=said, stderr=said), mark

    def run(self, *more: str) -> int:
        """The verb to its end."""
        child, _ = self.start(*more)
        return child.wait(timeout=120)

    @property
    def said(self) -> str:
        """What the last verb printed."""
        return (self.root / "said").read_text()

    @property
    def matrix(self) -> Path:
        """The results."""
        return self.root / "out/matrix"

    def kept(self) -> list[str]:
        """The outcomes that are kept."""
        return sorted(p.name for p in self.matrix.glob("cells/[!.]*.json"))

    def ran(self) -> list[str]:
        """The runs that came to their end."""
        path = self.root / "ran"
        return path.read_text().splitlines() if path.exists() else []

    def report(self) -> list[bytes]:
        """The bytes that must not depend on what happened on the way."""
        return [(self.matrix / name).read_bytes() for name in REPORT]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A matrix that nobody killed."""
    place = Place(tmp_path_factory.mktemp("reference") / "a")
    assert place.run() == 1, place.said
    return place


def until(place: Place, count: int, child: subprocess.Popen[bytes]) -> None:
    """Wait for so many outcomes."""
    end = time.monotonic() + 60
    while len(place.kept()) < count and child.poll() is None and time.monotonic() < end:
        time.sleep(0.01)


def test_the_whole_verb(reference: Place) -> None:
    assert len(reference.ran()) == len(reference.kept()) == RUNS
    for words in ("PASS 12 s", "HANG 12 s", "SKIP", "bochs is not installed", "15 cells: 2 HANG, 3 SKIP, 10 PASS"):
        assert words in reference.said
    assert "one of 4 patches" in reference.said and "not blamed: 01_merge_hcall_tables/4 fails too" in reference.said
    assert f"boot 1/{CELLS} " in reference.said  # a line for each run where there is no terminal


def test_again_runs_nothing_and_gives_the_same_bytes(reference: Place) -> None:
    before = reference.report()
    assert reference.run() == 1 and reference.report() == before
    assert len(reference.ran()) == RUNS


def test_another_directory_and_other_jobs_give_the_same_bytes(reference: Place, tmp_path: Path) -> None:
    other = Place(tmp_path / "elsewhere")
    assert other.run("--jobs", "1") == 1 and other.report() == reference.report()


@pytest.mark.parametrize(
    ("number", "count"),
    [(signal.SIGKILL, 0), (signal.SIGKILL, 3), (signal.SIGKILL, CELLS + 1), (signal.SIGINT, 2)],
    ids=lambda x: str(int(x)),
)
def test_killed_and_run_again(reference: Place, tmp_path: Path, number: signal.Signals, count: int) -> None:
    place = Place(tmp_path / "a")
    child, mark = place.start(seconds="0.3")
    if count:
        until(place, count, child)
    else:
        time.sleep(0.2)  # at the start
    os.kill(child.pid, number)  # itself only: what it started must notice
    assert child.wait(timeout=60) != 0
    assert ended(mark) == []
    kept, ran = place.kept(), place.ran()
    assert len(kept) >= count
    assert not [p for p in place.matrix.glob("matrix.*") if p.exists()]
    assert place.run() == 1, place.said
    assert place.report() == reference.report()
    # A run that had ended may have been lost on its way to the store: two jobs, two at most.
    assert RUNS - len(kept) == len(place.ran()) - len(ran) <= RUNS - len(ran) + 2
    assert len(place.kept()) == RUNS


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda n: str(n.name))
def test_no_runner_and_no_emulator_is_left(tmp_path: Path, number: signal.Signals) -> None:
    place = Place(tmp_path / "a")
    child, mark = place.start(seconds="60")  # longer than the test waits for what is left
    end = time.monotonic() + 60
    while sum(x.startswith("sleep") for x in alive(mark)) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    os.kill(child.pid, number)
    assert child.wait(timeout=60) != 0
    assert ended(mark) == [] and place.kept() == []


def test_one_cell_of_the_pipeline_and_the_report(reference: Place, tmp_path: Path) -> None:
    """As the jobs do: each asks one cell, artifacts are put together, the last one judges."""
    place = Place(tmp_path / "a")
    codes = {}
    for row in ("base", "01_merge_hcall_tables"):
        guests = ("hvm-linux", "pvh-probe") if row == "base" else ("hvm-linux",)
        for guest in guests:
            codes[row, guest] = place.run("--point", row, "--guest", guest)
    assert codes["base", "hvm-linux"] == 0 and codes["base", "pvh-probe"] == 8
    assert codes["01_merge_hcall_tables", "hvm-linux"] == 1
    ran = len(place.ran())
    assert place.run("--stored") == 1 and len(place.ran()) == ran
    assert "15 cells: 1 HANG, 13 SKIP, 1 PASS" in place.said and "not run" in place.said


def test_killed_while_the_bisection_runs(reference: Place, tmp_path: Path) -> None:
    place = Place(tmp_path / "a")
    child, mark = place.start("--bisect", "hvm-linux", seconds="0.3")
    until(place, 2, child)
    child.kill()
    child.wait()
    assert ended(mark) == []
    kept = len(place.kept())
    assert place.run("--bisect", "hvm-linux") == 1
    assert "the first bad patch is 01_merge_hcall_tables/1" in place.said
    assert len(set(place.kept())) == len(place.kept()) > kept
