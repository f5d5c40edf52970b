"""What libclang's reading of one translation unit says about the sweep's hits.

Runs in worker processes.  A job and its answer are plain values; the answer is kept
by the content of every file that the unit includes, so that nothing is parsed twice
and nothing stale is believed.

Three things are read: the preprocessing record (which expansions clang saw in the
files themselves), clang's tokens of macro definitions and of macro arguments, and
the cursor at each hit and at its argument (kinds and types).
"""

from __future__ import annotations

import bisect
import functools
import os
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from clang import cindex

from . import libclang
from .libclang import DEFINITION, EXPANSION, cursor_at, file_offset, place_of
from .parse import Ask, Job, errors_of, harmless, parse


def answer(job: Job) -> dict[str, Any]:
    """Parse a unit and answer a job.

    The answer is a JSON value: ``files`` (in-tree files that the unit includes),
    ``seen`` (path → list of [offset, layers, type]), ``defined`` (name → list of
    [path, start, end, kind]), ``strange`` (expansions that the sweep has no hit for),
    ``passed`` (class of :data:`xenstage.index.parse.HARMLESS` → how often).
    """
    tu = parse(job.root, job.unit, job.target, job.question.laid_over)
    paths = _Paths(f"{job.root}/")
    entered = [p for p in map(paths.of_handle, libclang.inclusions(tu)) if p is not None]
    files = sorted({*entered, job.unit.source})
    asks = {p: a for p, a in job.question.asks.items() if p in set(files)}
    record = _Record(tu, job, asks, paths, entered)
    seen: dict[str, list[list[Any]]] = {}
    # Twice: an argument like ``current`` in a macro's body has the type found in code.
    for _ in range(2):
        for path, wanted in asks.items():
            seen[path] = [[ask.offset, *_look(path, ask, record)] for ask in wanted]
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
        self._handles: dict[int, str | None] = {0: None}

    def of_handle(self, handle: int) -> str | None:
        """The path of a file by clang's handle; several handles may be one file."""
        if handle not in self._handles:
            real = _real(libclang.name_of_file(handle))
            self._handles[handle] = real[len(self._prefix) :] if real.startswith(self._prefix) else None
        return self._handles[handle]


_SPLICE = re.compile(rb"\\[ \t]*\r?\n(?=\w)")
_ODD = re.compile(rb"\?\?/|\\[uU][0-9a-fA-F]")


class _Record:
    """What clang's preprocessing record and top-level declarations say.

    Asking clang for each name and each place costs a tenth of looking at all that a unit
    has.  That is done only where the questions might miss something: see :meth:`_enough`.

    :param asks: the job's, of files that the unit enters.
    :param entered: files in the order in which the unit enters them, again at each time.
    """

    def __init__(
        self,
        tu: cindex.TranslationUnit,
        job: Job,
        asks: Mapping[str, tuple[Ask, ...]],
        paths: _Paths,
        entered: list[str],
    ) -> None:
        self.tu = tu
        self.expanded: set[tuple[str, int]] = set()
        self.tokens: set[tuple[str, int]] = set()
        self.defined: dict[str, list[list[Any]]] = {}
        self.strange: list[list[Any]] = []
        self.macro_types: dict[str, str] = {}
        self._uses: dict[str, Any] = {}  # macro → an expansion of it in a file of interest
        self._cursors: dict[tuple[str, int], Any] = {}
        self._read: set[tuple[str, int]] = set()
        self._job, self._asks, self._paths = job, asks, paths
        self._interest = list(
            dict.fromkeys(p for p in (*entered, job.unit.source) if p in asks or p == job.unit.source)
        )
        self._handles = {p: cindex.File.from_name(tu, f"{job.root}/{p}") for p in self._interest}
        self._skipped = {p: libclang.skipped_ranges(tu, self._handles[p]) for p in asks}
        self._offsets = {p: sorted(a.offset for a in wanted) for p, wanted in asks.items()}
        self._names = {a.name for wanted in asks.values() for a in wanted}
        self._whole = self._again(entered) or self._odd() or not self._enough()
        if self._whole:
            self._look_at_all()
        if job.question.define:
            self._look_for_definitions()

    # Places --------------------------------------------------------------

    def path_of(self, handle: int) -> str | None:
        """The path of a file of interest that clang names, or None."""
        path = self._paths.of_handle(handle)
        return path if path in self._handles else None

    def cursor(self, path: str, offset: int) -> Any:
        """The innermost cursor at a byte of a file of interest, or None."""
        where = (path, offset)
        if where not in self._cursors:
            self._cursors[where] = cursor_at(self.tu, self._handles[path], offset)
        return self._cursors[where]

    def skips(self, path: str, offset: int) -> bool:
        """Whether the preprocessor skipped a byte of a file."""
        return any(start <= offset < end for start, end in self._skipped[path])

    def read_tokens(self, c: Any, path: str, start: int) -> None:
        """Clang's tokens of a macro's expansion or definition whose name stands at an offset."""
        if (path, start) in self._read:
            return
        self._read.add((path, start))
        for token in self.tu.get_tokens(extent=c.extent):
            where = token.extent.start.offset
            if where > start and token.spelling in self._names:
                self.tokens.add((path, where))

    # By questions ---------------------------------------------------------

    def _again(self, entered: list[str]) -> bool:
        """Whether a file of interest is read more than once, with something left to read: clang
        tells of places in the first reading only."""
        times = Counter(p for p in entered if p in self._handles)
        return any(n > 1 and not _guarded(self._bytes(p)) for p, n in times.items())

    def _odd(self) -> bool:
        """Whether an identifier may be written so that the sweep does not find it: with a line's
        end inside, as a trigraph or with a universal character name (C99 5.1.1.2, 6.4.3)."""
        return any(_odd_in(self._bytes(p)) for p in self._interest)

    def _bytes(self, path: str) -> bytes:
        over = self._job.question.laid_over
        return over[path] if path in over else (self._job.root / path).read_bytes()

    def _enough(self) -> bool:
        """Ask for the expansions of each name; False where clang names no macro and no declaration
        at any use of one: it may be a macro that stands in other macros' arguments only."""
        macros: dict[str, Any] = {}
        plain, open_ends = set[str](), set[str]()
        for path, ask in self._live():
            c = self.cursor(path, ask.offset)
            named = c is not None and spelled(c) == ask.name
            if named and c._kind_id in (DEFINITION, EXPANSION):
                macros.setdefault(ask.name, c)
            elif ask.macro is None:
                (plain if named else open_ends).add(ask.name)
        if open_ends - macros.keys() - plain:
            return False
        for path, wanted in self._asks.items():
            offsets = {a.offset for a in wanted}
            for name in sorted({a.name for a in wanted} & macros.keys()):
                for c in libclang.expansions(self.tu, macros[name], self._handles[path]):
                    self._expanded(path, place_of(c)[1], name, offsets)
            for offset, name in self._job.question.others.get(path, ()):
                c = self.cursor(path, offset)
                if c is not None and c._kind_id == EXPANSION and c.spelling == name and place_of(c)[1] == offset:
                    self.strange.append([path, offset, name])
        for path, ask in self._live():
            for start in ask.around:
                c = self.cursor(path, start)
                if c is not None and c._kind_id == EXPANSION and start < ask.offset < c.extent.end.offset:
                    self.read_tokens(c, path, start)
        return True

    def _live(self) -> list[tuple[str, Ask]]:
        return [(p, a) for p, wanted in self._asks.items() for a in wanted if not self.skips(p, a.offset)]

    def _expanded(self, path: str, start: int, name: str, offsets: set[int]) -> None:
        if start in offsets:
            self.expanded.add((path, start))
        else:
            self.strange.append([path, start, name])

    def use_of(self, macro: str, path: str, definition: int | None) -> Any:
        """An expansion of a macro in a file of interest, or None.

        :param definition: offset of the macro's name in its definition in the file ``path``.
        """
        if not self._whole and macro not in self._uses and definition is not None:
            c = self.cursor(path, definition)
            if c is not None and c._kind_id == DEFINITION:
                found = (libclang.expansions(self.tu, c, self._handles[p]) for p in self._interest)
                self._uses[macro] = next((rows[0] for rows in found if rows), None)
        return self._uses.get(macro)

    # By looking at all ----------------------------------------------------

    def _look_at_all(self) -> None:
        self.expanded, self.tokens, self.strange, self._read = set(), set(), [], set()
        holders = {a.parameter[0] for wanted in self._asks.values() for a in wanted if a.parameter}
        for c in libclang.top_level(self.tu, lambda kind: kind == EXPANSION):
            file, start = place_of(c)
            path = self._paths.of_handle(file)
            if path is not None and path in self._handles:
                self._expansion(c, path, start, holders)

    def _expansion(self, c: Any, path: str, start: int, holders: set[str]) -> None:
        """One macro expansion written in a file of interest."""
        name = c.spelling
        offsets = self._offsets.get(path, [])
        if name in holders:
            self._uses.setdefault(name, c)
        at = bisect.bisect_left(offsets, start)
        if name in self._names:
            self._expanded(path, start, name, set(offsets[at : at + 1]))
        at = bisect.bisect_right(offsets, start)
        if at < len(offsets) and offsets[at] < c.extent.end.offset:
            self.read_tokens(c, path, start)

    def _look_for_definitions(self) -> None:
        """Put down the definitions of the names that are wanted, of macros those in files of interest."""
        define, macros = set(self._job.question.define), self._job.question.macros
        for c in libclang.top_level(self.tu, lambda kind: kind != EXPANSION and (macros or kind != DEFINITION)):
            if c.spelling not in define:
                continue
            if c._kind_id == DEFINITION:
                if self._paths.of_handle(place_of(c)[0]) in self._handles:
                    self._define(c)
            elif c.is_definition() or c._kind_id == libclang.ENUM:
                self._define(c)

    def _define(self, c: Any) -> None:
        start, end = c.extent.start, c.extent.end
        path = self._paths.of_handle(file_offset(start)[0])
        if path:
            row = [path, start.offset, end.offset, c.kind.name]
            rows = self.defined.setdefault(c.spelling, [])
            if row not in rows:
                rows.append(row)

    # Types ----------------------------------------------------------------

    def type_of_macro(self, path: str, offset: int, *, in_code: bool) -> str:
        """The type of what an object-like macro stands for at a place in a function.

        Clang has no cursor for it; the first expression that comes from there does.

        :param in_code: the place is in no macro's body: there the type found in code is taken.
        """
        word = libclang.word_at(self.tu, self._handles[path], offset)
        function = self._function(path, offset) if in_code else None
        if function is not None:
            where = (place_of(function)[0], offset)
            node = _expression_at(function, where, prune=True) or _expression_at(function, where, prune=False)
            if node is not None:
                self.macro_types[word] = str(node.type.spelling)
                return self.macro_types[word]
        return self.macro_types.get(word, "")

    def _function(self, path: str, offset: int) -> Any:
        """The function in whose definition a byte of a file lies, or None."""
        names = self._job.question.functions.get(path, ())
        at = bisect.bisect_right(names, offset) - 1
        c = self.cursor(path, names[at]) if at >= 0 else None
        if c is not None and c._kind_id == libclang.FUNCTION and offset < c.extent.end.offset:
            return c
        for function, start in reversed(self._functions.get(path, ())):
            if start <= offset < function.extent.end.offset:
                return function
        return None

    @functools.cached_property
    def _functions(self) -> dict[str | None, list[tuple[Any, int]]]:
        """By path, the unit's functions and the offsets of their names: for one that a macro makes."""
        out: dict[str | None, list[tuple[Any, int]]] = {}
        for function in libclang.top_level(self.tu, lambda kind: kind == libclang.FUNCTION):
            file, start = place_of(function)
            out.setdefault(self._paths.of_handle(file), []).append((function, start))
        return out


_CONDITIONAL = re.compile(rb"^[ \t]*#[ \t]*(ifndef|ifdef|if|define|endif)\b[ \t]*(\w*)", re.M)


def _guarded(data: bytes) -> bool:
    """Whether all directives of a file stand in one ``#ifndef`` of what it defines first."""
    found = [(m[1], m[2]) for m in _CONDITIONAL.finditer(data)]
    if len(found) < 3 or (found[0][0], found[1][0]) != (b"ifndef", b"define") or found[0][1] != found[1][1]:
        return False
    depth = 0
    for i, (word, _) in enumerate(found):
        depth += {b"endif": -1, b"define": 0}.get(word, 1)
        if depth <= 0:
            return i == len(found) - 1
    return False


def _odd_in(data: bytes) -> bool:
    inside = (data[m.start() - 1 : m.start()] for m in _SPLICE.finditer(data))
    return any(b.isalnum() or b == b"_" for b in inside) or _ODD.search(data) is not None


def spelled(c: Any) -> str:
    """A cursor's name without what clang puts before a tag."""
    return str(c.spelling).removeprefix("struct ").removeprefix("enum ")


def _expression_at(node: Any, where: tuple[int, int], *, prune: bool) -> Any:
    """The first expression in a tree, outer ones first, whose location is at a place; or None.

    :param prune: do not look into statements that end before the place or begin after it; what a
        macro makes has the place of the macro's name and tells nothing.
    """
    file, offset = where
    for child in node.get_children():
        if child._kind_id in libclang.EXPRESSIONS and place_of(child) == where:
            return child
        if prune and child._kind_id not in libclang.EXPRESSIONS:
            first, last = file_offset(child.extent.start), file_offset(child.extent.end)
            if first[0] == last[0] == file and first != last and not first[1] <= offset <= last[1]:
                continue
        found = _expression_at(child, where, prune=prune)
        if found is not None:
            return found
    return None


def _look(path: str, ask: Ask, record: _Record) -> tuple[list[str], str]:
    """Which layers see a hit, and the type of its argument."""
    if record.skips(path, ask.offset) and (path, ask.offset) not in record.expanded:
        return ["skipped"], ""  # in the first reading of a file; in a second one it may be expanded
    layers: list[str] = []
    cursor = record.cursor(path, ask.offset)
    if ask.macro is not None:
        around = record.cursor(path, ask.macro)
        if around is not None and around._kind_id == DEFINITION:
            record.read_tokens(around, path, ask.macro)
    if (path, ask.offset) in record.expanded:
        layers.append("record")
    if (path, ask.offset) in record.tokens:
        layers.append("tokens")
    if cursor is not None and spelled(cursor) == ask.name:
        if cursor._kind_id == DEFINITION:
            layers.append("definition")
        elif cursor._kind_id != EXPANSION:
            layers.append(f"ast {cursor.kind.name}")
    kind = ""
    if ask.parameter is not None:
        kind = _parameter_type(record, path, ask)
    elif ask.argument is not None:
        kind = _type_at(record, path, ask.argument, in_code=ask.macro is None)
    return layers, kind


def _type_at(record: _Record, path: str, offset: int, *, in_code: bool) -> str:
    """The type of the expression whose last token stands at an offset."""
    cursor = record.cursor(path, offset)
    if cursor is None:
        return ""
    if cursor._kind_id in (DEFINITION, EXPANSION):
        return record.type_of_macro(path, offset, in_code=in_code)
    return str(cursor.type.spelling)


def _parameter_type(record: _Record, path: str, ask: Ask) -> str:
    """The type that a macro's parameter gets at an expansion of the macro in this unit."""
    macro, wanted = ask.parameter or ("", 0)
    use = record.use_of(macro, path, ask.macro)
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
        elif depth >= 1 and index == wanted:
            last = token
    if last is None:
        return ""
    file, offset = file_offset(last.location)
    where = record.path_of(file)
    return _type_at(record, where, offset, in_code=True) if where else ""
