"""The cache: whole values or none, plain paths, locks between processes."""

from __future__ import annotations

import multiprocessing
import multiprocessing.synchronize
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from xenstage.cache import Cache, digest, write_atomically
from xenstage.errors import Exit, XenstageError

KEY = digest("some", "key")


@pytest.mark.parametrize("value", [{"a": [1, "ü", None]}, [["p", 3]], "text", 0, [], False])
def test_put_and_get(tmp_path: Path, value: object) -> None:
    Cache(tmp_path / "new").put("kind", KEY, value)
    assert Cache(tmp_path / "new").get("kind", KEY) == value


def test_absent(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("kind", KEY, 1)
    assert cache.get("kind", digest("other")) is None
    assert cache.get("other", KEY) is None


@pytest.mark.parametrize("damage", [b"", b'{"a": [1', b"\xff\xfe\x00", b"\x00" * 20, b"{} {}"])
def test_damaged_value_counts_as_absent_and_can_be_put_again(tmp_path: Path, damage: bytes) -> None:
    cache = Cache(tmp_path)
    cache.put("kind", KEY, {"a": [1, 2]})
    (stored,) = tmp_path.rglob("*.json")
    stored.write_bytes(damage)
    assert cache.get("kind", KEY) is None
    cache.put("kind", KEY, 3)
    assert cache.get("kind", KEY) == 3


def test_digest_knows_where_parts_end() -> None:
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("abc", "")}) == 4
    assert digest("ü") == digest("ü".encode())


def test_write_makes_directories_and_a_readable_file(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o644
    assert os.listdir(path.parent) == ["b.txt"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_dying_writer_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    path = tmp_path / "b.txt"
    write_atomically(path, b"old")

    def die(src: str, dst: Path) -> None:
        assert Path(src).read_bytes() == b"new"  # written elsewhere first
        assert Path(dst).read_bytes() == b"old"
        raise error

    monkeypatch.setattr(os, "replace", die)
    with pytest.raises(type(error)):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["b.txt"]


def test_default_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/srv/my-cache_1")
    assert Cache.default().root == Path("/srv/my-cache_1/xenstage")
    for unset in ("", None):
        if unset is None:
            monkeypatch.delenv("XDG_CACHE_HOME")
        else:
            monkeypatch.setenv("XDG_CACHE_HOME", unset)
        monkeypatch.setenv("HOME", "/srv/home")
        assert Cache.default().root == Path("/srv/home/.cache/xenstage")


@pytest.mark.parametrize("home", ["/srv/my cache", "/srv/a:b", "/srv/$x", "/srv/größe", "/srv/a#b"])
def test_default_avoids_what_makefiles_cannot_take(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/plain")
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    root = Cache.default().root
    assert root.parent == Path("/plain") and " " not in root.name and root.name.startswith("xenstage-")
    assert Cache.default().root == root
    monkeypatch.setenv("XDG_CACHE_HOME", home + "2")
    assert Cache.default().root != root


def test_unwritable_cache_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(XenstageError) as caught:
        Cache(tmp_path / "file").put("kind", KEY, 1)
    assert caught.value.code is Exit.OUTPUT
    assert "XDG_CACHE_HOME" in caught.value.remedy


def _take(root: Path, trying: multiprocessing.synchronize.Event, got: multiprocessing.synchronize.Event) -> None:
    trying.set()
    with Cache(root).lock("name"):
        got.set()


@pytest.mark.parametrize("held", ["name", "other"])
def test_lock_is_exclusive_between_processes(tmp_path: Path, held: str) -> None:
    context = multiprocessing.get_context("spawn")
    trying, got = context.Event(), context.Event()
    child = context.Process(target=_take, args=(tmp_path, trying, got))
    try:
        with Cache(tmp_path).lock(held):
            child.start()
            assert trying.wait(20)
            assert got.wait(0.3 if held == "name" else 20) == (held != "name")
        assert got.wait(20)
    finally:
        if child.pid is not None:
            child.join(20)
            child.kill()
    assert child.exitcode == 0


def test_lock_is_released_by_an_error(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with pytest.raises(RuntimeError), cache.lock("name"):
        raise RuntimeError
    context = multiprocessing.get_context("spawn")
    trying, got = context.Event(), context.Event()
    child = context.Process(target=_take, args=(tmp_path, trying, got))
    child.start()
    assert got.wait(20)
    child.join(20)


def test_remove(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    tree = cache.path("trees", "one", "file").parent
    (tree / "file").write_bytes(b"x")
    cache.path("trees", "two", "file").write_bytes(b"y")
    cache.remove(tree)
    cache.remove(tree)  # already gone
    assert os.listdir(tmp_path / "trees") == ["two"]
    assert [p for p in (tmp_path / "trash").rglob("*") if p.is_file()] == []


def _stored(root: Path) -> Path:
    (found,) = root.rglob("*.json")
    return found


def deep(path: Path) -> None:
    path.write_text("[" * 200_000)


def other_type(path: Path) -> None:
    path.write_text('["valid", "JSON"]')


def flipped(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"one", b"onf"))


def of_another_key(path: Path) -> None:
    Cache(path.parents[2]).put("kind", digest("other"), {"two": 2})
    other = next(p for p in path.parents[1].rglob("*.json") if p != path)
    other.rename(path)


def a_directory(path: Path) -> None:
    path.unlink()
    (path / "x").mkdir(parents=True)


def a_dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/nowhere/x")


def a_file_for_its_directory(path: Path) -> None:
    shutil.rmtree(path.parents[1])
    path.parents[1].write_text("")


@pytest.mark.parametrize(
    "damage", [deep, other_type, flipped, of_another_key, a_directory, a_dangling_link, a_file_for_its_directory]
)
def test_what_is_not_what_was_written_is_absent_and_written_again(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    cache = Cache(tmp_path / "cache")
    cache.put("kind", KEY, {"one": 1})
    damage(_stored(tmp_path))
    assert cache.get("kind", KEY) is None
    cache.put("kind", KEY, {"three": 3})
    assert cache.get("kind", KEY) == {"three": 3}


def test_a_moved_cache_names_its_new_place(tmp_path: Path) -> None:
    old, new = Cache(tmp_path / "old"), Cache(tmp_path / "new/deeper")
    old.put("kind", KEY, {"path": f"{tmp_path}/old/x", "other": f"{tmp_path}/older/x"})
    assert str(old.root).encode() + b"/" not in _stored(tmp_path).read_bytes()
    new.root.parent.mkdir()
    old.root.rename(new.root)
    assert new.get("kind", KEY) == {"path": f"{new.root}/x", "other": f"{tmp_path}/older/x"}


def test_a_kept_file_gets_its_mode_and_bytes_back(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    path = cache.path("tools", "cc")
    for damage in (lambda: None, lambda: path.chmod(0o644), lambda: path.write_bytes(b"x"), path.unlink, path.touch):
        damage()
        cache.keep(path, b"#!/bin/sh\n", mode=0o755)
        assert path.read_bytes() == b"#!/bin/sh\n" and path.stat().st_mode & 0o777 == 0o755


def _leave_scratch(root: Path) -> None:
    Cache(root).scratch("file").write_text("half")
    os._exit(9)


def test_scratch_of_the_dead_goes_and_that_of_the_living_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a living process has the number that the dead one had."""
    mine = Cache(tmp_path).scratch("mine")
    mine.write_text("mine")
    child = multiprocessing.get_context("fork").Process(target=_leave_scratch, args=(tmp_path,))
    child.start()
    child.join(20)
    (tmp_path / "scratch" / "1").mkdir()  # as versions before named theirs: process 1 is alive
    assert len(list((tmp_path / "scratch").iterdir())) == 3
    monkeypatch.setattr(os, "getpid", lambda: -1)  # another process, that looks
    Cache(tmp_path).scratch("x")
    assert mine.read_text() == "mine"
    assert len(list((tmp_path / "scratch").iterdir())) == 2
    Cache(tmp_path).leave()
    monkeypatch.undo()
    Cache(tmp_path).leave()
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("damage", [a_directory, a_dangling_link], ids=lambda d: d.__name__)
def test_a_lock_that_is_no_file(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    cache = Cache(tmp_path)
    with cache.lock("name"):
        pass
    damage(tmp_path / "locks/name")
    with cache.lock("name"):
        assert (tmp_path / "locks/name").is_file()
