"""Constants: values of the macros and enumerators that headers define."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...ctext.body import NotUnderstood, split_commas
from ...ctext.entities import entities
from ...ctext.expr import Expr, parse_expression
from ...index.sweep import Files

_DEFINE = re.compile(rb"^[ \t]*#[ \t]*define[ \t]+([A-Za-z_]\w*)[ \t]+((?:[^\n\\/]|\\.|\\\n|/(?!\*))+)", re.M)
_WORD = re.compile(r"[A-Za-z_]\w*|0[xX][0-9a-fA-F]+[uUlL]*|\d+[uUlL]*|<<|>>|[-+*/%&|^~()!<>?:]|\S")
HEADERS = "xen/include/"
_OLD = "__XEN_INTERFACE_VERSION__ <"


class Constants:
    """Values by name, in one tree.

    :param files: the tree; only headers below xen/include are looked at, those of other
        architectures last.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._known: dict[str, int | None] = {}
        self._texts: dict[str, list[tuple[str, bytes]]] | None = None
        self._enums: dict[str, int] = {}

    def __call__(self, name: str) -> int | None:
        """The value, or None for a name that is no constant or not the same everywhere."""
        if name not in self._known:
            self._known[name] = None  # a macro that names itself has no value
            self._known[name] = self._value(name)
        return self._known[name]

    def names(self, prefix: str) -> list[str]:
        """Macros whose name starts so."""
        return sorted(n for n in self._all() if n.startswith(prefix))

    def _value(self, name: str) -> int | None:
        if name in self._enums_of():
            return self._enums[name]
        values = set()
        for path, text in self._all().get(name, []):
            if len(self._all()[name]) > 1 and self._for_old_callers(path, name, text):
                continue
            words = tuple(_WORD.findall(text.decode("latin-1").replace("\\\n", " ")))
            try:
                value = fold(parse_expression(words), self)
            except NotUnderstood:
                value = None
            values.add(value)
        return values.pop() if len(values) == 1 else None

    def _for_old_callers(self, path: str, name: str, text: bytes) -> bool:
        """Whether a public header has the definition for older interface versions only."""
        if b"_compat" not in text or "/public/" not in path:
            return False
        found = entities(self._files.read(path)).values()
        return any(e.name == name and any(_OLD in u for u in e.under) for e in found if e.kind == "macro")

    def _all(self) -> dict[str, list[tuple[str, bytes]]]:
        if self._texts is None:
            self._texts = {}
            for path in self._files.paths():
                if path.startswith(HEADERS) and path.endswith(".h") and not re.search(r"arm|compat/", path):
                    for name, text in self._defines(path):
                        self._texts.setdefault(name, []).append((path, text))
        return self._texts

    def _defines(self, path: str) -> list[tuple[str, bytes]]:
        if path in self._files.overlay:
            return _defines(self._files.read(path))
        memo = self._files.memo
        if ("defines", path) not in memo:
            memo[("defines", path)] = _defines(self._files.read(path))
        found: list[tuple[str, bytes]] = memo[("defines", path)]
        return found

    def _enums_of(self) -> dict[str, int]:
        if not self._enums:
            from .guests import HEADER

            data = self._files.read(HEADER) if HEADER in self._files.tracked else b""
            for e in entities(data).values():
                if e.kind == "type" and e.words[0] == "enum":
                    self._enums.update(enumerators(e.words, self))
            self._enums.setdefault("", 0)
        return self._enums


def _defines(data: bytes) -> list[tuple[str, bytes]]:
    return [(m.group(1).decode(), m.group(2)) for m in _DEFINE.finditer(data)]


def enumerators(words: tuple[str, ...], constant: Callable[[str], int | None]) -> dict[str, int]:
    """The values of an enum's names, from its declaration's words."""
    out: dict[str, int] = {}
    inside = words[words.index("{") + 1 : len(words) - 1 - words[::-1].index("}")]
    following: int | None = 0
    for part in split_commas(inside):
        if not part:
            continue
        if len(part) > 2 and part[1] == "=":
            following = fold(parse_expression(tuple(part[2:])), constant)
        if following is None:
            return {}
        out[part[0]] = following
        following += 1
    return out


def fold(e: Expr, constant: Callable[[str], int | None]) -> int | None:
    """The value of an expression of constants, or None."""
    kind = e[0]
    if kind == "num":
        return int(e[1])
    if kind == "id":
        return constant(e[1])
    if kind == "cast":
        return fold(e[2], constant)
    if kind == "un":
        x = fold(e[2], constant)
        return None if x is None else unary(e[1], x)
    if kind == "bin":
        a, b = fold(e[2], constant), fold(e[3], constant)
        return None if a is None or b is None else binary(e[1], a, b)
    return None


def unary(op: str, x: int) -> int | None:
    """C's unary operators on a plain number."""
    return {"!": int(not x), "-": -x, "+": x, "~": ~x}.get(op)


def binary(op: str, a: int, b: int) -> int | None:
    """C's binary operators on plain numbers, where none overflows."""
    if op in ("<<", ">>"):
        return (a << b if op == "<<" else a >> b) if 0 <= b < 64 else None
    if op in ("/", "%"):
        return None if b <= 0 or a < 0 else (a // b if op == "/" else a % b)
    table: dict[str, int] = {
        "+": a + b, "-": a - b, "*": a * b, "&": a & b, "|": a | b, "^": a ^ b,
        "==": int(a == b), "!=": int(a != b), "<": int(a < b), ">": int(a > b),
        "<=": int(a <= b), ">=": int(a >= b), "&&": int(bool(a and b)), "||": int(bool(a or b)),
    }  # fmt: skip
    return table.get(op)
