"""``xenstage boot --xen STAGE/N``: the patches of a series, which no tree has, named."""

from __future__ import annotations

import argparse

import pytest

from xenstage.cli.boot import is_patch, patch_commit
from xenstage.errors import Exit, XenstageError


@pytest.fixture
def asked() -> argparse.Namespace:
    """The sample tree, which needs no network."""
    return argparse.Namespace(tree="sample", base="HEAD")


@pytest.mark.parametrize("name", ["1", "02", "02_pvh_flag", "02/1", "02_pvh_flag/2"])
def test_a_stage_or_a_patch_is_no_commit(name: str) -> None:
    assert is_patch(name)


@pytest.mark.parametrize(
    "name", [None, "debian", "HEAD", "a8ac2290ed95", "RELEASE-4.5.0", "0123456", "02x", "/2", "02/"]
)
def test_anything_else_is_asked_of_the_tree(name: str | None) -> None:
    assert not is_patch(name)


def test_the_last_patch_and_each_by_its_number(asked: argparse.Namespace) -> None:
    tree, tip = patch_commit(asked, "02")
    assert patch_commit(asked, "02_pvh_flag/2")[1] == tip
    first = patch_commit(asked, "02/1")[1]
    assert first != tip and tree.git.run("rev-parse", f"{tip}^").text.strip() == first
    assert patch_commit(asked, "01")[1] == tree.git.run("rev-parse", f"{first}^").text.strip()


@pytest.mark.parametrize("name", ["02/3", "02/0", "07", "06/9"])
def test_a_patch_that_is_not_there_is_named(asked: argparse.Namespace, name: str) -> None:
    with pytest.raises(XenstageError) as e:
        patch_commit(asked, name)
    assert e.value.code is Exit.USAGE and e.value.remedy
