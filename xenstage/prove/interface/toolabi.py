"""tools_findings: what libxl promises its callers, before and after a patch.

libxl's interface is stable: it may gain fields and functions, each announced by a
LIBXL_HAVE_ macro (tools/libxl/libxl.h); nothing may go or change.  libxc promises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import libcst

from ...ctext.entities import entities
from ...index.sweep import Files
from ..case import Case
from ..result import Finding

TOOL_HEADERS = re.compile(r"tools/libxl/libxl\w*\.(?:h|idl)\Z|tools/libxc/(?:include/)?xen(?:ctrl|guest)\.h\Z")
HEADER = "tools/libxl/libxl.h"
_ANNOUNCED = re.compile(rb"^[ \t]*#[ \t]*define[ \t]+(LIBXL_HAVE_\w+)", re.M)
_PRIVATE = ("libxl_internal.h", "libxl_osdeps.h", "libxl_arch.h")


def tools_findings(case: Case, paths: Sequence[str]) -> tuple[list[Finding], list[Finding]]:
    """What does not hold, and what is not understood."""
    findings: list[Finding] = []
    refused: list[Finding] = []
    fresh: list[str] = []
    for path in paths:
        if "tools/libxc/" in path or path.endswith(_PRIVATE):
            continue
        try:
            old, new = (_promises(files, path) for files in (case.before, case.after))
        except libcst.ParserSyntaxError as e:
            refused.append(Finding(path, f"is not read: {e}"))
            continue
        for name in sorted({*old, *new}):
            if name not in new:
                findings.append(Finding(path, f"{name} is gone; libxl's interface is stable"))
            elif name not in old:
                fresh.append(f"{path}: {name}")
            elif old[name] != new[name]:
                findings.append(Finding(path, f"{name} was {old[name]}, is {new[name]}; libxl's interface is stable"))
    announced = _announced(case.after) - _announced(case.before)
    if fresh and not announced:
        findings.append(Finding(HEADER, f"{fresh[0]} is new, and no LIBXL_HAVE_ macro announces it"))
    return findings, refused


def _announced(files: Files) -> set[bytes]:
    return set(_ANNOUNCED.findall(files.read(HEADER))) if HEADER in files.tracked else set()


def _promises(files: Files, path: str) -> dict[str, str]:
    if path not in files.tracked:
        return {}
    data = files.read(path)
    if path.endswith(".idl"):
        return _idl(data)
    kinds = ("prototype", "type", "function")
    found = [e for e in entities(data).values() if e.kind in kinds]
    return {f"{e.kind} {e.name}": " ".join(e.words) for e in found if not e.name.startswith("LIBXL_HAVE")}


def _idl(data: bytes) -> dict[str, str]:
    """Fields and values that calls of the types' constructors declare: "type.field" to its type."""
    reader = _Idl()
    libcst.parse_module(data).visit(reader)
    return reader.found


class _Idl(libcst.CSTVisitor):
    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def visit_Call(self, node: libcst.Call) -> bool:
        kind = node.func.value if isinstance(node.func, libcst.Name) else ""
        if kind not in ("Struct", "Enumeration", "KeyedUnion") or not node.args:
            return True
        named = [a.value for a in node.args if isinstance(a.value, libcst.SimpleString)]
        lists = [a.value for a in node.args if isinstance(a.value, libcst.List)]
        name = str(named[0].evaluated_value) if named else kind
        for rows in lists:
            for element in rows.elements:
                if isinstance(element.value, libcst.Tuple) and len(element.value.elements) >= 2:
                    first, second = (e.value for e in element.value.elements[:2])
                    key, value = (second, first) if kind == "Enumeration" else (first, second)
                    self.found[f"{name}.{_text(key)}"] = _text(value)
        return True


def _text(node: Any) -> str:
    if isinstance(node, libcst.SimpleString):
        return str(node.evaluated_value)
    if isinstance(node, libcst.Call):  # an inner type is visited by itself
        return _text(node.func)
    return " ".join(libcst.Module([]).code_for_node(node).split())
