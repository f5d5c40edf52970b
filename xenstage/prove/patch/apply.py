"""am_in_order: apply mails with git am on a clean clone, as a maintainer would who has no settings of their own."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import Exit, XenstageError
from ...process import Done, Runner
from ...tree.git import Git, failed
from ...tree.isolation import committer, places, run_alone, settle

_ATTRIBUTES = ("text", "eol", "ident", "filter", "working-tree-encoding")
_TOUCHED = re.compile(rb"^diff --git a/(.+) b/\1$", re.M)


@dataclass(frozen=True)
class _Clone:
    """A checkout of the base with the attributes of its tree, whose objects go to our own repository."""

    git: Git
    work: Path
    runner: Runner
    date: int

    def run(self, *args: str, stdin: bytes = b"") -> Done:
        env = {
            **places(work_tree=self.work / "tree", objects=self.git.repo / "objects"),
            **committer("xenstage", "xenstage@invalid", self.date),
        }
        return run_alone(self.runner, self.work / "git", args, stdin=stdin, env=env)

    def need(self, *args: str, stdin: bytes = b"") -> str:
        done = self.run(*args, stdin=stdin)
        if done.status:
            raise failed(done, args[0], self.git.repo)
        return done.text

    def start(self, base: str) -> None:
        shallow = self.git.repo / "shallow"
        settle(self.work / "git", sha256=len(base) == 64, clean_clone=True)
        if shallow.exists():
            (self.work / "git/shallow").write_bytes(shallow.read_bytes())
        (self.work / "tree").mkdir()
        self.need("checkout", "-q", "--detach", base)

    def apply(self, base: str, mails: Sequence[Path]) -> list[str]:
        """The commits that the mails make, one each."""
        if not mails:
            return []
        am = self._am(mails)
        commits = self.need("rev-list", "--reverse", f"{base}..HEAD").split()
        if not am.status and len(commits) == len(mails):
            return commits
        if am.status:
            self.run("am", "--abort")
        self.need("checkout", "-q", "--detach", "--force", base)
        for mail in mails:  # one after the other, to name it
            self._apply(mail)
        raise failed(am, "am", self.git.repo)

    def _am(self, mails: Sequence[Path]) -> Done:
        return self.run("am", "--quiet", "--no-keep-cr", "--no-scissors", "--no-gpg-sign", "--", *map(_whole, mails))

    def _apply(self, mail: Path) -> None:
        tip = self.need("rev-parse", "HEAD").strip()
        am = self._am([mail])
        if am.status:
            touched = {m.group(1).decode("utf-8", "surrogateescape") for m in _TOUCHED.finditer(mail.read_bytes())}
            odd = self.oddities(tip, touched)
            raise XenstageError(
                Exit.FAIL,
                f"{mail.name} does not apply",
                why="\n".join([f"git am {mail}:", _words(am), *odd]),
                remedy=_REMEDY if odd else _OTHER_BASE,
            )
        made = int(self.need("rev-list", "--count", f"{tip}..HEAD"))
        if made != 1:
            raise XenstageError(
                Exit.FAIL,
                f"{mail.name} holds {made} patches",
                why="a mail file of a series holds one patch",
                remedy="git mailsplit takes the file apart",
            )

    def oddities(self, commit: str, paths: Iterable[str]) -> list[str]:
        """Why git may not see a file's own bytes, a line for each file and reason."""
        rows: list[str] = []
        # git asks nothing of a path that leads out of the tree, which a hostile mail may name.
        names = sorted(p for p in paths if not p.startswith("/") and ".." not in p.split("/"))
        if not names:
            return rows
        stdin = "".join(f"{n}\0" for n in names).encode("utf-8", "surrogateescape")
        asked = self.need("check-attr", "-z", "--stdin", *_ATTRIBUTES, stdin=stdin).split("\0")
        for path, name, value in zip(asked[0::3], asked[1::3], asked[2::3], strict=False):
            if value not in ("unspecified", "unset"):
                said = name if value == "set" else f"{name}={value}"
                rows.append(f"{path}: has the attribute {said} (a .gitattributes of the tree)")
        for path in names:
            blob = self.git.run("cat-file", "blob", f"{commit}:{path}")
            if not blob.status and b"\r\n" in blob.out:
                rows.append(f"{path}: has lines that end with CR LF, whose CR git am takes off")
        return sorted(rows)


_REMEDY = (
    "the tree keeps these files in a form that mails do not carry: make a commit without it\n"
    "(LF at the ends of lines, no such attribute), and name that commit: --base COMMIT"
)

_OTHER_BASE = "make the series again on this base, or name the base that it was made for: --base COMMIT"


def am_in_order(git: Git, patches: Sequence[Path], base: str, *, scratch: Path, runner: Runner) -> list[str]:
    """Apply mail files in order with git am on a clean clone, as a maintainer would.

    Nobody's settings, hooks or attributes take part, but those of the tree itself; the committer
    is the tool, at the base's date, so that the same mails give the same commits.

    :param git: our own repository, which gets the commits once all have applied.
    :param patches: mail files of one patch each.
    :param scratch: a directory for the checkout; left as it was.
    :returns: the commits in order.
    :raises XenstageError: (FAIL) for a mail that does not apply, with git's words and the files
        that the tree keeps in a form of their own; our repository has no new ref then.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="am-") as work:
        clone = _Clone(git, Path(work), runner, git.date_of(base))
        clone.start(base)
        commits = clone.apply(base, patches)
    if commits:
        git.need("update-ref", f"refs/xenstage/am/{commits[-1]}", commits[-1])
    return commits


def need_applicable(
    git: Git, patches: Sequence[Path], commits: Sequence[str], base: str, *, scratch: Path, runner: Runner
) -> None:
    """Go on only if the mails give, applied to a clean clone, the trees of the commits they were made of.

    :param commits: one for each mail, in order.
    :raises XenstageError: (TREE) with the mail, the files and the attributes.
    """
    try:
        applied = am_in_order(git, patches, base, scratch=scratch, runner=runner)
    except XenstageError as e:
        if e.code is not Exit.FAIL:
            raise
        raise XenstageError(Exit.TREE, f"{e.title} to a clean clone of the base", why=e.why, remedy=e.remedy) from e
    for path, got, wanted in zip(patches, applied, commits, strict=True):
        if git.tree_of(got) == git.tree_of(wanted):
            continue
        out = git.need("diff-tree", "-r", "-z", "--no-renames", "--name-only", got, wanted)
        names = {n for n in out.decode("utf-8", "surrogateescape").split("\0") if n}
        with tempfile.TemporaryDirectory(dir=scratch, prefix="am-") as work:
            clone = _Clone(git, Path(work), runner, git.date_of(base))
            clone.start(base)
            odd = clone.oddities(base, names)
        raise XenstageError(
            Exit.TREE,
            f"{path.name}, applied by git am to a clean clone of the base, gives other bytes than the stage made",
            why="\n".join([*(f"{n}: other bytes" for n in sorted(names)), *odd]),
            remedy=_REMEDY,
        )


def _whole(path: Path) -> str:
    return str(path.absolute())


def _words(done: Done) -> str:
    """What git said, without its hints for somebody at a prompt."""
    rows = (done.errors + done.text).split("\n")
    return "\n".join(
        r for r in rows if r.strip() and not r.startswith(("hint:", "When you have", "If you prefer", "To restore"))
    )
