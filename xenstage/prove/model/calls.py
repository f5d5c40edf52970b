"""references: every place of the hypervisor's C and assembly text that names a function."""

from __future__ import annotations

import bisect
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...ctext.entities import Entity, entities
from ...ctext.lexer import Kind
from ...index.sweep import Files
from .source import source_files

_SILENT = ("prototype", "conditional", "include", "type")


@dataclass(frozen=True)
class Reference:
    """One place.

    :param path: the file.
    :param holder: what it stands in; None in assembly.
    :param called: whether it is called there by name.
    :param before: the words in front of it, the nearest last.
    """

    path: str
    holder: Entity | None
    called: bool
    before: tuple[str, ...] = ()


def references(files: Files, path: str, name: str) -> Iterator[Reference]:
    """Every place that names a function or macro which a file defines, but for declarations."""
    word = name.encode()
    whole = re.compile(rb"(?<![A-Za-z0-9_])%s(?![A-Za-z0-9_])" % word)
    own = dict(source_files(files))[path]
    static = _is_static(own, name) and path.endswith(".c")
    for at, data in source_files(files):
        if word not in data or not whole.search(data) or (static and at != path):
            continue
        if at.endswith(".S"):
            if _in_assembly(whole, data):
                yield Reference(at, None, True)
            continue
        if at != path and _is_static(data, name):
            continue  # one of its own
        places = [m.start() for m in whole.finditer(data)]
        for e in _kept(files, at, data):
            i = bisect.bisect_left(places, e.start)
            if e.kind not in _SILENT and i < len(places) and places[i] < e.end:
                yield from _inside(e, at, name)


def places(files: Files, name: str) -> Iterator[Entity | None]:
    """Every definition, and every initialiser, that names a variable of the whole hypervisor; None for assembly.

    Declarations are left out.
    """
    word = name.encode()
    whole = re.compile(rb"(?<![A-Za-z0-9_])%s(?![A-Za-z0-9_])" % word)
    for at, data in source_files(files):
        if word not in data or not whole.search(data):
            continue
        if at.endswith(".S"):
            if _in_assembly(whole, data):
                yield None
            continue
        for e in _kept(files, at, data):
            if e.kind not in _SILENT and any(t.text == name and t.kind is Kind.WORD for t in e.tokens):
                yield e


def _in_assembly(whole: re.Pattern[bytes], data: bytes) -> bool:
    """Whether assembly has a word outside comments."""
    return whole.search(re.sub(rb"/\*.*?\*/|//[^\n]*|^#[^\n]*", b"", data, flags=re.S | re.M)) is not None


def _inside(e: Entity, path: str, name: str) -> Iterator[Reference]:
    words = e.words
    for i, w in enumerate(words):
        if w != name or e.tokens[i].kind is not Kind.WORD:
            continue
        if e.name == name and e.kind in ("function", "macro"):
            continue  # its own head, or a call of itself
        if words[i - 1 : i] in ((".",), ("->",)):
            continue  # a member that is called so
        called = words[i + 1 : i + 2] == ("(",) and e.kind in ("function", "macro")
        yield Reference(path, e, called, words[max(0, i - 12) : i])


def member_calls(files: Files, member: str) -> Iterator[Reference]:
    """Every place that calls what a member of a structure holds, or hands it on (not ``called``);
    places that set or test it are left out."""
    word = member.encode()
    pattern = re.compile(rb"(?:->|\.)\s*%s\b\s*\)*\s*(?!=[^=])" % word)
    for at, data in source_files(files):
        if at.endswith(".S") or word not in data or not pattern.search(data):
            continue
        places = [m.start() for m in pattern.finditer(data)]
        for e in _kept(files, at, data):
            first = bisect.bisect_left(places, e.start)
            words = e.words if first < len(places) and places[first] < e.end else ()
            for i in range(1, len(words)):
                if words[i] != member or words[i - 1] not in ("->", "."):
                    continue
                following = words[i + 1 : i + 2]
                if following == (")",) and words[i + 2 : i + 3] == ("(",):  # (*x->member)(…)
                    following = ("(",)
                before = words[max(0, i - 12) : i]
                if following == ("(",) and e.kind in ("function", "macro"):
                    yield Reference(at, e, True, before)
                elif following != ("=",) and _handed_on(before):
                    yield Reference(at, e, False, before)


def _handed_on(before: tuple[str, ...]) -> bool:
    """Whether what ``x->member`` holds becomes the value of something else."""
    i = len(before) - 1
    while i >= 0 and (before[i] in ("->", ".", ")", "(", "*", "&") or before[i].isidentifier()):
        if before[i] == "return":
            return True
        if before[i] == "(" and (i == 0 or before[i - 1] in ("if", "while", "(", "&&", "||", "!", "ASSERT", "BUG_ON")):
            return False
        i -= 1
    return i >= 0 and before[i] in ("=", ",")


def _is_static(data: bytes, name: str) -> bool:
    return (
        re.search(rb"^(?:static|#[ \t]*define)\b[^;{}\n]*\n?[^;{}\n]*\b%s\s*\(" % name.encode(), data, re.M) is not None
    )


def _kept(files: Files, path: str, data: bytes) -> list[Entity]:
    """The entities of a file, read once for as long as the files are known."""
    key = ("entities", path, hashlib.sha256(data).digest())
    if key not in files.memo:
        files.memo[key] = list(entities(data).values())
    kept: list[Entity] = files.memo[key]
    return kept


def find(files: Files, path: str, name: str) -> Entity | None:
    """The function or macro of a file."""
    data = dict(source_files(files)).get(path)
    found = _kept(files, path, data) if data is not None else []
    return next((e for e in found if e.name == name and e.kind in ("function", "macro")), None)
