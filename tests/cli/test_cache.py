"""A damaged cache: the next run mends it and gives the same bytes."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .kit import CONFIG, shell, snapshot

Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def cache(sample_out: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of this module's own, filled by one run."""
    place = tmp_path_factory.mktemp("damaged")
    _run(place, place / "out")
    assert snapshot(place / "out") == snapshot(sample_out)
    shutil.rmtree(place / "out")
    return place


def _run(cache: Path, out: Path) -> str:
    argv = ("run", "01", "02", "--tree", "sample", "--config", CONFIG, "--out", str(out))
    return shell(*argv, cache=cache).good().err


def _values(cache: Path) -> list[Path]:
    kinds = ("answers", "includes", "readings", "hits")
    return sorted(p for k in kinds for p in (cache / "xenstage" / k).rglob("*.json"))


def _prepared(cache: Path) -> Path:
    (found,) = (cache / "xenstage/prepared").iterdir()
    return found


def truncate_values(cache: Path) -> None:
    """Half of a value here and there."""
    chosen = random.Random(5).sample(_values(cache), 8)
    for path in chosen:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])


def empty_values(cache: Path) -> None:
    """Values of no bytes, as a full disk leaves them."""
    for path in random.Random(6).sample(_values(cache), 8):
        path.write_bytes(b"")


def binary_values(cache: Path) -> None:
    """Values that are no text."""
    for path in random.Random(7).sample(_values(cache), 8):
        path.write_bytes(b"\xff\xfe\x00" * 9)


def delete_values(cache: Path) -> None:
    """Every second value is gone."""
    for path in _values(cache)[::2]:
        path.unlink()


def edit_units(cache: Path) -> None:
    """The compile database says something else."""
    path = _prepared(cache) / "units.json"
    path.write_text(path.read_text().replace("-DNDEBUG", "-DOTHER").replace("-D__XEN__", "-D__NEX__"))


def truncate_stamp(cache: Path) -> None:
    """The stamp is no JSON."""
    (_prepared(cache) / "stamp.json").write_text('{"units"')


def edit_generated_header(cache: Path) -> None:
    """A generated header has one more line."""
    (header,) = _prepared(cache).rglob("compile.h")
    header.write_text(header.read_text() + "#define is_pvh_domain(d) 0\n")


def delete_generated_header(cache: Path) -> None:
    """A generated header is gone."""
    headers = [p for p in _prepared(cache).rglob("asm-offsets.h") if not p.is_symlink()]
    assert headers
    for path in headers:
        path.unlink()


def edit_tracked_file(cache: Path) -> None:
    """A source has another line."""
    path = _prepared(cache) / "tree/xen/arch/x86/hvm/hvm.c"
    path.write_text(path.read_text().replace("HYPERCALL(tmem_op)", "HYPERCALL(sysctl)", 1))


def edit_tracked_file_unnoticed(cache: Path) -> None:
    """The same length and time as before."""
    path = _prepared(cache) / "tree/xen/arch/x86/hvm/hvm.c"
    times = path.stat()
    path.write_text(path.read_text().replace("is_pvh_vcpu(curr)", "is_hvm_vcpu(curr)", 1))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == times.st_size


def delete_tracked_file(cache: Path) -> None:
    """A source is gone."""
    (_prepared(cache) / "tree/xen/common/domain.c").unlink()


def replace_asm_link(cache: Path) -> None:
    """The link to the architecture's headers points elsewhere."""
    link = _prepared(cache) / "tree/xen/include/asm"
    link.unlink()
    link.symlink_to("asm-arm")


def delete_prepared(cache: Path) -> None:
    """The prepared tree is gone."""
    shutil.rmtree(_prepared(cache))


def delete_repository(cache: Path) -> None:
    """The copy of the base commit is gone."""
    shutil.rmtree(cache / "xenstage/trees")


def directory_for_object(cache: Path) -> None:
    """Directories under the names of objects of the copy."""
    for repo in cache.glob("xenstage/trees/*/repo.git"):
        for path in sorted(repo.glob("objects/[0-9a-f][0-9a-f]/*"))[::2]:
            path.unlink()
            path.mkdir()
            (path / "kept").write_text("no object\n")


def delete_sample(cache: Path) -> None:
    """The sample's repository is gone."""
    shutil.rmtree(cache / "xenstage/sample")


def delete_wrappers(cache: Path) -> None:
    """The compiler's wrapper does something else."""
    for path in (cache / "xenstage/toolchains").rglob("cc"):
        path.write_text("#!/bin/sh\nexit 1\n")
    shutil.rmtree(_prepared(cache))


DAMAGES: list[Damage] = [
    truncate_values, empty_values, binary_values, delete_values, edit_units, truncate_stamp,
    edit_generated_header, delete_generated_header, edit_tracked_file, edit_tracked_file_unnoticed,
    delete_tracked_file, replace_asm_link, delete_prepared, delete_repository, directory_for_object,
    delete_sample, delete_wrappers,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda d: d.__name__)
def test_damage(cache: Path, tmp_path: Path, sample_out: Path, damage: Damage) -> None:
    damage(cache)
    _run(cache, tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(sample_out)
