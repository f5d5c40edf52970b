"""second_opinion: the uses of names as Coccinelle counts them, against our own reading.

spatch has a C parser of its own, which reads code without preprocessing it and knows
nothing of :mod:`xenstage.index`.  One semantic patch asks it for the position of every
expression, member, declaration, enumerator, tag, parameter and macro that has one of the
names.  It gives up on a function that it cannot parse and leaves out what no rule of ours
describes; each use that it does not see is listed with the reason, and a use without a
reason is no agreement.
"""

from __future__ import annotations

import functools
import hashlib
import re
import shutil
import tempfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...ctext.lexer import Kind, Token, matching, opening, tokenize
from ...errors import Exit, XenstageError
from ...index.sweep import Files, Hit, sweep
from ...process import Runner
from ..result import FAIL, PASS, REFUSED, SKIP, Finding, Proof

NAME = "second"
TIMEOUT = 600.0
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

# Rule, its metavariables beside X and p, and the pattern that X@p stands in.
_RULES = (
    ("expression_", "", "X@p"),
    ("arrow", "expression E;", "E->X@p"),
    ("dot", "expression E;", "E.X@p"),
    ("designated", "identifier S, V; expression E;", "struct S V = { ..., .X@p = E, ... };"),
    ("function_", "", "X@p(...) { ... }"),
    ("prototype", "type T;", "T X@p(...);"),
    ("parameter_", "type T; identifier F;", "F(..., T X@p, ...) { ... }"),
    ("named", "type T, U; identifier F;", "U F(..., T X@p, ...);"),
    ("variable", "type T;", "T X@p;"),
    ("initialised", "type T; initializer I;", "T X@p = I;"),
    ("array", "type T; expression E;", "T X@p[E];"),
    ("macro", "expression E;", "#define X@p E"),
    ("member", "identifier S; type T;", "struct S { ... T X@p; ... };"),
    ("enumerator", "identifier S;", "enum S { ..., X@p, ... };"),
    ("valued", "identifier S; expression E;", "enum S { ..., X@p = E, ... };"),
    ("nameless", "", "enum { ..., X@p, ... };"),
    ("enum_", "", "enum X@p"),
    ("enum_body", "", "enum X@p { ... };"),
    ("struct_", "", "struct X@p"),
    ("struct_body", "", "struct X@p { ... };"),
)


def count_by_spatch(names: Sequence[str], files: Sequence[Path], *, runner: Runner) -> dict[str, list[tuple[str, int]]]:
    """Every use of the names that spatch sees in C files.

    :param files: .c and .h files; each is read by itself, without its headers.
    :returns: by name, (file as given, line) of every use, sorted; a line with two uses
        is there twice.
    :raises ValueError: when a name is no identifier.
    :raises XenstageError: (TOOLS) when spatch is not installed, or fails, with its words.
    """
    bad = [n for n in names if not _IDENTIFIER.match(n)]
    if bad:
        raise ValueError(f"not an identifier: {bad[0]!r}")
    out: dict[str, list[tuple[str, int]]] = {n: [] for n in names}
    if not names or not files:
        return out
    with tempfile.TemporaryDirectory(prefix="xenstage-spatch-") as work:
        script, groups = Path(work, "uses.cocci"), Path(work, "files")
        script.write_text(_script(sorted(set(names))))
        groups.write_text("".join(f"{f}\n\n" for f in files))  # an empty line between: each file by itself
        argv = ["spatch", "--very-quiet", "--no-includes", "--sp-file", str(script), "--file-groups", str(groups)]
        done = runner.run(argv, cwd=Path(work), timeout=TIMEOUT)
    if done.status:
        raise XenstageError(
            Exit.TOOLS,
            "spatch does not run",
            why=done.errors.strip()[-2000:] or f"status {done.status}",
            remedy="the second opinion needs a spatch with Python scripting (Debian: apt-get install coccinelle)",
        )
    seen: set[tuple[str, str, int, int]] = set()  # two rules may see one use
    for row in done.text.splitlines():
        fields = row.split("\t")
        if fields[0] == "SEEN":
            seen.add((fields[4], fields[1], int(fields[2]), int(fields[3])))
    for name, path, line, _ in sorted(seen):
        out[name].append((path, line))
    return out


def _script(names: list[str]) -> str:
    wanted = f"identifier X = {{{', '.join(names)}}}; position p;"
    out: list[str] = []
    for rule, variables, pattern in _RULES:
        out.append(f"@{rule}@\n{variables}\n{wanted}\n@@\n{pattern}\n")
        out.append(f"@script:python@\nX << {rule}.X;\np << {rule}.p;\n@@")
        out.append('for q in p: print("SEEN", q.file, q.line, q.column, X, sep="\\t")\n')
    return "\n".join(out)


def second_opinion(before: Files, after: Files, names: Sequence[str], *, scratch: Path, runner: Runner) -> Proof:
    """Hold our sweep's uses of the names against spatch's, before and after a patch.

    :param scratch: a directory for the files that spatch reads; left as it was.
    :returns: PASS when every use that only one of the two sees has a reason; FAIL when
        spatch sees a use that we do not; REFUSED when it misses one without a reason;
        SKIP without spatch.
    """
    if shutil.which("spatch", path=runner.environment().get("PATH")) is None:
        return Proof(NAME, SKIP, "spatch is not installed (Debian: apt-get install coccinelle)")
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="second-") as work:
        hits = {"before": sweep(before, names), "after": sweep(after, names)}
        copies: dict[str, dict[str, Path]] = {}
        for side, files in (("before", before), ("after", after)):
            paths = sorted({h.path for h in hits[side] if h.path.endswith((".c", ".h"))})
            copies[side] = {p: _copy(Path(work), p, files.read(p)) for p in paths}
        both = sorted({c for side in copies.values() for c in side.values()})
        counted = count_by_spatch(sorted(set(names)), both, runner=runner)
        missed, alone = list[Finding](), list[Finding]()
        facts: dict[str, Any] = {"names": {n: {} for n in sorted(set(names))}, "unseen": {}}
        for side, files in (("before", before), ("after", after)):
            rows, theirs = _compare(files, hits[side], copies[side], counted, runner)
            facts["unseen"][side] = rows
            alone += [Finding(where, f"only spatch sees a use of {name}, {side} the patch") for where, name in theirs]
            missed += [
                Finding(f"{r['path']}:{r['line']}", f"spatch does not see this use of {r['name']}, {side} the patch")
                for r in rows
                if r["reason"] is None
            ]
            mine = set(map(str, copies[side].values()))
            for name, sums in facts["names"].items():
                sums[side] = {
                    "ours": sum(h.name == name for h in hits[side]),
                    "spatch": sum(f in mine for f, _ in counted[name]),
                    "explained": sum(r["name"] == name and r["reason"] is not None for r in rows),
                }
    total = {k: sum(n[s][k] for n in facts["names"].values() for s in n) for k in ("ours", "spatch", "explained")}
    summary = f"{total['ours']} uses = {total['spatch']} that spatch sees + {total['explained']} explained"
    if missed or alone:
        summary += f"; {len(missed)} that spatch misses, {len(alone)} that only spatch sees"
    verdict = FAIL if alone else REFUSED if missed else PASS
    return Proof(NAME, verdict, summary, tuple(sorted(missed + alone)), facts)


def _copy(work: Path, path: str, data: bytes) -> Path:
    """The file on disk; equal files of the two trees are one."""
    out = (
        work / hashlib.sha256(path.encode("utf-8", "surrogateescape") + b"\0" + data).hexdigest()[:24] / Path(path).name
    )
    out.parent.mkdir(exist_ok=True)
    out.write_bytes(data)
    return out


def _compare(
    files: Files, hits: list[Hit], copies: dict[str, Path], counted: dict[str, list[tuple[str, int]]], runner: Runner
) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Uses that spatch does not see, each with its reason or None; uses that only spatch sees."""
    seen = Counter((f, line, name) for name, rows in counted.items() for f, line in rows)
    unseen: list[dict[str, Any]] = []
    theirs: list[tuple[str, str]] = []
    by_line: dict[tuple[str, int, str], list[tuple[Hit, str | None]]] = {}
    for hit in hits:
        data = files.read(hit.path)
        line = data.count(b"\n", 0, hit.offset) + 1
        by_line.setdefault((hit.path, line, hit.name), []).append((hit, _no_code(hit.path, data, hit.offset)))
    for (path, line, name), here in by_line.items():
        copy = copies.get(path)
        count = seen.pop((str(copy), line, name), 0)
        for hit, reason in here:
            if reason is None and count:
                count -= 1
                continue
            if reason is None and copy is not None:
                reason = _why_unseen(files.read(path), hit.offset, copy, runner)
            unseen.append({"path": path, "line": line, "name": name, "reason": reason})
        theirs += [(f"{path}:{line}", name)] * count
    ours = {str(c): p for p, c in copies.items()}
    for (copied, line, name), count in sorted(seen.items()):
        if copied in ours:
            theirs += [(f"{ours[copied]}:{line}", name)] * count
    return unseen, theirs


def _no_code(path: str, data: bytes, offset: int) -> str | None:
    """Why an occurrence is not C code at all."""
    if not path.endswith((".c", ".h")):
        return "spatch reads C files only"
    token = _token(data, offset)
    if token is None or token.kind is Kind.COMMENT:
        return "in a comment"
    return "in a string" if token.kind is Kind.STRING else None


@functools.lru_cache(maxsize=32)
def _starts(data: bytes) -> list[int]:
    return [t.start for t in tokenize(data)]


def _token(data: bytes, offset: int) -> Token | None:
    """The token that covers an offset."""
    at = bisect_right(_starts(data), offset) - 1
    token = tokenize(data)[at] if at >= 0 else None
    return token if token is not None and offset < token.end else None


def _why_unseen(data: bytes, offset: int, copy: Path, runner: Runner) -> str | None:
    """Why spatch passes a use by, from the file's text and spatch's own words."""
    tokens, at = tokenize(data), bisect_right(_starts(data), offset) - 1
    if tokens[at].in_directive:
        lead = next(t.text for t in reversed(tokens[:at]) if t.kind is Kind.DIRECTIVE).replace(" ", "")
        if lead != "#define":
            return f"an operand of {lead}"
        if tokens[at - 1].kind is Kind.DIRECTIVE:
            return "the name that a #define defines"
        return "in a macro body that spatch does not parse"
    line = data.count(b"\n", 0, offset)
    if _skipped(tokens, at):
        return "in #if 0, which spatch passes over"
    for first, last, words in _unparsed(copy, data, runner):
        if first <= line <= last:
            return f"in lines that spatch does not parse: {words}"
    code = [t for t in tokens if t.kind is not Kind.COMMENT and not t.in_directive]
    mine = next(i for i, t in enumerate(code) if t.start == offset)
    brace = opening(code, mine)
    if brace is not None and code[brace].text == "{" and "struct" in [t.text for t in code[max(0, brace - 2) : brace]]:
        try:
            after = code[matching(code, brace) + 1].text
        except (ValueError, IndexError):
            return None
        return "a member of a struct that is declared together with a variable" if after != ";" else None
    return None


def _skipped(tokens: Sequence[Token], at: int) -> bool:
    """Whether a token stands below ``#if 0``, before its #else."""
    stack: list[bool] = []
    for i, token in enumerate(tokens[:at]):
        if token.kind is not Kind.DIRECTIVE:
            continue
        word = token.text.lstrip("# \t")
        if word.startswith("if"):
            stack.append(word == "if" and tokens[i + 1].text == "0" and tokens[i + 2].kind is not Kind.PUNCT)
        elif word in ("else", "elif") and stack:
            stack[-1] = False
        elif word == "endif" and stack:
            stack.pop()
    return any(stack)


def _unparsed(copy: Path, data: bytes, runner: Runner) -> list[tuple[int, int, str]]:
    """First and last line (from 0) of what spatch gives up on, with the line that it blames.

    It prints the lines as they stand, without their numbers, which the file gives back.
    """
    done = runner.run(["spatch", "--parse-c", str(copy)], timeout=TIMEOUT)
    text = (done.out + b"\n" + done.err).decode("latin-1")
    lines = data.decode("latin-1").split("\n")
    out: list[tuple[int, int, str]] = []
    for block in re.findall(r"(?m)^badcount: \d+\n((?:(?:bad: |BAD:!!!!! ).*\n)+)", text):
        rows = [re.sub(r"^(?:bad: |BAD:!!!!! )", "", row) for row in block.split("\n")[:-1]]
        blamed = next((r[10:].strip() for r in block.split("\n") if r.startswith("BAD")), "")
        for first in range(len(lines) - len(rows) + 1):
            if lines[first : first + len(rows)] == rows:
                out.append((first, first + len(rows) - 1, blamed))
    return out
