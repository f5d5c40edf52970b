"""Run a Python 2 helper script of the tree with this Python.

Used as ``PYTHON`` of the tree's make: ``python -m xenstage.tree.python2 SCRIPT
[ARGS]`` or ``-c TEXT``, reading standard input like the real thing.  A script that
this Python compiles runs as it is; any other goes through fissix (the maintained
fork of lib2to3) first.  The script on disk is not changed.
"""

from __future__ import annotations

import sys


def translate(source: str, name: str) -> str:
    """Python 2 or 3 source to Python 3 source.

    :raises SyntaxError: when it is neither.
    """
    try:
        compile(source, name, "exec")
    except SyntaxError:
        from fissix.refactor import RefactoringTool, get_fixers_from_package

        tool = RefactoringTool(get_fixers_from_package("fissix.fixes"))
        source = str(tool.refactor_string(source + "\n", name))
        compile(source, name, "exec")
    return source


def main() -> None:
    """Translate and run, with ``sys.argv`` as the script expects it."""
    argv = sys.argv[1:]
    if argv[:1] == ["-c"]:
        source, name, sys.argv = argv[1], "<string>", ["-c", *argv[2:]]
    else:
        name = argv[0]
        with open(name, encoding="utf-8", errors="surrogateescape") as f:
            source = f.read()
        sys.argv = argv
    exec(compile(translate(source, name), name, "exec"), {"__name__": "__main__", "__file__": name})


if __name__ == "__main__":
    main()
