"""Time the series of all written stages, and one rename against spatch's.

The series: in a cache that holds nothing but the prepared tree, then once more.

The rename, alternately: both sides start from files on disk and end with the changed files' text.  Our side runs as a
process of its own with an empty parse cache on a prepared tree; spatch runs with as many
jobs as there are cores.  ``python ci/bench.py [--tree DIR] [--runs N]``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from xenstage.cache import Cache
from xenstage.cli.common import choose_configs, default_tree, stages
from xenstage.edit.edits import Edit, apply_edits
from xenstage.index.sites import index_names
from xenstage.index.sweep import Files
from xenstage.process import Runner
from xenstage.tree.config import BY_NAME
from xenstage.tree.prepare import Prepared, prepare
from xenstage.tree.source import open_tree

OLD, NEW = "is_pvh_domain", "is_pvh_guest"
PATCH = f"@@\nexpression e;\n@@\n- {OLD}(e)\n+ {NEW}(e)\n"


def prepared_tree(tree: str) -> tuple[Prepared, Files]:
    """The x86_64 debug configuration and its files below ``xen/``, which is spatch's share too."""
    cache, runner = Cache.default(), Runner()
    opened = open_tree(Path(tree), "HEAD", cache=cache, runner=runner)
    prepared = prepare(opened, BY_NAME["x86_64-debug"], cache=cache, runner=runner)
    tracked = {p: m for p, m in opened.git.files(opened.base).items() if p.startswith("xen/")}
    return prepared, Files(prepared.root, tracked, {})


def rename(tree: str) -> None:
    """Our side: index, edit, parse again; prints what was found."""
    prepared, files = prepared_tree(tree)
    with tempfile.TemporaryDirectory() as empty:
        index = index_names(files, [prepared], [OLD], cache=Cache(Path(empty)))
    edits = [Edit(s.path, s.offset, OLD.encode(), NEW.encode(), "rename", "bench") for s in index.sites]
    changed = apply_edits(edits, files.read)
    left = [p for p, data in changed.items() if OLD.encode() in data]
    kinds = Counter(s.kind for s in index.sites)
    held = sum(bool(s.holders) for s in index.sites)
    counts = ", ".join(f"{n} in {k}" for k, n in sorted(kinds.items()))
    print(f"{len(index.sites)} uses ({counts}; {held} in macro or call arguments), {len(left)} left")


def spatch(root: Path, script: Path) -> int:
    """Spatch's side: the number of uses in the lines that its patch takes away."""
    argv = ["spatch", "--sp-file", str(script), "--dir", str(root / "xen"), "-j", str(os.cpu_count() or 1)]
    done = subprocess.run([*argv, "--very-quiet"], capture_output=True, text=True, check=False)
    return sum(x.count(OLD) for x in done.stdout.splitlines() if x.startswith("-") and not x.startswith("---"))


def series(tree: str) -> None:
    """Write the series of all written stages twice, in a cache that holds only the prepared tree; print both times."""
    cache, runner = Cache.default(), Runner()
    opened = open_tree(Path(tree), "HEAD", cache=cache, runner=runner)
    wanted = [s.label[:2] for s in stages().values() if s.whole]
    with tempfile.TemporaryDirectory() as place:
        fresh = Cache(Path(place, "xenstage"))
        for config in choose_configs(None):
            key = prepare(opened, config, cache=cache, runner=runner).key
            shutil.copytree(cache.path("prepared", key), fresh.path("prepared", key), symlinks=True)
        env = {**os.environ, "XDG_CACHE_HOME": place}

        def timed(*verb: str) -> float:
            argv = [sys.executable, "-m", "xenstage", *verb, "--tree", tree]
            started = time.perf_counter()
            subprocess.run(argv, env=env, capture_output=True, check=True)
            return time.perf_counter() - started

        timed("prepare")  # looks at what was copied
        run = ("run", *wanted, "--out", str(Path(place, "out")))
        cold, warm = timed(*run), min(timed(*run) for _ in range(3))
    print(f"stages {' '.join(wanted)} from a prepared tree: {cold:.1f} s, again {warm:.1f} s")


def main() -> int:
    """Alternate runs; medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", default=default_tree())
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--ours", action="store_true", help="our side once, in this process")
    args = parser.parse_args()
    if args.ours:
        rename(args.tree)
        return 0
    series(args.tree)
    if shutil.which("spatch") is None:
        print("bench: SKIP: spatch is not installed (Debian: apt-get install coccinelle)")
        return 0
    _, files = prepared_tree(args.tree)
    work = Path(tempfile.mkdtemp())
    script = work / "rename.cocci"
    script.write_text(PATCH)
    for path in files.paths():  # spatch sees what git has, without what make added
        if path.endswith((".c", ".h")):
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_bytes(files.read(path))
    ours, theirs = list[float](), list[float]()
    for _ in range(args.runs):
        started = time.perf_counter()
        argv = [sys.executable, __file__, "--ours", "--tree", args.tree]
        found = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
        ours.append(time.perf_counter() - started)
        started = time.perf_counter()
        counted = spatch(work, script)
        theirs.append(time.perf_counter() - started)
    shutil.rmtree(work)
    print(f"xenstage: {_line(ours)}  {found}")
    print(f"spatch:   {_line(theirs)}  {counted} uses renamed")
    pairs = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    print(f"ratio xenstage/spatch, pair by pair: {pairs[0]:.2f} .. {statistics.median(pairs):.2f} .. {pairs[-1]:.2f}")
    return 0


def _line(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f}-{max(seconds):.2f}, {len(seconds)} runs)"


if __name__ == "__main__":
    sys.exit(main())
