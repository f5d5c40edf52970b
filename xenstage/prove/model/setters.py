"""setting_macros: macros that may give a value to what they are given, as no function can."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

from ...index.sweep import Files
from .source import source_files

_MACRO = re.compile(rb"^[ \t]*#[ \t]*define[ \t]+(\w+)\(([^)]*)\)((?:[^\n\\]|\\.|\\\n)*)", re.M)
_TOKEN = re.compile(r"[A-Za-z_]\w*|<<=|>>=|\+\+|--|&&|[=!<>]=|[-+*/|&^]=|[^\s\w]")


def setting_macros(files: Files) -> frozenset[str]:
    """Function-like macros of the headers that may set an argument, by themselves or by another one."""
    known = files.memo.get("setters")
    if known is not None and not any(p.endswith(".h") for p in files.overlay):
        return known  # type: ignore[no-any-return]
    bodies: dict[str, list[tuple[set[str], tuple[str, ...]]]] = {}
    for path in files.paths():
        if path.startswith("xen/include/") and path.endswith(".h"):
            for m in _MACRO.finditer(files.read(path)):
                name, given, body = (m.group(i).decode("latin-1") for i in (1, 2, 3))
                row = set(_TOKEN.findall(given)), tuple(_TOKEN.findall(body))
                bodies.setdefault(name, []).append(row)
    out: set[str] = set()
    grew = True
    while grew:
        grew = False
        for name, rows in bodies.items():
            if name not in out and any(_sets(given, body, out) for given, body in rows):
                out.add(name)
                grew = True
    files.memo["setters"] = frozenset(out)
    return frozenset(out)


def sets_argument(files: Files, name: str, at: int) -> bool:
    """Whether a macro of the hypervisor may set the argument at a place, counted from 0; a function cannot."""
    word = name.encode()
    for m in (m for _, data in source_files(files) if word in data for m in _MACRO.finditer(data)):
        if m[1] == word:
            given = [w.strip() for w in m[2].decode("latin-1").split(",")]
            mine = set(given[at : at + 1]) - {"..."}
            if not mine or _sets(mine, tuple(_TOKEN.findall(m[3].decode("latin-1"))), setting_macros(files)):
                return True
    return False


_SET = {"=", "+=", "-=", "*=", "/=", "|=", "&=", "^=", "<<=", ">>=", "++", "--"}


def _sets(given: set[str], body: Sequence[str], setters: Container[str]) -> bool:
    if {"asm", "__asm__"} & set(body):
        return True
    for i, w in enumerate(body):
        if w not in given:
            continue
        j, k = i - 1, i + 1
        while j >= 0 and body[j] == "(" and k < len(body) and body[k] == ")":
            j, k = j - 1, k + 1
        after = body[k] if k < len(body) else ""
        if after in _SET or (j >= 0 and (body[j] in ("++", "--") or (body[j] == "&" and after != "->"))):
            return True
    return bool(given & set(body)) and any(w in setters for w in body)
