"""follow: what a patch rewrote without changing it, shown by running both texts.

Where the comparison of :mod:`.predicates` meets another text, this asks the question that
counts: is there an outcome of the conditions for which the two do something else?  Helpers
that were taken out or put back are read in place, names that were given to constants and
things are read as what they name, locals and loops are what they hold and do.  A difference
is a counterexample only where nothing in it is new to either side; any other is not shown.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...ctext.body import If, Leaf, Loop, Node, NotUnderstood, Switch, has_label, parameters, parse_body, words_of
from ...ctext.entities import Entity, entities
from ...ctext.expr import Expr, parse_expression, show
from ...index.sweep import sweep
from ..case import Case
from ..changes import WITH_HEAD, Change, changed_entities
from ..model.setters import setting_macros
from ..model.special import World, aliases
from ..model.tables import world_in
from ..model.world import worlds_of
from ..result import FAIL, PASS, REFUSED, Finding, Proof
from .paths import Outcome, compare_parts
from .program import Program, compile_body, compile_part, frame, plain_type, without_name
from .rename import in_code, renames, to_compare, with_names
from .symbolic import Run, Side

_WORD = re.compile(r"[A-Za-z_]\w*\Z")
_UNION = "whose union holds the other half"  # see special.py: valid text that reads what is not there
_NEW = "is new, and all that uses it was compared"
_GONE = "is gone, and nothing uses it"


def follow(case: Case, proof: Proof) -> Proof:
    """The predicates proof with what can be followed in it.

    :param proof: findings about functions name their place as :attr:`Change.where` does.
    """
    changes = changed_entities(case)
    # A stage says what it renames: that is proved, and need not be found out.
    ours = proof.verdict == PASS and case.declared.edits is not None
    names, again = _names(case, changes) if not ours else ({}, set[str]())
    unused = unused_parameters(changes, names)
    covers = {**_fresh_and_gone(case, changes), **_same_but_for_names(changes, names), **proof.covers}
    covers |= dict.fromkeys(again, "does the same under another name")
    for c in changes:
        if c.kind in ("function", "prototype") and names.get(c.name, c.name) in unused:
            covers[c.where + WITH_HEAD] = "is the same but for a parameter that is not read"
    open_ = [f for f in proof.findings if proof.verdict in (FAIL, REFUSED)]
    if not open_ or case.declared.effects:  # what is declared is held to the exact difference
        return replace(proof, covers=covers)
    by_place = {c.where: c for c in changes if c.kind == "function"}
    reader = _Reader(case, changes, names, unused)
    findings: list[tuple[Finding, bool]] = []
    shown: dict[str, str] = {}
    certain = open_[: proof.facts.get("differences", len(open_))] if proof.verdict == FAIL else []
    for f in open_:
        change = by_place.get(f.where)
        if change is None or change.old is None or change.new is None or _UNION in f.what:
            sure = change is None or (_UNION in f.what and _one_kind(f.what))
            findings.append((f, sure and f in certain))
            continue
        if {f.where, f.where + WITH_HEAD} & covers.keys() - proof.covers.keys():
            shown[f.where] = covers.get(f.where) or covers[f.where + WITH_HEAD]
            continue
        outcome = reader.compare(change, f.what)
        if not outcome.difference:
            how = f"does the same in each of {outcome.runs} ways through what changed"
            shown[f.where] = covers[f.where] = how
        else:
            findings.append((Finding(f.where, outcome.difference), outcome.counterexample))
    called = {f.where: by_place[f.where] for f, _ in findings if f.where in by_place}
    for where, change in called.items():
        if _read_in_place(case, change, changes, {*covers, *shown}):
            shown[where] = covers[where + WITH_HEAD] = "was read in place in all that calls it"
            findings = [(f, s) for f, s in findings if f.where != where]
    return _verdict(proof, findings, shown, covers, names)


def _one_kind(finding: str) -> bool:
    """Whether a finding holds where all domains of a function are of one kind: two of its names may be one domain."""
    given = finding.partition(": ")[0] if finding.startswith("for ") else ""
    return len(set(re.findall(r" is (\w+)", given))) <= 1


def _names(case: Case, changes: Sequence[Change]) -> tuple[dict[str, str], set[str]]:
    """Names that were changed throughout, and the functions among them that were compared for it."""
    wrong: set[str] = set()
    while True:
        names = renames(case, changes, wrong)
        reader = _Reader(case, changes, names, unused_parameters(changes, names))
        pairs = to_compare(changes, names)
        bad = {c.name for c in pairs if reader.compare(c, "differs").difference}
        if not bad:
            old = {(c.path, c.name): c.where for c in changes if c.kind == "function" and c.new is None}
            places = {c.where.replace(" (number 1)", ""): old[(c.path, names[c.name])] for c in pairs}
            return names, {w for new, gone in places.items() for w in (new + WITH_HEAD, gone)}
        wrong |= bad


def settle(lifetimes: Proof, predicates: Proof) -> Proof:
    """The lifetimes proof, where what it saw is another name for the same, or a call that is
    made or not whatever the guest: that is no counterexample."""
    if lifetimes.verdict != FAIL:
        return lifetimes
    kept: list[tuple[Finding, bool]] = []
    for f in lifetimes.findings:
        if {f.where, f.where + WITH_HEAD} & predicates.covers.keys():
            continue
        acts = lifetimes.facts.get("acts", {}).get(f.what.partition(" happens for ")[0])
        kept.append((f, acts is None or bool(acts["before"]) == bool(acts["after"])))
    facts = {**lifetimes.facts}
    rows = tuple(f for f, _ in kept)
    if not rows:
        return Proof(lifetimes.name, PASS, "what changed does the same (predicates)", (), facts)
    sure = any(s for _, s in kept)
    return Proof(lifetimes.name, FAIL if sure else REFUSED, f"{len(rows)} findings", rows, facts)


def _verdict(
    proof: Proof,
    findings: Sequence[tuple[Finding, bool]],
    shown: Mapping[str, str],
    covers: dict[str, str],
    names: Mapping[str, str],
) -> Proof:
    facts: dict[str, Any] = {**proof.facts, "followed": dict(shown), "renamed": dict(names)}
    more = f"; {len(shown)} rewritten functions followed" if shown else ""
    if not findings:
        return Proof(proof.name, PASS, f"no guest type changes{more}", (), facts, covers)
    rows = tuple(f for f, _ in findings)
    sure = sum(s for _, s in findings)
    if sure:
        rows = (*(f for f, s in findings if s), *(f for f, s in findings if not s))
        rest = f", {len(rows) - sure} more not shown" if len(rows) > sure else ""
        return Proof(proof.name, FAIL, f"{sure} counterexamples{rest}{more}", rows, facts, covers)
    return Proof(proof.name, REFUSED, f"{len(rows)} not shown{more}", rows, facts, covers)


def _fresh_and_gone(case: Case, changes: Sequence[Change]) -> dict[str, str]:
    """Definitions whose name the tree did not have, or does not have any more: by
    themselves they change nothing, and what uses them is compared."""
    kinds = ("function", "macro", "type", "prototype")
    sides = ([c for c in changes if c.old is None], [c for c in changes if c.new is None])
    fresh, gone = (sorted({c.name for c in side if c.kind in kinds and _WORD.match(c.name)}) for side in sides)
    # A name that stands on both sides is a definition that moved, or became another one.
    known, left = in_code(case.before, fresh), in_code(case.after, gone)
    said = ((_NEW, set(fresh) - known), (_GONE, set(gone) - left))
    pairs = list(zip(sides, said, strict=True))
    return {c.where: how for side, (how, names) in pairs for c in side if c.kind in kinds and c.name in names}


def _read_in_place(case: Case, change: Change, changes: Sequence[Change], shown: set[str]) -> bool:
    """Whether a static function has another head, and everything that names it was compared with its text put in.

    One that is not static may be called by a name that a macro makes.
    """
    try:
        if change.old is None or change.new is None or _head(change.old) == _head(change.new):
            return False
        if not all("static" in e.words[: e.words.index("(")] for e in (change.old, change.new)):
            return False
    except (NotUnderstood, ValueError):
        return False
    for files in (case.before, case.after):
        if not {h.path for h in sweep(files, [change.name]) if h.path.startswith("xen/")} <= set(case.changed):
            return False
    holders = [(path, e) for path in case.changed for files in (case.before, case.after) if path in files.tracked
               for e in entities(files.read(path)).values() if change.name in e.words]  # fmt: skip
    callers = 0
    for path, e in holders:
        own = e.name == change.name and e.kind in ("function", "prototype")
        read = f"{path}: function {e.name}" in shown
        seen = e.kind == "function" and read and (path == change.path or change.path.endswith(".h"))
        if not (own or seen):
            return False
        callers += seen
    return callers > 0


Unused = dict[str, tuple[tuple[int, ...], tuple[int, ...]]]


def unused_parameters(changes: Sequence[Change], names: Mapping[str, str]) -> Unused:
    """Functions that lose or gain parameters which their text does not name, and are the same
    otherwise: the places of these among the old and among the new parameters."""
    out: Unused = {}
    seen: set[str] = set()
    for c in changes:
        if c.kind != "function" or c.old is None or c.new is None:
            continue
        new = with_names(c.new, names)
        try:
            lists = [parameters(e) for e in (c.old, new)]
        except NotUnderstood:
            continue
        extra = [tuple(i for i, p in enumerate(a) if p not in b) for a, b in (lists, lists[::-1])]
        rest = [[p for p in a if p in b] for a, b in (lists, lists[::-1])]
        bodies = [e.words[e.words.index("{") :] for e in (c.old, new)]
        heads = [e.words[: e.words.index("(")] for e in (c.old, new)]
        named = {p[-1] for a, places in zip(lists, extra, strict=True) for i, p in enumerate(a) if i in places}
        same = rest[0] == rest[1] and bodies[0] == bodies[1] and heads[0] == heads[1]
        if any(extra) and same and not named & set(bodies[0]) and c.name not in seen:
            out[new.name] = (extra[0], extra[1])
        elif c.name in seen:
            out.pop(new.name, None)
        seen.add(c.name)
    return out


def _same_but_for_names(changes: Sequence[Change], names: Mapping[str, str]) -> dict[str, str]:
    """Entities that are the same when names that were changed throughout are read as one."""
    out: dict[str, str] = {}
    old = {(c.path, c.kind, c.name): c for c in changes if c.old is not None}
    for c in changes if names else ():
        if c.new is None:
            continue
        again = with_names(c.new, names)
        partner = c if c.old is not None else old.get((c.path, c.kind, again.name))
        before = partner.old if partner is not None else None
        if partner is not None and before is not None and (before.words, before.under) == (again.words, again.under):
            changed = ", ".join(sorted(names[w] for w in set(c.new.words) & names.keys())[:3])
            out[c.where + WITH_HEAD] = out[partner.where] = f"is the same but for names ({changed})"
    return out


@dataclass(frozen=True)
class _Function:
    """One side's version."""

    entity: Entity
    nodes: tuple[Node, ...]
    frame: Program
    side: Side


class _Reader:
    def __init__(self, case: Case, changes: Sequence[Change], names: Mapping[str, str], unused: Unused) -> None:
        self.case, self.changes, self.names, self.unused = case, changes, names, unused
        self._setters: frozenset[str] | None = None
        self._worlds: tuple[World, World] | None = None

    def compare(self, change: Change, found: str) -> Outcome:
        """What runs of both versions say; the finding that there was, when they cannot be run."""
        assert change.old is not None and change.new is not None
        try:
            sides = self._sides(change, change.old, with_names(change.new, self.names))
            return _smallest(*sides)
        except NotUnderstood as e:
            return Outcome(0, f"{found} (not followed: {e})" if str(e) not in found else found)
        except (RecursionError, ValueError):  # nested too deep, or a head without brackets
            return Outcome(0, found)

    def _sides(self, change: Change, old: Entity, new: Entity) -> tuple[_Function, _Function]:
        heads = _head(old), _head(new)
        if heads[0] != heads[1]:
            raise NotUnderstood(f"its head changes: {' '.join(heads[0])[:60]} -> {' '.join(heads[1])[:60]}")
        nodes = [parse_body(e) for e in (old, new)]
        frames = [frame(e, n) for e, n in zip((old, new), nodes, strict=True)]
        nodes = [_with_aliases(n, aliases(n, {p for p, _ in f.parameters})) for n, f in zip(nodes, frames, strict=True)]
        if [t for _, t in frames[0].parameters] != [t for _, t in frames[1].parameters]:
            raise NotUnderstood("its parameters change")
        renamed = _locals(frames)
        # A local that is more than a value on one side is so on the other.
        frames[0].memory.update(renamed.get(n, n) for n in frames[1].memory)
        frames[1].memory.update(n for n in frames[1].types if renamed.get(n, n) in frames[0].memory)
        out = []
        for i, (entity, body, row) in enumerate(zip((old, new), nodes, frames, strict=True)):
            files = (self.case.before, self.case.after)[i]
            world = world_in(self._both_worlds()[i], files, change.path)
            idle = {n: places[i] for n, places in self.unused.items()}
            side = Side(world, *self._only_here(i, change.path), self._setting(), renamed if i else {}, idle)
            out.append(_Function(entity, body, row, side))
        return out[0], out[1]

    def _both_worlds(self) -> tuple[World, World]:
        if self._worlds is None:
            self._worlds = worlds_of(self.case)
        return self._worlds

    def _only_here(self, i: int, path: str) -> tuple[dict[str, Program], dict[str, Any], dict[str, Any]]:
        """Functions and macros that a file sees and the other side does not have, or has otherwise."""
        helpers: dict[str, Program] = {}
        macros: dict[str, Any] = {}
        plain: dict[str, Any] = {}
        twice: set[str] = set()
        for c in self.changes:
            one, other = (c.old, c.new) if i == 0 else (c.new, c.old)
            if one is None or c.kind not in ("function", "macro") or (c.path != path and not c.path.endswith(".h")):
                continue
            again = with_names(one, self.names) if i else one
            if again.name in (*helpers, *macros, *plain):
                twice.add(again.name)
            try:
                alike = c.kind == "function" and other is not None and _head(one) == _head(other)
                if alike or again.name in self.unused:
                    continue
                if c.kind == "function":
                    helpers[again.name] = compile_body(again)
                else:
                    _macro(again, macros, plain)
            except (NotUnderstood, ValueError):
                continue
        for name in twice:
            for row in (helpers, macros, plain):
                row.pop(name, None)
        return helpers, macros, plain

    def _setting(self) -> frozenset[str]:
        if self._setters is None:
            self._setters = setting_macros(self.case.before) | setting_macros(self.case.after)
        return self._setters


def _macro(entity: Entity, macros: dict[str, Any], plain: dict[str, Any]) -> None:
    """A macro whose body is an expression."""
    tokens = entity.tokens
    called = len(tokens) > 2 and tokens[2].text == "(" and tokens[2].start == tokens[1].end
    if not called:
        if len(tokens) > 2:
            plain[entity.name] = parse_expression(entity.words[2:])
        return
    close = entity.words.index(")")
    given = tuple(w for w in entity.words[3:close] if w != ",")
    body = entity.words[close + 1 :]
    if all(_WORD.match(g) for g in given) and not {"#", "##"} & set(body):
        _wrapped(body, given)
        macros[entity.name] = (given, parse_expression(body))


def _wrapped(body: Sequence[str], given: Sequence[str]) -> None:
    """A parameter must stand alone in its brackets, or an argument's operators come apart."""
    for i, w in enumerate(body):
        around = (body[i - 1] if i else "", body[i + 1] if i + 1 < len(body) else "")
        if w in given and (around[0] not in ("(", ",") or around[1] not in (")", ",")):
            raise NotUnderstood("a macro whose parameter has no brackets")


def _head(function: Entity) -> list[str]:
    """What stands before a function's body, without its parameters' names."""
    words = list(function.words)
    at, end = words.index("("), words.index("{")
    kinds = [_kind(p) for p in parameters(function)]
    close = max(i for i in range(at, end) if words[i] == ")")
    return [*words[: at - 1], "(", *kinds, ")", *words[close + 1 : end]]


def _kind(declaration: tuple[str, ...]) -> str:
    """A parameter's type; all of its words where its name cannot be told apart."""
    try:
        return plain_type(without_name(declaration))
    except NotUnderstood:
        return " ".join(declaration)


def _locals(frames: Sequence[Program]) -> dict[str, str]:
    """The new function's locals to the old one's: parameters by place, others by name, then by type in order."""
    old, new = frames
    out = {b: a for (a, _), (b, _) in zip(old.parameters, new.parameters, strict=True)}
    rest = [n for n in old.types if n not in new.types and n not in out.values()]
    for name, kind in new.types.items():
        if name in out or name in old.types:
            continue
        fits = [n for n in rest if old.types[n] == kind]
        if fits:
            out[name] = fits[0]
            rest.remove(fits[0])
        else:
            out[name] = f"{name} (new)"
    for name in new.types:
        if name in old.types and name not in out and old.types[name] != new.types[name]:
            raise NotUnderstood(f"the local {name} is {old.types[name]} before, {new.types[name]} after")
    return out


def _smallest(old: _Function, new: _Function) -> Outcome:
    """The smallest pieces that differ, each alone; then the whole."""
    runs, found = 0, None
    try:
        for pair in _pieces(old.nodes, new.nodes):
            outcome = _compare(old, new, *pair)
            runs += outcome.runs
            if outcome.difference:
                found = outcome
                break
        else:
            return Outcome(max(runs, 1))
    except NotUnderstood:
        pass
    try:
        return _compare(old, new, old.nodes, new.nodes)
    except NotUnderstood:
        if found is None:
            raise
        return Outcome(found.runs, f"in a part of it, {found.difference}")


def _with_aliases(nodes: Part, names: Mapping[str, Expr]) -> Part:
    """Statements in which locals that stand for another object throughout are read as it."""
    texts = {n: tuple(_PIECE.findall(show(e))) for n, e in names.items()}

    def put(words: tuple[str, ...]) -> tuple[str, ...]:
        out: list[str] = []
        for i, w in enumerate(words):
            member = i and words[i - 1] in ("->", ".")
            declared = words[i + 1 : i + 2] == ("=",)
            out += texts[w] if w in texts and not member and not declared else [w]
        return tuple(out)

    def one(n: Node) -> Node:
        if isinstance(n, Leaf):
            return n if n.is_label else Leaf(put(n.words))
        if isinstance(n, If):
            return If(put(n.cond), _with_aliases(n.then, names), _with_aliases(n.other, names))
        if isinstance(n, Loop):
            return Loop(put(n.head), _with_aliases(n.body, names))
        return Switch(put(n.cond), _with_aliases(n.body, names))

    return tuple(one(n) for n in nodes) if names else nodes


_PIECE = re.compile(r"[A-Za-z_]\w*|->|\S")
Part = tuple[Node, ...]


def _pieces(old: Part, new: Part) -> list[tuple[Part, Part]]:
    out: list[tuple[Part, Part]] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        a, b = tuple(old[i1:i2]), tuple(new[j1:j2])
        inner = _inside(a[0], b[0]) if len(a) == len(b) == 1 else None
        out += inner if inner is not None else [(a, b)]
    return out


def _inside(a: Node, b: Node) -> list[tuple[Part, Part]] | None:
    if isinstance(a, If) and isinstance(b, If) and a.cond == b.cond:
        return _pieces(a.then, b.then) + _pieces(a.other, b.other)
    if isinstance(a, Loop) and isinstance(b, Loop) and a.head == b.head:
        return _pieces(a.body, b.body)
    if isinstance(a, Switch) and isinstance(b, Switch) and a.cond == b.cond:
        inner = _pieces(a.body, b.body)
        return None if any(_labels(x) or _labels(y) for x, y in inner) else inner
    return None


def _labels(part: Part) -> bool:
    return any(isinstance(n, Leaf) and n.is_label for n in part) or has_label(part)


def _compare(old: _Function, new: _Function, a: Part, b: Part) -> Outcome:
    if (a, b) != (old.nodes, new.nodes) and (_labels(a) or _labels(b)):
        raise NotUnderstood("something may jump into it")
    programs = compile_part(old.frame, a), compile_part(new.frame, b)
    used = [_elsewhere(f, part) for f, part in ((old, a), (new, b))]
    canonical = used[0] | {new.side.renamed.get(n, n) for n in used[1]}
    back = {n for n in new.frame.types if new.side.renamed.get(n, n) in canonical}

    def runner(side: Side, program: Program, names: set[str]) -> Any:
        return lambda oracle: Run(side, oracle).part(program, names)

    return compare_parts(runner(old.side, programs[0], canonical), runner(new.side, programs[1], back))


def _elsewhere(function: _Function, part: Part) -> set[str]:
    """Locals that stand in a function outside some of its statements; all of them where that is not known."""
    if part == function.nodes:
        return set()
    inside = words_of(part)
    count = {n: _count(function.nodes, n) for n in function.frame.types}
    own = {n: _count(part, n) for n in function.frame.types}
    return {
        n for n in function.frame.types if n not in inside or count[n] > own[n] or n in dict(function.frame.parameters)
    }


def _count(nodes: Part, name: str) -> int:
    out = 0
    for n in nodes:
        if isinstance(n, Leaf):
            out += n.words.count(name)
        elif isinstance(n, If):
            out += n.cond.count(name) + _count(n.then, name) + _count(n.other, name)
        elif isinstance(n, Loop):
            out += n.head.count(name) + _count(n.body, name)
        else:
            out += n.cond.count(name) + _count(n.body, name)
    return out
