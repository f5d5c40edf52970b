"""No traceback, and a remedy that helps: damaged programs and libraries, patches that are none, no home."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import clang
import pytest

from xenstage.cache import Cache
from xenstage.errors import Exit, XenstageError
from xenstage.process import Runner

from .conftest import Tool
from .kit import CONFIG, ONE, Repo, shell

Factory = Callable[..., Repo]
SILENT, CRASHING, FAILING = "#!/bin/sh\n", "#!/bin/sh\nkill -SEGV $$\n", "#!/bin/sh\necho 'no licence' >&2; exit 1\n"


@pytest.mark.parametrize("text", [SILENT, CRASHING, FAILING], ids=["silent", "crashing", "failing"])
@pytest.mark.parametrize("program", ["gcc", "ld", "make"])
def test_a_program_that_does_not_say_its_version(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, text: str
) -> None:
    path = tmp_path / "bin" / program
    path.parent.mkdir()
    path.write_text(text)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
    got = tool.run("01", out=tmp_path / "out").refused(5, f"{program} does not say its version", str(path))
    assert {SILENT: "says nothing", CRASHING: "signal 11", FAILING: "no licence"}[text] in got.err
    assert not (tmp_path / "out").exists()


def test_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    path = tmp_path / "gcc"
    path.write_bytes(b"\x7fELF of another machine")
    path.chmod(0o755)
    with pytest.raises(XenstageError) as caught:
        Runner().run([path, "--version"])
    assert caught.value.code is Exit.TOOLS and str(path) in caught.value.title


@pytest.fixture
def bindings(tmp_path: Path) -> Path:
    """The bindings without their library, for PYTHONPATH."""
    (source,) = clang.__path__
    place = tmp_path / "site"
    shutil.copytree(source, place / "clang", ignore=shutil.ignore_patterns("libclang*", "__pycache__"))
    return place


@pytest.mark.parametrize("size", [None, 0, 40, 1 << 20], ids=["absent", "empty", "header", "a part"])
def test_a_libclang_that_is_not_whole(
    tool: Tool, warm: Path, sample_out: Path, bindings: Path, tmp_path: Path, size: int | None
) -> None:
    if size is not None:
        (source,) = clang.__path__
        with open(f"{source}/native/libclang.so", "rb") as f:
            (bindings / "clang/native/libclang.so").write_bytes(f.read(size))
    more: dict[str, str | None] = {"PYTHONPATH": f"{bindings}:{os.environ['PYTHONPATH']}"}
    # Names that nobody has asked for together: nothing that is kept answers.
    argv = ("sites", "is_pvh_domain", "guest_type_hvm", "--tree", "sample", "--config", CONFIG)
    got = shell(*argv, cache=warm, more=more)
    got.refused(5, "libclang cannot be loaded", "pip install --force-reinstall libclang==")
    assert shell("explain", "01", cache=warm, more=more).good()


def test_a_package_that_is_not_installed(tmp_path: Path) -> None:
    text = "import sys; sys.modules['clang'] = None; import runpy; runpy.run_module('xenstage', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", text, "explain"], capture_output=True, text=True, check=False)
    assert done.returncode == 5 and "Traceback" not in done.stderr
    assert "clang" in done.stderr and "pip install" in done.stderr


def a_directory(patch: Path) -> str:
    patch.unlink()
    patch.mkdir()
    return "no file"


def a_dangling_link(patch: Path) -> str:
    patch.unlink()
    patch.symlink_to("nowhere")
    return "a link that leads nowhere"


def a_fifo(patch: Path) -> str:
    patch.unlink()
    os.mkfifo(patch)
    return "no file"


@pytest.mark.parametrize("act", [a_directory, a_dangling_link, a_fifo], ids=lambda a: a.__name__)
@pytest.mark.parametrize("which", [0, 1], ids=["cover", "patch"])
def test_a_patch_that_is_none(
    tool: Tool, tmp_path: Path, sample_out: Path, act: Callable[[Path], str], which: int
) -> None:
    place = tmp_path / "theirs"
    place.mkdir()
    for path in (sample_out / ONE / "v1").glob("*.patch"):
        shutil.copy(path, place)
    patch = sorted(place.iterdir())[which]
    words = act(patch)
    argv = ("verify", place, "--tree", "sample", "--config", CONFIG, "--build-config", "none", "--out", tmp_path / "o")
    tool(*argv).refused(2, str(patch), words, "git format-patch")


def test_a_patch_that_adds_files_whose_names_are_no_text(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo = xen_like_repo()
    for name in (b"xen/common/caf\xe9.c", b"xen/include/xen/caf\xe9.h"):
        (repo.path / os.fsdecode(name)).write_text("int caf;\n")
    repo.commit("xen: add files\n\nNo functional change.")
    repo.git("format-patch", "-q", "-o", str(tmp_path / "theirs"), "HEAD~1")
    argv = ("verify", tmp_path / "theirs", "--tree", repo.path, "--base", "HEAD~1", "--config", CONFIG)
    got = tool(*argv, "--build-config", "none", "--out", tmp_path / "out")
    assert "1 patches" in got.out
    assert r"caf\xe9.c" in (tmp_path / "out/theirs-evidence/evidence.md").read_text() + got.out + got.err


def test_a_home_that_cannot_be_written(tmp_path: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/proc")
    tool.run("01", out=tmp_path / "out").refused(6, "the cache directory cannot be written", "XDG_CACHE_HOME")


def test_no_home_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    assert Cache.default().root.name.startswith("xenstage-")
