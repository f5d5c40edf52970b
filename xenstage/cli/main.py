"""main: verbs, errors and exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import __version__
from ..cache import Cache
from ..errors import Exit, XenstageError
from ..storage import Place, cache_place, out_place, retold, temporary_place
from ..storage import explain as explain_error
from . import boot, build, explain, matrix, prepare, run, sites, verify


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; its exit code (docs/errors.md)."""
    parser = argparse.ArgumentParser(
        prog="xenstage", description="Staged refactoring of the Xen hypervisor, as programs that write patch series."
    )
    parser.add_argument("--version", action="version", version=f"xenstage {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for module in (prepare, sites, explain, run, build, verify, boot, matrix):
        module.add(verbs)
    args = parser.parse_args(argv)
    try:
        return int(args.function(args))
    except XenstageError as e:
        return _said(retold(e, _places(args)))
    except KeyboardInterrupt:
        sys.stderr.write("\nxenstage: interrupted; nothing half-written stays, the same command goes on\n")
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        return int(Exit.OK)
    except OSError as e:
        known = explain_error(e, _places(args))
        if known is None:
            raise
        return _said(known)
    finally:
        Cache.default().leave()


def _said(error: XenstageError) -> int:
    sys.stderr.write(error.render() + "\n")
    return int(error.code)


def _places(args: argparse.Namespace) -> list[Place]:
    """Where the verb writes."""
    out = [out_place(Path(args.out))] if getattr(args, "out", None) else []
    return [cache_place(Cache.default().root), *out, temporary_place()]
