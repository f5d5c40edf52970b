"""Errors of the parser that say nothing about how the C is read: passed over by class, counted, with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from .conftest import Tool
from .kit import CONFIG, HVM, ONE, Repo, evidence, numbered

Factory = Callable[..., Repo]
# Clang asks of each whether it is const; GCC of what it puts out only, and what nobody uses it leaves out.
CONFLICT = """
static char pump_state[64] __attribute__((section(".bss.pump")));
static const char pump_zero[64] __attribute__((section(".bss.pump")));
"""


def test_a_section_conflict_is_passed_over_and_counted(
    tool: Tool, tmp_path: Path, xen_like_repo: Factory, sample_out: Path
) -> None:
    repo = xen_like_repo()
    repo.append(HVM, CONFLICT)
    repo.commit()
    out = tmp_path / "out"
    got = tool.run("01", tree=repo.path, out=out).good()
    assert "1 errors of the parser passed over: section type conflict (about the object file" in got.out
    assert evidence(out, ONE)["coverage"]["passed over"] == {"section type conflict": 1}
    assert [p.name for p in numbered(out, ONE)] == [p.name for p in numbered(sample_out, ONE)]
    argv = ("sites", "hvm_do_hypercall", "--tree", repo.path, "--config", CONFIG)
    assert "section type conflict" in tool(*argv).good().out
    assert json.loads(tool(*argv, "--json").good().out)["coverage"]["passed over"] == {"section type conflict": 1}
    assert "passed over" not in tool("sites", "hvm_do_hypercall", "--tree", "sample", "--config", CONFIG).good().out


def test_any_other_error_stops_also_beside_one(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo = xen_like_repo()
    repo.append(HVM, CONFLICT + '\nconst char *const pump = "causes a section type conflict";\nint pump;\n')
    repo.commit()
    got = tool.run("01", tree=repo.path, out=tmp_path / "out").refused(7, HVM, "pump")
    assert "redefinition" in got.err
    assert not (tmp_path / "out").exists()
