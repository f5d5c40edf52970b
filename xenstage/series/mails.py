"""write_mails: the mails of a series, cover letter and all, as git format-patch writes them for everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import __version__
from ..tree.git import Git
from ..tree.isolation import committer
from .make import Series
from .message import fill

# With the settings of every git of ours (tree/isolation.py), all that decides about the bytes of a diff.
_DIFF = ["--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--stat=72"]
_MAIL = ["--quiet", "--cover-letter", "--numbered", "--no-attach", "--no-thread", "--no-signoff", "--no-notes"]


def write_mails(series: Series, directory: Path, git: Git) -> list[Path]:
    """Write the mails of a series into a directory, and return those of the patches in order.

    :returns: nothing for a series without a patch; no cover letter is written then.
    """
    if not series.made:
        return []
    # The cover letter is from the user, and dated like the last patch: the same bytes each time.
    who = committer(series.author.name, series.author.email, git.date_of(series.tip))
    options = [*_MAIL, *_DIFF, f"--base={series.base}", f"--signature=xenstage {__version__}"]
    options += ["-o", str(directory.absolute())]
    git.need("format-patch", *options, f"{series.parent}..{series.tip}", env=who)
    cover, *mails = sorted(directory.glob("[0-9]*.patch"))
    _cover(series, cover)
    return mails


def _cover(series: Series, path: Path) -> None:
    facts: dict[str, Any] = {}
    for made in series.made:
        facts.update(made.facts)
    for name, row in series.kept.items():
        facts[f"kept_{name}"] = row["after"]
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    subject, blurb = series.stage.title, fill(series.stage.cover, facts)
    text = text.replace("*** SUBJECT HERE ***", subject, 1).replace("*** BLURB HERE ***", blurb, 1)
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
