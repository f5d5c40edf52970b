"""changes_between: what a reviewer of one version must look at in the next, from the patches themselves."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..mail.overlay import TAG


@dataclass(frozen=True)
class Told:
    """A patch of one version.

    :param message: subject and body.
    :param diff: as ``git diff-tree -p`` prints it.
    """

    subject: str
    message: str
    patch_id: str
    diff: str


@dataclass(frozen=True)
class Changes:
    """What is new in a version, as lines of text without the leading "- ".

    :param cover: for the cover letter.
    :param patches: for each patch of the new version; empty for one that is as before.
    """

    cover: tuple[str, ...]
    patches: tuple[tuple[str, ...], ...]


def changes_between(old: Sequence[Told], new: Sequence[Told], version: int, bases: tuple[str, str]) -> Changes:
    """Compare two versions of a series.

    Patches belong together by their diff, else by their subject.

    :param version: the number of the old one.
    :param bases: the base commits of both.
    """
    pairs = _pairs(old, new)
    each: list[tuple[str, ...]] = []
    cover: list[str] = []
    same: list[str] = []
    still: list[int] = []
    for i, told in enumerate(new):
        number = f"{i + 1}/{len(new)}"
        j = pairs.get(i)
        if j is None:
            each.append(("new",))
            cover.append(f"{number} is new")
            continue
        rows = _rows(old[j], told)
        moved = [] if j == i and len(old) == len(new) else [f"was {j + 1}/{len(old)}"]
        each.append((*rows, *(moved if rows else [])))
        if rows:
            cover.append(f"{number}: {'; '.join([*rows, *moved])}")
        elif moved:
            same.append(f"{number} ({moved[0]})")
        else:
            still.append(i + 1)
    gone = [told for j, told in enumerate(old) if j not in pairs.values()]
    cover += [f"gone: {told.subject}" for told in gone]
    if bases[0] != bases[1]:
        cover.append(f"on the base {bases[1][:12]}, no longer {bases[0][:12]}")
    same = [f"{a}/{len(new)}" if a == b else f"{a}/{len(new)} to {b}/{len(new)}" for a, b in runs(still)] + same
    if same:
        cover.append(f"as in v{version}: {', '.join(same)}")
    return Changes(tuple(cover), tuple(each))


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending numbers as runs: each with its first and last; two in a row are two."""
    out: list[tuple[int, int]] = []
    for n in numbers:
        if out and out[-1][1] == n - 1:
            out[-1] = (out[-1][0], n)
        else:
            out.append((n, n))
    return [r for a, b in out for r in ([(a, a), (b, b)] if b == a + 1 else [(a, b)])]


def _pairs(old: Sequence[Told], new: Sequence[Told]) -> dict[int, int]:
    """For each patch of the new version the one of the old."""
    out: dict[int, int] = {}
    for what in ("patch_id", "subject"):
        for i, told in enumerate(new):
            found = [j for j, o in enumerate(old) if getattr(o, what) == getattr(told, what) and j not in out.values()]
            if i not in out and found:
                out[i] = found[0]
    return out


def _rows(old: Told, new: Told) -> list[str]:
    rows: list[str] = []
    if old.patch_id != new.patch_id:
        before, after = _lines(old.diff), _lines(new.diff)
        for path in sorted({*before, *after}):
            a, b = before.get(path, Counter[str]()), after.get(path, Counter[str]())
            fresh, lost = (b - a).total(), (a - b).total()
            if fresh or lost:
                rows.append(f"{path}: {fresh} changed line{'' if fresh == 1 else 's'} new, {lost} no longer there")
        rows = rows or ["the same changed lines, at other places or among other lines"]
    text, tags = (
        [tuple(x for x in t.message.rstrip().split("\n") if bool(TAG.fullmatch(x)) == wanted) for t in (old, new)]
        for wanted in (False, True)
    )
    if [x for x in text[0] if x] != [x for x in text[1] if x]:
        rows.append("the message")
    rows += [f"added {t}" for t in tags[1] if t not in tags[0]]
    rows += [f"without {t}" for t in tags[0] if t not in tags[1]]
    return rows


def _lines(diff: str) -> dict[str, Counter[str]]:
    """The added and removed lines of each file."""
    out: dict[str, Counter[str]] = {}
    path = ""
    for line in diff.split("\n"):
        if m := re.match(r"diff --git a/(.+) b/\1\Z", line):
            path = m.group(1)
            out[path] = Counter()
        elif path and line[:1] in ("+", "-") and not line.startswith(("+++ ", "--- ")):
            out[path][line] += 1
    return out


def as_text(version: int, rows: Sequence[str]) -> str:
    """ "Changes in vN:" and a list; "" where there is nothing to say."""
    if not rows:
        return ""
    wrapped = [
        textwrap.fill(f"- {r}", 72, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for r in rows
    ]
    return "\n".join([f"Changes in v{version}:", *wrapped])
