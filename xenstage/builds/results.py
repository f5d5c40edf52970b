"""Build results, kept by what was built: tree hash, configuration, toolchain."""

from __future__ import annotations

from typing import Any

from ..cache import Cache, digest
from ..series.make import Series
from ..tree.config import BUILDS, Config

VERSION = "9"


def result_key(tree: str, config: Config, toolchain: str) -> str:
    """A result holds for a tree hash, whatever the commit's message or author."""
    return digest("build", VERSION, tree, config.name, toolchain)


def note_verdict(
    cache: Cache, base: str, tree: str, config: Config, verdict: str, seconds: float, compiler: str
) -> None:
    """Keep the verdict that a tree got beside a base: the last one, by whatever toolchain."""
    value = {"verdict": verdict, "seconds": seconds, "compiler": compiler}
    cache.put("verdicts", digest(VERSION, base, tree, config.name), value)


def known_results(cache: Cache, series: Series) -> dict[str, Any]:
    """Verdicts by tree hash and configuration, as they were given last on the series' base."""
    out: dict[str, Any] = {}
    for made in series.made:
        for config in BUILDS:
            found = cache.get("verdicts", digest(VERSION, series.base, made.tree, config.name))
            if found is not None:
                out.setdefault(made.tree, {})[config.name] = found
    return out
