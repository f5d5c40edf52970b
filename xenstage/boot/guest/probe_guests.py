"""probes: the probe guests, built from ``guests/`` and kept by content.

:func:`probe_guests` gives the directories that dom0's images are made from.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ...bundle import place
from ...cache import Cache, digest
from ...errors import Exit, XenstageError
from ...process import Runner

NAMES = (
    "dom0-probe", "dom0-both", "hvm-probe", "hvm-save-probe", "pvh-probe", "hvm-cycle", "pvh-cycle", "pvh-tdt",
    "pvh-cr8", "pvh-gsi",
)  # fmt: skip
NEED_A_MODEL = ("hvm-linux", "hvm-linux-save", *(name for name in NAMES if name.startswith("hvm-")))
"""Guests that need a device model."""
OLD_PVH = tuple(name for name in NAMES if name.startswith("pvh-"))
"""Guests of the first kind of PVH, until Xen 4.9."""
SOURCES = place("guests")


def probe_guests(*, cache: Cache, runner: Runner, sources: Path = SOURCES) -> dict[str, Path]:
    """The guests' directories by name, each with ``guest.toml`` and an image; built where they are not kept.

    The nonce is a digest of the sources: it stands in the image and in ``guest.toml``'s marker, and
    nothing that dom0 itself prints holds it.

    :raises XenstageError: (TOOLS) make, gcc or the sources are missing, or the build failed.
    """
    files = sorted(p for p in sources.rglob("*") if p.is_file())
    if not files:
        raise XenstageError(
            Exit.TOOLS,
            "the probes' sources are missing",
            why=f"nothing in {sources}",
            remedy="the installation is not whole: install xenstage again, or work in a clone of it",
        )
    compiler = runner.run(["gcc", "--version"]).text.splitlines()[0]
    parts = [part for p in files for part in (str(p.relative_to(sources)), p.read_bytes())]
    nonce = digest("probes 1", compiler, *parts)[:16]
    root = cache.path("boot", "probes", nonce)
    if not root.exists():
        scratch = cache.scratch("probes")
        shutil.rmtree(scratch, ignore_errors=True)
        done = runner.run(["make", "-s", "-C", sources, f"OUT={scratch}", f"NONCE={nonce}"], timeout=120)
        if done.status != 0:
            raise XenstageError(
                Exit.TOOLS,
                "the probe guests cannot be built",
                why=done.errors.strip()[-800:],
                remedy=f"make -C {sources} OUT=/tmp/probes NONCE={nonce}",
            )
        shutil.rmtree(scratch / ".work")
        if not root.exists():  # nobody else was quicker
            os.replace(scratch, root)
    return {name: root / name for name in NAMES}
