"""evidence_page: the evidence of a series for people, one section a patch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .changes import WITH_HEAD
from .judge import Judgement
from .result import PASS, Proof

SAME = "same"
WHOLE = "what is left of the whole function is the same"
_ROWS = 12  # of a long list; the rest is in evidence.json


def evidence_page(title: str, base: str, judged: Sequence[Judgement]) -> str:
    """Markdown; every number in it is in evidence.json as well."""
    out = [
        f"# Evidence: {title}",
        "",
        f"Base commit {base}. The numbers are from `evidence.json` beside this page.",
        "",
    ]
    out += ["| patch | " + " | ".join(p.name for p in judged[0].proofs) + " |"] if judged else []
    out += ["|---|" + "---|" * len(judged[0].proofs)] if judged else []
    for n, j in enumerate(judged, 1):
        out.append(f"| {n} | " + " | ".join(p.verdict for p in j.proofs) + " |")
    for n, j in enumerate(judged, 1):
        out += ["", f"## {n}. {j.case.subject}", ""]
        out.append(f"Conclusion in the message: {j.conclusion or '(the declared changes)'}")
        for why in j.why_not[:_ROWS]:
            out.append(f"- not shown: {why}")
        for proof in j.proofs:
            out += ["", f"### {proof.name}: {proof.verdict}", "", proof.summary, ""]
            out += [f"- **{f.where}**: {f.what}" for f in proof.findings[:_ROWS]]
            out += _more(proof.findings)
            out += _facts(proof)
    page = "\n".join(out).rstrip() + "\n"
    return page.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")  # names that are no text


def _more(items: Sequence[Any]) -> list[str]:
    return [f"- … and {len(items) - _ROWS} more, in evidence.json"] if len(items) > _ROWS else []


def _facts(proof: Proof) -> list[str]:
    facts = proof.facts
    if proof.name == "predicates" and "predicates" in facts:
        return _truth(facts["predicates"]) + _functions(facts["functions"], proof.covers)
    if proof.name == "hypercalls" and "matrix" in facts:
        return _matrix(facts, {f.where for f in proof.findings})
    if proof.name == "builds":
        return [f"- {c}: {r['verdict']}, {r['seconds']} s, {r['compiler']}" for c, r in sorted(facts.items())]
    if proof.name == "objects":
        return _objects(facts)
    if proof.name == "abi":
        return _interface(facts, proof.verdict)
    if proof.name == "lifetimes":
        return _acts(facts.get("acts", {}), {f.what.partition(" happens")[0] for f in proof.findings})
    if proof.name == "residue":
        rows = [f"- {n}: {r['before']} before, {r['after']} after" for n, r in sorted(facts.get("names", {}).items())]
        return rows[: 3 * _ROWS]
    return []


def _truth(tables: dict[str, dict[str, dict[str, int]]]) -> list[str]:
    """Each predicate's answers on both sides; the last column is computed from the same cells."""
    old, new = tables["before"], tables["after"]
    kinds = sorted({k for side in (old, new) for row in side.values() for k in row})
    out = ["| predicate (before / after) | " + " | ".join(kinds) + " | |", "|---|" + "---|" * (len(kinds) + 1)]
    same = 0
    for name in sorted({*old, *new}):
        a, b = old.get(name), new.get(name)
        cells = [f"{(a or {}).get(k, '-')} / {(b or {}).get(k, '-')}" for k in kinds]
        mark = answers_mark(a, b)
        same += mark == SAME
        out.append(f"| {name} | " + " | ".join(cells) + f" | {mark} |")
    return [*out, "", f"{same} of {len({*old, *new})} predicates answer the same on both sides.", ""]


def answers_mark(a: dict[str, int] | None, b: dict[str, int] | None) -> str:
    """What a predicate's answers on both sides say about a patch; None where a side does not have it."""
    if a == b:
        return SAME
    if a is None or b is None:
        return "new with this patch" if a is None else "gone with this patch"
    both = sorted(k for k in {*a} & {*b} if a[k] != b[k])
    alone = sorted({*a} ^ {*b})
    said = [f"differs for {', '.join(both)}"] if both else []
    said += [f"one side says nothing for {', '.join(alone)}: it asks for more than the kind"] if alone else []
    return "; ".join(said)


def _functions(rows: dict[str, dict[str, Any]], covers: dict[str, str]) -> list[str]:
    out = []
    for name, row in sorted(rows.items()):
        objects = ", ".join(row["objects"]) or "no object"
        number = f" and every value of {', '.join(row['variables'])}" if row["variables"] else ""
        how = how_covered(name, covers)
        out.append(f"- `{name}`: types of {objects}{number}: {row['assignments']} assignments: {how or 'not shown'}")
        for c in row.get("conditions", [])[:_ROWS]:
            out += ["", f"  before: `{c['before']}`  ", f"  after: `{c['after']}`", ""]
            if c["table"]:
                out += ["  | types | before | after | |", "  |---|---|---|---|"]
            for line in c["table"]:
                types = ", ".join(f"{o}: {t}" for o, t in line["types"].items()) or "any"
                a, b = line.get("before", "-"), line.get("after", "-")
                out.append(f"  | {types} | `{_cell(a)}` | `{_cell(b)}` | {condition_mark(c, a, b, how)} |")
            out.append("")
    return out


def _cell(text: str) -> str:
    """A text in a table: an "or" of C's would begin another cell."""
    return text.replace("|", "\\|")


def how_covered(name: str, covers: dict[str, str]) -> str:
    """How the proof covers "path:name"; "" where it does not."""
    path, _, bare = name.partition(":")
    fits = re.compile(rf"{re.escape(path)}: (?:function|macro) {re.escape(bare)}(?: \(number \d+\))?(?:{WITH_HEAD})?\Z")
    return next((how for where, how in covers.items() if fits.match(where)), "")


def condition_mark(condition: dict[str, Any], a: str, b: str, how: str) -> str:
    """What a row of a condition's table says about the patch.

    :param how: what :func:`how_covered` says of the function.
    """
    if a == b:
        return SAME
    whole = how if how.startswith("as declared") else WHOLE if how else "not shown"
    if condition["before"] is None or condition["after"] is None:
        return f"one side has no such condition; {whole}"
    return f"differs by itself; {whole}"


def _matrix(facts: dict[str, Any], found: set[str]) -> list[str]:
    out = [f"{facts['cells']} cells; {facts['agreed']} words of the binary's tables agree with the source "
           f"({', '.join(facts['configurations']) or 'no binary'}).", ""]  # fmt: skip
    if facts["difference"]:
        out += ["| guest/mode/hypercall | before | after | |", "|---|---|---|---|"]
        rows = sorted(facts["difference"].items())
        out += [
            f"| {c} | {_cell(a)} | {_cell(b)} | {'**not declared**' if c in found else 'declared'} |"
            for c, (a, b) in rows
        ]
    else:
        out.append("No cell differs.")
    return out


def _interface(facts: dict[str, Any], verdict: str) -> list[str]:
    changes, versions = facts.get("changes", []), facts.get("versions", {})
    bumped = ", ".join(f"{n} goes from {a} to {b}" for n, (a, b) in sorted(versions.items()) if a != b)
    reason = f" (allowed: {bumped})" if bumped and verdict == PASS else ""
    out = [f"- {c}{reason if ' -> ' in c or c.endswith('is gone') else ''}" for c in changes[: 3 * _ROWS]]
    return out + ([f"- … and {len(changes) - 3 * _ROWS} more, in evidence.json"] if len(changes) > 3 * _ROWS else [])


def _acts(acts: dict[str, dict[str, list[str]]], found: set[str]) -> list[str]:
    out = ["| reached | before, for | after, for | |", "|---|---|---|---|"] if acts else []
    for act, row in sorted(acts.items())[: 3 * _ROWS]:
        mark = "**a finding**" if act in found else "nothing that ends or begins it is left out"
        out.append(f"| {act} | {', '.join(row['before']) or '-'} | {', '.join(row['after']) or '-'} | {mark} |")
    return out


def _objects(facts: dict[str, Any]) -> list[str]:
    out: list[str] = []
    for config, row in sorted(facts.get("configurations", {}).items()):
        out += [f"**{config}**: {row['summary']}", "", "```", *row["bloat"].splitlines()[: _ROWS + 3], "```", ""]
    covered = facts.get("covered", {})
    if covered:
        out += ["| changed function | covered by |", "|---|---|"]
        out += [f"| {f} | {why} |" for f, why in sorted(covered.items())[: 4 * _ROWS]]
        if len(covered) > 4 * _ROWS:
            out.append(f"| … {len(covered) - 4 * _ROWS} more | in evidence.json |")
    missing = facts.get("where", {})
    if missing:
        out += ["", "| changed function | **covered by nothing**, seen in |", "|---|---|"]
        out += [f"| {f} | {where} |" for f, where in sorted(missing.items())[: 4 * _ROWS]]
    return out
