"""The bundled sample tree as a git repository in the cache."""

from __future__ import annotations

import os
from pathlib import Path

from ..cache import Cache, digest
from ..errors import Exit, XenstageError
from ..process import Runner

SAMPLE = "sample"
_WHO = {
    "GIT_AUTHOR_NAME": "xenstage sample", "GIT_AUTHOR_EMAIL": "sample@xenstage.invalid",
    "GIT_COMMITTER_NAME": "xenstage sample", "GIT_COMMITTER_EMAIL": "sample@xenstage.invalid",
    "GIT_AUTHOR_DATE": "1420070400 +0000", "GIT_COMMITTER_DATE": "1420070400 +0000",
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip


def sample_tree(source: Path, *, cache: Cache, runner: Runner) -> Path:
    """A repository whose one commit holds the sample's files, the same for everybody.

    :raises XenstageError: (TREE) when the sample is not installed beside the tool.
    """
    if not (source / "xen/Makefile").exists():
        raise XenstageError(
            Exit.TREE,
            "the sample tree is not here",
            why=f"{source} is part of a checkout of xenstage, not of its wheel",
            remedy="work in a clone of xenstage, or name a Xen tree: --tree DIR",
        )
    files = _files(source)
    key = digest(*(part for p, data in files for part in (p, data)))
    repo = cache.path("sample", key, "tree")
    with cache.lock("sample"):
        if (repo / ".git/refs/heads/main").exists():
            return repo
        cache.remove(repo)
        fresh = cache.path("sample", key, "new")
        cache.remove(fresh)
        git = runner.with_env(**_WHO)
        for path, data in files:
            target = fresh / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            os.chmod(target, (source / path).stat().st_mode & 0o755 | 0o644)
        for argv in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "The sample tree"]):
            done = git.run(["git", "-C", fresh, *argv])
            if done.status:
                raise XenstageError(
                    Exit.TREE, "the sample tree cannot be made", why=done.errors, remedy="git 2.28 or later is needed"
                )
        fresh.rename(repo)
    return repo


def _files(source: Path) -> list[tuple[str, bytes]]:
    """The sample's files; what a build may have left there is not part of it."""
    out = []
    for path in sorted(source.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.suffix not in (".o", ".d", ".s", ".i"):
            out.append((path.relative_to(source).as_posix(), path.read_bytes()))
    return out
