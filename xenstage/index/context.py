"""Where in the text of a file a use stands: comment, macro body, condition, argument.

Works on :mod:`xenstage.ctext.lexer`'s tokens alone, so that it answers for code which
no configuration compiles as well.
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Sequence
from dataclasses import dataclass

from ..ctext.entities import PLAIN_TYPES
from ..ctext.lexer import Kind, Token, matching, opening, tokenize

_KEYWORDS = {"if", "while", "for", "switch", "return", "sizeof", "do", "else", "case"}


@dataclass(frozen=True)
class Place:
    """Where a use stands.

    :param kind: "code", "macro body", "definition" (of a macro), "comment", "string",
        "preprocessor" (operand of another directive), "text" (not a C file).
    :param scope: enclosing function or macro, "" at file level.
    :param role: the use in its expression, innermost first: "negated", "conjunct",
        "disjunct", "ternary condition", "ternary arm", "operand", then what holds it:
        "condition of if", "argument of ASSERT", "return", "initialiser", "assignment",
        "case label", "statement", "macro body".
    :param call: byte range of the use with its argument list (of the name alone
        where nothing is called).
    :param argument: byte range of the only argument, or None.
    :param macro_args: the macros or functions in whose arguments the use stands,
        innermost first.
    """

    kind: str
    scope: str
    role: tuple[str, ...]
    call: tuple[int, int]
    argument: tuple[int, int] | None
    macro_args: tuple[str, ...]


class Reader:
    """Answers for one C file.

    :param data: the file's bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._all = tokenize(data)
        self._starts = [t.start for t in self._all]
        self._code = [t for t in self._all if t.kind is not Kind.COMMENT and not t.in_directive]
        self._code_starts = [t.start for t in self._code]
        self._scopes = _scopes(self._all)
        self._defines = _defines(data)

    def place(self, offset: int, name: str) -> Place:
        """Where the use of ``name`` at a byte offset stands."""
        token = self._all[bisect.bisect_right(self._starts, offset) - 1]
        span = (offset, offset + len(name))
        if token.kind in (Kind.COMMENT, Kind.STRING):
            return Place(token.kind.value, self._scope(offset), (), span, None, ())
        if token.in_directive:
            return self._in_directive(token, offset, name)
        index = bisect.bisect_left(self._code_starts, offset)
        return _in_code(self._code, index, "code", self._scope(offset))

    def parameters(self, offset: int) -> tuple[str, ...]:
        """Parameters of the macro in whose definition a byte offset lies."""
        return next((d.parameters for d in self._defines if d.start <= offset < d.end), ())

    def macro(self, offset: int) -> int | None:
        """Offset of the name of the macro in whose definition a byte offset lies."""
        return next((d.name_start for d in self._defines if d.start <= offset < d.end), None)

    def functions(self) -> list[int]:
        """Offsets of the names of what a brace at file level opens, in their order."""
        return [at for _, _, _, at in self._scopes if at >= 0]

    def calls_around(self, offset: int) -> tuple[int, ...]:
        """Offsets of the names in whose arguments a use in code stands, innermost first."""
        index = bisect.bisect_left(self._code_starts, offset)
        return tuple(t.start for t in _outer_names(self._code, index))

    def last_token(self, start: int, end: int) -> int:
        """Byte offset of the last token in a range."""
        return self._all[bisect.bisect_left(self._starts, end) - 1].start

    def _in_directive(self, token: Token, offset: int, name: str) -> Place:
        for define in self._defines:
            if define.start <= offset < define.end:
                if offset == define.name_start:
                    return Place("definition", name, (), (offset, offset + len(name)), None, ())
                body = define.body
                index = next((i for i, t in enumerate(body) if t.start == offset), None)
                if index is not None:
                    return _in_code(body, index, "macro body", define.name)
        return Place("preprocessor", self._scope(offset), (), (offset, offset + len(name)), None, ())

    def _scope(self, offset: int) -> str:
        for start, end, name, _ in self._scopes:
            if start <= offset < end:
                return name
        return ""


def macro_extents(data: bytes, name: str) -> list[tuple[int, int]]:
    """Byte ranges of the ``#define`` directives of a name, without the last newline."""
    return [(d.start, d.end) for d in _defines(data) if d.name == name]


@dataclass(frozen=True)
class _Define:
    name: str
    name_start: int
    start: int
    end: int
    parameters: tuple[str, ...]
    body: list[Token]


@functools.lru_cache(maxsize=64)
def _defines(data: bytes) -> list[_Define]:
    tokens = tokenize(data)
    out: list[_Define] = []
    for i, t in enumerate(tokens):
        if t.kind is Kind.DIRECTIVE and t.text.lstrip("#").strip() == "define" and i + 1 < len(tokens):
            stop = next(j for j in range(i, len(tokens)) if tokens[j].kind is Kind.END)
            name = tokens[i + 1]
            rest = [x for x in tokens[i + 2 : stop] if x.kind is not Kind.COMMENT]
            parameters: tuple[str, ...] = ()
            if rest and rest[0].text == "(" and rest[0].start == name.end and _closes(rest):
                close = matching(rest, 0)
                parameters = tuple(x.text for x in rest[1:close] if x.text != ",")
                rest = rest[close + 1 :]
            out.append(_Define(name.text, name.start, t.start, tokens[stop].start, parameters, rest))
    return out


def _closes(tokens: Sequence[Token]) -> bool:
    try:
        matching(tokens, 0)
    except ValueError:
        return False
    return True


_OPEN_END = 1 << 62


def _scopes(tokens: Sequence[Token]) -> list[tuple[int, int, str, int]]:
    """Byte ranges of function bodies (and their heads) with the functions' names and where these stand (-1: nowhere).

    Each branch of an ``#if`` begins at the depth of braces where the ``#if`` stands;
    what follows the ``#endif`` goes on from the first branch's.
    """
    out: list[tuple[int, int, str, int]] = []
    depth = 0
    saved: list[tuple[int, int | None]] = []  # depth at the #if, depth at the first branch's end
    head: list[Token] = []
    for t in tokens:
        if t.kind is Kind.DIRECTIVE:
            word = t.text.lstrip("#").strip()
            if word in ("if", "ifdef", "ifndef"):
                saved.append((depth, None))
            elif word in ("else", "elif") and saved:
                at_if, first = saved[-1]
                saved[-1] = (at_if, depth if first is None else first)
                depth, head = at_if, []
            elif word == "endif" and saved:
                depth = saved[-1][1] if saved[-1][1] is not None else depth
                saved.pop()
        if t.in_directive or t.kind is Kind.COMMENT:
            continue
        if t.text == "{" and t.kind is Kind.PUNCT:
            if depth == 0:
                name = _function_name(head)
                start = head[0].start if head else t.start
                out.append((start, _OPEN_END, name.text if name else "", name.start if name else -1))
            depth += 1
        elif t.text == "}" and t.kind is Kind.PUNCT:
            depth = max(depth - 1, 0)
            if depth == 0:
                out = [(a, t.end if b == _OPEN_END else b, name, at) for a, b, name, at in out]
                head = []
        elif depth == 0:
            head = [] if t.text == ";" else [*head, t]
    return out


def _function_name(head: Sequence[Token]) -> Token | None:
    """The name of what a brace at file level opens: the last ``name (`` before it, of a
    variable the name before ``[`` or ``=``, else the last word (a tag)."""
    found: Token | None = None
    i = 0
    kept: list[Token] = []
    while i < len(head):
        t = head[i]
        if t.text == "__attribute__" and i + 1 < len(head) and _closes(head[i + 1 :]):
            i = matching(head, i + 1) + 1
            continue
        if t.text == "=":
            found = None
            break
        kept.append(t)
        if t.text == "(" and _closes(head[i:]):
            if i and head[i - 1].kind is Kind.WORD:
                found = head[i - 1]
            end = matching(head, i)
            if found is not None and found.text in PLAIN_TYPES and end == i + 2:
                found = head[i + 1]  # "void (f)(…)": brackets keep a macro f from being expanded
            i = end
        i += 1
    if found:
        return found
    texts = [t.text for t in kept]
    stop = texts.index("[") if "[" in texts else len(kept)
    words = [t for t in kept[:stop] if t.kind is Kind.WORD]
    return words[-1] if words else None


def _in_code(tokens: Sequence[Token], index: int, kind: str, scope: str) -> Place:
    token = tokens[index]
    last = index
    argument: tuple[int, int] | None = None
    if index + 1 < len(tokens) and tokens[index + 1].text == "(" and _closes(tokens[index + 1 :]):
        last = matching(tokens, index + 1)
        if last > index + 2:
            argument = (tokens[index + 2].start, tokens[last - 1].end)
    role, holders = _roles(tokens, index, last, kind)
    return Place(kind, scope, role, (token.start, tokens[last].end), argument, holders)


def _roles(tokens: Sequence[Token], first: int, last: int, kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Walk outwards from an expression and name what it is part of."""
    roles: list[str] = []
    holders: list[str] = []
    first = _primary(tokens, first)
    while True:
        before = tokens[first - 1].text if first else ""
        after = tokens[last + 1].text if last + 1 < len(tokens) else ""
        if before == "!":
            roles.append("negated")
            first -= 1
            continue
        if before == "(" and after == ")":
            first, last = first - 1, last + 1
            holder = tokens[first - 1] if first else None
            if holder is None or holder.kind is not Kind.WORD or holder.text in ("return", "case"):
                continue
            if holder.text in _KEYWORDS:
                return (*roles, f"condition of {holder.text}"), tuple(holders)
            holders.append(holder.text)
            if holder.text in ("likely", "unlikely"):
                first -= 1
                continue
            return (*roles, f"argument of {holder.text}"), tuple(holders + _outer_calls(tokens, first))
        cast = _cast(tokens, first)
        if cast is not None:
            first = cast
            continue
        word = _neighbour(before, after)
        if word is None:
            break
        if word != "grouped":
            roles.append(word)
        wider = _widen(tokens, first, last)
        if wider == (first, last):
            break
        first, last = wider
    return (*roles, _holder(tokens, first, last, kind)), tuple(holders + _outer_calls(tokens, first))


def _primary(tokens: Sequence[Token], first: int) -> int:
    """Where the expression begins whose member a token names: ``d`` of ``d->name``."""
    while first >= 2 and tokens[first - 1].text in ("->", "."):
        before = tokens[first - 2]
        if before.text in (")", "]"):
            at = opening(tokens, first - 2)
            if at is None:
                return first
            first = at
            if first and tokens[first - 1].kind is Kind.WORD and tokens[first - 1].text not in _KEYWORDS:
                first -= 1
        elif before.kind is Kind.WORD:
            first -= 2
        else:
            return first
    return first


def _cast(tokens: Sequence[Token], first: int) -> int | None:
    """Index of the bracket that opens a cast directly before an expression, if one does."""
    if not first or tokens[first - 1].text != ")":
        return None
    at = opening(tokens, first - 1)
    if at is None or first - 1 - at < 2 or tokens[at].text != "(":
        return None
    plain = all(t.kind is Kind.WORD or t.text == "*" for t in tokens[at + 1 : first - 1])
    called = at and (tokens[at - 1].kind is Kind.WORD and tokens[at - 1].text not in ("return", "case"))
    return at if plain and not called else None


def _neighbour(before: str, after: str) -> str | None:
    if "&&" in (before, after):
        return "conjunct"
    if "||" in (before, after):
        return "disjunct"
    if after == "?":
        return "ternary condition"
    if before == "?" or (before == ":" and after in (")", ";", ",")):
        return "ternary arm"
    if before in _OPERATORS or after in _OPERATORS:
        return "operand"
    return None


_OPERATORS = {"==", "!=", "&", "|", "^", "+", "-", "*", "/", "%", "<", ">", "<=", ">=", "<<", ">>"}
_BOUNDS = {"(", "[", "{", ";", ",", "=", "return", ")", "]", "}"}


def _widen(tokens: Sequence[Token], first: int, last: int) -> tuple[int, int]:
    """The whole expression between the brackets, commas or statement ends around it."""
    depth, i = 0, first
    while i > 0:
        t = tokens[i - 1].text
        if t in (")", "]", "}"):
            depth += 1
        elif t in ("(", "[", "{") and depth:
            depth -= 1
        elif depth == 0 and _bounds(tokens, i - 1):
            break
        i -= 1
    depth, j = 0, last
    while j + 1 < len(tokens):
        t = tokens[j + 1].text
        if t in ("(", "[", "{"):
            depth += 1
        elif t in (")", "]", "}") and depth:
            depth -= 1
        elif depth == 0 and t in _BOUNDS:
            break
        j += 1
    return i, j


def _bounds(tokens: Sequence[Token], index: int) -> bool:
    """Whether a token ends the expression that stands after it."""
    t = tokens[index].text
    assigns = t.endswith("=") and t not in _OPERATORS
    return t in _BOUNDS or t in _KEYWORDS or assigns or (t == ":" and _is_label(tokens, index))


def _is_label(tokens: Sequence[Token], colon: int) -> bool:
    """Whether a colon ends a label, not the second arm of a conditional expression."""
    for i in range(colon - 1, -1, -1):
        if tokens[i].text in ("case", "default"):
            return True
        if tokens[i].text in ("?", ";", "{", "}"):
            return False
    return False


def _holder(tokens: Sequence[Token], first: int, last: int, kind: str) -> str:
    before = tokens[first - 1].text if first else ""
    if before in ("return", "case"):
        return {"return": "return", "case": "case label"}[before]
    if before.endswith("=") and before not in _OPERATORS:
        return "initialiser" if before == "=" and _declares(tokens, first - 1) else "assignment"
    if before == "{" and first >= 2 and tokens[first - 2].text in ("=", ",", "{"):
        return "initialiser"
    if before in ("(", ","):
        at = opening(tokens, first)
        if at is not None and at and tokens[at].text == "(":
            name = tokens[at - 1].text
            return f"condition of {name}" if name in _KEYWORDS else f"argument of {name}"
        if at is not None and tokens[at].text == "{":
            return "initialiser"
    if kind == "macro body":
        return "macro body"
    return "statement"


def _declares(tokens: Sequence[Token], equals: int) -> bool:
    """Whether an ``=`` initialises: a type stands before the name, or it is ``.member =``."""
    start = equals
    while start > 0 and tokens[start - 1].text not in (";", "{", "}", ")", ",", ":", "=", "else", "do"):
        start -= 1
    left = tokens[start:equals]
    if not left:
        return False
    if left[0].text == ".":
        return True
    typed = len(left) >= 2 and left[0].kind is Kind.WORD and (left[1].kind is Kind.WORD or left[1].text == "*")
    return typed and all(t.text not in ("->", ".") for t in left)


def _outer_calls(tokens: Sequence[Token], index: int) -> list[str]:
    """Names of the calls in whose argument lists a token stands, innermost first."""
    return [t.text for t in _outer_names(tokens, index)]


def _outer_names(tokens: Sequence[Token], index: int) -> list[Token]:
    names: list[Token] = []
    at = opening(tokens, index)
    while at is not None:
        before = tokens[at - 1] if at else None
        if tokens[at].text == "(" and before and before.kind is Kind.WORD and before.text not in _KEYWORDS:
            names.append(before)
        if tokens[at].text == "{":
            break
        at = opening(tokens, at)
    return names
