"""ToolsBuilder: do the tree's tools build at a commit, and with what warnings?

A checkout of our own holds only the paths that these tools are made of, so that a result is
known by exactly those paths: a patch that touches none of them costs nothing.  Each build starts
from nothing, because the tools' makefiles do not follow every dependency.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..cache import Cache, digest, write_atomically
from ..errors import Exit, XenstageError
from ..process import Done, Runner
from ..tree.git import Git
from ..tree.isolation import places
from ..tree.prepare import CLEAN_MAKE
from ..tree.toolchain import ccache
from .builder import Result
from .log import crash_in, failed_targets, first_error, warnings_in
from .mends import BUILD_DATE, NEEDS, SEABIOS, ToolsToolchain, lacking, make_tools_toolchain

VERSION = "1"  # of what is kept; a change makes every key new
TIMEOUT = 3600.0  # seconds for one make

TARGETS = ("include", "libxc", "xenstore", "console", "libxl", "hvmloader", "gdbsx")
"""What can be asked for, in the order in which it is built."""
TOOLSTACK = tuple(t for t in TARGETS if t != "gdbsx")
"""What a booted dom0 has: no debugger."""

_DIRECTORY = {"hvmloader": "firmware", "gdbsx": "debugger/gdbsx"}

# Files that every target is made of: configure and what it reads, and what libxc and (from 4.6 on) tools/include
# take from xen/.
_COMMON = (
    "Config.mk", "config", "configure", "config.guess", "config.sub", "install.sh", "version.sh", "m4",
    "tools/Makefile", "tools/Rules.mk", "tools/configure", "tools/config.h.in", "tools/cross-install",
    "tools/hotplug", "tools/include", "xen/Makefile", "xen/include/public", "xen/xsm/flask/policy",
    "xen/include/xen/libelf.h", "xen/include/xen/elfstructs.h", "xen/include/xen/lz4.h", "xen/include/xen/lzo.h",
    "xen/common/libelf", "xen/common/lz4", "xen/common/xz", "xen/common/decompress.h", "xen/common/lzo.c",
    "xen/common/unlz4.c", "xen/common/unlzo.c", "xen/common/unlzma.c", "xen/common/unxz.c", "xen/common/bunzip2.c",
)  # fmt: skip
_OWN = {
    "include": (),
    "libxc": ("tools/libxc",),
    "xenstore": ("tools/xenstore",),
    "console": ("tools/console",),
    "libxl": ("tools/libxl",),
    "hvmloader": ("tools/firmware/Makefile", "tools/firmware/Rules.mk", "tools/firmware/hvmloader"),
    "gdbsx": ("tools/debugger/gdbsx",),
}
_BELOW = {
    "include": (),
    "libxc": ("include",),
    "xenstore": ("include", "libxc"),
    "console": ("include", "libxc", "xenstore"),
    "libxl": ("include", "libxc", "xenstore"),
    "hvmloader": ("include",),
    "gdbsx": ("include",),
}
_MARK = "xen/common/kernel.c"  # configure looks whether it is there, and no more

VARIABLES = ("LIBXL_BLKTAP=n", "CONFIG_ROMBIOS=n")
"""For make: what configure cannot switch off before 4.5."""

CONFIGURE = (
    "--prefix=/usr",
    "--libdir=/usr/lib",
    "--with-sysconfig-leaf-dir=default",
    "--with-xenstored=xenstored",
    "--with-system-qemu=/usr/lib/xen/bin/qemu-system-i386",
    f"--with-system-seabios={SEABIOS}",
    "--disable-stubdom",
    "--disable-docs",
    "--disable-qemu-traditional",
    "--disable-blktap2",
    "--disable-ocamltools",
    "--disable-xsmpolicy",
    "--disable-monitors",
    "--disable-systemd",
)


def closure(targets: Iterable[str]) -> tuple[str, ...]:
    """The targets with those that they are built on, in order.

    :raises KeyError: an unknown target.
    """
    wanted = {t for name in targets for t in (name, *_BELOW[name])}
    return tuple(t for t in TARGETS if t in wanted)


def paths(targets: Iterable[str] = TARGETS) -> tuple[str, ...]:
    """The files and directories of the tree that targets are made of."""
    return (*_COMMON, *(p for t in closure(targets) for p in _OWN[t]))


def concerns(changed: Iterable[str], targets: Iterable[str] = TARGETS) -> list[str]:
    """Which of some changed paths the build of the targets sees."""
    ours = paths(targets)
    return [c for c in changed if any(c == p or c.startswith(f"{p}/") for p in ours)]


def untried(changed: Iterable[str]) -> list[str]:
    """Changed paths of the tools that no target builds (ocaml, python, …)."""
    changed = [c for c in changed if c.startswith("tools/")]
    seen = set(concerns(changed))
    return [c for c in changed if c not in seen]


@dataclass(frozen=True)
class ToolsBuilder:
    """Builds the tools of commits of one repository, in directories of ours.

    :param git: our own bare repository that holds the commits.
    :param clock: seconds, monotonic.
    :param jobs: how many processes make may start.
    """

    git: Git
    cache: Cache
    runner: Runner
    clock: Callable[[], float]
    jobs: int = os.cpu_count() or 1

    def missing(self) -> str | None:
        """The line to type when something is not installed, or None."""
        return lacking(NEEDS, self.runner)

    def _skipped(self, commit: str) -> Result | None:
        """SKIP, with the reason, where nothing can be tried."""
        why = self.missing()
        if why is None and not self.git.need("ls-tree", commit, "--", "configure"):
            why = "the tree has no configure of its own"
        return Result("SKIP", f"the tools cannot be built here: {why}", 0.0, "", b"", "", (), False) if why else None

    def key(self, commit: str, targets: Iterable[str] = TARGETS) -> str:
        """What a result holds for: the bytes of the paths, the targets, the mends, the toolchain.

        :raises XenstageError: (TOOLS) when there is no toolchain.
        """
        tools = make_tools_toolchain(cache=self.cache, runner=self.runner)
        return digest(
            "tools", VERSION, self._listing(commit, targets), *closure(targets), *CONFIGURE, *VARIABLES, tools.identity
        )

    def build(self, commit: str, baseline: Result | None, targets: Iterable[str] = TARGETS) -> Result:
        """Build the targets at a commit, or report the kept result of the same paths.

        :param baseline: the base commit's result, whose warnings are not new.
        :return: verdict PASS, FAIL, TIMEOUT, SKIP (with the line to type) or INFRA, as
            :class:`~xenstage.builds.builder.Result` has them.
        """
        if skipped := self._skipped(commit):
            return skipped
        key = self.key(commit, targets)
        kept, log = self.cache.get("tools", key), self.cache.get_bytes("logs", key)
        if kept is not None and log is not None:
            known = {k: tuple(kept[k]) for k in ("warnings", "failed")}
            result = Result(**{**kept, **known, "log": log, "kept": True})
        else:
            result = self._make(commit, closure(targets), key, None)
        return _against(result, baseline)

    def install(self, commit: str, destination: Path, targets: Iterable[str] = TARGETS) -> Result:
        """Build the targets and install them below a directory, laid out like a root file system.

        :param destination: made; what it holds after a failure is of no use.
        """
        if skipped := self._skipped(commit):
            return skipped
        return self._make(commit, closure(targets), self.key(commit, targets), destination)

    def _listing(self, commit: str, targets: Iterable[str]) -> bytes:
        """Mode, hash and path of every file that the targets are made of."""
        return self.git.need("ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths(targets))

    def _make(self, commit: str, targets: tuple[str, ...], key: str, destination: Path | None) -> Result:
        tools = make_tools_toolchain(cache=self.cache, runner=self.runner)
        place = self.cache.path("build", f"tools-{tools.identity}", "x").parent
        root = place / "tree"
        with self.cache.lock(f"build-{place.name}"):
            self.cache.remove(place)
            self._checkout(self._listing(commit, targets), place)
            runner = self.runner.with_env(**CLEAN_MAKE, **tools.environment(root), **ccache(self.cache))
            started = self.clock()
            log, done = self._steps(runner, tools, root, targets, destination)
            seconds = round(self.clock() - started, 1)
            self.cache.remove(place)
        text = log.decode("utf-8", "replace")
        verdict, reason = _judge(done.status, text)
        short = " ".join(f"tools/{_DIRECTORY.get(t, t)}" for t in targets)
        command = (
            f"./configure {' '.join(CONFIGURE)} && for d in {short}; do make -C $d all {' '.join(VARIABLES)}; done"
        )
        warnings = tuple(sorted(set(warnings_in(text, root))))
        result = Result(
            verdict, reason, seconds, tools.version, log, command, warnings, False, failed_targets(text, root)
        )
        if verdict in ("PASS", "FAIL"):  # what depends on the input alone
            self.cache.put_bytes("logs", key, log)
            self.cache.put("tools", key, _to_json(result))
        return result

    def _checkout(self, listing: bytes, place: Path) -> None:
        """The listed files, all of one time, so that make trusts what stands beside its source."""
        root, index = place / "tree", places(index=place / "index")
        root.mkdir(parents=True)
        rows = [r.split(b"\t", 1) for r in listing.split(b"\0") if r]
        entries = b"".join(b"%s %s\t%s\0" % (*meta.split()[::2], path) for meta, path in rows)
        self.git.need("update-index", "-z", "--add", "--index-info", stdin=entries, env=index)
        work = places(index=place / "index", work_tree=root)
        self.git.need("checkout-index", "-a", "-q", env=work)
        mark = root / _MARK
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        for directory, _, names in os.walk(root):
            for name in names:
                os.utime(Path(directory, name), (BUILD_DATE, BUILD_DATE), follow_symlinks=False)

    def _steps(
        self, runner: Runner, tools: ToolsToolchain, root: Path, targets: tuple[str, ...], destination: Path | None
    ) -> tuple[bytes, Done]:
        """configure, make of each target, and the installation where it is asked for; until one fails."""
        steps: list[list[str | Path]] = [
            ["./configure", *CONFIGURE, f"CC={tools.directory}/cc", f"PYTHON={tools.directory}/python"]
        ]
        for target in targets:
            where = root / "tools" / _DIRECTORY.get(target, target)
            steps.append(["make", f"-j{self.jobs}", "-C", where, "all", *VARIABLES, *tools.make_args])
            if destination is not None:
                steps.append(["make", "-C", where, "install", f"DESTDIR={destination}", *VARIABLES, *tools.make_args])
        log = b""
        done = Done((), 0, b"", b"")
        for argv in steps:
            done = runner.run(argv, cwd=root, timeout=TIMEOUT)
            log += f"$ {' '.join(str(a) for a in argv)}\n".encode() + done.out + b"--- stderr ---\n" + done.err
            if done.status:
                break
        return log, done


def _to_json(result: Result) -> dict[str, Any]:
    names = ("verdict", "reason", "seconds", "compiler", "command", "warnings", "failed")
    return {n: getattr(result, n) for n in names}


def _judge(status: int, log: str) -> tuple[str, str]:
    if status < 0:
        return ("TIMEOUT", f"no end after {TIMEOUT:g} s") if "timed out after" in log else ("INFRA", "make was killed")
    if status == 0:
        return "PASS", ""
    if "No space left on device" in log:
        return "INFRA", "no space left on device"
    if crash := crash_in(log):
        return "INFRA", f"the compiler crashed: {crash}"
    return "FAIL", first_error(log) or f"make ends with {status}"


def _against(result: Result, baseline: Result | None) -> Result:
    """The verdict with the base's warnings in mind; it is not kept, since the base may be another."""
    if result.verdict != "PASS" or baseline is None:
        return result
    fresh = sorted(set(result.warnings) - set(baseline.warnings))
    if not fresh:
        return result
    return replace(result, verdict="FAIL", reason=f"{len(fresh)} warnings that the base does not have: {fresh[0]}")


def need_pass(result: Result, what: str, log: Path) -> None:
    """Go on only with something built.

    :param log: where the whole output is written.
    :raises XenstageError: (TOOLS) nothing could be tried; (FAIL) it does not build; (INFRA).
    """
    if result.verdict == "PASS":
        return
    if result.verdict == "SKIP":
        raise XenstageError(
            Exit.TOOLS, f"{what} cannot be built here", why=result.reason, remedy=result.reason.split(": ", 1)[-1]
        )
    write_atomically(log, result.log)
    code = Exit.FAIL if result.verdict == "FAIL" else Exit.INFRA
    raise XenstageError(
        code, f"{what} does not build", why=f"{result.verdict}: {result.reason}", remedy=f"less '{log}'"
    )
