"""The form of a patch: every rule seen to hold and to fail; git am on real repositories."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from xenstage.edit.edits import Edit
from xenstage.errors import Exit, XenstageError
from xenstage.index.sweep import Files
from xenstage.process import Runner
from xenstage.prove.case import Case, Declared
from xenstage.prove.patch.apply import am_in_order
from xenstage.prove.patch.form import prove_form
from xenstage.prove.result import FAIL, PASS
from xenstage.tree.git import Git

PATH = "xen/common/pump.c"
BEFORE = """\
/* A pump. */
int pump(int rate)
{
    if ( rate > 3 )
        return 1;
    return rate;
}
"""
SUBJECT = "xen/common: let the pump run faster"
BODY = "The pump was too slow for the well, which runs dry at night."
OURS = Declared(introduces=("pump",))


def make(
    tmp_path: Path,
    after: str | bytes = BEFORE.replace("3", "4"),
    *,
    before: str = BEFORE,
    path: str = PATH,
    message: str = f"{SUBJECT}\n\n{BODY}",
    declared: Declared = OURS,
) -> Case:
    """A case that changes one file."""
    new = after if isinstance(after, bytes) else after.encode()
    old = Files(tmp_path, {path: "100644"}, {path: before.encode()})
    return Case(1, message.split("\n")[0], message, "p", "c", old, old.with_overlay({path: new}), (path,), declared)


def said(case: Case, *words: str, patch: bytes | None = None, total: int = 1) -> None:
    """The proof fails, and with nothing but one finding for each of the words."""
    proof = prove_form(case, patch=patch, total=total)
    texts = [f"{f.where} {f.what}" for f in proof.findings]
    assert proof.verdict == (FAIL if words else PASS)
    assert len(texts) == len(words), texts
    for word in words:
        assert any(word in t for t in texts), texts


def body(text: str) -> str:
    """A message with another body."""
    return f"{SUBJECT}\n\n{text}"


def test_a_good_patch_passes(tmp_path: Path) -> None:
    proof = prove_form(make(tmp_path), patch=None, total=1)
    assert (proof.verdict, proof.findings) == (PASS, ())
    assert proof.facts["lines added"] == 1


@pytest.mark.parametrize(
    ("message", "word"),
    [
        (f"let the pump run faster\n\n{BODY}", "names no area"),
        (f"xen/common: Let the pump run\n\n{BODY}", "lower case"),
        (f"xen/common: let the pump run.\n\n{BODY}", "full stop"),
        (f"xen/common: {'run ' * 14}\n\n{BODY}".replace(" \n", "\n"), "more than 65"),
        (f"{SUBJECT}\n{BODY}", "no empty line"),
        (f"{SUBJECT}\n", "body is empty"),
        (body("word " * 16), "message:3 80 columns"),
        (body(f"{BODY}\n---\nv2: more"), "would cut"),
        (body(f"{BODY}\ndiff -u a b"), "would cut"),
        (body(f"{BODY}\n>From the well"), "start of a message"),
    ],
)
def test_message(tmp_path: Path, message: str, word: str) -> None:
    said(make(tmp_path, message=message), word)


@pytest.mark.parametrize(
    "line",
    [
        "    " + "word " * 16,
        "> " + "word " * 16,
        "Reported-by: " + "long name " * 8,
        "see https://example.org/ " + "a " * 40,
    ],
)
def test_lines_that_may_be_wide(tmp_path: Path, line: str) -> None:
    said(make(tmp_path, message=body(f"{BODY}\n\n{line}")))


def test_a_foreign_subject_may_be_wider_and_capital(tmp_path: Path) -> None:
    subject = "xen/common: Let " + "x" * 54
    said(make(tmp_path, message=f"{subject}\n\n{BODY}", declared=Declared()))
    said(make(tmp_path, message=f"{subject}{'x' * 10}\n\n{BODY}", declared=Declared()), "more than 75")
    said(make(tmp_path, message=f"Pump\n\n{BODY}", declared=Declared()), "names no area")


def test_intended_changes_are_named(tmp_path: Path) -> None:
    declared = replace(OURS, intended=("the rate of {count} pumps\nchanges",))
    named = body("Intended:\n\n- the rate of 12 pumps\n  changes")
    said(make(tmp_path, message=named, declared=declared))
    said(make(tmp_path, declared=declared), "does not name an intended change")
    said(make(tmp_path, message=named + "\n\nNo functional\nchange.", declared=declared), "claims no functional change")


ADDED = "    return rate;\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("    rate++;\n", ()),
        ("\trate++;\n", ("holds a tab",)),
        ("    rate++; \n", ("white space",)),
        ("    rate++;\r\n", ("CR LF",)),
        (f"    rate = {'1 + ' * 18}1;\n", ("columns wide",)),
        (f'    say("{"water " * 14}");\n', ()),
        ("    if (rate)\n        rate++;\n", ("'if (r'",)),
        ("    if(rate )\n        rate++;\n", ("'if(r'",)),
        ("    while ( rate)\n        rate++;\n", ("before the ')' of 'while'",)),
        ("    for ( ; ; ) {\n        rate++;\n    }\n", ("'{' on the line of 'for'",)),
        ("    if ( rate )\n    {\n        rate++;\n    } else\n        rate--;\n", ("'} else'",)),
        ("    if ( rate )\n        rate++;\n    else {\n        rate--;\n    }\n", ("'{' on the line of 'else'",)),
        ("    do {\n        rate++;\n    } while ( rate );\n", ()),
        ("    if ( rate &&\n         rate )\n        rate++;\n", ()),
        ("#define TWICE(x) do { x; } while (0)\n", ()),
    ],
)
def test_coding_style(tmp_path: Path, line: str, words: tuple[str, ...]) -> None:
    said(make(tmp_path, BEFORE.replace(ADDED, line + ADDED)), *words)


def test_lines_that_the_patch_does_not_add_are_not_its_own(tmp_path: Path) -> None:
    bad = "    if (rate)\n\trate++; \n"
    before = BEFORE.replace(ADDED, bad + ADDED)
    said(make(tmp_path, before.replace("3", "4"), before=before))
    said(make(tmp_path, BEFORE.replace(ADDED, ADDED + bad), before=before))  # moved only


def test_a_file_of_another_style_is_exempt(tmp_path: Path) -> None:
    linux = "int a(int r)\n{\n" + "\tif (r) {\n\t\tr++;\n\t}\n" * 8 + "}\n"
    new = linux.replace("}\n}\n", "}\n\tif (r > 1) {\n\t\tr--;\n\t}\n}\n")
    said(make(tmp_path, new, before=linux))
    said(make(tmp_path, "\tx = 1; \n", before="", path="tools/qemu/a.c"))


def test_newline_at_the_end(tmp_path: Path) -> None:
    said(make(tmp_path, BEFORE[:-1]), "newline")
    said(make(tmp_path, BEFORE[:-1].replace("3", "4"), before=BEFORE[:-1]))
    said(make(tmp_path, "x", before="y\n", path="Makefile"), "Makefile:1 the file no longer ends")


def edit(offset: int, expected: str | bytes, new: str | bytes, path: str = PATH) -> Edit:
    """An edit as the evidence file has it."""
    old, now = (x.encode() if isinstance(x, str) else x for x in (expected, new))
    return Edit.from_json(json.loads(json.dumps(Edit(path, offset, old, now, "r", "why").to_json())))


def edited(*edits: Edit) -> Declared:
    """A declaration of edits."""
    return replace(OURS, edits=edits)


AT = BEFORE.index("3")


def test_edits_make_the_whole_difference(tmp_path: Path) -> None:
    right = edit(AT, "3", "4")
    said(make(tmp_path, declared=edited(right, right)))
    said(make(tmp_path, declared=edited()), f"{PATH}:4 byte {AT} in a file without an edit: '3' became '4'")
    said(make(tmp_path, declared=edited(edit(AT, "5", "4"))), "expects '5' here")
    said(make(tmp_path, declared=edited(edit(AT, "3", "7"))), "puts '7' here")
    two = BEFORE.replace("3", "4").replace("A pump", "A bump")
    said(make(tmp_path, two, declared=edited(right)), f"{PATH}:1 byte 5 outside every edit: 'p' became 'b'")
    more = BEFORE.replace("3", "4") + "/* End. */\n"
    said(make(tmp_path, more, declared=edited(right)), "the end became '/'")
    said(make(tmp_path, declared=edited(edit(AT - 1, " 3", " 4"), right)), "overlap")
    said(make(tmp_path, declared=edited(right, edit(0, "a", "b", "gone.c"))), "no regular file")


def test_edits_of_bytes_that_are_no_text(tmp_path: Path) -> None:
    case = make(tmp_path, b"/* \xe9 */\n", before="/* e */\n", declared=edited(edit(3, "e", b"\xe9")))
    said(case)
    said(make(tmp_path, "/* \\xe9 */\n", before="/* e */\n", declared=edited(edit(3, "e", "\\xe9"))))


def test_modes_and_files(tmp_path: Path) -> None:
    case = make(tmp_path)
    executable = replace(case, after=replace(case.after, tracked={PATH: "100755"}))
    said(executable, "mode was 100644 and is 100755")
    more = replace(case.after, tracked={PATH: "100644", "new": "100644"}, overlay={**case.after.overlay, "new": b""})
    said(replace(case, after=more, changed=("new", PATH)))
    declared = edited(edit(AT, "3", "4"))
    said(replace(case, after=more, declared=declared), "new the file is added")
    gone = replace(case, before=more, after=case.before, declared=edited(), changed=("new",))
    said(gone, "new the file is deleted")


def test_a_file_that_an_edit_adds_or_takes_away(tmp_path: Path) -> None:
    case = make(tmp_path)
    tracked = {PATH: "100644", "new": "100644"}
    more = replace(case.before, tracked=tracked, overlay={**case.before.overlay, "new": b"New.\n"})
    comes, goes = edited(edit(0, "", "New.\n", "new")), edited(edit(0, "New.\n", "", "new"))
    said(replace(case, after=more, declared=comes, changed=("new",)))
    said(replace(case, before=more, after=case.before, declared=goes, changed=("new",)))
    said(
        replace(case, after=more, declared=edited(edit(0, "", "Ne", "new")), changed=("new",)), "has edits", "is added"
    )


BLANK = " "  # the signature's mark ends with one
MAIL = f"""\
From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001
From: Ann Author <ann@example.org>
Date: Thu, 1 Jan 2015 12:00:00 +0000
Subject: [PATCH 1/2] {SUBJECT}

{BODY}
---
 {PATH} | 2 +-
 1 file changed, 1 insertion(+), 1 deletion(-)

diff --git a/{PATH} b/{PATH}
--- a/{PATH}
+++ b/{PATH}
@@ -4,1 +4,1 @@
-    if ( rate > 3 )
+    if ( rate > 4 )
--{BLANK}
2.0
"""


def mailed(tmp_path: Path, text: str, *words: str, declared: Declared = OURS, total: int = 2) -> None:
    """What is found in a mail."""
    said(make(tmp_path, declared=declared), *words, patch=text.encode(), total=total)


def test_the_mail(tmp_path: Path) -> None:
    mailed(tmp_path, MAIL)
    for lead in ("RFC PATCH 1/2", "PATCH v3 1/2", "PATCH 01/02"):
        mailed(tmp_path, MAIL.replace("PATCH 1/2", lead))
    mailed(tmp_path, MAIL.replace("PATCH 1/2", "PATCH"), total=1)
    mailed(tmp_path, MAIL.replace("PATCH 1/2", "PATCH"), "not [PATCH 1/2]")
    mailed(tmp_path, MAIL, "not [PATCH 1/3]", total=3)
    mailed(tmp_path, MAIL.replace("1/2", "2/2"), "not [PATCH 1/2]")
    mailed(tmp_path, MAIL.replace("run faster", "run slower"), "not the commit's")
    mailed(tmp_path, MAIL.replace(" 1 file changed, 1 insertion(+), 1 deletion(-)\n", ""), "no diffstat")
    mailed(tmp_path, MAIL.replace(BODY, "Something else."), "git am keeps")
    mailed(tmp_path, MAIL.replace(BODY, BODY + "\n---\nmore"), "'more'")
    mailed(tmp_path, MAIL.replace(BODY, BODY + "\n---\nmore"), declared=Declared())  # notes of a foreign patch
    signed = MAIL.replace("---\n x", "---\nSigned-off-by: Ann Author <ann@example.org>\n x")
    mailed(tmp_path, signed, "cuts this line off", declared=Declared())
    mailed(tmp_path, MAIL.replace("-- \n", ">From the well\n-- \n"), "'>From '")


USER = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ann Author",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "Ann Author",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
    "GIT_AUTHOR_DATE": "1420156800 +0000",
    "GIT_COMMITTER_DATE": "1420156800 +0000",
}


def git(where: Path, *args: str) -> str:
    """Run git in a directory."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | USER
    done = subprocess.run(["git", "-C", str(where), *args], env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def series(tmp_path: Path) -> tuple[Git, str, list[Path], list[str]]:
    """Our own repository with only a base, and three mails made elsewhere."""
    work = tmp_path / "work"
    (work / "xen/common").mkdir(parents=True)
    git(work, "init", "-q")
    (work / PATH).write_text(BEFORE)
    git(work, "add", "-A")
    git(work, "commit", "-qm", "A pump")
    base = git(work, "rev-parse", "HEAD")
    for rate in "456":
        (work / PATH).write_text(BEFORE.replace("3", rate))
        git(work, "commit", "-qam", f"xen: a rate of {rate}\n\n{BODY}")
    trees = git(work, "log", "--reverse", "--format=%T", f"{base}..").split()
    git(work, "format-patch", "-q", "-o", str(tmp_path / "mails"), base)
    bare = tmp_path / "repo.git"
    git(tmp_path, "init", "-q", "--bare", str(bare))
    git(bare, "fetch", "-q", "--depth=1", work.as_uri(), base)
    return Git(bare, Runner()), base, sorted((tmp_path / "mails").iterdir()), trees


def test_am_gives_the_commits_in_order(series: tuple[Git, str, list[Path], list[str]], tmp_path: Path) -> None:
    ours, base, mails, trees = series
    scratch = tmp_path / "scratch"
    commits = am_in_order(ours, mails, base, scratch=scratch, runner=Runner())
    assert [ours.tree_of(c) for c in commits] == trees
    assert (
        ours.need("log", "-1", "--format=%an %cn %ct", commits[0]).decode().strip() == "Ann Author xenstage 1420156800"
    )
    assert list(scratch.iterdir()) == []
    assert am_in_order(ours, mails, base, scratch=scratch, runner=Runner()) == commits
    assert am_in_order(ours, [], base, scratch=scratch, runner=Runner()) == []


def test_am_uses_nobodys_settings_or_hooks(
    series: tuple[Git, str, list[Path], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, base, mails, trees = series
    hook = tmp_path / "hooks/applypatch-msg"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    settings = tmp_path / "settings"
    settings.write_text(f"[core]\n\thooksPath = {hook.parent}\n\tautocrlf = true\n[commit]\n\tgpgSign = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    commits = am_in_order(ours, mails, base, scratch=tmp_path / "scratch", runner=Runner())
    assert [ours.tree_of(c) for c in commits] == trees


def test_a_patch_that_does_not_apply(series: tuple[Git, str, list[Path], list[str]], tmp_path: Path) -> None:
    ours, base, mails, _ = series
    with pytest.raises(XenstageError) as stopped:
        am_in_order(ours, [mails[0], mails[2]], base, scratch=tmp_path / "scratch", runner=Runner())
    assert stopped.value.code is Exit.FAIL
    assert mails[2].name in stopped.value.title
    assert "patch does not apply" in stopped.value.why
    assert ours.need("for-each-ref") == b""
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_mailbox_of_several_is_refused(series: tuple[Git, str, list[Path], list[str]], tmp_path: Path) -> None:
    ours, base, mails, _ = series
    box = tmp_path / "box.patch"
    box.write_bytes(b"".join(m.read_bytes() for m in mails))
    with pytest.raises(XenstageError, match="holds 3 patches"):
        am_in_order(ours, [box], base, scratch=tmp_path / "scratch", runner=Runner())
