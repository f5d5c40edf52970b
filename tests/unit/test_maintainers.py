"""Who gets a patch, on a MAINTAINERS file of our own."""

from __future__ import annotations

import pytest

from xenstage.errors import XenstageError
from xenstage.mail.maintainers import read_maintainers, recipients, union

TEXT = """\
\tHow to read this
M: not a section, a tab stands before it in the real file
\t\t-----------

CLOCKS
M:\tAda Clock <ada@example.org>
M:\t"O'Neil, Bo" <bo@example.org>
S:\tSupported
L:\tclocks@example.org (moderated for non-subscribers)
F:\tarch/clock/
X:\tarch/clock/quartz/
F:\tinclude/clock*.h

DIRECTORY WITHOUT SLASH
M:\tDee Rectory <dee@example.org>
S:\tMaintained
F:\ttools/hands

NAMES
M:\tNa Me <na@example.org>
S:\tOdd Fixes
L:\tinner@example.org (subscribers-only)
N:\tpendulum  # blanks and remarks do not count

KEYWORDS
M:\tKay Word <kay@example.org>
S:\tSupported
K:\t\\btick_(once|twice)\\b

THE REST
M:\tRes Idue <rest@example.org>
M:\tAda Clock <ada@example.org>
L:\tdevel@example.org
S:\tSupported
F:\t*
F:\t*/
"""
SECTIONS = read_maintainers(TEXT, {"tools/hands"}.__contains__)


def who(*paths: str, line: str = "+x", text: str = "") -> tuple[set[str], set[str]]:
    """To and Cc of a patch that adds a line to some files."""
    diff = "".join(f"--- a/{p}\n+++ b/{p}\n@@ -1,1 +1,2 @@\n y\n{line}\n" for p in paths)
    got = recipients(SECTIONS, f"Subject: [PATCH] x\n\n{text}\n---\n{diff}")
    return {a.address.split("@")[0] for a in got.to}, {a.address.split("@")[0] for a in got.cc}


def test_a_section_by_its_directory() -> None:
    assert who("arch/clock/hand/big.c") == ({"clocks", "devel"}, {"ada", "bo"})


def test_an_excluded_directory_is_the_rests() -> None:
    assert who("arch/clock/quartz/x.c") == ({"devel"}, {"rest", "ada"})


def test_a_wildcard_does_not_go_below() -> None:
    assert who("include/clock-a.h")[1] == {"ada", "bo"}
    assert who("include/clock/a.h")[1] == {"rest", "ada"}


def test_a_directory_needs_no_slash() -> None:
    assert who("tools/hands/deep/x.c")[1] == {"dee"}


def test_the_rest_is_for_what_nobody_else_has() -> None:
    assert who("README") == ({"devel"}, {"rest", "ada"})
    assert who("README", "tools/hands/x.c")[1] == {"dee"}


def test_a_name_anywhere_in_the_path() -> None:
    assert who("docs/the-pendulum.txt") == ({"devel"}, {"na"})


def test_a_keyword_in_the_message_or_in_a_changed_line_only() -> None:
    assert who("README", line="+tick_once();")[1] == {"kay"}
    assert who("README", text="Call tick_twice().")[1] == {"kay"}
    assert who("README", line=" tick_once();")[1] == {"rest", "ada"}
    assert who("README", line="+tick_often();")[1] == {"rest", "ada"}


def test_the_cover_goes_to_everybody_once() -> None:
    first = recipients(SECTIONS, "--- a/arch/clock/x.c\n+++ b/arch/clock/x.c\n")
    second = recipients(SECTIONS, "--- a/tools/hands/x.c\n+++ b/tools/hands/x.c\n")
    both = union([first, second])
    assert [a.address for a in both.to] == ["clocks@example.org", "devel@example.org"]
    assert [str(a) for a in both.cc] == [
        "Ada Clock <ada@example.org>",
        '"O\'Neil, Bo" <bo@example.org>',
        "Dee Rectory <dee@example.org>",
    ]


def test_an_expression_that_cannot_be_read_is_named() -> None:
    with pytest.raises(XenstageError, match="MAINTAINERS:3 ") as caught:
        read_maintainers("TITLE\nM:\tA <a@example.org>\nK:\t(\n")
    assert "'('" in caught.value.why
