"""Family: which names of the tree belong to a question, so that a gate can be held against what it guards."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """What one accessor asks for.

    :param accessor: the predicate, as "has_vpic".
    :param words: patterns (as of fnmatch, case counts) of identifiers that belong to it:
        functions, fields, constants.
    """

    accessor: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Mixed:
    """A place where something of another family stands behind a gate, on purpose.

    :param function: the function's name.
    :param gate: the accessor that is asked.
    :param holds: the accessor to which what stands there belongs.
    :param because: for people.
    """

    function: str
    gate: str
    holds: str
    because: str


@dataclass(frozen=True)
class Moved:
    """All tests of one family, which a patch moves at once: a test left behind would be as true today, and wrong
    the day a set of features tells the two questions apart.

    :param accessor: the question that is asked after the patch of all that belongs to its family.
    :param instead_of: the questions that no longer guard any of it.
    """

    accessor: str
    instead_of: tuple[str, ...]
