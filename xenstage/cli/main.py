"""main: verbs, errors and exit codes."""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.util
import io
import keyword
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from .. import __version__
from ..cache import Cache
from ..errors import Exit, XenstageError
from ..progress import set_level
from ..storage import Place, cache_place, out_place, retold, temporary_place
from ..storage import explain as explain_error
from .typed import typed

PACKAGES = (  # which a verb may load late
    "argparse_manpage", "clang", "elftools", "fissix", "jinja2", "libcst", "pycparser", "shtab",
)  # fmt: skip
VERBS = (
    "run", "verify", "report", "explain", "sites", "audit", "build", "boot", "matrix", "prepare", "cc-cmd", "export",
    "import", "overlay", "pipeline", "completion", "man",
)  # fmt: skip
WHOLE = ("completion", "man")  # verbs about all verbs


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; its exit code (docs/errors.md)."""
    parser = argparse.ArgumentParser(
        prog="xenstage", description="Staged refactoring of the Xen hypervisor, as programs that write patch series."
    )
    parser.add_argument("--version", action="version", version=f"xenstage {__version__}")
    parser.set_defaults(parser=parser)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    for name in PACKAGES:
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    words = sys.argv[1:] if argv is None else argv
    alone = words[:1] if words[:1] and words[0] in VERBS and words[0] not in WHOLE else VERBS
    for name in alone:  # loading all of them takes half a second
        importlib.import_module(f".{module_of(name)}", __package__).add(verbs)
    for one in verbs.choices.values():
        loud = one.add_mutually_exclusive_group()
        loud.add_argument(
            "-q", "--quiet", action="store_const", const=-1, default=0, dest="level", help="say no progress"
        )
        short = [] if "-v" in one.format_usage().replace("[", " ").split() else ["-v"]  # of run and its like a version
        loud.add_argument(
            *short,
            "--verbose",
            action="store_const",
            const=1,
            dest="level",
            help="say each step and each program started",
        )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files need not be text
    args = parser.parse_args(argv)
    if args.verb is None:
        parser.print_help()
        return int(Exit.OK)
    given = [w.partition("=")[0] for w in words]
    args.tree_named = "--tree" in given or bool(os.environ.get("XEN_SRC"))
    set_level(args.level)
    before = _catch_term()
    gc.set_threshold(50_000, 20, 100)  # a run makes a million tokens and few circles
    try:
        return int(args.function(args))
    except XenstageError as e:
        return _said(retold(e, _places(args)), args)
    except KeyboardInterrupt as e:
        if before is not None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one has nothing more to end
        how = "ended by SIGTERM" if isinstance(e, Terminated) else "interrupted"
        sys.stderr.write(f"\nxenstage: {how}; nothing half-written stays, the same command goes on\n")
        return int(Exit.TERMINATED if isinstance(e, Terminated) else Exit.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        return int(Exit.OK)
    except OSError as e:
        known = explain_error(e, _places(args))
        if known is None:
            raise
        return _said(known, args)
    finally:
        set_level(0)
        Cache.default().leave()
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def module_of(verb: str) -> str:
    """The module of a verb; a word of Python's cannot be one's name."""
    return f"{verb}_" if keyword.iskeyword(verb) else verb.replace("-", "_")


class Terminated(KeyboardInterrupt):
    """SIGTERM: everything is cleaned up as after Ctrl-C."""


def _catch_term() -> signal.Handlers | None:
    """Let SIGTERM end the programs that we started, too; None where it means something already."""

    def end(number: int, frame: object) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        return None
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return None
    signal.signal(signal.SIGTERM, end)
    return signal.SIG_DFL


def _said(error: XenstageError, args: argparse.Namespace) -> int:
    error.remedy = typed(error.remedy, args)
    sys.stderr.write(error.render() + "\n")
    return int(error.code)


def _places(args: argparse.Namespace) -> list[Place]:
    """Where the verb writes."""
    out = [out_place(Path(args.out))] if getattr(args, "out", None) else []
    return [cache_place(Cache.default().root), *out, temporary_place()]
