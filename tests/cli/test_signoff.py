"""A sign-off that was asked for stays as long as the patch is the one that was signed off."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Tool
from .kit import ADDRESS, AUTHOR, CONFIG, ONE, numbered, snapshot

LINE = f"Signed-off-by: {AUTHOR} <{ADDRESS}>"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of this module's own: what is built is part of the evidence."""
    return tmp_path_factory.mktemp("built")


@pytest.fixture(autouse=True)
def own_cache(user: None, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(built))


def verb(name: str, out: Path, *more: str) -> list[str]:
    """A command line on the sample."""
    build = ["--build-config", "none"] if name == "verify" else []
    return [name, "01", "--tree", "sample", "--config", CONFIG, "--out", str(out), *build, *more]


def counts(out: Path) -> list[int]:
    """How often each patch has the line."""
    return [p.read_text().partition("\n---\n")[0].count(LINE) for p in numbered(out, ONE)]


def test_it_stays_through_verify_run_and_build(tool: Tool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tool(*verb("run", out, "--signoff")).good()
    assert counts(out) == [1, 1, 1, 1]
    tool(*verb("verify", out, "--only", "residue"))
    assert counts(out) == [1, 1, 1, 1]
    tool(*verb("build", out)).good()
    assert counts(out) == [1, 1, 1, 1]
    before = snapshot(out)
    tool(*verb("run", out)).good()
    assert counts(out) == [1, 1, 1, 1]
    assert {n: d for n, d in snapshot(out).items() if n.endswith(".patch")} == {
        n: d for n, d in before.items() if n.endswith(".patch")
    }


def test_it_goes_when_asked_to(tool: Tool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tool(*verb("run", out, "--signoff")).good()
    tool(*verb("run", out, "--no-signoff")).good()
    assert counts(out) == [0, 0, 0, 0]


def test_verdicts_older_than_the_messages_are_seen_before_sending(tool: Tool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    argv = ("export", "01", "--tree", "sample", "--out", out)
    tool(*verb("verify", out, "--only", "residue"))
    got = tool(*argv)
    assert (
        got.code == 1
        and "missing: 1-4: builds, predicates, hypercalls, objects" in got.out
        and "older than" not in got.out
    ), got.out
    tool(*verb("run", out, "--signoff")).good()
    got = tool(*argv)
    assert got.code == 1 and "missing: 1-4: verdicts that are older than the message" in got.out, got.out
    tool(*verb("verify", out))
    got = tool(*argv)
    assert "older than" not in got.out and got.out.count("objects is SKIP") == 1 and "missing: 1-4: " in got.out, (
        got.out
    )
