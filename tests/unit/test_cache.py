"""The cache: whole values or none, plain paths, locks between processes."""

from __future__ import annotations

import multiprocessing
import multiprocessing.synchronize
import os
import tempfile
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
