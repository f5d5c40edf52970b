"""open_tree: a Xen tree at a base commit, read without touching the user's checkout."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..cache import Cache, digest
from ..errors import Exit, XenstageError
from ..process import Runner
from .git import ELSEWHERE, Git

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
    runner = runner.with_env(**ELSEWHERE)
    top = _toplevel(path, runner)
    commit = _resolve(top, base, runner)
    repo = cache.path("trees", commit, "repo.git")
    git = Git(repo, runner)
    with cache.lock(f"tree-{commit}"):
        if not (repo.is_dir() and git.has(commit)):
            cache.remove(repo)
            _copy(top, commit, repo, cache, runner)
    for name, mark in _MARKS:
        found = git.run("cat-file", "blob", f"{commit}:{name}")
        if found.status or mark not in found.out:
            raise XenstageError(
                Exit.TREE,
                f"not a Xen tree: {path} at {commit[:12]}",
                why=f"{name} is missing there, or does not mention {mark.decode()}",
                remedy="name the top of a clone of xen.git: XEN_SRC=DIR, or --tree DIR --base COMMIT",
            )
    return Tree(path, commit, git.tree_of(commit), _version(git.read(commit, "xen/Makefile")), git)


def _toplevel(path: Path, runner: Runner) -> Path:
    if not path.is_dir():
        raise _not_git(path, "there is no such directory")
    asked = runner.run(["git", "-C", path, "rev-parse", "--is-bare-repository", "--absolute-git-dir"])
    if asked.status:
        raise _not_git(path, asked.errors.strip() or "git does not say why")
    bare, gitdir = asked.text.splitlines()[:2]
    if bare == "true":
        return Path(gitdir)
    top = Path(runner.run(["git", "-C", path, "rev-parse", "--show-toplevel"]).text.rstrip("\n"))
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


def _resolve(top: Path, base: str, runner: Runner) -> str:
    found = runner.run(["git", "-C", top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}"])
    commit = found.text.strip()
    present = (
        re.fullmatch(r"[0-9a-f]{40,64}", commit)
        and not runner.run(["git", "-C", top, "cat-file", "-e", f"{commit}^{{tree}}"]).status
    )
    if found.status == 0 and present:
        return commit
    shallow = runner.run(["git", "-C", top, "rev-parse", "--is-shallow-repository"]).text.strip() == "true"
    if shallow:
        raise XenstageError(
            Exit.TREE,
            f"the clone is shallow and does not hold the base commit {base}",
            why=f"{top} has only part of the history",
            remedy=f"git -C '{top}' fetch --depth 1 origin {base}",
        )
    raise XenstageError(
        Exit.TREE,
        f"unknown base commit: {base}",
        why=f"git finds no commit of that name in {top}",
        remedy=f"git -C '{top}' fetch --tags origin, or name another: --base COMMIT",
    )


def _copy(top: Path, commit: str, repo: Path, cache: Cache, runner: Runner) -> None:
    """One commit without history, in a repository that appears only when it is whole."""
    fresh = cache.path("trees", commit, f"new-{digest(str(repo))[:8]}")
    cache.remove(fresh)
    git = Git(fresh, runner)
    runner.run(["git", "init", "-q", "--bare", fresh])
    source = runner.run(["git", "-C", top, "rev-parse", "--absolute-git-dir"]).text.rstrip("\n")
    # The user's own settings apply to this one command (safe.directory, say).
    fetched = runner.run(
        ["git", f"--git-dir={fresh}", "-c", "protocol.version=2", "-c", "protocol.file.allow=always",
         "-c", "gc.auto=0", "fetch", "-q", "--depth=1", "--no-tags", source, f"+{commit}:refs/xenstage/base"]
    )  # fmt: skip
    if fetched.status or not git.has(commit):
        raise XenstageError(
            Exit.TREE,
            f"the base commit {commit[:12]} cannot be read from {top}",
            why=fetched.errors.strip() or "objects are missing",
            remedy=f"git -C '{top}' fsck, or use another clone",
        )
    fresh.rename(repo)


def _version(makefile: bytes) -> str:
    def number(name: str) -> str:
        m = re.search(rf"^export {name}\s*[?:]?=\s*(\d+)".encode(), makefile, re.M)
        return m.group(1).decode() if m else "?"

    return f"{number('XEN_VERSION')}.{number('XEN_SUBVERSION')}"
