"""Edit: bytes expected at an offset of a real file, what to put there, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import Exit, XenstageError


@dataclass(frozen=True, order=True)
class Edit:
    """One replacement.

    :param path: the real file, relative to the tree's top.
    :param offset: byte offset of the first byte replaced.
    :param expected: the bytes that must stand there.
    :param new: the bytes to put there.
    :param rule: the stage's name for what it does here.
    :param reason: why, for the evidence file.
    """

    path: str
    offset: int
    expected: bytes
    new: bytes
    rule: str
    reason: str

    @property
    def end(self) -> int:
        """Byte offset just past the bytes replaced."""
        return self.offset + len(self.expected)

    def to_json(self) -> dict[str, Any]:
        """A value for :mod:`json`; :meth:`from_json` reads it.  Bytes that are no UTF-8 are lone surrogates."""
        return {**asdict(self), "expected": _text(self.expected), "new": _text(self.new)}

    @staticmethod
    def from_json(value: dict[str, Any]) -> Edit:
        """:raises KeyError, TypeError, ValueError: the value is no edit."""
        kept = {k: str(value[k]) for k in ("path", "rule", "reason")}
        return Edit(offset=int(value["offset"]), expected=_bytes(value["expected"]), new=_bytes(value["new"]), **kept)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def merge(edits: Iterable[Edit]) -> list[Edit]:
    """Sorted edits, equal ones once; an edit that changes nothing is dropped.

    Two edits are equal when they replace the same bytes by the same bytes: many
    units may ask for the same change of one header.

    :raises XenstageError: (SITE) when two edits touch the same bytes differently,
        naming both rules.
    """
    out: list[Edit] = []
    for edit in sorted(edits):
        if edit.expected == edit.new:
            continue
        last = out[-1] if out else None
        if last is None or last.path != edit.path or not _overlap(last, edit):
            out.append(edit)
        elif (last.offset, last.expected, last.new) != (edit.offset, edit.expected, edit.new):
            raise XenstageError(
                Exit.SITE,
                f"two rules want the same bytes of {edit.path}",
                why=f"{last.rule!r} replaces bytes {last.offset}-{last.end}, "
                f"{edit.rule!r} replaces bytes {edit.offset}-{edit.end}",
                remedy="this is a defect of the stage: nothing was written; report it with the tree's commit",
            )
    return out


def _overlap(a: Edit, b: Edit) -> bool:
    """``a`` sorts before ``b``.  Two insertions at one place have no order: they overlap."""
    return b.offset < a.end or a.offset == b.offset


def apply_edits(edits: Iterable[Edit], read: Callable[[str], bytes]) -> dict[str, bytes]:
    """New bytes of every file that the edits touch; every other byte stays.

    :param read: a path's bytes as they stand.
    :raises XenstageError: (SITE) when the expected bytes do not stand where an edit
        says, or when edits overlap.
    """
    by_path: dict[str, list[Edit]] = {}
    for edit in merge(edits):
        by_path.setdefault(edit.path, []).append(edit)
    out: dict[str, bytes] = {}
    for path, mine in by_path.items():
        data = read(path)
        pieces: list[bytes] = []
        at = 0
        for edit in mine:
            found = data[edit.offset : edit.end]
            if found != edit.expected or edit.offset > len(data):
                raise XenstageError(
                    Exit.SITE,
                    f"{path} does not hold the bytes that an edit expects",
                    why=f"rule {edit.rule!r} at byte {edit.offset}:\n"
                    f"expected {edit.expected[:80]!r}\nfound    {found[:80]!r}",
                    remedy="the file changed under the tool's hands: run again; nothing was written",
                )
            pieces += [data[at : edit.offset], edit.new]
            at = edit.end
        pieces.append(data[at:])
        out[path] = b"".join(pieces)
    return out
