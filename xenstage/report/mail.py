"""read_mail: a mail of ``git format-patch`` as a message and a diff in hunks."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass

_FILE = re.compile(r"^diff --git a/(.*) b/(.*)$")
_HUNK = re.compile(r"^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)$")
_TRAILER = re.compile(r"[A-Z][\w-]+-by: |Cc: ")
_FUNCTION = re.compile(r"^(?=[A-Za-z_])[\w\s*]*?(\w+(?:\(\w+\)(?=\())?)\s*\(")  # DO(name)(…) is a name


@dataclass(frozen=True)
class Hunk:
    """A hunk of a diff.

    :param head: its first line.
    :param line: where it begins in the file before the patch, 1-based.
    :param function: the function in which it begins, as git names it, or that it shows; "" for none.
    :param lines: with the leading " ", "-", "+" or "\\\\".
    """

    head: str
    line: int
    function: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class FileDiff:
    """What a patch does to one file.

    :param notes: git's own lines between the names and the first hunk ("new file mode …").
    """

    path: str
    notes: tuple[str, ...]
    hunks: tuple[Hunk, ...]


@dataclass(frozen=True)
class Mail:
    """A patch's mail, or a cover letter.

    :param subject: without "[PATCH n/m]".
    :param message: the text above the cut, trailers included.
    :param cut: what stands between the cut and the diff: notes and the diffstat.
    """

    subject: str
    message: str
    cut: str
    files: tuple[FileDiff, ...]

    @property
    def paragraphs(self) -> tuple[tuple[str, str], ...]:
        """The message's paragraphs: ("p", text without line ends) or ("pre", what is laid out by its lines)."""
        return paragraphs(self.message)

    @property
    def diff(self) -> tuple[str, ...]:
        """The lines that tell a diff from another one: where they stand does not matter."""
        return tuple(x for f in self.files for x in (f.path, *f.notes, *(y for h in f.hunks for y in h.lines)))


def paragraphs(text: str) -> tuple[tuple[str, str], ...]:
    """See :attr:`Mail.paragraphs`."""
    out: list[tuple[str, str]] = []
    for piece in re.split(r"\n[ \t]*\n", text.strip("\n")):
        lines = piece.split("\n")
        plain = all(x[:1] not in (" ", "\t", "-") and not _TRAILER.match(x) for x in lines)
        if piece.strip():
            out.append(("p", " ".join(x.strip() for x in lines)) if plain else ("pre", piece))
    return tuple(out)


def read_mail(data: bytes) -> Mail:
    """Read a mail; text that is no UTF-8 is shown with escapes."""
    mail = email.message_from_bytes(data, policy=email.policy.default)
    raw = mail.get_payload(decode=True)
    text = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else ""
    subject = re.sub(r"^\s*\[[^\]]*\]\s*", "", " ".join(str(mail.get("subject", "")).split()))
    above, _, rest = text.partition("\ndiff --git ")
    message, _, cut = f"\n{above}".partition("\n---\n")
    diff = f"diff --git {rest}".split("\n") if rest else []
    return Mail(subject, message.strip("\n"), cut.strip("\n"), tuple(_files(diff)))


def _files(lines: list[str]) -> list[FileDiff]:
    out: list[FileDiff] = []
    path, notes, hunks = "", list[str](), list[Hunk]()
    at = 0
    while at < len(lines):
        line = lines[at]
        if m := _FILE.match(line):
            if path:
                out.append(FileDiff(path, tuple(notes), tuple(hunks)))
            path, notes, hunks = m.group(2), [], []
        elif m := _HUNK.match(line):
            body = _body(lines[at + 1 :])
            hunks.append(Hunk(line, int(m.group(1)), _function(m.group(3), body), tuple(body)))
            at += len(body)
        elif line in ("-- ", ""):
            break  # the mail's signature
        elif not line.startswith(("index ", "--- ", "+++ ")):
            notes.append(line)
        at += 1
    if path:
        out.append(FileDiff(path, tuple(notes), tuple(hunks)))
    return out


def _body(lines: list[str]) -> list[str]:
    """The lines of a hunk; an empty context line may have lost its blank, the last one ends the mail."""
    out: list[str] = []
    for i, line in enumerate(lines):
        if line == "-- " or not (line[:1] in (" ", "-", "+", "\\") or (line == "" and lines[i + 1 : i + 2] != [""])):
            break
        out.append(line)
    while out and out[-1] == "":
        out.pop()
    return out


def _function(context: str, lines: list[str]) -> str:
    """The function whose head is the last one before the first change, and that does not end before it."""
    found = [m.group(1)] if (m := _FUNCTION.match(context)) else []
    for line in lines:
        if m := _FUNCTION.match(line[1:]):
            found.append(m.group(1))
        if line[1:2] == "}":
            found.clear()
        if line[:1] in ("-", "+"):
            break
    return found[-1] if found else ""
