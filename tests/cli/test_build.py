"""xenstage build: a verdict per patch, logs that exist, results that are kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from xenstage.cli import build
from xenstage.stage.declare import Patch, Stage
from xenstage.stage.view import View

from .conftest import Tool
from .kit import CONFIG, ONE, Repo, evidence, numbered, patches, snapshot

Factory = Callable[..., Repo]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of this module's own: results of builds are part of the evidence."""
    return tmp_path_factory.mktemp("built")


@pytest.fixture(autouse=True)
def own_cache(user: None, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(built))


def argv(out: Path, *stages: str, tree: str | Path = "sample") -> tuple[str | Path, ...]:
    """A command line."""
    return ("build", *stages, "--tree", tree, "--config", CONFIG, "--build-config", CONFIG, "--out", out)


def test_every_patch_builds_and_is_kept(tool: Tool, tmp_path: Path, sample_out: Path) -> None:
    out = tmp_path / "out"
    got = tool(*argv(out, "01")).good()
    assert len(re.findall(r"^PASS ", got.out, re.M)) == 4
    assert "4 builds: 4 PASS, 0 other" in got.out and "(kept)" not in got.out
    logs = sorted((out / ONE / "v1/logs").iterdir())
    assert [p.name for p in logs] == [f"{n:04d}-{CONFIG}.log" for n in range(1, 5)]
    assert all(p.read_bytes() for p in logs)
    assert patches(out) == {n: d for n, d in patches(sample_out).items() if n.startswith(ONE)}
    for patch in evidence(out, ONE)["patches"]:
        assert patch["builds"][CONFIG]["verdict"] == "PASS"
    first = snapshot(out)
    again = tool(*argv(out, "01")).good()
    assert again.out.count("(kept)") == 4
    assert snapshot(out) == first
    tool.run("01", out=out).good()  # keeps the logs and what was built
    assert snapshot(out) == first


def test_build_refuses_a_changed_series(tool: Tool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tool.run("01", out=out).good()
    patch = numbered(out, ONE)[0]
    patch.write_text(patch.read_text() + "\nMine.\n")
    before = snapshot(out)
    tool(*argv(out, "01")).refused(6, patch.name)
    assert snapshot(out) == before


def _stage(text: str) -> dict[int, Stage]:
    """A stage of one patch that puts a function after domain_create()."""

    def rewrite(view: View) -> None:
        f = view.function("domain_create")
        at = view.region(f.path, f.end, f.end, "place after domain_create")
        view.replace(at, text, rule="break it", reason="to see what build says")

    patch = Patch(
        subject="xen/common: break the build",
        body="A patch that does not build.",
        rewrite=rewrite,
        defines=("domain_create",),
        introduces=("domain_broken",),
    )
    return {90: Stage(90, "broken", "xen/common: break the build", "Nothing good.", (patch,))}


BROKEN = [
    ("link", "\n\nint domain_gone(void);\n\nint domain_broken(void)\n{\n    return domain_gone();\n}", "domain_gone"),
    ("warning", "\n\nint domain_broken(void)\n{\n    int *p = \"text\";\n\n    return *p;\n}", "warning"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "word"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_patch_that_does_not_build(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, word: str
) -> None:
    monkeypatch.setattr(build, "stages", lambda: _stage(text))
    out = tmp_path / "out"
    got = tool(*argv(out, "90"))
    assert got.code == 1, got.err
    assert re.search(r"^FAIL ", got.out, re.M) and "1 builds: 0 PASS, 1 other" in got.out
    log = re.search(r"log: (\S+)", got.out)
    assert log is not None and word in Path(log.group(1)).read_text()
    assert "make -C xen build" in got.out
    assert evidence(out, "90_broken")["patches"][0]["builds"][CONFIG]["verdict"] == "FAIL"
    assert tool(*argv(out, "90")).code == 1


def test_base_that_does_not_build(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo, out = xen_like_repo(), tmp_path / "out"
    repo.append("xen/common/lib.c", "\nint lib_gone(void);\n\nint lib_probe(void)\n{\n    return lib_gone();\n}\n")
    repo.commit()
    got = tool(*argv(out, "01", tree=repo.path)).refused(1, "base commit itself does not build", "make -C xen build")
    log = re.search(r"log: (\S+)", got.err)
    assert log is not None and "lib_gone" in Path(log.group(1)).read_text()
