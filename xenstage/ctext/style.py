"""added_faults: the lines that a change adds, and which of them are against CODING_STYLE.

The rules are the mechanical ones of the tree's CODING_STYLE file, from which a file that
mostly keeps another style, as imported ones do, is exempt, as that file says.
"""

from __future__ import annotations

import difflib
import functools
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from .lexer import Kind, Token, matching, tokenize

LINE_WIDTH = 79
TAB_FILE = 20  # more lines than this that begin with a tab: the file keeps another style

_CONTROL = {"if", "for", "while", "switch"}


class Fault(NamedTuple):
    """One rule that one added line breaks: "path:line" and what is wrong with it."""

    where: str
    what: str


def added_faults(changed: Mapping[str, tuple[bytes | None, bytes | None]]) -> tuple[int, list[Fault]]:
    """How many lines a change adds, and the faults of those that it does not only move.

    :param changed: path to the file's bytes before and after; None where there is no such file.
    """
    out: list[Fault] = []
    new: dict[str, list[int]] = {}
    fresh: Counter[bytes] = Counter()
    for path, (old, data) in changed.items():
        if b"\0" in (old or b"") + (data or b""):
            continue
        before, after = (old or b"").split(b"\n"), (data or b"").split(b"\n")
        if data is not None:
            new[path] = _added(before, after)
        fresh.update(Counter(after))
        fresh.subtract(Counter(before))
    for path, indexes in new.items():
        old, now = changed[path]
        data = now or b""
        lines = data.split(b"\n")
        # A line that the patch only moves is not its own: there are no more of its kind than before.
        own = []
        for i in indexes:
            if fresh[lines[i]] > 0:
                fresh[lines[i]] -= 1
                own.append(i)
        out += _line_rules(path, old, data, lines, own)
        if path.endswith((".c", ".h")) and path.startswith("xen/"):
            out += _xen_rules(path, old if old is not None else data, data, set(own))
    return sum(map(len, new.values())), out


def _added(before: list[bytes], after: list[bytes]) -> list[int]:
    """Indexes of the lines that are new, without those that stand at both ends."""
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return [head + j for tag, _, _, j1, j2 in matcher.get_opcodes() if tag != "equal" for j in range(j1, j2)]


def _line_rules(path: str, old: bytes | None, data: bytes, lines: list[bytes], own: list[int]) -> list[Fault]:
    out: list[Fault] = []
    if data and not data.endswith(b"\n") and (old is None or old.endswith(b"\n")):
        out.append(
            Fault(f"{path}:{len(lines)}", "the file no longer ends with a newline" if old else "no newline at the end")
        )
    crlf = old is not None and b"\r\n" in old
    source = path.endswith((".c", ".h")) and path.startswith(("xen/", "tools/libxc/", "tools/libxl/"))
    tabs = sum(line.startswith(b"\t") for line in (old if old is not None else data).split(b"\n")) > TAB_FILE
    strings = [t for t in tokenize(data) if t.kind is Kind.STRING] if source and own else []
    starts = [t.start for t in strings]
    at, offsets = 0, []
    for line in lines:
        offsets.append(at)
        at += len(line) + 1
    for i in own:
        line, where = lines[i], f"{path}:{i + 1}"
        if line.endswith(b"\r") and not crlf:
            out.append(Fault(where, "ends with CR LF"))
            line = line[:-1]
        if not source:
            continue
        text = line.decode("utf-8", "replace")
        if b"\t" in line and not tabs:
            out.append(Fault(where, "holds a tab (CODING_STYLE: spaces, not tabs)"))
        if line != line.rstrip():
            out.append(Fault(where, "ends with white space"))
        wide = len(text.expandtabs(8).rstrip())
        # CODING_STYLE: messages to the user are not split.
        at = bisect_right(starts, offsets[i] + len(line)) - 1
        message = at >= 0 and strings[at].end - offsets[i] >= min(len(line), LINE_WIDTH) and starts[at] >= offsets[i]
        if wide > LINE_WIDTH and not message:
            out.append(Fault(where, f"{wide} columns wide (CODING_STYLE: less than {LINE_WIDTH + 1})"))
    return out


def _xen_rules(path: str, old: bytes, data: bytes, own: set[int]) -> list[Fault]:
    """Blanks inside the brackets of a condition, braces on lines of their own."""
    habits = Counter((rule, good) for rule, good, _, _ in _conditions(old))
    out: list[Fault] = []
    for rule, good, line, what in _conditions(data):
        if not good and line in own and habits[rule, False] <= habits[rule, True]:
            out.append(Fault(f"{path}:{line + 1}", f"{what} (CODING_STYLE: {rule})"))
    return out


_WHITE, _BRACE = "'if ( condition )'", "braces stand on lines of their own"


@functools.lru_cache(maxsize=16)  # one patch's new text is the next one's old
def _conditions(data: bytes) -> list[tuple[str, bool, int, str]]:
    """Every bracket and brace of a control statement: rule, whether kept, line (from 0), what."""
    code = [t for t in tokenize(data) if t.kind is not Kind.COMMENT and not t.in_directive]
    breaks = [m.start() for m in re.finditer(rb"\n", data)]

    def line(offset: int) -> int:
        return bisect_right(breaks, offset - 1)

    out: list[tuple[str, bool, int, str]] = []
    for at, token in enumerate(code[:-1]):
        if token.kind is not Kind.WORD:
            continue
        if token.text in _CONTROL and code[at + 1].text == "(":
            try:
                close = matching(code, at + 1)
            except ValueError:
                continue
            first, last = code[at + 1], code[close]
            lead = data[token.end : first.start] == b" " and data[first.end : first.end + 1] in (b" ", b"\n", b"\r")
            out.append((_WHITE, lead, line(token.start), f"'{token.text}{_text(data, token, first)}'"))
            if line(last.start) != line(token.start) or lead:
                tail = data[last.start - 1 : last.start] in (b" ", b"\n")
                out.append((_WHITE, tail, line(last.start), f"no blank before the ')' of '{token.text}'"))
            after = code[close + 1] if close + 1 < len(code) else None
        elif token.text == "else":
            last, after = token, code[at + 1]
            if at and code[at - 1].text == "}":
                apart = line(code[at - 1].start) != line(token.start)
                out.append((_BRACE, apart, line(token.start), "'} else' on one line"))
        else:
            continue
        if after is not None and after.kind is Kind.PUNCT and after.text == "{":
            apart = line(after.start) != line(last.start)
            out.append((_BRACE, apart, line(after.start), f"'{{' on the line of '{token.text}'"))
    return out


def _text(data: bytes, first: Token, last: Token) -> str:
    return data[first.end : last.end + 1].decode("latin-1").rstrip("\n")
