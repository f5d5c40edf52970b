"""Stage 06 on the sample: the interface and all who use it in one patch, and no PVH left in the hypervisor."""

from __future__ import annotations

import re
from pathlib import Path

from .conftest import Tool
from .kit import evidence

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
    assert "domctl.h: struct xen_domctl_createdomain: 8 -> 12" in patch["interface"] and patch["closed"]


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
    from .kit import make_repo

    repo = make_repo(place)
    text = "int make(void)\n{\n    return xc_domain_create(0, 0, 0, 0, 0);\n}\n"
    (place / "tools/misc").mkdir()
    (place / "tools/misc/make.c").write_text(text)
    repo.commit()
    return place
