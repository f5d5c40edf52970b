"""engine: the name of the tool's own code, by which what it found out is kept: other code asks again."""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from pathlib import Path

from .bundle import PACKAGE
from .cache import digest

_LIBRARIES = ("libclang", "pycparser", "libcst")


@functools.cache
def engine() -> str:
    """Names this package's code and the libraries that read C."""
    return digest(sys.version, *(importlib.metadata.version(n) for n in _LIBRARIES), *texts(PACKAGE))


def texts(top: Path) -> list[bytes | str]:
    """Names and bytes of all code and data below a directory."""
    out: list[bytes | str] = []
    for path in sorted(p for p in top.rglob("*") if p.suffix in (".py", ".toml") and p.is_file()):
        out += [path.relative_to(top).as_posix(), path.read_bytes()]
    return out
