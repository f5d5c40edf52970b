"""The bundled sample tree as a git repository in the cache."""

from __future__ import annotations

from pathlib import Path

from ..cache import Cache
from ..errors import Exit, XenstageError
from ..process import Runner
from ..tree.git import Git, Identity
from ..tree.isolation import places, settle

SAMPLE = "sample"
_WHO = Identity("xenstage sample", "sample@xenstage.invalid")
_DATE = 1420070400


def sample_tree(source: Path, *, cache: Cache, runner: Runner) -> tuple[Path, str]:
    """A repository of ours that holds the sample's files as one commit, the same for everybody.

    The commit is made of the files each time, so that nothing that is kept need be believed.

    :returns: the repository, and the commit's hash.
    :raises XenstageError: (TREE) when the sample is not installed beside the tool.
    """
    if not (source / "xen/Makefile").exists():
        raise XenstageError(
            Exit.TREE,
            "the sample tree is not here",
            why=f"{source} is part of a checkout of xenstage, not of its wheel",
            remedy="work in a clone of xenstage, or name a Xen tree: --tree DIR",
        )
    repo, index = cache.path("sample", "repo.git"), cache.scratch("sample")
    git = Git(repo, runner)
    with cache.lock("sample"):
        settle(repo)
        git.mend()
        try:
            # The sample's own ignore file leaves out what a build may have left there; pip compiles its script.
            git.need("add", "--all", ".", ":(exclude,glob)**/__pycache__/**", env=places(index=index, work_tree=source))
            tree = git.need("write-tree", env=places(index=index)).decode().strip()
        finally:
            index.unlink(missing_ok=True)
        commit = git.commit_tree(tree, None, "The sample tree\n", author=_WHO, date=_DATE)
        if not git.sound(commit):
            cache.remove(repo)
            raise XenstageError(
                Exit.TREE,
                "the sample tree in the cache was damaged",
                why=f"its objects are not what they are named after: {repo}",
                remedy="it is removed; run the same command again",
            )
        git.set_branch("main", commit)
    return repo, commit
