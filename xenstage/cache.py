"""Cache: the one directory in which the tool keeps state, safe to delete at any time.

It follows the XDG base directory specification (``$XDG_CACHE_HOME/xenstage``).
Values are written to a temporary name and renamed, so that a reader sees a whole
value or none; a value that does not parse counts as absent.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import Exit, XenstageError

_PLAIN = re.compile(r"[A-Za-z0-9_./+@-]+\Z")


def digest(*parts: bytes | str) -> str:
    """The first 32 hex digits of a SHA-256 over the parts, each with its length."""
    h = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        h.update(b"%d:" % len(raw))
        h.update(raw)
    return h.hexdigest()[:32]


def write_atomically(path: Path, data: bytes) -> None:
    """Write the whole file or leave the old one; the directory is created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "wb") as f:
            f.write(data)
        os.chmod(name, 0o644)
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
        """The user's cache; where its path holds characters that Xen's makefiles
        cannot take (a space, say), a directory of our own under the system's
        temporary directory, named after it."""
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "xenstage"
        if not _PLAIN.match(str(base)):
            base = Path(tempfile.gettempdir()) / f"xenstage-{os.getuid()}-{digest(str(base))[:8]}"
        return Cache(base)

    def path(self, *parts: str) -> Path:
        """A path inside the cache, its parent directory made."""
        p = self.root.joinpath(*parts)
        try:
            p.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as e:
            raise XenstageError(
                Exit.OUTPUT,
                f"the cache directory cannot be written: {self.root}",
                why=str(e),
                remedy="make it writable, or set XDG_CACHE_HOME to a directory that is",
            ) from e
        return p

    def get(self, kind: str, key: str) -> Any | None:
        """The JSON value under a key, or None (also for a damaged one)."""
        try:
            return json.loads(self.path(kind, key[:2], f"{key}.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def put(self, kind: str, key: str, value: Any) -> None:
        """Keep a JSON value under a key, whole or not at all."""
        write_atomically(self.path(kind, key[:2], f"{key}.json"), json.dumps(value, sort_keys=True).encode())

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold a lock between processes; released by the kernel if we die."""
        with open(self.path("locks", name), "wb") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            yield

    def scratch(self, name: str) -> Path:
        """A path for a file of this process alone; those of processes that died are removed."""
        parent = self.path("scratch", "x").parent
        for left in parent.iterdir():
            if not Path(f"/proc/{left.name}").exists() and Path("/proc/self").exists():
                shutil.rmtree(left, ignore_errors=True)
        return self.path("scratch", str(os.getpid()), name)

    def remove(self, path: Path) -> None:
        """Delete a directory of the cache, in one step for everybody who looks."""
        if not path.exists():
            return
        grave = Path(tempfile.mkdtemp(dir=self.path("trash", "x").parent))
        os.replace(path, grave / "x")
        shutil.rmtree(grave, ignore_errors=True)
