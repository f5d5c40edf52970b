"""mends: what a tree of 2014 needs so that today's compilers build its tools, each with its reason.

A mend is a flag, a wrapper, a variable or an answer to ``configure``; none changes a file of the
tree.  :func:`make_tools_toolchain` writes the wrappers into the cache.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import fissix

from ..bundle import PACKAGE
from ..cache import Cache, digest
from ..process import Runner


@dataclass(frozen=True)
class Mend:
    """One thing that is done to let an old tree build.

    :param name: what is done, as it stands in the wrapper or on the command line.
    :param reason: why the tree needs it.
    """

    name: str
    reason: str


BUILD_DATE = 1417392000  # seconds since the epoch, 2014-12-01: what asks for the time of the build gets this

MENDS = (
    Mend("-Wno-error", "warnings that the tree's age did not know are not its errors; they stay in the log"),
    Mend("-fcommon", "variables defined in headers (xenstore, console): GCC 10 made -fno-common the default"),
    Mend("-fcf-protection=none", "hvmloader and the 32-bit firmware have no endbr markings; Debian's GCC adds them"),
    Mend("-include sys/sysmacros.h", "major() and minor() left <sys/types.h> in glibc 2.28; where they are called"),
    Mend("-Werror=implicit-function-declaration", "-Wno-error must not let a pointer be cut to 32 bits"),
    Mend("gnu/stubs-32.h", "-m32 of freestanding hvmloader: the C library's headers without its 32-bit package"),
    Mend("iasl", "newer iasl names the table NAME_aml_code; the makefiles rewrite AmlCode"),
    Mend("python", "the generators are Python 2: xenstage.tree.python2 translates them"),
    Mend("date", "the build's date is fixed, so that the same files give the same bytes"),
    Mend("-ffile-prefix-map", "the directory of the build does not end in the binaries"),
    Mend("configure answers", "parts that are not built (rombios, xentop, Python bindings) need not be installed"),
    Mend("mtime", "every file of the checkout has one time: no bison or flex runs on their kept output"),
)

# In order: what the compiler gets, where it works.  XENSTAGE_ROOT is the checkout.
_CC = """#!/bin/sh
# C compiler for tools that are older than the compiler and the C library.
small= source= more=
for arg; do
    shift
    case $arg in
    -lpython*) continue ;; # configure adds it to all that it tries after its answer below
    -m32) small=1 ;;
    *.c) source=$arg ;;
    esac
    set -- "$@" "$arg"
done
if [ -n "$small" ]; then
    more="-isystem /usr/include/@TRIPLE@ -isystem @HERE@/include"
else
    case $PWD in
    */tools/*)
        more="-Werror=implicit-function-declaration -Werror=int-conversion"
        if [ -f "$source" ] && grep -Eq '\\<(major|minor|makedev) ?\\(' "$source"; then
            more="$more -D_GNU_SOURCE= -include sys/sysmacros.h"
        fi ;;
    esac
fi
[ -n "$XENSTAGE_ROOT" ] && more="$more -ffile-prefix-map=$XENSTAGE_ROOT=/xen"
exec $XENSTAGE_CCACHE @CC@ "$@" -Wno-error -fcommon -fcf-protection=none $more
"""

_IASL = """#!/bin/sh
# ACPI compiler that names its C array as it did in 2014.
name= previous=
for arg; do
    [ "$previous" = -p ] && name=$arg
    previous=$arg
done
@IASL@ "$@" || exit
[ -n "$name" ] && [ -f "$name.hex" ] && sed -i 's/[A-Za-z0-9_]*_aml_code/AmlCode/g' "$name.hex"
exit 0
"""

_DATE = """#!/bin/sh
# A fixed time, in UTC, for whatever asks for the time of the build.
exec /bin/date -u ${SOURCE_DATE_EPOCH:+-d "@$SOURCE_DATE_EPOCH"} "$@"
"""

_PYTHON = """#!/bin/sh
# Python for helper scripts of either language version.
PYTHONPATH='@PATH@' exec '@PYTHON@' -m xenstage.tree.python2 "$@"
"""

# configure asks for libraries of parts that are not built; what it hears here it does not look for.
# (Three underscores: the name comes through a shell that leaves two quotation marks in it.)
_SITE = """# Answers for the tree's configure (autoconf's CONFIG_SITE).
: ${AS86=/bin/false} ${LD86=/bin/false} ${BCC=/bin/false} ${XGETTEXT=/bin/false} ${WGET=/bin/false}
glib_CFLAGS=-DXENSTAGE_NO_GLIB glib_LIBS=-lc
ac_cv_path_WGET=/bin/false
ac_cv_header_Python_h=yes
ac_cv_lib_python_PyArg_ParseTuple=yes
ac_cv_lib_python@VERSION@_PyArg_ParseTuple=yes
ac_cv_lib_python@VERSION@___PyArg_ParseTuple=yes
ac_cv_lib_crypto_MD5=yes
ac_cv_header_curses_h=yes ac_cv_lib_curses_clear=yes
ac_cv_header_ncurses_h=no ac_cv_lib_ncurses_clear=no
ac_cv_header_valgrind_memcheck_h=no
ac_cv_header_bzlib_h=no ac_cv_header_lzma_h=no ac_cv_header_lzo_lzo1x_h=no
ac_cv_header_ext2fs_ext2fs_h=no ac_cv_header_ext4fs_ext2fs_h=no
ac_cv_lib_gcrypt_gcry_md_hash_buffer=no
ac_cv_path_OCAMLC=no ac_cv_prog_OCAMLC=no
"""


@dataclass(frozen=True)
class Need:
    """Something that must be installed to build the tools.

    :param paths: any one of these files is enough; a name without a slash is a program.
    :param package: the Debian package that brings it.
    """

    paths: tuple[str, ...]
    package: str

    def there(self, runner: Runner) -> bool:
        """Whether this machine has it."""
        where = runner.environment().get("PATH", os.defpath).split(os.pathsep)
        return any(
            os.path.exists(p) if "/" in p else any(os.access(os.path.join(d, p), os.X_OK) for d in where)
            for p in self.paths
        )


_HEADERS = ("/usr/include", "/usr/local/include", "/usr/include/x86_64-linux-gnu")


def _header(name: str) -> tuple[str, ...]:
    return tuple(f"{d}/{name}" for d in _HEADERS)


SEABIOS = "/usr/share/seabios/bios-256k.bin"  # bios.bin knows no Xen
NEEDS = (
    Need(("gcc",), "gcc"),
    Need(("ld",), "binutils"),
    Need(("make",), "make"),
    Need(("perl",), "perl"),
    Need(("iasl",), "acpica-tools"),
    Need(_header("uuid/uuid.h"), "uuid-dev"),
    Need(_header("yajl/yajl_version.h"), "libyajl-dev"),
    Need(_header("zlib.h"), "zlib1g-dev"),
    Need((SEABIOS,), "seabios"),
)


def lacking(needs: tuple[Need, ...], runner: Runner) -> str | None:
    """The line to type when something is not installed, or None."""
    packages = [n.package for n in needs if not n.there(runner)]
    return f"apt-get install {' '.join(packages)}" if packages else None


@dataclass(frozen=True)
class ToolsToolchain:
    """The wrappers for the tools.

    :param directory: holds the wrappers, to be first in PATH, and ``config.site``.
    :param identity: digest of the versions of what they call, and of the mends.
    :param version: the compiler's first line of ``--version``.
    """

    directory: Path
    identity: str
    version: str

    @property
    def make_args(self) -> list[str]:
        """The variables for the tree's make; HOSTCC builds small generators."""
        d = self.directory
        return [f"CC={d}/cc", f"HOSTCC={d}/cc", f"PYTHON={d}/python", f"PYTHON_PATH={d}/python"]

    def environment(self, root: Path) -> dict[str, str | None]:
        """Variables for configure and make in a checkout."""
        return {
            "PATH": f"{self.directory}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "CONFIG_SITE": str(self.directory / "config.site"),
            "SOURCE_DATE_EPOCH": str(BUILD_DATE),
            "XENSTAGE_ROOT": str(root),
            "TZ": "UTC",
            "LIBXL_TESTIDL_SEED": "1",
        }


def make_tools_toolchain(*, cache: Cache, runner: Runner) -> ToolsToolchain:
    """Write the wrappers, keyed by what they call.

    :raises XenstageError: (TOOLS) when the compiler, make or iasl is not installed.
    """

    def first(*argv: str) -> str:
        done = runner.run(argv)
        return next((row for row in (done.text + done.errors).splitlines() if row.strip()), "")

    version = first("gcc", "--version")
    iasl = next((row for row in runner.run(["iasl", "-v"]).text.splitlines() if "version" in row), "")
    triple = first("gcc", "-dumpmachine")
    python = f"{sys.version_info.major}_{sys.version_info.minor}"
    texts = {
        "cc": _CC.replace("@CC@", "gcc").replace("@TRIPLE@", triple),
        "iasl": _IASL.replace("@IASL@", _absolute("iasl", runner)),
        "date": _DATE,
        "python": _PYTHON.replace("@PYTHON@", sys.executable).replace("@PATH@", str(PACKAGE.parent)),
        "python-config": "#!/bin/sh\nexit 0\n",
        "config.site": _SITE.replace("@VERSION@", python),
        "include/gnu/stubs-32.h": "/* hvmloader calls no C library */\n",
    }
    known = {k: v for k, v in texts.items() if k != "python"}
    names = [f"{m.name}: {m.reason}" for m in MENDS]
    translator = (PACKAGE / "tree/python2.py").read_bytes()
    tools = [version, iasl, first("ld", "--version"), first("make", "--version"), fissix.__version__]
    identity = digest(*tools, *names, *(f"{k}\n{v}" for k, v in sorted(known.items())), translator, _seabios())
    directory = cache.path("toolchains", "tools-" + digest(identity, *texts.values())[:12], "cc").parent
    for name, text in texts.items():
        text = text.replace("@HERE@", str(directory))
        cache.keep(cache.path("toolchains", directory.name, name), text.encode(), mode=0o755)
    return ToolsToolchain(directory, identity, version)


def _absolute(program: str, runner: Runner) -> str:
    for d in runner.environment().get("PATH", os.defpath).split(os.pathsep):
        if os.access(os.path.join(d, program), os.X_OK):
            return os.path.join(d, program)
    return program


def _seabios() -> bytes:
    """The system BIOS ends inside hvmloader."""
    try:
        return Path(SEABIOS).read_bytes()
    except OSError:
        return b""
