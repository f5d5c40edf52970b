"""Calls of libclang that its Python bindings lack or make slow, and whether it can be loaded."""

from __future__ import annotations

import ctypes
import functools
import importlib.metadata
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clang import cindex

from ..errors import Exit, XenstageError

DEFINITION, EXPANSION = 501, 502  # CXCursor_MacroDefinition, CXCursor_MacroExpansion
FUNCTION, ENUM = cindex.CursorKind.FUNCTION_DECL.value, cindex.CursorKind.ENUM_DECL.value
EXPRESSIONS = frozenset(k.value for k in cindex.CursorKind.get_all_kinds() if 100 <= k.value < 200)

_CONTINUE = 1  # CXChildVisit_Continue, CXVisit_Continue
_CHILD = ctypes.CFUNCTYPE(ctypes.c_int, cindex.Cursor, cindex.Cursor, ctypes.c_void_p)
_RANGE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, cindex.Cursor, cindex.SourceRange)
_INCLUSION = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.POINTER(cindex.SourceLocation), ctypes.c_uint, ctypes.c_void_p
)


class _RangeVisitor(ctypes.Structure):
    """CXCursorAndRangeVisitor."""

    _fields_ = [("context", ctypes.c_void_p), ("visit", _RANGE)]


class _RangeList(ctypes.Structure):
    """CXSourceRangeList."""

    _fields_ = [("count", ctypes.c_uint), ("ranges", ctypes.POINTER(cindex.SourceRange))]


class _Calls:
    """Bound at the first use: a library that cannot be loaded is an error of the verb that
    needs it, not of the program's start."""

    @functools.cached_property
    def _library(self) -> Any:
        # An object of our own: the bindings' has other argument types for some calls.
        return ctypes.CDLL(cindex.conf.lib._name)

    def _bind(self, name: str, arguments: list[Any], result: Any) -> Any:
        function = getattr(self._library, name)
        function.argtypes, function.restype = arguments, result
        return function

    @functools.cached_property
    def location(self) -> Any:
        number = ctypes.POINTER(ctypes.c_uint)
        arguments = [cindex.SourceLocation, ctypes.POINTER(ctypes.c_void_p), number, number, number]
        return self._bind("clang_getFileLocation", arguments, None)

    @functools.cached_property
    def of_cursor(self) -> Any:
        return self._bind("clang_getCursorLocation", [cindex.Cursor], cindex.SourceLocation)

    @functools.cached_property
    def visit(self) -> Any:
        return self._bind("clang_visitChildren", [cindex.Cursor, _CHILD, ctypes.c_void_p], ctypes.c_uint)

    @functools.cached_property
    def references(self) -> Any:
        arguments = [cindex.Cursor, cindex.c_object_p, _RangeVisitor]
        return self._bind("clang_findReferencesInFile", arguments, ctypes.c_int)

    @functools.cached_property
    def inclusions(self) -> Any:
        arguments = [cindex.TranslationUnit, _INCLUSION, ctypes.c_void_p]
        return self._bind("clang_getInclusions", arguments, None)

    @functools.cached_property
    def skipped(self) -> tuple[Any, Any]:
        result = ctypes.POINTER(_RangeList)
        get = self._bind("clang_getSkippedRanges", [cindex.TranslationUnit, cindex.File], result)
        return get, self._bind("clang_disposeSourceRangeList", [result], None)


_CALLS = _Calls()
_FILE, _OFFSET = ctypes.c_void_p(), ctypes.c_uint()
_FILE_REF, _OFFSET_REF = ctypes.byref(_FILE), ctypes.byref(_OFFSET)


def file_offset(location: Any) -> tuple[int, int]:
    """clang_getFileLocation: the file's handle and the offset at which a location,
    which may lie in a macro's expansion, stands in a file."""
    _CALLS.location(location, _FILE_REF, None, None, _OFFSET_REF)
    return _FILE.value or 0, _OFFSET.value


def place_of(cursor: Any) -> tuple[int, int]:
    """:func:`file_offset` of a cursor."""
    return file_offset(_CALLS.of_cursor(cursor))


def top_level(tu: cindex.TranslationUnit, wanted: Callable[[int], bool]) -> list[Any]:
    """A unit's cursors of the kinds that are wanted: ``get_children`` without what nobody asks
    for, since there are some 17,000 and each costs more than it tells.

    :param wanted: asked with the kind's number.
    """
    out: list[Any] = []

    def visit(child: Any, parent: Any, data: Any) -> int:
        if wanted(child._kind_id):
            child._tu = tu
            out.append(child)
        return _CONTINUE

    _CALLS.visit(tu.cursor, _CHILD(visit), None)
    return out


def expansions(tu: cindex.TranslationUnit, macro: Any, handle: Any) -> list[Any]:
    """Cursors of the expansions of a macro that stand in a file (clang_findReferencesInFile).

    :param macro: a cursor of its definition or of any expansion; the name counts.
    :param handle: the file; of one that is entered more than once, its first reading.
    """
    out: list[Any] = []

    def visit(context: Any, cursor: Any, where: Any) -> int:
        if cursor._kind_id == EXPANSION:
            cursor._tu = tu
            out.append(cursor)
        return _CONTINUE

    _CALLS.references(macro, handle, _RangeVisitor(None, _RANGE(visit)))
    return out


def inclusions(tu: cindex.TranslationUnit) -> list[int]:
    """Handles of the files that a unit enters, as often as it does (clang_getInclusions)."""
    out: list[int] = []

    def visit(file: Any, stack: Any, depth: Any, data: Any) -> None:
        out.append(file)

    _CALLS.inclusions(tu, _INCLUSION(visit), None)
    return out


def name_of_file(handle: int) -> str:
    """The name that clang has for a file; "" where it has none."""
    return cindex.File(ctypes.cast(handle, cindex.c_object_p)).name or ""


def skipped_ranges(tu: cindex.TranslationUnit, handle: Any) -> list[tuple[int, int]]:
    """Byte ranges that the preprocessor skipped in a file (clang_getSkippedRanges)."""
    get, free = _CALLS.skipped
    ranges = get(tu, handle)
    if not ranges:
        return []
    try:
        value = ranges.contents
        return [(value.ranges[i].start.offset, value.ranges[i].end.offset) for i in range(value.count)]
    finally:
        free(ranges)


def cursor_at(tu: cindex.TranslationUnit, handle: Any, offset: int) -> Any:
    """The innermost cursor at a byte of a file (clang_getCursor), or None."""
    return cindex.Cursor.from_location(tu, cindex.SourceLocation.from_offset(tu, handle, offset))


def word_at(tu: cindex.TranslationUnit, handle: Any, offset: int) -> str:
    """The text of the token at a byte of a file."""
    start = cindex.SourceLocation.from_offset(tu, handle, offset)
    end = cindex.SourceLocation.from_offset(tu, handle, offset + 1)
    return next((str(t.spelling) for t in tu.get_tokens(extent=cindex.SourceRange.from_locations(start, end))), "")


def check_libclang() -> None:
    """Whether libclang can be loaded.

    :raises XenstageError: (TOOLS) it is absent or damaged.
    """
    try:
        _check_whole(Path(cindex.conf.get_filename()))
        cindex.Index.create()
    except (cindex.LibclangError, OSError) as e:
        version = importlib.metadata.version("libclang")
        raise XenstageError(
            Exit.TOOLS,
            "libclang cannot be loaded",
            why=str(e),
            remedy=f"{sys.executable} -m pip install --force-reinstall libclang=={version}",
        ) from e


def _check_whole(library: Path) -> None:
    """A library whose file ends early would end the process with SIGBUS: look at its ELF header first.

    :raises OSError: when the table of sections, which linkers put last, is not there.
    """
    if not library.is_absolute():
        return  # the system's linker finds it, or says that it does not
    with library.open("rb") as f:
        head = f.read(64)
        size = os.fstat(f.fileno()).st_size
    if head[:5] == b"\x7fELF\2" and len(head) == 64:  # 64 bits: e_shoff, e_shentsize, e_shnum
        (offset,), (width, count) = struct.unpack_from("<Q", head, 40), struct.unpack_from("<HH", head, 58)
        if offset + width * count <= size:
            return
    if sys.platform.startswith("linux") and sys.byteorder == "little" and sys.maxsize > 2**32:
        raise OSError(f"{library} is not whole ({size} bytes)")
