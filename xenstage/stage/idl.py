"""entries: the fields of a type in one of the toolstack's .idl files, read by libcst."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst
from libcst import metadata


@dataclass(frozen=True)
class Entry:
    """One ``("name", type)`` of a struct, union or enumeration, by byte offsets."""

    name: str
    start: int
    end: int


def entries(data: bytes, type_name: str) -> list[Entry] | None:
    """The entries of a type, in order; None where it is not defined once.

    :raises ValueError: when the file is no Python.
    """
    try:
        wrapper = metadata.MetadataWrapper(cst.parse_module(data))
    except cst.ParserSyntaxError as e:
        raise ValueError(f"as Python: {e}") from e
    spans = wrapper.resolve(metadata.ByteSpanPositionProvider)
    out: list[Entry] = []
    calls = [c for c in _calls(wrapper.module) if c.args and _string(c.args[0].value) == type_name]
    if len(calls) != 1:
        return None
    for arg in calls[0].args[1:]:
        if not isinstance(arg.value, cst.List):
            continue
        for element in arg.value.elements:
            value = element.value
            if isinstance(value, cst.Tuple) and value.lpar and value.elements:
                names = [_string(e.value) for e in value.elements]
                name = next((n for n in names if n is not None), "")
                span = spans[value]  # libcst has the brackets outside
                start, end = data.rindex(b"(", 0, span.start), data.index(b")", span.start + span.length)
                out.append(Entry(name, start, end + 1))
    return out


def _calls(module: cst.Module) -> list[cst.Call]:
    found: list[cst.Call] = []

    class Visitor(cst.CSTVisitor):
        def visit_Call(self, node: cst.Call) -> None:
            found.append(node)

    module.visit(Visitor())
    return found


def _string(node: cst.BaseExpression) -> str | None:
    if not isinstance(node, cst.SimpleString):
        return None
    value = node.evaluated_value
    return value if isinstance(value, str) else None
