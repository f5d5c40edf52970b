"""make_series: run a stage's patches over a tree and make each a commit of our own."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..cache import Cache, digest
from ..edit.edits import Edit
from ..errors import Exit, XenstageError
from ..index.pool import Workers
from ..index.sites import Index, index_names
from ..index.sweep import Files, sweep
from ..mail.overlay import Entry
from ..process import leave_signals
from ..progress import Progress, say
from ..stage.declare import Patch, Stage, defect_of
from ..stage.view import View
from ..tree.git import Git, Identity
from ..tree.prepare import Prepared
from ..tree.source import Tree
from .kept import Work, code_of, keep, kept
from .message import commit_message
from .rewriting import rewrite, slips


@dataclass(frozen=True)
class Made:
    """One patch as a commit.

    :param commit: its hash in our own repository.
    :param tree: the hash of its tree, which does not depend on message, author or date.
    :param edits: what was changed, with rules and reasons.
    :param facts: what the rewrite put down about this tree.
    :param sites: counts of uses: rewritten, staying, by name.
    :param checked: what the stage's own check returned.
    :param parent_tree: the hash of the tree before it.
    :param patch_id: what ``git patch-id --stable`` says of it: by this, people's words are found.
    :param subject: as its message has it, which may be a person's.
    :param signoff: who signed it off ("Name <address>"); "" for nobody.
    :param words: what people say of it.
    """

    patch: Patch
    commit: str
    tree: str
    edits: tuple[Edit, ...]
    facts: dict[str, Any]
    sites: dict[str, dict[str, int]]
    stays: tuple[dict[str, Any], ...]
    checked: dict[str, Any] = field(default_factory=dict)
    parent_tree: str = ""
    patch_id: str = ""
    subject: str = ""
    signoff: str = ""
    words: Entry = field(default_factory=Entry)


@dataclass(frozen=True)
class Telling:
    """What goes into messages beside a stage's own text; by patch id but for the conclusions.

    :param conclusions: what proofs allow a message to say, by the hash of the patch's tree.
    :param signoffs: who signed a patch off: "Name <address>".
    :param words: what people say of a patch.
    """

    conclusions: Mapping[str, str] = field(default_factory=dict)
    signoffs: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, Entry] = field(default_factory=dict)


@dataclass(frozen=True)
class Series:
    """A stage's patches over a tree.

    :param parent: the commit that the first patch stands on.
    :param tip: the last patch's commit; the parent where there was nothing to do.
    :param index: every use of the stage's names before the first patch.
    :param kept: counts of the names that stay, before and after the series.
    :param author: the user.
    """

    stage: Stage
    base: str
    parent: str
    tip: str
    made: tuple[Made, ...]
    index: Index
    kept: dict[str, dict[str, int]]
    author: Identity


@dataclass(frozen=True)
class Since:
    """What the patch before did, where it is of the same stage.

    :param index: of the tree after it; making it may go on beside other work.
    :param settle: waits for that and keeps the patch's work, not before the parser had no fault
        to find: raises its error.
    """

    index: Callable[[], Index]
    settle: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Workshop:
    """What making a series needs, and the questions that all patches of a stage share.

    A stage's indexes are all made for the same names, so that the tree after a patch,
    which is the tree before the next, is parsed once.

    :param prepared: configurations to parse, the first one's checkout being read.
    :param author: the user.
    :param homes: for :func:`xenstage.series.kept.code_of`.
    :param workers: the processes that parse, where they are kept for more than one index.
    :param thread: one thread, in which the tree after a patch is read.
    """

    tree: Tree
    prepared: Sequence[Prepared]
    cache: Cache
    author: Identity
    homes: dict[Path, str] = field(default_factory=dict, compare=False, repr=False)
    workers: Workers | None = field(default=None, compare=False, repr=False)
    thread: Executor | None = field(default=None, compare=False, repr=False)

    def key_of(self, stage: Stage, patch: Patch, tree: str) -> str:
        """What a patch's work on a tree is kept by; "" where nothing is kept."""
        code = code_of(stage, patch, self.homes)
        return digest(code, self.tree.base, tree, *(p.key for p in self.prepared)) if code else ""

    def files(self) -> Files:
        """The base commit's files."""
        first = self.prepared[0]
        tracked = self.tree.git.files(self.tree.base)
        return Files(first.root, tracked, {}, self.tree.tree, self.cache)

    def index(self, files: Files, stage: Stage, changed: Collection[str] | None = None) -> Index:
        """An index of the stage's names in all prepared configurations.

        :param changed: as for :func:`xenstage.index.sites.index_names`.
        """
        names = {n for p in stage.patches for n in (*p.names, *p.introduces)} - set(stage.keeps)
        define = {n for p in stage.patches for n in p.defines}
        return index_names(
            files, self.prepared, names, cache=self.cache, define=define, workers=self.workers, changed=changed
        )

    def view(self, files: Files, stage: Stage, patch: Patch, since: Since | None = None) -> View:
        """The tree as a patch sees it.

        :param since: what the patch before it in its stage did; None for the first one.
        """
        index = since.index if since is not None else lambda: self.index(files, stage)
        return View(files, index, patch.names, self.tree.base)

    def ahead(self, files: Files, stage: Stage, patch: Patch, changed: Collection[str]) -> Callable[[], Index]:
        """An index of the tree after a patch, made while other work goes on; without processes, when it is asked for.

        :param changed: as for :meth:`index`.
        """

        def make() -> Index:
            try:
                return self.index(files, stage, changed)
            except XenstageError as e:
                if e.code is not Exit.PARSE:
                    raise
                remedy = "nothing was written: the stage does not know this tree. Choose another base: --base COMMIT"
                raise XenstageError(e.code, f"{e.title} after {patch.subject!r}", why=e.why, remedy=remedy) from e

        if self.thread is None or self.workers is None or not self.workers.start():
            return functools.cache(make)
        return self.thread.submit(make).result

    def settle(self, files: Files, stage: Stage, tree: str) -> None:
        """Read the tree after a stage in every configuration, as the one before it was.

        :param tree: its hash.
        :raises XenstageError: (PARSE) as the index does.
        """
        key = self.key_of(stage, stage.patches[-1], tree)
        if key and self.cache.get("tips", key) is True:
            return
        self.index(files, stage).coverage()
        if key:
            self.cache.put("tips", key, True)


def make_series(shop: Workshop, stages: Sequence[Stage]) -> list[Series]:
    """Run stages one after the other, each on the tip of the one before.

    Nothing is written outside our own repository.

    :raises XenstageError: the first thing that does not hold; no series is returned then.
    """
    for stage in stages:
        if defect := defect_of(stage):
            raise defect
    with ThreadPoolExecutor(1, initializer=leave_signals) as thread, Workers() as workers:
        return _make_all(replace(shop, workers=workers, thread=thread), stages)


def _make_all(shop: Workshop, stages: Sequence[Stage]) -> list[Series]:
    files, parent, count = shop.files(), shop.tree.base, 0
    out: list[Series] = []
    date = shop.tree.git.date_of(shop.tree.base)
    sweep(files, _all_names(stages))  # one pass over the tree; every later question is answered from it
    standing = _standing(stages, files)
    progress = Progress("patches", sum(len(s.patches) for s in stages))
    for number, stage in enumerate(stages):
        started, first = files, parent
        made: list[Made] = []
        since: Since | None = None
        settled = [] if number < standing else [_already(p, files) for p in stage.patches if p.introduces or p.removes]
        for patch in _told(stage, progress):
            # A patch that only moves uses cannot be told by its names: it is there if the rest is.
            if number < standing or _already(patch, files) or (settled and all(settled)):
                continue
            try:
                result = _make_patch(shop, stage, patch, files, since, parent, date + 60 * (count + 1))
            finally:  # what is wrong with the tree that the patch stands on is said first
                if since is not None:
                    since.settle()
            if result is None:
                continue
            one, files, since = result
            count += 1
            made.append(one)
            parent = one.commit
        if since is not None:
            since.settle()
            shop.settle(files, stage, made[-1].tree)
        index = _stage_index(shop, stage, started)
        kept = _kept(stage, started, files)
        out.append(Series(stage, shop.tree.base, first, parent, tuple(made), index, kept, shop.author))
    progress.close()
    return out


def _told(stage: Stage, progress: Progress) -> Iterator[Patch]:
    for patch in stage.patches:
        yield patch
        progress.step(f"{stage.label}: {patch.subject}")


def _all_names(stages: Sequence[Stage]) -> set[str]:
    out: set[str] = set()
    for stage in stages:
        out.update(stage.keeps)
        for p in stage.patches:
            out.update((*p.names, *p.removes, *p.introduces, *(d.rpartition(" ")[2] for d in p.defines)))
    return out


def _stage_index(shop: Workshop, stage: Stage, files: Files) -> Index:
    """The stage's names in every configuration; names that only stay, in the first one."""
    whole = shop.index(files, stage)
    if not stage.keeps:
        return whole
    kept = index_names(files, shop.prepared[:1], stage.keeps, cache=shop.cache, workers=shop.workers)
    sites = sorted([*whole.sites, *kept.sites], key=lambda s: (s.path, s.offset))
    passed = Counter(whole.passed) + Counter(kept.passed)
    return Index(tuple(sites), whole.configs, whole.units + kept.units, passed=dict(passed))


def _standing(stages: Sequence[Stage], files: Files) -> int:
    """How many of the first stages a tree holds: a later one may have taken away the names that an earlier one brought.

    What the last of them brings is there, all of it; what stood before is what it stands on.
    """
    for count in range(len(stages), 0, -1):
        named = [p for p in stages[count - 1].patches if p.introduces or p.removes]
        there = {h.name for h in sweep(files, {n for p in named for n in (*p.introduces, *p.removes)})}
        brought = {n for p in named for n in p.introduces}
        gone = {n for p in named for n in p.removes} - brought
        if brought and brought <= there and not gone & there:
            return count
    return 0


def _already(patch: Patch, files: Files) -> bool:
    """Whether the tree holds what the patch makes, so that a second run finds nothing.

    :raises XenstageError: (SITE) when it holds a part of it.
    """
    hits = sweep(files, [*patch.introduces, *patch.removes])
    there = {h.name for h in hits}
    done = [n for n in patch.introduces if n in there] + [n for n in patch.removes if n not in there]
    if not done or (not patch.introduces and len(done) < len(patch.removes)):
        return False  # a name that this tree never had tells nothing; what the patch needs, its rewrite asks for
    if len(done) == len(patch.introduces) + len(patch.removes):
        return True
    todo = sorted({*patch.introduces, *patch.removes} - set(done))
    where = [f"{h.path}: {h.name}" for h in hits if h.name in done or h.name in todo]
    raise XenstageError(
        Exit.SITE,
        f"the tree holds a part of {patch.subject!r}",
        why=f"as after the patch: {', '.join(sorted(done))}\nas before it: {', '.join(todo)}\n"
        + "\n".join(sorted(set(where))[:12]),
        remedy="the stage does not know this tree; no series was written. Use a base without the change: --base COMMIT",
    )


def _make_patch(
    shop: Workshop, stage: Stage, patch: Patch, files: Files, since: Since | None, parent: str, date: int
) -> tuple[Made, Files, Since] | None:
    """The patch as a commit, the files after it, and what it did; None where every use may stay as it is."""
    git, cache = shop.tree.git, shop.cache
    before_tree = git.tree_of(parent)
    key = shop.key_of(stage, patch, before_tree)
    work = kept(cache, key) if key else None
    done: Since | None = None
    if work is None or (work.tree and not git.has(work.tree)):
        work, done = _work(shop, stage, patch, files, since, parent, key)
    for note in work.notes:
        say(f"{stage.label}: {note}")
    if not work.tree:
        return None
    git.remember_patch_id(before_tree, work.tree, work.patch_id)
    said = replace(
        patch,
        effects=(*patch.effects, *work.effects),
        interface=(*patch.interface, *work.interface),
        reaches=(*patch.reaches, *work.reaches),
    )
    # _tell makes the commit, once its message is known.
    made = Made(
        said, "", work.tree, work.edits, work.facts, work.sites, work.stays, work.checked, before_tree, work.patch_id,
    )  # fmt: skip
    after = files.with_overlay(work.changed)
    if done is None:
        done = Since(functools.cache(functools.partial(shop.index, after, stage, set(work.changed))))
    return _tell(made, git, shop.author, parent, date, Telling()), after, done


def _work(
    shop: Workshop, stage: Stage, patch: Patch, files: Files, since: Since | None, parent: str, key: str
) -> tuple[Work, Since | None]:
    """Let the patch rewrite the tree, and the stage check what came of it.

    :param key: what the work is kept by; "" where it is not.
    """
    git, cache = shop.tree.git, shop.cache
    before = shop.view(files, stage, patch, since)
    reading: list[Callable[[], Index]] = []
    try:
        done = rewrite(
            before, stage, patch, lambda files, changed: reading.append(shop.ahead(files, stage, patch, changed))
        )
        if not done.changed:
            work = Work("", notes=tuple(before.notes))
            if key:
                keep(cache, key, work)
            return work, None
        after = View(done.files, reading[0], patch.names, shop.tree.base)
        with slips(stage, patch):
            checked = stage.check(before, after) if stage.check else {}
    except XenstageError:
        for index in reading:
            index()  # a tree that cannot be read is the reason for the rest
        raise
    before.facts.update(checked.pop("facts", {}))
    modes = {p: m for p, m in files.tracked.items() if p not in files.gone}
    tree = git.write_tree(parent, done.changed, modes, scratch=cache.scratch("index"))
    work = Work(
        tree, git.patch_id(git.tree_of(parent), tree), done.changed, done.edits, before.facts, done.counts, done.stays,
        checked, tuple(before.effects), tuple(before.interface), tuple(before.reaches), tuple(before.notes),
    )  # fmt: skip

    def settle() -> None:
        reading[0]()
        if key:
            keep(cache, key, work)

    return work, Since(reading[0], settle)


def _tell(made: Made, git: Git, author: Identity, parent: str, date: int, telling: Telling) -> Made:
    """The patch as a commit on a parent, with the message that the conclusions allow."""
    line, words = telling.signoffs.get(made.patch_id, ""), telling.words.get(made.patch_id, Entry())
    message = commit_message(made.patch, made.facts, line, telling.conclusions.get(made.tree, ""), words)
    commit = git.commit_tree(made.tree, parent, message, author=author, date=date)
    return replace(made, commit=commit, subject=message.partition("\n")[0], signoff=line, words=words)


def tell_again(
    every: Sequence[Series], git: Git, telling: Mapping[str, Telling], standing: Mapping[str, Sequence[str]]
) -> list[Series]:
    """Series of :func:`make_series` with other messages: the same trees, and nothing is rewritten.

    :param every: all that were made together, in order.
    :param telling: what goes into the messages, by the stage's label; nothing for others.
    :param standing: by label, commits of ours that hold these very patches on the base already.
    """
    out: list[Series] = []
    if not every:
        return out
    parent, count, date = every[0].base, 0, git.date_of(every[0].base)
    for series in every:
        first, made = parent, list[Made]()
        there = standing.get(series.stage.label, ())
        for i, one in enumerate(series.made):
            count += 1
            if there:
                made.append(replace(one, commit=there[i]))
                parent = there[i]
                continue
            what = telling.get(series.stage.label, Telling())
            made.append(_tell(one, git, series.author, parent, date + 60 * count, what))
            parent = made[-1].commit
        out.append(replace(series, parent=first, tip=parent, made=tuple(made)))
    return out


def _kept(stage: Stage, before: Files, after: Files) -> dict[str, dict[str, int]]:
    out: dict[str, dict[str, int]] = {}
    for name in stage.keeps:
        out[name] = {"before": len(sweep(before, [name])), "after": len(sweep(after, [name]))}
    return out
