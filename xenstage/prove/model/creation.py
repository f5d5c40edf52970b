"""creation_of: which guests a tree can make, and what its creation code puts down for each.

domain_create() is read once for every combination of the flags that it asks for.  A
field of struct domain that comes out differently for two combinations tells guests
apart; nothing is assumed of its name or its values.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...ctext.body import Node, NotUnderstood, parameters, parse_body
from ...ctext.entities import Entity, find_entity
from ...ctext.expr import Expr
from ...effect import Made
from ...index.sweep import Files
from . import arithmetic, guests
from .constants import Heard
from .source import source_files
from .special import Env, Left, World, aliases, specialise

MOST_FLAGS = 6
State = dict[str, int | None]  # field -> value, None where it depends on other things


@dataclass(frozen=True)
class Creation:
    """What a tree's creation code says.

    :param flags: name to value of the flags that make a difference to a guest's type.
    :param kinds: kind of guest to the flags with which it is made, for every combination.
    :param values: field of struct domain that tells kinds apart, to kind to value (None: it
        depends on more than the flags).
    :param refused: kinds that cannot be made: creation ends in an error, with its text.
    :param asked: every flag that creation asks for, in the order of their values.
    """

    flags: Mapping[str, int]
    kinds: Mapping[str, tuple[str, ...]]
    values: Mapping[str, Mapping[str, int | None]]
    refused: Mapping[str, str] = field(default_factory=dict)
    asked: tuple[str, ...] = ()


def kind_name(flags: Iterable[str]) -> str:
    """What a kind of guest is called: after its flags."""
    return "+".join(f.removeprefix(guests.FLAG_PREFIX) for f in flags) or guests.PLAIN


def creator(files: Files) -> Entity:
    """domain_create().

    :raises NotUnderstood: when it is not where it is looked for.
    """
    path, name = guests.CREATE
    entity = find_entity(files.read(path), "function", name) if path in files.tracked else None
    if entity is None:
        raise NotUnderstood(f"{path} does not define {name}")
    return entity


def flags_parameter(function: Entity) -> str | None:
    """The name of the parameter that holds creation flags, if there is one."""
    return next((p[-1] for p in parameters(function) if "flags" in p[-1]), None)


def asked_flags(function: Entity, constant: Callable[[str], int | None]) -> dict[str, int]:
    """Creation flags that a function names, with their values, in the order of these."""
    names = {w for w in function.words if w.startswith(guests.FLAG_PREFIX)}
    known = {n: constant(n) for n in names}
    return dict(sorted(((n, v) for n, v in known.items() if v), key=lambda x: (x[1], x[0])))


def combinations(flags: Sequence[str]) -> list[tuple[str, ...]]:
    """Every set of the flags, smaller ones first.

    :raises NotUnderstood: for more flags than can be tried.
    """
    if len(flags) > MOST_FLAGS:
        raise NotUnderstood(f"{guests.CREATE[1]} asks for {len(flags)} flags: {', '.join(flags)}")
    return [c for n in range(len(flags) + 1) for c in itertools.combinations(flags, n)]


def creation_of(
    files: Files, constant: Callable[[str], int | None], also: Iterable[str] = (), asked: Iterable[str] = ()
) -> Creation:
    """Read the creation code of a tree.

    :param also: flags that make a difference in the tree to compare with.
    :param asked: fields to tell the values of, also where they tell no kinds apart.
    :raises NotUnderstood: saying what is not.
    """
    function = creator(files)
    said = ways_of(files.guests, function, constant)
    if said:
        return _creation_as_said(files, function, said, constant, asked)
    steps = [function, *_called_with_flags(function, files)]
    known: dict[str, int] = {}
    for step in steps:
        if step is function or _sets_fields(step):
            known.update(asked_flags(step, constant))
    ends = _ends(files, steps, known, constant)
    states = {c: s for c, s in ends.items() if not isinstance(s, str)}
    fields = sorted({f for s in states.values() for f in s})
    telling = [f for f in fields if len({s.get(f, 0) for s in states.values()} - {None}) > 1]
    shown = [*telling, *sorted(set(asked) - set(telling))]
    flags = {f: v for f, v in known.items() if f in also or _matters(f, states, ends, telling)}
    kinds = {kind_name(c): c for c in combinations(list(flags))}
    refused = {k: ends[c] for k, c in kinds.items() if isinstance(ends[c], str)}
    values = {f: {k: states[c].get(f, 0) for k, c in kinds.items() if c in states} for f in shown}
    return Creation(flags, kinds, values, refused, tuple(known))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Way:
    """How a kind of guest is made, in the terms of one tree.

    :param given: parameter of the function that makes domains to its value.
    """

    flags: Mapping[str, int]
    given: Mapping[str, int]

    @property
    def value(self) -> int:
        """All the flags."""
        return sum(self.flags.values())


def ways_of(made: Sequence[Made], function: Entity, constant: Callable[[str], int | None]) -> dict[str, Way]:
    """What is said of kinds of guest, where a tree's function has the parameters of which it is said; else nothing.

    :raises NotUnderstood: for a value that the tree does not know.
    """
    names = {p[-1] for p in parameters(function)}
    if not any(m.given for m in made) or not all(n in names for m in made for n, _ in m.given):
        return {}
    out: dict[str, Way] = {}
    for m in made:
        flags = {f: constant(f) for f in m.flags}
        if m.kind in out or None in flags.values():
            continue
        given = {n: int(v, 0) if v[:1].isdigit() else constant(v) for n, v in m.given}
        if None in given.values():
            raise NotUnderstood(
                f"a {m.kind} guest is made with {', '.join(v for _, v in m.given)}, which is no number here"
            )
        out[m.kind] = Way(flags, given)  # type: ignore[arg-type]
    return out


def _creation_as_said(
    files: Files, function: Entity, said: Mapping[str, Way], constant: Callable[[str], int | None], asked: Iterable[str]
) -> Creation:
    """The same of kinds whose ways are said, as :func:`creation_of` finds of flags."""
    steps = [(s, parse_body(s)) for s in (function, *_called_with_flags(function, files))]
    ends = {k: _made(steps, way.value, constant, way.given) for k, way in said.items()}
    states = {k: s for k, s in ends.items() if not isinstance(s, str)}
    fields = sorted({f for s in states.values() for f in s})
    telling = [f for f in fields if len({s.get(f, 0) for s in states.values()} - {None}) > 1]
    shown = [*telling, *sorted(set(asked) - set(telling))]
    flags = {f: v for way in said.values() for f, v in way.flags.items()}
    return Creation(
        flags,
        {k: tuple(way.flags) for k, way in said.items()},
        {f: {k: s.get(f, 0) for k, s in states.items()} for f in shown},
        {k: s for k, s in ends.items() if isinstance(s, str)},
        tuple(asked_flags(function, constant)),
    )


def accepted(files: Files, constant: Callable[[str], int | None]) -> list[str]:
    """Ways to make a domain that nobody said and that are not refused, as "flags, parameter": each set of
    the flags, with each value said for a parameter, with one of its bits more or less, and with one bit alone.

    :raises NotUnderstood: as :func:`creation_of`.
    """
    function = creator(files)
    said = ways_of(files.guests, function, constant)
    known = {f: v for way in said.values() for f, v in way.flags.items()}
    steps = [(function, parse_body(function))]
    values = {(n, v) for way in said.values() for n, v in way.given.items()}
    ends = {k: _made(steps, way.value, constant, way.given) for k, way in said.items()}
    tried = {(n, v ^ (1 << b)) for n, v in values for b in range(32)} | values
    out = []
    for c in combinations(list(known)):
        for name, value in sorted(tried):
            # More flags than those that a way needs are its creator's to add, while they make the same of it.
            end = _made(steps, sum(known[f] for f in c), constant, {name: value})
            mine = [k for k, w in said.items() if set(w.flags) <= set(c) and w.given == {name: value}]
            if not isinstance(end, str) and not any(end == ends[k] for k in mine):
                out.append(f"{' | '.join(c) or 'no flags'}, {name} {value:#x}")
    return out


def _ends(
    files: Files, steps: Sequence[Entity], known: Mapping[str, int], constant: Callable[[str], int | None]
) -> Mapping[tuple[str, ...], State | str]:
    """What :func:`_made` says for every combination of flags.

    Read once for all trees in which the steps have the same text and every constant that was asked for is
    the same: a patch mostly changes neither.
    """
    key = ("ends", tuple((s.name, s.words) for s in steps), tuple(known.items()))
    readings: list[tuple[Heard, Mapping[tuple[str, ...], State | str]]] = files.memo.setdefault(key, [])
    for heard, kept in readings:
        if heard.same(constant):
            return kept
    heard = Heard(constant)
    read = [(s, parse_body(s)) for s in steps]
    ends = {c: _made(read, sum(known[f] for f in c), heard) for c in combinations(list(known))}
    readings.append((heard, ends))
    return ends


def _matters(
    flag: str, states: Mapping[tuple[str, ...], State], ends: Mapping[tuple[str, ...], State | str], telling: list[str]
) -> bool:
    """Whether a flag changes what tells guests apart, or whether there is a guest at all."""
    for c in ends:
        if flag in c:
            without = tuple(f for f in c if f != flag)
            a, b = states.get(c), states.get(without)
            if (a is None) != (b is None):
                return True
            if a is not None and b is not None and any(a.get(f, 0) != b.get(f, 0) for f in telling):
                return True
    return False


def _made(
    steps: Sequence[tuple[Entity, tuple[Node, ...]]],
    flags: int,
    constant: Callable[[str], int | None],
    given: Mapping[str, int] | None = None,
) -> State | str:
    """What is put down for flags, and for what is given for other parameters, or the text with which creation ends
    without a domain."""
    out: State = {}
    for step, nodes in steps:
        name = flags_parameter(step)
        values = {name: flags} if name else {}
        values |= (given or {}) if step is steps[0][0] else {}
        env = Env(World({}, {}, constant), values=values, alias=aliases(nodes, set()))
        left = specialise(nodes, env)
        ends: list[tuple[Expr | None, State]] = []
        state = _run(left, {}, ends, constant)
        good = [s for value, s in ends if _succeeds(value)] + ([state] if state is not None else [])
        if not good:
            if step is not steps[0][0]:
                continue
            first = next((x for x in left if x[0] == "jump"), ("jump", "no return"))
            return str(first[1])
        for f, v in _merged(good).items():
            out[f] = None if f in out and out[f] != v else v
    return out


def _succeeds(value: Expr | None) -> bool:
    """Whether what is returned is a domain, or a 0."""
    return value is None or value[0] in ("id", "num")


def _merged(states: Sequence[State]) -> State:
    out: State = {}
    for f in {f for s in states for f in s}:
        values = {s.get(f, 0) for s in states}
        out[f] = values.pop() if len(values) == 1 else None
    return out


def _run(
    left: Sequence[Left], state: State, ends: list[tuple[Expr | None, State]], constant: Callable[[str], int | None]
) -> State | None:
    """Follow assignments of constants; None where no way leads to the end of the statements."""
    for x in left:
        if x[0] == "if":
            arms = [_run(arm, dict(state), ends, constant) for arm in (x[2], x[3])]
            going = [a for a in arms if a is not None]
            if not going:
                return None
            state = _merged(going)
        elif x[0] == "jump":
            if str(x[1]).startswith("return"):
                ends.append((x[2] if len(x) > 2 else None, state))
            return None
        elif x[0] in ("loop", "switch"):
            for f in _run(x[2], {}, [], constant) or {}:
                state[f] = None
        elif x[0] == "leaf" and len(x) > 2:
            _assign(x[2], state, constant)
    return state


def _assign(e: Expr, state: State, constant: Callable[[str], int | None]) -> None:
    if e[0] == "list":
        for inner in e[1]:
            _assign(inner, state, constant)
    if e[0] != "assign":
        return
    target, value = e[2], e[3]
    if value[0] == "assign":  # a = b = value
        _assign(value, state, constant)
        value = value[3]
    if value[0] == "id":
        known = constant(value[1])
        value = ("num", known) if known is not None else value
    if target[0] != "field" or target[2] != "->" or target[1][0] != "id":
        return
    number = value[1] if value[0] == "num" else None
    if e[1] != "=":
        before = state.get(target[3], 0)
        made = None
        if number is not None and before is not None:
            made = arithmetic.binary(e[1][:-1], ("num", before), ("num", number))
        number = made[1] if made is not None else None
    state[target[3]] = number


def _called_with_flags(function: Entity, files: Files) -> list[Entity]:
    """Functions to which creation passes its flags on, as x86 defines them."""
    name = flags_parameter(function)
    words = function.words
    called: list[str] = []
    for i, w in enumerate(words):
        if w == name and words[i + 1] == ")" and words[i - 1] == ",":
            start = max(j for j in range(i) if words[j] == "(")
            called.append(words[start - 1])
    out: list[Entity] = []
    for each in dict.fromkeys(called):
        place = re.compile(rb"^[a-z][^\n;=]*\b%s\(" % each.encode(), re.M)
        for path, data in source_files(files):
            if path.endswith(".c") and place.search(data):
                found = find_entity(data, "function", each)
                out += [found] if found is not None else []
    return out


def _sets_fields(function: Entity) -> bool:
    """Whether a function assigns to a field of the domain that it is given."""
    given = next((p[-1] for p in parameters(function) if p[:2] == ("struct", "domain")), None)
    words = function.words
    return any(
        words[i] == given and words[i + 1] == "->" and words[i + 3] in ("=", "|=", "&=") for i in range(len(words) - 3)
    )


def passed_flags(files: Files, asked: Iterable[str]) -> dict[str, list[str]]:
    """Who makes domains, and which of the flags each caller can pass: "path: text" to names."""
    out: dict[str, list[str]] = {}
    call = re.compile(rb"(?<![\w>.])%s\(([^;]*)\)" % guests.CREATE[1].encode())
    wanted = set(asked)
    for path, data in source_files(files, everything=True):
        if not path.endswith(".c") or guests.CREATE[1].encode() not in data:
            continue
        for m in call.finditer(data):
            args = [a.strip() for a in m.group(1).decode("latin-1").split(",")]
            if len(args) < 2 or " " in args[0]:
                continue  # its definition
            text = args[1]
            if re.fullmatch(r"[a-z_]\w*", text):
                sets = re.findall(rb"\b%s\s*\|?=([^;=]*);" % text.encode(), data)
                text = " ".join(s.decode("latin-1") for s in sets)
            out[f"{path}: {guests.CREATE[1]}({args[0]}, {args[1]})"] = sorted(
                n for n in wanted if re.search(rf"\b{n}\b", text)
            )
    return out
