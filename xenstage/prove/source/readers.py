"""judge_readers: everyone who reads what a patch gives another meaning, also where their text stays.

A field that tells guests apart, or an enumerator, may get another value: then each
place that names it reads something else.  Functions and macros are judged as if they had
changed, each side under its own tree's meaning; whatever else names it (assembly, tables,
copies of the type, another structure's member) keeps the claim from being made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ...ctext.body import split_commas
from ...ctext.entities import Entity, Key, entities, find_entity
from ...index.sweep import C_SUFFIXES, Files, sweep
from ..case import Case, spot
from ..changes import Change
from ..model import guests
from ..model.arithmetic import range_of_type
from ..model.bodies import others
from ..model.constants import Constants, enumerators
from ..model.source import source_files
from ..model.special import World
from ..patch.residue import CODE, COMMENT, DOCUMENTATION, role
from ..result import Finding

MOST = 12
Judge = Callable[[Change], tuple[str, str]]  # what differs, what is not understood; "" for neither


@dataclass
class Readers:
    """What was found of those who read it.

    :param names: what has another meaning, with the values before and after.
    :param fields: those of the names that are fields of struct domain.
    :param judged: places whose meaning stays.
    """

    names: dict[str, str] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    refused: list[Finding] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)


def judge_readers(case: Case, worlds: tuple[World, World], changes: list[Change], judge: Judge) -> Readers:
    """Every place that names what has another meaning after a patch.

    :param judge: compares a function or macro with itself under the two trees' meanings.
    """
    out = Readers()
    fields = _fields(worlds)
    enums = _enumerators(case, changes)
    out.names, out.fields = {**fields, **enums}, set(fields)
    out.refused += _kept_out(case, worlds, changes)
    if not out.names:
        return out
    touched = {(c.path, c.key) for c in changes}
    by_path: dict[str, set[str]] = {}
    for hit in sweep(case.after, out.names):
        by_path.setdefault(hit.path, set()).add(hit.name)
    for path, names in sorted(by_path.items()):
        ours = path.startswith("xen/") and path.endswith(C_SUFFIXES)
        if not ours or path.endswith(".S"):
            _foreign(case, path, names & set(enums) if not path.startswith("xen/") else names, out)
            continue
        for key, e in entities(case.after.read(path)).items():
            if names & set(e.words) and (path, key) not in touched:
                _entity(case, path, key, e, judge, out)
    return out


def _fields(worlds: tuple[World, World]) -> dict[str, str]:
    """Fields whose value for some kind of guest is another one after the patch."""
    out: dict[str, str] = {}
    for name, row in worlds[0].fields.items():
        new = worlds[1].fields.get(name)
        for kind in worlds[0].kinds:
            if new is None or row.get(kind) != new.get(kind):
                after = "not known" if new is None else new.get(kind)
                out.setdefault(name, f"is {row.get(kind)} for a {kind} guest before, {after} after")
    return out


def _enumerators(case: Case, changes: list[Change]) -> dict[str, str]:
    """Enumerators of changed enums of headers whose value is another one, or that are gone."""
    out = {}
    for c in changes:
        if c.kind != "type" or c.old is None or c.old.words[0] != "enum" or not c.path.endswith(".h"):
            continue
        sides = [
            enumerators(e.words, Constants(files)) if e is not None and "{" in e.words else {}
            for e, files in ((c.old, case.before), (c.new, case.after))
        ]
        for name, value in sides[0].items():
            if sides[1].get(name) != value:
                out[name] = f"is {value} before, {sides[1].get(name, 'not there')} after"
    return out


def _foreign(case: Case, path: str, names: set[str], out: Readers) -> None:
    """A file that is not read as C of the hypervisor: only comments and documentation are harmless."""
    for hit in sweep(case.after, names) if names else ():
        if hit.path == path and role(case.after, hit) not in (COMMENT, DOCUMENTATION) and len(out.refused) < MOST:
            where = spot(case.after, path, hit.offset)
            out.refused.append(Finding(where, f"names {hit.name}, which {out.names[hit.name]}; not read by this proof"))


def _entity(case: Case, path: str, key: Key, e: Entity, judge: Judge, out: Readers) -> None:
    """One definition that is as before and names something that is not."""
    odd, mine = _uses(case, e, out)
    if not mine or e.kind in ("prototype", "include") or (e.kind == "type" and e.words[:2] in _HOMES):
        return
    first = next(t for t in e.tokens if t.text == mine[0])
    where, said = spot(case.after, path, first.start), f"{mine[0]} {out.names[mine[0]]}"
    if e.kind not in ("function", "macro") or odd:
        what = odd or f"{e.kind} {e.name} names it"
        out.refused.append(Finding(where, f"{said}: {what}, which is not followed"))
        return
    differs, refused = judge(Change(path, key, e, e))
    if refused or (differs and "enum" in e.words):
        out.refused.append(Finding(where, f"{said}: {e.kind} {e.name}: {refused or f'it keeps a copy; {differs}'}"))
    elif differs:
        out.findings.append(Finding(where, f"{said}, and {e.kind} {e.name}, which is as it was, reads it: {differs}"))
    else:
        out.judged.append(f"{where} {e.name}")


_HOMES = (("struct", "domain"),)


def _uses(case: Case, e: Entity, out: Readers) -> tuple[str, list[str]]:
    """A use of a field that is none through a pointer to a domain, and the names that are
    used; another structure's member of the same name is none, where that can be seen, and
    an offset only where assembly reads by it."""
    words, elsewhere = e.words, others(e)
    odd = ""
    mine: list[str] = []
    for i, w in enumerate(words):
        if w not in out.names:
            continue
        before = words[i - 1] if i else ""
        if w in out.fields and before == "->" and words[i - 2] in elsewhere:
            continue
        if w in out.fields and before == "," and not _read_by_offset(case, words[:i]):
            continue
        mine.append(w)
        if w in out.fields and before not in ("->", "enum"):
            odd = odd or f"{e.kind} {e.name} names {before if before == '.' else ''}{w}"
    return odd, mine


def _read_by_offset(case: Case, before: tuple[str, ...]) -> bool:
    """Whether assembly knows the offset that a statement like OFFSET(NAME, struct domain, field) names."""
    start = max((j for j, w in enumerate(before) if w in (";", "{", "}")), default=0)
    names = [w for w in before[start:] if w.isidentifier() and w[0].isupper()]
    if before[-3:] != ("struct", "domain", ",") or not names:
        return True
    return any(h.path.endswith(".S") and role(case.after, h) == CODE for h in sweep(case.after, names))


_SIGNED = re.compile(r"\b(?:int|s\d+|int\d+_t|bool_t|char|signed|long|short)\b")


def _kept_out(case: Case, worlds: tuple[World, World], changes: list[Change]) -> list[Finding]:
    """What keeps a new field from holding what is put into it, or moves what stood before it."""
    out: list[Finding] = []
    was, home = (_declarations(files) for files in (case.before, case.after))
    for name, row in worlds[1].fields.items():
        if name not in home:
            continue
        kind, bits = home[name]
        reason = _not_held(kind, bits, row.values())
        if reason and not (reason.endswith(_UNKNOWN) and was.get(name) == home[name]):
            out.append(Finding(guests.HEADER, f"{name} {reason}"))
    for c in changes:
        struct = c.old is not None and c.new is not None and c.old.words[:1] == ("struct",)
        if c.kind == "type" and struct and c.path.endswith(".h"):
            # "{ 0 }" is all zeros, whatever there is; so is "{ }".
            begun = rb"\bstruct\s+%s\s+\w+\s*(?:\[[^]]*\]\s*)?=\s*\{\s*(?!0\s*\})[^.}\s]"
            pattern = re.compile(begun % c.name.encode())
            for path, data in source_files(case.after, everything=True):
                m = pattern.search(data)
                if m:
                    where = spot(case.after, path, m.start())
                    out.append(Finding(where, f"struct {c.name} changes, and is initialised by position here"))
    return out


_UNKNOWN = "of which it is not known what it holds"


def _not_held(kind: str, bits: int, values: Iterable[int]) -> str:
    """Why a field of a type does not give back what is put into it; "" where it does.

    :param bits: the width of a bit field; 0 for a field that is none.
    """
    if kind.endswith("*"):
        return "is a pointer"
    if bits:
        signed = "unsigned" not in kind and bool(_SIGNED.search(kind))
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        said = f"has {bits} bits and is {'signed' if signed else 'unsigned'}"
    else:
        known = range_of_type(kind)
        if known is None:
            return f"is a {kind}, {_UNKNOWN}"
        (low, high), said = known, f"is a {kind}"
    lost = sorted({v for v in values if not low <= v <= high})
    return f"{said}: it does not hold {lost[-1]}" if lost else ""


def _declarations(files: Files) -> dict[str, tuple[str, int]]:
    """Fields of struct domain, each with its type ("*" at the end of a pointer's) and its bits."""
    header = files.read(guests.HEADER) if guests.HEADER in files.tracked else b""
    home = find_entity(header, "type", "domain")
    out: dict[str, tuple[str, int]] = {}
    for words in _statements(home) if home is not None else ():
        shared: list[str] = []
        for each in split_commas(words):
            before = each[: each.index(":")] if ":" in each else each
            if not before or not before[-1].isidentifier():
                break
            kind = [*shared, *before[:-1]]
            shared = [w for w in kind if w != "*"]
            bits = each[-1] if ":" in each and each[-1].isdigit() else "0"
            out[before[-1]] = " ".join(kind), int(bits)
    return out


def _statements(home: Entity) -> Iterator[list[str]]:
    """The declarations of a structure's body, at whatever depth and under whatever condition."""
    words = [t.text for t in home.tokens if not t.in_directive]
    start = 0
    for i, w in enumerate(words):
        if w in (";", "{", "}"):
            yield words[start:i]
            start = i + 1
