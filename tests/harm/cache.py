"""cache: every kind of file in it damaged in every way; caches that were moved, copied, or reached through links."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path

from .kit import Answer, Ground, Trial
from .place import BUILT, RUN, Place, Reference, reference, same

KINDS = {
    "answers": "answers/*/*.json", "includes": "includes/*/*.json", "readings": "readings/*/*.json",
    "sweeps": "sweeps/*/*.json", "build results": "builds/*/*.json", "relined": "relined/*/*.json",
    "verdicts": "verdicts/*/*.json", "mails": "mails/*/*.json", "packs": "packs/*/*.json",
    "harvests": "harvests/*/*.json", "uses": "uses/*/*.json", "logs": "logs/*/*",
    "stamp": "prepared/*/stamp.json", "units": "prepared/*/units.json", "index": "prepared/*/index",
    "source": "prepared/*/tree/xen/common/domctl.c", "generated": "prepared/*/tree/xen/include/compat/*.h",
    "cc": "toolchains/*/cc", "ld": "toolchains/*/ld", "python": "toolchains/*/python",
    "objects": "trees/*/repo.git/objects/[0-9a-p]*/*", "HEAD": "trees/*/repo.git/HEAD",
    "config": "trees/*/repo.git/config", "sample": "sample/repo.git/config", "locks": "locks/*",
    "build index": "build/*/index", "build mark": "build/*/here",
}  # fmt: skip
"""What there is, by name: a pattern below the cache."""

OF_BUILDS = ("build results", "relined", "harvests", "verdicts", "uses", "logs", "build index", "build mark")
APART = (
    ("answers", "includes", "readings", "sweeps"), ("stamp", "units", "index", "source", "generated"),
    ("cc", "ld", "python"), ("objects", "HEAD", "config", "sample"), ("locks",), ("mails", "packs"),
)  # fmt: skip
"""Kinds of which one that is made again hides the damage of another; the groups do not touch each other."""


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other_type(path: Path) -> None:
    path.write_text('[{"files": 3}, null, "x"]\n')


def deep(path: Path) -> None:
    path.write_text("[" * 200_000)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    if data:
        data[len(data) // 3] ^= 4
    path.write_bytes(data)


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "x").write_bytes(b"")


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("/nowhere/at/all")


def gone(path: Path) -> None:
    path.unlink()


def no_mode(path: Path) -> None:
    path.chmod(0)


def swapped(path: Path) -> None:
    """Another file of its directory, or nothing there."""
    others = sorted(p for p in path.parent.parent.rglob("*") if p.is_file() and not p.is_symlink() and p != path)
    path.write_bytes(others[0].read_bytes() if others else b"{}")


DAMAGES: Sequence[Callable[[Path], None]] = (
    truncate, empty, other_type, deep, flip, directory, dangling, gone, no_mode, swapped,
)  # fmt: skip


def trials(ground: Ground) -> Iterator[Trial]:
    """A damaged file must be mended: the same bytes, or an error that says what to do."""
    whole = reference(ground)
    yield from _moved(ground, whole)
    for number, damages in enumerate(_dealt() if ground.full else QUICK):
        verb = BUILT if damages[0][0] in OF_BUILDS else RUN
        name = ", ".join(f"{k} {d.__name__}" for k, d in damages)
        yield Trial("damaged cache", name, partial(_damaged, ground, whole, damages, verb, number))


Damages = Sequence[tuple[str, Callable[[Path], None]]]
QUICK: Sequence[Damages] = ([("answers", deep), ("cc", no_mode), ("units", directory)], [("index", flip)])


def _dealt() -> list[Damages]:
    """Every kind with every damage, one of each group at once; those of builds alone."""
    chance = random.Random(15)
    hands: list[list[tuple[str, Callable[[Path], None]]]] = []
    for group in APART:
        cards = [(k, d) for k in group for d in DAMAGES]
        chance.shuffle(cards)
        hands.append(cards)
    rounds: list[Damages] = [[c for c in row if c] for row in zip_longest(*hands)]
    again = [("build results", gone)]  # so that something is built in the directory
    return [
        *rounds,
        *([*(again if k in ("build index", "build mark") else []), (k, d)] for d in DAMAGES for k in OF_BUILDS),
    ]


def _damaged(ground: Ground, whole: Reference, damages: Damages, verb: Sequence[str], seed: int) -> Answer:
    wanted = whole.of(verb)
    place = Place(ground.root / "damaged")
    if not place.cache.exists():
        if ground.full:
            whole.of(BUILT)
        whole.of(RUN)
        place = whole.copy(ground.root / "damaged")
    chance = random.Random(seed)
    there = {k: _files(place, k) for k, _ in damages}
    if none := [k for k in there if not there[k]]:
        return Answer(False, f"no file {KINDS[none[0]]} in the cache")
    for kind, damage in damages:
        damage(chance.choice(there[kind]))
    out = place.root / "out"
    ended = place.run(verb, out)
    left = place.left()
    good = ended.code == 0 and "Traceback" not in ended.text and same(out, wanted) and not left
    shutil.rmtree(out, ignore_errors=True)
    if not good:
        shutil.rmtree(place.root)  # the next trial begins with a sound one
    return ended.answer(good, f"exit 0, same bytes{f', left {left}' if left else ''}")


def _files(place: Place, kind: str) -> list[Path]:
    return sorted(p for p in (place.cache / "xenstage").glob(KINDS[kind]) if p.is_file() and not p.is_symlink())


def _moved(ground: Ground, whole: Reference) -> Iterator[Trial]:
    def moved(old: Place, new: Place) -> None:
        shutil.move(old.cache, new.cache)

    def copied(old: Place, new: Place) -> None:
        shutil.copytree(old.cache, new.cache, symlinks=True, copy_function=shutil.copy)  # new times, as cp -r
        shutil.rmtree(old.cache)

    def beside_garbage(old: Place, new: Place) -> None:
        shutil.copytree(old.cache, new.cache, symlinks=True)
        for path in (old.cache / "xenstage/prepared").rglob("*"):
            if path.is_file() and not path.is_symlink():
                path.write_bytes(b"#error garbage\n")

    def linked(old: Place, new: Place) -> None:
        new.cache.symlink_to(old.cache)

    def moved_back(old: Place, new: Place) -> None:
        shutil.move(old.cache, new.cache)
        shutil.copytree(new.cache, old.cache, symlinks=True)
        shutil.rmtree(new.cache)
        shutil.move(old.cache, new.cache)

    for act in (moved, copied, beside_garbage, linked, moved_back):
        verbs = (RUN, BUILT) if ground.full else (RUN,) if act is copied else ()
        for verb in verbs:
            name = f"{act.__name__.replace('_', ' ')}, {verb[0]}"
            yield Trial("moved and copied caches", name, partial(_carried, ground, whole, act, verb))


def _carried(ground: Ground, whole: Reference, act: Callable[[Place, Place], None], verb: Sequence[str]) -> Answer:
    wanted = whole.of(verb)
    old, new = whole.copy(ground.root / "old"), Place(ground.root / "new")
    out = new.root / "out"
    new.root.mkdir(parents=True)
    try:
        # The copy itself is another place than that of the reference: warm it where it is.
        act(old, new)
        ended = new.run(verb, out)
        again = [w for w in ("recording the tree's own make", "parse:") if w in ended.text]
        if again:
            return ended.answer(False, f"nothing made again, but {again[0]}")
        top = os.fsencode(old.root)
        told = [] if act.__name__ == "linked" else _naming(new.cache, top)
        if told:
            return Answer(False, f"names the old place: {told[0]}")
        return ended.answer(ended.code == 0 and same(out, wanted), "exit 0, same bytes, nothing made or parsed again")
    finally:
        shutil.rmtree(old.root, ignore_errors=True)
        shutil.rmtree(new.root, ignore_errors=True)


def _naming(cache: Path, text: bytes) -> list[str]:
    files = (p for p in cache.rglob("*") if p.is_file() and not p.is_symlink())
    return [str(p.relative_to(cache)) for p in files if text in p.read_bytes()]
