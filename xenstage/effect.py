"""Effect, Answer, Reach and Made: what a patch means, exactly: what becomes of a function, whom a new name answers
yes, which hypercalls are reached, and how kinds of guest are made where their creator says more than flags."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

ANYBODY = "*"
OPEN = re.compile(
    r"\$(?P<hole>[a-z_][a-z0-9_]*)(?::\w+)?|\{(?:(?P<times>\d+)\*)?(?P<number>[a-z]\w*)(?:\+(?P<plus>\d+))?\}"
)
"""What a declared line leaves to the tree: ``$name``, a hole as in a pattern (:mod:`xenstage.ctext.pattern`), and
``{n}``, ``{n+4}``, ``{8*n+32}``, a number and numbers made of it; each name is the same throughout the declaration."""


def left_open(lines: Iterable[str]) -> set[str]:
    """The names of what lines leave open."""
    return {m["hole"] or m["number"] for line in lines for m in OPEN.finditer(line)}


@dataclass(frozen=True)
class Effect:
    """One declared effect; exactly one of ``reads_true``, ``diff``, ``each``, ``becomes`` and
    ``unreachable`` says what it is.

    The proofs hold it both ways: a difference that no effect declares is a FAIL, and so is
    an effect that does not happen.

    :param path: the file, as "xen/common/kernel.c".
    :param function: the function's or macro's name.
    :param kind: the kind of guest as the evidence names it: the creation flags without their
        prefix, joined by "+"; "pv" for a guest made without any; :data:`ANYBODY` where the
        function does not ask who calls.
    :param reads_true: a pattern (fnmatch) of predicates: the new function does for this kind
        what the old one would do if these said yes.
    :param diff: what is left of the old and of the new function for this kind differs by
        exactly these lines: "- " gone, "+ " new, as the finding prints them. What differs from tree to
        tree the lines may leave open (:data:`OPEN`); a line that is new holds nothing that no line gone fixes.
    :param each: a pattern and what it becomes, as the two lines of a diff: wherever it is in what is left of the
        old function, and it is there, the new one has that, and nothing else differs.
    :param becomes: all that is left of the new function for this kind, line by line, but for
        declarations and reads.
    :param unreachable: this kind of guest never gets to the function, in either tree.
    :param because: for people.
    """

    path: str
    function: str
    kind: str
    reads_true: str = ""
    diff: str = ""
    becomes: str = ""
    unreachable: bool = False
    because: str = ""
    each: str = ""

    def __post_init__(self) -> None:
        if sum(map(bool, (self.reads_true, self.diff, self.each, self.becomes, self.unreachable))) != 1:
            raise ValueError(f"{self.where}: an effect is one of reads_true, diff, each, becomes and unreachable")
        loose = left_open(self.new) - left_open(self.gone)
        if loose:
            raise ValueError(f"{self.where}: no line that goes fixes {', '.join(sorted(loose))}")
        if self.each and (len(self.gone), len(self.new)) != (1, 1):
            raise ValueError(f"{self.where}: each is one line that goes and one that is new")

    @property
    def where(self) -> str:
        """For findings."""
        return f"{self.path}: {self.function} for a {self.kind} guest"

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of ``diff``, ``each`` or ``becomes``, stripped."""
        text = self.diff or self.each or self.becomes
        return tuple(" ".join(line.split()) for line in text.splitlines() if line.strip())

    @property
    def gone(self) -> tuple[str, ...]:
        """The lines of ``diff`` or ``each`` that go."""
        return tuple(x for x in self.lines if x.startswith("- ") and not self.becomes)

    @property
    def new(self) -> tuple[str, ...]:
        """The lines of ``diff`` or ``each`` that are new."""
        return tuple(x for x in self.lines if x.startswith("+ ") and not self.becomes)

    def to_json(self) -> dict[str, Any]:
        """As the evidence file has it."""
        return asdict(self)

    @staticmethod
    def from_json(value: dict[str, Any]) -> Effect:
        """The inverse of :meth:`to_json`.

        :raises ValueError: for a value that is no effect.
        """
        try:
            return Effect(**value)
        except TypeError as e:
            raise ValueError(str(e)) from e


@dataclass(frozen=True)
class Answer:
    """What a new name says of each kind of guest; the proofs hold it both ways.

    :param name: the macro or function of one argument, a domain, as "has_vlapic".
    :param yes: kinds for which it answers 1, named as :attr:`Effect.kind`; 0 for all others.
    :param bits: the macros of the bits of which it asks whether any is set; none where it asks
        something else.
    """

    name: str
    yes: tuple[str, ...]
    bits: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As the evidence file has it."""
        return {"name": self.name, "yes": list(self.yes), "bits": list(self.bits)}

    @staticmethod
    def from_json(value: dict[str, Any]) -> Answer:
        """The inverse of :meth:`to_json`.

        :raises ValueError: for a value that is none.
        """
        try:
            return Answer(str(value["name"]), tuple(value["yes"]), tuple(value["bits"]))
        except (KeyError, TypeError) as e:
            raise ValueError(str(e)) from e


@dataclass(frozen=True)
class Reach:
    """What becomes of one cell of the hypercall matrix; the proof holds it both ways.

    :param cell: kind of guest, width and name, as "pvh/64/set_timer_op".
    :param becomes: a pattern (fnmatch) of what it reaches after the patch, as the matrix has it.
    """

    cell: str
    becomes: str

    def to_json(self) -> dict[str, Any]:
        """As the evidence file has it."""
        return asdict(self)

    @staticmethod
    def from_json(value: dict[str, Any]) -> Reach:
        """The inverse of :meth:`to_json`.

        :raises ValueError: for a value that is none.
        """
        try:
            return Reach(str(value["cell"]), str(value["becomes"]))
        except (KeyError, TypeError) as e:
            raise ValueError(str(e)) from e


@dataclass(frozen=True)
class Made:
    """How a kind of guest is made: what its creator passes to the function that makes domains.

    Of several for one kind the first counts whose flags a tree has.

    :param kind: the name by which proofs and evidence know it, on both sides of a patch.
    :param flags: the creation flags, all of which are passed.
    :param given: other parameters of that function and what is passed for them: a number or a macro.
    """

    kind: str
    flags: tuple[str, ...] = ()
    given: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As the evidence file has it."""
        return {"kind": self.kind, "flags": list(self.flags), "given": [list(x) for x in self.given]}

    @staticmethod
    def from_json(value: dict[str, Any]) -> Made:
        """The inverse of :meth:`to_json`.

        :raises ValueError: for a value that is none.
        """
        try:
            return Made(str(value["kind"]), tuple(value["flags"]), tuple((n, v) for n, v in value["given"]))
        except (KeyError, TypeError) as e:
            raise ValueError(str(e)) from e
