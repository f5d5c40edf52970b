"""Mails as the page reads them, and which edit belongs beside which hunk."""

from __future__ import annotations

from xenstage.edit.edits import Edit
from xenstage.report.beside import beside
from xenstage.report.mail import read_mail

MAIL = b"""From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001
From: Ann Author <ann@example.org>
Date: Fri, 2 Jan 2015 00:00:00 +0000
Subject: [PATCH 2/3] x86/pump: ask for the pump in
 both places
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit

A paragraph that is
wrapped.

  - laid out
    by its lines

Signed-off-by: Ann Author <ann@example.org>
---
 xen/pump.c | 4 ++--
 1 file changed, 2 insertions(+), 2 deletions(-)

diff --git a/xen/pump.c b/xen/pump.c
index 1111111..2222222 100644
--- a/xen/pump.c
+++ b/xen/pump.c
@@ -10,7 +10,7 @@ static void older(int a)
 }
\x20
 static int pump_on(struct domain *d)
 {
-    if ( lacks(d) )
+    if ( !has(d) )
         return 0;
\x20
@@ -90,3 +90,3 @@ DO(pump)(int cmd, HANDLE(void) arg)
\x20
-    return lacks(d);
+    return !has(d);
 }
diff --git a/new b/new
new file mode 100644
index 0000000..3333333
--- /dev/null
+++ b/new
@@ -0,0 +1 @@
+-- no signature
--\x20
xenstage 1

"""


def test_message_and_hunks() -> None:
    mail = read_mail(MAIL)
    assert mail.subject == "x86/pump: ask for the pump in both places"
    assert [k for k, _ in mail.paragraphs] == ["p", "pre", "pre"]
    assert mail.paragraphs[0][1] == "A paragraph that is wrapped."
    assert "4 ++--" in mail.cut and "4 ++--" not in mail.message
    pump, new = mail.files
    assert [h.function for h in pump.hunks] == ["pump_on", "DO(pump)"]
    assert [h.line for h in pump.hunks] == [10, 90]
    assert pump.hunks[1].lines == (" ", "-    return lacks(d);", "+    return !has(d);", " }")
    assert new.notes == ("new file mode 100644",) and new.hunks[0].lines == ("+-- no signature",)


def test_where_a_hunk_stands_makes_no_other_diff() -> None:
    moved = MAIL.replace(b"@@ -10,7 +10,7 @@", b"@@ -20,7 +21,7 @@").replace(b"1111111", b"4444444")
    assert read_mail(moved).diff == read_mail(MAIL).diff
    assert read_mail(MAIL.replace(b"!has(d) )", b"has(d) )")).diff != read_mail(MAIL).diff


def test_quoted_printable_and_bytes_that_are_no_text() -> None:
    mail = MAIL.replace(b"8bit", b"quoted-printable").replace(b"wrapped.", b"wrapped=2E =C3=A9=FF")
    assert read_mail(mail).paragraphs[0][1] == "A paragraph that is wrapped. é\\xff"


def test_each_edit_stands_beside_its_own_hunk() -> None:
    """Both hunks take the same words away: the first edit is of the first one."""
    pump, _ = read_mail(MAIL).files
    edits = [Edit("xen/pump.c", at, b"lacks(d)", b"!has(d)", f"rule {at}", "why") for at in (100, 900)]
    odd = Edit("xen/pump.c", 950, b"   ", b" ", "layout", "why")
    row = {"before": "lacks ( d )", "after": "! has ( d )", "table": []}
    lost = {"before": "b ( c )", "after": None, "table": list[object]()}
    hunks, lone, rest = beside(pump, [*edits, odd], {"pump_on": [row], "other": [lost]})
    assert [[e.rule for e in h.edits] for h in hunks] == [["rule 100"], ["rule 900"]]
    assert [len(h.conditions) for h in hunks] == [1, 0]
    assert lone == [odd] and [f for f, _ in rest] == ["other"]


def test_equal_conditions_stand_each_beside_its_own_hunk() -> None:
    """Two tests of one function are one text: the second hunk had no table."""
    pump, _ = read_mail(MAIL).files
    rows = [{"before": "lacks ( d )", "after": "! has ( d )", "table": []} for _ in range(2)]
    hunks, _, rest = beside(pump, [], {"pump_on": rows})
    assert [len(h.conditions) for h in hunks] == [1, 1] and not rest


def test_an_edit_of_many_lines_stands_beside_each_hunk_that_shows_it() -> None:
    pump, _ = read_mail(MAIL).files
    old = b"if ( lacks(d) )\n        return 0;\n\n    return lacks(d);\n"
    whole = Edit("xen/pump.c", 100, old, old.replace(b"lacks", b"!has"), "rule", "why")
    hunks, lone, _ = beside(pump, [whole], {})
    assert [len(h.edits) for h in hunks] == [1, 1] and not lone
