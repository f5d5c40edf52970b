"""equal_objects: does the compiler make the same of all that a patch changes?

Evidence of its own, beside the proofs that read the source: where every function,
variable and table of every object is as before, nothing changes in the configurations
that were built, however the source was rewritten.  It speaks for these alone, so that
what none of them compiles is a gap, and named.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...builds.builder import Result
from ...ctext.lexer import Kind, tokenize
from ...tree.config import BY_NAME, Config
from ..case import Case
from ..patch.residue import is_prose
from .compiled import compare

_KINDS = ("f", "d", "s")


@dataclass(frozen=True)
class Equal:
    """What equal objects say of a patch.

    :param configs: configurations in which every object is as before (but for line numbers).
    :param differ: those in which one is not, each with the first difference.
    :param gaps: what of the patch none of them compiles.
    """

    configs: tuple[str, ...] = ()
    differ: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether they show that nothing changes in what was built, all of the patch being in it."""
        return bool(self.configs) and not self.differ and not self.gaps

    @property
    def where(self) -> str:
        """The configurations, for a sentence."""
        return ", ".join(self.configs)


def equal_objects(case: Case, built: Mapping[str, tuple[Result, Result]]) -> Equal:
    """Compare every object of every build, and look for what no build compiles.

    :param built: configuration to the results of the parent and of the patch.
    """
    same: list[str] = []
    differ: list[str] = []
    able = {c: row for c, row in built.items() if c in BY_NAME and all(r.harvest.get("objects") for r in row)}
    for name, (old, new) in sorted(able.items()):
        found = _difference(old, new)
        if found:
            differ.append(f"{name}: {found}")
        else:
            same.append(name)
    broken = [f"{c}: {b.verdict}" for c, (_, b) in sorted(built.items()) if c in BY_NAME and b.verdict == "FAIL"]
    gaps = _gaps(case, {c: able[c] for c in same}) if same else []
    return Equal(tuple(same), (*differ, *broken), tuple(gaps))


def _difference(old: Result, new: Result) -> str:
    """The first thing that differs between two builds, line numbers apart; "" for none."""
    lines = new.harvest.get("lines", {})
    d = compare(old.harvest["objects"], new.harvest["objects"], lines)
    for unit, name, a, b in (*d.functions, *d.data):
        return f"{name} in {unit} ({a} bytes before, {b} after)"
    for unit in sorted({*old.harvest["objects"], *new.harvest["objects"]}):
        sides = [r.harvest["objects"].get(unit, {}).get("s", {}) for r in (old, new)]
        again = lines.get(unit, {}).get("s", {})
        for name in sorted({*sides[0], *sides[1]}):
            if sides[0].get(name) != sides[1].get(name) and sides[0].get(name) != again.get(name):
                return f"section {name} of {unit}"
    return ""


def _gaps(case: Case, built: Mapping[str, tuple[Result, Result]]) -> list[str]:
    names = ", ".join(sorted(built))
    read = {c: {*a.harvest.get("read", []), *b.harvest.get("read", [])} for c, (a, b) in built.items()}
    out = []
    for path in case.changed:
        if is_prose(case, path) or _comments_only(case, path):
            continue
        configs = [BY_NAME[c] for c, paths in read.items() if path in paths]
        if path.startswith("xen/") and path.endswith("/Makefile"):
            below = path.removesuffix("Makefile")
            if not any(p.startswith(below) for paths in read.values() for p in paths):
                out.append(f"nothing below {below} is compiled in any of {names}")
            elif _depends(case, path):
                out.append(f"{path}: what it makes depends on the configuration")
            continue  # what it makes is what was compared
        if not configs:
            out.append(f"{path} is compiled in none of {names}")
            continue
        hidden = _hidden(case, path, configs)
        if hidden:
            tried = ", ".join(c.name for c in configs)
            out.append(f"{path}: it is not known that {tried} compiles what is under {hidden}")
    return out


def _depends(case: Case, path: str) -> bool:
    """Whether lines of a makefile change that another configuration may read otherwise."""
    sides = [f.read(path).decode("utf-8", "replace").splitlines() if path in f.tracked else [] for f in
             (case.before, case.after)]  # fmt: skip
    lines = [line for line in difflib.ndiff(sides[0], sides[1]) if line[:2] in ("- ", "+ ")]
    conditional = any(re.match(r"\s*(ifeq|ifneq|ifdef|ifndef)\b", line) for side in sides for line in side)
    return conditional or any("$(" in line or line[2:3] == "\t" for line in lines)


def _comments_only(case: Case, path: str) -> bool:
    if not path.endswith((".c", ".h")) or path not in case.before.tracked or path not in case.after.tracked:
        return False
    sides = [[t.text for t in tokenize(f.read(path)) if t.kind is not Kind.COMMENT] for f in (case.before, case.after)]
    return sides[0] == sides[1]


def _hidden(case: Case, path: str, configs: list[Config]) -> str:
    """A condition around a changed line of which no configuration is known to meet it; "" for none."""
    sides = [f.read(path) if path in f.tracked else b"" for f in (case.before, case.after)]
    lines = [_significant(s) for s in sides]
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, lines[0], lines[1], autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for _, conditions in (*lines[0][i1:i2], *lines[1][j1:j2]):
            if not any(all(_met(c, config) for c in conditions) for config in configs):
                return next(c for c in conditions if not all(_met(c, config) for config in configs))
    return ""


def _significant(data: bytes) -> list[tuple[str, tuple[str, ...]]]:
    """Every line of code, comments left out, with the conditional directives around it."""
    out: list[tuple[str, tuple[str, ...]]] = []
    stack: list[str] = []
    words: list[str] = []
    line, at, last = 0, 0, 0
    tokens = [t for t in tokenize(data) if t.kind is not Kind.COMMENT]
    i = 0

    def close() -> None:
        if words:
            out.append((" ".join(words), tuple(stack)))
            words.clear()

    while i < len(tokens):
        t = tokens[i]
        line += data.count(b"\n", at, t.start)
        at = t.start
        if t.kind is Kind.DIRECTIVE:
            close()
            stop = i
            while stop < len(tokens) and tokens[stop].kind is not Kind.END:
                stop += 1
            text = "#" + " ".join(x.text for x in tokens[i:stop]).lstrip("# \t")
            if not _directive(text, stack):
                out.append((text, tuple(stack)))
            i = stop + 1
            last = line
            continue
        if line != last:
            close()
            last = line
        words.append(t.text)
        i += 1
    close()
    return out


def _directive(text: str, stack: list[str]) -> bool:
    """Follow a directive; whether it is a conditional one."""
    name = text[1:].split()[0] if len(text) > 1 else ""
    if name in ("if", "ifdef", "ifndef"):
        stack.append(text)
    elif name in ("else", "elif") and stack:
        stack[-1] = f"not {stack[-1]}" + (f" and {text}" if name == "elif" else "")
    elif name == "endif" and stack:
        stack.pop()
    return name in ("if", "ifdef", "ifndef", "else", "elif", "endif")


_GUARD = re.compile(r"#(?:ifndef|if ! ?defined ?\(?) ?_*\w+_H_*\)?\Z")


def _met(condition: str, config: Config) -> bool:
    """Whether code under a condition is known to be compiled in a configuration."""
    if condition.startswith("not "):
        known = _defined(condition[4:], config)
        return known is False
    return bool(_GUARD.match(condition)) or _defined(condition, config) is True


def _defined(condition: str, config: Config) -> bool | None:
    """Whether a plain ``#ifdef`` or ``#ifndef`` holds in a configuration; None where that is not known."""
    m = re.fullmatch(r"#(ifdef|ifndef|if) (! )?(?:defined )?(?:\( )?(\w+)(?: \))?", condition)
    if m is None or (m.group(1) != "if" and m.group(2)):
        return None
    value = _macros(config).get(m.group(3))
    negated = (m.group(1) == "ifndef") != bool(m.group(2))
    return None if value is None else value != negated


def _macros(config: Config) -> dict[str, bool]:
    """Macros that stand for a configuration (xen/Rules.mk, asm-*/config.h), and whether it has them."""
    x86, arm32, arm64 = (config.arch == a for a in ("x86_64", "arm32", "arm64"))
    macros = {
        **dict.fromkeys(("CONFIG_X86", "CONFIG_X86_64", "__x86_64__", "CONFIG_COMPAT"), x86),
        **dict.fromkeys(("CONFIG_ARM", "HAS_DEVICE_TREE"), arm32 or arm64),
        **dict.fromkeys(("CONFIG_ARM_64", "__aarch64__"), arm64),
        **dict.fromkeys(("CONFIG_ARM_32", "__arm__"), arm32),
        **dict.fromkeys(("XSM_ENABLE", "FLASK_ENABLE"), config.xsm),
    }
    return {**macros, "NDEBUG": not config.debug, "__clang__": config.clang, "__ASSEMBLY__": False}
