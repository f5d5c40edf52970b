"""bench: what the proofs say of commits of the tree's own history, each against its parent.

A list names commits and what is known of each: "same" for one that changes nothing in
function, "changes" for one that does.  No text of a commit is kept anywhere: the
repository is asked for it each time.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from xenstage.builds.builder import Builder, Result
from xenstage.builds.harvest import Harvester
from xenstage.cache import Cache
from xenstage.errors import XenstageError
from xenstage.index.sweep import Files
from xenstage.process import Runner
from xenstage.prove.case import Case, Declared, make_case
from xenstage.prove.judge import NAMES, Judgement, judge_patch
from xenstage.prove.patch.form import prove_form
from xenstage.tree.config import BY_NAME
from xenstage.tree.source import Tree, open_tree

SAME, CHANGES = "same", "changes"


@dataclass(frozen=True)
class Listed:
    """A commit of the list.

    :param truth: SAME or CHANGES.
    :param window: commits of one window lie close together; their builds share a directory.
    """

    commit: str
    truth: str
    window: int


@dataclass(frozen=True)
class Row:
    """What became of one commit.

    :param seconds: of the proofs, without builds.
    :param error: why there is no judgement, where there is none.
    """

    listed: Listed
    judgement: Judgement | None
    seconds: float
    error: str = ""
    built: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """By what it is shown that nothing changes; where nothing was built, that only a build is missing."""
        j = self.judgement
        if j is None or j.shown:
            return j.shown if j is not None else ""
        wanting = [w for w in j.why_not if not w.startswith(("objects: ", "hypercalls: "))]
        no_fault = all(p.verdict in ("PASS", "SKIP") or p.name == "objects" for p in j.proofs)
        return "the source proofs, unbuilt" if not self.built and not wanting and no_fault else ""

    @property
    def false(self) -> str:
        """What is wrong with the verdict; "" where nothing is."""
        j = self.judgement
        if j is None:
            return ""
        if self.listed.truth == SAME and j.verdict == "FAIL":
            return "FAIL on a patch that changes nothing"
        if self.listed.truth == CHANGES and self.shown:
            return "a change called unchanged"
        return ""


def read_list(text: str) -> list[Listed]:
    """Lines "HASH same" or "HASH changes"; '#' begins a comment, a blank line a new window.

    :raises ValueError: a line of another shape.
    """
    out: list[Listed] = []
    window = 0
    for line in text.splitlines():
        if not line.strip():
            window += 1
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not re.fullmatch(r"[0-9a-f]{7,40}", words[0]) or words[1] not in (SAME, CHANGES):
            raise ValueError(f"not 'HASH {SAME}' or 'HASH {CHANGES}': {line}")
        out.append(Listed(words[0], words[1], window))
    return out


@dataclass(frozen=True)
class Bench:
    """Verifies commits of one repository.

    :param origin: a clone of xen.git with the history; read only.
    :param configs: names of the configurations to build; none for the source proofs alone.
    """

    origin: Path
    configs: tuple[str, ...]
    cache: Cache
    runner: Runner

    def rows(self, listed: Sequence[Listed]) -> Iterator[Row]:
        """One row for each commit, as it is done.  One bench at a time: they share a checkout."""
        with self.cache.lock("realpatches", "another bench is at it; waiting for that"):
            yield from self._rows(listed)

    def _rows(self, listed: Sequence[Listed]) -> Iterator[Row]:
        trees: dict[int, Tree] = {}
        for entry in listed:
            started = time.monotonic()
            try:
                parent, commit = self._hash(f"{entry.commit}^"), self._hash(entry.commit)
                if entry.window not in trees:
                    trees[entry.window] = self._tree(parent)
                tree = trees[entry.window]
                case = self._case(tree, parent, commit)
                built = self._build(tree, case)
                started = time.monotonic()
                judged = judge_patch(case, built, cache=self.cache, step=lambda name: None)
                mail = tree.git.need("format-patch", "-1", "--stdout", commit)
                judged = judged.with_form(prove_form(case, patch=mail, total=1))
                yield Row(entry, judged, time.monotonic() - started, built=tuple(sorted(built)))
            except XenstageError as e:
                yield Row(entry, None, time.monotonic() - started, f"{e.title}: {e.why}")

    def _hash(self, name: str) -> str:
        asked = ["git", "-C", str(self.origin), "rev-parse", "--verify", "-q", f"{name}^{{commit}}"]
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()

    def _tree(self, base: str) -> Tree:
        """The tree at a base, whose repository sees every object of the origin."""
        tree = open_tree(self.origin, base, cache=self.cache, runner=self.runner)
        asked = ["git", "-C", str(self.origin), "rev-parse", "--path-format=absolute", "--git-path", "objects"]
        objects = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
        info = tree.git.repo / "objects/info/alternates"
        info.parent.mkdir(exist_ok=True)
        info.write_text(f"{objects}\n")
        return tree

    def _case(self, tree: Tree, parent: str, commit: str) -> Case:
        git = tree.git
        root = self.cache.path("realpatches", "tree", "x").parent
        git.checkout(parent, root, root.parent / "index")
        base = Files(root, git.files(parent), {}, git.tree_of(parent), self.cache)
        return make_case(git, 1, parent, commit, base, parent, Declared(), self.cache)

    def _build(self, tree: Tree, case: Case) -> dict[str, tuple[Result, Result]]:
        out: dict[str, tuple[Result, Result]] = {}
        for name in self.configs:
            config = BY_NAME[name]
            harvester = Harvester(tree, config, {case.commit: case.parent}, self.cache, self.runner)
            builder = Builder(tree, config, self.cache, self.runner, time.monotonic, harvester)
            before = builder.build(case.parent, None)
            out[name] = (before, builder.build(case.commit, before))
        return out


__all__ = ["CHANGES", "NAMES", "SAME", "Bench", "Listed", "Row", "read_list"]
