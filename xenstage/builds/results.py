"""Build results, kept by what was built: tree hash, configuration, toolchain."""

from __future__ import annotations

from typing import Any

from ..cache import Cache, digest
from ..series.make import Series
from ..tree.config import Config

VERSION = "3"


def result_key(tree: str, config: Config, toolchain: str) -> str:
    """A result holds for a tree hash, whatever the commit's message or author."""
    return digest("build", VERSION, tree, config.name, toolchain)


def note_result(cache: Cache, tree: str, config: Config, toolchain: str, result: dict[str, Any]) -> None:
    """Keep a result, and under the tree hash which results there are."""
    cache.put("builds", result_key(tree, config, toolchain), result)
    cache.put("built", digest(tree, config.name), {"toolchain": toolchain})


def known_results(cache: Cache, series: Series) -> dict[str, Any]:
    """Results by tree hash and configuration, of the toolchain that was used last."""
    from ..tree.config import BUILDS

    out: dict[str, Any] = {}
    for made in series.made:
        for config in BUILDS:
            which = cache.get("built", digest(made.tree, config.name))
            found = cache.get("builds", result_key(made.tree, config, which["toolchain"])) if which else None
            if found is not None:
                out.setdefault(made.tree, {})[config.name] = {k: found[k] for k in ("verdict", "seconds", "compiler")}
    return out
