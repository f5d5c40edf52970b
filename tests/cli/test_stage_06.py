"""Stage 06 on the sample: the interface and all who use it in one patch, and no PVH left in the hypervisor."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from .conftest import Tool
from .kit import CONFIG, PROJECT, evidence, make_repo

SIX = "06_drop_pvh"


def test_the_interface_and_its_users_change_in_one_patch(tool: Tool, tmp_path: Path) -> None:
    tool.run("06", out=tmp_path).good()
    mail = next((tmp_path / SIX / "v1").glob("0002-*.patch")).read_text()
    changed = set(re.findall(r"^\+\+\+ b/(\S+)$", mail, re.M))
    assert {
        "xen/include/public/domctl.h",
        "xen/include/public/sysctl.h",
        "tools/libxc/xc_domain.c",
        "tools/libxl/libxl_create.c",
        "tools/libxl/libxl_dom.c",
        "tools/libxl/libxl.c",
        "tools/ocaml/libs/xc/xenctrl_stubs.c",
        "tools/python/xen/lowlevel/xc/xc.c",
        "tools/xenstore/init-xenstore-domain.c",
        "tools/debugger/gdbsx/xg/xg_main.c",
    } <= changed
    assert "+#define XEN_DOMCTL_INTERFACE_VERSION 0x0000000b" in mail
    assert "+#define XEN_SYSCTL_INTERFACE_VERSION 0x0000000C" in mail
    patch = evidence(tmp_path, SIX)["patches"][1]
    assert "domctl.h: struct xen_domctl_createdomain: {c} -> {c+4}" in patch["interface"] and patch["closed"]


def test_every_declared_effect_is_of_the_tree_that_its_file_is_for(tool: Tool, tmp_path: Path) -> None:
    tool.run("06", out=tmp_path).good()
    made = evidence(tmp_path, SIX)["patches"]
    there = {(e["path"], e["function"], e["kind"]) for p in made for e in p["effects"]}
    rows = tomllib.loads((PROJECT / "stages/06_drop_pvh/sample.toml").read_text())["effect"]
    said = {(r["file"], r["function"], r.get("kind", "*")) for r in rows}
    assert {r for r in said if r[1] != "*"} <= there
    callers = {
        "create_dom0",
        "start_first_domain",
        "createdomain",
    }  # of domain_create(); one row is about the first two
    assert {e["function"] for e in made[0]["effects"]} == callers and there <= said


def test_what_is_declared_holds_on_another_release(tool: Tool, tmp_path: Path) -> None:
    """Whose domain_create() takes more, whose structure is larger, and whose interface has a later version."""
    place = tmp_path / "tree"
    repo = make_repo(place)
    for path, old, new in (
        ("xen/include/public/domctl.h", "VERSION 0x0000000a", "VERSION 0x0000000d"),
        ("xen/include/public/domctl.h", "    uint32_t flags;\n};", "    uint32_t flags;\n    uint32_t more[3];\n};"),
        ("xen/include/xen/sched.h", "uint32_t ssidref)", "uint32_t ssidref, int more)"),
        ("xen/common/domain.c", "uint32_t ssidref)", "uint32_t ssidref, int more)"),
        ("xen/common/domctl.c", "createdomain.ssidref)", "createdomain.ssidref, 1)"),
        ("xen/arch/x86/setup.c", "domcr_flags, 0)", "domcr_flags, 0, 2)"),
        ("xen/arch/x86/domain_build.c", "domcr_flags, 0)", "domcr_flags, 0, 3)"),
    ):
        assert old in repo.read(path), (path, old)
        repo.write(path, repo.read(path).replace(old, new, 1))
    repo.commit()
    only = ("--only", "predicates", "--only", "abi")
    tool("verify", "06", "--tree", place, "--config", CONFIG, "--build-config", "none", *only, "--out", tmp_path).good()
    exactly = evidence(tmp_path, SIX)["patches"][1]["proofs"]["abi"]["facts"]["exactly"]
    assert "domctl.h: macro XEN_DOMCTL_INTERFACE_VERSION: 13 -> 14" in exactly


def test_what_is_left_of_the_word_is_the_command_line_and_is_in_the_evidence(tool: Tool, tmp_path: Path) -> None:
    tool.run("06", out=tmp_path).good()
    left = evidence(tmp_path, SIX)["patches"][-1]["checked"]["pvh"]
    assert left and all("dom0pvh" in line for line in left)


def test_a_caller_in_another_form_stops_the_series(tool: Tool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tree = tmp_path / "tree"
    made = tool.run("06", tree=_repo(tree), out=out)
    assert made.code == 4 and "xc_domain_create" in made.err and not (out / SIX).exists()


def _repo(place: Path) -> Path:
    """The sample with one more caller that the stage does not know."""
    repo = make_repo(place)
    text = "int make(void)\n{\n    return xc_domain_create(0, 0, 0, 0, 0);\n}\n"
    (place / "tools/misc").mkdir()
    (place / "tools/misc/make.c").write_text(text)
    repo.commit()
    return place
