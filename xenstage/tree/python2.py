"""Run a Python 2 helper script of the tree with this Python.

Used as ``PYTHON`` of the tree's make: ``python -m xenstage.tree.python2 SCRIPT
[ARGS]`` or ``-c TEXT``, reading standard input like the real thing.  A script that
this Python compiles runs as it is; any other goes through fissix (the maintained
fork of lib2to3) first.  So do the modules that it imports from its own directory.
The script on disk is not changed.
"""

from __future__ import annotations

import ast
import builtins
import functools
import gc
import re
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

# What Python 3 compiles and Python 2 meant otherwise: a print that it takes for a shift, the
# comparison function and the method that are gone.
_OLD = re.compile(r"^[ \t]*print[ \t]*>>|\bcmp\(|\.has_key\(", re.M)


def translate(source: str, name: str) -> str:
    """Python 2 or 3 source to Python 3 source.

    :raises SyntaxError: when it is neither.
    """
    try:
        compile(source, name, "exec")
        if not _OLD.search(source):
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


class _Sorts(ast.NodeTransformer):
    """``x.sort(f)``: in Python 2 ``f`` compares two items; Python 3 takes no such argument."""

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "sort" and len(node.args) == 1:
            order = ast.Call(ast.Name("__xenstage_order__", ast.Load()), node.args, [])
            return ast.Call(node.func, [], [*node.keywords, ast.keyword("key", order)])
        return node


def compiled(source: str, name: str) -> CodeType:
    """Code that means in this Python what the text meant in Python 2.

    :raises SyntaxError: as :func:`translate`.
    """
    module = _Sorts().visit(ast.parse(translate(source, name), name))
    return compile(ast.fix_missing_locations(module), name, "exec")


class _Loader(Loader):
    """A module beside the script."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def exec_module(self, module: ModuleType) -> None:
        exec(compiled(read(self._path), str(self._path)), vars(module))


class _Finder(MetaPathFinder):
    """Finds modules in one directory; no bytecode file is left there."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = self._directory / f"{fullname}.py"
        return spec_from_file_location(fullname, file, loader=_Loader(file)) if file.is_file() else None


def _be_python_2(directory: Path) -> None:
    """What scripts of the time expect to find: ``cmp``, and modules that are translated too."""
    vars(builtins)["cmp"] = lambda a, b: (a > b) - (a < b)
    vars(builtins)["__xenstage_order__"] = functools.cmp_to_key
    sys.meta_path.insert(0, _Finder(directory))


def main() -> None:
    """Translate and run, with ``sys.argv`` and ``sys.path`` as the script expects them."""
    argv = sys.argv[1:]
    if argv[:1] == ["-c"]:
        source, name, sys.argv = argv[1], "<string>", ["-c", *argv[2:]]
        sys.path.insert(0, "")
        _be_python_2(Path.cwd())
    else:
        name, sys.argv = argv[0], argv
        source = read(Path(name))
        sys.path.insert(0, str(Path(name).resolve().parent))
        _be_python_2(Path(name).resolve().parent)
    names: dict[str, Any] = {"__name__": "__main__", "__file__": name}
    try:
        exec(compiled(source, name), names)
    finally:  # a file that the script leaves open is written out, as at Python 2's end
        names.clear()
        gc.collect()


if __name__ == "__main__":
    main()
