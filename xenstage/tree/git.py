"""Git: our own bare repository per base commit, and the few plumbing commands we use.

The user's repository is only ever read, by one ``git fetch`` of one commit into a
repository in our cache.  Commits are made with plumbing on objects, without a work
tree and without a branch, so that there is nothing half-done to clean up after a
kill: an unfinished run leaves unreferenced objects in our own repository and no more.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..cache import Cache, digest
from ..errors import Exit, XenstageError
from ..process import Done, Runner
from .isolation import author as authored
from .isolation import committer as committed_by
from .isolation import places, run_alone, run_on_users, said_author

DIFF = ("--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")
"""With the settings of every git of ours (isolation), all that decides about the bytes of a diff."""
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
        return run_alone(self.runner, self.repo, args, stdin=stdin, env=env)

    def need(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Like :meth:`run`, for commands that cannot fail on a sound repository.

        :raises XenstageError: as :func:`failed` has them, when it does.
        """
        done = self.run(*args, stdin=stdin, env=env)
        if done.status:
            raise failed(done, args[0], self.repo)
        return done.out

    def has(self, commit: str) -> bool:
        """Whether the commit, its tree and every file of it are here."""
        listed = self.run("rev-list", "--objects", "--no-walk", "--missing=print", commit)
        return listed.status == 0 and not any(row.startswith(b"?") for row in listed.out.splitlines())

    def mend(self) -> None:
        """Remove damaged objects that stand alone: git would not write them again while they are there."""
        for path in (self.repo / "objects").glob("[0-9a-f][0-9a-f]/*"):
            if _HASH.fullmatch(name := path.parent.name + path.name) and not _is_object(path, name):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    def sound(self, commit: str, cache: Cache | None = None) -> bool:
        """Whether the commit is here, and the bytes of all that is here are those it is named by.

        :param cache: where it is kept that packs of these very bytes were found sound.
        """
        self.mend()
        return self.has(commit) and self._packs_sound(cache)

    def _packs_sound(self, cache: Cache | None) -> bool:
        packs = sorted((self.repo / "objects/pack").glob("*.idx"))
        if not packs:
            return True
        try:
            key = digest("packs", *(p.with_suffix(s).read_bytes() for p in packs for s in (".idx", ".pack")))
        except OSError:
            return False
        if cache is not None and cache.get("packs", key) is True:
            return True
        good = self.run("verify-pack", *(str(p.absolute()) for p in packs)).status == 0
        if good and cache is not None:
            cache.put("packs", key, True)
        return good

    def tree_of(self, commit: str) -> str:
        """The hash of a commit's tree; asked once for a commit that is named by its hash."""
        known = self._known.get(("tree", commit))
        if known is None:
            known = self.need("rev-parse", f"{commit}^{{tree}}").decode().strip()
            if _HASH.fullmatch(commit):
                self._known[("tree", commit)] = known
        return known

    def date_of(self, commit: str) -> int:
        """A commit's committer date, seconds since the epoch; asked once for one that is named by its hash."""
        known = self._known.get(("date", commit))
        if known is None:
            known = self.need("show", "-s", "--format=%ct", commit).decode().strip()
            if _HASH.fullmatch(commit):
                self._known[("date", commit)] = known
        return int(known)

    def files(self, commit: str) -> dict[str, str]:
        """Path to mode of every file of a commit (symbolic links have mode 120000)."""
        listing = self._known.get(("files", commit))
        if listing is None:
            listing = self.need("ls-tree", "-r", "-z", "--full-tree", commit).decode("utf-8", "surrogateescape")
            if _HASH.fullmatch(commit):
                self._known[("files", commit)] = listing
        out: dict[str, str] = {}
        for row in listing.split("\0"):
            if row:
                meta, path = row.split("\t", 1)
                out[path] = meta.split()[0]
        return out

    def read(self, commit: str, path: str) -> bytes:
        """One file's bytes at a commit."""
        return self.need("cat-file", "blob", f"{commit}:{path}")

    def blobs(self, hashes: Iterable[str]) -> dict[str, bytes]:
        """The bytes of files by their hashes, asked of one git."""
        wanted = sorted(set(hashes))
        out: dict[str, bytes] = {}
        if not wanted:
            return out
        said, at = self.need("cat-file", "--batch", stdin="".join(f"{h}\n" for h in wanted).encode()), 0
        for name in wanted:
            head, _, _ = said[at : at + 128].partition(b"\n")
            found, kind, size = (*head.decode().split(), "", "")[:3]
            if (found, kind) != (name, "blob"):
                self.need("cat-file", "blob", name)  # says what is wrong with it
            at += len(head) + 1
            out[name] = said[at : at + int(size)]
            at += int(size) + 1
        return out

    def commit(
        self,
        parent: str,
        changes: Mapping[str, bytes | None],
        message: str,
        *,
        author: Identity,
        date: int,
        scratch: Path,
    ) -> str:
        """Make a commit that differs from its parent in the given files, and return its hash.

        Nothing refers to the commit yet; as :meth:`write_tree` otherwise.

        :param date: seconds since the epoch, for author and committer.
        """
        tree = self.write_tree(parent, changes, self.files(parent), scratch=scratch)
        return self.commit_tree(tree, parent, message, author=author, date=date)

    def write_tree(
        self, parent: str, changes: Mapping[str, bytes | None], modes: Mapping[str, str], *, scratch: Path
    ) -> str:
        """Make a tree that differs from a commit's or tree's in the given files, and return its hash.

        Files keep their mode, a new one is not executable.

        :param changes: path to new bytes; None takes a file away.
        :param modes: as :meth:`files` has them.
        :param scratch: a path for the temporary index, removed before returning.
        """
        env = places(index=scratch)
        try:
            self.need("read-tree", parent, env=env)
            rows = []
            for path in sorted(changes):
                data = changes[path]
                if data is None:
                    rows.append(f"0 {'0' * len(parent)}\t{path}\0")
                    continue
                blob = self.need("hash-object", "-w", "--stdin", stdin=data).decode().strip()
                rows.append(f"{modes.get(path, '100644')} {blob}\t{path}\0")
            listing = "".join(rows).encode("utf-8", "surrogateescape")
            self.need("update-index", "-z", "--index-info", stdin=listing, env=env)
            return self.need("write-tree", env=env).decode().strip()
        finally:
            scratch.unlink(missing_ok=True)

    def commit_tree(
        self,
        tree: str,
        parent: str | None,
        message: str,
        *,
        author: Identity,
        date: int,
        committer: Identity | None = None,
        committed: int | None = None,
    ) -> str:
        """Make a commit of a tree that is there, and return its hash.

        :param parent: None for a commit without one.
        :param date: as :meth:`commit`.
        :param committer: where it is not the author; ``committed`` is its date, if not the author's.
        """
        by = committer or author
        when = date if committed is None else committed
        who = {**authored(author.name, author.email, date), **committed_by(by.name, by.email, when)}
        on = ["-p", parent] if parent else []
        text = message.encode("utf-8", "surrogateescape")
        known = "\0".join((tree, parent or "", message, *(f"{k}={v}" for k, v in sorted(who.items()))))
        if ("commit", known) not in self._known:
            made = self.need("commit-tree", tree, *on, "-F", "-", stdin=text, env=who).decode().strip()
            self._known["commit", known], self._known["tree", made] = made, tree
        return self._known["commit", known]

    def patch_id(self, old: str, new: str) -> str:
        """What ``git patch-id --stable`` says of the difference of two trees or commits; "" where there is none.

        It is asked of the very text that our mails have, so that it is their id for everybody;
        once where both are named by their hashes.
        """
        pair = f"{old} {new}"
        if ("patch-id", pair) not in self._known:
            diff = self.need("diff-tree", "-r", "-p", *DIFF, old, new)
            found = self.need("patch-id", "--stable", stdin=diff).decode().partition(" ")[0]
            if not (_HASH.fullmatch(old) and _HASH.fullmatch(new)):
                return found
            self.remember_patch_id(old, new, found)
        return self._known["patch-id", pair]

    def remember_patch_id(self, old: str, new: str, found: str) -> None:
        """Take what :meth:`patch_id` said of two hashes in another run."""
        self._known["patch-id", f"{old} {new}"] = found

    def set_branch(self, name: str, commit: str) -> None:
        """Let a branch of our own repository name a commit.

        The caller holds a lock of ours, so that a lock file of git's is a dead process's.
        """
        (self.repo / f"refs/heads/{name}.lock").unlink(missing_ok=True)
        self.need("update-ref", f"refs/heads/{name}", commit)

    def drop_ref(self, name: str) -> None:
        """Remove a ref of our own repository where it is there; as :meth:`set_branch` otherwise."""
        if (self.repo / name).is_file() and (self.repo / name).read_bytes():
            (self.repo / f"{name}.lock").unlink(missing_ok=True)
            self.need("update-ref", "-d", name)

    def checkout(self, commit: str, directory: Path, index: Path) -> None:
        """Make a directory of ours hold a commit's bytes as they are, rewriting only files that differ.

        :param index: the directory's private index, kept between calls.
        """
        directory.mkdir(parents=True, exist_ok=True)
        env = places(index=index, work_tree=directory)
        self.need("read-tree", "--reset", "-u", commit, env=env)

    def differs(self, commit: str, directory: Path, index: Path) -> list[str]:
        """Paths in a directory of ours whose bytes are not those of the commit."""
        env = places(index=index, work_tree=directory)
        self.run("update-index", "-q", "--refresh", env=env)
        out = self.need("diff-index", "--name-only", "-z", commit, env=env)
        return [p for p in out.decode("utf-8", "surrogateescape").split("\0") if p]


def _is_object(path: Path, name: str) -> bool:
    """Whether a file of its own holds the object that it is named after (gitformat-loose(5))."""
    try:
        data = zlib.decompress(path.read_bytes())
    except (OSError, zlib.error):
        return False
    return (hashlib.sha1 if len(name) == 40 else hashlib.sha256)(data).hexdigest() == name


def failed(done: Done, command: str, repo: Path) -> XenstageError:
    """The error for a git command that cannot fail on a sound repository of ours, and did.

    :returns: (OUTPUT) the disk is full, or the repository cannot be written; (INFRA) git was
        killed; (TREE) anything else.
    """
    words = done.errors.strip()
    why = f"git {command}: {words or f'no words, status {done.status}'}\nin {repo}"
    if done.status < 0:
        killed = f"git {command}: signal {-done.status}"
        return XenstageError(Exit.INFRA, "git was killed", why=killed, remedy="run the same command again")
    if re.search(r"No space left on device|Disk quota exceeded", words):
        return XenstageError(
            Exit.OUTPUT,
            "git has no space left",  # storage.retold says which disk it is
            why=why,
            remedy="free some, then the same command goes on",
        )
    if re.search(r"Permission denied|Read-only file system|insufficient permission", words):
        return XenstageError(
            Exit.OUTPUT,
            "our own repository cannot be written",
            why=why,
            remedy="make it writable, or set XDG_CACHE_HOME to a directory that is",
        )
    return XenstageError(
        Exit.TREE,
        f"git {command} failed in our own repository",
        why=why,
        remedy="run the same command again: it checks the repository, and makes it again if it is damaged",
    )


def user_identity(runner: Runner, tree: Path) -> Identity:
    """The author of the series: GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL, else user.name and user.email
    as git has them in the tree.

    Inside ``git commit --author`` and its hooks the variables name that commit's author, as for
    every git command there.

    :raises XenstageError: (TOOLS) when git has no name or no address, or cannot use them.
    """

    def ask(given: str, key: str) -> str:
        if given:
            return given
        asked = run_on_users(runner, tree, ["config", "--get", key])
        if asked.status not in (0, 1):  # 1: there is none
            raise XenstageError(
                Exit.TOOLS,
                f"git cannot read {key}",
                why=asked.errors.strip(),
                remedy=f"git -C '{tree}' config --get {key}, and correct what it complains of",
            )
        return asked.text.strip()

    said = said_author()
    name, email = ask(said[0], "user.name"), ask(said[1], "user.email")
    if not name or not email:
        raise XenstageError(
            Exit.TOOLS,
            "git does not know who you are",
            why="the author of a series is you: user.name and user.email are needed",
            remedy="git config --global user.name 'Your Name'\ngit config --global user.email you@example.org",
        )
    if not re.search(r"[^\x00-\x20.,:;<>\"\\']", name) or re.search(r"[\n\0]", name + email):
        raise XenstageError(
            Exit.TOOLS,
            f"git cannot use your name: {name!r} <{email!r}>",
            why="git-commit-tree(1) takes no name of nothing but punctuation, and no line breaks",
            remedy="git config --global user.name 'Your Name'",
        )
    return Identity(name, email)
