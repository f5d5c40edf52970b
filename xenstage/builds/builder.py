"""build_commit: the tree's own make on one commit, incrementally, with an honest verdict."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from ..cache import Cache, digest
from ..process import Runner
from ..tree.config import Config
from ..tree.prepare import CLEAN_MAKE
from ..tree.source import Tree
from ..tree.toolchain import SAID, Toolchain, ccache, make_toolchain
from .log import crash_in, failed_targets, first_error, warnings_in
from .results import note_verdict, result_key
from .sources import without_rule

TIMEOUT = 3600.0  # seconds for one make


@dataclass(frozen=True)
class Result:
    """What became of building one commit in one configuration.

    :param verdict: PASS, FAIL (the compiler or linker said no, or a warning that the
        base does not have: the tree's flags make warnings errors), TIMEOUT, SKIP (the
        compiler is not installed) or INFRA (make itself could not run).
    :param reason: for every verdict but PASS.
    :param seconds: wall time of make, rounded to a tenth; of the run that was kept.
    :param compiler: first line of ``--version``.
    :param log: the whole output; absent for SKIP.
    :param command: what reproduces it in any checkout of the commit, on this machine.
    :param warnings: what the compilers say of everything that the commit is built of, without
        line numbers; also of what this make did not have to make again.  None where make
        stopped at an error.
    :param failed: targets that make could not make; a clang build of the base has some.
    :param kept: whether an earlier run of the same tree, configuration and toolchain is
        reported.
    :param harvest: what was read from the products, see :class:`Builder`.
    """

    verdict: str
    reason: str
    seconds: float
    compiler: str
    log: bytes
    command: str
    warnings: tuple[str, ...]
    kept: bool
    failed: tuple[str, ...] = ()
    harvest: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)


class Harvest(Protocol):
    """Reads something from a build's products."""

    @property
    def parents(self) -> Mapping[str, str]:
        """Commit to the commit that its line numbers are compared with."""

    def __call__(self, xen: Path, commit: str, /) -> dict[str, Any]:
        """A JSON value; what depends on the commit's parent stands under "lines"."""


@dataclass(frozen=True)
class Builder:
    """Builds commits of one tree in one configuration, in one directory of ours.

    A result is that of the commit alone: the same after any other commits, and from nothing.

    :param clock: seconds, monotonic.
    :param harvest: reads a JSON value from the built ``xen`` directory of a commit, while it
        is there; kept with the result.  Its time is not in ``seconds``.
    """

    tree: Tree
    config: Config
    cache: Cache
    runner: Runner
    clock: Callable[[], float]
    harvest: Harvest | None = None

    @functools.cached_property
    def toolchain(self) -> Toolchain:
        """The wrappers, looked at once; see :func:`make_toolchain`."""
        return make_toolchain(self.config, cache=self.cache, runner=self.runner)

    def build(self, commit: str, baseline: Result | None) -> Result:
        """Build a commit, or report the kept result of the same tree.

        What is kept is what make did with the tree, whatever was built before it and whatever
        it is compared with; the verdict is made of it and of the baseline, each time.

        :param baseline: the base commit's result, whose warnings are not new.
        """
        lack = self.config.missing()
        if lack:
            return Result("SKIP", lack, 0.0, "", b"", "", (), False)
        tools = self.toolchain
        tree = self.tree.git.tree_of(commit)
        key = result_key(tree, self.config, tools.identity)
        result = self._kept(key, self._parent(commit))
        if result is None:
            result = self._make(commit, tools)
            if result.verdict in ("PASS", "FAIL"):  # what depends on the input alone
                self.cache.put_bytes("logs", key, result.log)
                if self.harvest is not None:
                    read = dict(result.harvest)
                    self.cache.put("relined", digest(key, self._parent(commit)), read.pop("lines", {}))
                    self.cache.put("harvests", key, read)
                self.cache.put("builds", key, _to_json(result))
        judged = _against(result, baseline, clang=self.config.clang)
        if judged.verdict in ("PASS", "FAIL"):
            note_verdict(self.cache, self.tree.base, tree, self.config, judged.verdict, judged.seconds, judged.compiler)
        return judged

    def _parent(self, commit: str) -> str:
        """The tree that the harvest compares line numbers with; "" where there is none."""
        parent = self.harvest.parents.get(commit) if self.harvest is not None else None
        return self.tree.git.tree_of(parent) if parent else ""

    def _kept(self, key: str, parent: str) -> Result | None:
        """What an earlier run kept, whole, or None.

        :param parent: as :meth:`_parent`: what was read of a tree holds beside any other, but
            for the numbers of lines.
        """
        kept, log = self.cache.get("builds", key), self.cache.get_bytes("logs", key)
        if kept is None or log is None:
            return None
        read: dict[str, Any] = {}
        if self.harvest is not None:
            found = self.cache.get("harvests", key)
            lines = self.cache.get("relined", digest(key, parent)) if parent else {}
            if found is None or lines is None:
                return None
            read = {**found, "lines": lines} if found else {}
        tuples = {k: tuple(kept[k]) for k in ("warnings", "failed")}
        return Result(**{**kept, **tuples, "log": log, "kept": True, "harvest": read})

    def _make(self, commit: str, tools: Toolchain) -> Result:
        """Build in our directory: on top of what stands there where that can decide nothing, else anew.

        A failure on top of something is tried once more from nothing: it is kept for ever.
        """
        place = self.cache.path("build", digest(self.tree.base, self.config.name, tools.identity), "busy").parent
        with self.cache.lock(f"build-{place.name}"):
            reused = self._can_reuse(place, commit) and not _unfollowed(place / "tree/xen")
            result = self._once(place, commit, tools, anew=not reused)
            if reused and result.verdict == "FAIL" and not self.config.clang:
                again = self._once(place, commit, tools, anew=True)
                result = replace(again, seconds=round(result.seconds + again.seconds, 1))
        return result

    def _can_reuse(self, place: Path, commit: str) -> bool:
        """Whether make, on top of what it made of another commit, does what it would do from nothing.

        It does where sources only have other bytes: a product that is gone from the makefiles, a
        file of dependencies that names a header which is gone, or an archive with a member too
        many are none of make's business.
        """
        # Killed in the middle: objects may be half-written.  Moved or copied: what make
        # noted beside the objects names the headers of another place.
        if os.path.lexists(place / "busy") or not _says(place / "here", str(place)):
            return False
        try:
            previous, of_index = (place / "commit").read_text("ascii").split()
            sound = of_index == _sum(place / "index")
        except (OSError, ValueError):
            return False
        if not sound or not re.fullmatch(r"[0-9a-f]{40,64}", previous):
            return False
        listed = self.tree.git.run("diff-tree", "-r", "-z", "--no-renames", previous, commit)
        if listed.status:
            return False
        fields = listed.out.decode("utf-8", "surrogateescape").split("\0")
        for meta, path in zip(fields[::2], fields[1::2], strict=False):
            old, new, _, _, status = meta.split()
            plain = status == "M" and old[1:] == new and new.startswith("100")
            if not _UNREAD.match(path) and not (plain and _FOLLOWED.match(path)):
                return False
        return True

    def _once(self, place: Path, commit: str, tools: Toolchain, *, anew: bool) -> Result:
        busy, xen = place / "busy", place / "tree/xen"
        if anew:
            self.cache.remove(place)
            place.mkdir(parents=True, exist_ok=True)
            self.cache.write(place / "here", digest(str(place)).encode())
        busy.touch()
        self.tree.git.checkout(commit, place / "tree", place / "index")
        argv = ["make", *(["-k"] if self.config.clang else []), f"-j{os.cpu_count() or 1}", "-C", str(xen), "build"]
        argv += [*self.config.make_args, *tools.make_args, *tools.host_args]
        runner = self.runner.with_env(**CLEAN_MAKE, **ccache(self.cache), XENSTAGE_SAID="1")
        started = self.clock()
        done = runner.run(argv, timeout=TIMEOUT)
        seconds = round(self.clock() - started, 1)
        product = xen / "xen-syms"
        log = done.out + b"\n--- stderr ---\n" + done.err
        text = log.decode("utf-8", "replace")
        verdict, reason = _judge(done.status, product.exists(), text)
        read: dict[str, Any] = {}
        if self.harvest is not None and (verdict == "PASS" or (verdict == "FAIL" and self.config.clang)):
            # As it is read again later, so that nothing depends on who made it.
            read = json.loads(json.dumps(self.harvest(xen, commit), sort_keys=True))
        product.unlink(missing_ok=True)  # the next build must make its own
        # Where make stops at the first error, how much was compiled by then is an accident.
        warnings = _warnings(place / "tree", text) if verdict == "PASS" or self.config.clang else ()
        if done.status >= 0:
            self.cache.write(place / "commit", f"{commit} {_sum(place / 'index')}".encode())
            busy.unlink()
        command = " ".join(["make", "-C", "xen", "build", *self.config.make_args, *tools.make_args])
        failed = failed_targets(text, place / "tree")
        return Result(verdict, reason, seconds, tools.version, log, command, warnings, False, failed, read)


def _sum(index: Path) -> str:
    """What an index holds; git believes what it reads there."""
    return hashlib.sha256(index.read_bytes()).hexdigest()


def _says(here: Path, place: str) -> bool:
    """Whether a build directory was begun where it stands now."""
    try:
        return here.read_bytes() == digest(place).encode()
    except OSError:
        return False


def _unfollowed(xen: Path) -> bool:
    """Whether objects stand there of which make does not know what they were compiled from."""
    return any(not _APART.match(p.relative_to(xen.parent).as_posix()) for p in without_rule(xen))


# What "make -C xen build" does not read.
_UNREAD = re.compile(r"(?:docs|tools|stubdom|extras|unmodified_drivers)/|[A-Za-z][^/]*\Z(?<!\.mk)(?<!\.sh)")
# What it follows by files of dependencies: not the public headers, which it also translates
# (include/Makefile, compat/%.i), nor linker scripts, nor what its own programs and the 32-bit
# start of x86 are made of (xen/tools, arch/x86/boot/build32.mk).
_APART = re.compile(
    r"xen/(?:include/public/|tools/|arch/x86/boot/|arch/x86/efi/check\.|include/xen/(?:elfstructs|multiboot)\.h)"
)
_FOLLOWED = re.compile(rf"(?!{_APART.pattern})xen/.*\.(?:[ch]|S)\Z(?<!\.lds\.S)")
_MAKEFILE = re.compile(r"(?:.*/)?(?:Makefile[^/]*|[^/]*\.mk): ")


def _warnings(root: Path, log: str) -> tuple[str, ...]:
    """The warnings about everything that stands there, whether it was made by this make or before.

    Those of compilers stand beside their products; make says its own each time.
    """
    texts = [p.read_text("utf-8", "replace") for p in (root / "xen").rglob(f"*{SAID}") if p.stat().st_size]
    found = {w for text in texts for w in warnings_in(text, root)}
    return tuple(sorted(found | {w for w in warnings_in(log, root) if _MAKEFILE.match(w)}))


def _against(result: Result, baseline: Result | None, *, clang: bool) -> Result:
    """The result with the verdict that it has beside a baseline, which may be another each time."""
    if clang and result.verdict == "FAIL":
        verdict, reason = _judge_partly(result.failed, baseline)
        result = replace(result, verdict=verdict, reason=reason, harvest=result.harvest if verdict == "PASS" else {})
    if result.verdict == "PASS" and baseline is not None:
        fresh = sorted(set(result.warnings) - set(baseline.warnings))
        if fresh:
            reason = f"{len(fresh)} warnings that the base does not have: {fresh[0]}"
            return replace(result, verdict="FAIL", reason=reason)
    return result


def _to_json(result: Result) -> dict[str, Any]:
    return {
        "verdict": result.verdict,
        "reason": result.reason,
        "seconds": result.seconds,
        "compiler": result.compiler,
        "command": result.command,
        "warnings": list(result.warnings),
        "failed": list(result.failed),
    }


def _judge(status: int, made: bool, log: str) -> tuple[str, str]:
    if status < 0:
        return ("TIMEOUT", f"no end after {TIMEOUT:g} s") if "timed out after" in log else ("INFRA", "make was killed")
    if status == 0 and made:
        return "PASS", ""
    if "No space left on device" in log:
        return "INFRA", "no space left on device"
    if crash := crash_in(log):
        return "INFRA", f"the compiler crashed: {crash}"
    if status == 0:
        return "FAIL", "make says yes, but xen-syms is not there"
    return "FAIL", first_error(log) or f"make ends with {status}"


def _judge_partly(failed: tuple[str, ...], baseline: Result | None) -> tuple[str, str]:
    """A compiler that the tree supports in part: nothing that the base made may fail."""
    if baseline is None:
        return "PASS", f"in part: {len(failed)} targets fail"
    new = sorted(set(failed) - set(baseline.failed))
    if new:
        return "FAIL", f"{len(new)} targets fail that the base made: {new[0]}"
    return "PASS", f"in part, as the base: {len(failed)} targets fail"
