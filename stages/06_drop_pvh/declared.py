"""What becomes of single functions, exactly: effects.toml, and sample.toml for the sample tree.

A row is of trees that have its function, with ``when`` and without ``unless`` in its body; of several rows for a
function the first that is. What differs from release to release the lines leave open. Nothing of it comes from the
rewrite: a function that it leaves out is declared all the same, and one that nobody declared is found by the proofs.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from xenstage.ctext.entities import entities
from xenstage.ctext.pattern import Pattern
from xenstage.effect import ANYBODY, Effect
from xenstage.stage.view import View

FILES = ("sample.toml", "effects.toml")
ANY = "*"


def declare(view: View, patch: str) -> None:
    """Put down the effects of a patch for this tree: those of the first file whose ``tree`` it has.

    :raises XenstageError: (SITE) when on the file's own ``base`` a row is of no function, or one that is said to be
        elsewhere is of one.
    """
    for name in FILES:
        data = tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
        if view.files.has(data["tree"]):
            _effects(view, [e for e in data["effect"] if e["patch"] == patch], data.get("base", ""))
            for change in data["interface"] if patch == "without" else ():
                view.fixes(change)
            return


def _effects(view: View, rows: list[dict[str, Any]], base: str) -> None:
    named = [r for r in rows if r["function"] != ANY]
    known: set[tuple[str, str, str]] = set()
    for row in (*named, *(r for r in rows if r["function"] == ANY)):
        kind = row.get("kind", ANYBODY)
        found = [f for f in _functions(view, row) if (*f, kind) not in known]
        if row["function"] == ANY:  # what is said of one function alone goes before
            found = [f for f in found if f not in {k[:2] for k in known}]
        known |= {(*f, kind) for f in found}
        for path, function in found:
            how = {k: row[k] for k in ("diff", "each") if k in row}
            view.effect(Effect(path, function, kind, because=row["because"], **how))
        if base and view.commit == base and bool(found) == row.get("elsewhere", False):
            title = "an effect of another tree is of this one" if found else "an effect is of no function"
            raise view.unknown(title, f"patch {row['patch']}, {row['file']}: {row['function']}")


def _functions(view: View, row: dict[str, Any]) -> list[tuple[str, str]]:
    """The functions and macros that a row is about, each as path and name: in whose body ``when`` matches, and not
    ``unless``."""
    path, name, when, unless = row["file"], row["function"], row.get("when", ""), row.get("unless", "")
    word = max(re.findall(r"\w+", re.sub(r"\$\w+(:\w+)?", "", when)), key=len, default="").encode()
    files = [p for p in view.files.paths() if p == path or (path.endswith("/") and p.startswith(path))]
    out = []
    for file in (f for f in files if f.endswith((".c", ".h"))):
        data = view.read(file)
        if word not in data or (name != ANY and name.encode() not in data):
            continue
        for e in entities(data).values():
            if e.kind in ("function", "macro") and name in (e.name, ANY):
                body = next((t.start for t in e.tokens if t.text == "{"), e.start)
                has = [bool(p) and bool(Pattern(p).find(data, body, e.end)) for p in (when, unless)]
                if (has[0] or not when) and not has[1]:
                    out.append((file, e.name))
    return list(dict.fromkeys(out))
