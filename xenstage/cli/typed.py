"""typed: commands in what we print, completed so that they can be typed as they stand."""

from __future__ import annotations

import argparse
import os
import re
import shlex

from .sample import SAMPLE

# Verb to the options that it takes from those that were used.
_TAKES = {
    **dict.fromkeys(("sites", "explain", "prepare", "audit"), ("tree", "base")),
    **dict.fromkeys(("run", "build", "verify", "boot", "matrix"), ("tree", "base", "out")),
    "export": ("tree", "out"),
    **dict.fromkeys(("import", "overlay", "report"), ("out",)),
}
_DEFAULTS = {"tree": "", "base": "HEAD", "out": "out"}
_COMMAND = re.compile(rf"\bxenstage ({'|'.join(_TAKES)})\b((?: (?!…)[^\s,;:()]+)*)")
PROGRAM = "XENSTAGE_COMMAND"
"""The variable by which a script that starts us says how it is typed."""


def typed(text: str, args: argparse.Namespace) -> str:
    """Every command of ours in a text with the tree, base and output that were used, and our name as it was typed.

    :param args: of the verb that speaks.
    """
    name = os.environ.get(PROGRAM, "xenstage")

    def whole(m: re.Match[str]) -> str:
        verb, rest = m.groups()
        more: list[str] = []
        for option in _TAKES[verb]:
            value = str(getattr(args, option, None) or "")
            stands = option == "tree" and value != SAMPLE and not getattr(args, "tree_named", False)
            if value and value != _DEFAULTS[option] and f"--{option}" not in rest and not stands:
                more += [f"--{option}", value]
        if verb == "explain" and re.fullmatch(r"(?: \d+\w*)?", rest):
            more = []  # what stages declare needs no tree
        return f"{name} {verb}{rest}" + (f" {shlex.join(more)}" if more else "")

    return _COMMAND.sub(whole, text)
