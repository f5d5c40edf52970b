"""build_commit: the tree's own make on one commit, incrementally, with an honest verdict."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..cache import Cache, digest
from ..process import Runner
from ..tree.config import Config
from ..tree.prepare import CLEAN_MAKE
from ..tree.source import Tree
from ..tree.toolchain import Toolchain, ccache, make_toolchain
from .log import crash_in, failed_targets, first_error, warnings_in
from .results import note_result, result_key

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
    :param warnings: the log's warnings without line numbers.
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


@dataclass(frozen=True)
class Builder:
    """Builds commits of one tree in one configuration, in one directory of ours.

    :param clock: seconds, monotonic.
    :param harvest: reads a JSON value from the built ``xen`` directory of a commit, while it
        is there; kept with the result.  Its time is not in ``seconds``.
    """

    tree: Tree
    config: Config
    cache: Cache
    runner: Runner
    clock: Callable[[], float]
    harvest: Callable[[Path, str], dict[str, Any]] | None = None

    @functools.cached_property
    def toolchain(self) -> Toolchain:
        """The wrappers, looked at once; see :func:`make_toolchain`."""
        return make_toolchain(self.config, cache=self.cache, runner=self.runner)

    def build(self, commit: str, baseline: Result | None) -> Result:
        """Build a commit, or report the kept result of the same tree.

        :param baseline: the base commit's result, whose warnings are not new.
        """
        lack = self.config.missing()
        if lack:
            return Result("SKIP", lack, 0.0, "", b"", "", (), False)
        tools = self.toolchain
        tree = self.tree.git.tree_of(commit)
        key = result_key(tree, self.config, tools.identity)
        kept, log = self.cache.get("builds", key), self.cache.get_bytes("logs", key)
        read = self.cache.get("harvests", key) if self.harvest is not None else {}
        if kept is not None and log is not None and (read is not None or kept["verdict"] != "PASS"):
            self.cache.put("built", digest(tree, self.config.name), {"toolchain": tools.identity})
            tuples = {k: tuple(kept[k]) for k in ("warnings", "failed")}
            return Result(**{**kept, **tuples, "log": log, "kept": True, "harvest": read or {}})
        result = self._make(commit, tools, baseline)
        if result.verdict in ("PASS", "FAIL"):  # what depends on the input alone
            self.cache.put_bytes("logs", key, result.log)
            if self.harvest is not None and result.verdict == "PASS":
                self.cache.put("harvests", key, result.harvest)
            note_result(self.cache, tree, self.config, tools.identity, _to_json(result))
        return result

    def _make(self, commit: str, tools: Toolchain, baseline: Result | None) -> Result:
        place = self.cache.path("build", digest(self.tree.base, self.config.name, tools.identity), "busy").parent
        with self.cache.lock(f"build-{place.name}"):
            busy, here = place / "busy", place / "here"
            # Killed in the middle: objects may be half-written.  Moved or copied: what make
            # noted beside the objects names the headers of another place.
            if os.path.lexists(busy) or not _says(here, str(place)):
                self.cache.remove(place)
                place.mkdir(parents=True, exist_ok=True)
                self.cache.write(here, digest(str(place)).encode())
            busy.touch()
            self.tree.git.checkout(commit, place / "tree", place / "index")
            argv = [
                "make",
                *(["-k"] if self.config.clang else []),
                f"-j{os.cpu_count() or 1}",
                "-C",
                str(place / "tree/xen"),
                "build",
            ]
            argv += [*self.config.make_args, *tools.make_args]
            started = self.clock()
            done = self.runner.with_env(**CLEAN_MAKE, **ccache(self.cache)).run(argv, timeout=TIMEOUT)
            seconds = round(self.clock() - started, 1)
            product = place / "tree/xen/xen-syms"
            log = done.out + b"\n--- stderr ---\n" + done.err
            text = log.decode("utf-8", "replace")
            failed = failed_targets(text, place / "tree")
            verdict, reason = _judge(done.status, product.exists(), text)
            if self.config.clang and verdict == "FAIL":
                verdict, reason = _judge_partly(failed, baseline)
            read = self.harvest(place / "tree/xen", commit) if self.harvest is not None and verdict == "PASS" else {}
            product.unlink(missing_ok=True)  # the next build must make its own
            if done.status >= 0:
                busy.unlink()
        warnings = tuple(sorted(set(warnings_in(text, place / "tree"))))
        if verdict == "PASS" and baseline is not None:
            fresh = sorted(set(warnings) - set(baseline.warnings))
            if fresh:
                verdict, reason = "FAIL", f"{len(fresh)} warnings that the base does not have: {fresh[0]}"
        command = " ".join(["make", "-C", "xen", "build", *self.config.make_args, *tools.make_args])
        result = Result(verdict, reason, seconds, tools.version, log, command, warnings, False, failed)
        return replace(result, harvest=read)


def _says(here: Path, place: str) -> bool:
    """Whether a build directory was begun where it stands now."""
    try:
        return here.read_bytes() == digest(place).encode()
    except OSError:
        return False


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
