"""evidence_page: the evidence of a series for people, one section a patch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .judge import Judgement
from .result import Proof

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
        return _truth(facts["predicates"]) + _functions(facts["functions"])
    if proof.name == "hypercalls" and "matrix" in facts:
        return _matrix(facts)
    if proof.name == "builds":
        return [f"- {c}: {r['verdict']}, {r['seconds']} s, {r['compiler']}" for c, r in sorted(facts.items())]
    if proof.name == "objects":
        return _objects(facts)
    if proof.name == "residue":
        rows = [f"- {n}: {r['before']} before, {r['after']} after" for n, r in sorted(facts.get("names", {}).items())]
        return rows[: 3 * _ROWS]
    return []


def _truth(tables: dict[str, dict[str, dict[str, int]]]) -> list[str]:
    old, new = tables["before"], tables["after"]
    kinds = sorted({k for row in new.values() for k in row})
    out = ["| predicate (before / after) | " + " | ".join(kinds) + " |", "|---|" + "---|" * len(kinds)]
    for name in sorted({*old, *new}):
        cells = [f"{old.get(name, {}).get(k, '-')} / {new.get(name, {}).get(k, '-')}" for k in kinds]
        out.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*out, ""]


def _functions(rows: dict[str, dict[str, Any]]) -> list[str]:
    out = []
    for name, row in sorted(rows.items()):
        objects = ", ".join(row["objects"]) or "no object"
        number = f" and every value of {', '.join(row['variables'])}" if row["variables"] else ""
        out.append(f"- `{name}`: types of {objects}{number}: {row['assignments']} assignments")
        for c in row.get("conditions", [])[:_ROWS]:
            out += ["", f"  before: `{c['before']}`  ", f"  after: `{c['after']}`", ""]
            if c["table"]:
                out += ["  | types | before | after |", "  |---|---|---|"]
            for line in c["table"]:
                types = ", ".join(f"{o}: {t}" for o, t in line["types"].items()) or "any"
                out.append(f"  | {types} | `{line.get('before', '-')}` | `{line.get('after', '-')}` |")
            out.append("")
    return out


def _matrix(facts: dict[str, Any]) -> list[str]:
    out = [f"{facts['cells']} cells; {facts['agreed']} words of the binary's tables agree with the source "
           f"({', '.join(facts['configurations']) or 'no binary'}).", ""]  # fmt: skip
    if facts["difference"]:
        out += ["| guest/mode/hypercall | before | after |", "|---|---|---|"]
        out += [f"| {c} | {a} | {b} |" for c, (a, b) in sorted(facts["difference"].items())]
    else:
        out.append("No cell differs.")
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
    return out
