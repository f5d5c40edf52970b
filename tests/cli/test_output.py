"""The output directory: only what the tool wrote itself is ever replaced."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Tool
from .kit import ONE, TWO, Repo, numbered, snapshot

Factory = Callable[..., Repo]


def test_directory_with_other_content(tool: Tool, tmp_path: Path) -> None:
    place = tmp_path / "out" / ONE / "v1"
    place.mkdir(parents=True)
    (place / "thesis.txt").write_text("Years of work.\n")
    before = snapshot(tmp_path)
    tool.run("01", out=tmp_path / "out").refused(6, str(place), "not what the tool wrote", "--out DIR", "mv ")
    assert snapshot(tmp_path) == before


def test_empty_directory_of_the_user_is_no_obstacle(tool: Tool, tmp_path: Path, sample_out: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("mine\n")
    tool.run("01", out=tmp_path / "out").good()
    assert (tmp_path / "out/notes.txt").read_text() == "mine\n"
    assert snapshot(tmp_path / "out" / ONE) == snapshot(sample_out / ONE)


def test_patch_changed_by_hand(tool: Tool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tool.run("01", out=out).good()
    patch = numbered(out, ONE)[1]
    patch.write_text(patch.read_text().replace("guest", "visitor", 1))
    before = snapshot(out)
    tool.run("01", out=out).refused(6, patch.name, "not what the tool wrote")
    assert snapshot(out) == before


@pytest.mark.parametrize("act", ["added", "removed", "manifest", "truncated"])
def test_series_changed_by_hand(tool: Tool, tmp_path: Path, act: str) -> None:
    out = tmp_path / "out"
    tool.run("01", out=out).good()
    place = out / ONE / "v1"
    if act == "added":
        (place / "0005-mine.patch").write_text("mine\n")
    elif act == "removed":
        numbered(out, ONE)[0].unlink()
    elif act == "truncated":
        (place / "manifest.json").write_text('{"0000')
    else:
        (place / "manifest.json").unlink()
    before = snapshot(out)
    tool.run("01", out=out).refused(6, str(place))
    assert snapshot(out) == before


def test_second_series_refused_leaves_the_first_whole(tool: Tool, tmp_path: Path, sample_out: Path) -> None:
    out = tmp_path / "out"
    (out / TWO / "v1").mkdir(parents=True)
    (out / TWO / "v1/mine").write_text("mine\n")
    tool.run("01", "02", out=out).refused(6, TWO)
    assert (out / TWO / "v1/mine").read_text() == "mine\n"
    assert list((out / TWO).iterdir()) == [out / TWO / "v1"]
    if (out / ONE).exists():
        assert snapshot(out / ONE) == snapshot(sample_out / ONE)


def test_remedy_can_be_typed(tool: Tool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tool.run("01", out=out).good()
    (out / ONE / "v1/mine").write_text("mine\n")
    got = tool.run("01", out=out).refused(6)
    line = got.err.rstrip().rpartition("\n")[2].strip()
    assert line.startswith("mv ") and os.system(line) == 0
    tool.run("01", out=out).good()
    assert (out / ONE / "v1.mine/mine").read_text() == "mine\n"


def test_output_is_a_file(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file\n")
    tool.run("01", out=tmp_path / "out").refused(6, "cannot write", "--out DIR")
    assert (tmp_path / "out").read_text() == "a file\n"


def test_output_cannot_be_written(tool: Tool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir(mode=0o555)
    if os.access(out, os.W_OK):
        pytest.skip("this user may write everywhere")
    tool.run("01", out=out).refused(6, "cannot write", "--out DIR")
    assert not list(out.iterdir())


def test_own_old_series_is_replaced(tool: Tool, tmp_path: Path, xen_like_repo: Factory, reference: Path) -> None:
    out, repo = tmp_path / "out", xen_like_repo()
    tool.run("01", out=out).good()
    old = snapshot(out)
    tool.run("01", tree=repo.path, out=out).good()
    assert snapshot(out) != old
    assert snapshot(out / ONE) == snapshot(reference / ONE)


def test_what_a_kill_left_is_cleared(tool: Tool, tmp_path: Path, sample_out: Path) -> None:
    out = tmp_path / "out"
    tool.run("01", out=out).good()
    place = out / ONE
    (place / "v1").rename(place / ".old-v1")
    (place / ".new-abc").mkdir()
    (place / ".new-abc/half").write_text("half")
    tool.run("01", out=out).good()
    assert snapshot(out / ONE) == snapshot(sample_out / ONE)


def test_cache_cannot_be_made(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("a file\n")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    tool.run("01", out=tmp_path / "out").refused(6, "cache directory", "XDG_CACHE_HOME")
    assert not (tmp_path / "out").exists()
