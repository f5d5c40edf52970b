"""source_files: the hypervisor's own C text, read once, and who writes a field of a domain."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...index.sweep import Files

_OURS = re.compile(r"xen/.*\.[chS]\Z")
_ELSEWHERE = re.compile(r"/arm/|asm-arm/|/public/|xen/tools/|include/compat/")
_MEMBER = re.compile(rb"\bstruct domain \*(\w+);")
_DECLARED = rb"\b(?:(?:struct|union)\s+(\w+)|(\w+_t))\s[^;(){}=]*?\*+\s*(?:const\s+|__\w+\s+)*"


def source_files(files: Files, *, everything: bool = False) -> list[tuple[str, bytes]]:
    """Path and bytes of the hypervisor's C and assembly files for x86, in order.

    :param everything: those of other architectures as well.
    """
    out = []
    for path in _paths(files):
        if everything or not _ELSEWHERE.search(path):
            out.append((path, _bytes(files, path)))
    return out


def is_read(path: str) -> bool:
    """Whether what a file defines is looked at for x86."""
    return bool(_OURS.match(path)) and not _ELSEWHERE.search(path)


def _paths(files: Files) -> list[str]:
    if "our paths" not in files.memo:
        files.memo["our paths"] = {}
    key = frozenset(files.overlay)
    known: dict[frozenset[str], list[str]] = files.memo["our paths"]
    if key not in known:
        known[key] = [p for p in files.paths() if _OURS.match(p)]
    return known[key]


def _bytes(files: Files, path: str) -> bytes:
    if path in files.overlay:
        return files.read(path)
    kept: dict[str, bytes] = files.memo.setdefault("texts", {})
    if path not in kept:
        kept[path] = files.read(path)
    return kept[path]


@dataclass(frozen=True)
class Write:
    """A place that may write a field of a domain: path, line, its text."""

    path: str
    line: int
    text: str


def writers(files: Files, names: Iterable[str], besides: Iterable[tuple[str, int, int]]) -> dict[str, Write]:
    """Fields of struct domain that anything but their creation may write, with one such place.

    A field of the same name in another structure does not count where the declaration of
    what it is reached through can be seen.

    :param besides: (path, start, end) of the functions that create domains.
    """
    out: dict[str, Write] = {}
    excluded = list(besides)
    members = _domain_members(files)
    wanted = list(names)
    for name in wanted:
        for path, data in source_files(files, everything=True):
            if name in out or name.encode() not in data:
                continue
            for m in _found(files, "writes", name.encode(), _writes(name.encode()), data):
                if any(p == path and a <= m.start() < b for p, a, b in excluded):
                    continue
                owner = next(g for g in m.groups() if g is not None).strip(b"() \t\n")
                outer = _globals(files, {owner}) if owner.decode().isidentifier() else {}
                if _is_domain(owner, data, m.start(), members, outer):
                    out[name] = _write(path, data, m)
                    break
        if name not in out:
            by_macro = _through_macros(files, name.encode())
            out.update({name: by_macro} if by_macro else {})
    whole = _whole(files) if len(out) < len(wanted) else None
    return {**dict.fromkeys(wanted, whole), **out} if whole else out


_PATH = rb"(?:\w+(?:->|\.|\[[^]]*\]))*\w+(?:\[[^]]*\])?"
_SET = rb"\s*(?:(?:(?:[-+|&^*/%]|<<|>>)?=(?!=))|\+\+|--)"


@functools.cache
def _writes(word: bytes) -> re.Pattern[bytes]:
    """Where a field may get a value or its address is taken; one group is what it is reached through."""
    base = rb"(?:(" + _PATH + rb"|\(\s*\w+\s*\))\s*->\s*|\(\s*\*\s*(" + _PATH + rb")\s*\)\s*\.\s*)" + word
    return re.compile(
        rb"(?:" + base + _SET + rb")"
        rb"|(?:(?:[-+(,=|!{;]|&&\s|return|#[ \t]*define[ \t]+\w+(?:\([^)\n]*\))?[ \t])\s*&(?!&)\s*\(?\s*"
        + base + rb"\b(?!\s*(?:->|\.|\[)))"
        rb"|(?:(?:\+\+|--)\s*" + base + rb"\b)"
    )  # fmt: skip


def _found(files: Files, what: str, word: bytes, pattern: re.Pattern[bytes], data: bytes) -> list[re.Match[bytes]]:
    key = (what, word, data)
    if key not in files.memo:
        files.memo[key] = list(pattern.finditer(data))
    found: list[re.Match[bytes]] = files.memo[key]
    return found


def _write(path: str, data: bytes, m: re.Match[bytes]) -> Write:
    return Write(path, data.count(b"\n", 0, m.start()) + 1, " ".join(m.group().decode("latin-1").split()))


def _through_macros(files: Files, word: bytes) -> Write | None:
    """The first place that gives a value to a macro which stands for a field, itself or through another one."""
    body = rb"#[ \t]*define[ \t]+(\w+)\([^)\n]*\)[ \t]+\(*[^\n]*(?:->|\.)[ \t]*" + word + rb"\)*[ \t]*$"
    fresh = _names_of(files, word, re.compile(body, re.M))
    names: set[bytes] = set()
    while fresh:
        names |= fresh
        called = rb"(?:" + b"|".join(sorted(map(re.escape, fresh))) + rb")"
        body = rb"#[ \t]*define[ \t]+(\w+)\([^)\n]*\)[ \t]+\(*" + called + rb"\([^\n]*\)[ \t]*$"
        fresh = _names_of(files, b"|".join(sorted(fresh)), re.compile(body, re.M)) - names
    for path, data in source_files(files, everything=True) if names else ():
        for name in sorted(n for n in names if n in data):
            used = rb"\b" + name + rb"\((?:[^()]|\([^()]*\))*\)"
            pattern = (
                rb"(?:"
                + used
                + _SET
                + rb")|(?:(?:\+\+|--|(?:[-+(,=|!{;]|&&\s|return)\s*&(?!&))\s*\(?\s*"
                + used
                + rb")"
            )
            m = re.search(pattern, data)
            if m:
                return _write(path, data, m)
    return None


def _names_of(files: Files, words: bytes, pattern: re.Pattern[bytes]) -> set[bytes]:
    plain = words.split(b"|")
    texts = [data for _, data in source_files(files, everything=True) if any(w in data for w in plain)]
    return {m.group(1) for data in texts for m in _found(files, "macros", words, pattern, data)}


_WHOLE = re.compile(
    rb"(?:[;{})]|else)\s*\*\s*(\w+)\s*=(?!=)|\b(?:mem(?:set|cpy|move)|(?:copy|clear)_page|\w*copy_from_\w+)\(\s*(\w+)\s*[,)]"
)


def _whole(files: Files) -> Write | None:
    """The first place that writes a whole domain; a function that returns a new one is none."""
    for path, data in source_files(files, everything=True):
        if b"struct domain *" not in data or not path.endswith((".c", ".h")):
            continue
        for m in _found(files, "whole", b"", _WHOLE, data):
            name = m.group(1) or m.group(2)
            if _pointed_to(data, name, m.start()) == b"domain" and not _makes_one(data, m.start()):
                return _write(path, data, m)
    return None


@functools.lru_cache(maxsize=4096)  # the same files stand on many sides
def _pointed_to(data: bytes, name: bytes, end: int) -> bytes:
    """The last type that a name is declared to point to before a place; empty for none."""
    declared = re.findall(rb"(\w+)\s*\*\s*(?:const\s+)?" + re.escape(name) + rb"\b", data[:end])
    return declared[-1] if declared else b""


def _makes_one(data: bytes, at: int) -> bool:
    """Whether the function around a place returns a domain."""
    heads = list(re.finditer(rb"^[A-Za-z_][^\n;=#{}]*\([^;{}]*\)\s*\{", data[:at], re.M))
    return bool(heads) and b"struct domain *" in heads[-1].group().partition(b"(")[0]


def _domain_members(files: Files) -> set[bytes]:
    """Names of members and variables that are declared as pointers to a domain."""
    out = {b"domain"}
    for _, data in source_files(files):
        if b"struct domain *" in data:
            out.update(_MEMBER.findall(data))
    return out


def _is_domain(owner: bytes, data: bytes, at: int, members: set[bytes], outer: Mapping[bytes, Iterable[bytes]]) -> bool:
    """Whether what a field is reached through is, or may be, a domain."""
    path = re.split(rb"->|\.", re.sub(rb"\[[^]]*\]", b"", owner))
    if len(path) > 1:
        return path[-1] in members
    found = [m.group(1) or m.group(2) for m in re.finditer(_DECLARED + re.escape(path[0]) + rb"\b", data[:at])]
    found = found[-1:] or list(outer.get(path[0], ()))
    return not found or b"domain" in found


def _globals(files: Files, names: set[bytes]) -> dict[bytes, set[bytes]]:
    """Structures of which headers declare pointers of some names."""
    out: dict[bytes, set[bytes]] = {}
    for path, data in source_files(files):
        for name in names if path.endswith(".h") else ():
            if name in data:
                declared = rb"\bextern\s+(?:const\s+)?struct\s+(\w+)\s*\*+\s*" + re.escape(name) + rb"\b"
                out.setdefault(name, set()).update(m.group(1) for m in re.finditer(declared, data))
    return {n: found for n, found in out.items() if found}
