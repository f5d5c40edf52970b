"""Mutation operators: small breakages that find their place by structure, on any tree."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from xenstage.ctext.body import NotUnderstood, parse_body
from xenstage.ctext.entities import Entity, entities
from xenstage.ctext.lexer import Kind, tokenize
from xenstage.index.sweep import Files

Changed = dict[str, bytes]
Apply = Callable[[Files], Changed]
CODE = r"xen/(arch/x86|common|drivers)/.*\.c\Z"


@dataclass(frozen=True)
class Mutant:
    """One breakage.

    :param name: short, unique.
    :param kind: what sort of mistake it is.
    :param stage: number of the stage whose patch it spoils; ``patch`` is the patch's.
    :param caught_by: the proof that must find it.
    :param apply: the files of the tree after the patch that it changes, with their bytes;
        LookupError where the tree has no place for it.
    :param both: what it brings to the trees before and after the patch, for ``apply`` to spoil.
    :param subject: words of the subject by which the patch is known instead of its number, which
        differs between trees.
    :param config: for a mutant of the builds, the configuration in which it shows.
    :param keeps_edits: whether the declared edits stay, so that the difference is stray.
    """

    name: str
    kind: str
    stage: int
    patch: int
    caught_by: str
    apply: Apply
    keeps_edits: bool = False
    both: Apply | None = None
    config: str = ""
    subject: str = ""


@dataclass(frozen=True)
class Place:
    """A function in a file."""

    path: str
    data: bytes
    function: Entity

    @property
    def text(self) -> bytes:
        """The function's bytes."""
        return self.data[self.function.start : self.function.end]

    def with_text(self, text: bytes) -> Changed:
        """The file with the function's bytes replaced."""
        if text == self.text:
            raise LookupError("the operator changes nothing")
        return {self.path: self.data[: self.function.start] + text + self.data[self.function.end :]}


def places(files: Files, where: str = CODE, word: str = "") -> Iterator[Place]:
    """Functions that can be read, in files whose path matches."""
    for path in files.paths():
        if not re.match(where, path):
            continue
        data = files.read(path)
        if word.encode() not in data:
            continue
        for e in entities(data).values():
            if e.kind != "function" or word.encode() not in data[e.start : e.end]:
                continue
            try:
                parse_body(e)
            except NotUnderstood:
                continue
            yield Place(path, data, e)


def _in_code(text: bytes, offset: int) -> bool:
    return not any(t.start <= offset < t.end for t in tokenize(text) if t.kind in (Kind.COMMENT, Kind.STRING))


def replace(pattern: str, new: str, *, where: str = CODE, word: str = "is_", within: str = "") -> Apply:
    """Replace the first match of a pattern in the code of a function.

    :param within: a pattern that the function's text must match as well.
    """

    def apply(files: Files) -> Changed:
        for place in places(files, where, word):
            if within and not re.search(within.encode(), place.text, re.S):
                continue
            for m in re.finditer(pattern.encode(), place.text, re.S):
                if _in_code(place.text, m.start()):
                    text = place.text[: m.start()] + m.expand(new.encode()) + place.text[m.end() :]
                    return place.with_text(text)
        raise LookupError(f"no function with {pattern}")

    return apply


def in_file(path: str, pattern: str, new: str, count: int = 1) -> Apply:
    """Replace matches of a pattern anywhere in one file."""

    def apply(files: Files) -> Changed:
        data = files.read(path)
        text, n = re.subn(pattern.encode(), new.encode(), data, count=count, flags=re.S)
        if not n or text == data:
            raise LookupError(f"{path} has no {pattern}")
        return {path: text}

    return apply


def move(what: str, after: str, *, where: str, word: str) -> Apply:
    """Move the first match of a pattern behind the first match of another, later one."""

    def apply(files: Files) -> Changed:
        for place in places(files, where, word):
            m = re.search(what.encode(), place.text, re.S)
            rest = re.search(after.encode(), place.text[m.end() :], re.S) if m else None
            if m and rest:
                at = m.end() + rest.end()
                return place.with_text(place.text[: m.start()] + place.text[m.end() : at] + m.group() + place.text[at:])
        raise LookupError(f"no function with {what} and then {after}")

    return apply


def beside(path: str, text: str, *, at: str = r"\Z") -> Apply:
    """Put text into a file, in front of the first match of a pattern."""

    def apply(files: Files) -> Changed:
        data = files.read(path)
        m = re.search(at.encode(), data, re.S)
        if m is None:
            raise LookupError(f"{path} has no {at}")
        return {path: data[: m.start()] + text.encode() + data[m.start() :]}

    return apply


def added(path: str, text: str, then: Apply) -> Apply:
    """A new file, and another change that makes use of it."""

    def apply(files: Files) -> Changed:
        if path in files.tracked:
            raise LookupError(f"{path} is there already")
        return {path: text.encode(), **then(files)}

    return apply


def head(pattern: str, new: str, *, where: str = CODE, word: str = "", unless: str = r"__init|__attribute__") -> Apply:
    """Replace the first match of a pattern in the head of a function (what stands before its body)."""

    def apply(files: Files) -> Changed:
        for place in places(files, where, word):
            at = place.text.find(b"{")
            text = place.text[:at]
            if at < 0 or b"#" in text or re.search(unless.encode(), text):
                continue
            spoilt = re.sub(pattern.encode(), new.encode(), text, count=1, flags=re.S)
            if spoilt != text:
                return place.with_text(spoilt + place.text[at:])
        raise LookupError(f"no function whose head has {pattern}")

    return apply
