"""DeviceModel: QEMU 7.2 from Debian's source package, built small against a tree's own libxc.

Debian's ``qemu-system-xen`` talks only to the libraries of its own Xen.  Upstream QEMU 7.2 is the
last in Debian that still builds against a libxc of 4.2 to 4.6.  It takes some minutes, so it is
built once and reused as long as what it sees of libxc stays the same.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from ...builds.mends import Mend, Need, lacking
from ...cache import Cache, digest, write_atomically
from ...errors import Exit, XenstageError
from ...process import Done, Runner
from ...progress import say
from ...tree.isolation import NO_REPOSITORY

_VERSION = "1"  # of the result's layout; a change makes every key new
_TIMEOUT = 7200.0  # seconds for ninja
UPSTREAM, RELEASE = "7.2", "bookworm"

DEVICES = """CONFIG_I440FX=y
CONFIG_VGA_PCI=y
CONFIG_VGA_CIRRUS=y
CONFIG_AHCI_ICH9=y
"""
"""What xl's device model has besides Xen's own devices; IDE and the serial port come with I440FX."""

CONFIGURE = (
    "--target-list=i386-softmmu",
    "--prefix=/usr/lib/xen",
    "--without-default-features",
    "--without-default-devices",
    "--with-devices-i386=xenstage",
    "--enable-xen",
    "--enable-vnc",
    "--disable-tcg",
    "--disable-kvm",
    "--disable-werror",
    "--disable-docs",
    "--disable-tools",
    "--disable-install-blobs",
    "--audio-drv-list=",
)

MENDS = (
    Mend("--with-devices-i386=xenstage", "a list of devices of our own in our copy: the rest takes minutes to compile"),
    Mend("--enable-vnc", "libxl adds -vnc unless the guest's file says vnc = 0; with it, either file works"),
    Mend(
        "ioreq server is left on",
        "QEMU switches its ioreq server off when a guest powers off; a Xen before 4.6 clears the page then, with the"
        " answer to the guest's last port write, and the guest spins for ever. The domain's end removes the server",
    ),
    Mend("config.mak", "option ROMs are 16-bit code: QEMU's configure would ask for a 32-bit C library first"),
)

NEEDS = (
    Need(("gcc",), "gcc"),
    Need(("make",), "make"),
    Need(("ninja",), "ninja-build"),
    Need(("meson",), "meson"),
    Need(("pkg-config",), "pkg-config"),
    Need(("dpkg-source",), "dpkg-dev"),
    Need(("flex",), "flex"),
    Need(("bison",), "bison"),
    Need(("/usr/include/glib-2.0/glib.h",), "libglib2.0-dev"),
    Need(("/usr/include/pixman-1/pixman.h",), "libpixman-1-dev"),
    Need(("/usr/include/zlib.h",), "zlib1g-dev"),
    Need(("/usr/include/libfdt.h",), "libfdt-dev"),
    Need(("/usr/share/seabios/vgabios-stdvga.bin",), "seabios"),
)

_SOURCE = "hw/i386/xen/xen-hvm.c"
# What is found once in the function, and what stands there instead (see "ioreq server is left on").
_EDITS = (
    (r"(\bxen_exit_notifier\([^)]*\)\s*\{[^}]*?)\bxen_destroy_ioreq_server\([^;]*;", r"\1"),
    (r"(\bxen_hvm_change_state_handler\([^{]*\{.*?)(\bxen_set_ioreq_server_state\()", r"\1if (running) \2"),
)

_HEADERS = ("xenctrl.h", "xenstore.h", "xen/hvm/hvm_info_table.h", "xen/hvm/e820.h", "xen/hvm/ioreq.h")
_LIBRARIES = ("libxenctrl", "libxenguest", "libxenstore")
# The hypervisor's control interface: libxc speaks it, QEMU does not; of these files only what
# their structures look like in the headers above matters, no constant.
_NOT_SPOKEN = ("domctl.h", "sysctl.h", "platform.h")
_OPTION_ROMS = ("linuxboot.bin", "linuxboot_dma.bin", "kvmvapic.bin")
_VGA_ROMS = ("vgabios-stdvga.bin", "vgabios-cirrus.bin")
_SEABIOS = Path("/usr/share/seabios")


@dataclass(frozen=True)
class DeviceModel:
    """Builds the device model, or takes the one that is there.

    :param jobs: how many processes ninja may start.
    :param clock: seconds, monotonic.
    """

    cache: Cache
    runner: Runner
    clock: Callable[[], float]
    jobs: int = 2

    PROGRAM = "usr/lib/xen/bin/qemu-system-i386"
    """Where it is below the directory that :meth:`build` returns, and where xl looks for it."""

    def missing(self) -> str | None:
        """The line to type when something is not installed, or None."""
        return lacking(NEEDS, self.runner)

    def build(self, tools: Path) -> Path:
        """The device model as a directory laid out like a root file system.

        :param tools: an installed toolstack with headers and libraries.
        :raises XenstageError: (SKIPPED) it cannot be built here, with the line to type; (FAIL) it
            does not build, with the log.
        """
        abi = interface(tools, self.runner)
        source = self._source()
        compiler = self.runner.run(["gcc", "--version"]).text.splitlines()[0]
        key = digest(_VERSION, source.name, *CONFIGURE, DEVICES, repr(_EDITS), *_roms(), compiler, abi)
        place = self.cache.path("toolstack", "model", key)
        with self.cache.lock(f"model-{key}"):
            if not place.exists():
                self._able()
                self._make(tools, source, place)
        return place

    def _able(self) -> None:
        lack = self.missing()
        if lack:
            raise _skipped("what QEMU needs is not installed", lack)

    def _source(self) -> Path:
        """The directory of Debian's source package: the description and the archives that it names."""
        found = self._kept()
        if found is None:
            self._able()
            with self.cache.lock("model-source"):
                found = self._kept() or self._fetch()
        return found

    def _kept(self) -> Path | None:
        return next(iter(sorted(self.cache.path("toolstack", "source", "x").parent.glob("qemu_*"))), None)

    def _fetch(self) -> Path:
        """Ask apt, with lists of our own that have the sources which the system's leave out."""
        if shutil.which("apt-get") is None:
            raise _skipped("apt-get is not installed; this is not Debian or the like", "use a Debian 12 machine")
        own = self.cache.path("toolstack", "apt", "x").parent
        for directory in ("parts", "lists/partial", "cache/archives/partial"):
            (own / directory).mkdir(parents=True, exist_ok=True)
        wanted = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL)", "Created-By: Packages"]
        mirrors = [r.split()[0] for r in self.runner.run(wanted, timeout=60).text.splitlines() if r.endswith(" Debian")]
        if not mirrors:
            raise _skipped("apt knows no Debian mirror", "apt-get update")
        write_atomically(own / "parts/own.list", f"deb-src {mirrors[0]} {RELEASE} main\n".encode())
        options = ["-o", "Dir::Etc::sourcelist=/dev/null", "-o", f"Dir::Etc::sourceparts={own / 'parts'}"]
        options += ["-o", f"Dir::State::lists={own / 'lists'}", "-o", f"Dir::Cache={own / 'cache'}"]
        options += ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
        fresh = self.cache.path("toolstack", "source", "new")
        self.cache.remove(fresh)
        fresh.mkdir()
        say("toolstack: fetching QEMU's source package (24 MB)")
        for verb in (["update"], ["source", "--download-only", "qemu"]):
            done = self.runner.run(["apt-get", *options, *verb], cwd=fresh, timeout=600)
            if done.status:
                raise _skipped(f"apt-get {verb[0]}: {done.errors.strip()[-300:]}", "apt-get update")
        (description,) = fresh.glob("*.dsc")
        if not re.match(rf"qemu_{re.escape(UPSTREAM)}[.+]", description.name):
            raise _skipped(f"the mirror's QEMU is {description.stem}, not {UPSTREAM}", "use a Debian 12 mirror")
        place = fresh.with_name(description.stem)
        os.replace(fresh, place)
        return place

    def _make(self, tools: Path, source: Path, place: Path) -> None:
        work = self.cache.path("build", f"model-{place.name}", "x").parent
        tree, build = work / "qemu", work / "build"
        started = self.clock()
        # The system's Python first: its meson belongs to it, and with --python configure wants one of its own.
        path = os.pathsep.join([os.path.dirname(_python()), self.runner.environment().get("PATH", os.defpath)])
        runner = self.runner.with_env(LC_ALL="C", CFLAGS=None, LDFLAGS=None, MAKEFLAGS=None, PYTHON=None, PATH=path)
        runner = runner.with_env(**NO_REPOSITORY)
        if not (work / "configured").exists():  # else go on where it was killed: ninja knows what is whole
            self.cache.remove(work)
            work.mkdir(parents=True)
            (description,) = source.glob("*.dsc")
            self._step(runner, ["dpkg-source", "--no-check", "-x", description, tree], work, place)
            (tree / _SOURCE).write_text(leave_ioreq_server((tree / _SOURCE).read_text()))
            write_atomically(tree / "configs/devices/i386-softmmu/xenstage.mak", DEVICES.encode())
            build.mkdir()
            self._step(runner, self._configure(tree, tools), build, place)
            (work / "configured").touch()
        say(f"toolstack: building the device model (QEMU {UPSTREAM}, some minutes, once)")
        ninja = ["nice", "-n", "5", "ninja", f"-j{self.jobs}", "qemu-system-i386"]
        self._step(runner, ninja, build, place)
        self._option_roms(runner, tree, build, place)
        self._install(tree, build, place)
        say(f"toolstack: device model built in {self.clock() - started:.0f} s")
        self.cache.remove(work)

    def _configure(self, tree: Path, tools: Path) -> list[str | Path]:
        include, lib = tools / "usr/include", tools / "usr/lib"
        return [
            tree / "configure",
            *CONFIGURE,
            f"--extra-cflags=-isystem {include} -ffile-prefix-map={tree.parent}=/qemu",
            f"--extra-ldflags=-L{lib} -Wl,-rpath-link,{lib}",
        ]

    def _option_roms(self, runner: Runner, tree: Path, build: Path, place: Path) -> None:
        where = build / "pc-bios/optionrom"
        settings = f"TOPSRC_DIR={tree}\nCC=gcc\nOBJCOPY=objcopy\nPYTHON={_python()}\n"
        write_atomically(where / "config.mak", settings.encode())
        self._step(runner, ["make", *_OPTION_ROMS], where, place)

    def _install(self, tree: Path, build: Path, place: Path) -> None:
        fresh = place.with_name(f"new-{place.name}")
        self.cache.remove(fresh)
        program = fresh / self.PROGRAM
        program.parent.mkdir(parents=True)
        shutil.copy(build / "qemu-system-i386", program)
        self.runner.run(["strip", program], timeout=120)
        share = fresh / "usr/lib/xen/share/qemu"
        (share / "keymaps").mkdir(parents=True)
        shutil.copy(tree / "pc-bios/keymaps/en-us", share / "keymaps/en-us")
        for name in _OPTION_ROMS:
            shutil.copy(build / "pc-bios/optionrom" / name, share / name)
        for name in _VGA_ROMS:
            shutil.copy(_SEABIOS / name, share / name)
        os.replace(fresh, place)

    def _step(self, runner: Runner, argv: Sequence[str | Path], cwd: Path, place: Path) -> Done:
        done = runner.run(argv, cwd=cwd, timeout=_TIMEOUT)
        if done.status:
            log = self.cache.path("logs", f"model-{place.name}.log")
            write_atomically(log, done.out + b"\n--- stderr ---\n" + done.err)
            last = (done.errors.strip() or done.text.strip()).splitlines()[-1:] or ["it said nothing"]
            raise XenstageError(
                Exit.FAIL if done.status > 0 else Exit.INFRA,
                "the device model does not build",
                why=f"{Path(argv[0]).name} ends with {done.status}: {last[0][:300]}",
                remedy=f"less '{log}'",
            )
        return done


def leave_ioreq_server(source: str) -> str:
    """QEMU's file without what switches the ioreq server off, see :data:`MENDS`.

    :raises XenstageError: (TOOLS) a call is not where it was.
    """
    for pattern, instead in _EDITS:
        source, count = re.subn(pattern, instead, source, flags=re.DOTALL)
        if count != 1:
            raise XenstageError(
                Exit.TOOLS,
                "QEMU's source is not what it was",
                why=f"{_SOURCE}: {count} places of {pattern}, not 1",
                remedy=f"use QEMU {UPSTREAM} of Debian {RELEASE}",
            )
    return source


def _skipped(why: str, remedy: str) -> XenstageError:
    return XenstageError(Exit.SKIPPED, "the device model cannot be built here", why=why, remedy=remedy)


def _python() -> str:
    """The system's, which its meson belongs to; a virtual environment's may lack what QEMU's scripts need."""
    return "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else shutil.which("python3") or "python3"


def _roms() -> list[bytes]:
    return [(_SEABIOS / n).read_bytes() if (_SEABIOS / n).exists() else b"" for n in _VGA_ROMS]


def interface(tools: Path, runner: Runner) -> str:
    """Digest of what QEMU sees of a toolstack: declarations, constants, the libraries' symbols.

    Comments and layout do not count.

    :param tools: an installed toolstack with headers and libraries.
    :raises XenstageError: (TOOLS) headers or libraries are missing there.
    """
    include = tools / "usr/include"
    text = "".join(f"#include <{h}>\n" for h in _HEADERS)
    argv: list[str | Path] = ["gcc", "-E", "-dD", "-isystem", include, "-x", "c", "-"]
    done = runner.run(argv, stdin=text.encode(), timeout=60)
    libraries = [tools / "usr/lib" / f"{name}.so" for name in _LIBRARIES]
    lost = [str(p) for p in libraries if not p.exists()]
    if done.status or lost:
        raise XenstageError(
            Exit.TOOLS,
            f"not an installed toolstack: {tools}",
            why=done.errors.strip()[:500] or f"missing: {', '.join(lost)}",
            remedy=f"rm -rf '{tools}' and run again; it is built anew",
        )
    return digest(_seen(done.text, str(include)), *(row for p in libraries for row in _symbols(p)))


_MARKER = re.compile(r'# \d+ "([^"]*)"')


def _seen(preprocessed: str, include: str) -> str:
    """The lines that come from the toolstack's headers; macros of the control interface are left out."""
    out: list[str] = []
    ours = spoken = False
    for row in preprocessed.splitlines():
        marker = _MARKER.match(row)
        if marker:
            ours = marker.group(1).startswith(include)
            spoken = not marker.group(1).endswith(_NOT_SPOKEN)
        elif ours and row.strip() and (spoken or not row.startswith("#")):
            out.append(" ".join(row.split()))
    return "\n".join(out)


def _symbols(library: Path) -> list[str]:
    """The library's name for the linker and its exported symbols, sorted."""
    with library.open("rb") as f:
        elf = ELFFile(f)
        dynamic, symbols = elf.get_section_by_name(".dynamic"), elf.get_section_by_name(".dynsym")
        tags = dynamic.iter_tags() if isinstance(dynamic, DynamicSection) else ()
        names = [str(vars(t)["soname"]) for t in tags if t.entry.d_tag == "DT_SONAME"]
        rows = [
            f"{s.name} {s['st_info']['type']} {s['st_size'] if s['st_info']['type'] == 'STT_OBJECT' else ''}"
            for s in (symbols.iter_symbols() if isinstance(symbols, SymbolTableSection) else ())
            if s["st_shndx"] != "SHN_UNDEF" and s["st_info"]["bind"] != "STB_LOCAL"
        ]
    return [*names, *sorted(rows)]
