"""debian_stack: Debian's own Xen, its tools and a kernel, as a toolstack directory, without root.

apt's lists say which files (name, version, SHA-256); each is kept in the cache
under its hash and unpacked, never installed.  What was fetched once works
without a network.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import urllib.parse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from ...cache import Cache, digest
from ...errors import Exit, XenstageError
from ...process import Runner
from ...progress import Progress, say
from .stack import FILE, Toolstack

DOM0 = ("xen-system-amd64", "qemu-system-xen", "linux-image-amd64", "busybox-static", "seabios")
DISKS = ("syslinux", "syslinux-common", "mtools")
_LIBRARIES = re.compile(r"(lib|zlib)")
_OURS = re.compile(r"(xen|qemu-system-xen|qemu-system-data|linux-image|busybox|seabios|syslinux|mtools)")
_URI = re.compile(r"'([^']*)' (\S+) (\d+) SHA256:([0-9a-f]{64})$", re.MULTILINE)
_NOT_NEEDED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/lintian", "usr/lib/python3")
_LINE = "apt-get update && apt-get install apt dpkg"


@dataclass(frozen=True)
class Package:
    """One file of Debian's archive, by apt's lists."""

    name: str
    version: str
    sha256: str
    size: int


def unavailable(why: str, remedy: str) -> XenstageError:
    """Debian's packages cannot be had here: the cells that need them are SKIP, with this reason."""
    return XenstageError(Exit.SKIPPED, "Debian's packages cannot be had", why=why, remedy=remedy)


@dataclass(frozen=True)
class Debian:
    """Debian's packages as files: the lists, the files, the unpacked trees."""

    cache: Cache
    runner: Runner

    def stack(self) -> Toolstack:
        """Debian's Xen and what dom0 and the guests are made of, in one unpacked tree.

        :raises XenstageError: (SKIPPED) apt or the network is missing, and nothing was fetched before.
        """
        root = self.unpacked((*DOM0, *DISKS))
        if not (root / FILE).exists():
            describe(root).save()
        return Toolstack.load(root)

    def unpacked(self, names: Sequence[str]) -> Path:
        """The named packages and the libraries that they need, unpacked into one tree.

        :raises XenstageError: (SKIPPED) as :meth:`stack`.
        """
        with self.cache.lock("debian"):
            packages = self.resolve(names)
            root = self.cache.path("boot", "debian", digest(*(p.sha256 for p in packages)))
            if root.exists():
                return root
            self.fetch(packages)
            scratch = self.cache.scratch("debian")
            shutil.rmtree(scratch, ignore_errors=True)
            progress = Progress("unpacking Debian packages", len(packages))
            for package in packages:
                self._unpack(package, scratch)
                progress.step(package.name)
            progress.close()
            for path in _NOT_NEEDED:
                shutil.rmtree(scratch / path, ignore_errors=True)
            os.replace(scratch, root)
            return root

    def resolve(self, names: Sequence[str]) -> tuple[Package, ...]:
        """The files that a machine with nothing installed would need, by the lists of this one.

        An answer is kept as long as the lists do not change; without apt or lists, the last answer is taken.
        """
        last = digest("last", *names)
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            return self._last(last, "apt-get and dpkg-deb are not installed; this is not Debian or the like")
        options, lists = self._lists()
        key = digest("resolved", *names, *_state(lists))
        kept = self.cache.get("boot-packages", key)
        if kept is None:
            try:
                found = self._ask_apt(names, options)
            except XenstageError as e:
                return self._last(last, e.why)
            kept = [asdict(p) for p in found]
            self.cache.put("boot-packages", key, kept)
        self.cache.put("boot-packages", last, kept)
        return tuple(Package(**p) for p in kept)

    def _last(self, key: str, why: str) -> tuple[Package, ...]:
        kept = self.cache.get("boot-packages", key)
        if kept is None:
            raise unavailable(why, _LINE)
        say(f"boot: {why}; taking the packages of last time")
        return tuple(Package(**p) for p in kept)

    def _lists(self) -> tuple[list[str], Path]:
        """apt's options and the directory of its lists: the system's, or (when those are empty) our own."""
        shell = self.runner.run(["apt-config", "shell", "D", "Dir::State::lists/d"], timeout=30).text
        system = Path(shell.partition("'")[2].partition("'")[0] or "/var/lib/apt/lists")
        if any(system.glob("*_Packages*")):
            return [], system
        own = self.cache.path("boot", "apt", "lists", "partial").parent
        options = ["-o", f"Dir::State::lists={own}", *self._own_cache()]
        if not any(own.glob("*_Packages*")):
            say("boot: fetching Debian's package lists (apt-get update, into our own cache)")
            self._apt(["update", *options], timeout=180)
        return options, own

    def _own_cache(self) -> list[str]:
        own = self.cache.path("boot", "apt", "archives", "partial")
        own.mkdir(parents=True, exist_ok=True)
        options = ["-o", f"Dir::Cache={own.parent.parent}", "-o", f"Dir::Cache::archives={own.parent}"]
        # Without this, apt as root wants to read as _apt what only root may see.
        return [*options, "-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else options

    def _ask_apt(self, names: Sequence[str], options: Sequence[str]) -> list[Package]:
        done = self._apt(
            [
                *(*options, *self._own_cache()),
                *("-o", "Dir::State::status=/dev/null", "-o", "APT::Install-Recommends=0"),
                *("-o", "APT::Architecture=amd64", "-o", "Acquire::ForceHash=SHA256"),
                *("--print-uris", "-y", "install", *names),
            ],
            timeout=60,
        )
        found = []
        for uri, file, size, checksum in _URI.findall(done):
            name, version, _ = urllib.parse.unquote(uri.rpartition("/")[2]).split("_", 2)
            # The file's name lacks the epoch; apt's own name for it does not.
            version = urllib.parse.unquote(file).split("_")[1]
            if _LIBRARIES.match(name) or _OURS.match(name):
                found.append(Package(name, version, checksum, int(size)))
        if not found:
            raise unavailable("apt-get named no files", _LINE)
        return sorted(found, key=lambda p: p.name)

    def fetch(self, packages: Sequence[Package]) -> None:
        """Download what the cache lacks; every file is checked before it is kept.

        :raises XenstageError: (SKIPPED) the network is away.
        """
        lacking = [p for p in packages if not self._file(p).exists()]
        if not lacking:
            return
        say(f"boot: fetching {len(lacking)} Debian packages, {sum(p.size for p in lacking) / 1e6:.0f} MB")
        scratch = self.cache.scratch("debs")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        options, _ = self._lists()
        limits = ["-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20", "-o", "Acquire::Retries=1"]
        wanted = [f"{p.name}={p.version}" for p in lacking]
        self._apt([*options, *self._own_cache(), *limits, "download", *wanted], cwd=scratch, timeout=900)
        by_hash = {sha256(f.read_bytes()).hexdigest(): f for f in scratch.glob("*.deb")}
        for package in lacking:
            if package.sha256 not in by_hash:
                raise unavailable(f"{package.name} {package.version} was not delivered as listed", "apt-get update")
            os.replace(by_hash[package.sha256], self._file(package))

    def _file(self, package: Package) -> Path:
        return self.cache.path("boot", "debs", f"{package.sha256}.deb")

    def _unpack(self, package: Package, into: Path) -> None:
        done = self.runner.run(["dpkg-deb", "-x", self._file(package), into], timeout=120)
        if done.status != 0:
            self._file(package).unlink(missing_ok=True)
            raise XenstageError(
                Exit.INFRA,
                f"the package {package.name} cannot be unpacked",
                why=done.errors.strip() or f"dpkg-deb ended with {done.status}",
                remedy="is the disk full? (df); then run the same command again, which fetches it anew",
            )

    def _apt(self, arguments: Sequence[str], *, timeout: float, cwd: Path | None = None) -> str:
        done = self.runner.with_env(LC_ALL="C").run(["apt-get", *arguments], timeout=timeout, cwd=cwd)
        if done.status != 0:
            errors = [x for x in done.errors.splitlines() if x.startswith("E:")] or done.errors.splitlines()[-1:]
            raise unavailable(" ".join(errors) or f"apt-get ended with {done.status}", _LINE)
        return done.text


def _state(lists: Path) -> list[str]:
    stats = ((p, p.stat()) for p in sorted(lists.glob("*_Packages*")))
    return [json.dumps([p.name, s.st_size, s.st_mtime_ns]) for p, s in stats]


def describe(root: Path) -> Toolstack:
    """Where things are in Debian's packages, whichever release of Xen they hold.

    :raises XenstageError: (SKIPPED) there is no Xen among them.
    """
    hypervisors = sorted((root / "boot").glob("xen-*-amd64.gz"))
    if not hypervisors:
        raise unavailable("the packages hold no boot/xen-*-amd64.gz", "apt-get update")
    version = hypervisors[-1].name.split("-")[1]
    return Toolstack(
        root,
        "debian",
        version,
        f"boot/{hypervisors[-1].name}",
        "usr/libexec/xen-qemu-system-i386",
        f"usr/lib/xen-{version}/bin/xl",
        (),
    )


@dataclass(frozen=True)
class Kernel:
    """A Linux kernel of the unpacked packages: the bzImage and its directory of modules."""

    image: Path
    modules: Path


def kernel(root: Path) -> Kernel:
    """Debian's kernel in an unpacked tree.

    :raises XenstageError: (SKIPPED) there is none.
    """
    images = sorted((root / "boot").glob("vmlinuz-*"))
    if not images:
        raise unavailable("the packages hold no kernel", "apt-get update")
    version = images[-1].name.removeprefix("vmlinuz-")
    return Kernel(images[-1], root / "lib/modules" / version)
