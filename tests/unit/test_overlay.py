"""The file of people's words, and the tags of a thread."""

from __future__ import annotations

from pathlib import Path

from xenstage.mail.mailbox import read_mail
from xenstage.mail.maintainers import Address
from xenstage.mail.overlay import Entry, Overlay, add_tags, carry_on, parse_overlay, render_overlay
from xenstage.mail.thread import threads_in

A, B = "a" * 40, "b" * 40
FULL = Overlay(
    Entry(note="For all.\n\nTwice."),
    {
        A: Entry(
            "x: y",
            "x: better y",
            "One.\n\n  kept as it is\n\nTwo.",
            "Below.",
            ("Acked-by: J <j@example.org>", "Fixes: 0123456789ab"),
            (Address("S B", "s@example.org"),),
        ),
        B: Entry("x: z", tags=("Reviewed-by: K <k@example.org>",)),
    },
)
PLACE = Path("overlay-v1.txt")


def test_what_is_written_is_read() -> None:
    assert parse_overlay(render_overlay("x v1", FULL), PLACE) == FULL


def test_a_tag_is_added_and_every_line_of_the_users_stays() -> None:
    text = f"# mine\n\n[patch {A}] x: y\nBody:\n\tText.\nAcked-by: J <j@example.org>\n\n[patch {B}]\nNote:\n    n\n"
    more = add_tags(text, A, "x: y", ["Acked-by: J <j@example.org>", "Tested-by: T <t@example.org>"])
    more = add_tags(more, "c" * 40, "x: w", ["Tested-by: T <t@example.org>"])
    lines = more.split("\n")
    assert [x for x in text.split("\n") if x] == [x for x in lines if x in text.split("\n") and x]
    read = parse_overlay(more, PLACE).patches
    assert read[A].tags == ("Acked-by: J <j@example.org>", "Tested-by: T <t@example.org>")
    assert read[A].body == "Text." and read[B].tags == ()
    assert read["c" * 40] == Entry("x: w", tags=("Tested-by: T <t@example.org>",))
    assert add_tags(more, A, "x: y", ["Tested-by: T <t@example.org>"]) == more


def test_only_what_fits_goes_on_and_the_reason_is_known() -> None:
    got = carry_on(FULL, {"c" * 40: "x: z", A: "x: better y"})
    assert got.overlay.cover == FULL.cover and list(got.overlay.patches) == [A]
    assert [(e.title, why) for e, why in got.dropped] == [("x: z", "the patch's diff is another now")]
    assert carry_on(FULL, {A: "x: y"}).dropped[0][1] == "there is no such patch"


def test_a_changed_patch_says_whose_tags_are_not_its_own() -> None:
    """Who gave one sees it in the next version's mail, unless the mail says so anyway."""
    got = carry_on(FULL, {"c" * 40: "x: z", A: "x: better y"}, 2)
    note = "Not taken over into v2, for the diff is another:\n  Reviewed-by: K <k@example.org>"
    assert got.overlay.patches["c" * 40] == Entry("x: z", note=note)
    told = carry_on(FULL, {"c" * 40: "x: z"}, 2, {B: ("Reviewed-by: K <k@example.org>",)})
    assert told.overlay.patches == {} and len(told.dropped) == 2


def mail(subject: str, text: str, *, sender: str = "J <j@example.org>", of: str = "", me: str = "m") -> bytes:
    """A mail."""
    to = f"In-Reply-To: <{of}@x>\n" if of else ""
    return f"From: {sender}\nSubject: {subject}\nMessage-ID: <{me}@x>\n{to}\n{text}\n".encode()


DIFF = "---\n x | 1 +\n\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"
SERIES = [
    mail("[PATCH v2 0/2] x: all", "Cover.", me="0"),
    mail("[PATCH v2 1/2] x: y", DIFF, me="1"),
    mail("[PATCH v2 2/2] x: z", DIFF, me="2"),
]
ACK = "Acked-by: J <j@example.org>"


def tags(*answers: bytes) -> tuple[dict[int, list[str]], list[str]]:
    """What is taken, and what is left."""
    (thread,) = threads_in([read_mail(m) for m in (*SERIES, *answers)])
    assert thread.version == 2
    return thread.tags, thread.left


def test_an_answer_by_message_id_or_by_subject() -> None:
    assert tags(mail("Re: whatever", ACK, of="1", me="a")) == ({1: [ACK]}, [])
    assert tags(mail("RE: [PATCH v2 2/2] x: z", ACK, me="a")) == ({2: [ACK]}, [])
    assert tags(mail("Re: [PATCH v2 0/2] x: all", ACK, of="0", me="a")) == ({0: [ACK]}, [])


def test_what_is_no_tag_of_the_one_who_answers() -> None:
    quoted = mail("Re: [PATCH v2 1/2] x: y", f"> {ACK}\n\nNo.\n-- \n{ACK}", of="1", me="a")
    assert tags(quoted) == ({}, [])
    other = mail("Re: x", ACK, sender="K <k@example.org>", of="1", me="a")
    assert tags(other) == ({}, [f"{ACK}: the mail is from k@example.org"])
    sign = mail("Re: x", "Signed-off-by: J <j@example.org>\nNacked-by: J <j@example.org>", of="1", me="a")
    taken, left = tags(sign)
    assert taken == {} and len(left) == 2
    assert tags(mail("Something else", ACK, of="9", me="a")) == ({}, [])


def test_what_a_terminal_would_take_for_a_command_is_no_tag() -> None:
    """Nor does it reach the terminal as it came."""
    mails = [mail("[PATCH 1/1] x: y", DIFF), mail("Re: [PATCH 1/1] x: y", "Acked-by: \x1b[2JJ <j@example.org>", of="m")]
    (thread,) = threads_in([read_mail(m) for m in mails])
    assert not thread.tags.get(1)
    assert thread.left == ["Acked-by: ?[2JJ <j@example.org>: something in it cannot be printed"]


def test_an_answer_to_an_answer_and_a_release_manager() -> None:
    first = mail("Re: x", "Why?", of="2", me="a")
    line = "Release-Acked-by: J <j@example.org>"
    later = (
        b"From: J <j@example.org>\nSubject: Re: x\nMessage-ID: <b@x>\nIn-Reply-To: <a@x>\nReferences: <0@x> <2@x>"
        b" <a@x>\n\n" + line.encode() + b"\n"
    )
    assert tags(first, later) == ({2: [line]}, [])
