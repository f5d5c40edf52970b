"""Desk: which versions a command writes, and what their mails say beside the stages' own text."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..cache import digest
from ..errors import Exit, XenstageError
from ..mail.overlay import Carried, carry_on, parse_overlay, place_of_overlay, read_overlay, render_overlay
from ..progress import say
from ..prove.patch.apply import am_in_order
from ..series.changes import Told, as_text, changes_between
from ..series.deliver import Delivery
from ..series.mails import Mailing, Previous
from ..series.make import Series, Telling, tell_again
from ..series.output import Edition, known_proofs
from ..series.versions import Version, choose, place_of, read_version, versions
from ..stage.declare import Stage
from ..tree.git import DIFF, Git, Identity
from ..tree.source import open_tree
from .common import Opened


def add_version_options(parser: argparse.ArgumentParser) -> None:
    """``-v``, ``--signoff``: of the verbs that write series."""
    parser.add_argument(
        "-v",
        "--version-number",
        dest="version",
        metavar="N",
        type=int,
        help="write version N, beside those that are there (default: the last one again)",
    )
    parser.add_argument(
        "--signoff",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="add your own Signed-off-by: you alone can say this; it stays while a patch's diff is the same",
    )


@dataclass(frozen=True)
class Desk:
    """What a verb that writes series knows of the versions that it writes.

    :param out: the output directory.
    :param numbers: the version to write, by the stage's label.
    :param signoff: whether the user signs off (None: says nothing about it now).
    """

    out: Path
    numbers: Mapping[str, int]
    signoff: bool | None = None

    @staticmethod
    def of(out: Path, wanted: Sequence[Stage], asked: int | None = None, signoff: bool | None = None) -> Desk:
        """For some stages.

        :raises XenstageError: (USAGE) a version is asked for that cannot be there yet.
        """
        return Desk(out, {s.label: choose(out, s.label, asked) for s in wanted}, signoff)

    def names(self) -> list[str]:
        """The directories to write, below the output directory."""
        return [place_of(label, number) for label, number in self.numbers.items()]

    def place(self, label: str) -> Path:
        """Where a version is written."""
        return self.out / place_of(label, self.numbers[label])

    def warn_of_exported(self) -> None:
        """Say before the work which versions keep their mails, whatever it may come to."""
        for label, number in self.numbers.items():
            there = read_version(self.out, label, number)
            if there is not None and there.exported:
                say(
                    f"{there.place} was exported: if the proofs want other messages, nothing is written"
                    f" (-v{number + 1} makes a new version)"
                )

    def source(self, label: str) -> Version | None:
        """The version that is there already, or the one before it."""
        number = self.numbers[label]
        there = read_version(self.out, label, number)
        return there or (read_version(self.out, label, number - 1) if number > 1 else None)

    def proofs(self, series: Series) -> dict[str, dict[str, Any]]:
        """What is known of these very patches, by tree."""
        found = known_proofs(self.source(series.stage.label), series.base)
        return {
            m.tree: found[m.tree]
            for m in series.made
            if m.tree in found and found[m.tree]["parent_tree"] == m.parent_tree
        }

    def tell(self, every: Sequence[Series], opened: Opened, conclusions: Mapping[str, str]) -> list[Series]:
        """The series with people's words, their sign-offs and what the proofs allow to say."""
        telling: dict[str, Telling] = {}
        standing: dict[str, list[str]] = {}
        parent = every[0].base if every else ""
        for series in every:
            label = series.stage.label
            if label in self.numbers:
                words = self._carried(series)[0].overlay.patches
                telling[label] = Telling(conclusions, self._signoffs(series), words)
            elif parent and (commits := self._standing(series, opened, parent)):
                standing[label], parent = commits, commits[-1]
                continue
            parent = parent if not series.made else ""
        return tell_again(every, opened.tree.git, telling, standing)

    def _standing(self, series: Series, opened: Opened, parent: str) -> list[str]:
        """The commits of an earlier stage's last version, where it stands below the output directory as it is now.

        What is written stands on these: they are what was, or will be, sent before it.
        """
        label = series.stage.label
        try:
            version = read_version(self.out, label, max(versions(self.out, label), default=1))
        except XenstageError:
            return []  # what a person changed there is theirs; nothing is built on it
        if version is None or not series.made or version.value["parent"] != parent:
            return []
        patches = version.value["patches"]
        if [p["tree"] for p in patches] != [m.tree for m in series.made]:
            return []
        _remake(opened, version, self.out)
        return [str(p["commit"]) for p in patches]

    def _signoffs(self, series: Series) -> dict[str, str]:
        if self.signoff:
            who = series.author
            return {m.patch_id: f"{who.name} <{who.email}>" for m in series.made}
        source = self.source(series.stage.label)
        if self.signoff is False or source is None:
            return {}
        return {p["patch_id"]: p["signoff"] for p in source.value["patches"] if p.get("signoff")}

    def _carried(self, series: Series) -> tuple[Carried, bool]:
        """The words for a version, and whether they come from the one before."""
        label, number = series.stage.label, self.numbers[series.stage.label]
        path = place_of_overlay(self.out, label, number)
        fresh = number > 1 and not path.exists()
        there = None if fresh else read_version(self.out, label, number)
        if there is not None and there.words is not None:
            old = parse_overlay(there.words, path)  # what was added since is for the next version
        else:
            old = read_overlay(place_of_overlay(self.out, label, number - 1) if fresh else path)
        before = read_version(self.out, label, number - 1) if fresh else None
        said = {p["patch_id"]: p.get("tags", []) for p in before.value["patches"]} if before else {}
        return carry_on(old, {m.patch_id: m.subject for m in series.made}, number if fresh else None, said), fresh

    def settle(self, series: Series, delivery: Delivery) -> None:
        """Leave the overlay of a new version beside it, and say what was not carried on, with the reason."""
        label, number = series.stage.label, self.numbers[series.stage.label]
        carried, fresh = self._carried(series)
        if fresh and (carried.overlay.patches or carried.overlay.cover.says_something):
            text = render_overlay(f"{label} v{number}", carried.overlay)
            delivery.leave(place_of_overlay(Path(), label, number).as_posix(), text.encode())
        path, there = place_of_overlay(self.out, label, number), read_version(self.out, label, number)
        if there is not None and there.words is not None and read_overlay(path) != parse_overlay(there.words, path):
            say(f"{path}: what was added since v{number} was exported is for the next version")
        for entry, why in carried.dropped:
            words = ", ".join([*entry.tags, *(w for w in ("subject", "body", "note", "cc") if getattr(entry, w))])
            say(f"{label} v{number}: dropped for {entry.title!r}: {words}: {why}")
        source = self.source(label)
        if self.signoff is None and source is not None and any(p.get("signoff") for p in source.value["patches"]):
            for made in series.made:
                if not made.signoff:
                    say(f"{label} v{number}: no sign-off for {made.subject!r}: its diff is another; --signoff says it")

    def edition(self, opened: Opened, series: Series) -> Edition:
        """What the version's mails have beside the commits: notes, what is new, the range-diff's other side."""
        label, number = series.stage.label, self.numbers[series.stage.label]
        before = read_version(self.out, label, number - 1) if number > 1 else None
        cover = self._carried(series)[0].overlay.cover
        if before is None and number > 1:
            raise XenstageError(
                Exit.USAGE,
                f"what changed since v{number - 1} of {label} cannot be said",
                why=f"{self.out / place_of(label, number - 1)} was written by an earlier version of this tool",
                remedy=f"make it again: xenstage run {label[:2]} -v{number - 1} --out {self.out}",
            )
        if before is None or not series.made:
            notes = {m.patch_id: m.words.note for m in series.made if m.words.note}
            return Edition(Mailing(number, None, notes, cover), change_id=_change_id(opened.tree.git, series))
        previous, old = bring(opened, before, self.out)
        new = _told_now(opened.tree.git, series)
        found = changes_between(old, new, before.number, (before.value["base"], series.base))
        key = str(number)
        since: dict[str, list[str]] = {key: list(found.cover), **before.value.get("changes", {})}
        earlier = {p.get("patch_id", ""): p.get("changes", {}) for p in before.value["patches"]}
        by_subject = {p["subject"]: p.get("changes", {}) for p in before.value["patches"]}
        patches = {
            m.patch_id: {key: list(rows), **earlier.get(m.patch_id, by_subject.get(m.subject, {}))}
            for m, rows in zip(series.made, found.patches, strict=True)
        }
        notes = {
            m.patch_id: "\n\n".join(t for t in (_all(patches[m.patch_id]), m.words.note) if t) for m in series.made
        }
        mailing = Mailing(number, previous, notes, cover, _all(since))
        change_id = before.value.get("change_id") or _change_id(opened.tree.git, series)
        return Edition(mailing, since, patches, change_id)


def _change_id(git: Git, series: Series) -> str:
    """As b4 prep makes them, but that it is the same each time."""
    date = time.strftime("%Y%m%d", time.gmtime(git.date_of(series.base)))
    mine = digest("change", series.stage.label, series.base, series.author.email)[:12]
    return f"{date}-xenstage-{series.stage.label.replace('_', '-')}-{mine}"


def _all(changes: Mapping[str, Sequence[str]]) -> str:
    """What is new since each version, the last one first."""
    texts = [as_text(int(v), rows) for v, rows in sorted(changes.items(), key=lambda row: -int(row[0]))]
    return "\n\n".join(t for t in texts if t)


def _told_now(git: Git, series: Series) -> list[Told]:
    out, parent = [], series.parent
    for made in series.made:
        out.append(_told(git, parent, made.commit, made.patch_id, {}))
        parent = made.commit
    return out


def _told(git: Git, parent: str, commit: str, patch_id: str, env: Mapping[str, str]) -> Told:
    message = git.need("log", "-1", "--format=%B", commit, env=env).decode("utf-8", "surrogateescape")
    diff = git.need("diff-tree", "-r", "-p", *DIFF, parent, commit, env=env).decode("utf-8", "surrogateescape")
    return Told(message.partition("\n")[0], message, patch_id, diff)


def bring(opened: Opened, version: Version, out: Path) -> tuple[Previous, list[Told]]:
    """The commits of an earlier version: those in the cache, or made again of its mails, with the same hashes.

    :raises XenstageError: (TREE) they cannot be had, naming what is missing.
    """
    base = str(version.value["base"])
    mine = base == opened.tree.base
    tree = opened.tree if mine else open_tree(opened.tree.origin, base, cache=opened.cache, runner=opened.runner)
    held = replace(opened, tree=tree)
    _remake(held, version, out)
    objects = None if mine else tree.git.repo / "objects"
    parent = str(version.value["parent"])
    told, before = [], parent
    for p in version.value["patches"]:
        told.append(_told(tree.git, before, p["commit"], p.get("patch_id", ""), {}))
        before = p["commit"]
    return Previous(parent, before, objects), told


def _remake(opened: Opened, version: Version, out: Path) -> None:
    """Let our repository have a version's commits, whatever became of the cache since."""
    git, value = opened.tree.git, version.value
    parent = str(value["parent"])
    if all(git.has(p["commit"]) for p in value["patches"]) and git.has(parent):
        return
    if not git.has(parent):
        standing = _version_of(out, parent)
        if standing is None:
            raise XenstageError(
                Exit.TREE,
                f"the commit {parent[:12]} on which {version.place} stands is not known here",
                why="it is the tip of an earlier series, which is neither in the cache nor below the output directory",
                remedy="bring the directory of that series back, or use the cache in which it was made: XDG_CACHE_HOME",
            )
        _remake(opened, standing, out)
    applied = am_in_order(git, version.mails, parent, scratch=opened.cache.scratch("am"), runner=opened.runner)
    for commit, patch in zip(applied, value["patches"], strict=True):
        raw = git.need("cat-file", "commit", commit).decode("utf-8", "surrogateescape")
        name, email, date = git.need("log", "-1", "--format=%an%n%ae%n%at", commit).decode().split("\n")[:3]
        made = git.commit_tree(
            git.tree_of(commit), parent, raw.partition("\n\n")[2], author=Identity(name, email), date=int(date)
        )
        if made != patch["commit"]:
            raise XenstageError(
                Exit.TREE,
                f"the commits of {version.place} cannot be made again",
                why=f"{patch['subject']!r} gives {made[:12]}, and was {patch['commit'][:12]}",
                remedy="set XDG_CACHE_HOME to the cache that the version was made in",
            )
        parent = made


def _version_of(out: Path, tip: str) -> Version | None:
    """The version below an output directory whose last patch is a commit."""
    for label in sorted({p.parent.name for p in out.glob("*/v*")}):
        for number in versions(out, label):
            found = read_version(out, label, number)
            if found is not None and found.tip == tip:
                return found
    return None
