"""What is kept: resumed, never run twice, never trusted unseen."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xenstage.boot.matrix.store import Store
from xenstage.boot.model import Verdict
from xenstage.boot.report.report import json_bytes
from xenstage.cache import write_atomically
from xenstage.errors import Exit, XenstageError

from .kit import ONE, TWO, Lab, MakeLab, cell_of, outcome

PASS, FAIL, SKIP, INFRA = Verdict.PASS, Verdict.FAIL, Verdict.SKIP, Verdict.INFRA


def damage(store: Store, pattern: str, change: Callable[[bytes], bytes]) -> Path:
    """Change one stored file."""
    (path,) = store.root.glob(pattern)
    path.write_bytes(change(path.read_bytes()))
    return path


def test_resumed_without_running_anything(lab: MakeLab) -> None:
    one = lab({(ONE, "dom0"): [FAIL], (TWO, "hvm-linux"): [FAIL, PASS]})
    first = one.ask(jobs=2)
    ran = len(one.ran())
    assert json_bytes(one.ask()) == json_bytes(first) and len(one.ran()) == ran
    assert json_bytes(one.ask(stored=True)) == json_bytes(first)


def test_more_repeats_run_only_what_is_missing(lab: MakeLab) -> None:
    one = lab()
    one.ask(guests=["dom0"], only=["base"], repeat=2)
    one.ask(guests=["dom0"], only=["base"], repeat=5)
    assert len(one.ran()) == 5


def test_a_failure_of_an_earlier_run_is_not_forgotten(lab: MakeLab) -> None:
    one = lab({("base", "dom0"): [PASS, PASS, FAIL, PASS]})
    one.ask(guests=["dom0"], only=["base"], repeat=4)
    j = cell_of(one.ask(guests=["dom0"], only=["base"]), "base", "dom0")
    assert j.verdict is FAIL and j.shown.reason.startswith("1 of 4 runs failed")


@pytest.mark.parametrize("verdict", [SKIP, INFRA])
def test_what_is_about_the_machine_is_asked_again(lab: MakeLab, verdict: Verdict) -> None:
    one = lab({("base", "dom0"): [verdict, PASS]})
    assert cell_of(one.ask(guests=["dom0"], only=["base"]), "base", "dom0").verdict is verdict
    stored = one.ask(guests=["dom0"], only=["base"], stored=True)
    assert cell_of(stored, "base", "dom0").verdict is verdict
    assert cell_of(one.ask(guests=["dom0"], only=["base"]), "base", "dom0").verdict is PASS


def test_another_guest_image_is_run_again(lab: MakeLab, capsys: pytest.CaptureFixture[str]) -> None:
    one = lab()
    one.ask(guests=["dom0"], only=["base"], fingerprint="old")
    one.ask(guests=["dom0"], only=["base"], fingerprint="new")
    assert len(one.ran()) == 2 and "of another guest image" in capsys.readouterr().err


def test_nothing_stored_is_skip(lab: MakeLab) -> None:
    m = lab().ask(stored=True)
    assert {(j.verdict, j.shown.reason) for j in m.cells} == {(SKIP, "not run")}


def _whole(change: Callable[[dict[str, Any]], None]) -> Callable[[bytes], bytes]:
    def edit(data: bytes) -> bytes:
        value = json.loads(data)
        change(value)
        return json.dumps(value).encode()

    return edit


TRICKS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "truncated": ("cells/*.json", lambda d: d[: len(d) // 2]),
    "empty": ("cells/*.json", lambda _: b""),
    "a bit flipped": ("cells/*.json", lambda d: d.replace(b"FAIL", b"PASS", 1)),
    "not JSON": ("cells/*.json", lambda _: b"\x7fELF\xff"),
    "another kind of JSON": ("cells/*.json", lambda _: b"[1, 2]"),
    "verdict edited": ("cells/*.json", _whole(lambda v: v["outcome"].update(verdict="PASS"))),
    "checksum dropped": ("cells/*.json", _whole(lambda v: v.pop("sum"))),
    "log truncated": ("logs/*.txt", lambda d: d[:-3]),
    "log edited": ("logs/*.txt", lambda d: d.replace(b"log", b"LOG")),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_damaged_outcome_is_named_and_run_again(lab: MakeLab, capsys: pytest.CaptureFixture[str], trick: str) -> None:
    one = lab({("base", "dom0"): [FAIL]})
    first = one.ask(guests=["dom0"], only=["base"])
    damage(one.store, *TRICKS[trick])
    again = one.ask(guests=["dom0"], only=["base"])
    assert len(one.ran()) == 2 and cell_of(again, "base", "dom0").verdict is FAIL
    assert "not used, the cell is run again: " in (said := capsys.readouterr().err) and ".dom0.qemu-tcg.1.json" in said
    assert json_bytes(again) == json_bytes(first)


def test_an_outcome_moved_to_another_cell_is_not_trusted(lab: MakeLab) -> None:
    one = lab({(ONE, "dom0"): [FAIL]})
    one.ask(guests=["dom0"], only=["base"])
    (good,) = (one.store.root / "cells").glob("*.json")
    good.rename(good.with_name(f"{one.line[2].xen[:12]}.dom0.qemu-tcg.1.json"))
    assert cell_of(one.ask(guests=["dom0"], only=[ONE]), ONE, "dom0").verdict is FAIL


def test_a_log_that_is_gone_means_run_again(lab: MakeLab) -> None:
    one = lab()
    one.ask(guests=["dom0"], only=["base"])
    (log,) = (one.store.root / "logs").iterdir()
    log.unlink()
    one.ask(guests=["dom0"], only=["base"])
    assert len(one.ran()) == 2 and log.exists()


def test_a_full_disk_stops_with_a_line_to_type_and_keeps_what_was_kept(lab: MakeLab) -> None:
    one = lab()
    left = [3]  # files that still fit

    def write(path: Path, data: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write_atomically(path, data)

    with pytest.raises(XenstageError) as e:
        one.ask(guests=["dom0"], store=Store(one.store.root, write))
    assert (
        e.value.code is Exit.OUTPUT and "No space left" in e.value.why and "the same command goes on" in e.value.remedy
    )
    assert len(list((one.store.root / "cells").iterdir())) == 1
    m = one.ask(guests=["dom0"])
    assert {j.verdict for j in m.cells} == {PASS} and one.ran().count("base dom0") == 1


def test_a_write_that_is_cut_short_leaves_no_outcome(lab: MakeLab) -> None:
    """A real one: the kernel refuses the rest of the file (RLIMIT_FSIZE)."""
    import resource

    one = lab()
    big: list[Any] = [lambda c, _: outcome(c, PASS, reason="x" * 4000)]
    huge = Lab(one.root, one.line, {("base", "dom0"): big})
    old = resource.getrlimit(resource.RLIMIT_FSIZE)

    def write(path: Path, data: bytes) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, old[1]))
        try:
            write_atomically(path, data)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)

    with pytest.raises(XenstageError):
        huge.ask(guests=["dom0"], only=["base"], store=Store(one.store.root, write))
    assert [p for p in one.store.root.rglob("*") if p.is_file()] == []


def test_two_at_once_in_one_directory(lab: MakeLab) -> None:
    one = lab()
    with one.store.lock(), pytest.raises(XenstageError) as e, Store(one.store.root).lock():
        pass
    assert e.value.code is Exit.OUTPUT and "another matrix" in e.value.title


def test_a_file_where_the_directory_should_be(tmp_path: Path) -> None:
    (tmp_path / "matrix").write_text("mine")
    with pytest.raises(XenstageError) as e, Store(tmp_path / "matrix").lock():
        pass
    assert e.value.code is Exit.OUTPUT and (tmp_path / "matrix").read_text() == "mine"
