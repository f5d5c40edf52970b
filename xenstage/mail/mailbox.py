"""read_mails: the mails of an mbox, a maildir, .eml files or a directory of git format-patch.

What the mails *are* is left to git: they are handed to ``git am`` as they were received.  Here it
is found out which of them are patches of one series, and in which order they belong; what a
mailbox does not say for certain is refused, and nothing in a mail names a file of ours.
"""

from __future__ import annotations

import base64
import email
import email.header
import email.policy
import email.utils
import mailbox
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from ..errors import Exit, XenstageError
from ..process import Runner
from ..progress import say
from ..tree.isolation import run_alone

_PREFIX = re.compile(r"\[(?P<inside>[^\]]*\b(?:PATCH|RFC)(?:v\d+)?\b[^\]]*)\]", re.I)
_NUMBERS = re.compile(r"(?<![\w.])0*(\d+)/0*(\d+)(?![\w.])")
_REVISION = re.compile(r"(?:\b|PATCH|RFC)v(\d+)\b", re.I)
_TAG = r"\s*\[[^\]]*\]"
# In any language: a short word and a colon before a tag in brackets.
_ANSWER = r"\s*(?:(?:re|aw|fwd?|antw)\s*:|\w{2,5}\s*:(?=\s*\[))"
_REPLY = re.compile(rf"(?:(?!{_PREFIX.pattern}){_TAG})*{_ANSWER}".replace("?P<inside>", ""), re.I)
_BELOW = re.compile(r"\n(?:-- |_{20,})\n")
_DIFF = re.compile(r"^diff --git |^--- \S.*\n\+\+\+ \S", re.M)
FORMS = "an mbox, a maildir, .eml files, or a directory of *.patch as git format-patch writes them"


@dataclass(frozen=True)
class Mail:
    """One mail.

    :param raw: as it was received, without a mailbox's "From " line, with LF at the ends of lines.
    :param subject: decoded, on one line, without its tags in brackets.
    :param version: 1 where none is named; ``number`` and ``total`` are None where none are.
    :param body: what stands in it, as bytes without a transfer encoding; of several parts, those that are text.
    :param text: the same, decoded.
    :param refers: Message-IDs that it answers, the nearest first.
    """

    raw: bytes
    subject: str
    sender: str
    message_id: str
    refers: tuple[str, ...]
    reply: bool
    patch_tag: bool
    version: int
    number: int | None
    total: int | None
    body: bytes
    text: str

    @property
    def is_patch(self) -> bool:
        """Whether it brings a patch (and does not answer one)."""
        return not self.reply and _DIFF.search(self.text) is not None and self.number != 0

    @property
    def is_cover(self) -> bool:
        """Whether it is the cover letter of a series."""
        return not self.reply and self.patch_tag and self.number == 0


def read_mail(raw: bytes) -> Mail:
    """A mail from its bytes."""
    raw = raw.replace(b"\r\n", b"\n")
    if raw.startswith(b"From ") and b"\n" in raw:
        raw = raw.partition(b"\n")[2]
    message = email.message_from_bytes(raw)
    whole = " ".join(_decoded(message["Subject"]).split())
    bare = re.sub(rf"^(?:{_ANSWER}|{_TAG})*\s*", "", whole, flags=re.I)
    tag = _PREFIX.search(whole)
    inside = tag["inside"] if tag else ""
    numbers, revision = _NUMBERS.search(inside), _REVISION.search(inside)
    refers = re.findall(r"<[^<>\s]+>", f"{message['In-Reply-To'] or ''} ")
    parts = _parts(message)
    refers += reversed(re.findall(r"<[^<>\s]+>", str(message["References"] or "")))
    return Mail(
        _unwired(raw, message),
        bare,
        _decoded(message["From"]),
        str(message["Message-ID"] or "").strip(),
        tuple(dict.fromkeys(refers)),
        bool(_REPLY.match(whole)),
        tag is not None,
        int(revision[1]) if revision else 1,
        int(numbers[1]) if numbers else None,
        int(numbers[2]) if numbers else None,
        b"\n".join(data.replace(b"\r\n", b"\n") for data, _ in parts),
        "\n".join(_as_text(*part) for part in parts).replace("\r\n", "\n"),
    )


def _unwired(raw: bytes, message: Message) -> bytes:
    """The mail without the CRs of the wire, where somebody encoded them: git am would take them for the patch's.

    Not where only some lines have one: then they are the patch's.
    """
    data = b"" if message.is_multipart() else message.get_payload(decode=True)
    how = str(message["Content-Transfer-Encoding"] or "").strip().lower()
    if not isinstance(data, bytes) or how not in ("base64", "quoted-printable"):
        return raw
    if b"\r\n" not in data or data.count(b"\r\n") != data.count(b"\n"):
        return raw
    head = re.sub(rb"(?im)^(Content-Transfer-Encoding:).*$", rb"\1 base64", raw.partition(b"\n\n")[0])
    return head + b"\n\n" + base64.encodebytes(data.replace(b"\r\n", b"\n"))


def _decoded(value: object) -> str:
    if value is None:
        return ""
    try:
        return str(email.header.make_header(email.header.decode_header(str(value))))
    except (LookupError, UnicodeError, ValueError):
        return str(value)


def _parts(message: Message) -> list[tuple[bytes, str]]:
    """The parts that are text, with their character sets."""
    rows = []
    for part in message.walk():
        data = part.get_payload(decode=True)
        if part.get_content_maintype() == "text" and isinstance(data, bytes):
            rows.append((data, part.get_content_charset() or "utf-8"))
    return rows


def _as_text(data: bytes, charset: str) -> str:
    """A character set that nobody knows is read as it stands."""
    try:
        return data.decode(charset, "replace")
    except LookupError:
        return data.decode("latin-1")


def is_mailbox(path: Path) -> bool:
    """Whether a path is something else than a directory of ``*.patch``, and may hold mails."""
    return path.is_file() or (path.is_dir() and not any(path.glob("*.patch")) and bool(_files(path)))


def read_mails(path: Path) -> list[Mail]:
    """Every mail of a mailbox, in the order in which it holds them.

    :raises XenstageError: (USAGE) it is none, or cannot be read.
    """
    try:
        if path.is_dir():
            files = _files(path)
            found = [read_mail(p.read_bytes()) for p in files]
        else:
            data = path.read_bytes().replace(b"\r\n", b"\n")
            found = [read_mail(m) for m in _split(data)]
    except OSError as e:
        raise _no_mails(path, f"{e.filename or path}: {e.strerror}") from e
    found = [m for m in found if m.subject or m.message_id]
    if not found:
        raise _no_mails(path, "no mail is in it")
    return found


def _files(directory: Path) -> list[Path]:
    """The mails of a maildir, or the .eml files (and patches) of a directory, by name."""
    if (directory / "cur").is_dir() and (directory / "new").is_dir():
        box = mailbox.Maildir(directory, create=False)
        return sorted(directory / part / name for part in ("cur", "new") for name in _names(directory / part) if box)
    return sorted(p for p in directory.iterdir() if p.suffix in (".eml", ".patch", ".mbox") and p.is_file())


def _names(directory: Path) -> list[str]:
    return [p.name for p in directory.iterdir() if p.is_file() and not p.name.startswith(".")]


def _split(data: bytes) -> list[bytes]:
    """The mails of an mbox: each begins with a "From " line that has a date, as git mailsplit wants it."""
    if not data.startswith(b"From "):
        return [data]
    starts = [m.start() for m in re.finditer(rb"^From \S.*\d\d:\d\d.*\d{4}.*$", data, re.M)]
    starts = [s for s in starts if s == 0 or data[:s].endswith(b"\n\n") or data[:s].endswith(b"\n")]
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)] or [data]


def _no_mails(path: Path, why: str) -> XenstageError:
    return XenstageError(
        Exit.USAGE,
        f"there are no patches in {path}",
        why=f"{why}; wanted: {FORMS}",
        remedy=f"look at it: less '{path}'",
    )


def one_series(mails: Sequence[Mail], path: Path) -> list[Mail]:
    """The patches of the one series that a mailbox holds, in order, its last version.

    Answers, and a mail that came twice, are passed over.

    :raises XenstageError: (USAGE) a patch is missing, two different ones have a number, or their
        order cannot be known.
    """
    patches = [m for m in mails if m.is_patch]
    if not patches:
        raise _no_mails(path, f"of {len(mails)} mails none brings a patch")
    version = max(m.version for m in patches)
    if len({m.version for m in patches}) > 1:
        say(f"{path}: patches of several versions; taking v{version}")
    patches = _each_once(m for m in patches if m.version == version)
    if len(patches) == 1 and patches[0].total in (None, 1):
        return patches
    unnumbered = [m.subject for m in patches if m.number is None or m.total is None]
    if unnumbered:
        raise _not_one(path, f"{unnumbered[0]!r} has no number, and so no place among {len(patches)} patches")
    totals = sorted({m.total for m in patches if m.total is not None})
    covers = {m.subject for m in mails if m.is_cover and m.version == version}
    if len(totals) > 1 or len(covers) > 1:
        words = "; ".join(sorted(covers)) if len(covers) > 1 else " and ".join(f"of {t} patches" for t in totals)
        raise _not_one(path, f"more than one series is in it: {words}")
    by_number: dict[int, Mail] = {}
    for m in patches:
        number = m.number or 0
        if number in by_number:
            raise _not_one(
                path, f"two different patches have the number {number}: {by_number[number].subject!r} and {m.subject!r}"
            )
        by_number[number] = m
    missing = [f"{n}/{totals[0]}" for n in range(1, totals[0] + 1) if n not in by_number]
    beyond = [f"{n}/{totals[0]}" for n in by_number if not 1 <= n <= totals[0]]
    if missing or beyond:
        raise _not_one(path, "; ".join(f"{n} is missing" for n in missing) or f"there cannot be a patch {beyond[0]}")
    return [by_number[n] for n in sorted(by_number)]


def _each_once(mails: Iterable[Mail]) -> list[Mail]:
    """A mail comes twice to whoever reads the list and is in Cc: with other headers, and the same text."""
    out: dict[tuple[object, ...], Mail] = {}
    for m in mails:
        out.setdefault((m.number, m.total, m.subject, _own(m.text)), m)
    return list(out.values())


def _own(text: str) -> str:
    """Without git's signature and a list's footer; what git apply would read there is no such thing."""
    ends = (m for m in _BELOW.finditer(text) if not re.search(r"^(?:diff |@@ |\+|-(?!- ?$))", text[m.end() :], re.M))
    end = next(ends, None)
    return text[: end.start() if end else None].strip()


def _not_one(path: Path, why: str) -> XenstageError:
    return XenstageError(
        Exit.USAGE,
        f"{path} does not hold one whole series",
        why=why,
        remedy="put the mails of the series alone into a mailbox: b4 am -o DIR MESSAGE-ID takes them from a list",
    )


def patch_id(mail: Mail, runner: Runner) -> str:
    """What ``git patch-id --stable`` says of a patch; "" for a mail without one."""
    done = run_alone(runner, Path("/dev/null"), ["patch-id", "--stable"], stdin=mail.body)
    return done.text.partition(" ")[0].strip()
