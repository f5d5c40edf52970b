"""bootable: a hard disk that starts a Linux kernel, made without root and without mounting anything.

The disk is one FAT file system without partitions, with syslinux in its boot
sector.  mtools and syslinux come from the unpacked packages, not from this machine.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from ...errors import Exit, XenstageError
from ...process import Runner
from .libraries import inside

_EPOCH = "1420070400"  # 2015-01-01: FAT has no times before 1980, and any fixed one will do
_SERIAL = "58454e53"
_MARGIN = 2 << 20


def bootable(path: Path, files: Mapping[str, bytes], *, base: Path, runner: Runner, scratch: Path) -> None:
    """Write a disk with ``files`` (8.3 names), which syslinux boots as ``syslinux.cfg`` among them says.

    :param base: unpacked Debian packages that hold mtools, syslinux and its modules.
    :param scratch: a directory of ours, emptied first.
    :raises XenstageError: (TOOLS) mtools or syslinux is missing or failed.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch / "files").mkdir(parents=True)
    image = scratch / "disk"
    size = sum(len(d) for d in files.values()) + _MARGIN
    cylinders = -(-size // (16 * 63 * 512))
    tools = runner.with_env(
        PATH=f"{base / 'usr/bin'}{os.pathsep}{os.environ.get('PATH', '/usr/bin:/bin')}",
        SOURCE_DATE_EPOCH=_EPOCH,
        MTOOLSRC="/dev/null",
        TZ="UTC",
    )
    image.write_bytes(b"")
    os.truncate(image, cylinders * 16 * 63 * 512)
    _run(tools, "mformat", "-i", image, "-t", str(cylinders), "-h", "16", "-s", "63", "-N", _SERIAL, "::")
    for name, data in sorted(files.items()):
        file = scratch / "files" / name
        file.write_bytes(data)
        os.utime(file, (int(_EPOCH), int(_EPOCH)))
        _run(tools, "mcopy", "-m", "-i", image, file, f"::{name}")
    program = inside(base, "usr/bin/syslinux")
    if program is None:
        raise XenstageError(
            Exit.TOOLS, "no syslinux", why=f"looked in {base}", remedy="run the same command again, with network"
        )
    _run(tools, program, "--install", image)
    os.replace(image, path)
    shutil.rmtree(scratch, ignore_errors=True)


def _run(runner: Runner, *argv: str | Path) -> None:
    done = runner.run(argv, timeout=120)
    if done.status != 0:
        raise XenstageError(
            Exit.TOOLS,
            f"the guest's disk could not be made: {Path(argv[0]).name} failed",
            why=f"{' '.join(map(str, argv))}: {done.errors.strip() or done.text.strip() or done.status}",
            remedy="is the disk full? (df); then run the same command again",
        )
