"""Constants: values of the macros and enumerators that headers define."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable

from ...ctext.body import NotUnderstood, split_commas
from ...ctext.entities import entities
from ...ctext.expr import Expr, parse_expression
from ...index.sweep import Files
from . import arithmetic

_DEFINE = re.compile(rb"^[ \t]*#[ \t]*define[ \t]+([A-Za-z_]\w*)[ \t]+((?:[^\n\\/]|\\.|\\\n|/(?!\*))+)", re.M)
_WORD = re.compile(r"[A-Za-z_]\w*|0[xX][0-9a-fA-F]+[uUlL]*|\d+[uUlL]*|<<|>>|[-+*/%&|^~()!<>?:]|\S")
HEADERS = "xen/include/"
_ARM = re.compile(r"arm")  # headers that x86 does not see
_OLD = "__XEN_INTERFACE_VERSION__ <"


class Numbers(ABC):
    """Constants that know their types."""

    @abstractmethod
    def number(self, name: str) -> Expr | None:
        """The number with its type, or None for a name that is no constant or not the same everywhere."""

    @abstractmethod
    def enumerates(self, name: str) -> bool:
        """Whether a name is an enumerator."""

    def __call__(self, name: str) -> int | None:
        """The value alone."""
        got = self.number(name)
        return None if got is None else int(got[1])


class Constants(Numbers):
    """Values by name, in one tree.

    :param files: the tree; only headers below xen/include are looked at, those of ARM
        only by :meth:`on_arm`.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._known: dict[str, Expr | None] = {}
        self._arm: dict[str, frozenset[Expr | None]] = {}
        self._texts: dict[str, list[tuple[str, bytes]]] | None = None
        self._enums: dict[str, int] = {}

    def number(self, name: str) -> Expr | None:
        """As x86 has it."""
        if name not in self._known:
            self._known[name] = None  # a macro that names itself has no value
            self._known[name] = self._value(name)
        return self._known[name]

    def enumerates(self, name: str) -> bool:
        """Of the header of struct domain."""
        return name in self._enums_of()

    def on_arm(self, name: str) -> frozenset[Expr | None]:
        """What ARM's own headers make of a name; empty where they do not define it."""
        if name not in self._arm:
            self._arm[name] = frozenset()
            rows = [text for path, text in self._all().get(name, []) if _ARM.search(path)]
            self._arm[name] = frozenset(self._read(text) for text in rows)
        return self._arm[name]

    def names(self, prefix: str) -> list[str]:
        """Macros whose name starts so."""
        return sorted(
            n for n, rows in self._all().items() if n.startswith(prefix) and any(not _ARM.search(p) for p, _ in rows)
        )

    def _value(self, name: str) -> Expr | None:
        if name in self._enums_of():
            return ("num", self._enums[name])
        values = set()
        rows = [(path, text) for path, text in self._all().get(name, []) if not _ARM.search(path)]
        for path, text in rows:
            if len(rows) > 1 and self._for_old_callers(path, name, text):
                continue
            values.add(self._read(text))
        return values.pop() if len(values) == 1 else None

    def _read(self, text: bytes) -> Expr | None:
        words = tuple(_WORD.findall(text.decode("latin-1").replace("\\\n", " ")))
        try:
            return folded(parse_expression(words), self)
        except NotUnderstood:
            return None

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
                if path.startswith(HEADERS) and path.endswith(".h") and "compat/" not in path:
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


class Heard(Numbers):
    """Constants that remember what they were asked, and what they said."""

    def __init__(self, constant: Callable[[str], int | None]) -> None:
        self._constant = constant
        self._numbers: dict[str, Expr | None] = {}
        self._enumerators: dict[str, bool] = {}

    def number(self, name: str) -> Expr | None:
        """As the constants say."""
        if name not in self._numbers:
            self._numbers[name] = number_of(self._constant, name)
        return self._numbers[name]

    def enumerates(self, name: str) -> bool:
        """As the constants say."""
        if name not in self._enumerators:
            self._enumerators[name] = enumerates(self._constant, name)
        return self._enumerators[name]

    def same(self, constant: Callable[[str], int | None]) -> bool:
        """Whether other constants would have said the same."""
        return all(number_of(constant, n) == v for n, v in self._numbers.items()) and all(
            enumerates(constant, n) == v for n, v in self._enumerators.items()
        )


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
    got = folded(e, constant)
    return None if got is None else int(got[1])


def folded(e: Expr, constant: Callable[[str], int | None]) -> Expr | None:
    """The number that an expression of constants is, with its type; None for any other."""
    kind = e[0]
    if kind == "num":
        return e
    if kind == "id":
        return number_of(constant, e[1])
    if kind not in ("cast", "un", "bin", "tern") or e[1] in ("sizeof", "&", "*"):
        return None
    inside = [folded(x, constant) for x in (e[2:] if kind != "tern" else e[1:])]
    known = [x for x in inside if x is not None]
    if len(known) < len(inside):
        return None
    if kind == "cast":
        return arithmetic.cast(e[1], known[0])
    if kind == "un":
        return arithmetic.unary(e[1], known[0])
    return arithmetic.binary(e[1], *known) if kind == "bin" else arithmetic.ternary(*known)


def enumerates(constant: Callable[[str], int | None], name: str) -> bool:
    """Whether a name is an enumerator, as far as constants know."""
    return isinstance(constant, Numbers) and constant.enumerates(name)


def number_of(constant: Callable[[str], int | None], name: str) -> Expr | None:
    """A constant as a number with its type."""
    if isinstance(constant, Numbers):
        return constant.number(name)
    value = constant(name)
    return None if value is None else ("num", value)
