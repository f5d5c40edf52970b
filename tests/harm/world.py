"""A user with a repository in the middle of work, and a way to run verbs as that user, in any environment."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cli.kit import PROJECT, SAMPLE
from xenstage.cli.main import main
from xenstage.errors import Exit

from .kit import Answer, whole_digest

LIMIT = 1800.0  # seconds; a run that takes longer waits for something that does not come
ANN = "[user]\n\tname = Ann Author\n\temail = ann@example.org\n"
_HOOKS = ["pre-commit", "commit-msg", "post-commit", "post-checkout", "post-rewrite", "prepare-commit-msg"]
_HOOKS += ["reference-transaction", "applypatch-msg", "pre-applypatch", "post-applypatch", "post-index-change"]
_HOSTILE = (
    "[core]\n\tautocrlf = true\n\tabbrev = 40\n[diff]\n\tnoprefix = true\n\tcontext = 0\n"
    "[format]\n\tattach = x\n\tsignOff = true\n[commit]\n\tgpgSign = true\n"
)
_PLAIN = {"LC_ALL", "LANG", "PATH", "TMPDIR", "TERM", "LD_LIBRARY_PATH"}


@dataclass(frozen=True)
class Ended:
    """How a verb ended; -1 where it did not."""

    code: int
    err: str


@dataclass(frozen=True)
class World:
    """One user.

    :param place: a directory for all that is made.
    :param tree: what ``--tree`` says: "sample", or the user's own repository.
    """

    place: Path
    tree: str

    @property
    def repo(self) -> Path:
        """The user's repository, in which they stand."""
        return self.place / "user"

    @property
    def home(self) -> Path:
        """The user's home directory; ``.gitconfig`` and ``.config`` are there."""
        return self.place / "home"

    @property
    def cache(self) -> Path:
        """XDG_CACHE_HOME."""
        return self.place / "cache"

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """What the user's programs get; nothing of whoever runs the matrix but PATH and the like."""
        plain = {k: v for k, v in os.environ.items() if k in _PLAIN}
        return {**plain, "HOME": str(self.home), "XDG_CACHE_HOME": str(self.cache), **(more or {})}

    def git(self, *args: str, where: Path | None = None, env: Mapping[str, str] | None = None) -> str:
        """git as the user types it, with dates that are always the same."""
        dated = {"GIT_AUTHOR_DATE": "1420156800 +0000", "GIT_COMMITTER_DATE": "1420156800 +0000", **(env or {})}
        argv = ["git", "-C", str(where or self.repo), *args]
        done = subprocess.run(argv, env=self.environment(dated), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{argv}: {done.stdout}{done.stderr}")
        return done.stdout

    def argv(self, out: Path, *stages: str) -> list[str]:
        """The verb that is tried."""
        return ["run", *(stages or ("01", "02")), "--tree", self.tree, "--config", "x86_64-debug", "--out", str(out)]

    def verb(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> Ended:
        """A verb in a process of its own, forked, which is quicker than to start one."""
        log, full = self.place / "log", self.environment(env)
        child = os.fork()
        if child == 0:
            code = 99
            try:
                with log.open("wb") as f:
                    os.dup2(f.fileno(), 1)
                    os.dup2(f.fileno(), 2)
                os.chdir(self.repo)
                os.environ.clear()
                os.environ.update(full)
                sys.stdout = os.fdopen(1, "w", closefd=False)
                sys.stderr = os.fdopen(2, "w", closefd=False)
                code = main(argv)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        ends = time.monotonic() + LIMIT
        while True:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                return Ended(os.waitstatus_to_exitcode(status), log.read_text(errors="replace"))
            if time.monotonic() > ends:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return Ended(-1, f"no end after {LIMIT:g} s")
            time.sleep(0.02)

    def begin_with(self, cache: Path) -> None:
        """Copy what another cache holds of prepared and parsed trees."""
        made = cache / "xenstage"
        for kind in ("prepared", "answers", "includes", "readings", "sweeps", "toolchains"):
            if (made / kind).is_dir():
                shutil.copytree(made / kind, self.cache / "xenstage" / kind, symlinks=True)

    def forget(self, *, everything: bool) -> None:
        """Make the cache cold: all of it, or the repositories in it."""
        top = self.cache / "xenstage"
        for name in [""] if everything else ["trees", "sample"]:
            shutil.rmtree(top / name, ignore_errors=True)

    def hostile(self) -> Path:
        """A directory of things that would do harm if git of ours looked at them."""
        place = self.place / "hostile"
        if place.exists():
            return place
        hooks = place / "hooks"
        hooks.mkdir(parents=True)
        for name in _HOOKS:
            self.hook(hooks / name, f"echo {name} >> {self.repo}/harmed; exit 1")
        (place / "config").write_text(_HOSTILE)
        (place / "attributes").write_text("* -diff text eol=crlf ident\n")
        (place / "ignore").write_text("*\n")
        (place / "order").write_text("*.h\n*.c\n")
        (place / "mailmap").write_text("Other <other@example.org> <ann@example.org>\n")
        (place / "grafts").write_text("nonsense\n")
        for name in ("template", "template-config"):
            (place / name / "info").mkdir(parents=True)
            (place / name / "config").write_text(_HOSTILE)
        for name in ("template", "template-attributes"):
            (place / name / "info").mkdir(parents=True, exist_ok=True)
            (place / name / "info/attributes").write_text("* -diff text eol=crlf\n")
            (place / name / "info/exclude").write_text("*\n")
        for name in ("template", "template-hooks"):
            shutil.copytree(hooks, place / name / "hooks")
        return place

    def hook(self, path: Path, command: str) -> None:
        """A hook that runs a command."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{command}\n")
        path.chmod(0o755)

    def tools(self) -> dict[str, str]:
        """What a command that git runs needs to call a verb."""
        return {"PROJECT": str(PROJECT), "PYTHON": sys.executable}

    def mails(self, out: Path) -> dict[str, bytes]:
        """The mails below an output directory."""
        return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*.patch"))}

    def reference(self) -> dict[str, bytes]:
        """The mails of a user who has an identity and nothing else; the cache is warm then."""
        out = self.place / "reference"
        got = self.verb(self.argv(out))
        if got.code:
            raise RuntimeError(f"the reference run fails: exit {got.code}\n{got.err}")
        return self.mails(out)

    def tried(self, wanted: Mapping[str, bytes], env: Mapping[str, str] | None = None) -> Answer:
        """Run, and hold the mails to those wanted and the user's repository to what it was."""
        out = self.place / "out"
        shutil.rmtree(out, ignore_errors=True)
        before = whole_digest(self.repo)
        got = self.verb(self.argv(out), env)
        if whole_digest(self.repo) != before:
            return Answer(False, f"exit {got.code}: the user's repository is another")
        if got.code == 0:
            same = self.mails(out) == wanted
            return Answer(same, "same bytes" if same else f"exit 0 and other bytes: {_first(self.mails(out), wanted)}")
        title = next((r for r in got.err.splitlines() if r.startswith("xenstage: ")), "")
        ours = got.code in {int(e) for e in Exit} and "\n  why:  " in got.err and "\n  next: " in got.err
        if not ours or not title or "Traceback" in got.err:
            return Answer(False, f"exit {got.code}: {(got.err.strip().splitlines() or ['no words'])[-1][:120]}")
        if out.exists():
            return Answer(False, f"exit {got.code}, and something is in the output directory")
        return Answer(True, f"exit {got.code}: {title.removeprefix('xenstage: ')[:100]}")


def _first(mails: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> str:
    """Where two sets of mails part."""
    for name in sorted({*mails, *wanted}):
        one, two = mails.get(name, b"").split(b"\n"), wanted.get(name, b"").split(b"\n")
        for row, (a, b) in enumerate(zip(one, two, strict=False), 1):
            if a != b:
                return f"{name[-30:]}:{row}: {a[:40]!r}"
        if one != two:
            return f"{name[-30:]}: {len(one)} lines, not {len(two)}"
    return "nothing"


def make_world(place: Path, tree: Path | None) -> World:
    """A user in the middle of work: staged, changed and untracked files, a stash, a second branch, a linked work tree.

    :param tree: a clone of xen.git, which the user's shares objects with; None for a user who stands in
        a repository of their own and names the bundled sample.
    """
    world = World(place, str(place / "user") if tree else "sample")
    world.home.mkdir(parents=True)
    (world.home / ".gitconfig").write_text(ANN)
    if tree:
        head = world.git("rev-parse", "HEAD", where=tree).strip()
        world.git("clone", "-q", "--shared", "--no-checkout", str(tree), str(world.repo), where=place)
        world.git("checkout", "-q", "-B", "main", head)
    else:
        shutil.copytree(SAMPLE, world.repo, ignore=shutil.ignore_patterns("*.o", "*.s", ".*.d", "__pycache__"))
        world.git("init", "-q", "-b", "main")
        world.git("add", "-A")
        world.git("commit", "-q", "-m", "A tree")
    world.git("branch", "side")
    world.git("worktree", "add", "-q", "--detach", "--no-checkout", str(place / "linked"))
    stashed, staged, changed = "xen/common/domain.c", "xen/common/memory.c", "xen/common/kernel.c"
    for path, verb in ((stashed, "stash"), (staged, "add"), (changed, "status")):
        with (world.repo / path).open("a") as f:
            f.write("/* the user's */\n")
        world.git(verb, *([path] if verb == "add" else []))
    (world.repo / "notes.txt").write_text("the user's\n")
    return world
