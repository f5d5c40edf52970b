"""The audit: its page, what the decisions say of each test, and how uses are held against them."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from xenstage.bundle import bundled
from xenstage.cache import Cache
from xenstage.errors import XenstageError
from xenstage.index.sites import index_names
from xenstage.index.sweep import Files
from xenstage.mail.maintainers import owners, read_maintainers
from xenstage.stage.audit import Audited, audit
from xenstage.stage.decisions import Decisions, read_decisions
from xenstage.stage.declare import load_stages
from xenstage.stage.view import View
from xenstage.tree.config import BY_NAME
from xenstage.tree.prepare import Prepared, Unit

STAGE = load_stages(bundled("stages"))[5]
CLASSES = {"feature": 52, "hvm-only": 7, "unreachable": 27, "no effect": 13, "diagnostics": 5, "changes": 19}


@pytest.fixture
def audited() -> Audited:
    """What the stage audits."""
    assert STAGE.audited is not None
    return STAGE.audited


def test_the_page_is_what_the_decisions_say(audited: Audited) -> None:
    judged = import_module("xenstage_stage_05_audit.judged")
    assert (bundled("stages").parent / "docs/audit.md").read_text() == judged.page(audited)


def test_each_of_the_123_tests_is_judged_once(audited: Audited) -> None:
    *_, xen = audited.decisions
    count = Counter(d.kind for d in xen.entries if d.kind not in ("stay", "interface") and not d.elsewhere)
    assert count == CLASSES and count.total() == 123
    assert len({(d.place, d.nth) for d in xen.entries}) == len(xen.entries)


def test_who_notices_is_said_where_a_container_is_meant(audited: Audited) -> None:
    contained = {"unreachable", "no effect", "diagnostics", "changes"}
    for decisions in audited.decisions:
        for d in decisions.entries:
            assert bool(d.effect) == (d.kind in contained), d
            assert bool(d.features) == (d.kind in ("feature", "hvm-only")), d
            assert bool(audited.subject(d.patch)) == bool(d.patch), d


def test_every_patch_of_decisions_changes_something(audited: Audited) -> None:
    *_, xen = audited.decisions
    assert set(xen.patches) == {d.patch for d in xen.entries} - {""}
    order = [p.rewrite.__name__ for p in STAGE.patches if p.rewrite.__name__ in xen.patches]
    assert order == list(xen.patches)


DECIDED = """
patches = ["one"]
[[site]]
file = "xen/common/sample.c"
function = "f"
form = "if"
text = "old_domain ( d )"
around = "g($x)"
kind = "feature"
patch = "one"
reason = "known"
[[site]]
file = "xen/common/sample.c"
function = "was_here"
form = "return"
text = "return old_domain ( d ) && k ( ) ;"
kind = "feature"
patch = "one"
reason = "moved"
[[site]]
file = "xen/common/sample.c"
function = "h"
form = "if"
text = "old_domain ( d )"
kind = "feature"
patch = "one"
reason = "reworded"
[[site]]
file = "xen/common/sample.c"
function = "gone"
form = "if"
text = "old_domain ( d )"
kind = "feature"
patch = "one"
reason = "vanished"
[[site]]
file = "xen/common/sample.c"
function = "made"
kind = "stay"
made_by = "02"
reason = "made later"
"""
TEXT = """
int f(struct domain *d)
{
    if ( old_domain(d) )
        return 1;
    g(d);
    return 0;
}
int is_here(struct domain *d)
{
    return old_domain(d) && k();
}
int h(struct domain *d, int a)
{
    if ( a && old_domain(d) )
        return 1;
    return 0;
}
int fresh(struct domain *d)
{
    if ( old_domain(d) )
        return 1;
    return 0;
}
"""


def _held(text: str, decisions: Decisions, place: Path) -> dict[str, list[str]]:
    """How each use of old_domain and each entry came out: functions by their lot."""
    path = "xen/common/sample.c"
    files = Files(place, {}, {path: f"struct domain;\n{text}".encode()})
    prepared = Prepared(BY_NAME["x86_64-debug"], place, "fragments", (Unit(path, ".", ("-c", "-std=gnu89", path)),))
    index = index_names(files, [prepared], {"old_domain"}, cache=Cache(place / "cache"), define=set())
    out: dict[str, list[str]] = {}
    for f in audit(View(files, lambda: index, ("old_domain",), "").in_use("old_domain"), decisions):
        name = f.use.site.scope if f.use is not None else f.decision.function if f.decision is not None else ""
        out.setdefault(f.how, []).append(name)
    return out


def test_uses_and_entries_are_told_apart(tmp_path: Path) -> None:
    assert _held(TEXT, read_decisions(DECIDED, "decisions.toml"), tmp_path) == {
        "known": ["f"],
        "moved": ["is_here"],
        "reworded": ["h"],
        "new": ["fresh"],
        "vanished": ["gone"],
        "made later": ["made"],
    }


def test_what_could_be_either_of_two_is_guessed_for_neither(tmp_path: Path) -> None:
    twice = TEXT.replace(
        "int h(struct domain *d, int a)\n{", "int h(struct domain *d, int a)\n{\n    k(old_domain(d));"
    )
    held = _held(twice, read_decisions(DECIDED, "decisions.toml"), tmp_path)
    assert "reworded" not in held and held["new"].count("h") == 2 and "h" in held["vanished"]


def test_a_use_whose_neighbours_are_others_is_not_known(tmp_path: Path) -> None:
    held = _held(TEXT.replace("    g(d);\n", "    q(d);\n"), read_decisions(DECIDED, "decisions.toml"), tmp_path)
    assert "known" not in held and "f" in held["new"] and "f" in held["vanished"]


def test_a_slip_in_decisions_is_named() -> None:
    with pytest.raises(XenstageError, match="cannot be read"):
        read_decisions(DECIDED.replace("around =", "aruond ="), "decisions.toml")


MAINTAINERS = """
\tList of maintainers

Descriptions of section entries:

\tF: Files
\t   F:\tdrivers/net/\tall files

METERS
M:\tAnn Author <ann@example.org>
S:\tSupported
F:\txen/arch/meter/
F:\txen/include/asm-*/meter.h
X:\txen/arch/meter/dials/

THE REST
M:\tBob Builder <bob@example.org>
F:\t*
F:\t*/
"""


@pytest.mark.parametrize(
    ("path", "titles"),
    [
        ("xen/arch/meter/a.c", ["METERS"]),
        ("xen/arch/meter/b/c.c", ["METERS"]),
        ("xen/arch/meter/dials/c.c", ["THE REST"]),
        ("xen/include/asm-x86/meter.h", ["METERS"]),
        ("xen/common/a.c", ["THE REST"]),
        ("Makefile", ["THE REST"]),
    ],
)
def test_whose_file_it_is(path: str, titles: list[str]) -> None:
    assert [s.title for s in owners(path, read_maintainers(MAINTAINERS))] == titles
