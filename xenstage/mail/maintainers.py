"""recipients: who a patch goes to, by the MAINTAINERS file of the tree that it is against.

The file is read as ``scripts/get_maintainer.pl`` of the same tree reads it when it is called
without options (that script does not run on a perl of today): sections of lines ``X: value``
under a title, of which these count here:

- ``F`` and ``X``: paths, ``*`` and ``?`` match any character, also a slash; a pattern that does
  not end with a slash matches paths with as many slashes as it has itself.  ``X`` wins.
- ``N``: a regular expression found in the path, blanks in it ignored.
- ``K``: one found in the patch: in any line before the first file, then behind ``+`` or ``-``.
- ``M``: people, ``L``: lists; ``S``: the state, which names the people's role.

The supporters of THE REST, which has every path, are left out where somebody else was found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from email.utils import getaddresses
from pathlib import PurePosixPath

from ..errors import Exit, XenstageError
from ..tree.git import Git

FILE = "MAINTAINERS"
_LINE = re.compile(r"(.):\s*(.*)")
_DIFF_FILE = re.compile(r"(?:\+\+\+|---)\s+(\S+)")
_HUNK = re.compile(r"@@ -\d+,\d+")
_ROLES = {
    "supported": "supporter",
    "maintained": "maintainer",
    "odd fixes": "odd fixer",
    "orphan": "orphan minder",
    "obsolete": "obsolete minder",
}
_LEAST = "supporter:THE REST"


@dataclass(frozen=True, order=True)
class Address:
    """Somebody's name ("" where none is known) and mail address."""

    name: str
    address: str

    def __str__(self) -> str:
        """As it stands in a header, before any encoding."""
        if not self.name:
            return self.address
        quoted = self.name if re.fullmatch(r"[\w -]+", self.name) else '"' + self.name.replace('"', r"\"") + '"'
        return f"{quoted} <{self.address}>"


@dataclass(frozen=True)
class Recipients:
    """Who a mail goes to.

    :param to: lists.
    :param cc: people, those of the most precise section first.
    """

    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()

    def to_json(self) -> dict[str, list[str]]:
        """For the evidence file."""
        return {"to": [str(a) for a in self.to], "cc": [str(a) for a in self.cc]}

    def with_cc(self, more: Iterable[Address]) -> Recipients:
        """The same with further people, each once."""
        return Recipients(self.to, _each_once([*self.cc, *more], self.to))


def union(every: Iterable[Recipients]) -> Recipients:
    """Everybody who gets one of some mails: who the cover letter goes to."""
    rows = list(every)
    to = _each_once([a for r in rows for a in r.to])
    return Recipients(to, _each_once([a for r in rows for a in r.cc], to))


def _each_once(addresses: Iterable[Address], but: Iterable[Address] = ()) -> tuple[Address, ...]:
    seen = {a.address.lower() for a in but}
    out: list[Address] = []
    for a in addresses:
        if a.address.lower() not in seen:
            seen.add(a.address.lower())
            out.append(a)
    return tuple(out)


@dataclass(frozen=True)
class _Path:
    """A pattern of F or X.

    :param text: as a regular expression, as the script makes it: its slashes are counted.
    """

    text: str
    pattern: re.Pattern[str]

    def matches(self, path: str) -> bool:
        if self.pattern.match(path) is None:
            return False
        return self.text.endswith("/") or path.count("/") == self.text.count("/")

    @property
    def depth(self) -> int:
        """How precise it is."""
        if self.text.startswith(".*"):
            return -1
        return self.text.count("/") + (not self.text.endswith("/"))


@dataclass(frozen=True)
class Section:
    """One section of MAINTAINERS."""

    title: str
    people: tuple[Address, ...]
    lists: tuple[Address, ...]
    state: str
    files: tuple[_Path, ...]
    excluded: tuple[_Path, ...]
    names: tuple[re.Pattern[str], ...]
    keywords: tuple[str, ...]

    @property
    def role(self) -> str:
        """What its people are, as the script says it."""
        state = self.state.lower()
        return f"{_ROLES.get(state, state or 'unknown')}:{self.title}"

    def depth(self, path: str) -> int | None:
        """How precisely the section names a path; None where it does not."""
        if any(p.matches(path) for p in self.excluded):
            return None
        found = [p.depth for p in self.files if p.matches(path)]
        if found:
            return found[-1]
        return 0 if any(n.search(path) for n in self.names) else None


def read_maintainers(text: str, is_directory: Callable[[str], bool] = lambda path: False) -> list[Section]:
    """The sections of a MAINTAINERS file, in order.

    :param is_directory: whether the tree has a directory of that path; such a pattern needs no slash.
    :raises XenstageError: (TREE) for a regular expression that cannot be read, with its line.
    """
    out: list[Section] = []
    title, rows = "", list[tuple[int, str, str]]()
    for number, line in enumerate([*text.splitlines(), "end"], 1):
        m = _LINE.match(line)
        if m:
            rows.append((number, m.group(1), m.group(2)))
        elif line.strip():
            if rows:
                out.append(_section(title, rows, is_directory))
            title, rows = line, []
    return out


def _section(title: str, rows: Sequence[tuple[int, str, str]], is_directory: Callable[[str], bool]) -> Section:
    def values(letter: str) -> list[tuple[int, str]]:
        return [(n, v) for n, what, v in rows if what == letter]

    people = [Address(name, address) for _, v in values("M") for name, address in getaddresses([v]) if "@" in address]
    lists = [Address("", v.split()[0]) for _, v in values("L") if v.strip() and "subscribers-only" not in v]
    state = [v for _, v in values("S")]
    for number, v in values("K"):
        _expression(number, v)
    return Section(
        title,
        tuple(people),
        tuple(lists),
        state[-1].strip() if state else "",
        tuple(_path(n, v, is_directory) for n, v in values("F")),
        tuple(_path(n, v, is_directory) for n, v in values("X")),
        tuple(_expression(n, v) for n, v in values("N")),
        tuple(v for _, v in values("K")),
    )


def _path(number: int, value: str, is_directory: Callable[[str], bool]) -> _Path:
    text = value.replace(".", r"\.").replace("*", ".*").replace("?", ".")
    if not text.endswith("/") and is_directory(text):
        text += "/"
    # Only these three mean anything in a path; the rest of a pattern is a regular expression in the
    # script as well, but braces, which git and perl take as they stand.
    return _Path(text, _expression(number, re.sub(r"[{}]", r"\\\g<0>", text), blanks=True))


def _expression(number: int, text: str, *, blanks: bool = False) -> re.Pattern[str]:
    try:
        return re.compile(text, 0 if blanks else re.X)
    except re.error as e:
        raise XenstageError(
            Exit.TREE,
            f"{FILE}:{number} holds a regular expression that cannot be read",
            why=f"{text!r}: {e}",
            remedy="who gets the patches cannot be known: correct the line, or name another base: --base COMMIT",
        ) from e


def owners(path: str, sections: Sequence[Section]) -> list[Section]:
    """The sections that a file belongs to, the most precise first; THE REST where it belongs to no other."""
    rows = [(depth, s) for s in sections if (depth := s.depth(path)) is not None]
    mine = [s for _, s in sorted(rows, key=lambda r: -r[0])]
    return [s for s in mine if s.title != _LEAST.partition(":")[2]] or mine


def recipients(sections: Sequence[Section], patch: str) -> Recipients:
    """Who a patch goes to.

    :param patch: the mail or the diff, as text.
    """
    paths, keyed = _read(sections, patch)
    found: list[Section] = []
    for path in paths:
        rows = [(depth, s) for s in sections if (depth := s.depth(path)) is not None]
        found += [s for _, s in sorted(rows, key=lambda r: -r[0])]
    found += keyed
    people = [(s.role, p) for s in found for p in s.people]
    if len(people) > 1 and any(role != _LEAST for role, _ in people):
        people = [(role, p) for role, p in people if role != _LEAST]
    to = _each_once(a for s in found for a in s.lists)
    return Recipients(to, _each_once([p for _, p in people], to))


def _read(sections: Sequence[Section], patch: str) -> tuple[list[str], list[Section]]:
    """The paths that a patch names, sorted, and the sections of which it has a keyword."""
    paths: set[str] = set()
    keyed: dict[int, Section] = {}
    lead = ""
    for line in patch.splitlines():
        if m := _DIFF_FILE.match(line):
            paths.add(m.group(1).partition("/")[2] or m.group(1))
            lead = "^[+-].*"
        elif not _HUNK.match(line):
            for i, s in enumerate(sections):
                if i not in keyed and any(re.search(lead + k, line, re.X) for k in s.keywords):
                    keyed[i] = s
    return sorted(paths), [keyed[i] for i in sorted(keyed)]


def sections_of(git: Git, commit: str) -> list[Section]:
    """The sections of the MAINTAINERS of a commit in our own repository; none where it has no such file.

    :raises XenstageError: as :func:`read_maintainers`.
    """
    tracked = git.files(commit)
    if FILE not in tracked:
        return []
    directories = {str(d) for path in tracked for d in PurePosixPath(path).parents}
    return read_maintainers(git.read(commit, FILE).decode("utf-8", "replace"), directories.__contains__)
