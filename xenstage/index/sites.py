"""index_names: every use of some names, agreed upon by three readings of the tree.

The textual sweep finds the candidates and is the oracle.  Each candidate in C code
must also be seen by libclang (its preprocessing record, its tokens, or its tree) in
some configuration, or lie in a range that the preprocessor skipped in every
configuration that compiles the file.  Anything else is a disagreement and an error.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..cache import Cache, digest
from ..errors import Exit, XenstageError
from ..tree.prepare import Prepared
from .context import Place, Reader
from .parse import HARMLESS, Ask, Job, Question
from .plan import Plan
from .pool import Workers, answers
from .sweep import C_SUFFIXES, Files, Hit, sweep

_TEXT = Place("text", "", (), (0, 0), None, ())


@dataclass(frozen=True)
class Site:
    """One textual use of a name.

    :param path: the real file, relative to the tree's top.
    :param offset: byte offset of the name.
    :param line: 1-based, for people only.
    :param kind: as in :class:`xenstage.index.context.Place`; "text" outside C files.
    :param scope: the enclosing function or macro.
    :param role: what the use is in its expression, innermost first.
    :param holders: macros or functions in whose arguments it stands.
    :param call: byte range with the argument list.
    :param argument: the argument's text.
    :param type: the argument's type as clang has it, "" if nothing is called.
    :param subject: "vcpu", "domain", "?" by that type.
    :param live: configurations in which the use is compiled.
    :param layers: which of clang's readings saw it.
    :param unseen: why no configuration compiles it; "" otherwise.
    """

    name: str
    path: str
    offset: int
    line: int
    kind: str
    scope: str
    role: tuple[str, ...]
    holders: tuple[str, ...]
    call: tuple[int, int]
    argument: str
    type: str
    subject: str
    live: tuple[str, ...]
    layers: tuple[str, ...]
    unseen: str

    @property
    def is_test(self) -> bool:
        """A use in code or in a macro's body, as opposed to a definition or prose."""
        return self.kind in ("code", "macro body")

    def to_json(self) -> dict[str, Any]:
        """A value for :mod:`json`; :meth:`from_json` reads it."""
        return asdict(self)

    @staticmethod
    def from_json(value: dict[str, Any]) -> Site:
        """:raises KeyError, TypeError: the value is no site."""
        rows = {k: tuple(value[k]) for k in ("role", "holders", "call", "live", "layers")}
        return Site(**{**value, **rows})


@dataclass(frozen=True)
class Index:
    """All sites of some names, and how they were found.

    :param sites: sorted by path and offset.
    :param configs: names of the configurations that were parsed.
    :param units: number of translation units parsed or taken from the cache.
    :param defined: name → rows of [path, start, end, kind of declaration].
    :param passed: how often the parser reported an error that says nothing about how C is read,
        by class (:data:`xenstage.index.parse.HARMLESS`).
    :param asked: the names whose definitions were wanted: of others nothing is known.
    """

    sites: tuple[Site, ...]
    configs: tuple[str, ...]
    units: int
    defined: dict[str, list[list[Any]]] = field(default_factory=dict)
    asked: frozenset[str] = frozenset()
    passed: dict[str, int] = field(default_factory=dict)

    def of(self, *names: str) -> list[Site]:
        """The sites of the given names."""
        return [s for s in self.sites if s.name in names]

    def coverage(self) -> dict[str, Any]:
        """Numbers that add up: every textual hit in exactly one class."""
        kinds = Counter("unseen" if s.unseen else s.kind for s in self.sites)
        return {
            "textual": len(self.sites),
            "classes": dict(sorted(kinds.items())),
            "configs": list(self.configs),
            "units": self.units,
            "passed over": dict(sorted(self.passed.items())),
        }

    def remarks(self) -> list[str]:
        """What people should know of the parser: each class of errors that was passed over, and why."""
        known = {h.name: h.reason for h in HARMLESS}
        return [f"{n} errors of the parser passed over: {c} ({known[c]})" for c, n in sorted(self.passed.items())]

    def to_json(self) -> dict[str, Any]:
        """The index as a JSON value."""
        return {"coverage": self.coverage(), "sites": [s.to_json() for s in self.sites]}


def index_names(
    files: Files,
    prepared: Sequence[Prepared],
    names: Iterable[str],
    *,
    cache: Cache,
    define: Iterable[str] = (),
    workers: Workers | None = None,
    changed: Collection[str] | None = None,
) -> Index:
    """Index every use of the names.

    :param files: the tree as it stands (its overlay is what is parsed).
    :param prepared: the configurations to parse, at least one.
    :param define: names whose definitions are wanted as well, written "struct domain",
        "enum guest_type", "#define is_pvh_domain", or bare for functions and variables.
    :param changed: what differs from a tree that was indexed before; None: nothing is known.  Then
        the first configuration of each architecture reads all, and the others what was changed
        and what none has seen yet.
    :param workers: who parses; others are started for this index alone where there are none.
    :raises XenstageError: (PARSE) on a diagnostic or when the readings disagree.
    """
    define = tuple(define)
    macros = any(d.startswith("#") for d in define)
    leads = {d.rpartition(" ")[2]: d.rpartition(" ")[0] for d in define}
    define = tuple(sorted(leads))
    wanted = set(names)
    hits = sweep(files, [*wanted, *define])
    hits = [h for h in hits if h.name in wanted or _may_define(files.read(h.path), h, leads[h.name])]
    with contextlib.nullcontext(workers) if workers is not None else Workers() as these:
        return _index(files, prepared, wanted, define, hits, cache, these, changed, macros)


def _index(
    files: Files,
    prepared: Sequence[Prepared],
    wanted: set[str],
    define: tuple[str, ...],
    hits: list[Hit],
    cache: Cache,
    workers: Workers,
    changed: Collection[str] | None,
    macros: bool,
) -> Index:
    by_path: dict[str, list[Hit]] = {}
    for hit in hits:
        if hit.path.endswith(C_SUFFIXES):
            by_path.setdefault(hit.path, []).append(hit)
    read = _read_all(files, by_path, cache, workers)
    asks: dict[str, tuple[Ask, ...]] = {}
    functions: dict[str, tuple[int, ...]] = {}
    others: dict[str, tuple[tuple[int, str], ...]] = {}
    for path, rows in read.items():
        wanted_here = tuple(ask for _, ask in rows.hits.values() if ask is not None)
        if wanted_here:
            asks[path] = wanted_here
            functions[path] = rows.functions
        if unasked := tuple((h.offset, h.name) for h in by_path[path] if rows.hits[h.offset][1] is None):
            others[path] = unasked
    seen = _Seen()
    question = Question(asks, define, files.overlay, files.removed(), tuple(sorted(wanted)), others, functions, macros)
    plan = Plan(prepared, files, asks, changed)
    todo = plan.first() or plan.next(seen.all_live)
    while todo:
        jobs = [Job(p.root, u, p.config.target, question) for p, u in todo]
        for (p, u), got in zip(todo, answers(jobs, cache=cache, workers=workers, what="parse"), strict=True):
            seen.add(p.config.name, got)
            plan.done(p, u, got["files"])
        todo = plan.next(seen.all_live)
    sites = [_site(files, h, _place(read, h), seen) for h in hits if h.name in wanted]
    _check(sites, [row for row in seen.strange if row[2] in wanted])
    configs = tuple(p.config.name for p in prepared)
    return Index(tuple(sites), configs, seen.units, seen.defined, frozenset(define), dict(seen.passed))


def _may_define(data: bytes, hit: Hit, lead: str) -> bool:
    """Whether a hit can be a definition by its looks: the parser then says if it is one.

    A tag before its brace, a macro's name, or a line that begins at the left margin
    (CODING_STYLE's form of functions and variables).
    """
    start = data.rfind(b"\n", 0, hit.offset) + 1
    before = data[start : hit.offset]
    after = data[hit.offset + len(hit.name) : hit.offset + len(hit.name) + 80].lstrip()
    if lead:
        led = b" ".join(before.replace(b"#", b" # ").split()).endswith(lead.replace("#", "# ").encode())
        return led and (lead == "#define" or after[:1] == b"{")
    margin = before[:1] not in (b" ", b"\t", b"*", b"/", b"#")
    named = before[-1:] in (b"", b" ", b"*") and after[:1] in (b"(", b"[", b"=")
    return hit.path.endswith(C_SUFFIXES) and margin and named


@dataclass(frozen=True)
class _Read:
    """A file as we read it ourselves: by offset each hit's place and question, and where functions' names stand."""

    hits: dict[int, tuple[Place, Ask | None]]
    functions: tuple[int, ...]


def _place(read: dict[str, _Read], hit: Hit) -> Place:
    mine = read.get(hit.path)
    return mine.hits[hit.offset][0] if mine else _TEXT


def _read_all(files: Files, by_path: dict[str, list[Hit]], cache: Cache, workers: Workers) -> dict[str, _Read]:
    """Our own reading of every C file with hits, kept by the file's bytes."""
    kept: dict[str, Any] = {}
    keys: dict[str, str] = {}
    for path, mine in by_path.items():
        keys[path] = digest(_READING, files.read(path), *(f"{h.offset} {h.name}" for h in mine))
        kept[path] = cache.get("readings", keys[path])
    missing = [p for p, rows in kept.items() if rows is None]
    missing.sort(key=lambda p: -len(files.read(p)))
    todo = [(files.read(p), [(h.offset, h.name) for h in by_path[p]]) for p in missing]
    for path, reading in zip(missing, workers.map(_reading, todo), strict=True):
        kept[path] = reading
        cache.put("readings", keys[path], reading)
    out: dict[str, _Read] = {}
    for path, mine in by_path.items():
        rows, functions = kept[path]
        out[path] = _Read({h.offset: _from_kept(r) for h, r in zip(mine, rows, strict=True)}, tuple(functions))
    return out


_READING = "7"  # format and rules of kept readings


def _reading(todo: tuple[bytes, list[tuple[int, str]]]) -> tuple[list[list[Any]], list[int]]:
    """One file's hits as JSON rows of [place, ask], and its functions' names; runs in a worker."""
    data, hits = todo
    reader = Reader(data)
    return [_one_reading(reader, data, offset, name) for offset, name in hits], reader.functions()


def _one_reading(reader: Reader, data: bytes, offset: int, name: str) -> list[Any]:
    place = reader.place(offset, name)
    ask: list[Any] | None = None
    if place.kind in ("code", "macro body", "definition"):
        last, parameter = None, None
        if place.argument is not None:
            text = data[slice(*place.argument)].decode("latin-1")
            if place.kind == "macro body" and text in reader.parameters(offset):
                parameter = [place.scope, reader.parameters(offset).index(text)]
            else:
                last = reader.last_token(*place.argument)
        macro = reader.macro(offset) if place.kind == "macro body" else None
        around = reader.calls_around(offset) if place.kind == "code" else ()
        ask = [offset, name, last, parameter, macro, list(around)]
    return [asdict(place), ask]


def _from_kept(row: list[Any]) -> tuple[Place, Ask | None]:
    place, ask = row
    argument = tuple(place["argument"]) if place["argument"] else None
    made = Place(
        place["kind"],
        place["scope"],
        tuple(place["role"]),
        (place["call"][0], place["call"][1]),
        argument,
        tuple(place["macro_args"]),
    )
    if ask is None:
        return made, None
    parameter = (ask[3][0], ask[3][1]) if ask[3] else None
    return made, Ask(ask[0], ask[1], ask[2], parameter, ask[4], tuple(ask[5]))


class _Seen:
    """What the parser said about each (path, offset), over all configurations."""

    def __init__(self) -> None:
        self.live: dict[tuple[str, int], set[str]] = {}
        self.skipped: dict[tuple[str, int], set[str]] = {}
        self.layers: dict[tuple[str, int], set[str]] = {}
        self.types: dict[tuple[str, int], set[str]] = {}
        self.files: set[str] = set()
        self.defined: dict[str, list[list[Any]]] = {}
        self.strange: list[list[Any]] = []
        self.units = 0
        self.passed: Counter[str] = Counter()

    def all_live(self, path: str, asks: Iterable[Ask]) -> bool:
        """Whether some configuration compiles each hit of a file."""
        return all((path, ask.offset) in self.live for ask in asks)

    def add(self, config: str, got: dict[str, Any]) -> None:
        self.units += 1
        self.files.update(got["files"])
        self.strange += got["strange"]
        self.passed.update(got["passed"])
        for name, rows in got["defined"].items():
            mine = self.defined.setdefault(name, [])
            mine += [r for r in rows if r not in mine]
        for path, rows in got["seen"].items():
            for offset, layers, kind in rows:
                where = (path, offset)
                if layers == ["skipped"]:
                    self.skipped.setdefault(where, set()).add(config)
                elif layers:
                    self.live.setdefault(where, set()).add(config)
                    self.layers.setdefault(where, set()).update(layers)
                    if kind:
                        self.types.setdefault(where, set()).add(kind)


def _site(files: Files, hit: Hit, place: Place, seen: _Seen) -> Site:
    where = (hit.path, hit.offset)
    data = files.read(hit.path)
    kinds = sorted(seen.types.get(where, ()))
    argument = data[slice(*place.argument)].decode("latin-1") if place.argument else ""
    return Site(
        name=hit.name,
        path=hit.path,
        offset=hit.offset,
        line=data.count(b"\n", 0, hit.offset) + 1,
        kind=place.kind,
        scope=place.scope,
        role=place.role,
        holders=place.macro_args,
        call=place.call if place is not _TEXT else (hit.offset, hit.offset + len(hit.name)),
        argument=" ".join(argument.split()),
        type=" | ".join(kinds),
        subject=_subject(kinds),
        live=tuple(sorted(seen.live.get(where, ()))),
        layers=tuple(sorted(seen.layers.get(where, ()))),
        unseen=_unseen(where, place, seen),
    )


def _subject(kinds: list[str]) -> str:
    """What a type is a pointer to, by the structure's name and nothing else."""
    found = {m.group(1) for k in kinds if (m := re.search(r"\bstruct (vcpu|domain)\b", k))}
    return found.pop() if len(found) == 1 else ("?" if kinds else "")


def _unseen(where: tuple[str, int], place: Place, seen: _Seen) -> str:
    if place.kind not in ("code", "macro body", "definition") or where in seen.live:
        return ""
    if where in seen.skipped:
        return "skipped by the preprocessor in every configuration parsed"
    if where[0] not in seen.files:
        return "its file is in no unit of the configurations parsed"
    return "disagreement"


def _check(sites: list[Site], strange: list[list[Any]]) -> None:
    wrong = [f"{s.path}:{s.line}: {s.name} in {s.scope or 'file scope'}" for s in sites if s.unseen == "disagreement"]
    wrong += [f"{p} (byte {o}): an expansion of {n} that the sweep did not find" for p, o, n in strange]
    if wrong:
        raise XenstageError(
            Exit.PARSE,
            "the sweep and the parser disagree",
            why="seen by one and not by the other:\n" + "\n".join(sorted(set(wrong))),
            remedy="this is a defect of xenstage: report it with these lines; nothing was written",
        )
