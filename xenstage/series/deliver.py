"""deliver: directories of ours below one output directory, replaced together or not at all.

Everything that a command writes is made whole in ``OUT/.xenstage-staging`` first.  Then
a journal is written there, and each directory is renamed: the old one into the staging
directory, the new one out of it.  A command that dies before the journal stands has
changed nothing.  One that dies after it is carried on by the next command with the same
output directory, or undone where a person has changed something since.

One command at a time: the output directory itself is locked (flock, which the kernel
lets go of when a process dies), so that no file has to stay behind for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..cache import write_atomically
from ..errors import Exit, XenstageError
from ..locks import take, unlock
from ..progress import say
from ..storage import FULL, explain, out_place, retold

MANIFEST = "manifest.json"
STAGING = ".xenstage-staging"
_MARK = "README"
_TEXT = "xenstage makes its output here before it appears. The next run clears this directory.\n"
_JOURNAL = "journal.json"


def seal(directory: Path) -> None:
    """Write the manifest: SHA-256 of every other file, by which the tool knows its own.

    Directories that stayed empty go: the manifest cannot tell them from the user's.
    """
    for name, kind in sorted(_entries(directory), reverse=True):
        if kind == "directory" and not any((directory / name).iterdir()):
            (directory / name).rmdir()
    sums = {n: _sha(directory / n) for n, kind in _entries(directory) if kind == "file" and n != MANIFEST}
    (directory / MANIFEST).write_text(json.dumps(sums, indent=1, sort_keys=True) + "\n")


def check_ours(directory: Path) -> None:
    """Nothing, or what the tool wrote and nobody changed: the same files, and nothing beside them.

    :raises XenstageError: (OUTPUT) otherwise, naming the first strange file, link or directory.
    """
    if not os.path.lexists(directory):
        return
    found = _strange(directory)
    if found is not None:
        raise XenstageError(
            Exit.OUTPUT,
            f"{directory} holds something else than a series of ours",
            why=f"{found} is not what the tool wrote there",
            remedy=f"move it away, or choose another directory: --out DIR\nmv '{directory}' '{directory}.mine'",
        )


def _strange(directory: Path) -> str | None:
    """The first thing in a directory that its manifest does not know as it is, or None."""
    if directory.is_symlink() or not directory.is_dir():
        return f"{directory.name} itself, which is no directory,"
    try:
        entries = dict(_entries(directory))
        read: object = json.loads((directory / MANIFEST).read_bytes()) if entries.get(MANIFEST) == "file" else None
    except (OSError, ValueError, RecursionError):
        return MANIFEST
    if not isinstance(read, dict):
        return MANIFEST
    sums: dict[str, object] = read
    parents = {str(p) for n in sums for p in Path(n).parents} - {"."}
    for name in sorted({*entries, *sums} - {MANIFEST}):
        kind = entries.get(name, "absent")
        if kind == "directory" and name in parents:
            continue
        if kind != "file":
            return f"{name} ({kind})"
        try:
            if sums.get(name) != _sha(directory / name):
                return name
        except OSError as e:
            return f"{name} ({e.strerror})"
    return None


def _entries(directory: Path, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Everything below a directory, as name and kind; no link is followed."""
    with os.scandir(directory) as rows:
        for row in rows:
            mode = row.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                yield prefix + row.name, "directory"
                yield from _entries(Path(row.path), f"{prefix}{row.name}/")
            else:
                yield prefix + row.name, "file" if stat.S_ISREG(mode) else "link" if stat.S_ISLNK(mode) else "special"


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass
class Delivery:
    """What one command is about to write; see :func:`deliver`.

    :param out: the output directory, which this process has locked.
    """

    out: Path
    _names: list[str] = field(default_factory=list)
    _files: list[str] = field(default_factory=list)

    @property
    def _staging(self) -> Path:
        return self.out / STAGING

    def place(self, name: str) -> Path:
        """Where a directory will stand, and where the one of an earlier command stands now."""
        return self.out / name

    def check(self, name: str) -> None:
        """Whether a directory could be written.

        :param name: its path below the output directory.
        :raises XenstageError: (OUTPUT) something of the user's is there, or it cannot be written.
        """
        final = self.place(name)
        check_ours(final)
        for above in (p for p in final.parents if self.out in p.parents):
            if above.is_symlink() or (above.exists() and not above.is_dir()):
                why = f"{above} is no directory" if not above.is_symlink() else f"{above} is a link"
                raise _cannot_write(self.out, why)
            if above.exists() and above.stat().st_dev != self.out.stat().st_dev:
                raise _cannot_write(self.out, f"{above} lies on another file system")
        for there in (self.out, final.parent, final):
            if there.exists() and not os.access(there, os.W_OK | os.X_OK):
                raise _cannot_write(self.out, f"you may not write to {there}")

    def stage(self, name: str) -> Path:
        """An empty directory to fill; a second call for the same name begins anew.

        :param name: path below the output directory.
        :raises XenstageError: (OUTPUT) as :meth:`check`.
        """
        self.check(name)
        fresh = self._staging / "new" / name
        try:
            self._begin()
            if fresh.exists():
                shutil.rmtree(fresh)
            fresh.mkdir(parents=True)
        except OSError as e:
            raise _not_written(self.out, e) from e
        if name not in self._names:
            self._names.append(name)
        return fresh

    def leave(self, name: str, data: bytes) -> None:
        """A file to leave for the user, together with the directories, where there is none of that name.

        :param name: path below the output directory.
        """
        fresh = self._staging / "new" / name
        try:
            self._begin()
            fresh.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(data)
        except OSError as e:
            raise _not_written(self.out, e) from e
        self._files.append(name)

    def commit(self) -> None:
        """Seal what was staged, and put all of it in place; what is there already, byte for byte, stays.

        :raises XenstageError: (OUTPUT) when one of the directories cannot be replaced;
            all of them are then as they were.
        """
        try:
            for name in self._names:
                seal(self._staging / "new" / name)
                self.check(name)
            self._names = [n for n in self._names if not self._is_there(n)]
            journal = {"names": self._names, "files": self._files}
            write_atomically(self._staging / _JOURNAL, json.dumps(journal).encode())
        except OSError as e:
            raise _not_written(self.out, e) from e
        made = [p for n in self._names if not (p := self.place(n).parent).exists()]
        try:
            self._forward(self._names)
            self._hand_out(self._files)
        except BaseException as e:  # also Ctrl-C: all or nothing
            self._back(self._names)
            self._take_back(self._files)
            (self._staging / _JOURNAL).unlink()
            for directory in made:
                with contextlib.suppress(OSError):
                    directory.rmdir()
            if isinstance(e, OSError):
                raise _not_written(self.out, e) from e
            raise
        (self._staging / _JOURNAL).unlink()

    def _begin(self) -> None:
        if not self._staging.exists():
            self._staging.mkdir()
            (self._staging / _MARK).write_text(_TEXT)

    def _forward(self, names: Iterable[str]) -> None:
        """Put the staged directories in place, from wherever an earlier try ended."""
        for name in names:
            final, new, old = self._three(name)
            if not new.exists():
                continue
            if os.path.lexists(final):
                check_ours(final)
                old.parent.mkdir(parents=True, exist_ok=True)
                final.rename(old)
            final.parent.mkdir(parents=True, exist_ok=True)
            new.rename(final)

    def _back(self, names: list[str]) -> None:
        """The opposite: every directory as it was."""
        for name in reversed(names):
            final, new, old = self._three(name)
            if not new.exists() and final.exists():
                check_ours(final)
                new.parent.mkdir(parents=True, exist_ok=True)
                final.rename(new)
            if old.exists():
                check_nothing(final)
                old.rename(final)

    def _is_there(self, name: str) -> bool:
        """Whether the directory in place has the same manifest; :meth:`check` has held it against its files."""
        final, new, _ = self._three(name)
        there = final / MANIFEST
        return there.is_file() and there.read_bytes() == (new / MANIFEST).read_bytes()

    def _hand_out(self, names: Iterable[str]) -> None:
        for name in names:
            final, new, _ = self._three(name)
            if new.is_file():
                with contextlib.suppress(FileExistsError):  # the user's own was first
                    os.link(new, final)

    def _take_back(self, names: Iterable[str]) -> None:
        for name in names:
            final, new, _ = self._three(name)
            if new.is_file() and final.is_file() and final.samefile(new):
                final.unlink()

    def _three(self, name: str) -> tuple[Path, Path, Path]:
        return self.place(name), self._staging / "new" / name, self._staging / "old" / name

    def recover(self) -> None:
        """Carry on what a killed command began, or undo it where somebody changed a directory since.

        :raises XenstageError: (OUTPUT) when neither can be done without touching what a person changed.
        """
        staging = self._staging
        if not os.path.lexists(staging):
            return
        if not _is_staging(staging):
            raise XenstageError(
                Exit.OUTPUT,
                f"{staging} is not ours",
                why="this name is where the tool makes its output, and something else stands there",
                remedy=f"mv '{staging}' '{self.out}/staging.mine'",
            )
        names, files = _names_in(staging / _JOURNAL, "names"), _names_in(staging / _JOURNAL, "files")
        if names or files:
            say(f"{self.out}: an earlier run was killed while it put its series in place; carrying on")
            try:
                self._forward(names)
                self._hand_out(files)
            except (OSError, XenstageError):
                self._back(names)
                self._take_back(files)
        self.clear()

    def clear(self) -> None:
        """Remove the staging directory, its mark last; nothing of the user's is in it."""
        staging = self._staging
        if not _is_staging(staging):
            return
        with contextlib.suppress(FileNotFoundError):
            (staging / _JOURNAL).unlink()  # first: without it the rest is of no use
        for entry in staging.iterdir():
            if entry.name == _MARK:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink()
        with contextlib.suppress(OSError):
            (staging / _MARK).unlink(missing_ok=True)
            staging.rmdir()

    @property
    def begun(self) -> bool:
        """Whether a journal stands, so that what is staged must stay."""
        return (self._staging / _JOURNAL).exists()


def check_nothing(path: Path) -> None:
    """Raise (OUTPUT) where there is something that would be in the way of an old series."""
    if os.path.lexists(path):
        raise XenstageError(
            Exit.OUTPUT,
            f"{path} is in the way",
            why="an earlier run was killed, and the series that stood there before cannot be put back",
            remedy=f"mv '{path}' '{path}.mine', and run again",
        )


def _is_staging(path: Path) -> bool:
    """A directory that has our mark, or nothing at all in it (we died before writing the mark)."""
    if path.is_symlink() or not path.is_dir():
        return False
    if not any(path.iterdir()):
        return True
    mark = path / _MARK
    try:
        # A disk that was full, or a kill, leaves a part of the text.
        return not mark.is_symlink() and _TEXT.startswith(mark.read_text(errors="replace"))
    except OSError:
        return False


def _names_in(journal: Path, what: str) -> list[str]:
    try:
        names = json.loads(journal.read_bytes())[what]
        return [n for n in names if ".." not in Path(n).parts and not Path(n).is_absolute()]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []  # it is written whole or not at all


@contextlib.contextmanager
def deliver(out: Path) -> Iterator[Delivery]:
    """Lock an output directory, finish what a killed command left, and hand out a :class:`Delivery`.

    Nothing changes below ``out`` before :meth:`Delivery.commit`; without it, or when it fails,
    everything is as it was.  The directory is made where it is not there, and removed again
    if nothing came of it.

    :param out: may be a link to a directory.
    :raises XenstageError: (OUTPUT) when it cannot be made or locked.
    """
    out = Path(os.path.realpath(out))
    made: list[Path] = []
    lock = -1
    try:
        try:
            lock = _locked(out, made)
            delivery = Delivery(out)
            delivery.recover()
        except OSError as e:
            raise _not_written(out, e) from e
        try:
            yield delivery
        except OSError as e:  # now: what is cleared below makes space
            told = explain(e, [out_place(out)], sure=True)
            if told is None:
                raise
            raise told from e
        except XenstageError as e:
            raise retold(e, [out_place(out)], sure=True) from e
        finally:
            if not delivery.begun:
                with contextlib.suppress(OSError):  # the next run clears what cannot be removed now
                    delivery.clear()
    finally:
        for directory in made:  # only those that are empty go
            with contextlib.suppress(OSError):
                directory.rmdir()
        if lock >= 0:
            unlock(lock)
            os.close(lock)


def look_ahead(out: Path, names: Iterable[str]) -> None:
    """Say before the work what :func:`deliver` would say after it.

    :raises XenstageError: (OUTPUT) as :meth:`Delivery.check`.
    """
    out = Path(os.path.realpath(out))
    if os.path.lexists(out):
        with deliver(out) as delivery:
            for name in names:
                delivery.check(name)
        return
    above = next(p for p in out.parents if os.path.lexists(p))
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise _cannot_write(out, f"{above} is no directory that you may write to")


def _locked(out: Path, made: list[Path]) -> int:
    """An open descriptor of the directory, locked; the directories that had to be made, innermost first."""
    while True:
        made += _make(out)
        try:
            fd = os.open(out, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # another command made it, wrote nothing, and removed it just now
        try:
            take(fd, f"another run is writing to {out}; waiting for it")
            here, there = os.fstat(fd), os.stat(out)
            if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino):
                return fd
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _make(out: Path) -> list[Path]:
    missing = [p for p in (out, *out.parents) if not os.path.lexists(p)]
    for directory in reversed(missing):
        directory.mkdir(exist_ok=True)
    return missing


def _not_written(out: Path, error: OSError) -> XenstageError:
    if error.errno in FULL and (full := explain(error, [out_place(out)])) is not None:
        return full
    return _cannot_write(out, f"{error.strerror or error}: {error.filename or out}")


def _cannot_write(out: Path, why: str) -> XenstageError:
    return XenstageError(
        Exit.OUTPUT,
        f"cannot write to {out}",
        why=f"{why}\nnothing there was changed",
        remedy="choose another directory: --out DIR",
    )
