"""A commit's toolstack: what is built again and what is not, and that nothing half-made is left."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.boot.treekit import Repo, fake_programs
from xenstage.boot.stack import devicemodel
from xenstage.boot.stack.devicemodel import DeviceModel, interface, leave_ioreq_server
from xenstage.boot.stack.toolstack import ToolstackBuilder
from xenstage.builds import tools
from xenstage.builds.mends import Need
from xenstage.cache import Cache
from xenstage.errors import Exit, XenstageError
from xenstage.process import Runner
from xenstage.tree.git import Git
from xenstage.tree.source import open_tree


@dataclass(frozen=True)
class World:
    """A tree and a builder of its toolstacks."""

    repo: Repo
    builder: ToolstackBuilder


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(tools, "NEEDS", ())
    cache, repo = Cache(tmp_path / "cache"), Repo(tmp_path / "repo")
    runner = fake_programs(tmp_path / "bin")
    tree = open_tree(repo.path, "HEAD", cache=cache, runner=runner)
    # Commits of a stage are made in the repository that the tree is read from.
    local = type(tree)(tree.origin, tree.base, tree.tree, tree.version, Git(repo.path / ".git", runner))
    return World(repo, ToolstackBuilder(local, cache, runner, time.monotonic, 1))


def _head(world: World) -> str:
    return world.repo.git("rev-parse", "HEAD").strip()


def test_a_toolstack_says_where_things_are(world: World) -> None:
    place = world.builder.build(_head(world))
    said = json.loads((place / "toolstack.json").read_bytes())
    assert said == {
        "xen": _head(world),
        "version": "4.5",
        "hypervisor": "boot/xen",
        "device_model": None,
        "xl": "usr/sbin/xl",
        "libraries": ["usr/lib"],
    }
    for path in (said["hypervisor"], said["xl"], "usr/lib/libxenctrl.so.4", "usr/lib/xen/boot/hvmloader"):
        assert (place / path).is_file(), path
    assert (place / "var/lib/xenstored").is_dir() and not (place / "usr/include").exists()


def test_a_patch_of_the_hypervisor_builds_the_hypervisor_alone(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    first = world.builder.build(_head(world))
    capsys.readouterr()
    assert world.builder.build(_head(world)) == first
    assert capsys.readouterr().err == ""
    second = world.builder.build(world.repo.commit({"xen/arch/x86/hvm.c": "int other_name;\n"}))
    said = capsys.readouterr().err
    assert "the hypervisor" in said and "the tools" not in said
    assert b"other_name" in (second / "boot/xen").read_bytes()
    assert b"other_name" not in (first / "boot/xen").read_bytes()
    third = world.builder.build(world.repo.commit({"tools/libxl/it.c": "int other_xl;\n"}))
    assert b"other_xl" in (third / "usr/sbin/xl").read_bytes()


def test_a_hypervisor_that_does_not_build_is_said_with_its_log(world: World) -> None:
    world.builder.build(_head(world))
    bad = world.repo.commit({"xen/arch/x86/hvm.c": "int a = nowhere;\n"})
    with pytest.raises(XenstageError) as stopped:
        world.builder.build(bad)
    assert stopped.value.code == Exit.FAIL and "nowhere" in stopped.value.why
    assert b"nowhere" in Path(stopped.value.remedy.split("'")[1]).read_bytes()


def test_tools_that_do_not_build_are_said_and_leave_nothing(world: World) -> None:
    bad = world.repo.commit({"tools/libxl/it.c": "int a = nowhere;\n"})
    for _ in range(2):
        with pytest.raises(XenstageError) as stopped:
            world.builder.build(bad)
        assert stopped.value.code == Exit.FAIL and "nowhere" in stopped.value.why
    assert not [p for p in (world.builder.cache.root / "toolstack/tools").iterdir() if not p.name.startswith("new-")]


def test_what_was_killed_is_not_believed(world: World) -> None:
    builder = world.builder
    first = builder.build(_head(world))
    (first / "toolstack.json").unlink()  # it is written last
    (first / "usr/sbin/xl").write_bytes(b"half")
    assert (builder.build(_head(world)) / "usr/sbin/xl").read_bytes() != b"half"
    (work,) = (p.parent for p in (builder.cache.root / "build").glob("*/tree"))
    (work / "busy").touch()
    (work / "tree/xen/half-written.o").touch()
    builder.build(world.repo.commit({"xen/arch/x86/hvm.c": "int b;\n"}))
    assert not (work / "tree/xen/half-written.o").exists() and not (work / "busy").exists()


def test_missing_packages_are_one_line_to_type(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "NEEDS", (Need(("/nowhere",), "uuid-dev"),))
    with pytest.raises(XenstageError) as stopped:
        world.builder.build(_head(world))
    assert (stopped.value.code, stopped.value.remedy) == (Exit.TOOLS, "apt-get install uuid-dev")


# ---------------------------------------------------------------- the device model


def _installed(root: Path, **headers: str) -> Path:
    """An installed libxc as far as QEMU sees it."""
    texts = {
        "xenctrl.h": '#include "xen/domctl.h"\nint xc_open(struct domctl *);\n',
        "xenstore.h": "int xs_open(void);\n",
        "xen/domctl.h": "#define XEN_DOMCTL_FLAG 1\nstruct domctl { int a; };\n",
        "xen/hvm/hvm_info_table.h": "#define HVM_INFO 1\n",
        "xen/hvm/e820.h": "\n",
        "xen/hvm/ioreq.h": "\n",
        **{k.replace("__", "/") + ".h": v for k, v in headers.items()},
    }
    for name, text in texts.items():
        path = root / "usr/include" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "usr/lib").mkdir(parents=True, exist_ok=True)
    for name, source in (("xenctrl", "xc_open"), ("xenguest", "xg"), ("xenstore", "xs_open")):
        _library(root / f"usr/lib/lib{name}.so", f"int {source}(void) {{ return 0; }}\n")
    return root


def _library(path: Path, source: str) -> None:
    argv = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(path), f"-Wl,-soname,{path.name}.1"]
    subprocess.run(argv, input=source.encode(), check=True)


def test_the_interface_is_what_qemu_can_see(tmp_path: Path) -> None:
    base = interface(_installed(tmp_path / "base"), Runner())
    same = {
        "comment": {"xenstore": "/* new */ int xs_open(void);\n\n"},
        "constant of domctl": {"xen__domctl": "#define XEN_DOMCTL_FLAG 2\nstruct domctl { int a; };\n"},
    }
    other = {
        "declaration": {"xenstore": "int xs_open(int);\n"},
        "constant": {"xen__hvm__hvm_info_table": "#define HVM_INFO 2\n"},
        "structure of domctl": {"xen__domctl": "struct domctl { long a; };\n"},
    }
    for name, change in same.items():
        assert interface(_installed(tmp_path / name.replace(" ", "-"), **change), Runner()) == base, name
    for name, change in other.items():
        assert interface(_installed(tmp_path / name.replace(" ", "-"), **change), Runner()) != base, name


def test_the_interface_knows_symbols_and_not_their_code(tmp_path: Path) -> None:
    root = _installed(tmp_path / "root")
    base = interface(root, Runner())
    library = root / "usr/lib/libxenctrl.so"
    _library(library, "int xc_open(void) { return 7; }\nstatic int inner(void) { return 1; }\nint (*p)(void);\n")
    assert interface(root, Runner()) != base, "p is new"
    _library(library, "int xc_open(void) { return 7; }\n")
    assert interface(root, Runner()) == base
    library.unlink()
    with pytest.raises(XenstageError, match="not an installed toolstack"):
        interface(root, Runner())


def test_a_device_model_that_is_there_needs_nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, cache = _installed(tmp_path / "root"), Cache(tmp_path / "cache")
    model = DeviceModel(cache, Runner(), time.monotonic)
    monkeypatch.setattr(devicemodel, "NEEDS", (Need(("/nowhere",), "meson"), Need(("/no",), "flex")))
    with pytest.raises(XenstageError) as stopped:
        model.build(root)
    assert (stopped.value.code, stopped.value.remedy) == (Exit.SKIPPED, "apt-get install meson flex")
    cache.path("toolstack", "source", "qemu_7.2", "x")
    with monkeypatch.context() as able:
        able.setattr(devicemodel, "NEEDS", ())
        able.setattr(DeviceModel, "_make", lambda _self, _tools, _source, place: place.mkdir(parents=True))
        built = model.build(root)
    assert model.build(root) == built
    with pytest.raises(XenstageError):
        model.build(_installed(tmp_path / "other", xenstore="int xs_open(int);\n"))


def test_the_ioreq_server_stays_on_to_the_domains_end() -> None:
    call = "    xen_destroy_ioreq_server(domid, state->id);\n"
    other = "static int f(void)\n{\n" + call + "}\n"
    change = (
        "static void xen_hvm_change_state_handler(void *p, bool running)\n{\n    if (running) {\n        g(p);\n    }\n"
    )
    switch = "    xen_set_ioreq_server_state(domid,\n                               running);\n}\n"
    notifier = "static void xen_exit_notifier(Notifier *n, void *data)\n{\n    int a = b(n);\n\n"
    rest = "    close(a);\n}\n"
    changed = leave_ioreq_server(other + change + switch + notifier + call + rest)
    assert changed == other + change + "    if (running) " + switch.lstrip() + notifier + "    \n" + rest
    for unknown in (other, other + change + switch + notifier + rest, notifier + call + rest + other):
        with pytest.raises(XenstageError, match="not what it was"):
            leave_ioreq_server(unknown)


@pytest.mark.skipif(
    not (os.environ.get("XENSTAGE_TREE") and os.environ.get("XENSTAGE_REAL_TOOLS")),
    reason="XENSTAGE_TREE and XENSTAGE_REAL_TOOLS are not both set: many minutes of compiling, once",
)
def test_the_real_toolstack_is_whole() -> None:
    cache, runner = Cache.default(), Runner()
    tree = open_tree(Path(os.environ["XENSTAGE_TREE"]), "HEAD", cache=cache, runner=runner)
    model = DeviceModel(cache, runner, time.monotonic)
    builder = ToolstackBuilder(tree, cache, runner, time.monotonic, device_model=model)
    try:
        place = builder.build(tree.base)
    except XenstageError as e:
        if e.code in (Exit.TOOLS, Exit.SKIPPED):
            pytest.skip(f"{e.why}: {e.remedy}")
        raise
    for path in ("boot/xen", "usr/sbin/xl", "usr/sbin/xenstored", DeviceModel.PROGRAM):
        assert (place / path).read_bytes()[:4] == b"\x7fELF", path
