"""form: the message, the added lines, the edits and the mail of a patch.

The rules for lines are those of :mod:`xenstage.ctext.style`.  Those for messages are the
conventions of the tree's history: a subject that names its area, lines that a mail reader
does not wrap.  What git am cuts off is as in git-mailinfo(1).
"""

from __future__ import annotations

import email
import email.header
import email.message
import re
from collections.abc import Sequence
from typing import Any

from ...ctext.style import added_faults
from ...edit.edits import Edit
from ...index.sweep import Files
from ...mail.overlay import CUT as _CUT
from ...series.message import SUBJECT_WIDTH
from ..case import Case, Declared
from ..result import FAIL, PASS, Finding, Proof

NAME = "form"
MESSAGE_WIDTH = 75

_TRAILER = re.compile(r"[A-Za-z][\w-]*-by: |(?i:cc|fixes|link|message-id|release-\w+|backport): ")
_TAGS = re.compile(r"\s*(?:\[[^\]]*\]\s*|[Rr][Ee]:\s*)+")
_NUMBERS = re.compile(r"\[[^\]]*\bPATCH\b[^\]]*?(?:\s0*(\d+)/0*(\d+))?\]")
_STAT = re.compile(
    r" \d+ files? changed|\s.* \|\s+(?:\d+ ?[-+]*|Bin.*)\Z|\s(?:create|delete) mode |\s(?:mode change|rename) "
)


def prove_form(case: Case, *, patch: bytes | None, total: int, notes: str = "") -> Proof:
    """Hold a patch to the tree's conventions and to what is declared about it.

    :param patch: the mail file, if there is one.
    :param total: how many patches its series has.
    :param notes: what is meant to stand under the cut.
    :returns: FAIL with every message line, added line, byte or file mode that is not as it
        should be; PASS otherwise.
    """
    findings = _message(case)
    added, faults = added_faults({p: (_regular(case.before, p), _regular(case.after, p)) for p in case.changed})
    findings += [Finding(*fault) for fault in faults]
    findings += _modes(case)
    facts: dict[str, Any] = {"subject columns": len(case.subject), "lines added": added, "files": len(case.changed)}
    if case.declared.edits is not None:
        findings += _edits(case, case.declared.edits)
        facts["edits"] = len(case.declared.edits)
    if patch is not None:
        findings += _mail(case, patch, total, notes)
    summary = f"{added} line{'' if added == 1 else 's'} added in {len(case.changed)} files"
    if case.declared.edits is not None:
        summary += f", {len(case.declared.edits)} edits"
    if findings:
        summary += f"; {len(findings)} finding{'' if len(findings) == 1 else 's'}"
    return Proof(NAME, FAIL if findings else PASS, summary, tuple(sorted(set(findings))), facts)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _message(case: Case) -> list[Finding]:
    out: list[Finding] = []
    ours = case.declared != Declared()
    width = SUBJECT_WIDTH if ours else MESSAGE_WIDTH
    subject = case.subject
    if len(subject) > width:
        out.append(Finding("subject", f"{len(subject)} columns wide, more than {width}"))
    if not re.match(r"[^\s:][^:]*: *\S", subject):
        out.append(Finding("subject", f"names no area ('area: what it does'): {subject!r}"))
    elif ours and not re.match(r"[\w/.,-]+(?: [\w/.,-]+)*: [a-z]", subject):
        out.append(Finding("subject", f"not 'area: lower case imperative': {subject!r}"))
    if subject.rstrip().endswith("."):
        out.append(Finding("subject", "ends with a full stop"))
    lines = case.message.rstrip("\n").split("\n")
    if len(lines) > 1 and lines[1].strip():
        out.append(Finding("message:2", "no empty line between subject and body"))
    if not any(line.strip() for line in lines[1:]):
        out.append(Finding("message", "the body is empty"))
    for number, line in enumerate(lines[1:], 2):
        if len(line) > MESSAGE_WIDTH and not _may_be_wide(line):
            out.append(Finding(f"message:{number}", f"{len(line)} columns wide, more than {MESSAGE_WIDTH}"))
        if _CUT.match(line):
            out.append(Finding(f"message:{number}", f"git am would cut the message here: {line!r}"))
        if line.startswith((">From ", "From ")):
            out.append(Finding(f"message:{number}", "a line that mail programs take for the start of a message"))
    said = _plain(case.message)
    for text in case.declared.intended:
        # A stage's text may hold {facts}, which the message has the values of.
        if not re.search(".+?".join(re.escape(p) for p in re.split(r"\{\w+\}", _plain(text))), said):
            out.append(Finding("message", f"does not name an intended change: {_plain(text)}"))
    if case.claims_nfc and case.declared.intended:
        what = f"claims no functional change, but {len(case.declared.intended)} are intended"
        out.append(Finding("message", what))
    return out


def _may_be_wide(line: str) -> bool:
    """Quoted and indented text, trailers, and what cannot be broken."""
    return line[:1] in (" ", "\t", ">") or bool(_TRAILER.match(line)) or "://" in line or len(line.split()) == 1


def _regular(files: Files, path: str) -> bytes | None:
    """A file's bytes; None where it is not there or not a regular file."""
    return files.read(path) if files.tracked.get(path, "").startswith("100") else None


def _modes(case: Case) -> list[Finding]:
    out: list[Finding] = []
    before, after = case.before.tracked, case.after.tracked
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        if old is not None and new is not None:
            out.append(Finding(path, f"the file's mode was {old} and is {new}"))
        elif case.declared.edits is not None and not _is_whole(case, path, case.declared.edits):
            out.append(Finding(path, "the file is added" if old is None else "the file is deleted"))
    return out


def _is_whole(case: Case, path: str, edits: Sequence[Edit]) -> bool:
    """Whether the one edit of a file that comes or goes is all of it, from its first byte."""
    before, after = _regular(case.before, path), _regular(case.after, path)
    mine = {(e.offset, e.expected, e.new) for e in edits if e.path == path}
    return (before is None) != (after is None) and mine == {(0, before or b"", after or b"")}


def _edits(case: Case, edits: Sequence[Edit]) -> list[Finding]:
    """The edits make the whole difference, or these bytes are something else."""
    out: list[Finding] = []
    by_path: dict[str, dict[tuple[int, bytes, bytes], Edit]] = {}
    for edit in edits:
        if edit.expected != edit.new:
            # Equal edits count once: several units may ask for the same change of a header.
            by_path.setdefault(edit.path, {})[edit.offset, edit.expected, edit.new] = edit
    for path in sorted({*by_path, *case.changed}):
        before, after = _regular(case.before, path), _regular(case.after, path)
        mine = sorted(by_path.get(path, {}).values(), key=lambda e: (e.offset, len(e.expected)))
        if before is None or after is None:
            if mine and not _is_whole(case, path, edits):
                out.append(Finding(path, "has edits, but is no regular file before and after the patch"))
            elif case.before.tracked.get(path) == case.after.tracked.get(path):
                out.append(Finding(path, "changed without an edit, and is no regular file"))
        elif path in by_path or before != after:
            out += _walk(path, before, after, mine)
    return out


def _walk(path: str, before: bytes, after: bytes, edits: Sequence[Edit]) -> list[Finding]:
    """Follow a file before and after the patch, edit by edit, to the first byte that differs."""

    def here(data: bytes, offset: int) -> str:
        return f"{path}:{data.count(NEWLINE, 0, offset) + 1}"

    at, to = 0, 0
    for edit in edits:
        offset = edit.offset
        if offset < at:
            return [Finding(here(before, at), f"two edits overlap at byte {offset}")]
        found = _stray(path, before[at:offset], after[to : to + offset - at], after, to, bool(edits))
        if found:
            return [found]
        to += offset - at
        if not before.startswith(edit.expected, offset) or offset > len(before):
            expected = str(edit.expected)[1:]
            return [Finding(here(before, offset), f"byte {offset}: an edit expects {expected} here")]
        if not after.startswith(edit.new, to):
            new = str(edit.new)[1:]
            return [Finding(here(after, to), f"byte {to}: an edit puts {new} here, which does not stand there")]
        at, to = edit.end, to + len(edit.new)
    found = _stray(path, before[at:], after[to:], after, to, bool(edits))
    return [found] if found else []


def _stray(path: str, old: bytes, new: bytes, after: bytes, to: int, any_edits: bool) -> Finding | None:
    if old == new:
        return None
    same = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    where = f"{path}:{after.count(NEWLINE, 0, to + same) + 1}"
    was, now = (repr(s[same : same + 1])[1:] if same < len(s) else "the end" for s in (old, new))
    what = "outside every edit" if any_edits else "in a file without an edit"
    return Finding(where, f"byte {to + same} {what}: {was} became {now}")


NEWLINE = b"\n"


def _in_its_charset(mail: email.message.Message, payload: bytes) -> str:
    try:
        return payload.decode(mail.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return payload.decode("utf-8", "replace")


def _mail(case: Case, patch: bytes, total: int, meant: str) -> list[Finding]:
    out: list[Finding] = []
    mail = email.message_from_bytes(patch)
    subject = _plain(str(email.header.make_header(email.header.decode_header(str(mail["Subject"] or "")))))
    numbers = _NUMBERS.search(subject)
    wanted = [(str(case.number), str(total))] + ([(None, None)] if total == 1 else [])
    if numbers is None or numbers.groups() not in wanted:
        out.append(Finding("mail", f"the subject is not [PATCH {case.number}/{total}]: {subject!r}"))
    if _plain(_TAGS.sub("", subject, count=1)) != _plain(case.subject):
        out.append(Finding("mail", f"the subject is not the commit's: {subject!r}"))
    payload = mail.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return [*out, Finding("mail", "not one plain text")]
    lines = _in_its_charset(mail, payload).replace("\r\n", "\n").split("\n")
    diff = next((i for i, line in enumerate(lines) if line.startswith("diff -")), len(lines))
    cut = next((i for i, line in enumerate(lines[:diff]) if _CUT.match(line)), diff)
    # git am takes these from the top of the text.
    text = re.sub(r"\A(?:(?:From|Subject|Date): .*\n)+\n", "", "\n".join(lines[:cut]).lstrip("\n"))
    body = case.message.partition("\n")[2]
    if _plain(text) != _plain(body):
        out.append(Finding("mail", "the text that git am keeps is not the commit's message"))
    notes = lines[cut + 1 : diff]
    if not any(re.match(r" \d+ files? changed", line) for line in notes):
        out.append(Finding("mail", "has no diffstat"))
    for line in notes:
        if re.match(r"Signed-off-by: ", line):
            out.append(Finding("mail", f"git am cuts this line off: {line!r}"))
        elif line in meant.split("\n"):
            continue
        elif case.declared != Declared() and line.strip() and not _STAT.match(line) and line != "---":
            out.append(Finding("mail", f"neither message nor diffstat, git am cuts it off: {line!r}"))
    for number, row in enumerate(patch.split(b"\n"), 1):
        if row.startswith(b">From "):
            out.append(Finding(f"mail:{number}", "'>From ': a mail program changed this line"))
    return out
