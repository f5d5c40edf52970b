"""run: one way through a program, with locals as values and everything else as a trace.

What a caller or another processor can notice is an event: a call, a store to memory,
what is returned.  A read of memory is a value that carries how many events came before
it.  Locals, temporaries and small helpers leave no trace, so that two functions that do
the same for every outcome of what is asked have the same traces, however they are written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...ctext.body import NotUnderstood
from ...ctext.expr import Expr, has_effects, show
from ..model import arithmetic
from ..model.constants import enumerates, number_of
from ..model.special import World
from ..model.traps import touchy
from .program import Op, Program, plain_type
from .types import SMALL, type_of

MOST_STEPS = 4000
_DEPTH = 4
_ZERO: Expr = ("num", 0)
_ORDERED = ("<", ">", "<=", ">=")
_COMMUTES = ("+", "*", "&", "|", "^")
_WRAPS = ("ASSERT", "BUG_ON", "WARN_ON")


@dataclass(frozen=True)
class Side:
    """What one tree means by names.

    :param world: predicates and constants.
    :param helpers: functions that the other tree does not have, to be read in place.
    :param macros: function-like macros that it does not have: parameters and expression.
    :param names: object-like macros that it does not have, as expressions.
    :param setters: macros that may set an argument.
    :param renamed: locals to the names that they have on the other side.
    :param idle: functions to the places of arguments that they do not read, and the other side does not have.
    """

    world: World
    helpers: Mapping[str, Program]
    macros: Mapping[str, tuple[tuple[str, ...], Expr]]
    names: Mapping[str, Expr]
    setters: frozenset[str]
    renamed: Mapping[str, str] = field(default_factory=dict)
    idle: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


# Asked for the outcome of a key among some options; the same key has the same outcome on both sides.
Oracle = Callable[[tuple[str, ...], tuple[Any, ...]], Any]


@dataclass
class Trace:
    """What a run does.

    :param events: in order; the last is how it ends.
    :param asked: texts of the conditions that were asked.
    :param followed: pointers, elements and divisors that must have been valid, as C text.
    """

    events: list[tuple[str, ...]] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    followed: set[str] = field(default_factory=set)
    epoch: int = 0

    def do(self, *event: str) -> int:
        """Note an event that may change memory."""
        self.events.append(event)
        self.epoch += 1
        return self.epoch


class _End(Exception):
    pass


@dataclass
class Run:
    """One side under one oracle."""

    side: Side
    oracle: Oracle
    trace: Trace = field(default_factory=Trace)
    steps: int = 0
    loops: int = 0

    def part(self, program: Program, elsewhere: Collection[str]) -> Trace:
        """Run statements of a function to their end, whatever its locals hold before.

        :param elsewhere: locals that the rest of the function uses.
        :raises NotUnderstood: what the reading does not know.
        """
        frame = _Frame(self, program, 0)
        for name in program.types:
            if name not in program.memory:
                frame.values[name] = frame.start(name)
        frame.elsewhere = frozenset(elsewhere)
        try:
            value = frame.run_on()
            self.trace.events.append(("returns", show(value) if value is not None else ""))
        except _End:
            pass
        return self.trace


class _Frame:
    """A function's locals."""

    def __init__(self, run: Run, program: Program, depth: int) -> None:
        self.run, self.program, self.depth = run, program, depth
        self.trace = run.trace
        self.values: dict[str, Expr] = {}
        self.entered: set[int] = set()
        self.elsewhere: frozenset[str] = frozenset()
        self.mark = "" if depth == 0 else f"{program.name}'s "

    # Statements ----------------------------------------------------------------------

    def call(self, arguments: list[Expr]) -> Expr | None:
        for (name, kind), value in zip(self.program.parameters, arguments, strict=True):
            if name in self.program.memory:
                self.trace.do("local", self.name(name), show(value))
            else:
                self.values[name] = self.converted(kind, value)
        return self.run_on()

    def start(self, name: str) -> Expr:
        """What a local holds before: of its type, and nothing more is known."""
        kind = self.program.types[name]
        return ("id", self.name(name)) if "*" in kind else ("cast", kind, ("id", self.name(name)))

    def run_on(self) -> Expr | None:
        """To a return, or out of the statements."""
        at = 0
        while True:
            self.run.steps += 1
            if self.run.steps > MOST_STEPS:
                raise NotUnderstood("too long a way")
            op = self.program.ops[at]
            if op[0] == "return":
                value = self.value(op[1]) if op[1] is not None else None
                if value is None or self.program.returns == "void":
                    return None
                return self.converted(self.program.returns, value)
            if op[0] == "leaves":
                now = {n: v for n, v in self.values.items() if n in self.elsewhere and v != self.start(n)}
                state = sorted(f"{self.name(n)} = {show(v)}" for n, v in now.items() if not _unset(v))
                self.trace.events.append(("goes on to", op[1], *state))
                raise _End
            at = self.step(op, at)

    def step(self, op: Op, at: int) -> int:
        if op[0] == "branch":
            return at + 1 if self.truth(op[1]) else int(op[2])
        if op[0] == "jump":
            if op[1] <= at and op[1] not in self.entered:
                raise NotUnderstood("a jump back that is no loop")
            return int(op[1])
        if op[0] == "loop":
            self.loop(op, at)
        elif op[0] == "switch":
            return self.switch(op)
        elif op[0] == "expr":
            self.value(op[1])
        elif op[0] == "raw":
            self.trace.do("text", self.renamed_text(op[1]))
        elif op[0] == "decl":
            self.declare(op[1], op[2], op[3])
        return at + 1

    def declare(self, name: str, kind: str, init: Expr | None) -> None:
        value = self.value(init) if init is not None else None
        if name in self.program.memory:
            if value is not None:
                self.trace.do("store", self.name(name), show(value))
        else:
            self.values[name] = self.converted(kind, value) if value is not None else ("raw", f"<unset {kind}>")

    def loop(self, op: Op, at: int) -> None:
        """The first time its head, with what it carries; the second time the run is over."""
        given = {n for caller, n in op[3] if caller in self.run.side.setters}
        carried = sorted((self.name(n), n) for n in op[2] | given if n in self.values)
        state = [f"{shown} = {show(self.values[n])}" for shown, n in carried]
        if at in self.entered:
            self.trace.events.append(("round again", *state))
            raise _End
        self.entered.add(at)
        self.run.loops += 1
        self.trace.do("loop", self.renamed_text(op[1]) if op[1] else "", *state)
        for shown, n in carried:
            self.values[n] = ("raw", f"<{shown} in loop {self.run.loops}>")

    def switch(self, op: Op) -> int:
        subject = self.value(op[1])
        for label, target in op[2]:
            if label is not None and self.equal(subject, self.value(label)):
                return int(target)
        return int(next((t for label, t in op[2] if label is None), op[3]))

    # Names ---------------------------------------------------------------------------

    def name(self, local: str) -> str:
        return self.mark + (self.run.side.renamed.get(local, local) if self.depth == 0 else local)

    def renamed_text(self, text: str) -> str:
        return " ".join(self.name(w) if self.known(w) else w for w in text.split())

    def known(self, word: str) -> bool:
        return word in self.program.types

    def converted(self, kind: str, value: Expr) -> Expr:
        if _is_common(value) and ("*" in kind or kind in (*SMALL, "int", "unsigned int")):
            value = value[2]  # whatever it was converted to keeps the low 32 bits
        if "*" in kind or kind == "void":
            return value
        if value[0] == "num":
            known = arithmetic.cast(kind, value)
            return known if known is not None else ("cast", kind, value)
        if type_of(value) == kind:
            return value
        return ("cast", kind, value)

    # Expressions ---------------------------------------------------------------------

    def value(self, e: Expr) -> Expr:
        kind = e[0]
        if kind == "id":
            return self.identifier(str(e[1]))
        if kind in ("num", "text", "handler"):
            return e
        if kind == "call":
            return self.called(e)
        if kind in ("field", "index") or e[:2] == ("un", "*"):
            return self.loaded(e)
        if kind == "un":
            return self.unary(e)
        if kind == "bin":
            return self.binary(e)
        if kind == "tern":
            chosen = self.truth(e[1])
            value = self.value(e[2] if chosen else e[3])
            return _of_both(value, e[3] if chosen else e[2])
        if kind == "cast":
            return self.converted(plain_type(str(e[1])), self.value(e[2])) if "*" not in e[1] else (
                "cast", plain_type(str(e[1])), self.value(e[2]))  # fmt: skip
        if kind == "assign":
            return self.assigned(e)
        if kind == "list":
            return [self.value(x) for x in e[1]][-1]
        if kind == "raw":
            text = self.renamed_text(str(e[1]))
            if not str(e[1]).startswith("sizeof"):
                return ("raw", f"<{text} after {self.trace.do('text', text)}>")
            return ("raw", text)
        raise NotUnderstood(f"an expression that is not understood: {show(e)[:60]}")

    def identifier(self, name: str) -> Expr:
        if name in self.values:
            return self.values[name]
        if self.known(name):
            return self.read(("id", self.name(name)))
        side = self.run.side
        if name in side.names:
            return self.value(side.names[name])
        if name.isupper() or name in ("true", "false") or enumerates(side.world.constant, name):
            number = number_of(side.world.constant, name)
            return number if number is not None and name != "NULL" else ("id", name) if name != "NULL" else _ZERO
        return ("id", name) if name == "current" else self.read(("id", name))

    def read(self, place: Expr) -> Expr:
        return ("raw", f"{show(place)}@{self.trace.epoch}")

    def loaded(self, e: Expr) -> Expr:
        place = self.place(e)
        if place[0] == "field" and place[2] == "->":
            world = self.run.side.world
            known = world.fields.get(place[3])
            kind = self.kind_of(place[1], world.kinds) if known is not None else ""
            if known is not None and kind in known:
                return ("num", int(known[kind]))
        if touchy(e) and not has_effects(e):  # volatile: each read can be noticed
            return ("raw", f"<{show(place)} read {self.trace.do('reads', show(place))}>")
        return self.read(place)

    def place(self, e: Expr) -> Expr:
        """Where an lvalue is, without reading it."""
        if e[0] == "id":
            return ("id", self.name(str(e[1])) if self.known(str(e[1])) else str(e[1]))
        if e[0] == "field":
            if e[2] == ".":
                inner = self.place(e[1]) if e[1][0] in ("id", "field", "index") or e[1][:2] == ("un", "*") else None
                return ("field", inner if inner is not None else self.value(e[1]), ".", e[3])
            base = self.value(e[1])
            self.trace.followed.add(show(base))
            return ("field", base, "->", e[3])
        if e[0] == "index":
            own = e[1][0] == "field" or (e[1][0] == "id" and str(e[1][1]) not in self.values)
            base, index = self.place(e[1]) if own else self.value(e[1]), self.value(e[2])
            if own and e[1][0] == "field":
                base = ("raw", f"{show(base)}@{self.trace.epoch}")  # an array, or a pointer that is read
            self.trace.followed.add(f"{show(base)}[{show(index)}]")
            return ("index", base, index)
        if e[:2] == ("un", "*"):
            base = self.value(e[2])
            self.trace.followed.add(show(base))
            return ("un", "*", base)
        if e[0] == "cast":
            return ("cast", plain_type(str(e[1])), self.place(e[2]))
        return self.value(e)

    def unary(self, e: Expr) -> Expr:
        op = str(e[1])
        if op == "!":
            return ("num", int(not self.truth(e[2])))
        if op == "&":
            return ("un", "&", self.place(e[2]))
        if op == "sizeof":
            return ("raw", self.renamed_text(show(e)))
        if op in ("++", "--", "p++", "p--"):
            old = self.value(e[2])
            new = self.folded(op[-1], old, ("num", 1))
            _once(e[2])
            self.store(e[2], new)
            return old if op[0] == "p" else new
        x = self.value(e[2])
        known = arithmetic.unary(op, x) if x[0] == "num" else None
        return known if known is not None else ("un", op, x)

    def binary(self, e: Expr) -> Expr:
        op = str(e[1])
        if op in ("&&", "||", "==", "!=", *_ORDERED):
            return ("num", int(self.truth(e)))
        a, b = self.value(e[2]), self.value(e[3])
        if op in ("/", "%") and not (b[0] == "num" and b[1]):
            self.trace.followed.add(f"{op} {show(b)}")
        return self.folded(op, a, b)

    def folded(self, op: str, a: Expr, b: Expr) -> Expr:
        if a[0] == b[0] == "num":
            known = arithmetic.binary(op, a, b)
            if known is not None:
                return known
        return ("bin", op, *sorted((a, b), key=show)) if op in _COMMUTES else ("bin", op, a, b)

    def assigned(self, e: Expr) -> Expr:
        value = self.value(e[3])
        if e[1] != "=":
            _once(e[2])
            value = self.folded(str(e[1])[:-1], self.value(e[2]), value)
        return self.store(e[2], value)

    def store(self, target: Expr, value: Expr) -> Expr:
        if target[0] == "id" and target[1] in self.values:
            name = str(target[1])
            self.values[name] = self.converted(self.program.types[name], value)
            return self.values[name]
        self.trace.do("store", show(self.place(target)), show(value))
        return value

    # Calls ---------------------------------------------------------------------------

    def called(self, e: Expr) -> Expr:
        name = str(e[1][1]) if e[1][0] == "id" else ""
        args, side = e[2], self.run.side
        if name in ("likely", "unlikely") and len(args) == 1:
            return ("num", int(self.truth(args[0])))
        if name in side.world.truth and len(args) == 1:
            return self.predicate(name, args[0])
        if name in _WRAPS and len(args) == 1:
            self.trace.events.append((f"{name} asks",))
            fails = self.truth(args[0]) == (name != "ASSERT")
            self.trace.events.append((f"{name} has asked",))
            if fails:
                self.trace.do(f"{name} strikes")
            return _ZERO if not fails else ("num", 1)
        if name in side.macros and len(side.macros[name][0]) == len(args):
            given, body = side.macros[name]
            return self.value(_put(body, dict(zip(given, args, strict=True))))
        if name in side.helpers and self.depth < _DEPTH:
            program = side.helpers[name]
            if len(program.parameters) == len(args):
                got = _Frame(self.run, program, self.depth + 1).call([self.value(a) for a in args])
                return got if got is not None else _ZERO
        return self.event(e, name)

    def event(self, e: Expr, name: str) -> Expr:
        function = name or show(self.value(e[1]))
        texts = []
        for i, a in enumerate(e[2]):
            setting = name in self.run.side.setters and a[0] == "id" and a[1] in self.values
            text = f"<set {i}: {self.name(str(a[1]))}>" if setting else show(self.value(a))
            if i not in self.run.side.idle.get(name, ()):
                texts.append(text)
        n = self.trace.do("calls", function, *texts)
        for i, a in enumerate(e[2]):
            if name in self.run.side.setters and a[0] == "id" and a[1] in self.values:
                self.values[str(a[1])] = ("raw", f"<set by {function} {n}, {i}>")
        return ("raw", f"<{function} {n}>")

    def predicate(self, name: str, argument: Expr) -> Expr:
        world = self.run.side.world
        value = self.value(argument)
        self.trace.followed.add(show(value))
        if name in world.of_vcpu:
            value = self.read(("field", value, "->", "domain"))
        kind = self.kind_of(value, world.kinds)
        if kind not in world.truth[name]:  # it depends on more than the kind
            return ("raw", f"<{name} of {show(value)}, {kind}>@{self.trace.epoch}")
        return ("num", int(world.truth[name][kind]))

    def kind_of(self, obj: Expr, kinds: tuple[str, ...]) -> str:
        return str(self.run.oracle(("kind", _timeless(show(obj))), kinds))

    # Conditions ----------------------------------------------------------------------

    def truth(self, e: Expr) -> bool:
        if e[0] == "bin" and e[1] in ("&&", "||"):
            first: bool = self.truth(e[2])
            return first if first is (e[1] == "||") else self.truth(e[3])
        if e[0] == "un" and e[1] == "!":
            return not self.truth(e[2])
        if e[0] == "bin" and e[1] in ("==", "!="):
            a = self.value(e[2])
            return self.equal(a, self.value(e[3])) is (e[1] == "==")
        if e[0] == "bin" and e[1] in _ORDERED:
            a, b = self.value(e[2]), self.value(e[3])
            known = arithmetic.binary(str(e[1]), a, b) if a[0] == b[0] == "num" else None
            if known is not None:
                return bool(known[1])
            if e[1] in (">", "<="):
                a, b = b, a
            return self.ask(f"{_operand(a)} < {_operand(b)}") == (e[1] in ("<", ">"))
        return not self.equal(self.value(e), _ZERO)

    def equal(self, a: Expr, b: Expr) -> bool:
        if a[0] == b[0] == "num":
            known = arithmetic.binary("==", a, b)
            if known is not None:
                return bool(known[1])
        if show(a) == show(b):
            return True
        if a[:2] == ("un", "&") and b == _ZERO:
            return False
        a, b = (x[2] if _is_common(x) and y == _ZERO else x for x, y in ((a, b), (b, a)))
        a, b = sorted((a, b), key=lambda x: (x[0] == "num", show(x)))
        self.trace.asked.add(f"{show(a)} == {show(b)}")
        return bool(self.run.oracle(("equal", show(a), show(b)), (False, True)))

    def ask(self, text: str) -> bool:
        self.trace.asked.add(text)
        return bool(self.run.oracle(("holds", text), (False, True)))


def _once(lvalue: Expr) -> None:
    """An lvalue is evaluated once where it is read and written; the reading would do it twice."""
    if has_effects(lvalue):
        raise NotUnderstood(f"an assignment whose left side does something: {show(lvalue)[:60]}")


def _of_both(value: Expr, other: Expr) -> Expr:
    """The value of ``?:``, of the type that both sides come to (C11 6.5.15)."""
    if value[0] == other[0] == "num":
        known = arithmetic.ternary(("num", 1), value, other)
        return known if known is not None else ("cast", f"common type with {show(other)}", value)
    if other[0] == "num" and len(other) == 2:
        return value  # an int changes no type that it meets
    pointer = _is_pointer(value) or _is_pointer(other)
    return value if pointer else ("cast", f"common type with {show(other)}", value)


def _is_pointer(e: Expr) -> bool:
    return e[0] == "text" or e[:2] in (("un", "&"), ("id", "NULL")) or (e[0] == "cast" and "*" in str(e[1]))


def _is_common(e: Expr) -> bool:
    return e[0] == "cast" and str(e[1]).startswith("common type")


def _unset(e: Expr) -> bool:
    return e[0] == "raw" and str(e[1]).startswith("<unset ")


def _operand(e: Expr) -> str:
    return f"({show(e)})" if e[0] in ("bin", "tern", "cast") else show(e)


def _timeless(text: str) -> str:
    """A domain's kind does not change, whenever its pointer was read."""
    return text.split("@")[0] if text.count("@") == 1 else text


def _put(e: Expr, given: Mapping[str, Expr]) -> Expr:
    """An expression with arguments in the place of parameters."""
    if e[0] == "id":
        return given.get(str(e[1]), e)
    out: Expr = tuple(
        (_put(x, given) if x and isinstance(x[0], str) else tuple(_put(y, given) for y in x))
        if isinstance(x, tuple)
        else x
        for x in e
    )
    return out
    return out
