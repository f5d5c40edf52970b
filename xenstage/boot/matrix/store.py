"""Store: outcomes and logs on disk, each whole or not at all, none trusted unseen.

    DIR/cells/XEN.GUEST.MACHINE.N.json    the outcome of the cell's N-th run; XEN begins the tree's hash
    DIR/logs/XEN.GUEST.MACHINE.N.log.txt  its log (.txt: browsers show it, and never as a page)

The log is written first; the outcome holds its digest and one of itself.  What does not
agree is named and run again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...cache import digest, write_atomically
from ...errors import Exit, XenstageError
from ..model import Outcome, Verdict

SCHEMA = "xenstage-outcome/1"
Write = Callable[[Path, bytes], None]


@dataclass(frozen=True)
class Store:
    """A directory of outcomes.

    :param root: created on first use.
    :param write: writes a file whole or not at all.
    """

    root: Path
    write: Write = write_atomically

    @property
    def work(self) -> Path:
        """Where each run has a directory of its own, until its log is kept."""
        return self.root / "work"

    def keep(self, key: str, number: int, outcome: Outcome, log: bytes, *, name: str = "") -> Outcome:
        """Keep the outcome of a cell's run, and return it as it was kept.

        :param key: names all that the outcome depends on.
        :param number: 1 for the cell's first run.
        :param name: of its files; the cell's own where none is given.
        :raises XenstageError: (OUTPUT) the disk is full or may not be written; an outcome
            of that number that was there before stays or is found damaged later.
        """
        name = f"{name or outcome.cell.name}.{number}"
        kept = replace(outcome, log=f"logs/{name}.log.txt" if log else "")
        value = {"schema": SCHEMA, "key": key, "number": number, "log": _sha256(log), "outcome": kept.to_json()}
        try:
            if log:
                self.write(self.root / kept.log, log)
            self.write(self.root / "cells" / f"{name}.json", _text({**value, "sum": digest(_text(value))}))
        except OSError as e:
            raise XenstageError(
                Exit.OUTPUT,
                f"the outcome of {outcome.cell.name} cannot be kept in {self.root}",
                why=f"{e.strerror or e} ({outcome.verdict}: {outcome.reason})",
                remedy=f"make room there (df -h '{self.root}'), or --out DIR elsewhere; the same command goes on",
            ) from e
        return kept

    def load(self, name: str, key: str) -> tuple[dict[int, Outcome], list[str]]:
        """The kept outcomes of a cell by number, and what was found that cannot be trusted.

        The key says which cell it is as well: an outcome that was moved is of another one.

        :param name: of the cell's files.
        """
        found: dict[int, Outcome] = {}
        damaged: list[str] = []
        for path in sorted((self.root / "cells").glob(f"{name}.*.json")):
            m = re.fullmatch(rf"{re.escape(name)}\.([1-9]\d*)\.json", path.name)
            if m is None:
                continue
            try:
                value = self._read(path, int(m.group(1)))
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
                why = str(e) or type(e).__name__
                damaged.append(f"{path}: {why}")
                continue
            if value["key"] == key:
                found[int(m.group(1))] = Outcome.from_json(value["outcome"])
            else:
                damaged.append(f"{path}: of another guest image, machine or toolstack than today's")
        return dict(sorted(found.items())), damaged

    def _read(self, path: Path, number: int) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(path.read_bytes())
        claimed = value.pop("sum", None)
        if claimed != digest(_text(value)):
            raise ValueError("not as it was written: its checksum differs")
        if value["schema"] != SCHEMA or value["number"] != number:
            raise ValueError(f"is {value['schema']}, run {value['number']}")
        outcome = Outcome.from_json(value["outcome"])
        if (_sha256((self.root / outcome.log).read_bytes()) if outcome.log else _sha256(b"")) != value["log"]:
            raise ValueError(f"its log {outcome.log} is not as it was written")
        if outcome.verdict is Verdict.PASS and not outcome.log:
            raise ValueError("says PASS without a log")
        return value

    def tail(self, log: str, lines: int) -> str:
        """The last lines of a log, as text."""
        try:
            data = (self.root / log).read_bytes()[-16384:] if log else b""
        except OSError:
            return ""
        return "\n".join(data.decode("utf-8", "backslashreplace").splitlines()[-lines:])

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the directory; released by the kernel when we die.

        :raises XenstageError: (OUTPUT) another process holds it, or it cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            held = (self.root / ".lock").open("wb")
        except OSError as e:
            raise XenstageError(
                Exit.OUTPUT,
                f"{self.root} cannot be written",
                why=str(e),
                remedy="move what is there away, or name another place: --out DIR",
            ) from e
        with held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise XenstageError(
                    Exit.OUTPUT,
                    f"another matrix is being run into {self.root}",
                    why="two runs would overwrite each other's outcomes",
                    remedy="wait for it to end, or name another place: --out DIR",
                ) from None
            yield


def _text(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
