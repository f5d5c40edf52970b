"""bundled: where the files stand that the tool works with and that are no modules.

In a checkout they are directories at its top; in an installed package they lie inside it,
where ``setup.py`` puts them.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from .errors import Exit, XenstageError

PACKAGE = Path(str(files("xenstage")))
"""The package itself; programs that are started find it with the directory above it."""

PLACES = {"stages": "stages", "guests": "guests", "sample": "tests/sample/tree"}
"""What there is, and where a checkout has it."""


def place(name: str) -> Path:
    """Where the directory of one of :data:`PLACES` is, or would be in a checkout."""
    inside = PACKAGE / "bundled" / name
    return inside if inside.is_dir() else PACKAGE.parent / PLACES[name]


def bundled(name: str) -> Path:
    """The directory of one of :data:`PLACES`.

    :raises XenstageError: (TOOLS) it is not installed.
    """
    found = place(name)
    if not found.is_dir():
        raise XenstageError(
            Exit.TOOLS,
            f"the {name} of xenstage are not here",
            why=f"there is neither {PACKAGE / 'bundled' / name} nor {found}",
            remedy="the installation is not whole: install xenstage again, or work in a clone of it",
        )
    return found


def checkout() -> Path | None:
    """The top of the clone in which the tool stands; None where it is installed."""
    top = PACKAGE.parent
    return top if (top / "pyproject.toml").is_file() and not (PACKAGE / "bundled").exists() else None
