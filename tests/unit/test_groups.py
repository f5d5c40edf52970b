"""Tests that share a cache run in one process, where make test has several."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import XEN, group_of

PAIR = """
import os
import pytest
@pytest.mark.parametrize("on", ["sample", "real"])
@pytest.mark.parametrize("n", range(3))
def test_it(on, n):
    with open({log!r}, "a") as f:
        f.write(f"{{on}} {{os.getpid()}}\\n")
"""


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/real/test_series.py::test_every_patch_builds", XEN),
        ("tests/unit/test_any.py::test_it[real-other]", XEN),
        ("tests/unit/test_any.py::test_it[sample-other]", "tests/unit/test_any.py"),
        ("tests/mutants/test_real.py::test_is_caught[flip-pvh]", "tests/mutants/test_real.py"),
        ("tests/realpatches/test_bench.py::test_a_false_verdict_is_named[same]", "tests/realpatches/test_bench.py"),
    ],
)
def test_what_stays_together(nodeid: str, group: str) -> None:
    assert group_of(nodeid) == group


def test_several_processes_keep_to_it(tmp_path: Path) -> None:
    """As make test starts them; an option of pytest-xdist that goes unheeded would say nothing."""
    log = tmp_path / "log"
    conftest = "from tests.conftest import pytest_xdist_make_scheduler\n"
    (tmp_path / "conftest.py").write_text(conftest)
    for name in ("test_one.py", "test_two.py"):
        (tmp_path / name).write_text(PAIR.format(log=str(log)))
    argv = ["-m", "pytest", "-q", "-n", "2", "--dist", "loadscope", "--no-loadscope-reorder", "-p", "no:cacheprovider"]
    project = str(Path(__file__).resolve().parents[2])
    env = {**os.environ, "PYTHONPATH": project}
    env.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run([sys.executable, *argv, str(tmp_path)], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = [line.split() for line in log.read_text().splitlines()]
    assert len(ran) == 12 and len({pid for on, pid in ran if on == "real"}) == 1
