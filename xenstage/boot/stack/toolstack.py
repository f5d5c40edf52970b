"""build_toolstack: a commit's hypervisor and its own tools, as a directory laid out like a root file system.

``toolstack.json`` in it says where things are::

    {"xen": COMMIT, "version": "4.5", "hypervisor": PATH, "device_model": PATH or null,
     "xl": PATH, "libraries": [DIRECTORY, …]}

It is put together from three parts, each kept by what it depends on: the tools (their own paths
in the tree), the hypervisor (the whole tree), the device model (the tools' libxc).  A stage that
changes the hypervisor alone costs one incremental build of it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...builds.log import first_error
from ...builds.mends import make_tools_toolchain
from ...builds.tools import TOOLSTACK, ToolsBuilder, need_pass
from ...cache import Cache, digest, write_atomically
from ...errors import Exit, XenstageError
from ...process import Runner
from ...progress import say
from ...tree.config import BY_NAME
from ...tree.prepare import CLEAN_MAKE
from ...tree.source import Tree
from ...tree.toolchain import ccache, make_toolchain
from .devicemodel import DeviceModel
from .stack import FILE, Toolstack, is_elf

CONFIG = BY_NAME["x86_64-debug"]
HYPERVISOR = "boot/xen"
XL = "usr/sbin/xl"
LIBRARIES = ("usr/lib",)

_VERSION = "1"  # of the layout; a change makes every key new
_TIMEOUT = 3600.0  # seconds for the hypervisor's make
# Directories that the tools expect to find and that no makefile of ours installs.
_PLACES = ("etc/xen/scripts", "var/lib/xen", "var/lib/xenstored", "var/log/xen", "var/run/xen", "var/run/xenstored")
_PROGRAMS = ("usr/sbin", "usr/bin", "usr/lib/xen/bin", "usr/lib/xen/boot", "etc")


@dataclass(frozen=True)
class ToolstackBuilder:
    """Builds toolstacks of commits of one tree, in directories of ours.

    :param clock: seconds, monotonic.
    :param jobs: how many processes make may start.
    :param device_model: None leaves it out: HVM guests cannot be started then.
    """

    tree: Tree
    cache: Cache
    runner: Runner
    clock: Callable[[], float]
    jobs: int = os.cpu_count() or 1
    device_model: DeviceModel | None = None

    def build(self, commit: str) -> Path:
        """The directory of a commit's toolstack, built or kept.

        :raises XenstageError: (TOOLS) a compiler or library is missing, with the line to type;
            (FAIL) the commit does not build, with the log; (INFRA) the machine failed.
        """
        tools = self.tools(commit)
        xen = self.hypervisor(commit)
        model = self.device_model.build(tools) if self.device_model is not None else None
        key = digest(_VERSION, commit, tools.name, xen.parent.name, model.name if model else "none")
        place = self.cache.path("toolstack", "whole", key)
        with self.cache.lock(f"toolstack-{key}"):
            if not (place / FILE).exists():
                self._assemble(commit, tools, xen, model, place)
        return place

    def tools(self, commit: str) -> Path:
        """The installed tools with headers and libraries; named by the key of their paths in the tree."""
        builder = ToolsBuilder(self.tree.git, self.cache, self.runner, self.clock, self.jobs)
        lack = builder.missing()
        if lack:
            raise XenstageError(
                Exit.TOOLS, "the tree's tools cannot be built here", why="what they need is not installed", remedy=lack
            )
        key = builder.key(commit, TOOLSTACK)
        place = self.cache.path("toolstack", "tools", key)
        with self.cache.lock(f"tools-{key}"):
            if not place.exists():
                say(f"toolstack: building the tools of {commit[:12]} (a minute or two)")
                fresh = place.with_name(f"new-{key}")
                self.cache.remove(fresh)
                done = builder.install(commit, fresh, TOOLSTACK)
                need_pass(done, "the toolstack", self.cache.path("logs", f"tools-{key}.log"))
                self._strip(fresh)
                os.replace(fresh, place)
        return place

    def hypervisor(self, commit: str) -> Path:
        """The hypervisor, a multiboot ELF file without compression, in a directory named by its key."""
        tools = make_toolchain(CONFIG, cache=self.cache, runner=self.runner)
        key = digest(_VERSION, self.tree.git.tree_of(commit), CONFIG.name, tools.identity)
        product = self.cache.path("toolstack", "xen", key, "xen")
        work = self.cache.path("build", digest("toolstack", self.tree.base, CONFIG.name, tools.identity), "x").parent
        with self.cache.lock(f"build-{work.name}"):
            if not product.exists():
                say(f"toolstack: building the hypervisor of {commit[:12]}")
                self._make_xen(commit, work, tools.make_args, product)
        return product

    def _make_xen(self, commit: str, work: Path, variables: list[str], product: Path) -> None:
        root, busy = work / "tree", work / "busy"
        if busy.exists():  # killed in the middle: objects may be half-written
            self.cache.remove(work)
            work.mkdir(parents=True)
        busy.touch()
        self.tree.git.checkout(commit, root, work / "index")
        made = root / "xen/xen"
        for name in ("xen", "xen.gz", "xen-syms"):
            (root / "xen" / name).unlink(missing_ok=True)
        dated = make_tools_toolchain(cache=self.cache, runner=self.runner).environment(root)
        argv: list[str | Path] = ["make", f"-j{self.jobs}", "-C", root / "xen", "build", *CONFIG.make_args, *variables]
        done = self.runner.with_env(**CLEAN_MAKE, **dated, **ccache(self.cache)).run(argv, timeout=_TIMEOUT)
        if done.status >= 0:
            busy.unlink()
        if done.status or not made.exists():
            log = self.cache.path("logs", f"xen-{commit}.log")
            write_atomically(log, done.out + b"\n--- stderr ---\n" + done.err)
            text = (done.out + done.err).decode("utf-8", "replace")
            raise XenstageError(
                Exit.FAIL if done.status >= 0 else Exit.INFRA,
                f"the hypervisor of {commit[:12]} does not build",
                why=first_error(text) or f"make ends with {done.status}",
                remedy=f"less '{log}'",
            )
        write_atomically(product, made.read_bytes())

    def _strip(self, root: Path) -> None:
        """Leave debugging information out: dom0 unpacks every byte under emulation."""
        files = [p for p in sorted(root.rglob("*")) if p.is_file() and not p.is_symlink() and is_elf(p)]
        for path in files:
            path.chmod(0o755)
        if files:
            self.runner.run(["strip", "--strip-debug", *files], timeout=120)

    def _assemble(self, commit: str, tools: Path, xen: Path, model: Path | None, place: Path) -> None:
        fresh = place.with_name(f"new-{place.name}")
        self.cache.remove(fresh)
        for part in _PROGRAMS:
            if (tools / part).is_dir():
                shutil.copytree(tools / part, fresh / part, symlinks=True, dirs_exist_ok=True)
        (fresh / LIBRARIES[0]).mkdir(parents=True, exist_ok=True)
        for library in sorted((tools / LIBRARIES[0]).glob("*.so.*")):
            shutil.copy2(library, fresh / LIBRARIES[0] / library.name, follow_symlinks=False)
        if model is not None:
            shutil.copytree(model, fresh, symlinks=True, dirs_exist_ok=True)
        for directory in _PLACES:
            (fresh / directory).mkdir(parents=True, exist_ok=True)
        (fresh / HYPERVISOR).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(xen, fresh / HYPERVISOR)
        model_path = DeviceModel.PROGRAM if model is not None else None
        Toolstack(fresh, commit, self.tree.version, HYPERVISOR, model_path, XL, LIBRARIES).save()
        self.cache.remove(place)
        os.replace(fresh, place)
