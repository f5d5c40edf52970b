"""A function that only stands on other lines is as before, whichever compiler numbers them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from xenstage.builds.builder import Builder
from xenstage.builds.harvest import Harvester
from xenstage.cache import Cache
from xenstage.process import Runner
from xenstage.prove.binary.compiled import Difference, compare
from xenstage.tree.config import BY_NAME
from xenstage.tree.git import Identity
from xenstage.tree.source import open_tree

from .kit import make_repo

MAKEFILE, VALVE = "xen/common/Makefile", "xen/common/valve.c"
TEXT = """\
#include <xen/lib.h>

int valve_width(int level);
int valve_guard(int level);

int valve_width(int level)
{
    return level + 1;
}

int valve_guard(int level)
{
    if ( level > LIMIT )
        bug_at(__FILE__, __LINE__);
    return level;
}
"""
# The object's name is not its source's, and what decides stands in the makefile alone.
MAKE = "obj-y += valve_wide.o\nvalve_wide.o: valve.c\n\t$(CC) $(CFLAGS) -DLIMIT=9 -c $< -o $@\n"
SAID = TEXT.replace("    if ( level > LIMIT )\n", "    /* There is no wider one. */\n\n    if ( level > LIMIT )\n")
WIDER = TEXT.replace("    return level + 1;\n", "    level *= 3;\n\n    return level + 1;\n")


@pytest.fixture(scope="module", params=["x86_64-debug", "x86_64-clang"])
def patched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Difference]:
    """What the patch that writes ``WIDER`` changes in the objects, beside a limit that the makefile says."""
    config = BY_NAME[request.param]
    if why := config.missing():
        pytest.skip(why)
    place = tmp_path_factory.mktemp("lines")
    repo = make_repo(place / "tree")
    repo.append(MAKEFILE, MAKE)
    repo.write(VALVE, TEXT)
    base = repo.commit("The base")
    cache, runner = Cache(place / "cache/xenstage"), Runner()
    tree = open_tree(repo.path, base, cache=cache, runner=runner)

    def patch(limit: str, text: str = WIDER) -> Difference:
        makefile = repo.read(MAKEFILE).replace("LIMIT=9", f"LIMIT={limit}")
        changes: dict[str, bytes | None] = {VALVE: text.encode(), MAKEFILE: makefile.encode()}
        who = Identity("Ann Author", "ann@example.org")
        commit = tree.git.commit(base, changes, "A patch", author=who, date=1420156800, scratch=place / "index")
        harvester = Harvester(tree, config, {commit: base}, cache, runner)
        builder = Builder(tree, config, cache, runner, time.monotonic, harvester)
        before = builder.build(base, None)
        after = builder.build(commit, before)
        assert (before.verdict, after.verdict) == ("PASS", "PASS"), after.log.decode()
        assert after.harvest["sources"]["common/valve_wide.o"] == VALVE
        return compare(before.harvest["objects"], after.harvest["objects"], after.harvest["lines"])

    return patch


def test_other_lines_are_no_change(patched: Callable[[str], Difference]) -> None:
    got = patched("9")
    assert [r[:2] for r in got.functions] == [("common/valve_wide.o", "valve_width")]
    assert got.moved == 1


def test_lines_behind_a_comment_are_no_change(patched: Callable[[str, str], Difference]) -> None:
    got = patched("9", SAID)
    assert (got.functions, got.moved) == ((), 1)


def test_what_a_makefile_changes_is_not_taken_for_other_lines(patched: Callable[[str], Difference]) -> None:
    """What is compiled again is compiled as this commit's makefile says, not as the base's."""
    got = patched("8")
    assert [r[1] for r in got.functions] == ["valve_guard", "valve_width"] and got.moved == 0
