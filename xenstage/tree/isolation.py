"""run_alone, run_on_users: the one place that starts git, and all that git may know of the caller.

No variable named ``GIT_*`` of the caller reaches any program that we start
(:class:`~xenstage.process.Runner`).  git is started in two ways:

:func:`run_alone`
    on a repository of ours.  Nobody's configuration, attributes, ignore file, hooks,
    template or signing takes part, so that everybody gets the same bytes.  What such a
    repository holds beside objects is written by :func:`settle`, each time it is opened.

:func:`run_on_users`
    reads the repository that the user named, with the user's configuration, for two things
    that stand only there: ``safe.directory`` and the identity.  It takes these commands and
    no others; none of them writes, and nothing is fetched for them:

    - ``rev-parse``: what ``--tree`` is, and which commit ``--base`` names
    - ``cat-file``: whether that commit's objects are there
    - ``pack-objects --stdout``: their bytes; a commit's name vouches for them
    - ``config --get``: ``user.name``, ``user.email``, and whether there is a remote

:func:`add_branch` is for the one verb that is told to write to a repository by name (``export --b4
REPO``): objects, and a branch that was not there.

``GIT_AUTHOR_NAME`` and ``GIT_AUTHOR_EMAIL`` are the one exception: they are read here, as
text, for the author's identity (:func:`~xenstage.tree.git.user_identity`), and git sees them
only as the author of a commit of ours.  Replacement refs and grafts are followed nowhere: the
name of a commit stands for its own bytes, as for everybody else who gets the mails.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..cache import write_atomically
from ..errors import Exit, XenstageError
from ..process import Done, Runner

# Both ways: nothing is asked at a prompt, nothing comes over a network, a name is its object's.
_QUIET = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_GRAFT_FILE": "/dev/null/none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_ALONE = {
    **_QUIET,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "TZ": "UTC",
    "XDG_CONFIG_HOME": "/dev/null",
}
_PINS = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "gc.auto=0", "maintenance.auto=false")
_PINS_ALONE = (
    *_PINS,
    "advice.detachedHead=false",
    "commit.gpgSign=false",
    "core.abbrev=12",
    "core.attributesFile=/dev/null",
    "core.autocrlf=false",
    "core.commitGraph=false",
    "core.eol=lf",
    "core.excludesFile=/dev/null",
    "core.fileMode=true",
    "core.fsync=none",  # what is kept is checked when it is opened
    "core.multiPackIndex=false",
    "core.safecrlf=false",
    "core.sparseCheckout=false",
    "core.splitIndex=false",
    "core.symlinks=true",
    "core.untrackedCache=false",
    "diff.algorithm=myers",
    "diff.context=3",
    "diff.indentHeuristic=true",
    "diff.interHunkContext=0",
    "diff.mnemonicPrefix=false",
    "diff.noprefix=false",
    "diff.renames=false",
    "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8",
)
_PINS_USERS = (*_PINS, "pack.packSizeLimit=0", "advice.graftFileDeprecated=false")

READ_ONLY = frozenset({"rev-parse", "cat-file", "pack-objects", "config"})
"""The commands that may read the user's repository and configuration."""

NO_REPOSITORY = {"GIT_DIR": "/dev/null", **{k: _ALONE[k] for k in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM")}}
"""For make and the scripts of a tree: where they call git, it finds no repository and nobody's settings."""

# What else of a file would take part when git compares it or writes it into a directory.  This file
# stands above every other that holds attributes, those of the tree too: bytes stay as they are.
_ATTRIBUTES = b"* -text !eol -ident -filter !working-tree-encoding !diff !merge !whitespace !conflict-marker-size\n"


def author(name: str, email: str, date: int) -> dict[str, str]:
    """The variables that say who wrote a commit, and when (seconds since the epoch)."""
    return {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": email, "GIT_AUTHOR_DATE": f"@{date} +0000"}


def committer(name: str, email: str, date: int) -> dict[str, str]:
    """The variables that say who made a commit, and when (seconds since the epoch)."""
    return {"GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": email, "GIT_COMMITTER_DATE": f"@{date} +0000"}


def places(
    index: Path | None = None,
    work_tree: Path | None = None,
    objects: Path | None = None,
    borrowed: Path | None = None,
) -> dict[str, str]:
    """The variables that say where git's index, checkout and objects are, when not in the repository.

    :param borrowed: where further objects are.
    """
    named = {
        "GIT_INDEX_FILE": index,
        "GIT_WORK_TREE": work_tree,
        "GIT_OBJECT_DIRECTORY": objects,
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": borrowed,
    }
    return {name: str(path.absolute()) for name, path in named.items() if path is not None}


def said_author() -> tuple[str, str]:
    """GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL of the caller, empty where there are none."""
    return os.environ.get("GIT_AUTHOR_NAME", ""), os.environ.get("GIT_AUTHOR_EMAIL", "")


def run_alone(
    runner: Runner, repo: Path, args: Sequence[str], *, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> Done:
    """Run git on a repository of ours, as if nobody had ever configured anything.

    :param env: of :func:`author`, :func:`committer` and :func:`places`.
    """
    bare = ("core.bare=false",) if env and "GIT_WORK_TREE" in env else ()
    pins = [word for pin in (*_PINS_ALONE, *bare) for word in ("-c", pin)]
    return runner.with_env(**_ALONE, **(env or {})).run(["git", f"--git-dir={repo}", *pins, *args], stdin=stdin)


def run_on_users(runner: Runner, where: Path, args: Sequence[str], *, stdin: bytes = b"") -> Done:
    """Run git on the user's repository, reading only.

    :param where: a directory of it.
    :raises ValueError: for a command that is not of :data:`READ_ONLY`.
    """
    if args[0] not in READ_ONLY or (args[0] == "config" and args[1] != "--get"):
        raise ValueError(f"git {' '.join(args[:2])} is not for the user's repository")
    pins = [word for pin in _PINS_USERS for word in ("-c", pin)]
    return runner.with_env(**_QUIET).run(["git", "-C", where, *pins, *args], stdin=stdin)


def add_branch(runner: Runner, repo: Path, name: str, commit: str, pack: bytes) -> None:
    """Add objects and one new branch to a repository that the user named to be written to.

    This alone writes there.  No branch that is there is moved, no checkout or index is touched, no
    hook runs.

    :param pack: as ``pack-objects`` writes it: what the branch has and the repository lacks.
    :raises XenstageError: (OUTPUT) there is such a branch, or the repository cannot be written.
    """
    pins = [word for pin in _PINS_USERS for word in ("-c", pin)]
    git: list[str | Path] = ["git", "-C", repo, *pins]
    quiet = runner.with_env(**_QUIET)
    absent = "0" * len(commit)
    done = quiet.run([*git, "unpack-objects", "-q"], stdin=pack)
    if not done.status:
        words = ["update-ref", "-m", "xenstage export", f"refs/heads/{name}", commit, absent]
        done = quiet.run([*git, *words])
    if done.status:
        raise XenstageError(
            Exit.OUTPUT,
            f"the branch {name} cannot be made in {repo}",
            why=done.errors.strip(),
            remedy=f"a branch that is there is never moved: git -C '{repo}' branch -m {name} SOMETHING",
        )


def settle(repo: Path, *, sha256: bool = False, shallow: str | None = None, clean_clone: bool = False) -> None:
    """Make a repository of ours, or make everything but its objects and refs what we once wrote.

    Configuration, attributes, hooks, alternates, grafts that somebody put there are removed.
    There is no ``git init``: no template takes part, and no version of git has a say.

    :param shallow: a commit whose parents are not here.
    :param clean_clone: the tree's own attributes apply, as in a fresh clone of anybody's.
    """
    bare = "false" if clean_clone else "true"
    config = f"[core]\n\trepositoryformatversion = {int(sha256)}\n\tbare = {bare}\n"
    if sha256:
        config += "[extensions]\n\tobjectFormat = sha256\n"
    files = {"HEAD": b"ref: refs/heads/main\n", "config": config.encode()}
    if not clean_clone:
        files["info/attributes"] = _ATTRIBUTES
    if shallow:
        files["shallow"] = f"{shallow}\n".encode()
    for name in ("objects/info", "refs", "info"):
        _directory(repo, name)
    _keep_only(repo, {"objects", "refs", "info", *files})
    _keep_only(repo / "info", {"attributes"} if "info/attributes" in files else set())
    _keep_only(repo / "objects/info", set())
    for name, data in files.items():
        path = repo / name
        if path.is_symlink() or not path.is_file() or path.read_bytes() != data:
            _remove(path)
            write_atomically(path, data)


def _directory(repo: Path, name: str) -> None:
    path = repo
    for part in Path(name).parts:
        path = path / part
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            path.unlink()
    path.mkdir(parents=True, exist_ok=True)


def _keep_only(directory: Path, names: set[str]) -> None:
    for entry in directory.iterdir():
        if entry.name not in names and not entry.name.endswith(".lock"):
            _remove(entry)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
