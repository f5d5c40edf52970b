"""log: what the output of a make says: warnings, targets that failed, the first error."""

from __future__ import annotations

import re
from pathlib import Path

_WARNING = re.compile(r"^(\S+?):\d+(?::\d+)?: (warning: .*)$", re.M)
_TARGET = re.compile(r"^make.*?\*\*\* \[(?:[^\]\s]*:\d+: )?([^\]]+)\] Error", re.M)
_CRASH = re.compile(
    r"^.*(?:internal compiler error|Killed signal terminated program|PLEASE submit a bug report"
    r"|Segmentation fault|Illegal instruction|Bus error).*$",
    re.M,
)
_ERROR = re.compile(r"^.*(?:\berror:|undefined reference|internal compiler error|\*\*\*).*$", re.M)


def warnings_in(log: str, root: Path) -> list[str]:
    """Warnings as "file: text"; line numbers shift and are left out.

    :param root: the checkout, which file names are shown relative to.
    """
    return [f"{m.group(1).replace(f'{root}/', '')}: {m.group(2)}" for m in _WARNING.finditer(log)]


def failed_targets(log: str, root: Path) -> tuple[str, ...]:
    """The targets that make could not make, sorted."""
    return tuple(sorted({m.group(1).replace(f"{root}/", "") for m in _TARGET.finditer(log)}))


def first_error(log: str) -> str | None:
    """The first line that says what is wrong, at most 300 characters."""
    first = _ERROR.search(log)
    return first.group().strip()[:300] if first else None


def crash_in(log: str) -> str | None:
    """The first line that says that a compiler died, at most 200 characters."""
    crash = _CRASH.search(log)
    return crash.group().strip()[:200] if crash else None
