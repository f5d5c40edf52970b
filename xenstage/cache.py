"""Cache: the one directory in which the tool keeps state, safe to delete at any time.

It follows the XDG base directory specification (``$XDG_CACHE_HOME/xenstage``).
Values are written to a temporary name and renamed, so that a reader sees a whole
value or none, and carry a checksum: one that is not what was written counts as absent,
and is written again.  Where a value holds a path below the cache, a mark stands for the
cache's directory, so that a cache may be moved or copied.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import Exit, XenstageError
from .locks import held, take, try_take, unlock

_PLAIN = re.compile(r"[A-Za-z0-9_./+@-]+\Z")
_HERE = b"@XENSTAGE_CACHE@"


def digest(*parts: bytes | str) -> str:
    """The first 32 hex digits of a SHA-256 over the parts, each with its length."""
    h = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        h.update(b"%d:" % len(raw))
        h.update(raw)
    return h.hexdigest()[:32]


@functools.lru_cache(maxsize=2048)  # the same files are asked for again and again
def sha256_of(data: bytes) -> str:
    """The SHA-256 of a file's bytes in hex."""
    return hashlib.sha256(data).hexdigest()


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644, temporary: Path | None = None) -> None:
    """Write the whole file or leave the old one; the directory is created.

    :param mode: of the file, which has it from the moment that it has its name.
    :param temporary: a directory on the same file system for the unfinished file
        (default: the file's own).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=temporary or path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "wb") as f:
            f.write(data)
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


@dataclass(frozen=True)
class Cache:
    """A cache directory.

    :param root: created on first use.
    """

    root: Path

    @staticmethod
    def default() -> Cache:
        """The user's cache; where there is no home, or its path holds characters that Xen's
        makefiles cannot take (a space, say), a directory of our own under the system's
        temporary directory, named after it."""
        given = os.environ.get("XDG_CACHE_HOME")
        try:
            base = Path(given or Path.home() / ".cache").absolute() / "xenstage"
        except (RuntimeError, OSError):  # no HOME, and the system does not know the user
            base = Path("no home")
        if not _PLAIN.match(str(base)):
            base = Path(tempfile.gettempdir()) / f"xenstage-{os.getuid()}-{digest(str(base))[:8]}"
        return Cache(base)

    def path(self, *parts: str) -> Path:
        """A path inside the cache, its parent directory made.

        :raises XenstageError: (OUTPUT) when that cannot be done.
        """
        p = self.root.joinpath(*parts)
        try:
            self._directory(p.parent)
        except OSError as e:
            raise self._unusable(e) from e
        return p

    def _directory(self, path: Path) -> None:
        """Make a directory below the root; a file that has its name by damage goes."""
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except (FileExistsError, NotADirectoryError):
            for p in (*reversed(path.relative_to(self.root).parents), path.relative_to(self.root)):
                there = self.root / p
                if there != self.root and os.path.lexists(there) and not there.is_dir():
                    there.unlink(missing_ok=True)
            path.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _unusable(self, error: OSError) -> XenstageError:
        return XenstageError(
            Exit.OUTPUT,
            f"the cache directory cannot be written: {self.root}",
            why=f"{error.strerror or error}: {error.filename or self.root}",
            remedy="make it writable, or set XDG_CACHE_HOME to a directory that is",
        )

    def get(self, kind: str, key: str) -> Any | None:
        """The JSON value under a key, or None (also for a damaged one)."""
        found = self.get_bytes(kind, key, suffix=".json")
        try:
            return None if found is None else json.loads(found)
        except (ValueError, RecursionError):
            return None

    def put(self, kind: str, key: str, value: Any) -> None:
        """Keep a JSON value under a key, whole or not at all."""
        self.put_bytes(kind, key, json.dumps(value, sort_keys=True).encode(), suffix=".json")

    def get_bytes(self, kind: str, key: str, *, suffix: str = "") -> bytes | None:
        """Bytes under a key, or None (also for damaged ones)."""
        try:
            sum_, _, body = (self.root / kind / key[:2] / f"{key}{suffix}").read_bytes().partition(b"\n")
        except OSError:
            return None
        if sum_ != digest(kind, key, body).encode():
            return None
        return self.local(body)

    def put_bytes(self, kind: str, key: str, data: bytes, *, suffix: str = "") -> None:
        """Keep bytes under a key, whole or not at all, with a checksum of them, the kind and the key."""
        body = self.portable(data)
        self.write(self.path(kind, key[:2], f"{key}{suffix}"), digest(kind, key, body).encode() + b"\n" + body)

    def portable(self, data: bytes) -> bytes:
        """Bytes that name no file below the cache by its present place."""
        for root in {os.fsencode(self.root), os.path.realpath(os.fsencode(self.root))}:
            data = data.replace(root + b"/", _HERE + b"/")
        return data

    def local(self, data: bytes) -> bytes:
        """The opposite of :meth:`portable`, for the place where the cache is now."""
        return data.replace(_HERE + b"/", os.fsencode(self.root) + b"/")

    def write(self, path: Path, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file of the cache, whole or not at all; whatever else has its name by damage goes.

        A kill leaves nothing beside it: the unfinished file is scratch.
        """
        try:
            write_atomically(path, data, mode=mode, temporary=self.scratch("x").parent)
        except IsADirectoryError:
            self.remove(path)
            write_atomically(path, data, mode=mode, temporary=self.scratch("x").parent)

    def keep(self, path: Path, data: bytes, *, mode: int) -> None:
        """A file of the cache with these bytes and this mode: written, or mended, where it is not so."""
        with contextlib.suppress(OSError):
            there = path.lstat().st_mode
            if stat.S_ISREG(there) and stat.S_IMODE(there) == mode and path.read_bytes() == data:
                return
        self.write(path, data, mode=mode)

    @contextlib.contextmanager
    def lock(self, name: str, waiting: str = "") -> Iterator[None]:
        """Hold a lock between processes; released by the kernel if we die.

        :param waiting: what to say when another process holds it.
        """
        path = self.path("locks", name)
        try:
            if path.is_symlink():
                path.unlink()
            elif path.is_dir():
                shutil.rmtree(path)
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as e:
            raise self._unusable(e) from e
        try:
            take(file, waiting)
            yield
        finally:
            unlock(file)
            os.close(file)

    def scratch(self, name: str) -> Path:
        """A path for a file of this process alone.

        The directory that it lies in is locked as long as the process lives: what dead
        ones left is known by a lock that can be had, and removed.  No process id is asked,
        which may be another's by now, or of another container.
        """
        mine = _SCRATCH.get((self.root, os.getpid()))
        if mine is None or not mine[0].is_dir():
            mine = self._new_scratch()
            _SCRATCH[(self.root, os.getpid())] = mine
        return mine[0] / name

    def _new_scratch(self) -> tuple[Path, int]:
        parent = self.path("scratch", "x").parent
        with self.lock("scratch"):  # nobody removes a directory between its making and its lock
            self._bury(parent)
            try:
                place = Path(tempfile.mkdtemp(dir=parent))
                file = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError as e:
                raise self._unusable(e) from e
            held(file)
        return place, file

    def _bury(self, parent: Path) -> None:
        """Remove the scratch of processes that are dead, and what lies here by damage."""
        shutil.rmtree(self.root / "trash", ignore_errors=True)  # of versions before 2
        for left in parent.iterdir():
            if left.is_symlink() or not left.is_dir():
                with contextlib.suppress(OSError):
                    left.unlink()
                continue
            try:
                file = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                if try_take(file):
                    shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(file)

    def leave(self) -> None:
        """Remove this process' scratch, at its end."""
        mine = _SCRATCH.pop((self.root, os.getpid()), None)
        if mine is not None:
            shutil.rmtree(mine[0], ignore_errors=True)
            unlock(mine[1])
            os.close(mine[1])

    def remove(self, path: Path) -> None:
        """Delete a directory of the cache, in one step for everybody who looks."""
        if not os.path.lexists(path):
            return
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            return
        grave = Path(tempfile.mkdtemp(dir=self.scratch("x").parent))
        with contextlib.suppress(FileNotFoundError):
            os.replace(path, grave / "x")
        shutil.rmtree(grave, ignore_errors=True)


_SCRATCH: dict[tuple[Path, int], tuple[Path, int]] = {}
"""Cache and process (a fork inherits the table) to its scratch directory and the locked descriptor."""
