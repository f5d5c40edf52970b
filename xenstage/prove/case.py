"""Case: one patch to be judged, as two trees and what is declared about the way between them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..cache import Cache
from ..edit.edits import Edit
from ..effect import Answer, Effect, Made, Reach
from ..families import Family, Mixed, Moved
from ..index.sweep import Files
from ..tree.git import Git
from .claims import claim_in


@dataclass(frozen=True)
class Declared:
    """What is said about a patch by whoever made it; all of it empty for a patch of unknown origin.

    :param intended: changes that a guest could see, each with its reason.
    :param removes: names with no use left after the patch.
    :param introduces: names with no use before it.
    :param keeps: names whose uses stay, in number.
    :param edits: the byte edits (path, offset, expected, new) that make the whole
        difference, or None where nobody said.
    :param effects: what becomes of single functions for single kinds of guest, exactly.
    :param families: which names belong to which feature test; ``mixed`` says where a test
        guards something of another one on purpose.
    :param moved: families of which the patch leaves no test to another question.
    :param answers: what names that the patch brings say of each kind of guest.
    :param reaches: what becomes of single cells of the hypercall matrix.
    :param guests: how kinds of guest are made, on both sides.
    :param closed: after the patch domains can be made in these ways only.
    :param interface: every change of what the public headers fix, as the proof ``abi`` words it; empty where
        nobody said.
    """

    intended: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()
    introduces: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    edits: tuple[Edit, ...] | None = None
    effects: tuple[Effect, ...] = ()
    families: tuple[Family, ...] = ()
    mixed: tuple[Mixed, ...] = ()
    answers: tuple[Answer, ...] = ()
    reaches: tuple[Reach, ...] = ()
    guests: tuple[Made, ...] = ()
    closed: bool = False
    interface: tuple[str, ...] = ()
    moved: tuple[Moved, ...] = ()


@dataclass(frozen=True)
class Case:
    """One patch.

    :param number: 1 for the first of its series.
    :param message: subject and body.
    :param parent: the commit before it, in our own repository.
    :param commit: the commit with it.
    :param before: the files of the parent.
    :param after: the files of the commit.
    :param tree: the hash of the commit's tree; ``parent_tree`` that of its parent's.
    :param changed: paths whose bytes differ (also those that only one side has), sorted.
    """

    number: int
    subject: str
    message: str
    parent: str
    commit: str
    before: Files
    after: Files
    changed: tuple[str, ...]
    declared: Declared = field(default_factory=Declared)
    tree: str = ""
    parent_tree: str = ""

    @property
    def claims_nfc(self) -> bool:
        """Whether the message says that nothing changes in function."""
        return bool(self.claim)

    @property
    def claim(self) -> str:
        """The words in which it says so; "" where it does not."""
        return claim_in(self.message)

    def changed_any(self, *paths: str) -> bool:
        """Whether the patch changes one of some files."""
        return bool(set(paths) & set(self.changed))


def files_at(
    git: Git, commit: str, base: Files, base_commit: str, cache: Cache, guests: tuple[Made, ...] = ()
) -> Files:
    """A commit's files, as those of the base with what differs laid over.

    :param base: the base commit's files, from a checkout.
    """
    out = git.need("diff-tree", "-r", "-z", "--no-renames", "--raw", "--no-abbrev", base_commit, commit)
    rows = out.decode("utf-8", "surrogateescape").split("\0")
    blobs = {path: row.split()[3] for row, path in zip(rows[::2], rows[1::2], strict=False)}
    tracked = git.files(commit)
    plain = {p: b for p, b in blobs.items() if tracked.get(p, "").startswith("100")}
    known: dict[str, bytes] = base.memo.setdefault("blobs", {})  # most stand in many commits
    known.update(git.blobs(b for b in plain.values() if b not in known))
    overlay = {p: known[b] for p, b in plain.items()}
    return Files(base.root, tracked, overlay, base.key, cache, base.memo, guests=guests)  # what is known holds


def changed_between(git: Git, parent: str, commit: str) -> tuple[str, ...]:
    """Paths that differ between two commits, sorted."""
    out = git.need("diff-tree", "-r", "-z", "--no-renames", "--name-only", parent, commit)
    return tuple(sorted(n for n in out.decode("utf-8", "surrogateescape").split("\0") if n))


def make_case(
    git: Git, number: int, parent: str, commit: str, base: Files, base_commit: str, declared: Declared, cache: Cache
) -> Case:
    """A case for two commits of our own repository."""
    message = _message(git, commit)
    return Case(
        number,
        message.split("\n", 1)[0],
        message,
        parent,
        commit,
        files_at(git, parent, base, base_commit, cache, declared.guests),
        files_at(git, commit, base, base_commit, cache, declared.guests),
        changed_between(git, parent, commit),
        declared,
        git.tree_of(commit),
        git.tree_of(parent),
    )


def retold(git: Git, case: Case, commit: str, parent: str) -> Case:
    """The same patch as commits with other messages.

    :raises ValueError: they are not the same patch.
    """
    if (git.tree_of(commit), git.tree_of(parent)) != (case.tree, case.parent_tree):
        raise ValueError(f"{commit} on {parent} is another patch than {case.commit}")
    message = _message(git, commit)
    return replace(case, subject=message.split("\n", 1)[0], message=message, commit=commit, parent=parent)


def _message(git: Git, commit: str) -> str:
    return git.need("log", "-1", "--format=%B", commit).decode("utf-8", "surrogateescape").rstrip("\n")


def spot(files: Files, path: str, offset: int) -> str:
    """ "path:line" of a byte offset."""
    return f"{path}:{files.read(path).count(NEWLINE, 0, offset) + 1}"


NEWLINE = b"\n"
