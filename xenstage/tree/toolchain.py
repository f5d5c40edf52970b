"""Toolchain: the programs that the tree's make gets in place of CC, LD and PYTHON.

Small scripts, written into the cache.  The compiler wrapper does what
compilers younger than the tree need and nothing else; when recording it also notes
each command and hands back an empty object for each C file, so that the tree's make
walks its whole graph in seconds.  The linker wrapper stops a recording make at the
final link, which by then has asked for every object.  In a build they also put beside each product
what the compiler says of it (:data:`SAID`), and beside an object the command that made it
(:data:`COMMAND`).
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import fissix

from ..bundle import PACKAGE
from ..cache import Cache, digest
from ..errors import Exit, XenstageError
from ..process import Runner, package_of
from .config import Config

# Warnings that the tree's age did not know are not its errors; CET needs markings
# that its assembly lacks; GCC 10 calls libgcc for the atomics of ARMv8, of which a
# hypervisor has none (trees since 4.6 use __sync_fetch_and_add).
_YOUNGER = "-Wno-error -fcf-protection=none"
_YOUNGER_ARM = "-Wno-error"
_OWN_ATOMICS = "-mno-outline-atomics"
_YOUNGER_CLANG = "-Wno-error -Wno-unknown-warning-option -Wno-unused-command-line-argument -fcf-protection=none"

SAID = ".said"
"""What is added to a product's name for the file with the compiler's words about it (XENSTAGE_SAID=1)."""

COMMAND = ".command"
"""What is added to an object's name for the file with the directory and the arguments, each ended by a NUL, by
which it was compiled from C (XENSTAGE_SAID=1).  Recorded commands (XENSTAGE_RECORD) have the same form."""

_CC = """#!/bin/sh
# C compiler for a tree that is older than the compiler.
compile= source= object= previous= other=
for arg; do
    case $arg in
    -c) compile=1 ;;
    -m32) other=1 ;;
    *.c) source=$arg ;;
    esac
    [ "$previous" = -o ] && object=$arg
    previous=$arg
done
if [ -n "$XENSTAGE_RECORD" ]; then
    if [ -n "$compile" ] && [ -n "$source" ] && [ -z "$other" ]; then
        { printf '%s\\0' "$PWD" "$@"; } > "$XENSTAGE_RECORD/$$-${object##*/}.command"
        exec cp "$XENSTAGE_RECORD/empty.o" "$object"
    fi
fi
case $XENSTAGE_SAID:$object in
:* | *: | *:/dev/*) exec $XENSTAGE_CCACHE @CC@ "$@" @YOUNGER@ ;;
esac
# What it was made by, and what is said of it, stand beside a product until it is made again.
if [ -n "$compile" ] && [ -n "$source" ]; then
    { printf '%s\\0' "$PWD" "$@"; } > "$object.command"
fi
# Products of one name below one directory would share a file of dependencies (-MF .NAME.d).
case $object in
*/*)
    previous=
    for arg; do
        shift
        [ "$previous" = -MF ] && arg=${arg%.d}.$(printf %s "${object%/*}" | tr / _).d
        previous=$arg
        set -- "$@" "$arg"
    done ;;
esac
$XENSTAGE_CCACHE @CC@ "$@" @YOUNGER@ 2> "$object.said"
status=$?
[ -s "$object.said" ] && cat "$object.said" >&2
exit $status
"""

_HOSTCC = """#!/bin/sh
# Compiler of the small programs that the tree's make runs.
object= previous=
for arg; do
    [ "$previous" = -o ] && object=$arg
    previous=$arg
done
case $XENSTAGE_SAID:$object in
:* | *: | *:/dev/*) exec gcc "$@" ;;
esac
gcc "$@" 2> "$object.said"
status=$?
[ -s "$object.said" ] && cat "$object.said" >&2
exit $status
"""

_LD = """#!/bin/sh
# Linker that ends a recording at the final link.
if [ -n "$XENSTAGE_RECORD" ]; then
    previous=
    for arg; do
        case $previous:$arg in
        -T:*.lds | *:-T*.lds)
            : > "$XENSTAGE_RECORD/final-link"
            echo "xenstage: every compilation is recorded; the final link is not wanted" >&2
            exit 1 ;;
        esac
        previous=$arg
    done
fi
exec @LD@ "$@"
"""

_PYTHON = """#!/bin/sh
# Python for helper scripts of either language version.
PYTHONPATH='@PATH@' exec '@PYTHON@' -m xenstage.tree.python2 "$@"
"""


@dataclass(frozen=True)
class Toolchain:
    """The wrappers for one configuration.

    :param directory: holds ``cc``, ``hostcc``, ``ld`` and ``python``.
    :param identity: digest of the compiler's and linker's versions and of our flags.
    :param version: the compiler's first line of ``--version``.
    """

    directory: Path
    identity: str
    version: str

    @property
    def make_args(self) -> list[str]:
        """The variables for the tree's make."""
        d = self.directory
        return [f"CC={d}/cc", f"LD={d}/ld", f"PYTHON={d}/python"]

    @property
    def host_args(self) -> list[str]:
        """The variable for the compiler of programs that make itself runs."""
        return [f"HOSTCC={self.directory}/hostcc"]


def ccache(cache: Cache) -> dict[str, str]:
    """Variables by which the wrappers use a compiler cache of our own, where ccache is installed.

    It repeats warnings, so that a log is whole.
    """
    if shutil.which("ccache") is None:
        return {}
    return {"XENSTAGE_CCACHE": "ccache", "CCACHE_DIR": str(cache.root / "ccache"), "CCACHE_MAXSIZE": "4G"}


def version_line(program: str, runner: Runner) -> str:
    """The first line of what a program says of its version; a process asks each program once.

    :raises XenstageError: (TOOLS) when it is not installed, says nothing, or crashes.
    """
    key = _identity(program, runner)
    if key not in _said:
        _said[key] = _ask_version(program, runner)
    return _said[key]


_said: dict[object, str] = {}


def _identity(program: str, runner: Runner) -> object:
    """What makes a program another one: its file, and the variables that it gets from us."""
    path = shutil.which(program)
    state = os.stat(path) if path else None
    file = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns) if state else None
    return program, path, file, tuple(sorted(runner.env.items()))


def _ask_version(program: str, runner: Runner) -> str:
    done = runner.run([program, "--version"], timeout=60)
    line = next(iter(done.text.splitlines()), "").strip()
    if done.status or not line:
        ended = f"ends with {done.status}" if done.status >= 0 else f"is ended by signal {-done.status}"
        said = done.errors.strip() or line or "and says nothing"
        package = package_of(program)
        raise XenstageError(
            Exit.TOOLS,
            f"{program} does not say its version",
            why=f"{program} --version {ended}: {said}\nit is {shutil.which(program)}",
            remedy=f"{program} --version\nrepair it or install it again (Debian: apt-get install {package})",
        )
    return line


def make_toolchain(config: Config, *, cache: Cache, runner: Runner) -> Toolchain:
    """Write the wrappers for a configuration, keyed by what they call.

    :raises XenstageError: (TOOLS) when the compiler or linker is not installed.
    """
    version = version_line(config.compiler, runner)
    linker = f"{config.cross}ld"
    younger = _YOUNGER_CLANG if config.clang else _YOUNGER if config.arch == "x86_64" else _YOUNGER_ARM
    if config.arch == "arm64" and not config.clang and _takes(config.compiler, _OWN_ATOMICS, runner):
        younger += f" {_OWN_ATOMICS}"
    scripts = {
        "cc": _CC.replace("@CC@", config.compiler).replace("@YOUNGER@", younger),
        "hostcc": _HOSTCC,
        "ld": _LD.replace("@LD@", linker),
        "python": _PYTHON.replace("@PATH@", str(PACKAGE.parent)).replace("@PYTHON@", sys.executable),
    }
    tools = [version, version_line(linker, runner), version_line("make", runner)]
    identity = digest(*tools, scripts["cc"], scripts["hostcc"], scripts["ld"], fissix.__version__)
    directory = cache.path("toolchains", digest(identity, *scripts.values())[:12], "cc").parent
    for name, text in scripts.items():
        cache.keep(directory / name, text.encode(), mode=0o755)
    return Toolchain(directory, identity, version)


def _takes(compiler: str, flag: str, runner: Runner) -> bool:
    """Whether a compiler knows a flag; a process asks each compiler once."""
    key = (_identity(compiler, runner), flag)
    if key not in _known:
        _known[key] = not runner.run([compiler, flag, "-E", "-x", "c", os.devnull], timeout=60).status
    return _known[key]


_known: dict[object, bool] = {}
