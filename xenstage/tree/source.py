"""open_tree: a Xen tree at a base commit, read without touching the user's checkout."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..cache import Cache, digest
from ..errors import Exit, XenstageError
from ..process import Runner
from .git import Git, failed
from .isolation import run_on_users, settle

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

# What makes a tree a Xen tree for us: (path, text that must be in it).
_MARKS = (
    ("xen/Makefile", b"XEN_VERSION"),
    ("xen/Rules.mk", b"TARGET_ARCH"),
    ("xen/include/xen/sched.h", b"struct domain"),
    ("Config.mk", b"XEN_TARGET_ARCH"),
)


@dataclass(frozen=True)
class Tree:
    """A Xen tree at one commit, held in a bare repository of our own.

    :param origin: the directory that the user named (read once, never written).
    :param base: the commit's full hash.
    :param tree: the hash of the commit's tree: what keys of caches are made of.
    :param version: "4.5" and the like, from ``xen/Makefile`` (XEN_VERSION, XEN_SUBVERSION).
    """

    origin: Path
    base: str
    tree: str
    version: str
    git: Git


def open_tree(path: Path, base: str, *, cache: Cache, runner: Runner) -> Tree:
    """Copy one commit of the user's repository into our cache and look at it.

    The checkout may be dirty, in the middle of a rebase, a linked work tree, bare or
    shallow: only the commit's objects matter.

    :param path: a git repository, the top of it.
    :param base: anything that names a commit there.
    :raises XenstageError: (TREE) not a git tree, not a Xen tree, unknown or absent base.
    """
    top = _toplevel(path, runner)
    commit = _resolve(top, base, runner)
    repo = cache.path("trees", commit, "repo.git")
    git = Git(repo, runner)
    with cache.lock(f"tree-{commit}"):
        if not repo.is_dir():
            _copy(top, commit, repo, cache, runner)
        settle(repo, sha256=len(commit) == 64, shallow=commit)
        if not git.sound(commit, cache):
            cache.remove(repo)
            _copy(top, commit, repo, cache, runner)
    texts: dict[str, bytes] = {}
    for name, mark in _MARKS:
        found = git.run("cat-file", "blob", f"{commit}:{name}")
        if found.status or mark not in found.out:
            version = _version(texts.get("xen/Makefile", b""))
            if newer(version):
                raise too_new(version, commit, f"{name} is missing there, or does not mention {mark.decode()}")
            raise XenstageError(
                Exit.TREE,
                f"not a Xen tree: {path} at {commit[:12]}",
                why=f"{name} is missing there, or does not mention {mark.decode()}",
                remedy="name the top of a clone of xen.git: XEN_SRC=DIR, or --tree DIR --base COMMIT",
            )
        texts[name] = found.out
    return Tree(path, commit, git.tree_of(commit), _version(texts["xen/Makefile"]), git)


NEWEST = (4, 6)  # the last version that stages were tried on; from 4.7 on the tree is configured by Kconfig


def newer(version: str) -> bool:
    """Whether a version is later than any that the stages are for; an unknown one is not."""
    m = re.fullmatch(r"(\d+)\.(\d+)", version)
    return m is not None and (int(m.group(1)), int(m.group(2))) > NEWEST


def too_new(version: str, commit: str, why: str) -> XenstageError:
    """The error for a tree from after the time of the plan."""
    return XenstageError(
        Exit.TREE,
        f"the tree is too new: Xen {version} at {commit[:12]}",
        why=f"the stages are for the trees around 4.5, 4.4 to {NEWEST[0]}.{NEWEST[1]}; {why}",
        remedy="take a base of that time: --base RELEASE-4.5.0",
    )


def enclosing(place: Path) -> Path | None:
    """The top of the Xen clone that holds a directory; None where it stands in none.

    The checkout is looked at, not the repository: no program is started.
    """
    for top in (place, *place.parents):
        if (top / ".git").exists():
            marks = [(top / name, mark) for name, mark in _MARKS[:1] + _MARKS[2:3]]
            return top if all(p.is_file() and mark in p.read_bytes() for p, mark in marks) else None
    return None


def _toplevel(path: Path, runner: Runner) -> Path:
    """The directory in which git is asked: the top of a checkout, or a repository itself."""
    if not path.is_dir():
        raise _not_git(path, "there is no such directory")
    asked = run_on_users(runner, path, ["rev-parse", "--is-inside-work-tree", "--absolute-git-dir"])
    if asked.status:
        raise _unreadable(path, asked.errors.strip() or "git does not say why")
    inside, gitdir = asked.text.splitlines()[:2]
    if inside != "true":  # bare, or the .git of a checkout
        if Path(gitdir).resolve() != path.resolve():
            raise _not_git(path, f"it lies inside the repository {gitdir}")
        return path
    top = Path(run_on_users(runner, path, ["rev-parse", "--show-toplevel"]).text.rstrip("\n"))
    if top.resolve() != path.resolve():
        why = f"it lies inside the repository {top}"
        if not any(path.iterdir()):
            why += " and is empty: a submodule that was not fetched?"
        raise _not_git(path, why)
    return path


def _not_git(path: Path, why: str) -> XenstageError:
    return XenstageError(
        Exit.TREE,
        f"not a git tree: {path}",
        why=why,
        remedy="git submodule update --init xen-src, or name the top of your own clone: XEN_SRC=DIR",
    )


def _unreadable(path: Path, why: str) -> XenstageError:
    """What git says of a repository that it does not open."""
    if "dubious ownership" in why:
        what, remedy = "it is another user's", f"git config --global --add safe.directory '{path.resolve()}'"
    elif "bad config" in why or "bad numeric config" in why:
        what, remedy = "your configuration cannot be read", "correct the line that is named"
    elif "unknown repository extension" in why or "repo version" in why:
        what, remedy = "it is of a format that this git does not know", "install a later git"
    else:
        return _not_git(path, why)
    return XenstageError(Exit.TREE, f"git does not open {path}: {what}", why=why, remedy=remedy)


def _resolve(top: Path, base: str, runner: Runner) -> str:
    def name(of: str) -> str | None:
        """The hash that git has for a name, or None."""
        found = run_on_users(runner, top, ["rev-parse", "--verify", "--quiet", "--end-of-options", of])
        text = found.text.strip()
        return text if found.status == 0 and _HASH.fullmatch(text) else None

    commit = name(f"{base}^{{commit}}")
    if commit and not run_on_users(runner, top, ["cat-file", "-e", f"{commit}^{{tree}}"]).status:
        return commit
    if run_on_users(runner, top, ["rev-parse", "--is-shallow-repository"]).text.strip() == "true":
        raise XenstageError(
            Exit.TREE,
            f"the clone is shallow and does not hold the base commit {base}",
            why=f"{top} has only part of the history",
            remedy=_deepen(top, base, runner),
        )
    why, remedy = f"git finds no commit of that name in {top}", f"git -C '{top}' fetch --tags origin"
    if known := name(base):
        shown = run_on_users(runner, top, ["cat-file", "-t", known])
        words = shown.errors.strip()
        # A whole hash is its own name, there or not; any other name is of something that should be there.
        if shown.status and (known != base or words != _ABSENT or _is_partial(top, runner)):
            raise _lacking(top, base, known, words, runner)
        if not shown.status and commit:
            raise _lacking(top, base, commit, "its tree cannot be read", runner)
        if not shown.status:
            why, remedy = f"{known} in {top} is a {shown.text.strip()}", f"git -C '{top}' log --oneline shows commits"
    raise XenstageError(
        Exit.TREE, f"unknown base commit: {base}", why=why, remedy=f"{remedy}, or name another: --base COMMIT"
    )


_ABSENT = "fatal: git cat-file: could not get object info"


def _is_partial(top: Path, runner: Runner) -> bool:
    return run_on_users(runner, top, ["config", "--get", "remote.origin.promisor"]).text.strip() == "true"


def _remote(top: Path, runner: Runner) -> bool:
    return run_on_users(runner, top, ["config", "--get", "remote.origin.url"]).status == 0


def _deepen(top: Path, base: str, runner: Runner) -> str:
    """What brings a commit into a shallow clone; only a whole hash can be asked for by itself."""
    if not _remote(top, runner):
        return "it has no remote 'origin' to fetch from: take a clone with the whole history, --tree DIR"
    depth = f"--depth 1 origin {base}" if _HASH.fullmatch(base) else "--unshallow --tags origin"
    return f"git -C '{top}' fetch {depth}"


def _lacking(top: Path, base: str, commit: str, words: str, runner: Runner) -> XenstageError:
    """The error for objects that are named there and cannot be read, with the reason that is true."""
    title = f"the base commit {base if base == commit else f'{base} ({commit[:12]})'} cannot be read from {top}"
    borrowed = r"object directory \S.* does not exist|unable to normalize alternate object path"
    if re.search(borrowed, words):
        why = f"{words}\nthe repository borrows objects from a place that is not there: its objects/info/alternates"
        remedy = "bring that directory back, or take another clone: --tree DIR"
    elif _is_partial(top, runner):
        why = f"{words}\nthe clone is partial: not every file of its commits is there, and nothing is fetched for you"
        remedy = f"git -C '{top}' fetch --refetch --no-filter origin {commit}"
    elif "Permission denied" in words:
        why, remedy = words, "make the repository readable for you, or take another clone: --tree DIR"
    else:
        why = words or "objects are missing"
        remedy = f"git -C '{top}' fsck says what is damaged; take another clone: --tree DIR"
    return XenstageError(Exit.TREE, title, why=why, remedy=remedy)


def _copy(top: Path, commit: str, repo: Path, cache: Cache, runner: Runner) -> None:
    """One commit without history, in a repository that appears only when it is whole."""
    fresh = cache.path("trees", commit, f"new-{digest(str(repo))[:8]}")
    cache.remove(fresh)
    wanted = f"--shallow {commit}\n{commit}\n".encode()
    packed = run_on_users(runner, top, ["pack-objects", "--revs", "--stdout", "-q"], stdin=wanted)
    if packed.status < 0:
        raise failed(packed, "pack-objects", top)
    if packed.status:
        raise _lacking(top, commit, commit, packed.errors.strip(), runner)
    settle(fresh, sha256=len(commit) == 64, shallow=commit)
    git = Git(fresh, runner)
    git.need("index-pack", "--stdin", stdin=packed.out)
    if not git.sound(commit):
        raise _lacking(top, commit, commit, "", runner)
    fresh.rename(repo)


def _version(makefile: bytes) -> str:
    def number(name: str) -> str:
        m = re.search(rf"^(?:export )?{name}\s*[?:]?=\s*(\d+)".encode(), makefile, re.M)
        return m.group(1).decode() if m else "?"

    return f"{number('XEN_VERSION')}.{number('XEN_SUBVERSION')}"
