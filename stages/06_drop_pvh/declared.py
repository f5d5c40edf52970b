"""What becomes of single functions, exactly: effects.toml, and sample.toml for the sample tree.

The text is what is left of the functions, so that it is of one tree; the proofs hold each
line against another tree's as well.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from xenstage.effect import ANYBODY, Effect
from xenstage.stage.view import View

FILES = ("sample.toml", "effects.toml")


def declare(view: View, patch: str) -> None:
    """Put down the effects of a patch for this tree: those of the first file whose ``tree`` it has."""
    for name in FILES:
        data = tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
        if view.files.has(data["tree"]):
            for e in data["effect"]:
                if e["patch"] == patch:
                    kind = e.get("kind", ANYBODY)
                    view.effect(Effect(e["file"], e["function"], kind, diff=e["diff"], because=e["because"]))
            for change in data["interface"] if patch == "without" else ():
                view.fixes(change)
            return
