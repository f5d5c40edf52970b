"""Debian's own Xen really boots: nothing built, no Xen tree, no KVM.

This takes minutes and a network once (then the cache serves), so it runs where XENSTAGE_BOOT says so: ``make test`` of
a machine that boots, and CI.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from tests.cli.kit import MARK, alive

from .kit import ended, need_boots

pytestmark = pytest.mark.alone

PROJECT = Path(__file__).resolve().parent.parent.parent
BUDGET = 6 * 60.0
"""Seconds for dom0 and both Linux guests from cached packages, on 2 cores that nobody else uses."""


def _boot(out: Path, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "xenstage", "boot", "--out", str(out), *argv],
        env={**os.environ, "PYTHONPATH": str(PROJECT), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def _processor() -> float:
    """Seconds of processor time of everything that was started here and has ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _outcomes(out: Path) -> dict[str, dict[str, str]]:
    return {p.parent.name: json.loads(p.read_text()) for p in out.glob("boot/*/outcome.json")}


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the default cells."""
    need_boots()
    out = tmp_path_factory.mktemp("out")
    dom0 = _boot(out, "--machine", "qemu-tcg", "--guest", "dom0")
    if dom0.returncode == 8 and "packages cannot be had" in dom0.stdout:
        pytest.skip(dom0.stdout.strip().splitlines()[-1].strip())
    began, used = time.monotonic(), _processor()
    done = _boot(out, "--machine", "qemu-tcg", "--xen", "debian")
    (out / "seconds").write_text(f"{time.monotonic() - began} {_processor() - used}")
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_dom0_hvm_and_pvh_pass_by_their_own_markers(booted: Path) -> None:
    outcomes = _outcomes(booted)
    assert {k: v["verdict"] for k, v in outcomes.items()} == {
        f"debian.{guest}.qemu-tcg": "PASS" for guest in ("dom0", "hvm-linux", "pvh-linux")
    }
    for guest, kind in (("hvm-linux", "HVM"), ("pvh-linux", "PVH")):
        cell = outcomes[f"debian.{guest}.qemu-tcg"]
        assert cell["reason"].startswith(f"[{guest}] xenstage-guest {guest} ") and cell["reason"].endswith(
            f" up {kind}"
        )
        log = (booted / "boot" / cell["log"]).read_text(errors="replace")
        assert cell["reason"] in log and "xenstage: dom0 up" in log
        assert (booted / "boot" / f"debian.{guest}.qemu-tcg" / "command").read_text().startswith("#")


def test_a_linux_guest_that_was_saved_goes_on(booted: Path, tmp_path: Path) -> None:
    done = _boot(tmp_path, "--machine", "qemu-tcg", "--guest", "hvm-linux-save")
    assert done.returncode == 0 and "PASS" in done.stdout, done.stdout + done.stderr
    log = (tmp_path / "boot" / _outcomes(tmp_path)["debian.hvm-linux-save.qemu-tcg"]["log"]).read_text(errors="replace")
    assert (
        0 < log.index("xl save: exit 0") < log.index("xl restore: exit 0") < log.index("xenstage-guest hvm-linux-save")
    )


def test_it_fits_its_budget(booted: Path) -> None:
    # Others may use the machine: then it is the processor's time that counts.
    assert min(map(float, (booted / "seconds").read_text().split())) < BUDGET


def test_a_cell_is_repeated_by_its_own_line(booted: Path) -> None:
    cell = _outcomes(booted)["debian.dom0.qemu-tcg"]
    words = cell["command"].split()
    assert words[:4] == ["xenstage", "boot", "--replay", "debian.dom0.qemu-tcg"]
    done = _boot(booted, *words[2:4])
    assert done.returncode == 0 and "PASS" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda n: str(n.name))
def test_killed_while_a_guest_boots(booted: Path, tmp_path: Path, number: signal.Signals) -> None:
    """No emulator is left, no half result is kept, and the same line boots the guest."""
    mark = uuid.uuid4().hex
    line = ("--machine", "qemu-tcg", "--guest", "pvh-linux")
    argv = [sys.executable, "-m", "xenstage", "boot", "--out", str(tmp_path), *line]
    env = {**os.environ, "PYTHONPATH": str(PROJECT), MARK: mark}
    with subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        end = time.monotonic() + 60
        while not any("-serial" in x for x in alive(mark)) and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(1)
        assert any("-serial" in x for x in alive(mark))
        os.kill(child.pid, number)  # itself only: what it started must notice
    assert child.returncode != 0 and ended(mark) == [] and not _outcomes(tmp_path)
    done = _boot(tmp_path, *line)
    assert done.returncode == 0 and "PASS" in done.stdout, done.stdout + done.stderr


def test_without_apt_it_is_skipped_with_the_line_to_type(tmp_path: Path) -> None:
    done = _boot(tmp_path, PATH="/nonexistent", XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 8, done.stdout + done.stderr
    assert done.stdout.count("SKIP") == 3 and "type: apt-get update && apt-get install" in done.stdout
    assert {v["verdict"] for v in _outcomes(tmp_path).values()} == {"SKIP"}


def test_a_cell_that_was_never_run_cannot_be_replayed(tmp_path: Path) -> None:
    done = _boot(tmp_path, "--replay", "debian.dom0.qemu-tcg")
    assert done.returncode == 2 and "next:" in done.stderr
