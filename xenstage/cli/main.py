"""main: verbs, errors and exit codes."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Sequence

from .. import __version__
from ..cache import Cache
from ..errors import Exit, XenstageError
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
        sys.stderr.write(e.render() + "\n")
        return int(e.code)
    except KeyboardInterrupt:
        sys.stderr.write("\nxenstage: interrupted; nothing half-written stays, the same command goes on\n")
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        return int(Exit.OK)
    except OSError as e:
        if e.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        full = XenstageError(
            Exit.OUTPUT,
            "no space is left",
            why=f"{e.strerror}: {e.filename or 'while writing'}",
            remedy=f"free some: the cache may be deleted at any time (rm -r '{Cache.default().root}')\n"
            "then the same command goes on; nothing half-written stays",
        )
        sys.stderr.write(full.render() + "\n")
        return int(full.code)
