"""git: variables, settings, attributes, hooks and templates of the user's."""

from __future__ import annotations

from collections.abc import Iterator

from .kit import Ground, Trial


def trials(ground: Ground) -> Iterator[Trial]:
    """Each is a run of both stages; mails, and the user's repository, are held to a run without it."""
    yield from ()
