"""Names that stand in headers only: the units that include the headers are parsed for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xenstage.cli import run
from xenstage.stage.declare import Patch, Stage
from xenstage.stage.view import View

from .conftest import Tool
from .kit import CONFIG, Repo

Factory = Callable[..., Repo]
SCHED, DEEP = "xen/include/xen/sched.h", "xen/include/asm-x86/pump/deep.h"


def _sites(tool: Tool, *names: str, tree: Path | str = "sample", configs: tuple[str, ...] = (CONFIG,)) -> Any:
    options = [x for c in configs for x in ("--config", c)]
    return json.loads(tool("sites", *names, "--json", "--tree", tree, *options).good().out)


def test_a_name_of_a_public_header_is_seen(tool: Tool) -> None:
    found = _sites(tool, "_XEN_DOMCTL_CDF_pvh_guest")
    rows = [(s["kind"], s["unseen"], s["live"]) for s in found["sites"] if s["path"].endswith("domctl.h")]
    assert len(rows) == 2 and {r[1] for r in rows} == {""} and all(r[2] == [CONFIG] for r in rows)
    assert found["coverage"]["units"] < 6  # the nearest unit is enough


def test_a_header_that_other_headers_include(tool: Tool, xen_like_repo: Factory) -> None:
    """No unit names the header; the architecture's link leads to it; a namesake lies nearer to nothing."""
    repo = xen_like_repo()
    (repo.path / DEEP).parent.mkdir()
    repo.write(DEEP, "#ifndef DEEP_H\n#define DEEP_H\n#define pump_depth(d) ((d) + 1)\n#endif\n")
    repo.write("xen/include/xen/deep.h", "#define pump_height 7\n")
    repo.edit(SCHED, "#include", "#ifdef __x86_64__\n#include <asm/pump/deep.h>\n#endif\n#include")
    repo.commit()
    found = _sites(tool, "pump_depth", "pump_height", tree=repo.path)
    said = {s["path"]: s["unseen"] for s in found["sites"]}
    assert said == {DEEP: "", "xen/include/xen/deep.h": "its file is in no unit of the configurations parsed"}


def test_what_the_nearest_unit_leaves_out_is_looked_for_in_others(tool: Tool, xen_like_repo: Factory) -> None:
    repo = xen_like_repo()
    text = "#ifdef WANT_PUMP\n#define pump_rate(d) ((d)->rate)\n#endif\n"
    repo.write("xen/include/xen/pump.h", text)
    repo.edit("xen/common/lib.c", "#include", "#include <xen/pump.h>\n#include")
    repo.edit("xen/common/memory.c", "#include", "#define WANT_PUMP\n#include <xen/pump.h>\n#include")
    repo.commit()
    found = _sites(tool, "pump_rate", tree=repo.path)
    assert [(s["unseen"], s["live"]) for s in found["sites"]] == [("", [CONFIG])]


DEFINED = (
    ("enum guest_type", "enum", "sched.h"),
    ("struct domain", "struct", "sched.h"),
    ("struct hvm_domain", "struct", "asm-x86/"),
    ("#define XEN_DOMCTL_INTERFACE_VERSION", "macro", "public/domctl.h"),
    ("#define is_pvh_domain", "macro", "sched.h"),
)


@pytest.mark.parametrize(("what", "kind", "where"), DEFINED, ids=[d[0] for d in DEFINED])
def test_a_definition_in_a_header_is_found_without_a_use(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, kind: str, where: str
) -> None:
    found: list[str] = []

    def rewrite(view: View) -> None:
        name = what.split()[-1]
        found.append(view.definition(name, kind).path)
        assert view.index.defined[name], "the parser knows no definition"

    patch = Patch("xen: look", "A look.", rewrite, defines=(what,))
    monkeypatch.setattr(run, "stages", lambda: {90: Stage(90, "look", "xen: look", "Nothing.", (patch,))})
    tool.run("90", out=tmp_path / "out").good()
    assert len(found) == 1 and where in found[0]
