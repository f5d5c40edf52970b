"""abi: does a patch change what guests and tools were compiled against?

The public headers are laid out before and after for 64- and 32-bit callers of both
architectures.  A stable header may only gain names; one with an interface version may
change when the version does; and no value may quietly get a new meaning.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ...cache import Cache
from ...effect import left_open
from ..case import Case
from ..result import FAIL, PASS, REFUSED, Finding, Proof
from ..spelled import pair
from .headers import PUBLIC, TARGETS, Interface, interface_of, readers_of, whole_of
from .toolabi import TOOL_HEADERS, tools_findings
from .unseen import unseen_changes

_VERSION = re.compile(r"XEN_\w+_INTERFACE_VERSION\Z")


def prove_abi(case: Case, *, cache: Cache) -> Proof:
    """The interface before and after.

    :param cache: keeps the layout of each set of headers.
    """
    public = [p for p in case.changed if p.startswith(PUBLIC)]
    tools = [p for p in case.changed if TOOL_HEADERS.match(p)]
    if not public and not tools and not case.declared.interface:
        count = sum(p.startswith(PUBLIC) for p in case.after.tracked)
        return Proof("abi", PASS, f"no public header changes ({count} files of {PUBLIC} identical)")
    findings: list[Finding] = []
    refused: list[Finding] = []
    facts: dict[str, Any] = {"targets": sorted(TARGETS)}
    if public or case.declared.interface:
        readers = readers_of(f.read(p) for f in (case.before, case.after) for p in public if p in f.tracked)
        names = {whole_of(p.removeprefix(PUBLIC)) for p in public}
        old, new = (interface_of(f, cache, names, readers) for f in (case.before, case.after))
        findings, refused, changes, versions = _compare(case, old, new)
        facts["exactly"] = exactly(old, new)
        if case.declared.interface:
            findings += unlike(old, new, case.declared.interface)
        refused += unseen_changes(case, {**old.items, **new.items})
        facts |= {"items": len(new.items), "changes": changes, "versions": versions, "readers": ["tools", *readers]}
    more, doubts = tools_findings(case, tools)
    findings, refused = findings + more, refused + doubts
    if findings:
        return Proof("abi", FAIL, f"{len(findings)} changes that are not allowed", tuple(findings + refused), facts)
    if refused:
        return Proof("abi", REFUSED, f"{len(refused)} changes whose effect is not known", tuple(refused), facts)
    other = sum(" -> " in c or c.endswith("is gone") for c in facts.get("changes", []))
    what = f"{other} of what they fix changes with its version" if other else "what they fix stays, or is new"
    summary = f"{len(public) + len(tools)} headers change; {what}"
    return Proof("abi", PASS, summary, (), facts)


def exactly(old: Interface, new: Interface) -> list[str]:
    """Every change of what headers fix, versions among it, one line each: for all targets and readers, or for which."""
    return [f"{name}{text}" for name, said in _changes(old, new) for text in _alike(said)]


def _changes(old: Interface, new: Interface) -> list[tuple[str, dict[str, str]]]:
    """What changes, and how, by target and reader."""
    before, after = _by_target(old), _by_target(new)
    out = []
    for key in sorted({*before, *after}):
        header, item = key
        a, b = before.get(key, {}), after.get(key, {})
        if not b:
            said = dict.fromkeys(a, " is gone")
        elif not a:
            said = {t: f" is new: {text}" for t, text in b.items()}
        else:
            parted = {t: (a.get(t, "nothing"), b.get(t, "nothing")) for t in {*a, *b}}
            said = {t: f": {_parting(*pair)}" for t, pair in parted.items() if pair[0] != pair[1]}
        if said:
            out.append((f"{header}: {_item(item)}", said))
    return out


def _by_target(interface: Interface) -> dict[tuple[str, str], dict[str, str]]:
    out: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for key, value in interface.items.items():
        header, target, kind, name = key.split("\t")
        out[header, f"{kind}\t{name}"][target] = value
    return dict(out)


def _alike(by: Mapping[str, str]) -> list[str]:
    """The text where all targets have the same, else one with its targets for each."""
    texts = sorted(set(by.values()))
    if len(texts) == 1:
        return texts
    return [f"{x} ({', '.join(sorted(t for t, v in by.items() if v == x))})" for x in texts]


def _parting(a: str, b: str) -> str:
    """Two texts without the words at both ends that they have in common."""
    old, new = a.split(), b.split()
    while old and new and old[0] == new[0]:
        old, new = old[1:], new[1:]
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    return f"{' '.join(old)} -> {' '.join(new)}"


def unlike(old: Interface, new: Interface, declared: Sequence[str]) -> list[Finding]:
    """What changes and was not declared, and what was declared and changes for no target and reader.

    Numbers that a declared line leaves open are those of one target: {n} is an old value, which others follow.
    """
    loose = sorted(left_open(declared) - left_open(x.partition(" -> ")[0] for x in declared if " -> " in x))
    if loose:
        return [Finding(PUBLIC, f"no old value fixes {', '.join(loose)}, which the declared changes leave open")]
    changes = _changes(old, new)
    missing, besides = set(declared), dict[str, list[str]]()
    for target in sorted({t for _, said in changes for t in said}):
        absent, besides[target] = pair(declared, [f"{name}{said[target]}" for name, said in changes if target in said])
        missing &= set(absent)
    rows = []
    for name, said in changes:
        undeclared = {t: x for t, x in said.items() if f"{name}{x}" in besides[t]}
        rows += [(f"{name}{x}", "no such change is declared") for x in (_alike(undeclared) if undeclared else ())]
    rows += [(x, "it is declared and does not happen") for x in sorted(missing)]
    parts = ((*x.partition(": "), why) for x, why in rows)
    return [Finding(f"{PUBLIC}{header}", f"{text}: {why}") for header, _, text, why in parts]


Rows = dict[str, dict[str, str]]  # header -> "kind<tab>name" -> what is fixed, over all targets


def _by_header(interface: Interface) -> Rows:
    """Items by header; where targets differ, the text says so."""
    gathered: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for key, value in interface.items.items():
        header, target, kind, name = key.split("\t")
        gathered[header][f"{kind}\t{name}"][target] = value
    return {h: {item: _together(by) for item, by in rows.items()} for h, rows in gathered.items()}


def _together(by: Mapping[str, str]) -> str:
    texts = set(by.values())
    return texts.pop() if len(texts) == 1 else "; ".join(f"{t}: {v}" for t, v in sorted(by.items()))


def _compare(
    case: Case, old: Interface, new: Interface
) -> tuple[list[Finding], list[Finding], list[str], dict[str, list[str]]]:
    findings: list[Finding] = []
    refused: list[Finding] = []
    changes: list[str] = []
    versions: dict[str, list[str]] = {}
    for key in sorted({*old.broken, *new.broken}):
        header, target = key.split("\t")
        if key not in old.broken:
            findings.append(Finding(f"{PUBLIC}{header}", f"does not parse any more ({target}): {new.broken[key]}"))
        elif f"{PUBLIC}{header}" in case.changed:
            refused.append(Finding(f"{PUBLIC}{header}", f"is not read ({target}): {old.broken[key]}"))
    for key in sorted(set(new.closed) - set(old.closed)):
        header, reader = key.split("\t")
        if any(k.startswith(f"{key}\t") for k in old.items):
            findings.append(Finding(f"{PUBLIC}{header}", f"does not parse any more ({reader}): {new.closed[key]}"))
    before, after = _by_header(old), _by_header(new)
    broken = {k.split("\t")[0] for k in {*old.broken, *new.broken}}
    for header in sorted({*before, *after} - broken):
        a, b = before.get(header, {}), after.get(header, {})
        bumped, own = _bumped(header, a, b, versions, findings)
        gone = sorted(k for k in a if k not in b)
        fresh = sorted(k for k in b if k not in a)
        differ = sorted(k for k in a if k in b and a[k] != b[k] and not _VERSION.search(k))
        changes += [f"{header}: {_item(k)} is gone" for k in gone] + [f"{header}: {_item(k)} is new" for k in fresh]
        changes += [f"{header}: {_item(k)}: {a[k]} -> {b[k]}" for k in differ]
        where = f"{PUBLIC}{header}"
        rule = f"{own} does not change with it" if own else "the header is stable"
        if not bumped:
            findings += [Finding(where, f"{_item(k)} is gone, and {rule}") for k in gone]
            values = [k for k in differ if not k.startswith("call\t")]
            findings += [Finding(where, f"{_item(k)} was {a[k]}, is {b[k]}, and {rule}") for k in values]
            texts = [k for k in differ if k.startswith("call\t")]
            refused += [Finding(where, f"{_item(k)} was '{a[k]}', is '{b[k]}', and {rule}") for k in texts]
            findings += [Finding(where, f"{_item(k)} is new, and {rule}") for k in fresh] if own else []
            findings += [Finding(where, text) for text in _reused(a, b, gone, fresh)]
    return findings, refused, changes, versions


def _item(key: str) -> str:
    return key.replace("\t", " ")


def _bumped(
    header: str, a: Mapping[str, str], b: Mapping[str, str], versions: dict[str, list[str]], findings: list[Finding]
) -> tuple[bool, str]:
    """Whether the header's interface version changes, and its name ("" for a stable header)."""
    names = sorted(k for k in {*a, *b} if k.startswith("macro\t") and _VERSION.search(k))
    if not names:
        return False, ""
    name = names[0].split("\t")[1]
    old, new = a.get(names[0], "0"), b.get(names[0], "0")
    versions[name] = [old, new]
    if old.isdigit() and new.isdigit() and int(new) < int(old):
        findings.append(Finding(f"{PUBLIC}{header}", f"{name} goes back from {old} to {new}"))
    return old != new, name


def _reused(a: Mapping[str, str], b: Mapping[str, str], gone: list[str], fresh: list[str]) -> list[str]:
    """Values that a removed constant had and a new one of its family has."""
    out = []
    for new in fresh:
        kind, name = new.split("\t")
        if kind not in ("macro", "enum") or b[new].startswith("text "):
            continue
        family = name.rpartition("_")[0]
        for old in gone:
            if old.startswith(f"{kind}\t{family}_") and a[old] == b[new]:
                out.append(f"the value {b[new]} of {old.split(chr(9))[1]} gets a new meaning, {name}")
        twins = [k for k in a if k in b and k.startswith(f"{kind}\t{family}_") and b[k] == b[new]]
        shared = [k for k in a if k.startswith(f"{kind}\t{family}_")]
        if twins and family and len({a[k] for k in shared}) == len(shared) > 1:
            out.append(f"{name} has the value {b[new]}, which {twins[0].split(chr(9))[1]} has already")
    return out
