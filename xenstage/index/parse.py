"""libclang's reading of one translation unit, asked about the sweep's hits.

Runs in worker processes.  A job and its answer are plain values; the answer is kept
by the content of every file that the unit includes, so that nothing is parsed twice
and nothing stale is believed.

Three things are read: the preprocessing record (which expansions clang saw in the
files themselves), clang's tokens of macro definitions and of macro arguments, and
the cursor at each hit and at its argument (kinds and types).
"""

from __future__ import annotations

import bisect
import ctypes
import functools
import importlib.metadata
import os
import re
import struct
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clang import cindex

from ..errors import Exit, XenstageError
from ..tree.prepare import Unit

_DEFINITION, _EXPANSION = 501, 502  # CXCursor_MacroDefinition, CXCursor_MacroExpansion
_OPTIONS = cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD
FORMAT = "10"  # of the answers; a change makes every cached one unread


@dataclass(frozen=True)
class Harmless:
    """A class of errors that says nothing about how the C is read.

    :param name: for people, in numbers that are printed.
    :param pattern: what clang says, whatever the names in it.
    :param reason: why the tree of declarations is whole all the same, and who decides instead.
    """

    name: str
    pattern: re.Pattern[str]
    reason: str


HARMLESS = (
    Harmless(
        "section type conflict",
        re.compile(r"'[^']*' causes a section type conflict with '[^']*'\Z"),
        "about the object file, not about C: the attribute is dropped after all was read (clang's Sema, "
        "UnifySection), and type, initialiser and uses stay; whether a compiler takes it, the builds say",
    ),
)
"""By what clang says, never by file: any other error, and these where one stands beside another, stop."""


def harmless(message: str) -> Harmless | None:
    """The class of an error that may be passed over, or None."""
    return next((h for h in HARMLESS if h.pattern.search(message)), None)


@dataclass(frozen=True)
class Ask:
    """One hit that a unit is asked about.

    :param argument: offset of the last token of the hit's argument, or None.
    :param parameter: where the argument is a parameter of the macro in whose body the
        hit stands: that macro and the parameter's index; else None.
    :param macro: where the hit stands in a macro's body: offset of the macro's name.
    """

    offset: int
    name: str
    argument: int | None
    parameter: tuple[str, int] | None
    macro: int | None = None


@dataclass(frozen=True)
class Job:
    """A unit, how to parse it, and what to ask.

    :param asks: path to the hits in that file.
    :param define: names whose definitions are wanted.
    :param overlay: edited files, path to bytes.
    :param removed: files of the checkout that are gone: who includes one stops.
    """

    root: Path
    unit: Unit
    target: str
    asks: Mapping[str, tuple[Ask, ...]]
    define: tuple[str, ...] = ()
    overlay: Mapping[str, bytes] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()

    @property
    def laid_over(self) -> dict[str, bytes]:
        """Every file that the parser is not to read from the checkout."""
        return {**self.overlay, **dict.fromkeys(sorted(self.removed), b"#error this file is gone\n")}


def flags(unit: Unit, target: str) -> list[str]:
    """The recorded arguments without those that only a driver or assembler wants."""
    out: list[str] = []
    skip = False
    for arg in unit.args:
        if skip:
            skip = False
        elif arg in ("-o", "-MF"):
            skip = True
        elif arg not in ("-c", "-MMD", "-Werror") and not arg.startswith("-Wa,") and not arg.endswith(".c"):
            out.append(arg)
    return [*out, f"--target={target}", "-ferror-limit=0", "-w", "-Qunused-arguments"]


def parse(root: Path, unit: Unit, target: str, overlay: Mapping[str, bytes]) -> cindex.TranslationUnit:
    """Parse one unit with edited files laid over the prepared tree.

    :raises XenstageError: (PARSE) for any diagnostic of severity error or worse that is not
        :data:`HARMLESS`, with the file, the message and the unit's flags.
    """
    previous = os.getcwd()
    os.chdir(root / unit.cwd)
    try:
        args = flags(unit, target)
        index = cindex.Index.create()
        tu = index.parse(str(root / unit.source), args, unsaved_files=_unsaved(root, overlay), options=_OPTIONS)
    except cindex.TranslationUnitLoadError as e:
        raise _parse_error(unit, args, str(e)) from e
    finally:
        os.chdir(previous)
    bad = [d for d in errors_of(tu) if d.severity > cindex.Diagnostic.Error or harmless(d.spelling) is None]
    if bad:
        shown = "\n".join(str(d).replace(f"{root}/", "") for d in bad[:5])
        raise _parse_error(unit, args, shown)
    return tu


def errors_of(tu: cindex.TranslationUnit) -> list[Any]:
    """The diagnostics of severity error or worse."""
    return [d for d in tu.diagnostics if d.severity >= cindex.Diagnostic.Error]


def _unsaved(root: Path, overlay: Mapping[str, bytes]) -> list[tuple[str, Any]]:
    return [(str(root / path), data) for path, data in overlay.items()]


def _parse_error(unit: Unit, args: list[str], what: str) -> XenstageError:
    return XenstageError(
        Exit.PARSE,
        f"the parser reports an error in {unit.source}",
        why=f"{what}\nflags: {' '.join(args)}",
        remedy="nothing was written; a file that does not parse cannot be rewritten. Correct it, or use another base",
    )


def answer(job: Job) -> dict[str, Any]:
    """Parse a unit and answer a job.

    The answer is a JSON value: ``files`` (in-tree files that the unit includes),
    ``seen`` (path → list of [offset, layers, type]), ``defined`` (name → list of
    [path, start, end, kind]), ``strange`` (expansions that the sweep has no hit for),
    ``passed`` (class of :data:`HARMLESS` → how often).
    """
    tu = parse(job.root, job.unit, job.target, job.laid_over)
    prefix = f"{job.root}/"
    paths = _Paths(prefix)
    files = sorted({p for p in (paths.of(i.include.name) for i in tu.get_includes()) if p} | {job.unit.source})
    asks = {p: a for p, a in job.asks.items() if p in set(files)}
    record = _Record(tu, asks, paths, job)
    seen: dict[str, list[list[Any]]] = {}
    # Twice: an argument like ``current`` in a macro's body has the type found in code.
    for _ in range(2):
        for path, wanted in asks.items():
            handle = cindex.File.from_name(tu, prefix + path)
            skipped = _skipped(tu, handle)
            seen[path] = [[ask.offset, *_look(handle, path, ask, record, skipped)] for ask in wanted]
        if not any(kind == "" for rows in seen.values() for _, _, kind in rows) or not record.macro_types:
            break
    passed = Counter(h.name for d in errors_of(tu) if (h := harmless(d.spelling)))
    return {
        "files": files,
        "seen": seen,
        "defined": record.defined,
        "strange": record.strange,
        "passed": dict(passed),
    }


@functools.cache
def _real(name: str) -> str:
    """Links do not change while a process looks at prepared trees: each is followed once."""
    return os.path.realpath(name)


class _Paths:
    """Real paths inside the tree: a header reached through a link counts once."""

    def __init__(self, prefix: str) -> None:
        self._prefix = os.path.realpath(prefix) + "/"
        self._known: dict[str, str | None] = {}
        self._handles: dict[int, str | None] = {0: None}

    def of_handle(self, handle: int) -> str | None:
        """The path of a file by clang's handle; several handles may be one file."""
        if handle not in self._handles:
            name = cindex.File(ctypes.cast(handle, cindex.c_object_p)).name
            self._handles[handle] = self.of(name) if name else None
        return self._handles[handle]

    def of(self, name: str) -> str | None:
        if name not in self._known:
            real = _real(name)
            self._known[name] = real[len(self._prefix) :] if real.startswith(self._prefix) else None
        return self._known[name]


class _Record:
    """What clang's preprocessing record and top-level declarations say."""

    def __init__(
        self, tu: cindex.TranslationUnit, asks: Mapping[str, tuple[Ask, ...]], paths: _Paths, job: Job
    ) -> None:
        self.tu = tu
        self.expanded: set[tuple[str, int]] = set()
        self.tokens: set[tuple[str, int]] = set()
        self.defined: dict[str, list[list[Any]]] = {}
        self.strange: list[list[Any]] = []
        self.uses: dict[str, Any] = {}  # macro → an expansion of it in a file of interest
        self.functions: list[Any] = []
        self.macro_types: dict[str, str] = {}
        self._read: set[tuple[str, int]] = set()
        self._paths = paths
        self._offsets = {p: sorted(a.offset for a in wanted) for p, wanted in asks.items()}
        self._names = {a.name for wanted in asks.values() for a in wanted}
        self._holders = {a.parameter[0] for wanted in asks.values() for a in wanted if a.parameter}
        interest = {*asks, job.unit.source}
        define = set(job.define)
        locate = cindex.conf.lib.clang_getCursorLocation  # what c.location asks, without keeping it
        for c in _top_level(tu, every=bool(define)):
            if c._kind_id == _EXPANSION:
                file, start = file_offset(locate(c))
                path = paths.of_handle(file)
                if path in interest and path is not None:
                    self._expansion(c, path, start)
            elif c._kind_id == _FUNCTION:
                self.functions.append(c)
            if define and c._kind_id != _EXPANSION and c.spelling in define:
                self._if_definition(c, interest)

    def path_of(self, handle: Any) -> str | None:
        """The path of a file that clang names."""
        return self._paths.of(handle.name)

    def _expansion(self, c: Any, path: str, start: int) -> None:
        """One macro expansion written in a file of interest."""
        name = c.spelling
        offsets = self._offsets.get(path, [])
        if name in self._holders:
            self.uses.setdefault(name, c)
        if name in self._names:
            if start in offsets:
                self.expanded.add((path, start))
            else:
                self.strange.append([path, start, name])
        at = bisect.bisect_right(offsets, start)
        if at < len(offsets) and offsets[at] < c.extent.end.offset:
            self.read_tokens(c, path, start)

    def read_tokens(self, c: Any, path: str, start: int) -> None:
        """Clang's tokens of a macro's expansion or definition whose name stands at an offset."""
        if (path, start) in self._read:
            return
        self._read.add((path, start))
        for token in self.tu.get_tokens(extent=c.extent):
            where = token.extent.start.offset
            if where > start and token.spelling in self._names:
                self.tokens.add((path, where))

    def _if_definition(self, c: Any, interest: set[str]) -> None:
        """Put down the definition of a name that is wanted, of a macro those in files of interest."""
        if c._kind_id == _DEFINITION:
            if self._paths.of_handle(file_offset(c.location)[0]) in interest:
                self._define(c)
        elif c.is_definition() or c._kind_id == _ENUM:
            self._define(c)

    def _define(self, c: Any) -> None:
        start, end = c.extent.start, c.extent.end
        path = self._paths.of(start.file.name) if start.file else None
        if path:
            row = [path, start.offset, end.offset, c.kind.name]
            rows = self.defined.setdefault(c.spelling, [])
            if row not in rows:
                rows.append(row)

    def type_of_macro(self, path: str, offset: int, word: str) -> str:
        """The type of what an object-like macro stands for at a place in a function.

        Clang has no cursor for it; the first expression that comes from there does.
        """
        for file, name, function in reversed(self._named.get(path, ())):
            if name > offset or offset >= function.extent.end.offset:
                continue
            for node in function.walk_preorder():
                if node._kind_id in _EXPRESSIONS and file_offset(node.location) == (file, offset):
                    self.macro_types[word] = str(node.type.spelling)
                    return self.macro_types[word]
        return self.macro_types.get(word, "")

    @functools.cached_property
    def _named(self) -> dict[str | None, list[tuple[int, int, Any]]]:
        """By path: the file's handle, the offset of the name, the cursor of each function."""
        locate = cindex.conf.lib.clang_getCursorLocation
        out: dict[str | None, list[tuple[int, int, Any]]] = {}
        for function in self.functions:
            file, start = file_offset(locate(function))
            out.setdefault(self._paths.of_handle(file), []).append((file, start, function))
        return out


_EXPRESSIONS = frozenset(k.value for k in cindex.CursorKind.get_all_kinds() if 100 <= k.value < 200)
_FUNCTION, _ENUM = cindex.CursorKind.FUNCTION_DECL.value, cindex.CursorKind.ENUM_DECL.value


_VISITOR = ctypes.CFUNCTYPE(ctypes.c_int, cindex.Cursor, cindex.Cursor, ctypes.c_void_p)


def _top_level(tu: cindex.TranslationUnit, *, every: bool) -> list[Any]:
    """Macro expansions and functions of a unit: ``get_children`` without what nobody
    asks for, since there are some 17,000 and each costs more than it tells.

    :param every: macro definitions and all declarations, too.
    """
    out: list[Any] = []
    wanted = (_EXPANSION, _FUNCTION)

    def visit(child: Any, parent: Any, data: Any) -> int:
        if every or child._kind_id in wanted:
            child._tu = tu
            out.append(child)
        return 1  # CXChildVisit_Continue

    _CALLS.visit(tu.cursor, _VISITOR(visit), None)
    return out


_FILE, _OFFSET = ctypes.c_void_p(), ctypes.c_uint()
_FILE_REF, _OFFSET_REF = ctypes.byref(_FILE), ctypes.byref(_OFFSET)


def file_offset(location: Any) -> tuple[int, int]:
    """clang_getFileLocation: the file's handle and the offset at which a location,
    which may lie in a macro's expansion, stands in a file."""
    _CALLS.location(location, _FILE_REF, None, None, _OFFSET_REF)
    return _FILE.value or 0, _OFFSET.value


class _Calls:
    """Calls of libclang that its bindings lack or make slow, bound at the first use: a library
    that cannot be loaded is an error of the verb that needs it, not of the program's start."""

    @functools.cached_property
    def location(self) -> Any:
        """clang_getFileLocation."""
        return _file_location()

    @functools.cached_property
    def visit(self) -> Any:
        """clang_visitChildren."""
        return _visit_children()

    @functools.cached_property
    def skipped(self) -> tuple[Any, Any]:
        """clang_getSkippedRanges and clang_disposeSourceRangeList."""
        return _skipped_ranges()


_CALLS = _Calls()


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


def _file_location() -> Any:
    # A library object of our own: the bindings' has other argument types for some calls.
    function = ctypes.CDLL(cindex.conf.lib._name).clang_getFileLocation
    pointer = ctypes.POINTER(ctypes.c_uint)
    function.argtypes = [cindex.SourceLocation, ctypes.POINTER(ctypes.c_void_p), pointer, pointer, pointer]
    function.restype = None
    return function


def _visit_children() -> Any:
    function = ctypes.CDLL(cindex.conf.lib._name).clang_visitChildren
    function.argtypes = [cindex.Cursor, _VISITOR, ctypes.c_void_p]
    function.restype = ctypes.c_uint
    return function


def _skipped_ranges() -> tuple[Any, Any]:
    class RangeList(ctypes.Structure):
        _fields_ = [("count", ctypes.c_uint), ("ranges", ctypes.POINTER(cindex.SourceRange))]

    lib = cindex.conf.lib
    lib.clang_getSkippedRanges.argtypes = [cindex.TranslationUnit, cindex.File]
    lib.clang_getSkippedRanges.restype = ctypes.POINTER(RangeList)
    lib.clang_disposeSourceRangeList.argtypes = [ctypes.POINTER(RangeList)]
    lib.clang_disposeSourceRangeList.restype = None
    return lib.clang_getSkippedRanges, lib.clang_disposeSourceRangeList


def _skipped(tu: cindex.TranslationUnit, handle: Any) -> list[tuple[int, int]]:
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


def _look(handle: Any, path: str, ask: Ask, record: _Record, skipped: list[tuple[int, int]]) -> tuple[list[str], str]:
    """Which layers see a hit, and the type of its argument."""
    if any(s <= ask.offset < e for s, e in skipped):
        return ["skipped"], ""
    layers: list[str] = []
    cursor = _cursor(record.tu, handle, ask.offset)
    if ask.macro is not None:
        around = _cursor(record.tu, handle, ask.macro)
        if around is not None and around._kind_id == _DEFINITION:
            record.read_tokens(around, path, ask.macro)
    if (path, ask.offset) in record.expanded:
        layers.append("record")
    if (path, ask.offset) in record.tokens:
        layers.append("tokens")
    if cursor is not None and cursor.spelling.removeprefix("struct ").removeprefix("enum ") == ask.name:
        if cursor._kind_id == _DEFINITION:
            layers.append("definition")
        elif cursor._kind_id != _EXPANSION:
            layers.append(f"ast {cursor.kind.name}")
    kind = ""
    if ask.parameter is not None:
        kind = _parameter_type(record, ask.parameter)
    elif ask.argument is not None:
        kind = _type_at(handle, path, ask.argument, record)
    return layers, kind


def _cursor(tu: cindex.TranslationUnit, handle: Any, offset: int) -> Any:
    return cindex.Cursor.from_location(tu, cindex.SourceLocation.from_offset(tu, handle, offset))


def _type_at(handle: Any, path: str, offset: int, record: _Record) -> str:
    """The type of the expression whose last token stands at an offset."""
    cursor = _cursor(record.tu, handle, offset)
    if cursor is None:
        return ""
    if cursor._kind_id in (_DEFINITION, _EXPANSION):
        return record.type_of_macro(path, offset, _word_at(record.tu, handle, offset))
    return str(cursor.type.spelling)


def _word_at(tu: cindex.TranslationUnit, handle: Any, offset: int) -> str:
    start = cindex.SourceLocation.from_offset(tu, handle, offset)
    end = cindex.SourceLocation.from_offset(tu, handle, offset + 1)
    return next((str(t.spelling) for t in tu.get_tokens(extent=cindex.SourceRange.from_locations(start, end))), "")


def _parameter_type(record: _Record, parameter: tuple[str, int]) -> str:
    """The type that a macro's parameter gets at an expansion of the macro in this unit."""
    use = record.uses.get(parameter[0])
    if use is None:
        return ""
    depth, index, last = 0, 0, None
    for token in use.get_tokens():
        text = token.spelling
        if text in ("(", "[", "{"):
            depth += 1
            if depth == 1:
                continue
        if text in (")", "]", "}"):
            depth -= 1
        if depth == 0 and last is not None:
            break
        if text == "," and depth == 1:
            index += 1
        elif depth >= 1 and index == parameter[1]:
            last = token
    if last is None:
        return ""
    path = record.path_of(last.location.file)
    return _type_at(last.location.file, path, last.location.offset, record) if path else ""
