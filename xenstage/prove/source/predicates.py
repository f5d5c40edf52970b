"""predicates: what a patch leaves of each function for each guest type, before and after.

For every function and macro that a patch changes, all objects whose type a condition asks
for take every kind of guest in turn.  Under each assignment the conditions fold, and what
is left must be the same, with the conditions that remain compared by truth table over
everything else.  Where a patch declares an effect, it must be the difference, exactly.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...ctext.body import NotUnderstood, parameters, split_commas
from ...ctext.entities import Entity
from ...effect import ANYBODY, Effect
from ..case import Case
from ..changes import Change, changed_entities
from ..model import guests
from ..model.accessors import twins
from ..model.constants import Constants
from ..model.creation import accepted, passed_flags
from ..model.source import is_read, source_files
from ..model.special import Left, World
from ..model.tables import world_in
from ..model.traps import touchy, valid_objects
from ..model.world import read_creation, truth_table, worlds_of
from ..result import FAIL, PASS, REFUSED, Finding, Proof
from ..spelled import each_becomes, pair, same_tokens
from .answers import unlike_declared
from .audiences import absent
from .compare import differences, flat
from .conditions import changed_conditions
from .creating import created
from .readers import judge_readers
from .reading import Reading, Types, Values, assignments, told

MOST_OBJECTS = 4


@dataclass
class _Outcome:
    """What was found of one definition.

    :param differs: the first difference that nothing declares.
    :param refused: what is not understood.
    :param happened: declared effects that are there.
    :param rows: what was looked at, for the evidence.
    """

    differs: str = ""
    refused: str = ""
    happened: set[Effect] = field(default_factory=set)
    rows: dict[str, Any] = field(default_factory=lambda: {"assignments": 0, "objects": [], "variables": []})


def prove_predicates(case: Case) -> Proof:
    """Every changed condition, for every guest type and every value of everything else."""
    changes = changed_entities(case)
    facts: dict[str, Any] = {"functions": {}}
    try:
        worlds = worlds_of(case)
    except NotUnderstood as e:
        if not _asks_types(changes, case):
            return Proof("predicates", PASS, "no condition on a guest type is concerned", (), {"why": str(e)}, {})
        return Proof("predicates", REFUSED, "a definition is not understood", (Finding(guests.HEADER, str(e)),))
    facts["predicates"] = {"before": truth_table(worlds[0]), "after": truth_table(worlds[1])}
    facts["guests"] = _guests(case, worlds)
    findings, refused = _answers(case, worlds)
    same = not findings and not refused
    covers: dict[str, str] = {}
    happened: set[Effect] = set()
    for change in changes:
        cover = _defines(change, worlds) if same else ""
        if cover:
            covers[change.where] = cover
        if change.old is None or change.new is None or change.kind not in ("function", "macro"):
            continue
        if change.kind == "macro" and (cover or not _asks(change, worlds)):
            continue
        out = _definition(change, worlds, case)
        facts["functions"][f"{change.path}:{change.name}"] = out.rows
        happened |= out.happened
        if out.refused:
            refused.append(Finding(change.where, out.refused))
        elif out.differs:
            findings.append(Finding(change.where, out.differs))
        else:
            covers[change.where] = _how(out)
    readers = judge_readers(case, worlds, changes, lambda c: _judged(c, worlds, case))
    findings, refused = findings + readers.findings, refused + readers.refused
    facts["readers"] = {"names": readers.names, "the same": readers.judged}
    if case.declared.closed:
        findings += [Finding(guests.CREATE[1], f"a domain can be made with {x}") for x in _open_ways(case)]
    for effect in case.declared.effects:
        if effect not in happened:
            findings.append(Finding(effect.where, "the declared effect does not happen"))
    facts["effects"] = sorted(e.where for e in happened)
    return _proof(findings, refused, facts, covers, len(worlds[1].truth))


def _open_ways(case: Case) -> list[str]:
    """How a domain can be made though the patch says that it cannot."""
    return accepted(case.after, Constants(case.after))


def _judged(change: Change, worlds: tuple[World, World], case: Case) -> tuple[str, str]:
    out = _definition(change, worlds, case)
    return out.differs, out.refused


def _proof(
    findings: list[Finding], refused: list[Finding], facts: dict[str, Any], covers: dict[str, str], count: int
) -> Proof:
    if findings:
        facts["differences"] = len(findings)  # the first ones; behind them is what was not understood
        return Proof("predicates", FAIL, f"{len(findings)} differences", tuple(findings + refused), facts, covers)
    if refused:
        return Proof("predicates", REFUSED, f"{len(refused)} not understood", tuple(refused), facts, covers)
    tested = len(facts["functions"])
    rows = sum(r["assignments"] for r in facts["functions"].values())
    as_declared = f", {len(facts['effects'])} effects as declared" if facts["effects"] else ""
    summary = f"{count} predicates and {tested} changed functions the same ({rows} assignments){as_declared}"
    return Proof("predicates", PASS, summary, (), facts, covers)


def _how(out: _Outcome) -> str:
    if out.happened:
        return f"as declared for {', '.join(sorted({e.kind for e in out.happened}))}, the same for all others"
    return f"the same is left of it for {out.rows['assignments']} assignments of types"


def _guests(case: Case, worlds: tuple[World, World]) -> dict[str, Any]:
    """The kinds of guest, how they are made and by whom, for the evidence."""
    sides = {}
    for side, files, world in zip(("before", "after"), (case.before, case.after), worlds, strict=True):
        made = read_creation(files)
        sides[side] = {
            "fields": {f: dict(row) for f, row in world.fields.items()},
            "kinds": {k: list(flags) for k, flags in made.kinds.items()},
            "refused": dict(made.refused),
            "callers": passed_flags(files, made.asked),
        }
    return {"looked at": list(worlds[0].kinds), **sides}


# How a reason begins that says what a definition does, not that it is not understood.
_FACTS = ("it reads ", "it goes through ")


def _answers(case: Case, worlds: tuple[World, World]) -> tuple[list[Finding], list[Finding]]:
    """Predicates that answer differently, or that are none any more; and those that are not read."""
    out: list[Finding] = []
    refused: list[Finding] = []
    old, new = (w.truth for w in worlds)
    declared = {(e.function, e.kind) for e in case.declared.effects}
    for name in sorted({*old} & {*new}):
        for kind in sorted({*old[name]} & {*new[name]}):
            a, b = old[name][kind], new[name][kind]
            if a != b and (name, kind) not in declared:  # what is declared is judged with the function
                out.append(Finding(name, f"is {a} for a {kind} guest before, {b} after"))
        if (name in worlds[0].of_vcpu) != (name in worlds[1].of_vcpu):
            out.append(Finding(name, "takes a domain on one side and a virtual CPU on the other"))
    for name in sorted({*old} - {*new}):
        if set(old[name]) >= set(worlds[0].kinds) and _defined(name, case):
            reason = worlds[1].unread.get(name) or "its definition is not read"
            place = out if reason.startswith(_FACTS) else refused
            place.append(Finding(name, f"no longer says what kind of guest it is: {reason}"))
    fresh = {*new} - {*old}
    for name, other in twins(case.after, worlds[1], fresh) if fresh else ():
        out.append(Finding(name, f"asks the same bit as {other}: whatever a guest has, they answer alike"))
    for name, reason in sorted(worlds[1].unsettled.items()):
        if name not in worlds[0].unsettled:
            refused.append(Finding(name, f"tells guests apart when they are made, and says nothing later: {reason}"))
    if case.declared.answers:
        unlike = unlike_declared(case, worlds, fresh)
        out, refused = out + unlike[0], refused + unlike[1]
    return out, refused


def _defined(name: str, case: Case) -> bool:
    """Whether the tree after the patch still defines a predicate."""
    word = name.encode()
    pattern = re.compile(
        rb"^[ \t]*#[ \t]*define[ \t]+%s\b|^[A-Za-z_][^\n;=#(]*\b%s\([^;{]*\)\s*\{" % (word, word), re.M
    )
    return any(word in data and pattern.search(data) for _, data in source_files(case.after))


def _asks_types(changes: list[Change], case: Case) -> bool:
    words = {w for c in changes for e in (c.old, c.new) if e is not None for w in e.words}
    return guests.CREATE[1] in words or guests.HEADER in case.changed or any(w.startswith("is_") for w in words)


def _asks(change: Change, worlds: tuple[World, World]) -> bool:
    """Whether a macro's body asks what kind of guest it is about, on either side."""
    sides = zip((change.old, change.new), worlds, strict=True)
    return any(e is not None and w.words & set(e.words[2:]) for e, w in sides)


def _defines(change: Change, worlds: tuple[World, World]) -> str:
    """How a changed definition is covered by what the predicates answer; "" when it is not."""
    old, new = (w.truth for w in worlds)
    kinds = set(worlds[0].kinds)
    if change.kind in ("macro", "function") and not change.key[2] and is_read(change.path):
        whole = [set(t.get(change.name, ())) >= kinds for t in (old, new)]
        if all(whole) and all(old[change.name][k] == new[change.name][k] for k in kinds):
            return "its answer is the same for every guest type"
        if (change.old is None and whole[1]) or (change.new is None and whole[0]):
            return "its answers are put in where it is used"
    if change.kind == "type" and _representation(change, worlds):
        return "what predicates read of it gives the same answers"
    return ""


def _representation(change: Change, worlds: tuple[World, World]) -> bool:
    """Whether a changed type is one that only holds what predicates read: an enum whose
    values they compare, or a struct that gains fields."""
    if change.old is None or change.new is None:
        return change.old is None
    if change.old.words[0] == "enum":
        read = {*worlds[0].fields, *worlds[1].fields}
        return change.name in read
    return change.name == "domain" and _only_gains(change.old, change.new, {*worlds[1].fields})


def _only_gains(old: Entity, new: Entity, read: set[str]) -> bool:
    """Whether a struct's declaration holds all it held, in order, and besides only whole
    fields of the given names: what others are for, and who knows where they lie, is not known."""

    def fields(e: Entity) -> list[list[str]]:
        text = " ".join(t.text for t in e.tokens)
        return [part.split() for part in text.replace("{", ";").split(";")]

    rest = iter(fields(new))
    for f in fields(old):
        for g in rest:
            if f == g:
                break
            if not _declared(g) <= read:
                return False
        else:
            return False
    return True


def _declared(words: list[str]) -> set[str]:
    """The names that a field's declaration brings, and any word that is not understood."""
    parts = [" ".join(part).partition(":")[0].split() for part in split_commas(words)]
    return {part[-1] for part in parts if part}


def _definition(change: Change, worlds: tuple[World, World], case: Case) -> _Outcome:
    """Judge one function or macro that both sides have."""
    assert change.old is not None and change.new is not None
    out = _Outcome()
    effects = [e for e in case.declared.effects if (e.path, e.function) == (change.path, change.name)]
    try:
        if (change.path, change.name) == guests.CREATE:
            out.rows["conditions"] = changed_conditions(change.old, change.new, worlds)
            made = (case.before.guests, case.after.guests)
            for made_as, kind, a, b in created(change.old, change.new, worlds, out.rows, made):
                found = differences(a, b)
                if found and not _as_declared(a, b, [e for e in effects if e.kind in (made_as, kind)], out):
                    out.differs = f"for a domain created as {made_as}: {found}{_instead(a, b, kind, effects)}"
                    break
        else:
            _compare(change.old, change.new, change, worlds, case, effects, out)
        told_of = _told_of(change, case)
        more = _gains(change.old, change.new) if out.happened else set()  # callers are held against what is declared
        if not out.differs and _parameters(change.old) != _parameters(change.new, told_of | more):
            out.differs = "its parameters differ"
    except NotUnderstood as e:
        out.refused = str(e)
    return out


def _parameters(entity: Entity, besides: Container[str] = ()) -> object:
    return [p for p in parameters(entity) if p[-1] not in besides] if entity.kind == "function" else []


def _gains(old: Entity, new: Entity) -> set[str]:
    """Names of the parameters that a function has only after the patch."""
    return {p[-1] for p in parameters(new)} - {p[-1] for p in parameters(old)} if new.kind == "function" else set()


def _told_of(change: Change, case: Case) -> set[str]:
    """New parameters of the function that makes domains of which is said what each kind passes."""
    if (change.path, change.name) != guests.CREATE or change.old is None:
        return set()
    return {n for m in case.after.guests for n, _ in m.given} - {p[-1] for p in parameters(change.old)}


def _compare(
    old: Entity,
    new: Entity,
    change: Change,
    worlds: tuple[World, World],
    case: Case,
    effects: list[Effect],
    out: _Outcome,
) -> None:
    seen = (world_in(worlds[0], case.before, change.path), world_in(worlds[1], case.after, change.path))
    readings = [Reading(e, w) for e, w in zip((old, new), seen, strict=True)]
    objects = sorted(readings[0].objects() | readings[1].objects())
    variables = sorted(readings[0].indices() | readings[1].indices())
    out.rows["objects"], out.rows["variables"] = objects, variables
    out.rows["conditions"] = changed_conditions(old, new, seen)
    if len(objects) > MOST_OBJECTS:
        out.refused = f"asks for the types of {len(objects)} objects"
        return
    pointers = readings[0].tested() | readings[1].tested()
    for types, values, null in assignments(objects, variables, pointers, seen):
        out.rows["assignments"] += 1
        a, b = (r.left(types, values, null) for r in readings)
        wrong = readings[1].wrong - readings[0].wrong
        found = sorted(wrong)[0] if wrong else differences(a, b, valid_objects(types))
        mine = [e for e in effects if e.kind in (ANYBODY, *types.values())]
        if not found or _as_declared(a, b, mine, out):
            continue
        away = absent(case, worlds, (change.path, change.name), types)
        if away.out:
            out.rows.setdefault("audience", {})[away.who] = list(away.chains)
            out.happened.update(e for e in mine if e.unreachable)
            continue
        if not wrong and _read_true(readings, (types, values, null), b, mine, out):
            continue
        out.differs = f"{told(types, values, null)}{found}" + "".join(_instead(a, b, e.kind, [e]) for e in mine)
        out.rows["reached"] = list(away.chains)
        return


def _as_declared(old: Sequence[Left], new: Sequence[Left], effects: list[Effect], out: _Outcome) -> bool:
    """Whether a difference is one that an effect spells out line by line."""
    for e in effects:
        if _spelled(old, new, e) or (e.becomes and e.lines == _lines(_doing(new))):
            out.happened.add(e)
            return True
    return False


def _spelled(old: Sequence[Left], new: Sequence[Left], effect: Effect) -> bool:
    """Whether a difference is the lines that an effect spells out, or its pattern everywhere."""
    if effect.each:
        (was,), (now,) = ([x[2:] for x in side] for side in (effect.gone, effect.new))
        wanted = each_becomes(_lines(old), was, now)
        return wanted is not None and same_tokens(wanted, _lines(new))
    # Which of two equal lines went is the choice of whoever compares: their order says nothing.
    declared, there = (sorted(x, reverse=True) for x in (effect.lines, diff_lines(old, new)))  # "-" is first
    return bool(effect.diff) and pair(declared, there) == ([], [])


def _instead(old: Sequence[Left], new: Sequence[Left], kind: str, effects: list[Effect]) -> str:
    """What there is where an effect declares something else, for whoever declares it."""
    mine = [e for e in effects if e.kind == kind and e.lines]
    lines = diff_lines(old, new) if any(e.diff or e.each for e in mine) else _lines(_doing(new))
    return f"; declared: {' | '.join(mine[0].lines)}; there: {' | '.join(lines)[:600]}" if mine else ""


def diff_lines(old: Sequence[Left], new: Sequence[Left]) -> tuple[str, ...]:
    """What is left, line by line: those gone with "- ", those new with "+ "."""
    return tuple(f"{x[0]} {x[2:]}" for x in difflib.ndiff(_lines(old), _lines(new)) if x[0] in "-+")


def _lines(left: Sequence[Left]) -> tuple[str, ...]:
    return tuple(" ".join(x.split()) for x in flat(left))


def _doing(left: Sequence[Left]) -> list[Left]:
    """What is left without declarations and reads, which nobody notices."""
    return [x for x in left if not (x[0] == "reads" or (x[0] == "leaf" and _silent(x)))]


def _silent(x: Left) -> bool:
    return bool(re.fullmatch(r"[\w *]+|enum .*", x[1])) if len(x) == 2 else not touchy(x[2])


def _read_true(
    readings: list[Reading], at: tuple[Types, Values, str], new: list[Left], effects: list[Effect], out: _Outcome
) -> bool:
    """Whether the new function is the old one with the declared predicates read as true."""
    wanted = tuple(e for e in effects if e.reads_true)
    if not wanted or differences(readings[0].left(*at, wanted), new, valid_objects(at[0])):
        return False
    out.happened.update(wanted)
    return True
