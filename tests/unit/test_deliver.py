"""Several directories replaced together: killed, failing or edited at every step, all are new or all are old."""

from __future__ import annotations

import errno
import multiprocessing
import multiprocessing.synchronize
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from xenstage import locks
from xenstage.errors import Exit, XenstageError
from xenstage.series import deliver as module
from xenstage.series.deliver import STAGING, check_ours, deliver, look_ahead

NAMES = ["01_one/v1", "02_two/v1", "03_three/v1"]
RENAMES = 2 * len(NAMES)


def write(out: Path, text: str, names: list[str] = NAMES) -> None:
    """One command's output."""
    with deliver(out) as delivery:
        for name in names:
            fresh = delivery.stage(name)
            (fresh / "logs").mkdir()
            (fresh / "logs/log").write_text(text)
            (fresh / "patch").write_text(f"{name} {text}")
        delivery.commit()


def texts(out: Path) -> list[str]:
    """What the directories hold; each whole."""
    for name in NAMES:
        check_ours(out / name)
    return [(out / n / "logs/log").read_text() if (out / n).exists() else "" for n in NAMES]


def child(function: Callable[[], None]) -> int | None:
    """Run in a process that may die."""
    process = multiprocessing.get_context("fork").Process(target=function)
    process.start()
    process.join(20)
    return process.exitcode


def renames(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[Path], None]) -> None:
    """Before a rename, do something."""
    real, count = Path.rename, [0]

    def rename(self: Path, target: Path) -> Path:
        count[0] += 1
        if count[0] == number:
            act(self)
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)


def die(path: Path) -> None:
    os._exit(9)


def fail(path: Path) -> None:
    raise OSError(errno.EPERM, "Operation not permitted", str(path))


def interrupt(path: Path) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("old", ["old", ""])
@pytest.mark.parametrize("number", range(1, RENAMES + 1))
def test_killed_before_a_rename(tmp_path: Path, number: int, old: str) -> None:
    if old:
        write(tmp_path, old)

    def killed() -> None:
        with pytest.MonkeyPatch.context() as patch:
            renames(patch, number, die)
            write(tmp_path, "new")

    dead = child(killed)
    assert dead == (9 if old or number <= len(NAMES) else 0)
    look_ahead(tmp_path, NAMES)
    assert texts(tmp_path) == ["new"] * 3
    assert STAGING not in os.listdir(tmp_path)


def test_killed_before_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "old")

    def killed() -> None:
        monkeypatch.setattr(module, "write_atomically", lambda *_: os._exit(9))
        write(tmp_path, "new")

    assert child(killed) == 9
    assert STAGING in os.listdir(tmp_path)
    assert texts(tmp_path) == ["old"] * 3
    look_ahead(tmp_path, NAMES)
    assert texts(tmp_path) == ["old"] * 3
    assert STAGING not in os.listdir(tmp_path)


@pytest.mark.parametrize("act", [fail, interrupt], ids=["fails", "Ctrl-C"])
@pytest.mark.parametrize("old", ["old", ""])
@pytest.mark.parametrize("number", range(1, len(NAMES) + 1))
def test_a_rename_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, old: str, act: Callable[[Path], None]
) -> None:
    if old:
        write(tmp_path / "out", old)
    with monkeypatch.context() as patch:
        renames(patch, number, act)
        with pytest.raises(XenstageError if act is fail else KeyboardInterrupt) as caught:
            write(tmp_path / "out", "new")
    if isinstance(caught.value, XenstageError):
        assert caught.value.code is Exit.OUTPUT
    assert texts(tmp_path / "out") == [old] * 3
    assert sorted(os.listdir(tmp_path)) == (["out"] if old else [])


@pytest.mark.parametrize("number", [3, 4])
def test_edited_after_a_kill_all_go_back(tmp_path: Path, number: int) -> None:
    """The second directory was changed by its owner before the next run: the first is the old one again."""
    write(tmp_path, "old")

    def killed() -> None:
        with pytest.MonkeyPatch.context() as patch:
            renames(patch, number, die)
            write(tmp_path, "new")

    assert child(killed) == 9
    mine = tmp_path / NAMES[1]
    mine.mkdir(exist_ok=True)
    (mine / "mine").write_text("mine")
    with pytest.raises(XenstageError) as caught:
        look_ahead(tmp_path, NAMES)
    assert caught.value.code is Exit.OUTPUT and str(mine) in caught.value.remedy
    assert (mine / "mine").read_text() == "mine"
    assert os.system(caught.value.remedy.splitlines()[-1].split(", ")[0]) == 0
    look_ahead(tmp_path, NAMES)
    found = {n: (tmp_path / n / "logs/log").read_text() for n in NAMES if (tmp_path / n).exists()}
    assert len(set(found.values())) == 1 and len(found) >= 2
    assert (tmp_path / f"{NAMES[1]}.mine/mine").read_text() == "mine"


def test_the_journal_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "old")

    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_atomically", full)
        with pytest.raises(XenstageError) as caught:
            write(tmp_path, "new")
    assert "no space is left for the output directory" in caught.value.title
    assert texts(tmp_path) == ["old"] * 3
    assert STAGING not in os.listdir(tmp_path)


def test_an_error_while_staging_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), deliver(tmp_path / "a/b/out") as delivery:
        delivery.stage(NAMES[0])
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_commit_of_a_part_leaves_the_rest(tmp_path: Path) -> None:
    write(tmp_path, "old")
    write(tmp_path, "new", NAMES[:1])
    assert texts(tmp_path) == ["new", "old", "old"]


def _other(out: Path, trying: multiprocessing.synchronize.Event, got: multiprocessing.synchronize.Event) -> None:
    trying.set()
    write(out, "other")
    got.set()


def test_another_command_waits(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    trying, got = context.Event(), context.Event()
    process = context.Process(target=_other, args=(tmp_path / "out", trying, got))
    with deliver(tmp_path / "out") as delivery:
        (delivery.stage(NAMES[0]) / "patch").write_text("half")
        process.start()
        assert trying.wait(20)
        assert not got.wait(0.3)
    assert got.wait(20)
    process.join(20)
    assert texts(tmp_path / "out") == ["other"] * 3


def test_no_locks_on_this_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(fd: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", none)
    monkeypatch.setattr(locks, "_SAID", set())
    write(tmp_path, "new")
    assert texts(tmp_path) == ["new"] * 3
    assert "do not start two runs at once" in capsys.readouterr().err


def leave(out: Path, text: str) -> None:
    """One directory and a file for the user."""
    with deliver(out) as delivery:
        (delivery.stage(NAMES[0]) / "patch").write_text(text)
        delivery.leave("01_one/words.txt", text.encode())
        delivery.commit()


def test_a_file_for_the_user_is_left_once(tmp_path: Path) -> None:
    leave(tmp_path, "first")
    assert (tmp_path / "01_one/words.txt").read_text() == "first"
    (tmp_path / "01_one/words.txt").write_text("mine")
    leave(tmp_path, "second")
    assert (tmp_path / "01_one/words.txt").read_text() == "mine"
    assert (tmp_path / NAMES[0] / "patch").read_text() == "second"


@pytest.mark.parametrize("old", ["old", ""])
def test_a_file_for_the_user_comes_with_the_directory_after_a_kill(tmp_path: Path, old: str) -> None:
    if old:
        with deliver(tmp_path) as delivery:
            (delivery.stage(NAMES[0]) / "patch").write_text(old)
            delivery.commit()

    def killed() -> None:
        with pytest.MonkeyPatch.context() as patch:
            renames(patch, 1, die)
            leave(tmp_path, "new")

    assert child(killed) == 9
    assert not (tmp_path / "01_one/words.txt").exists()
    with deliver(tmp_path):
        pass
    assert (tmp_path / "01_one/words.txt").read_text() == "new" == (tmp_path / NAMES[0] / "patch").read_text()
    assert not (tmp_path / STAGING).exists()


def test_a_file_for_the_user_goes_back_with_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: object, names: object) -> None:
        (tmp_path / "01_one/words.txt").hardlink_to(tmp_path / STAGING / "new/01_one/words.txt")
        raise KeyboardInterrupt

    monkeypatch.setattr(module.Delivery, "_hand_out", interrupted)
    with pytest.raises(KeyboardInterrupt):
        leave(tmp_path, "new")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_already_is_not_touched(tmp_path: Path) -> None:
    write(tmp_path, "same")
    stamps = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    write(tmp_path, "same")
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == stamps
