"""A build's result is that of its tree: whatever was built before it, and whatever is built beside it."""

from __future__ import annotations

import functools
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from xenstage.builds.builder import Builder, Result
from xenstage.builds.elf import read_build
from xenstage.cache import Cache
from xenstage.process import Runner
from xenstage.tree.config import BY_NAME
from xenstage.tree.git import Identity
from xenstage.tree.source import Tree, open_tree

from .kit import CONFIG, make_repo

LIB = "xen/common/lib.c"
BASE_WARNS = ("xen/common/event_channel.c", "xen/common/memory.c")
WARNS = "\n\nint {name}(void)\n{{\n    int unused;\n\n    return 0;\n}}\n"
PUMP = b"int pump_rate(void);\n"


@dataclass(frozen=True)
class Reads:
    """What the objects hold, for a builder."""

    parents: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, xen: Path, commit: str) -> dict[str, Any]:
        """Digests of functions and variables."""
        return {"objects": read_build(xen), "lines": {}}


@dataclass(frozen=True)
class World:
    """Commits of one repository by name."""

    tree: Tree
    commits: Mapping[str, str]
    scratch: Path

    def builder(self) -> Builder:
        """A builder that knows nothing yet, but for what ccache does."""
        for kind in ("builds", "harvests", "relined", "logs", "build"):
            shutil.rmtree(self.scratch / "xenstage" / kind, ignore_errors=True)
        return Builder(self.tree, BY_NAME[CONFIG], Cache(self.scratch / "xenstage"), Runner(), time.monotonic, Reads())


Bytes = dict[str, bytes | None]
Read = Callable[[str], bytes]
MAKEFILE, SPARE = "xen/common/Makefile", "xen/common/spare.c"
SCHED = "xen/include/xen/sched.h"


def _innocent(read: Read) -> Bytes:
    """In a file that has no warning in the base."""
    return {LIB: read(LIB) + b"\nint lib_idle(void)\n{\n    return 0;\n}\n"}


def _header(read: Read) -> Bytes:
    """A header more: files of dependencies name it from now on."""
    first = b"#include <xen/lib.h>"
    return {"xen/include/xen/pump.h": PUMP, LIB: read(LIB).replace(first, first + b"\n#include <xen/pump.h>")}


def _sources(read: Read) -> Bytes:
    """A source more and a source less, in the makefile as well."""
    source = PUMP + b"\nint pump_rate(void)\n{\n    return 3;\n}\n"
    makefile = read(MAKEFILE).replace(b"obj-y += spare.o\n", b"obj-y += pump.o\n")
    return {SPARE: None, "xen/common/pump.c": source, MAKEFILE: makefile}


def _warns(read: Read) -> Bytes:
    return {LIB: read(LIB) + WARNS.format(name="lib_warns").encode()}


def _broken(read: Read) -> Bytes:
    return {LIB: read(LIB) + b"\nint lib_broken(void)\n{\n    return missing;\n}\n"}


def _layout(read: Read) -> Bytes:
    """Another place for every field that common/kernel.c reads: common/compat/ makes an object of that name as well."""
    return {SCHED: read(SCHED).replace(b"struct domain\n{\n", b"struct domain\n{\n    unsigned long spare[7];\n")}


CHANGES = {
    "innocent": _innocent,
    "layout": _layout,
    "header": _header,
    "sources": _sources,
    "warns": _warns,
    "broken": _broken,
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One base with two warnings and a spare source, and every change on top of it."""
    place = tmp_path_factory.mktemp("order")
    repo = make_repo(place / "tree")
    for path in BASE_WARNS:
        repo.append(path, WARNS.format(name=Path(path).stem + "_warns"))
    repo.write(SPARE, "int spare(void);\n\nint spare(void)\n{\n    return 1;\n}\n")
    repo.append(MAKEFILE, "obj-y += spare.o\n")
    base = repo.commit("The base")
    tree = open_tree(repo.path, base, cache=Cache(place / "open/xenstage"), runner=Runner())
    commits = {"base": base}
    for name, change in CHANGES.items():
        changes = change(functools.partial(tree.git.read, base))
        who = Identity("Ann Author", "ann@example.org")
        commits[name] = tree.git.commit(base, changes, name, author=who, date=1420156800, scratch=place / "index")
    return World(tree, commits, place)


@pytest.fixture(scope="module")
def alone(world: World) -> dict[str, Result]:
    """Every commit from nothing, beside a base from nothing."""
    base = world.builder().build(world.commits["base"], None)
    return {"base": base, **{n: world.builder().build(world.commits[n], base) for n in CHANGES}}


def _same(got: Result, wanted: Result) -> None:
    assert (got.verdict, got.warnings, got.failed) == (wanted.verdict, wanted.warnings, wanted.failed)
    assert got.harvest == wanted.harvest
    assert _place(got.reason) == _place(wanted.reason)


def _place(reason: str) -> str:
    """Without the name of the cache, which a compiler repeats."""
    return re.sub(r"/\S*/tree/", "", reason)


def test_each_alone_is_what_it_should_be(alone: dict[str, Result]) -> None:
    verdicts = {n: r.verdict for n, r in alone.items()}
    bad = {"warns", "broken"}
    assert verdicts == {n: "FAIL" if n in bad else "PASS" for n in verdicts}
    assert [w.split(":")[0].rsplit("/", 1)[-1] for w in alone["base"].warnings] == ["event_channel.c", "memory.c"]
    assert alone["warns"].reason.startswith("1 warnings that the base does not have")
    assert "common/pump.o" in alone["sources"].harvest["objects"]
    assert "common/spare.o" not in alone["sources"].harvest["objects"]
    sides = [alone[n].harvest["objects"]["common/kernel.o"] for n in ("base", "layout")]
    assert sides[0] != sides[1]


ORDERS = {"one after the other": ["base", *CHANGES], "backwards, the base last": [*reversed(CHANGES), "base"]}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_no_order_decides(world: World, alone: dict[str, Result], order: list[str]) -> None:
    """The warnings of what was not made again are there, and nothing of what is gone."""
    builder, base = world.builder(), alone["base"]
    for name in order:
        _same(builder.build(world.commits[name], None if name == "base" else base), alone[name])


def test_what_is_kept_is_judged_beside_each_base(world: World, alone: dict[str, Result]) -> None:
    """The same tree beside a base that has its warning is good: the earlier verdict is not the tree's own."""
    builder = world.builder()
    assert builder.build(world.commits["warns"], alone["base"]).verdict == "FAIL"
    again = builder.build(world.commits["warns"], alone["warns"])
    assert again.kept and again.verdict == "PASS"
    assert builder.build(world.commits["warns"], alone["base"]).verdict == "FAIL"


def test_a_failure_that_was_left_behind_is_not_kept(world: World, alone: dict[str, Result]) -> None:
    """Whatever lies in our directory: what fails on top of it is tried from nothing."""
    builder = world.builder()
    builder.build(world.commits["base"], None)
    (place,) = (world.scratch / "xenstage/build").iterdir()
    (place / "tree/xen/common/.lib.o.d").write_text("lib.o: gone.h\n")
    _same(builder.build(world.commits["innocent"], alone["base"]), alone["innocent"])


def _cut(place: Path) -> None:
    index = place / "index"
    index.write_bytes(index.read_bytes()[:100])


def _no_index(place: Path) -> None:
    (place / "index").unlink()
    (place / "index").mkdir()


def _edited(place: Path) -> None:
    with (place / "tree" / LIB).open("a") as f:
        f.write("\nint lib_edited(void)\n{\n    return 1;\n}\n")


@pytest.mark.parametrize("damage", [_cut, _no_index, _edited], ids=lambda d: d.__name__)
def test_a_damaged_build_directory_is_begun_anew(
    world: World, alone: dict[str, Result], damage: Callable[[Path], None]
) -> None:
    builder = world.builder()
    builder.build(world.commits["base"], None)
    (place,) = (world.scratch / "xenstage/build").iterdir()
    damage(place)
    _same(builder.build(world.commits["layout"], alone["base"]), alone["layout"])
