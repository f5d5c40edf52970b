"""xenstage completion: completions for a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

SHELLS = ("bash", "zsh", "tcsh")


def add(verbs: Any) -> None:
    """Register the verb."""
    p = verbs.add_parser("completion", help="print completions for a shell")
    p.add_argument("shell", choices=SHELLS, help="bash: source <(xenstage completion bash)")
    p.set_defaults(function=main)


def main(args: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    files = {"DIR": shtab.DIRECTORY, "FILE": shtab.FILE, "STAGE|DIR": shtab.DIRECTORY}
    for action in _actions(args.parser):
        if action.metavar in files and action.choices is None:
            action.complete = files[action.metavar]  # type: ignore[attr-defined]
    print(shtab.complete(args.parser, args.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every option and argument of a parser and of its verbs."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from _actions(verb)
