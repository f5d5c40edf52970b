"""The output directory: only what the tool wrote itself is ever replaced."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from xenstage.series.deliver import STAGING

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


def test_second_series_refused_leaves_the_first_whole(tool: Tool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / TWO / "v1").mkdir(parents=True)
    (out / TWO / "v1/mine").write_text("mine\n")
    tool.run("01", "02", out=out).refused(6, TWO)
    assert (out / TWO / "v1/mine").read_text() == "mine\n"
    assert list((out / TWO).iterdir()) == [out / TWO / "v1"]
    assert not (out / ONE).exists()


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


@pytest.mark.parametrize("mark", ["xenstage makes its output here", "", None], ids=["part of it", "empty", "none"])
def test_what_a_kill_left_is_cleared(tool: Tool, tmp_path: Path, sample_out: Path, mark: str | None) -> None:
    out = tmp_path / "out"
    tool.run("01", out=out).good()
    (out / STAGING).mkdir()
    if mark is not None:
        (out / STAGING / "README").write_text(mark)
        (out / STAGING / "new" / ONE).mkdir(parents=True)
        (out / STAGING / "new" / ONE / "half").write_text("half")
    tool.run("01", out=out).good()
    assert sorted(os.listdir(out)) == [ONE]
    assert snapshot(out / ONE) == snapshot(sample_out / ONE)


@pytest.mark.parametrize("kind", ["file", "link", "directory"])
def test_a_thing_of_the_users_that_has_the_staging_name(tool: Tool, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis").write_text("Years of work.\n")
    if kind == "file":
        (out / STAGING).write_text("mine\n")
    elif kind == "link":
        (out / STAGING).symlink_to(tmp_path / "mine")
    else:
        (tmp_path / "mine").rename(out / STAGING)
    before = snapshot(tmp_path)
    tool.run("01", out=out).refused(6, STAGING, "mv ")
    assert snapshot(tmp_path) == before


def add_link(place: Path) -> str:
    (place / "mine").symlink_to("/etc/hostname")
    return "mine (link)"


def add_dangling_link(place: Path) -> str:
    (place / "mine").symlink_to("nowhere")
    return "mine (link)"


def add_link_to_directory(place: Path) -> str:
    (place / "mine").symlink_to(place.parent.parent)
    return "mine (link)"


def replace_by_link(place: Path) -> str:
    (place / "sites.json").rename(place.parent / "elsewhere")
    (place / "sites.json").symlink_to("../elsewhere")
    return "sites.json (link)"


def replace_manifest_by_link(place: Path) -> str:
    (place / "manifest.json").rename(place.parent / "elsewhere")
    (place / "manifest.json").symlink_to("../elsewhere")
    return "manifest.json"


def add_empty_directory(place: Path) -> str:
    (place / "mine/deep").mkdir(parents=True)
    return "mine (directory)"


def add_fifo(place: Path) -> str:
    os.mkfifo(place / "mine")
    return "mine (special)"


def add_file_of_no_text(place: Path) -> str:
    (place / os.fsdecode(b"m\xffne")).write_bytes(b"")
    return "what the tool wrote"


def deep_manifest(place: Path) -> str:
    (place / "manifest.json").write_text("[" * 100_000)
    return "manifest.json"


def link_to_it(place: Path) -> str:
    place.rename(place.with_name("real"))
    place.symlink_to("real")
    return "v1 itself"


def dangling_link_to_it(place: Path) -> str:
    place.rename(place.parent.parent / "kept")
    place.symlink_to("nowhere")
    return "v1 itself"


@pytest.mark.parametrize(
    "act",
    [
        add_link, add_dangling_link, add_link_to_directory, replace_by_link, replace_manifest_by_link,
        add_empty_directory, add_fifo, add_file_of_no_text, deep_manifest, link_to_it, dangling_link_to_it,
    ],
    ids=lambda a: a.__name__,
)  # fmt: skip
def test_things_of_the_users_beside_the_patches(
    tool: Tool, tmp_path: Path, sample_out: Path, act: Callable[[Path], str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(sample_out, out)
    named = act(out / ONE / "v1")
    before = _listing(out)
    tool.run("01", "02", out=out).refused(6, named, "not what the tool wrote")
    assert _listing(out) == before


def _listing(directory: Path) -> list[tuple[str, int, int]]:
    """Names, inodes and modes, no link followed, nothing opened."""
    found = [os.path.join(d, n) for d, dirs, names in os.walk(directory) for n in (*dirs, *names)]
    return sorted((p, os.lstat(p).st_ino, os.lstat(p).st_mode) for p in found)


def test_a_second_series_that_cannot_be_replaced_keeps_the_first(
    tool: Tool, tmp_path: Path, xen_like_repo: Factory
) -> None:
    """Two bases in one directory would not apply on each other."""
    out, repo = tmp_path / "out", xen_like_repo()
    tool.run("01", "02", out=out).good()
    patch = numbered(out, TWO)[0]
    patch.write_text(patch.read_text().replace("guest", "visitor", 1))
    before = snapshot(out)
    tool.run("01", "02", tree=repo.path, out=out).refused(6, patch.name)
    assert snapshot(out) == before


def test_one_series_of_another_base_is_named(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    out, repo = tmp_path / "out", xen_like_repo()
    tool.run("01", "02", out=out).good()
    got = tool.run("01", tree=repo.path, out=out).good()
    assert f"{out / TWO / 'v1'} is of another base" in got.err
    got = tool.run("01", "02", tree=repo.path, out=out).good()
    assert "another base" not in got.err


def test_output_through_a_link(tool: Tool, tmp_path: Path, sample_out: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    tool.run("01", "02", out=tmp_path / "out").good()
    tool.run("01", "02", out=tmp_path / "out").good()
    assert (tmp_path / "out").is_symlink()
    assert snapshot(tmp_path / "real") == snapshot(sample_out)


def test_output_inside_the_tree_that_is_read(tool: Tool, xen_like_repo: Factory, reference: Path) -> None:
    repo = xen_like_repo()
    before = {n: d for n, d in snapshot(repo.path).items() if not n.startswith("out")}
    for _ in range(2):
        tool.run("01", "02", tree=repo.path, out=repo.path / "out").good()
    assert snapshot(repo.path / "out") == snapshot(reference)
    assert {n: d for n, d in snapshot(repo.path).items() if not n.startswith("out")} == before


def test_a_series_directory_that_is_a_link(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / TWO).symlink_to("../elsewhere")
    before = _listing(tmp_path)
    tool.run("01", "02", out=tmp_path / "out").refused(6, TWO, "is a link")
    assert _listing(tmp_path) == before


def test_cache_cannot_be_made(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("a file\n")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    tool.run("01", out=tmp_path / "out").refused(6, "cache directory", "XDG_CACHE_HOME")
    assert not (tmp_path / "out").exists()
