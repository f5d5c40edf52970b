"""What the page's template is given: what was read, put side by side, with names for links."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..edit.edits import Edit
from ..edit.trace import land
from ..index.sites import Site
from ..prove.judge import NAMES
from ..prove.page import SAME, answers_mark, condition_mark, how_covered
from ..prove.result import worst
from .beside import beside
from .decided import Decided, decided_of
from .mail import FileDiff, Mail, paragraphs
from .reading import Version

MOST = 60  # rows of a list that nobody reads to its end; the rest is in evidence.json
UNPROVED = "NOT PROVED"


def slug(text: str) -> str:
    """A text as a part of an address: letters, digits and single hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


@dataclass(frozen=True)
class EditView:
    """An edit as it is shown.

    :param decided: "feature vlapic", where the stage decided about a site in it.
    """

    rule: str
    reason: str
    decided: tuple[str, ...] = ()


@dataclass(frozen=True)
class Condition:
    """A changed condition: one column an object, before, after, and what that says.

    :param rows: kinds, before, after, and whether these are the same.
    :param marks: what the rows that are not the same say about the patch.
    :param times: how many conditions of the hunk are this one.
    """

    function: str
    before: str
    after: str
    objects: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], str, str, bool], ...]
    marks: tuple[str, ...]
    times: int = 1


@dataclass(frozen=True)
class HunkView:
    """A hunk beside its rules, reasons and truth tables.

    :param lines: (class, text).
    """

    id: str
    head: str
    function: str
    lines: tuple[tuple[str, str], ...]
    edits: tuple[EditView, ...]
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class FileView:
    """What a patch does to a file; what fits no hunk stands below them."""

    path: str
    notes: tuple[str, ...]
    hunks: tuple[HunkView, ...]
    edits: tuple[EditView, ...]
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Stays:
    """Uses that a patch leaves as they are for one reason."""

    reason: str
    places: tuple[str, ...]


@dataclass(frozen=True)
class ProofView:
    """A proof, its verdict first.

    :param logs: (name, address) of builds' logs.
    """

    name: str
    verdict: str
    summary: str
    findings: tuple[tuple[str, str], ...]
    facts: dict[str, Any]
    predicates: tuple[tuple[str, tuple[str, ...], str], ...] = ()
    kinds: tuple[str, ...] = ()
    functions: tuple[tuple[str, str], ...] = ()
    logs: tuple[tuple[str, str], ...] = ()
    matrix: str = ""


@dataclass(frozen=True)
class PatchView:
    """One patch.

    :param id: of its anchor: made of the series and the subject, so that it stays when patches come and go.
    """

    id: str
    number: int
    total: int
    subject: str
    message: tuple[tuple[str, str], ...]
    verdict: str
    conclusion: str
    commit: str
    tree: str
    address: str
    intended: tuple[str, ...]
    effects: tuple[dict[str, Any], ...]
    names: tuple[tuple[str, dict[str, int]], ...]
    removes: tuple[str, ...]
    introduces: tuple[str, ...]
    files: tuple[FileView, ...]
    stays: tuple[Stays, ...]
    proofs: tuple[ProofView, ...]
    checked: str

    def proof(self, name: str) -> ProofView | None:
        """The proof of that name, if it was run."""
        return next((x for x in self.proofs if x.name == name), None)


@dataclass(frozen=True)
class SiteView:
    """What became of one use: the patch that rewrote it, or the reason why it stays."""

    id: str
    path: str
    line: int
    name: str
    scope: str
    stands: str
    patch: str
    number: int
    said: str


@dataclass(frozen=True)
class Compared:
    """One patch in two versions: "same", "message", "changed", "new" or "dropped"."""

    subject: str
    patch: str
    state: str
    numbers: tuple[int, int]
    diff: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class SeriesView:
    """A series in its latest version, and what changed since the one before."""

    id: str
    name: str
    version: int
    place: str
    title: str
    cover: tuple[tuple[str, str], ...]
    base: str
    verdict: str
    patches: tuple[PatchView, ...]
    sites: tuple[SiteView, ...]
    kept: tuple[tuple[str, int, int], ...]
    coverage: str
    wrong: str
    against: int
    compared: tuple[Compared, ...]
    decided: tuple[Decided, ...] = ()
    proofs: tuple[str, ...] = NAMES


@dataclass
class Tables:
    """Hypercall tables, each shown once however many patches have it: anchor to rows."""

    found: dict[str, tuple[tuple[str, ...], list[tuple[str, list[str]]]]] = field(default_factory=dict)

    def put(self, matrix: dict[str, str]) -> str:
        """The anchor of a table of "guest/mode/hypercall" to what it does."""
        if not matrix:
            return ""
        key = "cells-" + hashlib.sha256(json.dumps(matrix, sort_keys=True).encode()).hexdigest()[:8]
        if key not in self.found:
            columns = sorted({c.rpartition("/")[0] for c in matrix})
            rows: dict[str, dict[str, str]] = {}
            for cell, does in matrix.items():
                column, _, row = cell.rpartition("/")
                rows.setdefault(row, {})[column] = does
            names = sorted(rows, key=lambda r: (r.startswith("#"), r))
            self.found[key] = (tuple(columns), [(r, [rows[r].get(c, "") for c in columns]) for r in names])
        return key


def series_view(versions: Sequence[Version], tables: Tables) -> SeriesView:
    """The latest version of a series.

    :param versions: the latest last.
    """
    now = versions[-1]
    total = len(now.patches)
    mails = dict(zip((p["number"] for p in now.patches), now.mails, strict=False))
    ids = _ids(now)
    patches = tuple(_patch(now, p, total, ids[p["number"]], mails.get(p["number"]), tables) for p in now.patches)
    coverage = now.evidence.get("coverage", {})
    classes = ", ".join(f"{n} {k}" for k, n in sorted(coverage.get("classes", {}).items()))
    return SeriesView(
        id=slug(now.name),
        name=now.name,
        version=now.version,
        place=now.place,
        title=now.cover.subject if now.cover else now.name,
        cover=_blurb(now.cover),
        base=str(now.evidence.get("base", "")),
        verdict=_worst([p.verdict for p in patches]),
        patches=patches,
        sites=_sites(now, ids),
        kept=tuple((n, r["before"], r["after"]) for n, r in sorted(now.evidence.get("kept", {}).items())),
        coverage=f"{coverage['textual']} textual uses = {classes}; {coverage['units']} units in "
        f"{', '.join(coverage['configs'])}" if coverage else "",
        wrong=now.wrong,
        against=versions[-2].version if len(versions) > 1 else 0,
        compared=compare(versions[-2], now, ids) if len(versions) > 1 else (),
        decided=decided_of(now.patches, ids),
    )  # fmt: skip


def _ids(version: Version) -> dict[int, str]:
    seen: Counter[str] = Counter()
    out: dict[int, str] = {}
    lead = version.name.partition("_")[0] if version.version else slug(version.name)
    for p in version.patches:
        name = f"{lead}-{slug(p['subject'])}"
        seen[name] += 1
        out[p["number"]] = name if seen[name] == 1 else f"{name}-{seen[name]}"
    return out


def _worst(verdicts: list[str]) -> str:
    return UNPROVED if UNPROVED in verdicts or not verdicts else worst(verdicts)


def _blurb(cover: Mail | None) -> tuple[tuple[str, str], ...]:
    """A cover letter's text without git's own list of patches."""
    return paragraphs(re.split(r"\n\n?\S.* \(\d+\):\n", cover.message)[0]) if cover else ()


def _patch(
    version: Version, p: dict[str, Any], total: int, name: str, mail: tuple[str, Mail] | None, tables: Tables
) -> PatchView:
    proofs = tuple(_proof(version, p, n, p["proofs"][n], tables) for n in NAMES if n in p["proofs"])
    return PatchView(
        id=name,
        number=p["number"],
        total=total,
        subject=p["subject"],
        message=mail[1].paragraphs if mail else (),
        verdict=_worst([x.verdict for x in proofs]) if proofs else UNPROVED,
        conclusion=p.get("conclusion", ""),
        commit=p.get("commit", ""),
        tree=p["tree"],
        address=f"{version.place}/{mail[0]}" if mail else "",
        intended=tuple(p.get("intended", ())),
        effects=tuple(_effect(e) for e in p.get("effects", ())),
        names=tuple(sorted(p.get("sites", {}).items())),
        removes=tuple(p.get("removes", ())),
        introduces=tuple(p.get("introduces", ())),
        files=tuple(_file(f, p, name) for f in mail[1].files) if mail else (),
        stays=_stays(p),
        proofs=proofs,
        checked=json.dumps(p["checked"], indent=1, sort_keys=True) if p.get("checked") else "",
    )


def _effect(e: dict[str, Any]) -> dict[str, Any]:
    how = [
        ("answers as if these said yes", e["reads_true"]),
        ("what is left differs by", e["diff"].strip("\n")),
        ("each of these becomes", e.get("each", "").strip("\n")),
        ("becomes", e["becomes"].strip("\n")),
        ("is never reached", "by this kind" if e["unreachable"] else ""),
    ]
    label, text = next(((a, b) for a, b in how if b), ("", ""))
    return {**e, "how": label, "text": text}


def _stays(p: dict[str, Any]) -> tuple[Stays, ...]:
    by: dict[str, list[str]] = {}
    for s in p.get("stays", ()):
        by.setdefault(s["reason"], []).append(f"{s['path']}:{s['line']} {s['name']}")
    return tuple(Stays(r, tuple(places)) for r, places in sorted(by.items(), key=lambda x: (-len(x[1]), x[0])))


# Hunks -------------------------------------------------------------------------


def _file(diff: FileDiff, p: dict[str, Any], patch: str) -> FileView:
    edits = [Edit.from_json(e) for e in p.get("edits", ()) if e["path"] == diff.path]
    predicates = p["proofs"].get("predicates", {})
    covers = predicates.get("covers", {})
    conditions = {
        key.partition(":")[2]: row.get("conditions", [])
        for key, row in predicates.get("facts", {}).get("functions", {}).items()
        if key.partition(":")[0] == diff.path
    }
    places, lone, rest = beside(diff, edits, conditions)
    decisions = [r for r in p.get("facts", {}).get("decisions", ()) if r["path"] == diff.path]

    def shown(e: Edit) -> EditView:
        mine = [r for r in decisions if e.offset <= r["offset"] < e.end]
        said = [f"{r['kind']} {', '.join(r['features'])}".strip() for r in mine]
        return EditView(e.rule, e.reason, tuple(dict.fromkeys(said)))

    def table(function: str, row: dict[str, Any]) -> Condition:
        how = how_covered(f"{diff.path}:{function}", covers)
        objects = tuple(dict.fromkeys(o for line in row["table"] for o in line["types"]))
        sides = [(str(x.get("before", "-")), str(x.get("after", "-"))) for x in row["table"]]
        marks = [condition_mark(row, a, b, how) for a, b in sides]
        kinds = [tuple(line["types"].get(o, "any") for o in objects) for line in row["table"]]
        rows = tuple((k, a, b, m == SAME) for k, (a, b), m in zip(kinds, sides, marks, strict=True))
        told = tuple(dict.fromkeys(m for m in marks if m != SAME))
        return Condition(function, _tidy(row["before"]), _tidy(row["after"]), objects, rows, told)

    hunks: list[HunkView] = []
    seen: Counter[str] = Counter()
    for place in places:
        name = f"{patch}--{slug(diff.path)}--{slug(place.hunk.function) or 'top'}"
        seen[name] += 1
        hunks.append(
            HunkView(
                name if seen[name] == 1 else f"{name}-{seen[name]}",
                place.hunk.head,
                place.hunk.function,
                diff_lines(place.hunk.lines),
                tuple(dict.fromkeys(shown(e) for e in place.edits)),
                _counted(table(f, r) for f, r in place.conditions),
            )
        )
    left = _counted(table(f, r) for f, r in rest)
    return FileView(diff.path, diff.notes, tuple(hunks), tuple(dict.fromkeys(shown(e) for e in lone)), left)


def _counted(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """Each condition once, in order, with how often it occurs."""
    return tuple(replace(c, times=n) for c, n in Counter(conditions).items())


def _tidy(words: str | None) -> str:
    """Tokens with blanks between them as a person would write them."""
    text = re.sub(r" ?(->|\.|\[) ?", r"\1", words or "")
    text = re.sub(r"(\w|\() ?(\()", r"\1\2", text)
    return re.sub(r"([(!~]) ", r"\1", re.sub(r" ([)\],;])", r"\1", text))


def diff_lines(lines: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Lines of a diff with their class: "add", "del", "note" or ""."""
    kinds = {"+": "add", "-": "del", "\\": "note", "@": "note"}
    return tuple((kinds.get(x[:1], ""), x) for x in lines)


# Proofs ------------------------------------------------------------------------


def _proof(version: Version, p: dict[str, Any], name: str, proof: dict[str, Any], tables: Tables) -> ProofView:
    facts = proof["facts"]
    predicates: tuple[tuple[str, tuple[str, ...], str], ...] = ()
    kinds: tuple[str, ...] = ()
    functions: tuple[tuple[str, str], ...] = ()
    if name == "predicates" and "predicates" in facts:
        old, new = facts["predicates"]["before"], facts["predicates"]["after"]
        kinds = tuple(sorted({k for side in (old, new) for row in side.values() for k in row}))
        predicates = tuple(_answers(n, old.get(n), new.get(n), kinds) for n in sorted({*old, *new}))
        functions = tuple(
            (n, _examined(row, how_covered(n, proof["covers"]))) for n, row in sorted(facts["functions"].items())
        )
    logs: tuple[tuple[str, str], ...] = ()
    if name == "builds":
        paths = {c: f"logs/{p['number']:04d}-{c}.log" for c in sorted(facts)}
        logs = tuple((c, f"{version.place}/{path}") for c, path in paths.items() if path in version.logs)
    return ProofView(
        name,
        proof["verdict"],
        proof["summary"],
        tuple((f["where"], f["what"]) for f in proof["findings"]),
        facts,
        predicates,
        kinds,
        functions,
        logs,
        tables.put(facts.get("matrix", {})) if name == "hypercalls" else "",
    )


def _answers(
    name: str, a: dict[str, int] | None, b: dict[str, int] | None, kinds: tuple[str, ...]
) -> tuple[str, tuple[str, ...], str]:
    cells = [(str((a or {}).get(k, "-")), str((b or {}).get(k, "-"))) for k in kinds]
    return name, tuple(x if x == y else f"{x} / {y}" for x, y in cells), answers_mark(a, b)


def _examined(row: dict[str, Any], how: str) -> str:
    objects = ", ".join(row["objects"]) or "no object"
    number = f" and every value of {', '.join(row['variables'])}" if row["variables"] else ""
    return f"types of {objects}{number}: {row['assignments']} assignments: {how or 'not shown'}"


# Sites and versions --------------------------------------------------------------


def _sites(version: Version, ids: dict[int, str]) -> tuple[SiteView, ...]:
    edits = {p["number"]: [Edit.from_json(e) for e in p.get("edits", ())] for p in version.patches}
    keeps = set(version.evidence.get("keeps", ()))
    stays: dict[int, dict[tuple[str, int, str], list[str]]] = {}
    for p in version.patches:
        for s in p.get("stays", ()):
            key = (s["path"], s["line"], s["name"])
            stays.setdefault(p["number"], {}).setdefault(key, []).append(s["reason"])
    seen: Counter[str] = Counter()
    out: list[SiteView] = []
    for site in version.sites:
        name = f"{version.name.partition('_')[0]}-site-{slug(site.path)}-{slug(site.scope) or 'top'}-{slug(site.name)}"
        seen[name] += 1
        patch, number, said = _fate(version, site, ids, edits, stays)
        if not said and site.name in keeps:
            said = "stays: the stage leaves every use of it alone"
        stands = ", ".join(site.role) or site.kind
        name = name if seen[name] == 1 else f"{name}-{seen[name]}"
        out.append(SiteView(name, site.path, site.line, site.name, site.scope, stands, patch, number, said))
    return tuple(out)


def _fate(
    version: Version,
    site: Site,
    ids: dict[int, str],
    edits: dict[int, list[Edit]],
    stays: dict[int, dict[tuple[str, int, str], list[str]]],
) -> tuple[str, int, str]:
    """Anchor and number of the patch that takes the use away, and why; or the last reason why it stays."""
    offset, line, last = site.offset, site.line, ""
    touched: tuple[str, int, str] = ("", 0, "")
    for p in version.patches:
        number = p["number"]
        reasons = stays.get(number, {}).get((site.path, line, site.name), [])
        last = "stays: " + "; ".join(dict.fromkeys(reasons)) if reasons else last
        landed = land(edits[number], site.path, offset, site.name)
        if landed.edit is not None:
            touched = (ids[number], number, f"{landed.edit.rule}: {landed.edit.reason}")
        if landed.offset is None:
            return touched
        offset, line = landed.offset, line + landed.lines
    return touched if touched[0] else ("", 0, last)


def compare(old: Version, new: Version, ids: dict[int, str]) -> tuple[Compared, ...]:
    """The patches of two versions, those of the new one first, then what was dropped."""
    before = list(zip(old.patches, (m for _, m in old.mails), strict=False))
    out: list[Compared] = []
    used: set[int] = set()
    for p, (_, mail) in zip(new.patches, new.mails, strict=False):
        found = next((x for x in before if x[1].diff == mail.diff and x[0]["number"] not in used), None)
        found = found or next(
            (x for x in before if x[0]["subject"] == p["subject"] and x[0]["number"] not in used), None
        )
        if found is None:
            out.append(Compared(p["subject"], ids[p["number"]], "new", (0, p["number"])))
            continue
        used.add(found[0]["number"])
        was, now = ([m.subject, "", *m.message.split("\n"), *m.diff] for m in (found[1], mail))
        state = "changed" if found[1].diff != mail.diff else "message" if was != now else "same"
        lines = list(difflib.unified_diff(was, now, lineterm="", n=2))[2:]
        numbers = (found[0]["number"], p["number"])
        out.append(Compared(p["subject"], ids[p["number"]], state, numbers, diff_lines(lines)))
    out += [Compared(p["subject"], "", "dropped", (p["number"], 0)) for p, _ in before if p["number"] not in used]
    return tuple(out)
