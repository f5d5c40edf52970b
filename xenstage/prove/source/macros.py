"""macro_difference: does every use of a changed macro in the tree still get what a reader of its body expects?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from ...ctext.body import split_commas
from ...ctext.entities import Entity, entities
from ...ctext.lexer import Kind, Token, matching, tokenize
from ...ctext.macros import UNARY, Shape, binds_left, binds_right, loosest, shape_of
from ...index.sweep import C_SUFFIXES, Files, sweep
from ..case import spot

_DEPTH = 4


@dataclass(frozen=True)
class Use:
    """One use of a macro.

    :param where: "path:line".
    :param left: how tightly the text before it binds; ``right`` that behind it.
    :param arguments: the words of each.
    :param macro: the macro in whose body it stands, if it does.
    """

    where: str
    left: int
    right: int
    arguments: tuple[tuple[str, ...], ...]
    macro: Entity | None


def macro_difference(files: Files, old: Entity | None, new: Entity) -> str:
    """The first use at which a macro's new body does not stand for one value of its arguments; "" for none.

    :param old: what it was; flaws that it had are none of the patch.
    """
    now = shape_of(new)
    was = shape_of(old) if old is not None and old.kind == "macro" else Shape()
    if now is None:
        if was is not None and old is not None:
            return "its body is no expression any more"
        return _other_times(old, new)
    was = was or Shape()
    parameters = list(now.times)
    names = list(was.times) if old is not None and old.kind == "macro" else parameters
    before = dict(zip(parameters, names, strict=False))
    if now.level >= was.level and not any(_worse(now, was, p, before.get(p, p)) for p in parameters):
        return ""
    for use in uses(files, new.name, bool(parameters)):
        if now.level < was.level and max(use.left, use.right) >= now.level:
            return f"its body holds a looser operator than before, and {use.where} puts it between others"
        for p, argument in zip(parameters, use.arguments, strict=False):
            if not _worse(now, was, p, before.get(p, p)):
                continue
            said = " ".join(argument)
            if p in now.bare and loosest(argument) <= now.bare[p] and loosest(argument) <= UNARY:
                return f"its body uses {p} without brackets, and {use.where} gives it '{said}'"
            if now.times[p] != was.times.get(before.get(p, p), 1) and not _reads(files, argument, use.macro, _DEPTH):
                return f"its body evaluates {p} {now.times[p]} times, and {use.where} gives it '{said}'"
    return ""


def _other_times(old: Entity | None, new: Entity) -> str:
    """Which argument a body that is no expression names another number of times; "" for none."""
    if old is None or old.kind != "macro":
        return ""
    heads = [e.words[2 : e.words.index(")") + 1] if ")" in e.words else () for e in (old, new)]
    for a, b in zip(*heads, strict=False):
        if a.isidentifier() and old.words.count(a) != new.words.count(b):
            return f"its body, a block, uses {b} {new.words.count(b) - 1} times, and did {old.words.count(a) - 1} times"
    return ""


def _worse(now: Shape, was: Shape, name: str, old_name: str) -> bool:
    bare = name in now.bare and now.bare[name] > was.bare.get(old_name, -1)
    return bare or now.times[name] != was.times.get(old_name, 1)


def uses(files: Files, name: str, takes: bool) -> Iterator[Use]:
    """Uses of a macro in code; without a parenthesis behind it a macro that takes arguments is none."""
    by_path: dict[str, list[int]] = {}
    for hit in sweep(files, [name]):
        if hit.path.endswith(C_SUFFIXES):
            by_path.setdefault(hit.path, []).append(hit.offset)
    for path, offsets in by_path.items():
        data = files.read(path)
        tokens = [t for t in tokenize(data) if t.kind is not Kind.COMMENT]
        at = {t.start: i for i, t in enumerate(tokens)}
        macros = [e for e in entities(data).values() if e.kind == "macro"]
        for offset in offsets:
            i = at.get(offset)
            if i is None or tokens[i].kind is not Kind.WORD or tokens[max(i - 1, 0)].kind is Kind.DIRECTIVE:
                continue
            close = i
            arguments: list[list[str]] = []
            if takes:
                if i + 1 >= len(tokens) or tokens[i + 1].text != "(":
                    continue
                try:
                    close = matching(tokens, i + 1)
                except ValueError:
                    continue
                arguments = split_commas([t.text for t in tokens[i + 2 : close]])
            inside = next((m for m in macros if m.start <= offset < m.end), None)
            left, right = (_words(part, inside) for part in (tokens[max(i - 3, 0) : i], tokens[close + 1 : close + 3]))
            made = tuple(tuple(a) for a in arguments)
            yield Use(spot(files, path, offset), binds_left(left), binds_right(right), made, inside)


def _words(tokens: list[Token], macro: Entity | None) -> list[str]:
    """The words around a use; a macro's ends with its line, and begins behind its head."""
    if macro is None:
        return [t.text for t in tokens if not t.in_directive]
    body = [t for t in tokens if macro.start <= t.start < macro.end and t.kind not in (Kind.DIRECTIVE, Kind.END)]
    return [t.text for t in body if t.start > macro.tokens[1].start]


def _reads(files: Files, argument: tuple[str, ...], macro: Entity | None, depth: int) -> bool:
    """Whether evaluating an argument twice, or not at all, is the same as evaluating it once."""
    if {"++", "--", "=", "+=", "-=", "|=", "&=", "^="} & {*argument}:
        return False
    for a, b in itertools.pairwise(argument):
        if b == "(" and (a.isidentifier() or a in (")", "]")):
            return False  # a call, or a cast that looks like one
    if macro is None:
        return True
    shape = shape_of(macro)
    mine = [n for n in shape.times if n in argument] if shape is not None else list(argument)
    if not mine:
        return True
    if depth == 0 or shape is None:
        return False
    order = list(shape.times)
    return all(
        _reads(files, u.arguments[order.index(n)], u.macro, depth - 1)
        for u in uses(files, macro.name, True)
        for n in mine
        if order.index(n) < len(u.arguments)
    )
