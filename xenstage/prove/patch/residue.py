"""residue: what is left of names that a patch removes, and what is there of those it brings.

The whole tree is swept, so that comments, documentation, tools and code that no
configuration compiles count as well.  A patch that nobody declared anything about is
asked another question: whether it takes a definition away that something else still names.
"""

from __future__ import annotations

import bisect
import functools
import re
import sys
from collections.abc import Iterable
from typing import Any

from ...ctext.lexer import Kind, Token, matching, tokenize
from ...index.sweep import C_SUFFIXES, Files, Hit, sweep, word_pattern
from ..case import Case, Declared, spot
from ..result import FAIL, PASS, Finding, Proof

NAME = "residue"
CODE, COMMENT, DOCUMENTATION, TOOLS, OTHER = "code", "comment", "documentation", "tools", "other"
_DOCUMENTS = (".txt", ".markdown", ".md", ".pandoc", ".pod", ".tex")
_SHOWN = 12  # uses named per name; the facts have all counts


def prove_residue(case: Case) -> Proof:
    """Count the declared names in the tree before and after the patch.

    :returns: FAIL when a removed name is still there or was not there before, when a name
        that is introduced was there before or is not there after, when a name whose uses
        stay has fewer of them, or when a patch of unknown origin takes away a definition
        that something still names.  More uses of a name that stays are a fact and no
        finding.  ``facts["names"]`` has the counts by role: code, comment, documentation,
        tools and other files.
    """
    said = case.declared
    names = sorted({*said.removes, *said.introduces, *said.keeps})
    before, after = sweep(case.before, names), sweep(case.after, names)
    facts: dict[str, Any] = {
        "names": {n: {"before": _roles(case.before, before, n), "after": _roles(case.after, after, n)} for n in names}
    }
    findings: list[Finding] = []
    for name in said.removes:
        left = [h for h in after if h.name == name]
        findings += [
            Finding(spot(case.after, h.path, h.offset), f"{name} is still named here ({role(case.after, h)})")
            for h in left[:_SHOWN]
        ]
        if len(left) > _SHOWN:
            findings.append(Finding(name, f"{len(left) - _SHOWN} more uses are left"))
        if not any(h.name == name for h in before):
            findings.append(Finding(name, "declared to be removed, but nothing names it before the patch"))
    for name in said.introduces:
        there = [h for h in before if h.name == name]
        findings += [
            Finding(
                spot(case.before, h.path, h.offset), f"{name} is declared to be new, but stands here before the patch"
            )
            for h in there[:_SHOWN]
        ]
        if not any(h.name == name for h in after):
            findings.append(Finding(name, "declared to be introduced, but nothing names it after the patch"))
    grown: dict[str, int] = {}
    for name in said.keeps:
        more = sum(h.name == name for h in after) - sum(h.name == name for h in before)
        if more < 0:
            fewer = f"{-more} fewer use{'s' if more < -1 else ''} after the patch"
            findings.append(Finding(name, f"declared to stay, but has {fewer}{_where_fewer(name, before, after)}"))
        elif more:
            grown[name] = more
    if grown:
        facts["more uses of names that stay"] = grown
    if said == Declared():
        gone = _gone(case)
        facts["definitions taken away"] = gone
        findings += _dangling(case, gone)
        summary = f"{_count(len(gone), 'definition')} taken away"
    else:
        groups = ((said.removes, "removed"), (said.introduces, "introduced"), (said.keeps, "kept"))
        summary = ", ".join(f"{_count(len(n), 'name')} {word}" for n, word in groups if n) or "no names declared"
    if findings:
        summary += f"; {_count(len(findings), 'finding')}"
    return Proof(NAME, FAIL if findings else PASS, summary, tuple(sorted(findings)), facts)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _where_fewer(name: str, before: Iterable[Hit], after: Iterable[Hit]) -> str:
    left: dict[str, int] = {}
    for sign, hits in ((-1, before), (1, after)):
        for h in hits:
            if h.name == name:
                left[h.path] = left.get(h.path, 0) + sign
    paths = [p for p, n in sorted(left.items()) if n < 0]
    return f": {', '.join(paths[:_SHOWN])}"


def is_documentation(path: str) -> bool:
    """Whether a file is for people only, by its path."""
    return path.startswith("docs/") or path.endswith(_DOCUMENTS)


def is_prose(case: Case, path: str) -> bool:
    """Whether a changed file is for people only: by its path, and because no code includes it."""
    if not is_documentation(path):
        return False
    base = path.rpartition("/")[2]
    word = max(re.findall(r"\w+", base), key=len, default="")
    line = re.compile(rb"^[ \t]*[#%:?=]*[ \t]*\w*include\w*\b[^\n]*" + re.escape(base.encode()), re.M)
    holders = {h.path for files in (case.before, case.after) for h in sweep(files, [word])} if word else set()
    sides = [f.read(p) for p in holders if not is_documentation(p) for f in (case.before, case.after) if p in f.tracked]
    return not any(line.search(data) for data in sides)


def role(files: Files, hit: Hit) -> str:
    """What an occurrence is: documentation or tools by its path; code or comment in C and assembly; other.

    A string is other: it names something without using it.
    """
    if is_documentation(hit.path):
        return DOCUMENTATION
    if hit.path.startswith("tools/"):
        return TOOLS
    if not hit.path.endswith(C_SUFFIXES):
        return OTHER
    spans = _prose(files.read(hit.path))
    i = bisect.bisect_right(spans, (hit.offset, sys.maxsize, "")) - 1
    return spans[i][2] if i >= 0 and hit.offset < spans[i][1] else CODE


@functools.lru_cache(maxsize=256)
def _prose(data: bytes) -> list[tuple[int, int, str]]:
    """Start, end and role of every comment and string of a file, in order."""
    kinds = {Kind.COMMENT: COMMENT, Kind.STRING: OTHER}
    return [(t.start, t.end, kinds[t.kind]) for t in tokenize(data) if t.kind in kinds]


def _roles(files: Files, hits: Iterable[Hit], name: str) -> dict[str, int]:
    out = dict.fromkeys((CODE, COMMENT, DOCUMENTATION, TOOLS, OTHER), 0)
    for hit in hits:
        if hit.name == name:
            out[role(files, hit)] += 1
    return out


def _gone(case: Case) -> dict[str, list[str]]:
    """Names that the changed files define before the patch and do not name after it, with where."""
    out: dict[str, list[str]] = {}
    for path in _changed(case, case.before):
        if path.endswith((".c", ".h")):
            for name in definitions(case.before.read(path)):
                out.setdefault(name, []).append(path)
    if not out:
        return {}
    pattern = word_pattern(out)
    left = {m.group().decode() for p in _changed(case, case.after) for m in pattern.finditer(case.after.read(p))}
    return {n: sorted(paths) for n, paths in sorted(out.items()) if n not in left}


def _changed(case: Case, files: Files) -> list[str]:
    return [p for p in case.changed if files.tracked.get(p, "").startswith("100")]


def _dangling(case: Case, gone: dict[str, list[str]]) -> list[Finding]:
    """Uses of definitions that the patch took away."""
    findings: list[Finding] = []
    hits = sweep(case.after, gone)
    for name, paths in gone.items():
        mine = [h for h in hits if h.name == name]
        if any(name in definitions(case.after.read(p)) for p in {h.path for h in mine} if p.endswith((".c", ".h"))):
            continue
        for hit in mine:
            what = role(case.after, hit)
            # Any text may hold an everyday word; code elsewhere may have a name of its own
            # where the definition was not visible outside its file.
            if what != CODE and "_" not in name:
                continue
            if what == CODE and (not any(_visible(case.before.read(p), name, p) for p in paths) or _member(case, hit)):
                continue
            findings.append(
                Finding(
                    spot(case.after, hit.path, hit.offset),
                    f"{name} is no longer defined or used in the files that the patch changes ({', '.join(paths)}),"
                    f" but is still named here ({what})",
                )
            )
    return findings


def _visible(data: bytes, name: str, path: str) -> bool:
    """Whether other files can mean a definition of this file."""
    return path.endswith(".h") or definitions(data)[name]


def _member(case: Case, hit: Hit) -> bool:
    """Whether an occurrence is a member of something: another name space."""
    data = case.after.read(hit.path)
    return data[: hit.offset].rstrip().endswith((b".", b"->"))


_NO_VARIABLE = {"extern", "typedef"}
_TAGS = {"struct", "union", "enum"}
_KEYWORDS = {"if", "for", "while", "switch", "return", "sizeof", "else", "do", "goto", "case", "__attribute__"}


def definitions(data: bytes) -> dict[str, bool]:
    """Macros, functions, enumerators and top-level variables that a file defines.

    A rough reading of tokens, of all branches of conditionals at once.

    :returns: by name, whether the linker or an including file can see it: macros and
        enumerators, which a .c file keeps for itself, and static objects are False.
    """
    tokens = [t for t in tokenize(data) if t.kind is not Kind.COMMENT]
    out: dict[str, bool] = {}
    for at, token in enumerate(tokens[:-1]):
        if token.kind is Kind.DIRECTIVE and token.text.endswith("define") and tokens[at + 1].kind is Kind.WORD:
            out.setdefault(tokens[at + 1].text, False)
    code = [t for t in tokens if not t.in_directive]
    for at, token in enumerate(code):
        if token.text == "enum" and token.kind is Kind.WORD:
            out.update({n: False for n in _enumerators(code, at) if n not in out})
    for statement in _top_level(code, data):
        name = _defined_by(statement)
        if name is not None:
            out[name] = out.get(name, False) or statement[0].text != "static"
    return out


def _enumerators(code: list[Token], at: int) -> list[str]:
    body = next((i for i in range(at + 1, min(at + 4, len(code))) if code[i].text == "{"), None)
    if body is None:
        return []
    try:
        end = matching(code, body)
    except ValueError:
        return []
    inside = range(body + 1, end)
    return [code[i].text for i in inside if code[i].kind is Kind.WORD and code[i - 1].text in ("{", ",")]


def _top_level(code: list[Token], data: bytes) -> list[list[Token]]:
    """Statements outside braces, each up to its ';', '=' or '{' and with that token."""
    out: list[list[Token]] = []
    now: list[Token] = []
    depth, waiting = 0, False
    for token in code:
        if token.kind is Kind.PUNCT and token.text == "}":
            depth = max(0, depth - 1)
            # Branches of conditionals may open more braces than they close; layout mends it.
            if token.start == 0 or data[token.start - 1 : token.start] == b"\n":
                depth = 0
            if depth == 0 and not waiting:
                now = []
        elif token.kind is Kind.PUNCT and token.text == "{":
            if depth == 0 and not waiting:
                out.append([*now, token])
                now = []
            depth += 1
        elif depth == 0 and token.kind is Kind.PUNCT and token.text in (";", "="):
            if not waiting:
                out.append([*now, token])
            now, waiting = [], token.text == "="
        elif depth == 0 and not waiting:
            now.append(token)
    return out


def _defined_by(statement: list[Token]) -> str | None:
    """The function or variable that a top-level statement defines."""
    *head, last = statement
    if not head or head[0].text in _NO_VARIABLE:
        return None
    bracket = next((i for i, t in enumerate(head) if t.kind is Kind.PUNCT and t.text == "("), None)
    if last.text == "{":
        if bracket is None or bracket == 0 or head[bracket - 1].text in _KEYWORDS:
            return None
        return head[bracket - 1].text if head[bracket - 1].kind is Kind.WORD else None
    if bracket is not None:
        return None
    square = next((i for i, t in enumerate(head) if t.text == "["), len(head))
    words = head[:square]
    while len(words) > 1 and words[-1].kind is Kind.WORD and words[-1].text.startswith("__"):
        words = words[:-1]  # an annotation such as __read_mostly
    if len(words) < 2 or words[-1].kind is not Kind.WORD or words[-2].text in _TAGS:
        return None
    return words[-1].text if words[-2].kind is Kind.WORD or words[-2].text == "*" else None
