"""Git: our own bare repository per base commit, and the few plumbing commands we use.

The user's repository is only ever read, by one ``git fetch`` of one commit into a
repository in our cache.  Commits are made with plumbing on objects, without a work
tree and without a branch, so that there is nothing half-done to clean up after a
kill: an unfinished run leaves unreferenced objects in our own repository and no more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import Exit, XenstageError
from ..process import Done, Runner

# What a git hook, say, sets for its own repository and must not decide about ours.
ELSEWHERE: dict[str, str | None] = {
    "GIT_DIR": None,
    "GIT_WORK_TREE": None,
    "GIT_COMMON_DIR": None,
    "GIT_INDEX_FILE": None,
    "GIT_OBJECT_DIRECTORY": None,
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": None,
    "GIT_NAMESPACE": None,
    "GIT_PREFIX": None,
}
# Our repository must give the same bytes for every user: no personal settings.
ISOLATED: dict[str, str | None] = {
    **ELSEWHERE,
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_COUNT": None,
    "GIT_CONFIG_PARAMETERS": None,
    "GIT_EXTERNAL_DIFF": None,
    "GIT_DIFF_OPTS": None,
    "LC_ALL": "C",
    "TZ": "UTC",
}


_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class Identity:
    """An author: name and mail address, as git has them."""

    name: str
    email: str


@dataclass(frozen=True)
class Git:
    """A bare repository of our own.

    :param repo: its directory.
    :param runner: starts git.
    """

    repo: Path
    runner: Runner
    _known: dict[tuple[str, str], str] = field(default_factory=dict, repr=False, compare=False)

    def run(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Done:
        """Run git on our repository with no personal settings; failures are values."""
        return self.runner.with_env(**{**ISOLATED, **(env or {})}).run(
            ["git", f"--git-dir={self.repo}", "-c", "gc.auto=0", *args], stdin=stdin
        )

    def need(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Like :meth:`run`, for commands that cannot fail on a sound repository.

        :raises XenstageError: (TREE) with git's own words when it does.
        """
        done = self.run(*args, stdin=stdin, env=env)
        if done.status:
            raise XenstageError(
                Exit.TREE,
                f"git {next(a for a in args if a[0] != '-' and '=' not in a)} failed in our own repository",
                why=f"{done.errors.strip()}\nin {self.repo}",
                remedy=f"delete the repository (it is a copy) and run again: rm -rf '{self.repo.parent}'",
            )
        return done.out

    def has(self, commit: str) -> bool:
        """Whether the commit, its tree and every file of it are here."""
        listed = self.run("rev-list", "--objects", "--no-walk", "--missing=print", commit)
        return listed.status == 0 and not any(row.startswith(b"?") for row in listed.out.splitlines())

    def tree_of(self, commit: str) -> str:
        """The hash of a commit's tree; asked once for a commit that is named by its hash."""
        known = self._known.get(("tree", commit))
        if known is None:
            known = self.need("rev-parse", f"{commit}^{{tree}}").decode().strip()
            if _HASH.fullmatch(commit):
                self._known[("tree", commit)] = known
        return known

    def date_of(self, commit: str) -> int:
        """A commit's committer date, seconds since the epoch."""
        return int(self.need("show", "-s", "--format=%ct", commit))

    def files(self, commit: str) -> dict[str, str]:
        """Path to mode of every file of a commit (symbolic links have mode 120000)."""
        listing = self.need("ls-tree", "-r", "-z", "--full-tree", commit).decode("utf-8", "surrogateescape")
        out: dict[str, str] = {}
        for row in listing.split("\0"):
            if row:
                meta, path = row.split("\t", 1)
                out[path] = meta.split()[0]
        return out

    def read(self, commit: str, path: str) -> bytes:
        """One file's bytes at a commit."""
        return self.need("cat-file", "blob", f"{commit}:{path}")

    def commit(
        self,
        parent: str,
        changes: Mapping[str, bytes],
        message: str,
        *,
        author: Identity,
        date: int,
        scratch: Path,
    ) -> str:
        """Make a commit that differs from its parent in the given files, and return its hash.

        Files keep their mode.  Nothing refers to the commit yet.

        :param date: seconds since the epoch, for author and committer.
        :param scratch: a path for the temporary index, removed before returning.
        """
        modes = self.files(parent)
        env = {"GIT_INDEX_FILE": str(scratch)}
        try:
            self.need("read-tree", parent, env=env)
            rows = []
            for path in sorted(changes):
                blob = self.need("hash-object", "-w", "--stdin", stdin=changes[path]).decode().strip()
                rows.append(f"{modes[path]} {blob}\t{path}\0")
            self.need("update-index", "-z", "--index-info", stdin="".join(rows).encode(), env=env)
            tree = self.need("write-tree", env=env).decode().strip()
        finally:
            scratch.unlink(missing_ok=True)
        return self.commit_tree(tree, parent, message, author=author, date=date)

    def commit_tree(self, tree: str, parent: str, message: str, *, author: Identity, date: int) -> str:
        """Make a commit of a tree that is there, and return its hash.

        :param date: as :meth:`commit`.
        """
        stamp = f"{date} +0000"
        who = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_COMMITTER_NAME": author.name,
            "GIT_COMMITTER_EMAIL": author.email,
            "GIT_AUTHOR_DATE": stamp,
            "GIT_COMMITTER_DATE": stamp,
        }
        made = self.need("commit-tree", tree, "-p", parent, "-F", "-", stdin=message.encode(), env=who)
        return made.decode().strip()

    def set_branch(self, name: str, commit: str) -> None:
        """Let a branch of our own repository name a commit.

        The caller holds a lock of ours, so that a lock file of git's is a dead process's.
        """
        (self.repo / f"refs/heads/{name}.lock").unlink(missing_ok=True)
        self.need("update-ref", f"refs/heads/{name}", commit)

    def checkout(self, commit: str, directory: Path, index: Path) -> None:
        """Make a directory of ours hold a commit, rewriting only files that differ.

        :param index: the directory's private index, kept between calls.
        """
        directory.mkdir(parents=True, exist_ok=True)
        env = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(directory)}
        self.need("-c", "core.bare=false", "read-tree", "--reset", "-u", commit, env=env)

    def differs(self, commit: str, directory: Path, index: Path) -> list[str]:
        """Paths in a directory of ours whose bytes are not those of the commit."""
        env = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(directory)}
        self.run("-c", "core.bare=false", "update-index", "-q", "--refresh", env=env)
        out = self.need("-c", "core.bare=false", "diff-index", "--name-only", "-z", commit, env=env)
        return [p for p in out.decode("utf-8", "surrogateescape").split("\0") if p]


def user_identity(runner: Runner, tree: Path) -> Identity:
    """The author of the series: the user's own git identity, as git has it in the tree.

    :raises XenstageError: (TOOLS) when git has no name or no address.
    """

    def ask(env: str, key: str) -> str:
        given = runner.environment().get(env)
        asked = runner.with_env(**ELSEWHERE).run(["git", "-C", tree, "config", "--get", key])
        return given or asked.text.strip()

    name, email = ask("GIT_AUTHOR_NAME", "user.name"), ask("GIT_AUTHOR_EMAIL", "user.email")
    if not name or not email:
        raise XenstageError(
            Exit.TOOLS,
            "git does not know who you are",
            why="the author of a series is you: user.name and user.email are needed",
            remedy="git config --global user.name 'Your Name'\ngit config --global user.email you@example.org",
        )
    return Identity(name, email)
