"""xenstage sites: every use of some names, and the numbers that must add up."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import Any

from ..index.sites import Index, index_names
from ..index.sweep import Files
from .common import add_tree_options, open_all

PREFIXES = ("is_pvh", "is_hvm", "has_hvm_container", "is_pv")
DEFAULT = tuple(f"{p}_{s}" for p in PREFIXES for s in ("domain", "vcpu"))


def add(verbs: Any) -> None:
    """Register the verb."""
    p = verbs.add_parser("sites", help="find every use of some names in a tree")
    add_tree_options(p)
    p.add_argument("names", nargs="*", default=list(DEFAULT), help="identifiers (default: the guest type predicates)")
    p.add_argument("--json", action="store_true", help="print the data")
    p.set_defaults(function=main)


def main(args: argparse.Namespace) -> int:
    """Index and print; 0 when every use is accounted for (anything else is an error)."""
    opened = open_all(args)
    prepared = opened.prepare_all()
    tracked = opened.tree.git.files(opened.tree.base)
    files = Files(prepared[0].root, tracked, {}, opened.tree.tree, opened.cache)
    index = index_names(files, prepared, args.names, cache=opened.cache)
    if args.json:
        print(json.dumps(index.to_json(), indent=1))
        return 0
    _print(index, args.names)
    return 0


def _print(index: Index, names: list[str]) -> None:
    for s in index.sites:
        where = f"{s.path}:{s.line}"
        what = s.unseen or f"{s.kind}, {', '.join(s.role)}" if s.role or s.unseen else s.kind
        argument = f"({s.argument}: {s.subject or '?'})" if s.argument else ""
        live = f"{len(s.live)}/{len(index.configs)}"
        print(f"{where:48} {s.name}{argument}  in {s.scope or '-'}  [{what}]  live {live}")
    print()
    print(f"{'name':28} {'uses':>5} {'lines':>6} {'tests':>6} {'definitions':>12} {'prose':>6} {'unseen':>7}")
    for group in _groups(names):
        mine = [s for s in index.sites if s.name in group[1]]
        own = [s for s in mine if s.kind == "definition" or (s.kind == "macro body" and s.scope in group[1])]
        tests = [s for s in mine if s.is_test and s not in own]
        prose = [s for s in mine if s.kind in ("comment", "string", "text", "preprocessor")]
        lines = len({(s.path, s.line) for s in tests})
        unseen = sum(bool(s.unseen) for s in mine)
        print(f"{group[0]:28} {len(mine):5} {lines:6} {len(tests):6} {len(own):12} {len(prose):6} {unseen:7}")
    kinds = Counter("unseen" if s.unseen else s.kind for s in index.sites)
    parts = ", ".join(f"{n} {k}" for k, n in sorted(kinds.items()))
    print(f"{len(index.sites)} textual uses = {parts}; {index.units} units in {', '.join(index.configs)}")
    for remark in index.remarks():
        print(remark)


def _groups(names: list[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Names that differ in ``_domain``/``_vcpu`` only are counted together."""
    groups: dict[str, list[str]] = {}
    for name in names:
        stem = name.removesuffix("_domain").removesuffix("_vcpu")
        groups.setdefault(stem, []).append(name)
    return [(f"{k}_*" if len(v) > 1 else v[0], tuple(v)) for k, v in groups.items()]
