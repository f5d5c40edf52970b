"""spelled: declared lines that leave open what differs from tree to tree, held against the lines that are there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..ctext.lexer import Kind, tokenize
from ..ctext.pattern import HOLE_IN_TEXT, Pattern
from ..effect import OPEN, left_open

_NUMBER = re.compile(r"(0x[0-9a-f]+|[0-9]+)([ul]*)\Z", re.I)


@dataclass
class _Known:
    """What is known of the names that declared lines leave open.

    :param holes: the text that each hole stands for.
    :param numbers: each number.
    """

    holes: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)


def pair(declared: Sequence[str], there: Iterable[str]) -> tuple[list[str], list[str]]:
    """Find each declared line among those that are there, each of which stands for one.

    A line that leaves something open takes the first that fits, and from then on its names are known, so that lines
    with the same names say the same. No line that is there counts twice: where both lists come back empty, the
    lines are as declared.

    :returns: declared lines that are not there, and lines that are there and not declared.
    """
    known, rest, missing, loose = _Known(), list(there), list[str](), list[str]()
    for line in declared:
        if left_open([line]):
            loose.append(line)
        elif line in rest:
            rest.remove(line)
        else:
            missing.append(line)
    for line in sorted(loose, key=_computed):
        fits = next((x for x in rest if _fits(line, x, known)), None)
        if fits is None:
            missing.append(line)
        else:
            rest.remove(fits)
    return missing, rest


def _computed(line: str) -> bool:
    """Whether a line names no number as it is, so that others must say what its numbers come from."""
    return not any(m["number"] and not m["times"] and not m["plus"] for m in OPEN.finditer(line))


def _fits(declared: str, there: str, known: _Known) -> bool:
    """Whether a line is an instance of a declared one; what that fixes is known afterwards."""
    numbers: list[re.Match[str]] = []

    def part(m: re.Match[str]) -> str:
        if m["hole"]:
            return known.holes.get(m["hole"], m.group())
        numbers.append(m)
        return f"$_{len(numbers)}:arg"

    found = Pattern(f"{OPEN.sub(part, declared)};").find(f"{there};".encode("latin-1", "replace"))
    match = next((m for m in found if (m.start, m.end) == (0, len(there) + 1)), None)
    if match is None:
        return False
    texts = {name: there[a:b] for name, (a, b) in match.holes.items()}
    values = dict(known.numbers)
    for i, m in enumerate(numbers, 1):
        value = _solved(m, texts.pop(f"_{i}"))
        if value is None or values.setdefault(m["number"], value) != value:
            return False
    known.numbers.update(values)
    known.holes.update(texts)
    return True


def _solved(declared: re.Match[str], text: str) -> int | None:
    """The number of which a text is the declared multiple and sum; None for another text."""
    m = _NUMBER.match(text)
    if m is None:
        return None
    times = int(declared["times"] or 1)
    value, rest = divmod(int(m[1], 0) - int(declared["plus"] or 0), times) if times else (0, 1)
    return None if rest or value < 0 else value


def each_becomes(lines: Iterable[str], old: str, new: str) -> list[str] | None:
    """Lines with every match of a pattern rewritten; None where there is no match.

    :param old: the pattern.
    :param new: a text with the pattern's holes.
    """
    out, pattern, count = [], Pattern(old), 0
    for line in lines:
        at, text = 0, ""
        for m in pattern.find(line.encode("latin-1", "replace")):
            pieces = HOLE_IN_TEXT.split(new)
            pieces[1::2] = [line[slice(*m.holes[name])] for name in pieces[1::2]]
            text += line[at : m.start] + "".join(pieces)
            at = m.end
            count += 1
        out.append(text + line[at:])
    return out if count else None


def same_tokens(a: Iterable[str], b: Iterable[str]) -> bool:
    """Whether lines are the same but for blanks."""
    return [_tokens(x) for x in a] == [_tokens(x) for x in b]


def _tokens(line: str) -> list[tuple[Kind, str]]:
    return [(t.kind, t.text) for t in tokenize(line.encode("latin-1", "replace"))]
