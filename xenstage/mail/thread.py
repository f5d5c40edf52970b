"""tags_in: what people said of patches in the answers of a thread."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import parseaddr

from .mailbox import Mail

_TAG = re.compile(r"([A-Z]\w*(?:-\w+)*-[Bb]y): (.*\S)")
_NOT_OURS_TO_TAKE = ("signed-off-by", "nacked-by")


@dataclass
class Thread:
    """The patches of one version in a mailbox, and the tags in the answers.

    :param patches: number to the mail, where the mailbox has it.
    :param tags: number to tags, in the order in which they came; of the cover letter under 0.
    :param left: tags that were not taken, with the reason.
    """

    version: int
    patches: dict[int, Mail] = field(default_factory=dict)
    subjects: dict[int, str] = field(default_factory=dict)
    tags: dict[int, list[str]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def threads_in(mails: Sequence[Mail]) -> list[Thread]:
    """The tags of a mailbox, by the version of the patches that they are for.

    An answer belongs to the patch whose Message-ID it names, else to the one whose subject it has.
    A tag counts where it stands in the answer's own text, in a line of its own, and names the
    address that the answer came from: nobody tags for somebody else.
    """
    found: dict[int, Thread] = {}
    by_id: dict[str, tuple[int, int]] = {}

    def of(version: int) -> Thread:
        return found.setdefault(version, Thread(version))

    for m in mails:
        if (m.is_patch or m.is_cover) and not m.reply:
            number = m.number if m.number is not None else 1
            if m.is_patch:
                of(m.version).patches.setdefault(number, m)
            of(m.version).subjects.setdefault(number, m.subject)
            by_id.setdefault(m.message_id, (m.version, number))
    for m in mails:
        if not m.reply:
            continue
        named = next((by_id[r] for r in m.refers if r and r in by_id), None)
        if named is None and m.patch_tag:
            named = (m.version, m.number if m.number is not None else 1)
            of(m.version).subjects.setdefault(named[1], m.subject)
        if named is None:
            continue
        thread = of(named[0])
        for tag in _own_tags(m.text):
            why = _why_not(tag, m.sender)
            if why:
                thread.left.append(f"{''.join(c if c.isprintable() else '?' for c in tag)}: {why}")
            elif tag not in thread.tags.setdefault(named[1], []):
                thread.tags[named[1]].append(tag)
    return [found[v] for v in sorted(found)]


def _own_tags(text: str) -> list[str]:
    """Tags of a mail's own text: no quotation, nothing below a signature."""
    out = []
    for line in re.split(r"\n-- ?\n", text)[0].split("\n"):
        m = _TAG.fullmatch(line.strip()) if not line.startswith((">", "|", "+", "-")) else None
        if m and "@" in m[2]:
            out.append(f"{m[1][:1]}{m[1][1:].replace('-By', '-by')}: {' '.join(m[2].split())}")
    return out


def _why_not(tag: str, sender: str) -> str:
    what, _, who = tag.partition(": ")
    if not tag.isprintable():
        return "something in it cannot be printed"
    if what.lower() in _NOT_OURS_TO_TAKE:
        return "that is for a person to decide, put it into the overlay by hand"
    told, came = parseaddr(who)[1].lower(), parseaddr(sender)[1].lower()
    if told != came:
        return f"the mail is from {came or 'nobody that it names'}"
    return ""
