"""verify on mailboxes: mbox, .eml, maildir; whole and read right, or refused with the reason."""

from __future__ import annotations

import base64
import email
import mailbox
import quopri
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Tool
from .kit import CONFIG, Repo, make_repo, snapshot

Mails = list[bytes]


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """The sample with three honest patches of a person on top, the first of an author beyond ASCII."""
    repo = make_repo(tmp_path_factory.mktemp("mails") / "tree")
    base = repo.head
    repo.append("README", "Zürich, naïve, and an em dash — for whoever converts mails.\n")
    repo.git("add", "-A")
    repo.git("commit", "-q", "--author", "Jürg Müller <jm@example.org>", "-m", "README: write to Zürich\n\nFür alle.")
    repo.append("README", "A second line.\n")
    repo.commit("README: a second line\n\nOne more.")
    repo.append("README", "A third line.\n")
    repo.commit("README: a third line\n\nThe last.")
    out = repo.path.parent / "patches"
    repo.git("format-patch", "-q", "--base", base, "--cover-letter", "--thread", "-o", str(out), f"{base}..HEAD")
    repo.git("reset", "-q", "--hard", base)
    return repo


@pytest.fixture
def mails(repo: Repo) -> Mails:
    """The cover letter and the three patches, as git format-patch wrote them, without the "From " line."""
    found = sorted((repo.path.parent / "patches").glob("*.patch"))
    return [p.read_bytes().partition(b"\n")[2].replace(b"*** SUBJECT HERE ***", b"README: more") for p in found]


@pytest.fixture
def judge(tool: Tool, repo: Repo, tmp_path: Path) -> Callable[..., str]:
    """Verify a mailbox from its source alone; which patches were judged, in order."""

    def run(path: Path, code: int = 0, *words: str) -> str:
        argv = ("verify", path, "--tree", repo.path, "--config", CONFIG, "--build-config", "none", "--only", "form")
        got = tool(*argv, "--out", tmp_path / "out")
        if code:
            got.refused(code, *words)
            assert not (tmp_path / "out").exists()
        else:
            assert got.code == 0, got.out + got.err
        return " ".join(re.findall(r"^\w+ +README: (.*)$", got.out, re.M))

    return run


ALL = "write to Zürich a second line a third line"


def mbox(path: Path, rows: Mails) -> Path:
    """Mails in one file."""
    path.write_bytes(b"".join(b"From x Mon Sep 17 00:00:00 2001\n" + m.rstrip(b"\n") + b"\n\n" for m in rows))
    return path


def encoded(raw: bytes, how: str, charset: str = "utf-8") -> bytes:
    """The mail in another transfer encoding and character set."""
    head, _, body = raw.partition(b"\n\n")
    head = re.sub(rb"^(?:MIME-Version|Content-[\w-]+): .*\n?", b"", head, flags=re.M).rstrip(b"\n")
    data = body.decode().encode(charset, "replace" if charset == "us-ascii" else "strict")
    data = {"quoted-printable": quopri.encodestring(data), "base64": base64.encodebytes(data), "8bit": data}[how]
    more = f"MIME-Version: 1.0\nContent-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: {how}\n"
    return head + b"\n" + more.encode() + b"\n" + data


def answer(raw: bytes) -> bytes:
    """An answer to a mail that quotes it, and brings a patch of its own below."""
    message = email.message_from_bytes(raw)
    body = raw.partition(b"\n\n")[2]
    quoted = b"".join(b"> " + line + b"\n" for line in body.split(b"\n"))
    head = f"From: R <r@example.org>\nSubject: Re: {message['Subject']}\nIn-Reply-To: {message['Message-Id']}\n\n"
    return head.encode() + quoted + b"\nBetter so:\n\n" + body[body.index(b"diff --git") :]


def test_an_mbox_with_cover_and_answers(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    assert judge(mbox(tmp_path / "series.mbox", [*mails, answer(mails[2])])) == ALL
    assert (tmp_path / "out/series.mbox-evidence/evidence.json").is_file()


def test_eml_files_and_a_maildir(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    (tmp_path / "eml").mkdir()
    for name, raw in zip("dcba", mails, strict=True):
        (tmp_path / "eml" / f"{name}.eml").write_bytes(raw)
    assert judge(tmp_path / "eml") == ALL
    box = mailbox.Maildir(tmp_path / "maildir")
    for raw in reversed(mails):
        box.add(raw)
    before = snapshot(tmp_path / "maildir")
    assert judge(tmp_path / "maildir") == ALL
    assert snapshot(tmp_path / "maildir") == before


def test_one_eml_file(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    path = tmp_path / "one.eml"
    path.write_bytes(mails[1].replace(b"[PATCH 1/3]", b"[PATCH]"))
    assert judge(path) == "write to Zürich"


def test_reordered(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    assert judge(mbox(tmp_path / "x.mbox", [mails[3], mails[1], mails[0], mails[2]])) == ALL


@pytest.mark.parametrize("how", ["quoted-printable", "base64", "8bit"])
def test_other_transfer_encodings(judge: Callable[..., str], mails: Mails, tmp_path: Path, how: str) -> None:
    assert judge(mbox(tmp_path / "x.mbox", [encoded(m, how) for m in mails])) == ALL


@pytest.mark.parametrize("how", ["quoted-printable", "8bit"])
def test_another_character_set(judge: Callable[..., str], mails: Mails, tmp_path: Path, how: str) -> None:
    """The message is read in it.  The patch's own bytes are not those that were sent: the next one does not apply."""
    rows = [m if i != 1 else encoded(m.replace("—".encode(), b"-"), how, "latin-1") for i, m in enumerate(mails)]
    one = rows[1].replace(b"[PATCH 1/3]", b"[PATCH]")
    assert judge(mbox(tmp_path / "one.mbox", [one])) == "write to Zürich"
    (tmp_path / "out").rename(tmp_path / "first")
    judge(mbox(tmp_path / "x.mbox", rows), 1, "0002-", "does not apply")


def test_cr_lf(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    path = mbox(tmp_path / "x.mbox", mails)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert judge(path) == ALL
    (tmp_path / "eml").mkdir()
    for i, raw in enumerate(mails):
        (tmp_path / "eml" / f"{i}.eml").write_bytes(raw.replace(b"\n", b"\r\n"))
    assert judge(tmp_path / "eml") == ALL


def test_a_missing_patch(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    judge(mbox(tmp_path / "x.mbox", [mails[0], mails[1], mails[3]]), 2, "one whole series", "2/3 is missing")


def test_the_same_mail_twice_is_one(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    again = b"Received: from the.list\n" + mails[2].rstrip(b"\n") + b"\n"
    assert judge(mbox(tmp_path / "x.mbox", [*mails, again])) == ALL


def test_two_patches_of_one_number(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    other = mails[2].replace(b"+A second line.", b"+Another second line.")
    judge(mbox(tmp_path / "x.mbox", [*mails, other]), 2, "two different patches have the number 2")


def test_two_series(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    other = [m.replace(b"/3]", b"/4]") for m in mails]
    judge(mbox(tmp_path / "x.mbox", [*mails, *other]), 2, "more than one series")


def test_no_number_no_order(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    rows = [re.sub(rb"\[PATCH \d/3\]", b"[PATCH]", m) for m in mails[1:]]
    judge(mbox(tmp_path / "x.mbox", rows), 2, "has no number")


def test_the_last_version_counts(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    old = [m.replace(b"A second", b"An old") for m in mails]
    new = [re.sub(rb"\[PATCH (\d)/3\]", rb"[PATCH v2 \1/3]", m) for m in mails]
    assert judge(mbox(tmp_path / "x.mbox", [*new, *old])) == ALL


def test_no_patch_in_it(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    judge(mbox(tmp_path / "x.mbox", [answer(mails[1])]), 2, "there are no patches", "none brings a patch")
    (tmp_path / "noise.mbox").write_bytes(bytes(range(256)) * 40)
    judge(tmp_path / "noise.mbox", 2, "there are no patches")


@pytest.mark.parametrize("where", ["../../../../escaped", "/escaped", ".git/hooks/pre-commit"])
def test_a_path_that_leads_out(judge: Callable[..., str], mails: Mails, tmp_path: Path, where: str) -> None:
    raw = (
        f"From: M <m@example.org>\nSubject: [PATCH] ../../{where}: x\nMessage-ID: <../../x@y>\n"
        f"Date: Mon, 1 Jan 2024 00:00:00 +0000\n\nx\n---\n escaped | 1 +\n 1 file changed, 1 insertion(+)\n\n"
        f"diff --git a/{where} b/{where}\nnew file mode 100755\nindex 0000000..e69de29\n"
        f"--- /dev/null\n+++ b/{where}\n@@ -0,0 +1 @@\n+x\n"
    )
    path = tmp_path / "x.mbox"
    path.write_text(f"From x Mon Sep 17 00:00:00 2001\n{raw}")
    judge(path, 1, "does not apply")
    assert not [*tmp_path.parent.rglob("escaped"), *tmp_path.rglob("pre-commit"), *Path("/").glob("escaped")]


def test_an_answer_below_the_tag_of_the_list(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    """Some lists put their tag before "Re:"; what is quoted there without a mark is no second patch."""
    for how in ("[Xen-devel] Re: ", "RE: [Xen-devel] ", "Sv: ", "Odp: "):
        head, _, body = mails[2].partition(b"\n\n")
        head = head.replace(b"Subject: ", b"Subject: " + how.encode()).replace(b"Message-Id: <", b"Message-Id: <re-")
        again = head + b"\n\nI would rather have\n" + body.replace(b"+A second line.", b"+Another line.")
        assert judge(mbox(tmp_path / "x.mbox", [*mails, again])) == ALL, how
        shutil.rmtree(tmp_path / "out")


@pytest.mark.parametrize(
    "tag", ["PATCHv1 %d/3", "Xen-devel] [PATCH V1 %d/3", "PATCH for-4.6 %d/3 v1", "RFC PATCH %d/3"]
)
def test_how_people_number(judge: Callable[..., str], mails: Mails, tmp_path: Path, tag: str) -> None:
    rows = [m.replace(b"[PATCH %d/3]" % n, f"[{tag % n}]".encode()) for n, m in enumerate(mails)]
    assert judge(mbox(tmp_path / "x.mbox", rows)) == ALL


def test_the_last_version_counts_where_it_is_written_together(
    judge: Callable[..., str], mails: Mails, tmp_path: Path
) -> None:
    old = [m.replace(b"A second", b"An old") for m in mails]
    new = [re.sub(rb"\[PATCH (\d)/3\]", rb"[PATCHv2 \1/3]", m) for m in mails]
    assert judge(mbox(tmp_path / "x.mbox", [*new, *old])) == ALL


def test_the_lists_copy_has_a_footer(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    """Below a signature, and where there is none: it is the same mail."""
    footer = (
        b"\n_______________________________________________\nXen-devel mailing list\nhttp://lists.xen.org/xen-devel\n"
    )
    bare = [re.sub(rb"\n-- \n.*\Z", b"\n", m, flags=re.S) for m in mails]
    for rows in (mails, bare):
        copies = [m.rstrip(b"\n") + b"\n" + footer for m in rows]
        assert judge(mbox(tmp_path / "x.mbox", [x for pair in zip(rows, copies, strict=True) for x in pair])) == ALL
        shutil.rmtree(tmp_path / "out")


def test_cr_lf_inside_an_encoding(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    """Some servers encode a mail with the ends of lines that it had on the wire."""
    rows = []
    for m in mails:
        head, _, body = encoded(m, "8bit").partition(b"\n\n")
        data = base64.encodebytes(body.replace(b"\n", b"\r\n"))
        rows.append(head.replace(b"Encoding: 8bit", b"Encoding: base64") + b"\n\n" + data)
    assert judge(mbox(tmp_path / "x.mbox", rows)) == ALL


def test_from_at_the_beginning_of_a_line(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    """Mail programs put a ">" before it in an mbox; without that no reader sees where a mail ends."""
    words = b"From here on\n\nFrom a Mon Sep 17 00:00:00 2001"
    escaped = mails[2].replace(b"One more.", words.replace(b"From", b">From"))
    assert judge(mbox(tmp_path / "x.mbox", [*mails[:2], escaped, mails[3]])) == ALL
    raw = mails[2].replace(b"One more.", words)
    shutil.rmtree(tmp_path / "out")
    judge(mbox(tmp_path / "x.mbox", [*mails[:2], raw, mails[3]]), 2, "one whole series", "2/3 is missing")


@pytest.mark.parametrize("kind", ["plain", "x-patch", "x-diff"])
def test_of_several_parts(judge: Callable[..., str], mails: Mails, tmp_path: Path, kind: str) -> None:
    """A list's footer as a part of its own, or the patch as a part of its own."""
    rows = []
    for m in mails:
        head, _, body = encoded(m, "8bit").partition(b"\n\n")
        type_ = re.search(rb"^Content-Type: .*\n", head + b"\n", re.M)
        assert type_
        outer = re.sub(rb"^Content-[\w-]+: .*\n?", b"", head, flags=re.M).rstrip(b"\n")
        first = type_[0].replace(b"plain", kind.encode()) + b"Content-Transfer-Encoding: 8bit\n\n" + body
        last = b"Content-Type: text/plain\n\n____\nXen-devel mailing list\n"
        parts = b"".join(b"--=x\n" + p + b"\n" for p in (first, last))
        rows.append(outer + b'\nContent-Type: multipart/mixed; boundary="=x"\n\n' + parts + b"--=x--\n")
    assert judge(mbox(tmp_path / "x.mbox", rows)) == ALL


def test_a_change_below_the_signature_is_another_patch(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    more = b"diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+x\n"
    for mark in (b"", b"____________________\n"):
        other = mails[2].rstrip(b"\n") + b"\n" + mark + more
        words = "two different patches have the number 2"
        judge(mbox(tmp_path / "x.mbox", [*mails, other]), 2, words)


def test_patches_that_stand_on_others(judge: Callable[..., str], mails: Mails, tmp_path: Path) -> None:
    """What else is wanted is said where the mails say it."""
    alone = mails[2].replace(b"[PATCH 2/3]", b"[PATCH]")
    more = alone.replace(b"\n-- \n", b"\nprerequisite-patch-id: 5c30e43afdecd9650db3a69a8c22fe099f60a8f4\n-- \n")
    words = ("does not apply", "stand on 1 other patch", "--tree CLONE --base COMMIT")
    judge(mbox(tmp_path / "x.mbox", [more]), 1, *words)
