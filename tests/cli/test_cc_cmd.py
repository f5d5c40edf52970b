"""xenstage cc-cmd: what git send-email asks for each mail."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from .conftest import Tool
from .kit import ONE, TWO, Repo, evidence, numbered

Factory = Callable[..., Repo]


def lines(tool: Tool, *argv: str | Path) -> list[str]:
    """What is printed."""
    return tool("cc-cmd", *argv).good().out.splitlines()


def test_a_patch_of_ours_is_looked_up_without_a_tree(tool: Tool, sample_out: Path) -> None:
    path = numbered(sample_out, ONE)[0]
    assert lines(tool, path, "--tree", "/nowhere") == ["Hannah Hyper <hannah@example.org>"]
    assert lines(tool, path, "--to") == ["xen-devel@example.org"]


def test_the_cover_goes_to_all(tool: Tool, sample_out: Path) -> None:
    each = [lines(tool, p) for p in numbered(sample_out, TWO)]
    (cover,) = (sample_out / TWO / "v1").glob("0000-*")
    assert set(lines(tool, cover)) == {a for row in each for a in row} and len(each) == 2
    assert evidence(sample_out, TWO)["recipients"]["cc"] == lines(tool, cover)


def test_an_edited_patch_and_a_persons_are_read(
    tool: Tool, sample_out: Path, xen_like_repo: Factory, tmp_path: Path
) -> None:
    repo = xen_like_repo()
    shutil.copytree(sample_out / ONE / "v1", tmp_path / "mine")
    path = sorted(tmp_path.glob("mine/0001-*"))[0]
    path.write_text(path.read_text().replace("xen/arch/x86/hvm/hvm.c", "xen/include/xen/sched.h"))
    got = lines(tool, path, "--tree", repo.path, "--base", repo.head)
    assert got == ["Gus Type <gus@example.org>"]


def test_a_file_that_is_not_there(tool: Tool, tmp_path: Path) -> None:
    tool("cc-cmd", tmp_path / "none.patch").refused(2, "none.patch", "No such file")
