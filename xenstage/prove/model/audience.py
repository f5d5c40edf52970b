"""excluded: whether a kind of guest can get to a function, as a chain of calls that a person can check.

From the function up: every place that names it, and what is left of the caller for that
kind.  A way up ends well where the caller does not call it for the kind, or at one of the
few places (:data:`ROOTS`) that run for guests in HVM containers only.  Any other end
(an address that is taken, assembly, an object that is not followed) means that the kind
may get there, and the reason says which.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...ctext.body import Leaf, Loop, Node, NotUnderstood, parameters
from ...ctext.entities import Entity
from ...ctext.expr import Expr, parse_expression, parts
from ...index.sweep import Files
from . import guests
from .bodies import body_of, others
from .calls import Reference, find, member_calls, references
from .makers import every, made_by, settings, shared_made
from .special import Env, Left, World, aliases, ask, specialise
from .tidy import tidy

MOST_STEPS = 300
LOST = ""  # an object that is not followed
LOST_IN = "?"  # how the reason for it begins


@dataclass(frozen=True)
class Audience:
    """What is known of one kind of guest at one function.

    :param out: whether it never gets there.
    :param chain: where each way up ends; for a kind that may get there, the way by which.
    """

    out: bool
    chain: tuple[str, ...]


@dataclass
class _Search:
    files: Files
    world: World
    kind: str
    made_with: tuple[str, ...]
    seen: set[tuple[str, str, str]] = field(default_factory=set)
    ends: list[str] = field(default_factory=list)
    running: dict[tuple[str, str, str], bool] = field(default_factory=dict)


def excluded(files: Files, world: World, made_with: Sequence[str], at: tuple[str, str, str], kind: str) -> Audience:
    """Whether an object of a function is never of a kind.

    :param made_with: the flags with which the kind is made.
    :param at: the file, the function's or macro's name, and the object as C text: "d",
        "v->domain", "current->domain".
    """
    search = _Search(files, world, kind, tuple(made_with))
    bad = _follow(search, *at, way=())
    if bad:
        return Audience(False, bad)
    return Audience(True, tuple(dict.fromkeys(search.ends)))


def _follow(search: _Search, path: str, name: str, thing: str, way: tuple[str, ...]) -> tuple[str, ...]:
    """The way by which the kind may get to a function's object; empty when there is none."""
    if (path, name, thing) in search.seen:
        return ()
    search.seen.add((path, name, thing))
    here = (f"{name} ({thing})", *way)
    if len(search.seen) > MOST_STEPS:
        return ("too many callers", *here)
    entity = find(search.files, path, name)
    if entity is None:
        return (f"{path} does not define {name}", *here)
    count = 0
    for r in references(search.files, path, name):
        count += 1
        bad = _one(search, r, entity, thing, here)
        if bad:
            return bad
    return () if count else ("nothing is seen to call it", *here)


def _one(search: _Search, r: Reference, entity: Entity, thing: str, way: tuple[str, ...]) -> tuple[str, ...]:
    holder = r.holder
    root = _root(r, entity.name, thing, search)
    if root:
        search.ends.append(" <- ".join([*reversed(way), root]))
        return ()
    if holder is None:
        return (f"assembly ({r.path})", *way)
    if not r.called:
        return _by_pointer(search, r, holder, entity, thing, way)
    return _called(search, r, entity, thing, way, entity.name)


def _by_pointer(
    search: _Search, r: Reference, holder: Entity, entity: Entity, thing: str, way: tuple[str, ...]
) -> tuple[str, ...]:
    """The way by a place that takes the function's address: kept in a member of a structure, it
    is called wherever that member is."""
    stored = _stored(r, entity, thing)
    if stored:
        return _follow(search, r.path, holder.name, stored, way)
    member = r.before[-2] if r.before[-1:] == ("=",) and r.before[-3:-2] == (".",) else ""
    if not member or stored is not None:
        return (f"its address is taken in {holder.name} ({r.path})", *way)
    for call in member_calls(search.files, member):
        if not call.called or call.holder is None:
            where = call.holder.name if call.holder is not None else call.path
            return (f"its address is taken from .{member} in {where} ({call.path})", *way)
        bad = _called(search, call, entity, thing, way, member)
        if bad:
            return bad
    search.ends.append(" <- ".join([*reversed(way), f"called as .{member}"]))
    return ()


def _called(
    search: _Search, r: Reference, entity: Entity, thing: str, way: tuple[str, ...], name: str
) -> tuple[str, ...]:
    """The way by a call, through a name or a member of it."""
    holder = r.holder
    assert holder is not None
    try:
        things = list(_passed(r.path, holder, entity, thing, search, name))
    except NotUnderstood as e:
        return (f"{holder.name} ({r.path}): {e}", *way)
    if not things:
        search.ends.append(" <- ".join([*reversed(way), f"{holder.name}: not for a {search.kind} guest"]))
    for mine in things:
        if mine.startswith(LOST_IN):
            return (f"{holder.name} ({r.path}): {mine.removeprefix(LOST_IN)}", *way)
        bad = _follow(search, r.path, holder.name, mine, way)
        if bad:
            return bad
    return ()


def _root(r: Reference, name: str, thing: str, search: _Search) -> str:
    """Why a place runs for guests in containers only; "" where it is not known to."""
    if search.kind not in search.world.plain:
        return ""
    current = thing == guests.CURRENT
    if r.holder is None:
        hvm = r.path.startswith(guests.CONTAINER_CODE) and current
        return f"assembly that runs for guests in containers ({r.path})" if hvm else ""
    words = r.holder.words
    known = guests.CONTAINER_CALLS.get((name, r.holder.name), "")
    if known and current:
        return f"{r.holder.name}: {known}"
    if r.holder.kind == "variable":
        for struct, by_parameter, by_current in guests.CONTAINER_TABLES:
            named = struct in words[: words.index("=")] if "=" in words else False
            if named and (by_current if current else by_parameter):
                return f"a member of {struct} {r.holder.name} ({r.path})"
        pattern = current and re.match(guests.CONTAINER_VARIABLES, r.holder.name)
        rows = current and r.path == guests.DISPATCH[0] and guests.COUNT in words
        return f"a member of {r.holder.name} ({r.path})" if pattern or rows else ""
    for register in guests.CONTAINER_REGISTRARS:
        if current and register in r.before and ";" not in r.before[r.before.index(register) :]:
            return f"what {register}() is given ({r.path})"
    return ""


def _stored(r: Reference, entity: Entity, thing: str) -> str | None:
    """For ``v->…->member = function``: the object of the holder for which it is called later."""
    before = r.before
    if before[-1:] != ("=",) or before[-2] not in guests.STORED or entity.kind != "function":
        return None
    owner = before[-6:-2]  # v -> arch . or v -> arch ->
    given = [p[-1] for p in parameters(entity)]
    if len(owner) != 4 or owner[1] != "->" or owner[2] != "arch" or len(given) != 1:
        return None
    if thing == guests.CURRENT:
        return f"{owner[0]}->domain" if guests.STORED[before[-2]] else ""
    return thing.replace(given[0], owner[0], 1) if thing.split("->")[0] == given[0] else ""


def _passed(path: str, holder: Entity, callee: Entity, thing: str, search: _Search, name: str) -> Iterator[str]:
    """The caller's objects that stand for an object of what it calls, for which it still does
    so when they are of the kind."""
    nodes, given, vcpus, plain = _read(search.files, holder)
    alias = {**vcpus, **plain}
    running = [p for p in given if f"{p}->domain" != thing and _is_current(search, path, holder, p)]
    alias.update(dict.fromkeys(running, ("id", "current")))
    alias = {n: _resolved(e, running) for n, e in alias.items()}
    world = replace(search.world, truth={n: t for n, t in search.world.truth.items() if n != callee.name})
    env = Env(world, {}, {}, alias, others=others(holder))
    seen: set[str] = set()
    for call in _calls(tidy(specialise(nodes, env)), name):
        mine = _mapped(call, callee, thing, env)
        if mine in seen:
            continue
        seen.add(mine)
        if mine != LOST:
            left = tidy(specialise(nodes, replace(env, types={mine: search.kind}, asked=set(), wrong=set())))
            if not any(_mapped(c, callee, thing, env) in (mine, LOST) for c in _calls(left, name)):
                continue
        root = re.split(r"->|\.|\[", mine)[0]
        if mine == guests.CURRENT or root in given:
            yield mine
        elif not _made_without(search, holder, nodes, mine, root):
            yield f"{LOST_IN}it is not followed what {mine or 'is passed'} is"


def _read(files: Files, holder: Entity) -> tuple[Sequence[Node], list[str], dict[str, Expr], dict[str, Expr]]:
    """A function's or macro's statements, parameters, virtual CPUs and aliases, read once."""
    key = ("body", id(holder))  # entities are kept for as long as the files are known
    if key not in files.memo:
        nodes, given = body_of(holder), _parameters(holder)
        files.memo[key] = (nodes, given, _vcpus_of(nodes), aliases(nodes, set(given)), holder)
    kept: tuple[Any, ...] = files.memo[key]
    return kept[0], kept[1], kept[2], kept[3]


def _resolved(e: Expr, running: Sequence[str]) -> Expr:
    """An alias with parameters that are always the running virtual CPU put in."""
    if e[0] == "id":
        return ("id", "current") if e[1] in running else e
    return ("field", _resolved(e[1], running), e[2], e[3]) if e[0] == "field" else e


def _is_current(search: _Search, path: str, holder: Entity, parameter: str, depth: int = 3) -> bool:
    """Whether every caller passes ``current`` for a parameter."""
    key = (path, holder.name, parameter)
    if key not in search.running:
        search.running[key] = False  # a function that calls itself
        search.running[key] = depth > 0 and _all_pass_current(search, path, holder, parameter, depth)
    return search.running[key]


def _all_pass_current(search: _Search, path: str, holder: Entity, parameter: str, depth: int) -> bool:
    words = holder.words
    if holder.kind != "function" or "vcpu" not in words[: words.index("{")]:
        return False
    at = _parameters(holder).index(parameter)
    count = 0
    for r in references(search.files, path, holder.name):
        calls, name = [r], holder.name
        if not r.called and r.before[-1:] == ("=",) and r.before[-3:-2] == (".",):
            name = r.before[-2]
            calls = list(member_calls(search.files, name))
        for c in calls:
            count += 1
            if c.holder is None or not c.called or not _passes_current(search, c, name, at, depth):
                return False
    return count > 0


def _passes_current(search: _Search, r: Reference, name: str, at: int, depth: int) -> bool:
    holder = r.holder
    assert holder is not None
    try:
        nodes, given, _, plain = _read(search.files, holder)
        env = Env(World({}, {}, search.world.constant), {}, {}, plain)
        for call in _calls(specialise(nodes, env), name):
            if call is None or at >= len(call[2]):
                return False
            passed = ask(call[2][at], env)
            if passed != "current" and not (passed in given and _is_current(search, r.path, holder, passed, depth - 1)):
                return False
    except NotUnderstood:
        return False
    return True


def _calls(left: Sequence[Left], name: str) -> Iterator[Expr | None]:
    """Calls of a function in what is left; None for one in text that is not read."""
    for x in left:
        for y in x[1:]:
            if isinstance(y, list):
                yield from _calls(y, name)
            elif isinstance(y, tuple) and y:
                yield from (p for p in parts(y) if p[0] == "call" and _callee(p[1]) == name)
                if any(p[0] == "raw" and re.search(rf"\b{name}\b", str(p[1])) for p in parts(y)):
                    yield None
        unread = x[0] == "loop" or (x[0] in ("leaf", "label") and len(x) == 2)
        if unread and re.search(rf"\b{name}\b", str(x[1])):
            yield None


def _callee(e: Expr) -> str:
    """The name or the member by which a call calls."""
    if e[0] == "un" and e[1] == "*":
        return _callee(e[2])
    return str(e[1]) if e[0] == "id" else str(e[3]) if e[0] == "field" else ""


def _mapped(call: Expr | None, callee: Entity, thing: str, env: Env) -> str:
    """The caller's text for an object of what it calls."""
    if thing == guests.CURRENT:
        return thing
    if call is None:
        return LOST
    root, *members = thing.split("->")
    names = _parameters(callee)
    if root not in names or names.index(root) >= len(call[2]):
        return LOST
    e: Expr = call[2][names.index(root)]
    for member in members:
        e = ("field", e, "->", member)
    return ask(e, env)


def _parameters(e: Entity) -> list[str]:
    """Names of the parameters of a function or macro, in order."""
    if e.kind == "function":
        return [p[-1] for p in parameters(e)]
    words = e.words
    return [w for w in words[3 : words.index(")")] if w != ","] if words[2:3] == ("(",) else []


def _vcpus_of(nodes: Sequence[Node]) -> dict[str, Expr]:
    """Variables that only ever are virtual CPUs of one domain, or a vCPU's domain."""
    values: dict[str, set[Expr]] = {}
    owner: Expr | None
    for n in every(nodes):
        if isinstance(n, Loop) and n.head[0] == "for_each_vcpu" and len(n.head) > 5:
            at = n.head.index(",")
            name, owner = n.head[at + 1], parse_expression(n.head[2:at])
            values.setdefault(name, set()).add(("index", ("field", owner, "->", "vcpu"), ("id", name)))
        elif isinstance(n, Leaf) and not n.is_label and "=" in n.words:
            for name, value in settings(n):
                values.setdefault(name, set()).add(value)
    out: dict[str, Expr] = {}
    for name, found in values.items():
        owners = {_owner_of(v) for v in found if v not in (("num", 0), ("id", "NULL"))}
        owner = owners.pop() if len(owners) == 1 else None
        if owner is not None and ("id", name) not in parts(owner):
            out[name] = ("index", ("field", owner, "->", "vcpu"), ("num", 0))
    return out


def _owner_of(value: Expr) -> Expr | None:
    if value[0] == "index" and value[1][0] == "field" and value[1][3] == "vcpu":
        return value[1][1]  # type: ignore[no-any-return]
    return None


def _made_without(search: _Search, holder: Entity, nodes: Sequence[Node], mine: str, root: str) -> bool:
    """Whether a variable is a domain that is made with flags which do not make the kind: by the caller itself, or,
    where the whole hypervisor shares it, by everyone who sets it."""
    found = made_by(search.files, holder, nodes, root, search.made_with)
    if not found and mine == root:
        found = shared_made(search.files, holder, root, search.made_with)
    if found:
        search.ends.append(f"{root} is made with {found}, which never has {', '.join(search.made_with)}")
    return bool(found)
