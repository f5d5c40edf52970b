"""Run a Python 2 helper script of the tree with this Python.

Used as ``PYTHON`` of the tree's make: ``python -m xenstage.tree.python2 SCRIPT
[ARGS]`` or ``-c TEXT``, reading standard input like the real thing.  A script that
this Python compiles runs as it is; any other goes through fissix (the maintained
fork of lib2to3) first.  The script on disk is not changed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_PRINT_TO = re.compile(r"^[ \t]*print[ \t]*>>", re.M)  # Python 3 takes it for a shift


def translate(source: str, name: str) -> str:
    """Python 2 or 3 source to Python 3 source.

    :raises SyntaxError: when it is neither.
    """
    try:
        compile(source, name, "exec")
        if not _PRINT_TO.search(source):
            return source
    except SyntaxError:
        pass
    from fissix.pgen2.parse import ParseError
    from fissix.pgen2.tokenize import TokenError
    from fissix.refactor import RefactoringTool, get_fixers_from_package

    tool = RefactoringTool(get_fixers_from_package("fissix.fixes"))
    try:
        source = str(tool.refactor_string(source + "\n", name))
    except (ParseError, TokenError, IndentationError) as e:
        raise SyntaxError(f"{name} is neither Python 2 nor Python 3: {e}") from e
    compile(source, name, "exec")
    return source


def read(path: Path) -> str:
    """A script's text: UTF-8, or Latin-1 as Python 2 scripts of the time often are."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def main() -> None:
    """Translate and run, with ``sys.argv`` and ``sys.path`` as the script expects them."""
    argv = sys.argv[1:]
    if argv[:1] == ["-c"]:
        source, name, sys.argv = argv[1], "<string>", ["-c", *argv[2:]]
        sys.path.insert(0, "")
    else:
        name, sys.argv = argv[0], argv
        source = read(Path(name))
        sys.path.insert(0, str(Path(name).resolve().parent))
    exec(compile(translate(source, name), name, "exec"), {"__name__": "__main__", "__file__": name})


if __name__ == "__main__":
    main()
