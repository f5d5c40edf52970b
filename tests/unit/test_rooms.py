"""docs/how-it-works.md's picture of the rooms against what they import, and who knows PVH."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import xenstage

TOP = Path(xenstage.__file__).parent
ROOMS = {p.parent.name for p in TOP.glob("*/__init__.py")}
PICTURE = (TOP.parent / "docs/how-it-works.md").read_text().split("A room imports")[0]
ORDER = re.findall(rf"^    ({'|'.join(sorted(ROOMS))}) ", PICTURE, re.M)  # the highest first
KNOW_PVH = {"boot", "cli"}


def _imports(path: Path) -> set[str]:
    """The rooms and single modules of ours that a module imports, wherever in its text."""
    package = ("xenstage", *path.relative_to(TOP).parts[:-1])
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("xenstage.")}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            full = (*base, *(node.module or "").split("."))
            names = [full] if len(full) > 1 and full[1] else [("xenstage", a.name) for a in node.names]
            found |= {n[1] for n in names if n[0] == "xenstage"}
    return found


def test_the_picture_names_every_room_once() -> None:
    assert sorted(ORDER) == sorted(ROOMS)


def test_arrows_point_one_way() -> None:
    up: list[str] = []
    for path in sorted(TOP.glob("*/**/*.py")):
        room = path.relative_to(TOP).parts[0]
        if room in ROOMS:
            above = ORDER[: ORDER.index(room)]
            up += [f"{path.relative_to(TOP)} imports {n}" for n in sorted(_imports(path)) if n in above]
    assert up == []


def test_single_modules_know_no_room() -> None:
    rows = [(p, _imports(p) & ROOMS) for p in TOP.glob("*.py") if p.name != "__main__.py"]
    assert [f"{p.name} imports {sorted(n)}" for p, n in rows if n] == []


def _words(path: Path) -> list[str]:
    """Identifiers and string constants of a module's code, its docstrings left out."""
    tree = ast.parse(path.read_text())
    prose = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)}
    out: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            out.append(node.value)
        out += [str(getattr(node, k)) for k in ("id", "attr", "name", "arg") if getattr(node, k, None)]
    return out


def test_only_the_rooms_that_the_picture_names_know_pvh() -> None:
    knowing = {
        p.relative_to(TOP).as_posix()
        for p in TOP.glob("*/**/*.py")
        if p.relative_to(TOP).parts[0] not in KNOW_PVH and any("pvh" in w.lower() for w in _words(p))
    }
    assert knowing == set()
