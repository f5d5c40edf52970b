"""source_files: the hypervisor's own C text, read once, and who writes a field of a domain."""

from __future__ import annotations

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
    for name in names:
        word = name.encode()
        base = rb"((?:\w+(?:->|\.|\[[^]]*\]))*\w+(?:\[[^]]*\])?|\(\s*\w+\s*\))\s*->\s*" + word
        pattern = re.compile(
            rb"(?:" + base + rb"\s*(?:(?:[-+|&^*/%]|<<|>>)?=(?!=)|\+\+|--))"
            rb"|(?:(?:[-+(,=&|!{;]|return)\s*&\s*\(?\s*" + base + rb"\b(?!\s*(?:->|\.|\[)))"
            rb"|(?:(?:\+\+|--)\s*" + base + rb"\b)"
        )
        for path, data in source_files(files, everything=True):
            if word not in data or name in out:
                continue
            key = ("writes", word, data)
            if key not in files.memo:
                files.memo[key] = list(pattern.finditer(data))
            found: list[re.Match[bytes]] = files.memo[key]
            for m in found:
                if any(p == path and a <= m.start() < b for p, a, b in excluded):
                    continue
                owner = next(g for g in m.groups() if g is not None).strip(b"() \t\n")
                outer = _globals(files, {owner}) if owner.decode().isidentifier() else {}
                if _is_domain(owner, data, m.start(), members, outer):
                    line = data.count(b"\n", 0, m.start()) + 1
                    out[name] = Write(path, line, " ".join(m.group().decode("latin-1").split()))
                    break
    return out


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
