"""The wheel: installed outside of any checkout, it does what the checkout does."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from xenstage.stage.declare import load_stages

from .kit import CONFIG, DROPPED, PROJECT, patches, user_environment

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("setuptools") is None or importlib.util.find_spec("pip") is None,
    reason="setuptools and pip are needed to build a wheel without the network",
)


def _run(*argv: str | Path, cwd: Path, env: dict[str, str]) -> str:
    full = [str(a) for a in argv]
    done = subprocess.run(full, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{full}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """An environment that holds the wheel, and of the checkout's only what it depends on."""
    place = tmp_path_factory.mktemp("wheel")
    env = {k: v for k, v in os.environ.items() if k not in (*DROPPED, "PYTHONPATH", "PYTHONHOME")}
    env.update({k: v for k, v in user_environment(place / "cache").items() if k != "PYTHONPATH"})
    source = place / "source"
    tops = ("xenstage", "stages", "guests", "tests/sample")
    for name in ("pyproject.toml", "setup.py", "README.md", "COPYING"):
        source.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, source)
    for top in tops:
        shutil.copytree(PROJECT / top, source / top, ignore=shutil.ignore_patterns("__pycache__", "*.o"))
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    wheel = (*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-w", place, source)
    _run(*wheel, cwd=place, env=env)
    shutil.rmtree(source)
    _run(sys.executable, "-m", "venv", "--without-pip", place / "env", cwd=place, env=env)
    python = place / "env/bin/python"
    (site,) = (place / "env").glob("lib/python3*/site-packages")
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    (made,) = place.glob("xenstage-*.whl")
    _run(*pip, "--python", python, "install", "-q", "--no-deps", "--no-index", made, cwd=place, env=env)
    return place, env


def test_the_stages_are_explained(installed: tuple[Path, dict[str, str]]) -> None:
    place, env = installed
    listed = _run(place / "env/bin/xenstage", "explain", cwd=place, env=env)
    assert [row.split()[0] for row in listed.splitlines()] == [
        s.label for s in load_stages(PROJECT / "stages").values()
    ]


def test_what_is_bundled_is_what_the_checkout_has(installed: tuple[Path, dict[str, str]]) -> None:
    place, env = installed
    code = "from xenstage.bundle import PLACES, bundled; print(*(bundled(n) for n in sorted(PLACES)), sep='\\n')"
    found = [Path(p) for p in _run(place / "env/bin/python", "-c", code, cwd=place, env=env).splitlines()]
    for mine, theirs in zip(found, ("guests", "tests/sample/tree", "stages"), strict=True):
        assert mine.is_relative_to(place / "env")
        assert _content(mine) == _content(PROJECT / theirs)


def _content(top: Path) -> dict[str, bytes]:
    files = (p for p in top.rglob("*") if p.is_file() and "__pycache__" not in p.parts and p.suffix != ".o")
    return {p.relative_to(top).as_posix(): p.read_bytes() for p in files}


def test_both_stages_give_the_same_mails(installed: tuple[Path, dict[str, str]], sample_out: Path) -> None:
    place, env = installed
    argv = ("run", "01", "02", "--tree", "sample", "--config", CONFIG, "--out", place / "out")
    _run(place / "env/bin/xenstage", *argv, cwd=place, env=env)
    assert patches(place / "out") == patches(sample_out)


def test_the_page_is_made_of_templates_that_are_installed(installed: tuple[Path, dict[str, str]]) -> None:
    place, env = installed
    _run(place / "env/bin/xenstage", "run", "01", "--tree", "sample", "--config", CONFIG, "--out", place / "page",
         cwd=place, env=env)  # fmt: skip
    assert _run(place / "env/bin/xenstage", "report", "--out", "page", cwd=place, env=env) == "page/report.html\n"
    assert b"fold the two HVM hypercall tables" in (place / "page/report.html").read_bytes()
