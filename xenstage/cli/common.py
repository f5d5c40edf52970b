"""Options that several verbs share, and what they open."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from ..bundle import bundled, checkout
from ..cache import Cache
from ..errors import Exit, XenstageError
from ..process import Runner
from ..progress import say
from ..stage.declare import Stage, load_stages
from ..tree.config import BY_NAME, CONFIGS, Config
from ..tree.prepare import Prepared, prepare
from ..tree.source import Tree, enclosing, open_tree
from .sample import SAMPLE, sample_tree


def default_tree() -> str:
    """The tree that is meant where none is named: $XEN_SRC, the Xen clone around us, or our own submodule."""
    if named := os.environ.get("XEN_SRC"):
        return named
    around = enclosing(Path.cwd())
    return str(around or (checkout() or Path()) / "xen-src")


@dataclass(frozen=True)
class Opened:
    """What a verb works on."""

    cache: Cache
    runner: Runner
    tree: Tree
    configs: tuple[Config, ...]

    def prepare_all(self) -> list[Prepared]:
        """Every chosen configuration, prepared."""
        return [prepare(self.tree, c, cache=self.cache, runner=self.runner) for c in self.configs]


def add_tree_options(parser: argparse.ArgumentParser) -> None:
    """``--tree``, ``--base``, ``--config``."""
    parser.add_argument(
        "--tree",
        metavar="DIR",
        default=default_tree(),
        help=f"a clone of xen.git, read only; '{SAMPLE}' for the bundled sample "
        "(default: $XEN_SRC, or the clone that you stand in, or xen-src)",
    )
    parser.add_argument("--base", metavar="COMMIT", default="HEAD", help="the commit to start from (default: HEAD)")
    parser.add_argument(
        "--config",
        metavar="NAME",
        action="append",
        choices=[c.name for c in CONFIGS],
        help="a configuration to parse, may be repeated (default: all whose compiler is installed)",
    )


def open_all(args: argparse.Namespace) -> Opened:
    """The tree and the configurations that the options name.

    :raises XenstageError: as :func:`open_tree` and :func:`prepare` do.
    """
    cache, runner, tree = open_tree_of(args)
    return Opened(cache, runner, tree, choose_configs(args.config))


def open_tree_of(args: argparse.Namespace) -> tuple[Cache, Runner, Tree]:
    """The tree that the options name, for verbs that compile nothing.

    :raises XenstageError: as :func:`open_tree` does.
    """
    cache, runner = Cache.default(), Runner()
    path, base = Path(args.tree), args.base
    if args.tree == SAMPLE:
        path, base = sample_tree(bundled("sample"), cache=cache, runner=runner)
    need_tree(args.tree)
    return cache, runner, open_tree(path, base, cache=cache, runner=runner)


def need_tree(tree: str) -> None:
    """Stop where no tree is named and none is around us.

    :raises XenstageError: (TREE) then.
    """
    if checkout() is None and tree == "xen-src" and not Path(tree).exists():
        raise XenstageError(
            Exit.TREE,
            "which tree?",
            why=f"{Path.cwd()} is in no clone of xen.git, $XEN_SRC is not set, and no --tree is given",
            remedy=f"cd into your clone, or name it: --tree DIR; to try it out: --tree {SAMPLE}",
        )


def choose_configs(names: list[str] | None) -> tuple[Config, ...]:
    """The named configurations, or all that this machine can prepare.

    :raises XenstageError: (TOOLS) when there is none.
    """
    if names:
        return tuple(BY_NAME[n] for n in dict.fromkeys(names))
    able = tuple(c for c in CONFIGS if c.missing() is None)
    for c in CONFIGS:
        if c not in able:
            say(f"configuration {c.name} left out: {c.missing()}")
    if not able:
        raise XenstageError(
            Exit.TOOLS, "no configuration can be prepared", why="no C compiler", remedy="apt-get install gcc make"
        )
    return able


def stages_folder() -> Path:
    """Where the stages' folders are."""
    return bundled("stages")


def stages() -> dict[int, Stage]:
    """The stages of this project; those that cannot be used are named.

    :raises XenstageError: (TOOLS) there is none.
    """
    folder = stages_folder()
    found = load_stages(folder)
    if not found:
        raise XenstageError(
            Exit.TOOLS,
            "the stages are not here",
            why=f"nothing in {folder}",
            remedy="the installation is not whole: install again, or work in a clone of xenstage",
        )
    for stage in found.values():
        if stage.defect is not None:
            say(f"stage {stage.label} cannot be used: {stage.defect.title}")
    return found


def exit_code(worst: str) -> Exit:
    """The exit code of the worst verdict of a verb that judges (docs/errors.md)."""
    codes = {"PASS": Exit.OK, "SKIP": Exit.SKIPPED, "INFRA": Exit.INFRA, "REFUSED": Exit.NOT_SHOWN}
    return codes.get(worst, Exit.FAIL)
