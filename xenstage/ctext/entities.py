"""entities: the things that a C file defines at its top level, and which of them a patch changes.

Read from the text before preprocessing, so that code which no configuration compiles
counts as well.  Comments are no part of an entity.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from .lexer import Kind, Token, tokenize


@dataclass(frozen=True)
class Entity:
    """One definition or declaration.

    :param kind: function, macro, undef, type (struct, union, enum, typedef), variable,
        prototype, include, conditional (the text of a directive), directive (#pragma, #error,
        #line: its text) or text (anything else).
    :param name: the identifier; a path for an include.
    :param tokens: its code without comments.
    :param start: byte offset of its first token.
    :param end: byte offset just past its last one.
    :param under: the conditional directives around it.
    """

    kind: str
    name: str
    tokens: tuple[Token, ...]
    start: int
    end: int
    under: tuple[str, ...]

    @functools.cached_property
    def words(self) -> tuple[str, ...]:
        """The tokens' texts."""
        return tuple(t.text for t in self.tokens)


Key = tuple[str, str, int]  # kind, name, and 0 for the first of these in a file


@functools.lru_cache(maxsize=96)
def entities(data: bytes) -> dict[Key, Entity]:
    """Every entity of a file, in order."""
    out: dict[Key, Entity] = {}
    for e in _split([t for t in tokenize(data) if t.kind is not Kind.COMMENT]):
        n = 0
        while (e.kind, e.name, n) in out:
            n += 1
        out[(e.kind, e.name, n)] = e
    return out


def _split(tokens: list[Token]) -> list[Entity]:
    out: list[Entity] = []
    stack: list[str] = []  # conditional directives that are open
    depths: list[int] = []  # bracket depth at each of them: every branch starts with it
    piece: list[Token] = []
    depth, i = 0, 0
    while i < len(tokens):
        t = tokens[i]
        if t.kind is Kind.DIRECTIVE:
            stop = i
            while stop < len(tokens) and tokens[stop].kind is not Kind.END:
                stop += 1
            line = tokens[i:stop]
            name = t.text.lstrip("# \t")
            depth = _conditional(name, line, stack, depths, depth)
            if piece:
                piece += tokens[i : stop + 1]
            else:
                out.append(_directive(name, line, tuple(stack)))
            i = stop + 1
            continue
        piece.append(t)
        i += 1
        if t.text in ("(", "[", "{"):
            depth += 1
        elif t.text in (")", "]", "}"):
            depth = max(depth - 1, 0)
        if depth == 0 and (t.text == ";" or (t.text == "}" and _is_body(piece))):
            out.append(_classify(piece, tuple(stack)))
            piece = []
    if piece:
        out.append(_classify(piece, tuple(stack)))
    return out


def _conditional(name: str, line: list[Token], stack: list[str], depths: list[int], depth: int) -> int:
    text = " ".join(t.text for t in line)
    if name in ("if", "ifdef", "ifndef"):
        stack.append(text)
        depths.append(depth)
    elif name in ("else", "elif") and stack:
        stack[-1] += f" | {text}"
        return depths[-1]
    elif name == "endif" and stack:
        stack.pop()
        depths.pop()
    return depth


_CONDITIONALS = ("if", "ifdef", "ifndef", "elif", "else", "endif")


def _directive(name: str, line: list[Token], under: tuple[str, ...]) -> Entity:
    start, end = line[0].start, line[-1].end
    if name in ("define", "undef") and len(line) > 1:
        return Entity("macro" if name == "define" else "undef", line[1].text, tuple(line), start, end, under)
    including = name in ("include", "include_next", "import")
    kind = "include" if including else "conditional" if name in _CONDITIONALS else "directive"
    label = " ".join(t.text for t in line[1:]) if including else " ".join(t.text for t in line)
    return Entity(kind, label, tuple(line), start, end, under)


def _code(piece: Sequence[Token]) -> list[Token]:
    return [t for t in piece if not t.in_directive]


def _is_body(piece: list[Token]) -> bool:
    """Whether the brace that closes here is a function's."""
    code = _code(piece)
    depth = 0
    for i, t in enumerate(code):
        if t.text == "{" and depth == 0:
            before = code[i - 1].text if i else ""
            return before == ")" or (code[i - 1].kind is Kind.WORD and _head_has_call(code[:i]))
        if t.text == "=" and depth == 0:
            return False
        depth += (t.text in ("(", "[", "{")) - (t.text in (")", "]", "}"))
    return False


def _head_has_call(head: list[Token]) -> bool:
    return any(t.text == "(" for t in head) and not any(t.text in ("struct", "enum", "union") for t in head[-2:])


_NOT_NAMES = frozenset({"__attribute__", "__attribute", "asm", "__asm__", "typeof", "__typeof__", "aligned", "section"})


PLAIN_TYPES = frozenset({"void", "bool_t", "bool", "char", "short", "int", "long", "signed", "unsigned"})


def _classify(piece: list[Token], under: tuple[str, ...]) -> Entity:
    code = _code(piece)
    start, end = piece[0].start, piece[-1].end
    kind, name = "text", " ".join(t.text for t in code[:6])
    words = [t.text for t in code]
    if code:
        kind, name = _kind_and_name(code, words)
    return Entity(kind, name, tuple(piece), start, end, under)


def _kind_and_name(code: list[Token], words: list[str]) -> tuple[str, str]:
    assign = _top(words, "=")
    brace = _top(words, "{")
    if words[0] == "typedef":
        inner = words.index("(") if "(" in words and "{" not in words else None
        if inner is not None and words[inner + 1 : inner + 2] != ["*"]:
            return "type", code[inner - 1].text
        return "type", next((t.text for t in reversed(code[:-1]) if t.kind is Kind.WORD), words[0])
    if words[0] in ("struct", "union", "enum") and brace in (1, 2) and (assign is None or assign > brace):
        return "type", words[1] if brace == 2 else "anonymous " + (words[brace + 1] if len(words) > 3 else "")
    if assign is not None and (brace is None or assign < brace):
        return "variable", _declared(code[:assign])
    paren = _call(code[: brace if brace is not None else len(code)])
    if paren is not None:
        if brace is not None and words[-1] == "}":
            macro = words[paren + 1 : paren + 4]
            if len(macro) == 3 and macro[1:] == [")", "("] and code[paren + 1].kind is Kind.WORD:
                if words[paren - 1] in PLAIN_TYPES:
                    return "function", macro[0]  # brackets keep a macro of that name from being expanded
                return "function", f"{words[paren - 1]}({macro[0]})"  # a macro makes the name
            return "function", code[paren - 1].text
        if paren >= 2:
            return "prototype", code[paren - 1].text
        return "text", f"{words[0]}({words[2] if len(words) > 2 else ''})"
    if words[-1] == ";" and len(words) > 2:
        return "variable", _declared(code[:-1])
    return "text", " ".join(words[:6])


def _top(words: list[str], wanted: str) -> int | None:
    depth = 0
    for i, w in enumerate(words):
        if depth == 0 and w == wanted:
            return i
        depth += (w in ("(", "[", "{")) - (w in (")", "]", "}"))
    return None


def _call(head: list[Token]) -> int | None:
    """Index of the parenthesis that opens a function's parameters."""
    depth = 0
    for i, t in enumerate(head):
        if t.text == "(" and depth == 0 and i and head[i - 1].kind is Kind.WORD and head[i - 1].text not in _NOT_NAMES:
            return i
        depth += (t.text in ("(", "[")) - (t.text in (")", "]"))
    return None


def _declared(head: list[Token]) -> str:
    depth, name = 0, ""
    for i, t in enumerate(head):
        if t.text in ("[", "("):
            if depth == 0 and t.text == "(" and name in _NOT_NAMES | {"__section", "__aligned"}:
                break
            if depth == 0 and name and t.text == "[":
                return name
            depth += 1
        elif t.text in ("]", ")"):
            depth -= 1
        elif depth == 0 and t.kind is Kind.WORD and (i == 0 or t.text not in _NOT_NAMES):
            if t.text.startswith("__") and name and t.text not in ("__initdata",) and i == len(head) - 1:
                break
            name = t.text if not t.text.startswith("__") or not name else name
    return name


def find_entity(data: bytes, kind: str, name: str) -> Entity | None:
    """The first entity of a kind and name in a file."""
    return next((e for k, e in entities(data).items() if k[:2] == (kind, name)), None)
