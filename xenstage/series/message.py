"""Commit messages and cover letters: the tree's conventions, and no more than is known."""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Mapping
from typing import Any

from ..errors import Exit, XenstageError
from ..mail.overlay import Entry
from ..stage.declare import Patch

WIDTH = 72
_NOTHING = Entry()
SUBJECT_WIDTH = 65  # "[PATCH 10/12] " and a mail reader's margin stay below 80


def fill(text: str, facts: Mapping[str, Any]) -> str:
    """Put facts into a text and wrap its paragraphs to 72 columns.

    Indented lines are kept as they are.

    :raises XenstageError: (SITE) when the text names a fact that the rewrite did not
        put down: a claim without evidence.
    """

    def fact(m: re.Match[str]) -> str:
        if m.group(1) not in facts:
            raise XenstageError(
                Exit.SITE,
                f"a message claims {{{m.group(1)}}}, which no evidence shows",
                why=f"facts put down: {', '.join(sorted(facts)) or 'none'}",
                remedy="this is a defect of the stage; nothing was written",
            )
        return str(facts[m.group(1)])

    out: list[str] = []
    for paragraph in re.split(r"\n[ \t]*\n", textwrap.dedent(text).strip("\n")):
        filled = re.sub(r"\{(\w+)\}", fact, paragraph)
        if not filled.strip():
            continue
        pieces: list[str] = []
        for kept, lines in itertools.groupby(filled.split("\n"), key=lambda line: line[:2] == "  " or line[:1] == "\t"):
            text = "\n".join(line.rstrip() for line in lines)
            pieces.append(text if kept else _wrap(" ".join(text.split())))
        out.append("\n".join(pieces))
    return "\n\n".join(out)


def _wrap(text: str, lead: str = "") -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=lead, break_long_words=False, break_on_hyphens=False)


def commit_message(
    patch: Patch, facts: Mapping[str, Any], signoff: str | None, conclusion: str = "", words: Entry = _NOTHING
) -> str:
    """Subject, body, the declared intended changes, a sign-off only if one is given, people's tags.

    :param conclusion: what the proofs allow to say at the end ("No functional change."), or "".
    :param signoff: "Name <address>" of the person who asked for it.
    :param words: what people say of the patch; a subject and a body of theirs take the place of the stage's.
    :raises XenstageError: (SITE) when the subject does not keep the conventions, (USAGE) when it is a person's.
    """
    subject = words.subject or patch.subject
    if len(subject) > SUBJECT_WIDTH or not re.match(r"[\w/.,-]+(?: [\w/.,-]+)*: [a-z]", subject):
        raise XenstageError(
            Exit.USAGE if words.subject else Exit.SITE,
            f"the subject {subject!r} does not keep the tree's conventions",
            why=f"wanted: 'area: lower case imperative', at most {SUBJECT_WIDTH} columns",
            remedy="change it in the overlay" if words.subject else "change it in the stage's declaration",
        )
    parts = [subject, words.body or fill(patch.body, facts)]
    if patch.intended:
        parts.append("Intended changes, visible to guests:")
        parts += [_wrap("- " + " ".join(fill(text, facts).split()), "  ") for text in patch.intended]
    if conclusion:
        parts.append(_wrap(conclusion))
    trailers = ([f"Signed-off-by: {signoff}"] if signoff else []) + list(words.tags)
    parts.append("\n".join(dict.fromkeys(trailers)))
    return "\n\n".join(p for p in parts if p) + "\n"
