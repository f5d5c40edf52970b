"""Interfaces: the toolstack's .idl files, which are Python."""

from __future__ import annotations

from .base import Base, Region


class Interfaces(Base):
    """What a view offers of .idl files."""

    def idl_field(self, path: str, type_name: str, field: str) -> Region:
        """A field's tuple in ``Struct("type", [ … ])`` (Enumeration and KeyedUnion too), without its comma.

        :raises XenstageError: (SITE) for a file that is no Python, a type or field that is
            not there once.
        """
        from .idl import entries  # libcst takes a sixth of a second to load

        data = self.read(self.whole_file(path).path)
        try:
            listed = entries(data, type_name)
        except ValueError as e:
            raise self.unknown(f"{path} cannot be read", str(e)) from e
        if listed is None:
            raise self.unknown(f"{type_name} is not defined once", path)
        found = [e for e in listed if e.name == field]
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
