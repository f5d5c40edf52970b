"""compile_body: a function's statements as a flat list of operations with jumps.

So that loops written in different ways, early returns and jumps to a label come to the
same few operations, which :mod:`.symbolic` runs.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...ctext.body import If, Leaf, Loop, Node, NotUnderstood, Switch, parameters, parse_body
from ...ctext.entities import Entity
from ...ctext.expr import Expr, parse_expression, parse_statement, parts
from ..model.special import leaves

# What an operation is, in order: its kind and what it needs.
#   ("expr", e) ("decl", name, type, e or None) ("raw", text) ("return", e or None)
#   ("branch", e, target when false) ("jump", target)
#   ("loop", head's text or "", names that are assigned, (macro or function, name that it is given) …)
#   ("leaves", where to) for statements of a function alone
#   ("switch", e, ((e or None for default, target), …), target after)
Op = tuple[Any, ...]


@dataclass
class Program:
    """A function, or some statements of one, ready to be run.

    :param parameters: (name, type) of each.
    :param returns: the type of what it returns.
    :param types: local to its declared type.
    :param memory: locals that cannot be held as values: arrays, structures, those whose
        address is taken or that stand in text that is not understood.
    """

    name: str
    parameters: list[tuple[str, str]]
    returns: str
    ops: list[Op] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    memory: set[str] = field(default_factory=set)


def plain_type(words: Sequence[str] | str) -> str:
    """A type's text without what says nothing of its values."""
    text = words if isinstance(words, str) else " ".join(words)
    text = re.sub(r"\b(const|register|extern|inline|always_inline|__init|noinline|__must_check)\b", " ", text)
    text = re.sub(r"\s*\*\s*", " *", re.sub(r"\s+", " ", text)).strip()
    same = {"u8": "uint8_t", "u16": "uint16_t", "u32": "unsigned int", "u64": "uint64_t", "uint32_t": "unsigned int",
            "unsigned": "unsigned int", "s32": "int", "int32_t": "int", "bool": "bool_t", "long int": "long",
            "unsigned long int": "unsigned long", "uint": "unsigned int", "ulong": "unsigned long"}  # fmt: skip
    return same.get(text, text)


def compile_body(function: Entity) -> Program:
    """A function as a program.

    :raises NotUnderstood: directives inside, jumps into nowhere, case ranges.
    """
    nodes = parse_body(function)
    out = frame(function, nodes)
    _Compiler(out, open_ended=False).function(nodes)
    return out


def compile_part(function: Program, nodes: Sequence[Node]) -> Program:
    """Some statements of a function as a program, which is left by ("leaves", where to).

    :param function: what :func:`frame` says of the whole.
    :raises NotUnderstood: as :func:`compile_body` does.
    """
    out = Program(function.name, function.parameters, function.returns, [], dict(function.types), set(function.memory))
    _Compiler(out, open_ended=True).function(nodes)
    return out


def frame(function: Entity, nodes: Sequence[Node]) -> Program:
    """A function's parameters and locals, without its statements."""
    words = function.words
    given = [(_named(p), plain_type(without_name(p))) for p in parameters(function)]
    head = [w for w in words[: words.index("(")] if w not in ("static",)]
    out = Program(function.name, given, plain_type(head[:-1]), [], dict(given))
    for leaf in leaves(nodes):
        try:
            got = parse_statement(leaf.words)
        except NotUnderstood:
            out.memory.update(w for w in leaf.words if re.match(r"[A-Za-z_]\w*\Z", w))
            continue
        for name, kind, _ in got[1] if got[0] == "decl" else ():
            if name is None:  # enum { … }; declares no local
                continue
            if out.types.setdefault(name, plain_type(kind)) != plain_type(kind):
                raise NotUnderstood(f"two locals {name} of different types")
    for name, kind in out.types.items():
        own = re.match(r"(struct|union) ", kind) and "*" not in kind
        if "[" in kind or own or re.search(r"\b(static|volatile)\b", kind):
            out.memory.add(name)
    three = zip(words, words[1:], words[2:], strict=False)
    out.memory.update(n for before, w, n in three if w == "&" and n in out.types and not _operand(before))
    out.memory.update(w for w, n in itertools.pairwise(words) if n == "." and w in out.types)
    return out


def _operand(word: str) -> bool:
    """Whether ``&`` behind a word joins two numbers; behind a bracket it may also take an address."""
    return word == "]" or (bool(re.match(r"\w", word)) and word not in ("return", "case", "else", "do"))


def _named(declaration: tuple[str, ...]) -> str:
    words = [w for w in declaration if re.match(r"[A-Za-z_]\w*\Z", w)]
    made = len(declaration) > 3 and declaration[1] == "(" and declaration[-2] == ")"  # a macro makes the type
    if not words or ("(" in declaration and not made) or words[-1] != declaration[-1] != "]":
        raise NotUnderstood(f"a parameter without a plain name: {' '.join(declaration)}")
    return words[-1]


def without_name(declaration: tuple[str, ...]) -> list[str]:
    """A parameter's declaration without its name: its type.

    :raises NotUnderstood: it has no plain name.
    """
    name = _named(declaration)
    at = len(declaration) - 1 - declaration[::-1].index(name)
    return [*declaration[:at], *declaration[at + 1 :]]


class _Compiler:
    def __init__(self, program: Program, *, open_ended: bool) -> None:
        self.program = program
        self.open_ended = open_ended
        self.ops = program.ops
        self.labels: dict[str, int] = {}
        self.made = 0

    def function(self, nodes: Sequence[Node]) -> None:
        self.block(nodes, "break", "continue")
        self.ops.append(("leaves", "what follows") if self.open_ended else ("return", None))
        for i, op in enumerate(list(self.ops)):
            if op[0] in ("jump", "branch"):
                self.ops[i] = (*op[:-1], self._place(op[-1]))
            elif op[0] == "switch":
                arms = tuple((c, self._place(t)) for c, t in op[2])
                self.ops[i] = ("switch", op[1], arms, self._place(op[3]))

    def _place(self, label: str) -> int:
        if label not in self.labels:
            if not self.open_ended:
                raise NotUnderstood(f"a jump to {label}")
            self.here(label)
            self.ops.append(("leaves", label))
        return self.labels[label]

    def fresh(self) -> str:
        self.made += 1
        return f"#{self.made}"

    def here(self, label: str) -> None:
        if label in self.labels:
            raise NotUnderstood(f"two labels {label}")
        self.labels[label] = len(self.ops)

    def block(self, nodes: Sequence[Node], leave: str, again: str) -> None:
        for n in nodes:
            if isinstance(n, Leaf):
                self.leaf(n, leave, again)
            elif isinstance(n, If):
                self.condition(n, leave, again)
            elif isinstance(n, Loop):
                self.loop(n)
            else:
                self.switch(n, again)

    def leaf(self, n: Leaf, leave: str, again: str) -> None:
        words = n.words
        if words[0].startswith("#"):
            raise NotUnderstood(f"a directive inside: {' '.join(words)[:60]}")
        if n.is_label:
            if words[0] == "case" or words[0] == "default" or len(words) != 2:
                raise NotUnderstood(f"a label that is not understood: {' '.join(words)[:60]}")
            self.here(words[0])
        elif words[0] == "goto":
            self.ops.append(("jump", words[1]))
        elif words in (("break",), ("continue",)):
            self.ops.append(("jump", leave if words[0] == "break" else again))
        else:
            self.statement(words)

    def statement(self, words: tuple[str, ...]) -> None:
        try:
            got = parse_statement(words)
        except NotUnderstood:
            self.program.memory.update(w for w in words if re.match(r"[A-Za-z_]\w*\Z", w))
            self.ops.append(("raw", " ".join(words)))
            return
        if got[0] == "decl":
            for name, kind, init in got[1]:
                if name is None:
                    continue
                self.program.types[name] = plain_type(kind)
                self.look(init)
                self.ops.append(("decl", name, plain_type(kind), init))
        elif got[0] in ("return", "expr"):
            self.look(got[1])
            self.ops.append((got[0], got[1]))
        else:
            raise NotUnderstood(f"a jump that is not understood: {' '.join(words)[:60]}")

    def expression(self, words: tuple[str, ...]) -> Expr:
        e = parse_expression(words)
        self.look(e)
        return e

    def look(self, e: Expr | None) -> None:
        """Note locals that are more than values: &x, x.y, x[…] of an array, x in raw text."""
        for x in parts(e) if e is not None else ():
            if x[0] == "un" and x[1] == "&":
                self.program.memory.update(_base(x[2]))
            elif x[0] == "field" and x[2] == ".":
                self.program.memory.update(_base(x[1]))
            elif x[0] == "raw":
                self.program.memory.update(re.findall(r"[A-Za-z_]\w*", str(x[1])))

    def condition(self, n: If, leave: str, again: str) -> None:
        other, after = self.fresh(), self.fresh()
        self.ops.append(("branch", self.expression(n.cond), other))
        self.block(n.then, leave, again)
        self.ops.append(("jump", after))
        self.here(other)
        self.block(n.other, leave, again)
        self.here(after)

    def loop(self, n: Loop) -> None:
        leave, again, top = self.fresh(), self.fresh(), self.fresh()
        word, inside = n.head[0], n.head[n.head.index("(") + 1 : -1]
        step: tuple[str, ...] = ()
        cond: tuple[str, ...] = inside
        if word == "for":
            pieces = _semicolons(inside)
            if len(pieces) != 3:
                raise NotUnderstood(f"a loop's head: {' '.join(n.head)[:60]}")
            if pieces[0]:
                self.statement(pieces[0])
            cond, step = pieces[1], pieces[2]
        macro = word not in ("for", "while", "do")
        self.here(top)
        self.ops.append(("loop", " ".join(n.head) if macro else "", *_changed(n, macro)))
        if macro:
            self.program.memory.update(w for w in n.head if re.match(r"[A-Za-z_]\w*\Z", w))
            self.ops.append(("branch", ("id", "__once_more"), leave))
        elif word != "do" and cond:
            self.ops.append(("branch", self.expression(cond), leave))
        self.block(n.body, leave, again)
        self.here(again)
        if step:
            self.statement(step)
        if word == "do":
            self.ops.append(("branch", self.expression(cond), leave))
        self.ops.append(("jump", top))
        self.here(leave)

    def switch(self, n: Switch, again: str) -> None:
        leave = self.fresh()
        arms: list[tuple[Expr | None, str]] = []
        at = len(self.ops)
        self.ops.append(("switch",))
        subject = self.expression(n.cond)
        for x in n.body:
            if isinstance(x, Leaf) and x.is_label and x.words[0] in ("case", "default"):
                label = self.fresh()
                if "..." in x.words:
                    raise NotUnderstood("a range of cases")
                arms.append((None if x.words[0] == "default" else self.expression(x.words[1:-1]), label))
                self.here(label)
            else:
                self.block([x], leave, again)
        self.here(leave)
        self.ops[at] = ("switch", subject, tuple(arms), leave)


def _base(e: Expr) -> list[str]:
    """The local whose own storage an lvalue is in, if it is in one."""
    while (e[0] == "field" and e[2] == ".") or e[0] == "index":
        e = e[1]
    return [str(e[1])] if e[0] == "id" else []


def _semicolons(words: Sequence[str]) -> list[tuple[str, ...]]:
    out: list[list[str]] = [[]]
    depth = 0
    for w in words:
        depth += (w in ("(", "[", "{")) - (w in (")", "]", "}"))
        if w == ";" and depth == 0:
            out.append([])
        else:
            out[-1].append(w)
    return [tuple(p) for p in out]


_ASSIGNS = {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="}


def _changed(loop: Loop, macro: bool) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """Names from outside that a loop may change: those it assigns, and those it hands to something by name."""
    words = list(_all_words([loop]))
    out = set(loop.head) if macro else set()
    handed: set[tuple[str, str]] = set()
    callers: list[str] = []
    for i, w in enumerate(words):
        before, after = words[i - 1] if i else "", words[i + 1] if i + 1 < len(words) else ""
        if w in _ASSIGNS:
            out.update([before] if before not in (")", "]") else words[max(0, i - 8) : i])
        elif w in ("++", "--"):
            out.update((before, after))
        elif w == "(":
            callers.append(before)
        elif w == ")" and callers:
            callers.pop()
        if callers and before in ("(", ",") and after in (")", ","):
            handed.add((callers[-1], w))
    own = {name for leaf in leaves(loop.body) for name in _declared(leaf)}
    return (
        frozenset(w for w in out - own if re.match(r"[A-Za-z_]\w*\Z", w)),
        frozenset((c, w) for c, w in handed if w not in own),
    )


def _all_words(nodes: Sequence[Node]) -> Iterator[str]:
    for n in nodes:
        if isinstance(n, Leaf):
            yield from (*n.words, ";")
        elif isinstance(n, If):
            yield from (*n.cond, ";")
            yield from _all_words(n.then)
            yield from _all_words(n.other)
        else:
            yield from (*(n.head if isinstance(n, Loop) else n.cond), ";")
            yield from _all_words(n.body)


def _declared(leaf: Leaf) -> list[str]:
    try:
        got = parse_statement(leaf.words)
    except NotUnderstood:
        return []
    return [name for name, _, _ in got[1]] if got[0] == "decl" else []
