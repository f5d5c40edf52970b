"""lifetimes: what begins under a condition ends under the same one.

For every function that a patch changes: which calls are reached for which guest
types, before and after.  A call that begins something (init, alloc, register, save) and
now happens for other types needs its counterpart (destroy, free, unregister, load) to
change alike, wherever in the tree that is.  And nothing may read a domain's type
before domain_create() has put it down.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ...ctext.body import Leaf, Node, NotUnderstood, parse_body, words_of
from ...ctext.entities import Entity, entities
from ...ctext.expr import Expr, parts
from ...effect import Effect
from ...index.sweep import Files, sweep
from ..case import Case
from ..changes import Change, changed_entities
from ..model import guests
from ..model.creation import creator
from ..model.special import Left, World
from ..model.tables import world_in
from ..model.world import worlds_of
from ..result import FAIL, PASS, REFUSED, Finding, Proof
from .audiences import absent
from .reading import Reading

# A word in a function's name -> words that its counterpart's name may have in its place.
_PAIRS = (
    ("initialise", ("destroy", "relinquish_resources", "deinitialise", "teardown")),
    ("init", ("destroy", "deinit", "teardown", "cleanup", "free", "exit")),
    ("create", ("destroy",)),
    ("alloc", ("free",)),
    ("register", ("unregister", "deregister")),
    ("save", ("load", "restore")),
    ("enable", ("disable",)),
    ("setup", ("teardown", "cleanup")),
    ("map", ("unmap",)),
    ("get", ("put",)),
)
_ALLOCATES = re.compile(r"(alloc|_new)")
_FREES = re.compile(r"free")

Acts = dict[str, set[str]]  # what is done -> guest types for which it is reached


def counterparts(name: str) -> list[str]:
    """Names that would end what a function begins, and the other way round."""
    out: list[str] = []
    pieces = name.split("_")
    for opener, closers in _PAIRS:
        for closer in closers:
            for a, b in ((opener, closer), (closer, opener)):
                if a in pieces:
                    out.append("_".join(b if p == a else p for p in pieces))
    return [n for n in dict.fromkeys(out) if n != name]


def prove_lifetimes(case: Case) -> Proof:
    """Beginnings against ends, and the place where a domain's type is put down."""
    changes = [c for c in changed_entities(case) if c.kind == "function"]
    try:
        worlds = worlds_of(case)
    except NotUnderstood as e:
        if not changes:
            return Proof("lifetimes", PASS, "no function changes", (), {"why": str(e)})
        return Proof("lifetimes", REFUSED, "a definition is not understood", (Finding(guests.HEADER, str(e)),))
    findings: list[Finding] = []
    refused: list[Finding] = []
    looked: dict[str, Any] = {}
    deltas: dict[str, tuple[set[str], set[str]]] = {}
    wheres: dict[str, str] = {}
    for change in changes:
        try:
            declared = tuple(e for e in case.declared.effects if (e.path, e.function) == (change.path, change.name))
            old = acts(change.old, worlds[0], case.before, change.path, declared)
            new = acts(change.new, worlds[1], case.after, change.path)
        except NotUnderstood as e:
            refused.append(Finding(change.where, str(e)))
            continue
        for act in sorted({*old, *new}):
            before, after = old.get(act, set()), new.get(act, set())
            if before != after:
                gone = _never(change, before ^ after, worlds, case)
                before, after = before - gone, after - gone
            if before != after:
                known = deltas.get(act, (set(), set()))
                deltas[act] = (known[0] | before, known[1] | after)
                wheres[act] = change.where
    for act, (before, after) in sorted(deltas.items()):
        if before == after:  # moved from one changed function to another
            continue
        looked[act] = {"before": sorted(before), "after": sorted(after)}
        findings += _partner(act, before, after, deltas, case, wheres[act])
    findings += _order(case, changes, worlds)
    findings += _late(case, worlds)
    facts = {"acts": looked}
    if findings:
        return Proof("lifetimes", FAIL, f"{len(findings)} findings", tuple(findings + refused), facts)
    if refused:
        return Proof("lifetimes", REFUSED, f"{len(refused)} functions not understood", tuple(refused), facts)
    summary = f"{len(changes)} changed functions, {len(looked)} calls reached for other types"
    return Proof("lifetimes", PASS, summary, (), facts)


def acts(function: Entity | None, world: World, files: Files, path: str, effects: tuple[Effect, ...] = ()) -> Acts:
    """What a function does, with the guest types for which it is reached.

    Every object is taken to have the same type.  Acts are names of called functions, and
    "allocate F" and "free F" for what is kept in a field F.

    :param effects: predicates to be read as true, for their kinds.
    """
    out: Acts = {}
    if function is None:
        return out
    reading = Reading(function, world_in(world, files, path))
    asked = reading.objects()
    for kind in world.kinds:
        mine = tuple(e for e in effects if e.kind == kind)
        for act in _acts(reading.left(dict.fromkeys(asked, kind), {}, effects=mine)):
            out.setdefault(act, set()).add(kind)
    return out


def _never(change: Change, kinds: set[str], worlds: tuple[World, World], case: Case) -> set[str]:
    """Kinds of guest that never get to a function."""
    sides = zip((change.old, change.new), worlds, (case.before, case.after), strict=True)
    asked = {o for e, w, f in sides if e is not None for o in Reading(e, world_in(w, f, change.path)).objects()}
    at = (change.path, change.name)
    return {k for k in kinds if any(absent(case, worlds, at, {o: k}).out for o in sorted(asked))}


def _acts(left: Iterable[Left]) -> set[str]:
    out: set[str] = set()
    for x in left:
        for y in x[1:]:
            if isinstance(y, list):
                out |= _acts(y)
            elif isinstance(y, tuple):
                out |= _acts_in(y)
        if x[0] == "leaf" and len(x) == 2:
            out |= set(re.findall(r"([A-Za-z_]\w*) ?\(", x[1]))
    return out


def _acts_in(e: Expr) -> set[str]:
    out: set[str] = set()
    for x in parts(e):
        if x[0] == "call" and x[1][0] == "id":
            out.add(x[1][1])
            if _FREES.search(x[1][1]) and x[2] and x[2][0][0] == "field":
                out.add(f"free {x[2][0][3]}")
        kept = x[0] == "assign" and x[2][0] == "field" and x[3][0] == "call" and x[3][1][0] == "id"
        if kept and _ALLOCATES.search(x[3][1][1]):
            out.add(f"allocate {x[2][3]}")
    return out


def _partner(
    act: str, before: set[str], after: set[str], deltas: dict[str, tuple[set[str], set[str]]], case: Case, where: str
) -> list[Finding]:
    """A finding when a counterpart of an act exists and does not change as the act does."""
    if act.startswith(("allocate ", "free ")):
        verb, name = act.split(" ", 1)
        others = [f"{'free' if verb == 'allocate' else 'allocate'} {name}"]
        exists = [o for o in others if _field_acts(o, name, case)]
    else:
        others = counterparts(act)
        exists = sorted({h.name for h in sweep(case.after, others) if h.path.startswith("xen/")}) if others else []
    for other in exists:
        a, b = deltas.get(other, (set(), set()))
        if (a ^ b) != (before ^ after):
            what = f"{act} happens for {_list(after)} now, for {_list(before)} before"
            return [Finding(where, f"{what}; its counterpart {other} does not change so")]
    return []


def _list(kinds: set[str]) -> str:
    return ", ".join(sorted(kinds)) or "none"


def _field_acts(act: str, name: str, case: Case) -> bool:
    """Whether some function of the files around does the act."""
    pattern = re.compile(rb"free\w*\s*\([^;]*\b" if act.startswith("free") else rb"alloc\w*\s*\(")
    for path in sorted({h.path for h in sweep(case.after, [name]) if h.path.endswith(".c")}):
        for line in case.after.read(path).split(b";"):
            if name.encode() in line and pattern.search(line):
                return True
    return False


def _order(case: Case, changes: list[Change], worlds: tuple[World, World]) -> list[Finding]:
    """Readers of the type that run before domain_create() has put it down."""
    path, name = guests.CREATE
    change = next((c for c in changes if (c.path, c.name) == (path, name)), None)
    if change is None or change.old is None or change.new is None:
        return []
    old, new = (_early(e, w) for e, w in zip((change.old, change.new), worlds, strict=True))
    fresh = sorted(new - old)
    if not fresh:
        return []
    names = worlds[1].words
    index = _Functions(case.after)
    out: list[Finding] = []
    for called in fresh:
        chain = index.reaches(called, names)
        if chain:
            out.append(Finding(change.where, f"{' -> '.join(chain)} runs before the domain's type is put down"))
    return out[:5]


def _late(case: Case, worlds: tuple[World, World]) -> list[Finding]:
    """Fields that are put down after others that tell kinds apart, and who asks for them between."""
    new = _between(case.after, worlds[1])
    out: list[Finding] = []
    index: _Functions | None = None
    for field, called in sorted(new.items()):
        names = {n for n, fields in worlds[1].asks.items() if field in fields} | {field}
        index = index or _Functions(case.after)
        for name in sorted(called):
            chain = index.reaches(name, names)
            if chain:
                what = f"{' -> '.join(chain)} runs before {field} is put down"
                out.append(Finding(f"{guests.CREATE[0]}: {guests.CREATE[1]}", what))
                break
    return out


def _between(files: Files, world: World) -> dict[str, set[str]]:
    """Field to what creation calls after it has put down the first field and before this one."""
    nodes = parse_body(creator(files))
    last = {f: max((i for i, n in enumerate(nodes) if _sets(n, {f})), default=-1) for f in world.fields}
    first = min((i for i in last.values() if i >= 0), default=0)
    out: dict[str, set[str]] = {}
    for f, at in last.items():
        if at > first:
            out[f] = {w for w in words_of(nodes[first + 1 : at]) if w.isidentifier()}
    return out


def _early(function: Entity, world: World) -> set[str]:
    """Functions called before the last statement that puts the type down."""
    nodes = list(parse_body(function))
    last = max((i for i, n in enumerate(nodes) if _sets(n, {*world.fields})), default=len(nodes) - 1)
    words: set[str] = set()
    for n in nodes[:last]:
        words |= words_of([n])
    return {w for w in words if w.isidentifier()}


def _sets(node: Node, fields: set[str]) -> bool:
    if isinstance(node, Leaf):
        return any(f in node.words and "=" in node.words[node.words.index(f) + 1 :][:1] for f in fields)
    inside = [*getattr(node, "then", ()), *getattr(node, "other", ()), *getattr(node, "body", ())]
    return any(_sets(n, fields) for n in inside)


class _Functions:
    """Functions of the hypervisor by name, found where something calls them."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._by_name: dict[str, Entity] = {}
        for path in files.paths():
            if re.match(r"xen/(common|arch/x86|drivers|xsm)/.*\.c\Z", path):
                for e in entities(files.read(path)).values():
                    if e.kind == "function":
                        self._by_name.setdefault(e.name, e)

    def reaches(self, start: str, names: set[str], depth: int = 4) -> list[str]:
        """A chain of calls from a function to one that uses a name; empty for none."""
        chains = [[start]]
        seen = {start}
        for _ in range(depth):
            following: list[list[str]] = []
            for chain in chains:
                e = self._by_name.get(chain[-1])
                if e is None:
                    continue
                words = set(e.words)
                hit = sorted(words & names)
                if hit:
                    return [*chain, hit[0]]
                for w in sorted(words & set(self._by_name) - seen):
                    seen.add(w)
                    following.append([*chain, w])
            chains = following
        return []
