"""Do the tools build?  A tree of a few files, the machine's gcc and make, no iasl needed."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.boot.treekit import Repo, fake_programs
from tests.prove.kit import case_of, sample_files
from xenstage.builds import mends, tools
from xenstage.builds.builder import Result
from xenstage.builds.mends import Need, make_tools_toolchain
from xenstage.builds.tools import ToolsBuilder, closure, concerns, untried
from xenstage.cache import Cache
from xenstage.process import Runner
from xenstage.prove.binary.builds import prove_builds
from xenstage.tree.git import Git

LIBXC = "tools/libxc/it.c"


@dataclass(frozen=True)
class World:
    """A tree, and a builder of its tools."""

    repo: Repo
    builder: ToolsBuilder


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(tools, "NEEDS", ())
    repo, runner = Repo(tmp_path / "repo"), fake_programs(tmp_path / "bin")
    git = Git(repo.path / ".git", runner)
    return World(repo, ToolsBuilder(git, Cache(tmp_path / "cache"), runner, time.monotonic, 1))


def test_a_patch_elsewhere_costs_nothing(world: World) -> None:
    base = world.builder.build("HEAD", None)
    assert (base.verdict, base.kept) == ("PASS", False), base.log.decode()
    world.repo.commit({"xen/arch/x86/hvm.c": "int other;\n", "tools/ocaml/xc.ml": "()\n"})
    again = world.builder.build("HEAD", base)
    assert (again.verdict, again.kept, again.log) == ("PASS", True, base.log)
    world.repo.commit({"xen/include/public/domctl.h": "struct a;\n"})
    assert not world.builder.build("HEAD", base).kept


def test_a_warning_of_the_patch_is_a_failure_and_of_the_base_is_not(world: World) -> None:
    world.repo.commit({"tools/libxl/it.c": "#warning old\n"})
    base = world.builder.build("HEAD", None)
    assert base.verdict == "PASS" and len(base.warnings) == 1
    world.repo.commit({LIBXC: "int a;\n#warning mine\n"})
    for kept in (False, True):
        patch = world.builder.build("HEAD", base)
        assert (patch.verdict, patch.kept) == ("FAIL", kept)
        assert "mine" in patch.reason and "1 warnings" in patch.reason
    assert world.builder.build("HEAD", patch).verdict == "PASS"


def test_what_does_not_compile_fails_with_the_compilers_words(world: World) -> None:
    world.repo.commit({LIBXC: "int a = nowhere;\n"})
    got = world.builder.build("HEAD", None)
    assert got.verdict == "FAIL" and "it.c:1:9: error:" in got.reason and got.failed == ("it",)
    assert "xenstore" not in got.log.decode().rpartition("error:")[2], "nothing is built after a failure"


def test_a_function_that_nobody_declares_is_an_error(world: World) -> None:
    """xenconsoled died of ptsname()'s pointer, cut to 32 bits."""
    world.repo.commit({LIBXC: "char *f(int a) { return ptsname(a); }\n"})
    assert "ptsname" in world.builder.build("HEAD", None).reason


def test_old_code_finds_major_and_its_own_feature_macros(world: World) -> None:
    source = "#define _GNU_SOURCE\n#include <stdio.h>\n#include <stdlib.h>\n#include <sys/types.h>\n"
    uses = "int f(dev_t d, char **s) { char *p = ptsname(1); return p ? major(d) : asprintf(s, p); }\n"
    world.repo.commit({LIBXC: source + uses})
    got = world.builder.build("HEAD", None)
    assert got.verdict == "PASS" and not [w for w in got.warnings if "redefined" in w], got.log.decode()


def test_pythons_library_need_not_be_there(world: World, tmp_path: Path) -> None:
    """configure asks for it, though nothing that is built links with it, and then links all that it tries with it."""
    cc = make_tools_toolchain(cache=Cache(tmp_path / "cache"), runner=world.builder.runner).directory / "cc"
    (tmp_path / "a b.c").write_text("int main(void) { return sizeof(A B) != 4; }\n")
    link: list[str | Path] = [
        cc,
        "-lpython3.99",
        "-DA=int",
        "-DB=",
        "-o",
        tmp_path / "a",
        tmp_path / "a b.c",
        "-lpython3.99",
    ]
    done = world.builder.runner.run(link)
    assert done.status == 0 and world.builder.runner.run([tmp_path / "a"]).status == 0, done.errors


def test_what_is_missing_is_said_with_the_line_to_type(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = (Need(("/nowhere/uuid.h",), "uuid-dev"), Need(("sh",), "dash"), Need(("no-such-iasl",), "acpica-tools"))
    monkeypatch.setattr(tools, "NEEDS", absent)
    got = world.builder.build("HEAD", None)
    assert got.verdict == "SKIP" and got.reason.endswith(": apt-get install uuid-dev acpica-tools")


def test_installed_tools_are_the_same_bytes_wherever_and_whenever(world: World, tmp_path: Path) -> None:
    world.repo.commit({LIBXC: "const char *when = __DATE__ __TIME__, *where = __FILE__;\n"})
    made = []
    for name in ("one", "two"):
        there = Cache(tmp_path / name / "cache")
        builder = ToolsBuilder(world.builder.git, there, world.builder.runner, time.monotonic, 1)
        got = builder.install("HEAD", tmp_path / name / "root")
        assert got.verdict == "PASS", got.log.decode()
        made.append((tmp_path / name / "root/usr/lib/libxenctrl.so.4").read_bytes())
        assert b"Dec  1 2014" in made[-1]
        assert not list((there.root / "build").rglob("*.c")), "the checkout is gone"
    assert made[0] == made[1]


def test_a_target_brings_what_it_stands_on() -> None:
    assert closure(["console"]) == ("include", "libxc", "xenstore", "console")
    assert closure(["hvmloader"]) == ("include", "hvmloader")


def test_which_paths_the_build_sees() -> None:
    changed = ["tools/libxl/libxl.c", "xen/include/public/xen.h", "xen/include/publicity.h", "tools/ocaml/x.ml"]
    assert concerns(changed) == changed[:2]
    assert concerns(["tools/libxl/libxl.c"], ["libxc"]) == []
    assert untried(changed) == ["tools/ocaml/x.ml"]


def test_every_file_that_no_build_has_is_named() -> None:
    others = ("tools/ocaml/x.ml", "tools/python/x.c")
    files = sample_files()
    tracked = {**files.tracked, **dict.fromkeys(others, "100644")}
    case = case_of(files, dataclasses.replace(files, tracked=tracked).with_overlay(dict.fromkeys(others, b"\n")))
    proof = prove_builds(case, {"x86_64-debug": Result("PASS", "", 1.0, "gcc", b"", "make", (), False)})
    assert proof.verdict == "SKIP" and all(o in proof.summary for o in others), proof


def test_what_the_commit_before_does_not_build_is_not_asked_of_a_patch() -> None:
    def built(verdict: str, reason: str) -> dict[str, Result]:
        return {"arm64-debug": Result(verdict, reason, 1.0, "gcc", b"", "make", (), False)}

    files = sample_files()
    case = case_of(files, files.with_overlay({"xen/common/more.c": b"int more;\n"}))
    broken, whole = built("FAIL", "undefined reference to 'x'"), built("PASS", "")
    proof = prove_builds(case, broken, before=broken)
    assert proof.verdict == "SKIP" and "does not build either: undefined reference to 'x'" in proof.summary
    assert prove_builds(case, broken, before=whole).verdict == "FAIL"
    assert prove_builds(case, whole, before=broken).verdict == "PASS"


def test_acpi_tables_get_the_name_that_the_makefiles_look_for(tmp_path: Path) -> None:
    runner = fake_programs(tmp_path / "bin")
    chain = make_tools_toolchain(cache=Cache(tmp_path / "cache"), runner=runner)
    subprocess.run([chain.directory / "iasl", "-vs", "-p", "t", "-tc", "t.asl"], cwd=tmp_path, check=True)
    assert (tmp_path / "t.hex").read_text() == "unsigned char AmlCode[] = {\n"


def test_every_mend_has_a_reason() -> None:
    assert len({m.name for m in mends.MENDS}) == len(mends.MENDS)
    assert all(len(m.reason) > 20 for m in mends.MENDS)


@pytest.mark.skipif(
    not (os.environ.get("XENSTAGE_TREE") and os.environ.get("XENSTAGE_REAL_TOOLS")),
    reason="XENSTAGE_TREE and XENSTAGE_REAL_TOOLS are not both set: two minutes of compiling",
)
def test_the_real_tools_build(tmp_path: Path) -> None:
    git = Git(Path(os.environ["XENSTAGE_TREE"]) / ".git", Runner())
    builder = ToolsBuilder(git, Cache.default(), Runner(), time.monotonic)
    got = builder.build("HEAD", None)
    if got.verdict == "SKIP":
        pytest.skip(got.reason)
    assert got.verdict == "PASS", got.reason
