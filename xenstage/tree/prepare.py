"""prepare: what parsing needs, produced by the tree's own make, once per configuration.

The result is a directory of ours with the base commit checked out, the generated
headers (``asm-offsets.h``, ``compat/*.h``, ``compile.h``), the ``asm`` link, and a
compile database recorded from the commands that the tree's make gave.  It is keyed
by tree, configuration and toolchain; a second call checks and reuses it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from ..cache import Cache, digest
from ..errors import Exit, XenstageError
from ..process import Runner
from ..progress import Ticker, say
from .config import Config
from .isolation import NO_REPOSITORY
from .source import Tree, too_new
from .toolchain import COMMAND, Toolchain, make_toolchain

_FORMAT = "3"  # of the prepared directory; a change makes every key new
_TIMEOUT = 1800.0  # seconds for one recording make


@dataclass(frozen=True)
class Unit:
    """One translation unit as the tree's make compiles it.

    :param source: path relative to the tree's top.
    :param cwd: the compiler's directory, relative to the tree's top.
    :param args: the compiler's arguments, without the compiler.
    """

    source: str
    cwd: str
    args: tuple[str, ...]


@dataclass(frozen=True)
class Prepared:
    """A prepared configuration.

    :param root: the directory that holds the checkout and the generated files.
    :param units: sorted by source, then by arguments.
    """

    config: Config
    root: Path
    key: str
    units: tuple[Unit, ...]


def prepare(tree: Tree, config: Config, *, cache: Cache, runner: Runner) -> Prepared:
    """Prepare one configuration or reuse it.

    :raises XenstageError: (TOOLS) without compiler or make; (TREE) for a tree that is too new, and when
        the tree's make stops before the final link, with the end of its output.
    """
    lack = config.missing()
    if lack:
        raise XenstageError(
            Exit.TOOLS,
            f"configuration {config.name} cannot be prepared",
            why=lack,
            remedy=f"apt-get install {_PACKAGE[config.arch]} make, or leave it out: --config x86_64-debug",
        )
    if _KCONFIG in tree.git.files(tree.base):
        raise too_new(tree.version, tree.base, f"{_KCONFIG} is there: such a tree is configured before it is built")
    tools = make_toolchain(config, cache=cache, runner=runner)
    key = digest(_FORMAT, tree.base, config.name, tools.identity)
    place = cache.path("prepared", key, "stamp.json").parent
    with cache.lock(f"prepared-{key}", f"prepare {config.name}: another run is at it; waiting for that"):
        found = _reuse(place, tree, cache)
        if found is None:
            cache.remove(place)
            place.mkdir(parents=True, exist_ok=True)  # one that waits for the lock may have made it
            say(f"prepare {config.name}: recording the tree's own make")
            _record(place, tree, config, tools, runner, cache)
            found = _reuse(place, tree, cache)
        if found is None:
            raise XenstageError(
                Exit.TREE,
                f"the prepared tree changes under our hands: {place}",
                why="it was made a moment ago and does not hold what was written",
                remedy="run again when no other program works in the cache",
            )
    return Prepared(config, place / "tree", key, found)


_KCONFIG = "xen/Kconfig"
_PACKAGE = {"x86_64": "gcc", "arm64": "gcc-aarch64-linux-gnu", "arm32": "gcc-arm-linux-gnueabihf"}


def _reuse(place: Path, tree: Tree, cache: Cache) -> tuple[Unit, ...] | None:
    """The units of a prepared directory that is still what was written, or None.

    What is damaged in any way is made again, with a line that says so.
    """
    if not os.path.lexists(place / "stamp.json"):
        return None  # never finished
    try:
        stamp = json.loads((place / "stamp.json").read_bytes())
        database = (place / "units.json").read_bytes()
        changed = ", ".join(tree.git.differs(tree.base, place / "tree", place / "index")[:3])
        if not changed and stamp != _stamp(database, place / "tree", tree):
            changed = "generated files"
        if not changed:
            return tuple(Unit(u["source"], u["cwd"], tuple(u["args"])) for u in json.loads(cache.local(database)))
    except (OSError, ValueError, RecursionError) as e:
        changed = str(e)
    except XenstageError as e:  # git cannot read the index, or what it stands for
        changed = e.why.splitlines()[0]
    say(f"prepare: {place.name} was changed by somebody else ({changed}): again")
    return None


def _stamp(database: bytes, root: Path, tree: Tree) -> dict[str, str]:
    return {"units": digest(database), "generated": _generated(root, tree)}


def _generated(root: Path, tree: Tree) -> str:
    """Digest of the headers that make wrote."""
    tracked = set(tree.git.files(tree.base))
    parts: list[bytes | str] = []
    include = root / "xen/include"
    for directory, dirs, names in sorted(os.walk(include)):
        dirs.sort()
        for name in sorted(names):
            path = Path(directory, name)
            inside = path.relative_to(root).as_posix()
            if name.endswith(".h") and inside not in tracked and not path.is_symlink():
                parts += [inside, path.read_bytes()]
    return digest(*parts)


def _record(place: Path, tree: Tree, config: Config, tools: Toolchain, runner: Runner, cache: Cache) -> None:
    root, notes = place / "tree", place / "commands"
    notes.mkdir()
    tree.git.checkout(tree.base, root, place / "index")
    empty = runner.run([config.compiler, "-c", "-x", "c", "/dev/null", "-o", notes / "empty.o"])
    jobs = f"-j{os.cpu_count() or 1}"
    ticker = Ticker(f"prepare {config.name}", lambda: f"{sum(1 for _ in notes.glob('*.command'))} compilations noted")
    made = runner.with_env(XENSTAGE_RECORD=str(notes), **CLEAN_MAKE).run(
        ["make", jobs, "-C", root / "xen", "build", *config.make_args, *tools.make_args],
        timeout=_TIMEOUT,
        watch=ticker.tick,
    )
    ticker.close()
    log = place / "prepare.log"
    log.write_bytes(made.out + made.err)
    if empty.status or not (notes / "final-link").exists():
        tail = "\n".join((made.errors or made.text).strip().splitlines()[-6:])
        raise XenstageError(
            Exit.TREE,
            f"the tree's make stops before the final link ({config.name})",
            why=f"{empty.errors}{tail}\nthe whole output: {log}",
            remedy="see the log; a tree that cannot be built cannot be rewritten safely",
        )
    units = _units(notes, root)
    rows = [{"source": u.source, "cwd": u.cwd, "args": list(u.args)} for u in units]
    database = cache.portable(json.dumps(rows).encode())
    cache.remove(notes)
    _drop_products(root, tree)
    cache.write(log, cache.portable(log.read_bytes()))
    cache.write(place / "units.json", database)
    cache.write(place / "stamp.json", json.dumps(_stamp(database, root, tree)).encode())


def _drop_products(root: Path, tree: Tree) -> None:
    """Remove what nobody reads again: empty objects, and notes of make that name this directory."""
    tracked = set(tree.git.files(tree.base))
    for directory, _, names in os.walk(root):
        for name in names:
            path = Path(directory, name)
            if path.relative_to(root).as_posix() not in tracked and (
                path.suffix in (".o", ".d", ".s", ".a") or _is_elf(path)
            ):
                path.unlink()


def _is_elf(path: Path) -> bool:
    """Whether a file is what a linker wrote: its debugging notes name the directory."""
    if path.is_symlink():
        return False
    with path.open("rb") as f:
        return f.read(4) == b"\x7fELF"


# What a make above us (``make series``) would hand down to the tree's make.
CLEAN_MAKE: dict[str, str | None] = {
    "MAKEFLAGS": None,
    "MFLAGS": None,
    "MAKELEVEL": None,
    "MAKEOVERRIDES": None,
    "CFLAGS": None,
    "XEN_SRC": None,
    "XEN_TARGET_ARCH": None,
    "debug": None,
    "LC_ALL": "C",
    "XEN_WHOAMI": "xenstage",
    "XEN_DOMAIN": "localdomain",
    **NO_REPOSITORY,
}


def _units(notes: Path, root: Path) -> list[Unit]:
    """The recorded commands, each once, those of probes and helpers left out."""
    units = {u for note in notes.glob(f"*{COMMAND}") if (u := noted_unit(note, root)) is not None}
    return sorted(units, key=lambda u: (u.source, u.args))


def noted_unit(note: Path, root: Path) -> Unit | None:
    """What a note of the compiler's wrapper says (:data:`.toolchain.COMMAND`); None for a source outside the tree.

    :param root: the tree's top, in which the compiler ran.
    """
    # A shell knows its directory by its real path, also where the cache is reached through a link.
    noted = note.read_bytes().replace(os.path.realpath(os.fsencode(root)) + b"/", os.fsencode(root) + b"/")
    cwd, *args = noted.decode("utf-8", "surrogateescape").rstrip("\0").split("\0")
    source = next(a for a in reversed(args) if a.endswith(".c"))
    inside = os.path.relpath(os.path.join(cwd, source), root)
    return None if inside.startswith("..") else Unit(inside, os.path.relpath(cwd, root), tuple(args))
