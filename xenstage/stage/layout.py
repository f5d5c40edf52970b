"""lay_out: what edits of C files look like by CODING_STYLE, so that no stage counts columns.

Only lines that the edits make are looked at.  Continuation lines that were aligned with
what stands after their bracket (or after ``=``, ``return``, ``?``, or with their ``?``) follow
it; lines of 80 columns and more are wrapped; blanks at their ends go, and those
missing inside the brackets of a condition come.
"""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..ctext.lexer import Kind, Token, matching, tokenize
from ..ctext.style import LINE_WIDTH, TAB_FILE
from ..edit.compose import Change, Made, compose, make
from ..edit.edits import Edit

WIDTH = LINE_WIDTH + 1
RULE = "keep CODING_STYLE"
C_TEXT = (".c", ".h")


def lay_out(edits: Iterable[Edit], files: Mapping[str, bytes]) -> list[Edit]:
    """The same edits with the layout of what they touch in order.

    :param edits: sorted, none overlapping (:func:`xenstage.edit.edits.merge`).
    :param files: bytes of every file that they touch.
    """
    by_path: dict[str, list[Edit]] = {}
    for e in edits:
        by_path.setdefault(e.path, []).append(e)
    out: list[Edit] = []
    for path, mine in sorted(by_path.items()):
        out += _lay_out(path, files[path], mine) if path.endswith(C_TEXT) else mine
    return out


def _lay_out(path: str, data: bytes, edits: list[Edit]) -> list[Edit]:
    if sum(line.startswith(b"\t") for line in data.split(b"\n")) > TAB_FILE:
        return edits  # the file keeps another style
    for step in (_align, _strip, _open, *(_wrap,) * 40):
        changes = step(data, make(data, edits))
        if changes:
            edits = compose(path, data, edits, sorted(changes), RULE)
        elif step is _wrap:
            break
    return edits


class _Text:
    """A text with its lines and the tokens of each."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.tokens = tokenize(data)
        self.starts = [0]
        at = data.find(b"\n")
        while at >= 0:
            self.starts.append(at + 1)
            at = data.find(b"\n", at + 1)
        self.token_starts = [t.start for t in self.tokens]

    def line(self, offset: int) -> int:
        """0-based line of an offset."""
        return bisect.bisect_right(self.starts, offset) - 1

    def column(self, offset: int) -> int:
        """0-based column of an offset."""
        return offset - self.starts[self.line(offset)]

    def bytes_of(self, line: int) -> bytes:
        """A line without its newline."""
        end = self.starts[line + 1] - 1 if line + 1 < len(self.starts) else len(self.data)
        return self.data[self.starts[line] : end]

    def first(self, line: int) -> int | None:
        """Index of the token that begins a line."""
        i = bisect.bisect_left(self.token_starts, self.starts[line])
        if i >= len(self.tokens) or self.line(self.tokens[i].start) != line or self.tokens[i].kind is Kind.END:
            return None
        blank = self.data[self.starts[line] : self.tokens[i].start].strip(b" ") == b""
        return i if blank else None


@functools.lru_cache(maxsize=4)  # one step after the other looks at the same
def _text(data: bytes) -> _Text:
    return _Text(data)


def _new_lines(data: bytes, text: _Text) -> list[int]:
    """Lines that the file did not hold."""
    old = set(data.split(b"\n"))
    return [i for i in range(len(text.starts)) if text.bytes_of(i) not in old]


def _strip(data: bytes, made: Made) -> list[Change]:
    """Blanks at the ends of new lines."""
    text, out = _text(made.text), []
    for i in _new_lines(data, text):
        line = text.bytes_of(i)
        bare = line.rstrip(b" \t")
        if bare != line:
            out.append(Change(text.starts[i] + len(bare), text.starts[i] + len(line), b""))
    return out


def _open(data: bytes, made: Made) -> list[Change]:
    """Blanks inside the brackets of a condition that has them on one new line; not where the file does without."""
    if len(_BARE.findall(data)) > len(_APART.findall(data)):
        return []
    text, out = _text(made.text), []
    code = [t for t in text.tokens if t.kind is not Kind.COMMENT]
    new = set(_new_lines(data, text))
    for i, t in enumerate(code[:-1]):
        if t.text not in _CONDITIONS or code[i + 1].text != "(" or text.line(t.start) not in new:
            continue
        try:
            close = code[matching(code, i + 1)].start
        except ValueError:
            continue
        inside = code[i + 1].end
        if text.line(close) == text.line(t.start):
            lacking = [at for at in (inside, close) if made.text[at - (at == close)] != ord(" ")]
            out += [Change(at, at, b" ") for at in lacking]
    return out


_CONDITIONS = frozenset({"if", "while", "for", "switch"})
_BARE = re.compile(rb"\b(?:if|while|for|switch) ?\([^ \n].*[^ \n]\)(?: \{)?$", re.M)
_APART = re.compile(rb"\b(?:if|while|for|switch) ?\( .* \)$", re.M)


# Alignment ---------------------------------------------------------------


@dataclass
class _Level:
    """An open bracket and what continuation lines inside it may be aligned with.

    :param anchors: token indexes: what follows the bracket, an assignment or return; a ``?``.
    """

    bracket: int
    anchors: list[int]


def _align(data: bytes, made: Made) -> list[Change]:
    """Continuation lines follow what they were aligned with."""
    old, new = _text(data), _text(made.text)
    touched = _new_lines(data, new)
    if not touched:
        return []
    shift: dict[int, int] = {}  # line to columns
    out: list[Change] = []
    for line, index, anchors in _continuations(new, *_window(new, touched)):
        start = made.old(new.tokens[index].start)
        if start is None or old.data[old.starts[old.line(start)] : start].strip(b" "):
            continue
        for a in reversed(anchors):
            t = new.tokens[a]
            before = _old_column(old, new, made, a)
            if before != old.column(start):
                continue
            want = new.column(t.start) + shift.get(new.line(t.start), 0)
            have = new.column(new.tokens[index].start)
            if want != have:
                shift[line] = want - have
                at = new.starts[line]
                out.append(Change(at, at + have, b" " * want))
            break
    return out


def _old_column(old: _Text, new: _Text, made: Made, index: int) -> int | None:
    """Where an anchor stood: itself, or, where it is new, what followed the same bracket."""
    start = made.old(new.tokens[index].start)
    if start is not None and made.old(new.tokens[index].end - 1) is not None:
        return old.column(start)
    before = made.old(new.tokens[index - 1].start) if index else None
    if before is None:
        return None
    i = bisect.bisect_right(old.token_starts, before)
    if i >= len(old.tokens) or old.line(old.tokens[i].start) != old.line(before):
        return None
    return old.column(old.tokens[i].start)


def _window(text: _Text, lines: list[int]) -> tuple[int, int]:
    """Token indexes from the end of what is defined before some lines to the end of what holds the last."""
    first, last = lines[0], lines[-1]
    while first > 0 and text.bytes_of(first - 1)[:1] != b"}":
        first -= 1
    while last + 1 < len(text.starts) and text.bytes_of(last)[:1] != b"}":
        last += 1
    end = text.starts[last] + len(text.bytes_of(last))
    return bisect.bisect_left(text.token_starts, text.starts[first]), bisect.bisect_right(text.token_starts, end)


def _continuations(text: _Text, low: int, high: int) -> list[tuple[int, int, list[int]]]:
    """(line, its first token, anchors of the innermost bracket around it) of each line that goes on."""
    out: list[tuple[int, int, list[int]]] = []
    levels = [_Level(-1, [])]
    last_line = -1
    for i in range(low, high):
        t = text.tokens[i]
        if t.kind is Kind.END:
            levels = [_Level(-1, [])] if t.in_directive and len(levels) == 1 else levels
            continue
        line = text.line(t.start)
        if line != last_line and t.kind is not Kind.DIRECTIVE and levels[-1].anchors:
            anchors = [a for a in levels[-1].anchors if t.text == ":" or text.tokens[a].text != "?"]
            out.append((line, i, anchors))
        last_line = text.line(max(t.end - 1, t.start))
        if t.kind is Kind.COMMENT:
            continue
        follows = i + 1 < len(text.tokens) and text.line(text.tokens[i + 1].start) == line
        if t.text in ("(", "[", "{") and t.kind is Kind.PUNCT:
            levels.append(_Level(i, [i + 1] if follows and t.text != "{" else []))
        elif t.text in (")", "]", "}") and t.kind is Kind.PUNCT:
            if len(levels) > 1:
                levels.pop()
            if t.text == "}":
                levels[-1].anchors = []
        elif t.text == ";":
            levels[-1].anchors = []
        elif follows and (t.text == "return" or (t.text.endswith("=") and t.text not in _COMPARES)):
            levels[-1].anchors.append(i + 1)
        elif t.text == "?":
            levels[-1].anchors += [i, i + 1] if follows else [i]
    return out


_COMPARES = {"==", "!=", "<=", ">="}

# Wrapping ----------------------------------------------------------------


def _wrap(data: bytes, made: Made) -> list[Change]:
    """The first new line that is too long, broken once (or the arguments that it holds filled anew)."""
    text = _text(made.text)
    for line in _new_lines(data, text):
        if len(text.bytes_of(line).decode("utf-8", "replace")) < WIDTH:
            continue
        changes = _wrap_line(text, line)
        if changes:
            return changes
    return []


def _wrap_line(text: _Text, line: int) -> list[Change]:
    index = text.first(line)
    if index is None:
        return _wrap_comment_line(text, line)
    end = text.starts[line] + len(text.bytes_of(line))
    here = [i for i in range(index, len(text.tokens)) if text.tokens[i].start < end]
    here = [i for i in here if text.tokens[i].kind is not Kind.END]
    if any(text.tokens[i].in_directive for i in here):
        return []  # a macro's lines end in backslashes, which stand in columns of their own
    if len(here) == 1 and text.tokens[index].kind is Kind.COMMENT:
        return _wrap_comment(text, index)
    last = text.tokens[here[-1]]
    if last.kind is Kind.COMMENT and text.line(last.end - 1) == line:
        return _comment_above(text, line, here)
    return _break(text, line, here)


def _comment_above(text: _Text, line: int, here: list[int]) -> list[Change]:
    """A comment behind a statement goes on the line before it."""
    first, last, before = text.tokens[here[0]], text.tokens[here[-1]], text.tokens[here[-2]]
    pad = b" " * text.column(first.start)
    at = text.starts[line]
    return [Change(at, at, pad + last.text.encode("latin-1") + b"\n"), Change(before.end, last.end, b"")]


def _wrap_comment(text: _Text, index: int) -> list[Change]:
    """A comment on one line becomes one of several."""
    t = text.tokens[index]
    if not t.text.startswith("/*") or "\n" in t.text:
        return _wrap_comment_line(text, text.line(t.start))
    pad = " " * text.column(t.start)
    lines = _filled(t.text[2:-2].split(), WIDTH - 1 - len(pad) - 3)
    new = "/*\n" + "".join(f"{pad} * {x}\n" for x in lines) + f"{pad} */"
    return [Change(t.start, t.end, new.encode("latin-1"))]


def _wrap_comment_line(text: _Text, line: int) -> list[Change]:
    """A line of a block comment: what is too much begins a line of its own."""
    raw = text.bytes_of(line).decode("latin-1")
    bare = raw.lstrip(" ")
    if not bare.startswith("* ") or not any(
        t.kind is Kind.COMMENT and t.start < text.starts[line] < t.end for t in text.tokens
    ):
        return []
    lead = raw[: len(raw) - len(bare)] + "* "
    words = raw[len(lead) :].split(" ")
    n = len(words)
    while n > 1 and len(lead + " ".join(words[:n])) >= WIDTH:
        n -= 1
    new = lead + " ".join(words[:n]) + "\n" + lead + " ".join(words[n:])
    return [Change(text.starts[line], text.starts[line] + len(raw), new.encode("latin-1"))]


def _filled(words: list[str], width: int) -> list[str]:
    lines = [""]
    for w in words:
        if lines[-1] and len(lines[-1]) + 1 + len(w) > width:
            lines.append(w)
        else:
            lines[-1] = f"{lines[-1]} {w}".lstrip()
    return lines


@dataclass(frozen=True)
class _Candidate:
    """A place to break a line at: between two tokens.

    :param after: index of the token before it.
    :param column: where the rest goes.
    :param bracket: token index of the innermost bracket that is open there; None at statement level.
    """

    after: int
    column: int
    cost: int
    bracket: int | None


def _break(text: _Text, line: int, here: list[int]) -> list[Change]:
    candidates = _candidates(text, line, here)
    end = text.starts[line] + len(text.bytes_of(line))
    best: _Candidate | None = None
    for c in candidates:
        t, follow = text.tokens[c.after], text.tokens[c.after + 1]
        if text.column(t.end) >= WIDTH or c.column >= text.column(follow.start):
            continue
        rest = end - follow.start + c.column
        cost = c.cost + (15 if rest >= WIDTH and not _splits(text, follow.start, end, candidates) else 0)
        if best is None or cost <= best.cost:
            best = _Candidate(c.after, c.column, cost, c.bracket)
    if best is None or _message(text, here, best):
        return []
    if best.bracket is not None and text.tokens[best.after].text == ",":
        filled = _fill(text, best.bracket, best.column)
        if filled:
            return filled
    t, follow = text.tokens[best.after], text.tokens[best.after + 1]
    return [Change(t.end, follow.start, b"\n" + b" " * best.column)]


def _message(text: _Text, here: list[int], best: _Candidate) -> bool:
    """Whether what is too long is a message that a break does not help: CODING_STYLE lets these stand."""
    long = [i for i in here if text.tokens[i].kind is Kind.STRING and text.column(text.tokens[i].end) >= WIDTH]
    if not long or long[0] <= best.after:
        return False
    token, follow = text.tokens[long[0]], text.tokens[best.after + 1]
    return text.column(token.end) - text.column(follow.start) + best.column >= WIDTH


def _splits(text: _Text, start: int, end: int, candidates: list[_Candidate]) -> bool:
    """Whether what follows a break can be broken again."""
    return any(start < text.tokens[c.after].start < end for c in candidates)


def _candidates(text: _Text, line: int, here: list[int]) -> list[_Candidate]:
    open_: list[tuple[int, int]] = _open_before(text, here[0])  # (bracket, column of what follows it)
    outer = len(open_)
    pad = text.column(text.tokens[here[0]].start)
    base = pad if outer else pad + 4
    ternary = False
    out: list[_Candidate] = []
    for n, i in enumerate(here[:-1]):
        t, follow = text.tokens[i], text.tokens[i + 1]
        if t.text in ("(", "[", "{") and t.kind is Kind.PUNCT:
            open_.append((i, text.column(follow.start)))
            if t.text == "(" and follow.text != ")":
                hanging = text.column(text.tokens[here[0]].start) + 4
                out.append(_Candidate(i, hanging, 12 + 3 * len(open_), None))
            continue
        if t.text in (")", "]", "}") and t.kind is Kind.PUNCT and open_:
            open_.pop()
            outer = min(outer, len(open_))
        depth = len(open_) - outer
        column = open_[-1][1] if open_ else base
        cost = _COSTS.get(t.text if t.kind is Kind.PUNCT else "", -1)
        if t.text == "return":
            base = text.column(follow.start)
        if cost < 0 and t.kind is Kind.PUNCT and t.text.endswith("=") and t.text not in _COMPARES and not depth:
            cost, column = 8, pad + 4
            base = text.column(follow.start)
        if follow.text == "?" and n:
            cost, ternary = 3, True
        elif follow.text == ":" and ternary:
            cost = 3
        if t.text in ("&", "*", "-") and n and text.tokens[i - 1].kind is Kind.PUNCT and text.tokens[i - 1].text != ")":
            cost = -1  # an operator of one operand
        if cost >= 0:
            out.append(_Candidate(i, column, cost + 3 * depth, open_[-1][0] if open_ else None))
    return out


_COSTS = {",": 0, "&&": 0, "||": 0, "|": 2, "+": 4, "&": 4, "==": 6, "!=": 6, "<": 6, ">": 6, "<=": 6, ">=": 6}


def _open_before(text: _Text, index: int) -> list[tuple[int, int]]:
    """Brackets that are open before a token, inside its statement, outermost first."""
    stack: list[tuple[int, int]] = []
    depth = 0
    for i in range(index - 1, -1, -1):
        t = text.tokens[i]
        if t.kind is not Kind.PUNCT:
            continue
        if t.text in (")", "]", "}"):
            depth += 1
        elif t.text in ("(", "[", "{"):
            if depth == 0:
                if t.text == "{":
                    break
                follow = text.tokens[i + 1]
                hangs = text.line(follow.start) != text.line(t.start)
                stack.append((i, text.column(follow.start if not hangs else text.tokens[index].start)))
            else:
                depth -= 1
        elif t.text == ";" and depth == 0:
            break
    return stack[::-1]


def _fill(text: _Text, bracket: int, column: int) -> list[Change]:
    """The arguments in a bracket on as few lines as they need; none where one cannot be moved."""
    try:
        close = matching(text.tokens, bracket)
    except ValueError:
        return []  # directives can do that
    inside = text.tokens[bracket + 1 : close]
    if not inside or any(t.kind in (Kind.COMMENT, Kind.DIRECTIVE) or "\n" in t.text for t in inside):
        return []
    if text.tokens[bracket].text != "(" or any(t.text == "{" for t in inside):
        return []
    pieces: list[tuple[Token, Token]] = []
    start, depth = 0, 0
    for n, t in enumerate(inside):
        depth += (t.text in ("(", "[")) - (t.text in (")", "]"))
        if t.text == "," and depth == 0:
            pieces.append((inside[start], t))
            start = n + 1
    pieces.append((inside[start], inside[-1]))
    rest = text.data[text.tokens[close].start :].partition(b"\n")[0]
    out: list[Change] = []
    at = column
    for n, (first, last) in enumerate(pieces):
        words = text.data[first.start : last.end]
        flat = b" ".join(words.split())
        room = WIDTH - 1 - (len(rest) if n == len(pieces) - 1 else 0)
        if n:
            fits = at + 1 + len(flat) <= room
            gap = b" " if fits else b"\n" + b" " * column
            at = at + 1 + len(flat) if fits else column + len(flat)
            before = pieces[n - 1][1].end
            if text.data[before : first.start] != gap:
                out.append(Change(before, first.start, gap))
        else:
            at += len(flat)
            if text.column(first.start) != column or len(flat) > room - column:
                return []
        out += _flat(text, first, last)
    return out


def _flat(text: _Text, first: Token, last: Token) -> list[Change]:
    """One argument on one line."""
    out: list[Change] = []
    i = bisect.bisect_left(text.token_starts, first.start)
    while text.tokens[i].start < last.start:
        a, b = text.tokens[i], text.tokens[i + 1]
        if b"\n" in text.data[a.end : b.start]:
            out.append(Change(a.end, b.start, b"" if a.text in ("(", "[") else b" "))
        i += 1
    return out
