"""Interfaces: the toolstack's .idl files, which are Python, read by libcst."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst
from libcst import metadata

from .base import Base, Region


@dataclass(frozen=True)
class _Entry:
    """One ``("name", type)`` of a struct, union or enumeration, by byte offsets."""

    name: str
    start: int
    end: int


class Interfaces(Base):
    """What a view offers of .idl files."""

    def idl_field(self, path: str, type_name: str, field: str) -> Region:
        """A field's tuple in ``Struct("type", [ … ])`` (Enumeration and KeyedUnion too), without its comma.

        :raises XenstageError: (SITE) for a file that is no Python, a type or field that is
            not there once.
        """
        found = [e for e in self._entries(path, type_name) if e.name == field]
        if len(found) != 1:
            raise self.unknown(f"{type_name} has {len(found)} fields {field}", path)
        return self.region(path, found[0].start, found[0].end, f"field {field} of {type_name}", "idl field")

    def idl_insert_after(self, field: Region, text: str, *, rule: str, reason: str) -> None:
        """Put a tuple after a field of :meth:`idl_field`, on a line of its own."""
        rest = self.read(field.path)[field.end :]
        if not rest.startswith(b","):
            raise self.unknown(f"no comma behind {field.what}", self.where(field))
        pad = " " * (field.start - self.line_start(field.path, field.start))
        at = self.line_end(field.path, field.end)
        self.insert(field.path, at, f"\n{pad}{text.strip().rstrip(',')},", rule=rule, reason=reason)

    def _entries(self, path: str, type_name: str) -> list[_Entry]:
        data = self.read(self.whole_file(path).path)
        try:
            wrapper = metadata.MetadataWrapper(cst.parse_module(data))
        except cst.ParserSyntaxError as e:
            raise self.unknown(f"{path} cannot be read as Python", str(e)) from e
        spans = wrapper.resolve(metadata.ByteSpanPositionProvider)
        out: list[_Entry] = []
        calls = [c for c in _calls(wrapper.module) if c.args and _string(c.args[0].value) == type_name]
        if len(calls) != 1:
            raise self.unknown(f"{type_name} is defined {len(calls)} times", path)
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
                    out.append(_Entry(name, start, end + 1))
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
