"""Stage 01 and 02 executed: the sample's dispatch code is compiled before and after each
patch and called for every guest type, mode and number; nothing may differ."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from xenstage.bundle import bundled
from xenstage.cache import Cache
from xenstage.cli.common import stages
from xenstage.cli.sample import sample_tree
from xenstage.process import Runner
from xenstage.series.make import Series, Workshop, make_series
from xenstage.tree.config import BY_NAME
from xenstage.tree.git import Identity
from xenstage.tree.prepare import Prepared, prepare
from xenstage.tree.source import Tree, open_tree

HVM = "xen/arch/x86/hvm/hvm.c"
HARNESS = Path(__file__).with_name("dispatch.c")
CURRENT = "#define ASM_X86_CURRENT_H\nextern struct vcpu *harness_current;\n#define current harness_current\n"
STUB = """
long {name}(unsigned long a, unsigned long b) {{
    sprintf(reached + strlen(reached), "[{name} %lx]", a); (void)b; return {value};
}}
"""
HANDLERS = ("do_", "compat_", "paging_")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tree, Prepared, list[Series]]:
    """Both series on the sample tree."""
    cache, runner = Cache(tmp_path_factory.mktemp("cache") / "xenstage"), Runner()
    sample, commit = sample_tree(bundled("sample"), cache=cache, runner=runner)
    tree = open_tree(sample, commit, cache=cache, runner=runner)
    prepared = prepare(tree, BY_NAME["x86_64-release"], cache=cache, runner=runner)
    shop = Workshop(tree, [prepared], cache, Identity("A", "a@example.org"))
    known = stages()
    return tree, prepared, make_series(shop, [known[1], known[2]])


def run_dispatch(tree: Tree, prepared: Prepared, commit: str, work: Path, flag: bool, patch: str = "") -> list[str]:
    """What the dispatch of a commit does, a line per call.

    :param flag: whether PVH is a flag in this commit.
    :param patch: "old=>new" put into hvm.c first, to see a breakage.
    """
    shutil.copytree(prepared.root, work, symlinks=True)
    for path in tree.git.files(commit):
        if path.endswith((".c", ".h")):
            (work / path).write_bytes(tree.git.read(commit, path))
    if patch:
        old, new = patch.split("=>")
        text = (work / HVM).read_text()
        assert text.count(old) == 1, f"{text.count(old)} times: {old}"
        (work / HVM).write_text(text.replace(old, new))
    unit = next(u for u in prepared.units if u.source == HVM)
    flags = [
        a.replace(str(prepared.root), str(work))
        for a in unit.args
        if a not in ("-c", "-o", "-MMD") and not a.endswith((".c", ".o"))
    ]
    flags = [a for i, a in enumerate(flags) if a != "-MF" and flags[i - 1] != "-MF"]
    (work / "current.h").write_text(CURRENT)
    cwd = work / unit.cwd
    gcc = ["gcc", *flags, "-w", "-include", str(work / "current.h"), "-DPVH_IS_A_FLAG" if flag else "-UPVH_IS_A_FLAG"]
    for source, target in ((work / HVM, "hvm.o"), (HARNESS, "harness.o")):
        subprocess.run([*gcc, "-fcf-protection=none", "-c", source, "-o", work / target], cwd=cwd, check=True)
    missing = subprocess.run(["nm", "-u", work / "hvm.o"], capture_output=True, text=True, check=True).stdout.split()
    names = sorted({n for n in missing if n not in ("U", "harness_current", "memset", "memcpy")})
    stubs = "#include <stdio.h>\n#include <string.h>\nchar reached[4096];\n"
    stubs += "".join(STUB.format(name=n, value="0x1122334455667788l" if n.startswith(HANDLERS) else "0") for n in names)
    (work / "stubs.c").write_text(stubs)
    subprocess.run(["gcc", "-w", "-fno-builtin", "-c", work / "stubs.c", "-o", work / "stubs.o"], check=True)
    objects = [str(work / o) for o in ("hvm.o", "harness.o", "stubs.o")]
    subprocess.run(["gcc", "-static", *objects, "-o", work / "dispatch"], check=True)
    ran = subprocess.run(
        [work / "dispatch"], capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"}
    )
    return ran.stdout.splitlines()


def handlers(lines: list[str]) -> Counter[str]:
    """Distinct numbers that reach a handler, by guest and mode."""
    return Counter(" ".join(k) for k in {tuple(x.split()[:3]) for x in lines if "[" in x} for k in [k[:2]])


def test_no_guest_can_tell_a_patch_from_its_parent(made: tuple[Tree, Prepared, list[Series]], tmp_path: Path) -> None:
    tree, prepared, series = made
    base = run_dispatch(tree, prepared, tree.base, tmp_path / "base", False)
    # Of the 15 rows of each table one is hvm_op, which hvm.c itself holds: it is no stub.
    assert handlers(base) == {"hvm 64": 14, "hvm 32": 14, "pvh 64": 14}
    commits = [m.commit for s in series for m in s.made]
    for number, commit in enumerate(commits):
        flag = number == len(commits) - 1
        after = run_dispatch(tree, prepared, commit, tmp_path / str(number), flag)
        assert after == base, f"patch {number + 1}"


CUT = "    unsigned long cmd, XEN_GUEST_HANDLE_PARAM(void) arg)\n{\n    return is_pvh"
MMUEXT = "HCALL(mmuext_op, do_mmuext_op, NULL, HCALL_PVH)"
COMPAT = "regs->eax = hvm_hypercall_table[eax].compat"
BREAKAGES = {
    "PVH's memory_op command is cut to an int": f"{CUT}=>{CUT.replace('unsigned long', 'int')}",
    "HVM reaches mmuext_op": f"{MMUEXT}=>{MMUEXT.replace('HCALL_PVH', 'HCALL_HVM | HCALL_PVH')}",
    "PVH gets HVM's memory_op": "is_pvh_vcpu(current) ? do_memory_op(cmd, arg)=>0 ? do_memory_op(cmd, arg)",
    "the polarity of a choice flips": "is_pvh_vcpu(current) ? do_vcpu_op=>!is_pvh_vcpu(current) ? do_vcpu_op",
    "an errno in the whole register": "regs->_eax = -ENOSYS=>regs->eax = -ENOSYS",
    "native for compat": f"{COMPAT}=>{COMPAT.replace('compat', 'native')}",
    "a PVH row lost": "HCALL(platform_op, do_platform_op, NULL, HCALL_PVH),=>",
    "the guests swapped": "? HCALL_PVH : HCALL_HVM=>? HCALL_HVM : HCALL_PVH",
}


@pytest.mark.parametrize("what", BREAKAGES)
def test_a_breakage_is_seen(made: tuple[Tree, Prepared, list[Series]], tmp_path: Path, what: str) -> None:
    tree, prepared, series = made
    tip = series[0].tip
    good = run_dispatch(tree, prepared, tip, tmp_path / "good", False)
    try:
        bad = run_dispatch(tree, prepared, tip, tmp_path / "bad", False, BREAKAGES[what])
    except subprocess.CalledProcessError as e:
        assert e.returncode < 0, "it must compile; a crash at run time is seen as well"
        return
    assert bad != good
