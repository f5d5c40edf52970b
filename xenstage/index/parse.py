"""parse: one translation unit as libclang reads it, with edited files laid over a prepared tree.

What is asked of it and how the answer is found is in :mod:`.record`.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clang import cindex

from ..errors import Exit, XenstageError
from ..tree.prepare import Unit

_OPTIONS = cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD
FORMAT = "12"  # of the answers; a change makes every cached one unread


@dataclass(frozen=True)
class Harmless:
    """A class of errors that says nothing about how the C is read.

    :param name: for people, in numbers that are printed.
    :param pattern: what clang says, whatever the names in it.
    :param reason: why the tree of declarations is whole all the same, and who decides instead.
    """

    name: str
    pattern: re.Pattern[str]
    reason: str


HARMLESS = (
    Harmless(
        "section type conflict",
        re.compile(r"'[^']*' causes a section type conflict with '[^']*'\Z"),
        "about the object file, not about C: the attribute is dropped after all was read (clang's Sema, "
        "UnifySection), and type, initialiser and uses stay; whether a compiler takes it, the builds say",
    ),
)
"""By what clang says, never by file: any other error, and these where one stands beside another, stop."""


def harmless(message: str) -> Harmless | None:
    """The class of an error that may be passed over, or None."""
    return next((h for h in HARMLESS if h.pattern.search(message)), None)


@dataclass(frozen=True)
class Ask:
    """One hit that a unit is asked about.

    :param argument: offset of the last token of the hit's argument, or None.
    :param parameter: where the argument is a parameter of the macro in whose body the
        hit stands: that macro and the parameter's index; else None.
    :param macro: where the hit stands in a macro's body: offset of the macro's name.
    :param around: offsets of the names in whose argument lists the hit stands.
    """

    offset: int
    name: str
    argument: int | None
    parameter: tuple[str, int] | None
    macro: int | None = None
    around: tuple[int, ...] = ()


@dataclass(frozen=True)
class Question:
    """What all units of a tree are asked.

    :param asks: path to the hits in that file.
    :param define: names whose definitions are wanted.
    :param overlay: edited files, path to bytes.
    :param removed: files of the checkout that are gone: who includes one stops.
    :param names: all that is looked for, also what no file holds.
    :param others: path to offset and name of the hits that are taken for no code.
    :param functions: path to the offsets of its functions' names.
    :param macros: whether a definition that is wanted is a macro's.
    """

    asks: Mapping[str, tuple[Ask, ...]]
    define: tuple[str, ...] = ()
    overlay: Mapping[str, bytes] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    others: Mapping[str, tuple[tuple[int, str], ...]] = field(default_factory=dict)
    functions: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    macros: bool = False

    @functools.cached_property
    def laid_over(self) -> dict[str, bytes]:
        """Every file that the parser is not to read from the checkout."""
        return {**self.overlay, **dict.fromkeys(sorted(self.removed), b"#error this file is gone\n")}

    @functools.cached_property
    def key(self) -> tuple[str, ...]:
        """What an answer depends on beside the bytes of files, from which the rest follows."""
        return (*self.names, "\0", *self.define, f"\0{self.macros}")


@dataclass(frozen=True)
class Job:
    """A unit, how to parse it, and what to ask."""

    root: Path
    unit: Unit
    target: str
    question: Question


def flags(unit: Unit, target: str) -> list[str]:
    """The recorded arguments without those that only a driver or assembler wants."""
    out: list[str] = []
    skip = False
    for arg in unit.args:
        if skip:
            skip = False
        elif arg in ("-o", "-MF"):
            skip = True
        elif arg not in ("-c", "-MMD", "-Werror") and not arg.startswith("-Wa,") and not arg.endswith(".c"):
            out.append(arg)
    return [*out, f"--target={target}", "-ferror-limit=0", "-w", "-Qunused-arguments"]


def parse(root: Path, unit: Unit, target: str, overlay: Mapping[str, bytes]) -> cindex.TranslationUnit:
    """Parse one unit with edited files laid over the prepared tree.

    :raises XenstageError: (PARSE) for any diagnostic of severity error or worse that is not
        :data:`HARMLESS`, with the file, the message and the unit's flags.
    """
    previous = os.getcwd()
    os.chdir(root / unit.cwd)
    try:
        args = flags(unit, target)
        index = cindex.Index.create()
        tu = index.parse(str(root / unit.source), args, unsaved_files=_unsaved(root, overlay), options=_OPTIONS)
    except cindex.TranslationUnitLoadError as e:
        raise _parse_error(unit, args, str(e)) from e
    finally:
        os.chdir(previous)
    bad = [d for d in errors_of(tu) if d.severity > cindex.Diagnostic.Error or harmless(d.spelling) is None]
    if bad:
        shown = "\n".join(str(d).replace(f"{root}/", "") for d in bad[:5])
        raise _parse_error(unit, args, shown)
    return tu


def errors_of(tu: cindex.TranslationUnit) -> list[Any]:
    """The diagnostics of severity error or worse."""
    return [d for d in tu.diagnostics if d.severity >= cindex.Diagnostic.Error]


def _unsaved(root: Path, overlay: Mapping[str, bytes]) -> list[tuple[str, Any]]:
    return [(str(root / path), data) for path, data in overlay.items()]


def _parse_error(unit: Unit, args: list[str], what: str) -> XenstageError:
    return XenstageError(
        Exit.PARSE,
        f"the parser reports an error in {unit.source}",
        why=f"{what}\nflags: {' '.join(args)}",
        remedy="nothing was written; a file that does not parse cannot be rewritten. Correct it, or use another base",
    )
