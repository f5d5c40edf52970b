"""interface_of: what the public headers fix for guests and tools, as libclang lays it out.

Sizes and offsets are those of each architecture's own compiler rules; constants are
what the preprocessor and the compiler make of them.
"""

from __future__ import annotations

import dataclasses
import os
import posixpath
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clang import cindex

from ...cache import Cache, digest
from ...index.sweep import Files

PUBLIC = "xen/include/public/"
_FORMAT = "4"
# Target -> architecture directories and files that are not its own.
TARGETS = {
    "x86_64-linux-gnu": "arch-arm",
    "i386-linux-gnu": "arch-arm",
    "aarch64-linux-gnu": "arch-x86",
    "arm-linux-gnueabihf": "arch-x86",
}
# Sample structures, and headers of the build: no interface of their own.
_LEFT_OUT = ("xen-compat.h", "dom0_ops.h", "gcov.h", "arch-x86_32.h", "arch-x86_64.h")
_STDINT = """\
typedef unsigned char uint8_t; typedef signed char int8_t;
typedef unsigned short uint16_t; typedef short int16_t;
typedef unsigned int uint32_t; typedef int int32_t;
typedef unsigned long long uint64_t; typedef long long int64_t;
typedef __SIZE_TYPE__ size_t; typedef __UINTPTR_TYPE__ uintptr_t;
"""
_TYPES = """\
#include <stdint.h>
#if __has_include("xen-compat.h")
#include "xen-compat.h"
#endif
#include "xen.h"
#if __has_include("event_channel.h")
#include "event_channel.h"
#endif
"""
# Headers that another one includes at the right place, and that do not stand alone.
_INSIDE = {"xen.h": r"arch-[^/]*/xen[^/]*\.h|arch-[^/]*\.h", "hvm/save.h": r"arch-[^/]*/hvm/save\.h"}

_LATEST = "#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__\n"
_TOOLS = f"#define __XEN_TOOLS__ 1\n{_LATEST}"
_XEN = f"#define __XEN__ 1\n{_LATEST}#define BUG() ((void)0)\n"
_VERSION = re.compile(rb"\b__XEN_INTERFACE_VERSION__\s*[<>=!]+\s*(0[xX][0-9a-fA-F]+)")
_INCLUDED = re.compile(rb'#[ \t]*include[ \t]*[<"]([^">\n]+)[">]')

Items = dict[str, str]  # "header target kind name" parts joined by a tab -> what is fixed


@dataclass(frozen=True)
class Interface:
    """The public interface of a tree.

    :param items: "header<tab>target<tab>kind<tab>name" to a text; kinds are struct (size and
        alignment), field (offset in bits and type), enum and macro (value), call (the text of a
        macro with arguments, whatever these are called).
    :param broken: "header<tab>target" to the parser's first complaint.
    :param closed: the same for readers whom a header may refuse: guests, the hypervisor.
    """

    items: Items
    broken: dict[str, str]
    closed: dict[str, str] = dataclasses.field(default_factory=dict)


def public_headers(files: Files) -> dict[str, bytes]:
    """The headers by their path below xen/include/public."""
    names = [p for p in files.paths() if p.startswith(PUBLIC) and p.endswith(".h")]
    return {p.removeprefix(PUBLIC): files.read(p) for p in names}


def readers_of(texts: Iterable[bytes]) -> dict[str, str]:
    """Who else reads headers, as what they define before: guests of every interface version
    that one of the texts tells apart, and the hypervisor."""
    found = {int(m, 16) for data in texts for m in _VERSION.findall(data)}
    guests = {f"guest 0x{v:08x}": f"#define __XEN_INTERFACE_VERSION__ 0x{v:08x}\n" for v in sorted({0, *found})}
    return {**guests, "hypervisor": _XEN}


def interface_of(
    files: Files, cache: Cache, names: Iterable[str] = (), readers: Mapping[str, str] | None = None
) -> Interface:
    """The interface of a tree; kept under the name of the headers' content.

    :param names: headers that are read as other readers see them as well, and
    :param readers: these, as :func:`readers_of` has them.
    """
    headers = public_headers(files)
    also = sorted(set(names) & set(headers)) if readers else []
    content = [x for n in sorted(headers) for x in (n, headers[n])]
    key = digest("interface", _FORMAT, *content, *also, *(readers or {}))
    kept = cache.get("interfaces", key)
    if kept is None:
        place = cache.scratch("public")
        shutil.rmtree(place, ignore_errors=True)
        try:
            for name, data in headers.items():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_bytes(data)
            for name in ("stdint.h", "stddef.h", "sys/types.h", "xen/lib.h"):
                (place / name).parent.mkdir(exist_ok=True)
                (place / name).write_text("#ifndef XENSTAGE_TYPES\n#define XENSTAGE_TYPES\n" + _STDINT + "#endif\n")
            known = files.memo.setdefault("laid out", {})
            kept = _read(place, sorted(headers), "", _TOOLS, headers, known)
            kept["closed"] = {}
            for reader, defines in (readers or {}).items() if also else ():
                more = _read(place, also, f" {reader}", defines, headers, known)
                kept["items"].update(more["items"])
                kept["closed"].update(more["broken"])
        finally:
            shutil.rmtree(place, ignore_errors=True)
        cache.put("interfaces", key, kept)
    return Interface(kept["items"], kept["broken"], kept["closed"])


def _read(
    place: Path, names: list[str], reader: str, defines: str, headers: Mapping[str, bytes], known: dict[Any, Any]
) -> dict[str, Any]:
    items: Items = {}
    broken: dict[str, str] = {}
    for target, foreign in TARGETS.items():
        if foreign == "arch-x86" and not (place / "arch-arm.h").exists() and not (place / "arch-arm").exists():
            continue  # a tree without the architecture has no interface there
        for name in names:
            inside = any(re.fullmatch(pattern, name) for pattern in _INSIDE.values())
            if name in _LEFT_OUT or foreign in name or inside:
                continue
            key = (_seen_by(name, headers), target, defines)
            if key not in known:  # the same few headers change from patch to patch
                try:
                    known[key] = _header(place, name, target, defines)
                except _Broken as e:
                    known[key] = str(e)
            found = known[key]
            if isinstance(found, str):
                broken[f"{name}\t{target}{reader}"] = found
                continue
            items.update({f"{name}\t{target}{reader}\t{k}": v for k, v in found.items()})
    return {"items": items, "broken": broken}


def _seen_by(name: str, headers: Mapping[str, bytes]) -> str:
    """The content of a header and of all that it may include, with what every header is given."""
    pending, seen = [name, "xen-compat.h", "xen.h", "event_channel.h"], set[str]()
    while pending:
        at = pending.pop()
        if at in seen or at not in headers:
            continue
        seen.add(at)
        if len(re.findall(rb"#[ \t]*(?:include|import)", headers[at])) > len(_INCLUDED.findall(headers[at])):
            return digest(name, *(x for n in sorted(headers) for x in (n, headers[n])))  # a macro says what
        for m in _INCLUDED.finditer(headers[at]):
            said = m.group(1).decode("latin-1")
            pending += [said, posixpath.normpath(posixpath.join(posixpath.dirname(at), said))]
    return digest(name, *(x for n in sorted(seen) for x in (n, headers[n])))


def whole_of(name: str) -> str:
    """The header of which another one is a part; itself for most."""
    return next((whole for whole, pattern in _INSIDE.items() if re.fullmatch(pattern, name)), name)


class _Broken(Exception):
    pass


def _parse(place: Path, text: str, target: str) -> Any:
    options = cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD
    args = [f"--target={target}", "-x", "c", "-std=gnu99", "-nostdinc", f"-I{place}", "-w", "-ferror-limit=0"]
    unit = str(place / "xenstage-unit.c")
    return cindex.Index.create().parse(unit, args, unsaved_files=[(unit, text)], options=options)


def _header(place: Path, name: str, target: str, defines: str) -> Items:
    text = defines + _TYPES + f'#include "{name}"\n'
    tu = _parse(place, text, target)
    bad = [d for d in tu.diagnostics if d.severity >= cindex.Diagnostic.Error]
    if bad:
        raise _Broken(str(bad[0]).replace(f"{place}/", "")[:200])
    own = str(place / name)
    mine = {own, *_parts(place, name)}
    out: Items = {}
    macros: dict[str, str] = {}
    for cursor in tu.cursor.get_children():
        where = cursor.location.file
        # A header that is included by "../" keeps that in its name.
        if where is None or os.path.normpath(where.name) not in mine:
            continue
        if cursor.kind == cindex.CursorKind.MACRO_DEFINITION:
            words = [t.spelling for t in cursor.get_tokens()]
            if _takes_arguments(cursor):
                out[f"call\t{cursor.spelling}"] = _call(words)
            elif len(words) > 1:
                macros[cursor.spelling] = " ".join(words[1:])
            continue
        out.update(_declaration(cursor))
    out.update(_values(place, text, target, macros))
    return out


def _call(words: list[str]) -> str:
    """The body of a macro with arguments, these by number."""
    close = words.index(")")
    names = {w: f"${i}" for i, w in enumerate(w for w in words[2:close] if w != ",")}
    return f"({len(names)}) " + " ".join(names.get(w, w) for w in words[close + 1 :])


def _parts(place: Path, name: str) -> list[str]:
    """Headers that count as a part of another one."""
    pattern = _INSIDE.get(name)
    if pattern is None:
        return []
    return [str(p) for p in place.rglob("*.h") if re.fullmatch(pattern, p.relative_to(place).as_posix())]


def _takes_arguments(cursor: Any) -> bool:
    first = list(cursor.get_tokens())[:2]
    return len(first) == 2 and first[1].spelling == "(" and first[0].extent.end.offset == first[1].extent.start.offset


def _declaration(cursor: Any) -> Items:
    kinds = cindex.CursorKind
    out: Items = {}
    if cursor.kind in (kinds.STRUCT_DECL, kinds.UNION_DECL) and cursor.is_definition():
        out.update(_record(cursor.type, _name(cursor)))
    elif cursor.kind == kinds.ENUM_DECL:
        out.update({f"enum\t{c.spelling}": str(c.enum_value) for c in cursor.get_children()})
    elif cursor.kind == kinds.TYPEDEF_DECL:
        under = cursor.underlying_typedef_type.get_canonical()
        record = under.get_declaration()
        if record.kind in (kinds.STRUCT_DECL, kinds.UNION_DECL) and (record.is_anonymous() or not record.spelling):
            out.update(_record(under, cursor.spelling))
        else:
            out[f"struct\t{cursor.spelling}"] = f"{under.get_size()} bytes"
    return out


def _name(cursor: Any) -> str:
    return re.sub(r"\(.*", "(unnamed)", cursor.spelling or "(unnamed)")


def _record(kind: Any, name: str) -> Items:
    out: Items = {f"struct\t{name}": f"{kind.get_size()} bytes, aligned to {kind.get_align()}"}
    for path, bits, spelling in _fields(kind, "", 0):
        out[f"field\t{name}.{path}"] = f"bit {bits}, {spelling}"
    return out


def _fields(kind: Any, path: str, base: int) -> Iterator[tuple[str, int, str]]:
    for field in kind.get_canonical().get_fields():
        at = base + field.get_field_offsetof()
        inner = field.type.get_canonical()
        record = inner.get_declaration()
        anonymous = record.kind in (cindex.CursorKind.STRUCT_DECL, cindex.CursorKind.UNION_DECL) and (
            record.is_anonymous() or "(unnamed" in inner.spelling or "(anonymous" in inner.spelling
        )
        if anonymous:
            named = field.spelling if field.spelling.isidentifier() else ""
            yield from _fields(inner, f"{path}{named}." if named else path, at)
        else:
            width = f":{field.get_bitfield_width()}" if field.is_bitfield() else ""
            spelling = re.sub(r"\((?:anonymous|unnamed)[^)]*\)", "(unnamed)", inner.spelling)
            yield f"{path}{field.spelling}", at, f"{spelling}{width} of {inner.get_size()} bytes"


def _values(place: Path, text: str, target: str, macros: Mapping[str, str]) -> Items:
    """Macros by value, or by their text where they are no constant."""
    names = sorted(macros)
    first = text.count("\n") + 1
    probe = text + "".join(f"enum xenstage_{i} {{ xenstage_v{i} = ({n}) }};\n" for i, n in enumerate(names))
    tu = _parse(place, probe, target)
    wrong = {d.location.line - first for d in tu.diagnostics if d.severity >= cindex.Diagnostic.Error}
    values: dict[str, int] = {}
    for cursor in tu.cursor.get_children():
        if cursor.kind == cindex.CursorKind.ENUM_DECL and cursor.spelling.startswith("xenstage_"):
            i = int(cursor.spelling.removeprefix("xenstage_"))
            if i not in wrong:
                values[names[i]] = next(c.enum_value for c in cursor.get_children())
    return {f"macro\t{n}": str(values[n]) if n in values else f"text {macros[n]}" for n in names}
