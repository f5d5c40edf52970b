"""Patches that do more than change bytes: files that come, go and move, modes, links. A verdict, never a traceback."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from xenstage.cli import run, verify
from xenstage.stage.declare import Patch, Stage
from xenstage.stage.view import View

from .conftest import Tool
from .kit import CONFIG, Repo, apply, evidence, numbered, tree_of

Factory = Callable[..., Repo]
LIB = "xen/common/lib.c"
PUMP = "int pump_rate(void);\n\nint pump_rate(void)\n{\n    return 3;\n}\n"


def _new_source(r: Repo) -> None:
    r.write("xen/common/pump.c", PUMP)
    r.append("xen/common/Makefile", "obj-y += pump.o\n")


def _new_header(r: Repo) -> None:
    r.write("xen/include/xen/pump.h", "#ifndef PUMP_H\n#define PUMP_H\nint pump_rate(void);\n#endif\n")
    r.edit(LIB, "#include <xen/lib.h>", "#include <xen/lib.h>\n#include <xen/pump.h>")


def _gone(r: Repo) -> None:
    (r.path / "xen/common/event_channel.c").unlink()
    r.edit("xen/common/Makefile", "obj-y += event_channel.o\n", "")


def _moved(r: Repo) -> None:
    r.git("mv", "xen/common/event_channel.c", "xen/common/events.c")
    r.edit("xen/common/Makefile", "obj-y += event_channel.o\n", "obj-y += events.o\n")


def _mode(r: Repo) -> None:
    os.chmod(r.path / LIB, 0o755)


def _link(r: Repo) -> None:
    os.symlink("lib.c", r.path / "xen/common/alias.c")


def _link_for_file(r: Repo) -> None:
    (r.path / "xen/common/event_channel.c").rename(r.path / "xen/common/events.inc")
    os.symlink("events.inc", r.path / "xen/common/event_channel.c")


def _bytes(r: Repo) -> None:
    (r.path / "docs/misc/pump.bin").write_bytes(bytes(range(256)))


def _odd_name(r: Repo) -> None:
    (r.path / "docs/misc/pümp stätion.txt").write_text("Rates.\n")


def _empty(r: Repo) -> None:
    (r.path / "xen/common/nothing.h").write_text("")


KINDS: dict[str, Callable[[Repo], None]] = {
    "a source": _new_source,
    "a header": _new_header,
    "a source less": _gone,
    "a source moved": _moved,
    "a mode": _mode,
    "a link": _link,
    "a link for a file": _link_for_file,
    "a binary file": _bytes,
    "a name that is not ASCII": _odd_name,
    "an empty file": _empty,
}


@pytest.mark.parametrize("change", KINDS.values(), ids=KINDS)
def test_a_patch_of_any_kind_gets_a_verdict(
    tool: Tool, tmp_path: Path, xen_like_repo: Factory, change: Callable[[Repo], None]
) -> None:
    repo = xen_like_repo()
    base = repo.head
    change(repo)
    repo.commit("xen: try something\n\nSo that there is something to judge.")
    mails = tmp_path / "mails"
    repo.git("format-patch", "-q", "-o", str(mails), f"{base}..HEAD")
    build = CONFIG if change in (_new_source, _moved, _link_for_file) else "none"
    argv = ("--tree", repo.path, "--base", base, "--config", CONFIG, "--build-config", build)
    got = tool("verify", mails, *argv, "--out", tmp_path / "out")
    assert got.code in ((0, 1) if build == CONFIG else (1, 8)), f"exit {got.code}\n{got.out}\n{got.err}"
    assert "1 patches: " in got.out and (build != CONFIG or "PASS    builds" in got.out)
    assert (tmp_path / "out/mails-evidence/evidence.md").exists()


# From a stage ---------------------------------------------------------------


def _files_stage() -> dict[int, Stage]:
    """A header comes, a source goes, and what names them follows."""

    def rewrite(view: View) -> None:
        rule, reason = "try files", "to see what happens"
        header = "#ifndef PUMP_H\n#define PUMP_H\nint pump_rate(void);\n#endif\n"
        view.add_file("xen/include/xen/pump.h", header, rule=rule, reason=reason)
        view.delete_file("xen/common/spare.c", rule=rule, reason=reason)
        for path, old, new in (
            (LIB, b"#include <xen/lib.h>\n", "#include <xen/lib.h>\n#include <xen/pump.h>\n"),
            ("xen/common/Makefile", b"obj-y += spare.o\n", ""),
        ):
            at = view.read(path).index(old)
            view.replace(view.region(path, at, at + len(old), "a line"), new, rule=rule, reason=reason)

    body = "A header more, a source less."
    patch = Patch("xen/common: try files", body, rewrite, removes=("spare",), introduces=("pump_rate",))
    return {90: Stage(90, "files", "xen/common: try files", "Nothing good.", (patch,))}


def test_a_stage_may_add_and_remove_files(
    tool: Tool, tmp_path: Path, xen_like_repo: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = xen_like_repo()
    repo.write("xen/common/spare.c", "int spare(void);\n\nint spare(void)\n{\n    return 1;\n}\n")
    repo.append("xen/common/Makefile", "obj-y += spare.o\n")
    base = repo.commit()
    monkeypatch.setattr(verify, "stages", _files_stage)
    out = tmp_path / "out"
    argv = ("--tree", repo.path, "--config", CONFIG, "--build-config", CONFIG, "--out", out)
    got = tool("verify", "90", *argv)
    assert "PASS    builds" in got.out and "PASS    form" in got.out, f"{got.out}\n{got.err}"
    (patch,) = evidence(out, "90_files")["patches"]
    clone = apply(repo.path, base, tmp_path / "clone", numbered(out, "90_files"))
    assert tree_of(clone) == patch["tree"]


def test_a_file_that_is_there_is_not_added(
    tool: Tool, tmp_path: Path, xen_like_repo: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = xen_like_repo()
    repo.write("xen/common/spare.c", "int spare(void);\n")
    repo.write("xen/include/xen/pump.h", "int pump(void);\n")
    repo.append("xen/common/Makefile", "obj-y += spare.o\n")
    repo.commit()
    monkeypatch.setattr(run, "stages", _files_stage)
    tool.run("90", tree=repo.path, out=tmp_path / "out").refused(4, "pump.h is there already")
