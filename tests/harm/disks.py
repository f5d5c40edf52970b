"""disks: a full or read-only disk under the cache, the output or the temporary files; the one that is named is it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.cli.kit import snapshot

from .kit import Answer, Ground, Trial
from .place import RUN, Place, Reference, reference, same

NAMES = {"cache": "the cache", "out": "the output directory", "tmp": "temporary files"}
SIZES = (  # which, options of mount(8): where in the work there is no more room
    ("cache", "size=16k"), ("cache", "size=300k"), ("cache", "size=900k"), ("cache", "size=1600k"),
    ("cache", "nr_inodes=60"), ("cache", "nr_inodes=400"),
    ("out", "size=8k"), ("out", "size=60k"), ("out", "size=120k"), ("out", "nr_inodes=6"), ("out", "nr_inodes=14"),
    ("tmp", "size=4k"), ("tmp", "nr_inodes=1"), ("cache", "ro"), ("out", "ro"),
)  # fmt: skip


def trials(ground: Ground) -> Iterator[Trial]:
    """Nothing changes in the output, the right disk is named, and with room the same command ends well."""
    whole = reference(ground)
    chosen = SIZES if ground.full else (("cache", "size=300k"), ("out", "size=60k"))
    for which, options in chosen:
        yield Trial("disks", f"{which}: {options}", partial(_full, ground, whole, which, options))


def _mount(options: str, where: Path) -> str:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", str(where)], capture_output=True, text=True, check=False
    )
    return done.stderr.strip()


def _full(ground: Ground, whole: Reference, which: str, options: str) -> Answer:
    wanted = whole.of(RUN)
    place = whole.copy(ground.root / "disk") if which == "out" else Place(ground.root / "disk")
    out = place.root / "out"
    (place.root / "tmp").mkdir(parents=True)
    disk = {"cache": place.cache, "out": out, "tmp": place.root / "tmp"}[which]
    disk.mkdir(exist_ok=True)
    if which == "tmp" and options.startswith("size"):
        options += ",nr_inodes=50"
    if refused := _mount(options, disk):
        shutil.rmtree(place.root)
        return Answer(os.getuid() != 0, f"not tried, this user may not mount: {refused}")
    try:
        more = {"TMPDIR": str(place.root / "tmp")}
        if which == "tmp" and options.startswith("size"):
            (disk / "full").write_bytes(b"x" * 4096)
        before = snapshot(out) if out.exists() else {}
        ended = place.run(RUN, out, more)
        title = ended.text.rpartition("xenstage: ")[2].splitlines()[:1]
        words = title[0] if title else "no error"
        if ended.code != 6 or "Traceback" in ended.text:
            return ended.answer(False, "exit 6")
        named = [n for n in NAMES.values() if n in words]
        if named != [NAMES[which]] and f"cannot write to {out}" not in words and "cache directory" not in words:
            return Answer(False, f"another disk is named: {words}")
        if (snapshot(out) if out.exists() else {}) != before:
            return Answer(False, "the output directory was changed")
        room = "remount,rw" if options == "ro" else "remount,size=64m,nr_inodes=20000"
        subprocess.run(["mount", "-o", room, str(disk)], check=True)
        again = place.run(RUN, out, more)
        return again.answer(again.code == 0 and same(out, wanted), f"exit 6: {words}; with room: exit 0, same bytes")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)
        shutil.rmtree(place.root)
