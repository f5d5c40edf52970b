"""accessors_of: the names by which a tree's code asks what kind of guest a domain is.

Every macro or inline function of one argument whose body asks what creation put down,
itself or through another such name, is one; what it answers for each kind is evaluated
from the body.  One that asks other things too is known for the kinds for which these do
not matter, and open for the rest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ...ctext.body import NotUnderstood, leaves_words, parameters, parse_body
from ...ctext.entities import Entity, entities
from ...ctext.expr import Expr, has_effects, parse_expression, parse_statement, parts, show
from ...index.sweep import Files, word_pattern
from . import guests
from .source import source_files
from .special import Env, World, evaluate

# A function that is nothing but one return, as the tree lays it out; others are read where they are called.
_ONE_RETURN = re.compile(rb"\b([A-Za-z_]\w*)\(([^(),;]*)\)\s*\{\s*return\b[^;{}]*;\s*\}")
_DEFINE = re.compile(
    rb"^[ \t]*#[ \t]*define[ \t]+([A-Za-z_]\w*)\([ \t]*\w+[ \t]*\)((?:[^\n\\]|\\.|\\\n)*)", re.M | re.S
)


@dataclass(frozen=True)
class Accessor:
    """One definition: where it stands, its parameter and what it returns for it."""

    name: str
    path: str
    parameter: str
    body: Expr
    words: frozenset[str]
    why_not: str = ""
    of: str = ""  # "domain" or "vcpu" where the parameter's type says so


@dataclass(frozen=True)
class Found:
    """What is known of the accessors of a tree.

    :param truth: name to kind to answer; kinds for which the answer is open are left out.
    :param of_vcpu: names whose argument is a virtual CPU.
    :param unread: names that ask for the type, but are no predicates, with the reason.
    :param pure: names that ask for nothing else.
    :param asks: name to the fields that its answer comes from.
    """

    truth: dict[str, dict[str, int]] = field(default_factory=dict)
    of_vcpu: set[str] = field(default_factory=set)
    unread: dict[str, str] = field(default_factory=dict)
    pure: set[str] = field(default_factory=set)
    asks: dict[str, frozenset[str]] = field(default_factory=dict)


def meaning(entity: Entity) -> tuple[str, Expr]:
    """A predicate's parameter and what it returns for it.

    :raises NotUnderstood: when it is neither a macro of one parameter nor a function that
        only returns an expression.
    """
    words = entity.words
    if entity.kind == "macro":
        if words[2:3] != ("(",) or words[4:5] != (")",):
            raise NotUnderstood(f"{entity.name} is no macro of one parameter")
        return words[3], parse_expression(words[5:])
    given = parameters(entity)
    nodes = parse_body(entity)
    inside = [parse_statement(w) for w in leaves_words(nodes)] if len(nodes) == 1 else []
    if len(given) != 1 or len(inside) != 1 or inside[0][0] != "return" or inside[0][1] is None:
        raise NotUnderstood(f"{entity.name} is no function that only returns an expression of its parameter")
    return given[0][-1], inside[0][1]


def accessors_of(files: Files, world: World, settled: Mapping[str, str]) -> Found:
    """Every name of a tree that asks for the kind, by way of the fields of a world.

    :param world: fields and kinds are known, the truth is not yet.
    :param settled: field to "", or to the reason for which it does not say what creation did.
    """
    known: dict[str, list[Accessor]] = {}
    found, words, fresh = Found(), set(settled), set(settled)
    while True:
        for a in _defined(files, fresh) if fresh else []:
            if a not in known.setdefault(a.name, []):
                known[a.name].append(a)
        following = Found()
        for name in sorted(known, key=lambda n: n not in found.pure):
            _read(known[name], world, settled, found, following)
        fresh = set(following.truth) - words
        words |= fresh
        if not fresh and following == found:
            return _without_shadowed(found, files)
        found = following


def _without_shadowed(found: Found, files: Files) -> Found:
    """Leave out names that some other file gives a meaning of its own."""
    for name in sorted(found.truth):
        word = name.encode()
        places = [
            path for path, data in source_files(files) if word in data for _ in range(_meanings(files, data, word))
        ]
        if len(places) > 1:
            found.unread[name] = f"it is defined more than once ({', '.join(sorted(set(places)))})"
            del found.truth[name]
            found.pure.discard(name)
    return found


def _meanings(files: Files, data: bytes, word: bytes) -> int:
    """How often a file defines a name, or takes a definition away."""
    key = ("meanings", word, data)
    if key not in files.memo:
        head = rb"^[ \t]*#[ \t]*(?:define|undef)[ \t]+%s\b|^[A-Za-z_][^\n;=#(]*\b%s\([^;{]*\)\s*\{" % (word, word)
        files.memo[key] = len(re.findall(head, data, re.M))
    return int(files.memo[key])


def _read(candidates: list[Accessor], world: World, settled: Mapping[str, str], before: Found, found: Found) -> None:
    """Put down what a name answers, given what is known of the others."""
    a = candidates[0]
    reason = a.why_not or next((f"it reads {f}: {r}" for f, r in settled.items() if r and f in a.words), "")
    if len(candidates) > 1:
        reason = f"it is defined more than once ({', '.join(sorted({c.path for c in candidates}))})"
    owner = None if reason else _owner(a, world, before)
    if owner is None:
        found.unread[a.name] = reason or _why_not_pure(a, world, before) or "it is not known what its argument is"
        return
    inner = replace(world, truth=before.truth, of_vcpu=frozenset(before.of_vcpu))
    answers: dict[str, int] = {}
    wrong: set[str] = set()
    for kind in sorted({k for row in world.fields.values() for k in row}):
        env = Env(inner, {f"{a.parameter}->domain" if owner == "vcpu" else a.parameter: kind})
        value = evaluate(a.body, env)
        value = value if value[0] == "num" else evaluate(value, env, truth=True)
        if value[0] == "num":
            answers[kind] = value[1]
        wrong |= env.wrong
    impure = sorted(wrong)[0] if wrong else _why_not_pure(a, world, before)
    if not impure:
        found.pure.add(a.name)
    else:
        found.unread[a.name] = impure
    if wrong:
        return
    if answers:
        found.truth[a.name] = answers
        through = [f for w in sorted(a.words) for f in before.asks.get(w, ())]
        found.asks[a.name] = frozenset(through) | (a.words & set(world.fields))
        if owner == "vcpu":
            found.of_vcpu.add(a.name)


def _owner(a: Accessor, world: World, found: Found) -> str | None:
    """Whether the parameter is a "domain" or a "vcpu", from how the body uses it; None for neither."""
    itself: Expr = ("id", a.parameter)
    domain: Expr = ("field", itself, "->", "domain")
    asks: set[str] = set()
    for x in parts(a.body):
        if x[0] == "field" and x[2] == "->" and x[3] in world.fields and x[1] in (itself, domain):
            asks.add("domain" if x[1] == itself else "vcpu")
        if x[0] == "call" and x[1][0] == "id" and x[1][1] in found.truth and len(x[2]) == 1:
            vcpu = x[1][1] in found.of_vcpu
            if x[2][0] == itself:
                asks.add("vcpu" if vcpu else "domain")
            elif x[2][0] == domain and not vcpu:
                asks.add("vcpu")
    return asks.pop() if len(asks) == 1 and (not a.of or {a.of} >= asks) else None


def _why_not_pure(a: Accessor, world: World, found: Found) -> str:
    """What a body asks besides fields that creation sets and other such names; "" for nothing."""
    itself: Expr = ("id", a.parameter)
    for x in parts(a.body):
        if x[0] == "field" and x[3] in guests.UNION_MEMBERS:
            return f"it reads {x[3]}, which other types' domains do not have (a union)"
        if x[0] == "field" and x[2] == "->" and x[1] not in (itself, ("field", itself, "->", "domain")):
            return f"it goes through a pointer that may be NULL: {show(x)}"
        if x[0] == "field" and not (x[3] == "domain" or x[3] in world.fields):
            return f"it reads {x[3]}"
        if x[0] == "call" and not (x[1][0] == "id" and x[1][1] in found.pure):
            return f"it asks {show(x)}"
        if x[0] == "id" and x != itself and x[1] not in found.pure and world.constant(x[1]) is None:
            return f"it asks {x[1]}"
        if x[0] in ("index", "assign", "raw"):
            return f"it does more than look: {show(x)}"
    return ""


def twins(files: Files, world: World, names: set[str]) -> list[tuple[str, str]]:
    """Pairs of names, the first of them one of ``names``, that ask the same bit of a field."""
    bits: dict[tuple[str, int], list[str]] = {}
    for path, data in source_files(files):
        for a in _named(files, path, data, set(world.truth)):
            for x in parts(a.body):
                mask = evaluate(x[3], Env(world, {})) if x[0] == "bin" and x[1] == "&" else ()
                if x[:2] == ("bin", "&") and x[2][0] == "field" and x[2][3] in world.fields and mask[0] == "num":
                    bits.setdefault((x[2][3], mask[1]), []).append(a.name)
    found = [(n, m) for same in bits.values() for n in same for m in same if n != m and n in names]
    return sorted({(n, m) for n, m in found if m not in names or n < m})


def fields_read(files: Files, names: set[str]) -> set[str]:
    """Fields that the definitions of some names read of the domain they are given."""
    out: set[str] = set()
    for a in (a for path, data in source_files(files) for a in _named(files, path, data, names)):
        itself: Expr = ("id", a.parameter)
        for x in parts(a.body):
            if x[0] == "field" and x[2] == "->" and x[1] in (itself, ("field", itself, "->", "domain")):
                out.add(x[3])
    return out - {"domain", "arch"}


def _named(files: Files, path: str, data: bytes, names: set[str]) -> list[Accessor]:
    here = {n for n in names if n.encode() in data} if path.endswith(".h") else set()
    defined = {m.group(1).decode() for p in (_DEFINE, _ONE_RETURN) for m in p.finditer(data)} if here else set()
    return [a for a in _entities(files, path, data) if a.name in here] if here & defined else []


def _defined(files: Files, names: set[str]) -> list[Accessor]:
    """Macros and functions of one argument whose body has one of the names."""
    pattern = word_pattern(names)
    plain = [n.encode() for n in names]
    out: list[Accessor] = []
    for path, data in source_files(files):
        if not any(n in data for n in plain):
            continue
        wanted = {m.group(1).decode() for m in _DEFINE.finditer(data) if pattern.search(m.group(2))}
        wanted |= {m.group(1).decode() for m in _ONE_RETURN.finditer(data) if pattern.search(m.group(0))}
        if path.endswith(".c"):  # what is one file's own says nothing elsewhere
            own = rb"#[ \t]*define[ \t]+%s\b|^static\b[^;{]*\b%s\("
            wanted = {n for n in wanted if not re.search(own % (n.encode(), n.encode()), data, re.M)}
        if wanted:
            out += [a for a in _entities(files, path, data) if a.name in wanted]
    return out


def _entities(files: Files, path: str, data: bytes) -> list[Accessor]:
    key = ("accessors", path, hashlib.sha256(data).digest())
    if key not in files.memo:
        found = [e for e in entities(data).values() if e.kind in ("macro", "function")]
        files.memo[key] = [a for e in found if (a := _accessor(e, path)) is not None]
    kept: list[Accessor] = files.memo[key]
    return kept


def _accessor(e: Entity, path: str) -> Accessor | None:
    """A definition of one argument; one whose body is not read says so."""
    words = e.words
    if e.kind == "macro" and (words[2:3] != ("(",) or words[4:5] != (")",)):
        return None
    of = ""
    try:
        if e.kind == "function":
            given = parameters(e)
            if len(given) != 1:
                return None
            of = next((w for w in given[0] if w in ("domain", "vcpu")), "?")
        parameter, body = meaning(e)
    except NotUnderstood as error:
        return Accessor(e.name, path, "", ("raw", ""), frozenset(words), str(error), of)
    reason = _not_plain(e.name, parameter, body)
    return Accessor(e.name, path, parameter, body, frozenset(words), reason, of)


def _not_plain(name: str, parameter: str, e: Expr) -> str:
    """Why a body is not one of a predicate: it does more than look."""
    if any(x[0] == "assign" for x in parts(e)) or (e[0] == "un" and has_effects(e) and e[1] in ("++", "--")):
        return f"{name} does more than read fields of its {parameter}"
    return ""
