"""write_mails: the mails of a series, cover letter and all, as git format-patch writes them for everybody."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import __version__
from ..mail.overlay import Entry
from ..tree.git import DIFF, Git
from ..tree.isolation import committer, places
from .make import Series
from .message import fill

_MAIL = ["--quiet", "--cover-letter", "--numbered", "--no-attach", "--no-thread", "--no-signoff", "--no-notes"]


@dataclass(frozen=True)
class Previous:
    """The version before.

    :param parent: what its first patch stands on; ``tip``: its last patch.
    :param objects: where its commits are, if not in the repository of this version.
    """

    parent: str
    tip: str
    objects: Path | None = None


@dataclass(frozen=True)
class Mailing:
    """What the mails of a version have beside the commits.

    :param notes: by patch id, the text under the cut.
    :param cover: what people say in the cover letter.
    :param changes: for the cover letter, what is new since each version.
    """

    version: int = 1
    previous: Previous | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    cover: Entry = field(default_factory=Entry)
    changes: str = ""


def write_mails(series: Series, directory: Path, git: Git, mailing: Mailing = Mailing()) -> list[Path]:
    """Write the mails of a series into a directory, and return those of the patches in order.

    :returns: nothing for a series without a patch; no cover letter is written then.
    """
    if not series.made:
        return []
    # The cover letter is from the user, and dated like the last patch: the same bytes each time.
    who = committer(series.author.name, series.author.email, git.date_of(series.tip))
    options = [*_MAIL, *DIFF, "--stat=72", f"--base={series.base}", f"--signature=xenstage {__version__}"]
    if mailing.version > 1:
        options.append(f"--reroll-count={mailing.version}")
    env = dict(who)
    if (before := mailing.previous) is not None:
        options.append(f"--range-diff={before.parent}..{before.tip}")
        env.update(places(borrowed=before.objects))
    options += ["-o", str(directory.absolute())]
    git.need("format-patch", *options, f"{series.parent}..{series.tip}", env=env)
    for path in sorted(directory.glob("v*-[0-9]*.patch")):  # the directory says which version it is
        path.rename(path.with_name(path.name.partition("-")[2]))
    cover, *mails = sorted(directory.glob("[0-9]*.patch"))
    _cover(series, cover, mailing, _prerequisites(series, git))
    for made, path in zip(series.made, mails, strict=True):
        if note := mailing.notes.get(made.patch_id):
            text = path.read_bytes()
            # The first such line is git's own: no message of ours has one (the overlay refuses it).
            path.write_bytes(text.replace(b"\n---\n", b"\n---\n" + note.encode() + b"\n\n", 1))
    return mails


def _prerequisites(series: Series, git: Git) -> list[str]:
    """What git patch-id says of each patch between the base and the series.

    The ids that git format-patch computes are of a diff with other settings than its own mails have.
    """
    trees = git.need("log", "--reverse", "--format=%T", f"{series.base}..{series.parent}").decode().split()
    return [git.patch_id(old, new) for old, new in itertools.pairwise([git.tree_of(series.base), *trees])]


def _cover(series: Series, path: Path, mailing: Mailing, prerequisites: list[str]) -> None:
    facts: dict[str, Any] = {}
    for made in series.made:
        facts.update(made.facts)
    for name, row in series.kept.items():
        facts[f"kept_{name}"] = row["after"]
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    words = mailing.cover
    subject, blurb = words.subject or series.stage.title, words.body or fill(series.stage.cover, facts)
    blurb = "\n\n".join(p for p in (blurb, words.note, mailing.changes) if p)
    text = text.replace("*** SUBJECT HERE ***", subject, 1).replace("*** BLURB HERE ***", blurb, 1)
    mine = iter(prerequisites)
    text = re.sub(r"^(prerequisite-patch-id: )[0-9a-f]+$", lambda m: m.group(1) + next(mine), text, flags=re.M)
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
