"""Overlay: a small text file in which people's own words for a version's patches stand.

One file a version, beside it (``OUT/NN_name/overlay-v1.txt``), which is the user's::

    # a remark
    [cover]
    Note:
        Text under the cover letter's own.

    [patch 5c30e43afdecd9650db3a69a8c22fe099f60a8f4] x86/hvm: fold the two tables
    Subject: x86/hvm: fold both tables into one
    Body:
        Instead of the stage's text, as it stands here.
    Acked-by: Jo Viewer <jo@example.org>
    Cc: Sam Body <sam@example.org>
    Note:
        Under the cut: not for the history.

A patch's section is keyed by what ``git patch-id --stable`` says of its diff, so that words belong
to a change and to no number; what stands behind the bracket is for the reader.  Tags are lines
``Somewhat-by: …`` and ``Fixes:``, ``Link:``; they come after the message, in this order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import getaddresses
from pathlib import Path

from ..errors import Exit, XenstageError
from .maintainers import Address

TAG = re.compile(r"(?:[A-Z][\w]*(?:-\w+)*-by|Fixes|Link|Release-\w+|Backport): \S.*")
CUT = re.compile(r"---(?:\s*\Z| \S)|diff -|Index: ")
"""Where git mailinfo takes the patch to begin: no line of a message may be like that."""

_SECTION = re.compile(r"\[(cover|patch ([0-9a-f]{40}|[0-9a-f]{64}))\](?:\s+(.*?))?\s*\Z")
_HEAD = (
    "# Your own words for {what}, by each patch's diff (git patch-id --stable). In a section may stand\n"
    "#   Subject: …    Cc: …    Acked-by: … and other tags    Body: and Note: with indented lines below\n"
    "# The tool adds tags that it is told to import, and changes nothing that stands here.\n"
)


@dataclass(frozen=True)
class Entry:
    """What people say of one patch, or of the cover letter.

    :param title: the patch's subject when the section was written, for people.
    :param body: instead of the stage's own text; "" keeps that.
    :param note: under the cut, or at the end of the cover letter's text.
    """

    title: str = ""
    subject: str = ""
    body: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()
    cc: tuple[Address, ...] = ()

    @property
    def says_something(self) -> bool:
        """Whether anything stands in it."""
        return bool(self.subject or self.body or self.note or self.tags or self.cc)


@dataclass(frozen=True)
class Overlay:
    """The words for a version.

    :param patches: by ``git patch-id --stable`` of the patch's diff.
    """

    cover: Entry = Entry()
    patches: Mapping[str, Entry] = field(default_factory=dict)


def place_of_overlay(out: Path, label: str, version: int) -> Path:
    """Where the words for a version of a stage's series stand."""
    return out / label / f"overlay-v{version}.txt"


def read_overlay(path: Path) -> Overlay:
    """The words in a file; none where it is not there.

    :raises XenstageError: (USAGE) for a line that is none of what may stand there, with its number.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Overlay()
    except (OSError, UnicodeDecodeError) as e:
        raise _wrong(path, 1, "", str(e)) from e
    return parse_overlay(text, path)


def parse_overlay(text: str, path: Path) -> Overlay:
    """As :func:`read_overlay`; the path is for messages."""
    cover, patches = Entry(), dict[str, Entry]()
    key: str | None = None
    entry = Entry()
    block = ""
    lines = text.split("\n")

    def keep() -> None:
        nonlocal cover
        done = replace(entry, body=entry.body.strip("\n"), note=entry.note.strip("\n"))
        if key == "":
            cover = done
        elif key is not None:
            patches[key] = done

    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            continue
        if line[:1] in ("\t", " ") and line.strip() and block:
            words = line[1:] if line[0] == "\t" else line[min(4, len(line) - len(line.lstrip())) :]
            if CUT.match(words) or re.match(r">?From ", words):
                raise _wrong(path, number, line, "git am takes such a line for the beginning of the patch or of a mail")
            entry = _longer(entry, block, words.rstrip())
            continue
        if not line.strip():
            if block:
                entry = _longer(entry, block, "")
            continue
        block = ""
        if m := _SECTION.fullmatch(line):
            keep()
            key, entry = m.group(2) or "", Entry(title=m.group(3) or "")
            if (key and key in patches) or (not key and cover.says_something):
                raise _wrong(path, number, line, "this section stands there twice")
        elif key is None:
            raise _wrong(path, number, line, "it stands before the first section, [cover] or [patch ID]")
        elif re.fullmatch(r"(Body|Note):\s*", line):
            block = line[:4].lower()
        elif line.startswith("Subject: "):
            entry = replace(entry, subject=line.partition(": ")[2].strip())
        elif line.startswith("Cc: "):
            found = [Address(n, a) for n, a in getaddresses([line[4:]]) if re.fullmatch(r"[^@\s]+@[^@\s]+", a)]
            if not found:
                raise _wrong(path, number, line, "it names no mail address")
            entry = replace(entry, cc=(*entry.cc, *found))
        elif TAG.fullmatch(line.rstrip()) and key:
            entry = replace(entry, tags=(*entry.tags, line.rstrip()))
        else:
            raise _wrong(path, number, line, "it is no section, header, tag or indented text under Body: or Note:")
    keep()
    return Overlay(cover, patches)


def _longer(entry: Entry, block: str, line: str) -> Entry:
    if block == "body":
        return replace(entry, body=f"{entry.body}{line}\n")
    return replace(entry, note=f"{entry.note}{line}\n")


def _wrong(path: Path, number: int, line: str, why: str) -> XenstageError:
    return XenstageError(
        Exit.USAGE,
        f"{path}:{number} cannot be read",
        why=f"{why}\n{line}".rstrip(),
        remedy="correct the line; what may stand there: docs/sending.md",
    )


def render_entry(key: str, entry: Entry) -> str:
    """A section as text; :func:`parse_overlay` reads the same from it.

    :param key: the patch's id; "" for the cover letter.
    """
    head = f"[patch {key}] {entry.title}".rstrip() if key else "[cover]"
    rows = [head]
    rows += [f"Subject: {entry.subject}"] if entry.subject else []
    for name, text in (("Body", entry.body), ("Note", entry.note)):
        if text:
            rows += [f"{name}:", *(f"    {x}".rstrip() for x in text.split("\n"))]
    rows += list(entry.tags)
    rows += [f"Cc: {a}" for a in entry.cc]
    return "\n".join(rows) + "\n"


def render_overlay(what: str, overlay: Overlay) -> str:
    """A whole file.

    :param what: the version that the words are for.
    """
    parts = [_HEAD.format(what=what)]
    parts += [render_entry("", overlay.cover)] if overlay.cover.says_something else []
    parts += [render_entry(k, e) for k, e in overlay.patches.items()]
    return "\n".join(parts)


def add_tags(text: str, key: str, title: str, tags: Iterable[str]) -> str:
    """The text of a file with further tags in a patch's section; what stood there stays as it is.

    :param text: a whole file.
    """
    there = set(parse_overlay(text, Path("overlay")).patches.get(key, Entry()).tags)
    fresh = [t for t in dict.fromkeys(tags) if t not in there]
    if not fresh:
        return text
    lines = text.rstrip("\n").split("\n")
    at = [i for i, line in enumerate(lines) if (m := _SECTION.fullmatch(line)) and m.group(2) == key]
    if not at:
        return "\n".join([*lines, "", render_entry(key, Entry(title, tags=tuple(fresh)))])
    end = next((i for i in range(at[0] + 1, len(lines)) if _SECTION.fullmatch(lines[i])), len(lines))
    # Behind the tags that are there, else right behind the section's head: never inside a text.
    after = 1 + max([at[0], *(i for i in range(at[0] + 1, end) if TAG.fullmatch(lines[i].rstrip()))])
    return "\n".join([*lines[:after], *fresh, *lines[after:]]) + "\n"


@dataclass(frozen=True)
class Carried:
    """What becomes of a version's words in the next one.

    :param dropped: sections that fit no patch of it, each with the reason.
    """

    overlay: Overlay
    dropped: tuple[tuple[Entry, str], ...]


def carry_on(
    old: Overlay, patches: Mapping[str, str], number: int | None = None, said: Mapping[str, Sequence[str]] | None = None
) -> Carried:
    """The words of one version for the patches of the next: those of the same diff go on.

    :param patches: the next version's subjects by patch id.
    :param number: of the next version, whose changed patches say under their cut whose tags are not theirs
        any more; None where none shall.
    :param said: the tags that the old version's mails have, by patch id: of these the next one says it anyway.
    """
    kept = {k: e for k, e in old.patches.items() if k in patches}
    dropped: list[tuple[Entry, str]] = []
    for key, entry in old.patches.items():
        if key in kept or not entry.says_something:
            continue
        fresh = next((k for k, s in patches.items() if s in (entry.title, entry.subject)), None)
        dropped.append((entry, "there is no such patch" if fresh is None else "the patch's diff is another now"))
        tags = [t for t in entry.tags if t not in (said or {}).get(key, ())]
        if number is not None and fresh is not None and fresh not in old.patches and tags:
            note = "\n".join([f"Not taken over into v{number}, for the diff is another:", *(f"  {t}" for t in tags)])
            kept[fresh] = Entry(patches[fresh], note=note)
    return Carried(Overlay(old.cover, kept), tuple(dropped))
