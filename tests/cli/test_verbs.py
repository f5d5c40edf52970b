"""Verbs other than run and build, wrong command lines, and trees that make or the parser refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Tool
from .kit import CONFIG, HVM, ONE, PROJECT, TWO, Repo, snapshot

Factory = Callable[..., Repo]
SITES = ("sites", "--tree", "sample", "--config", CONFIG)


@pytest.mark.parametrize("name", ["99", "0", "one", "01_other", "-1", "01/../02", ""])
def test_no_such_stage(tool: Tool, tmp_path: Path, name: str) -> None:
    got = tool("run", "--tree", "sample", "--out", tmp_path / "out", "--", name)
    got.refused(2, f"there is no stage {name}", ONE, TWO, "xenstage run 01 02")
    assert not (tmp_path / "out").exists()


def test_good_stages_beside_a_wrong_one(tool: Tool, tmp_path: Path) -> None:
    tool.run("01", "99", out=tmp_path / "out").refused(2, "99")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("argv", [["fly"], ["run"], ["run", "01", "--config", "vax"], ["build"], ["sites", "--x"]])
def test_wrong_command_lines(tool: Tool, argv: list[str]) -> None:
    got = tool(*argv)
    assert got.code == 2 and "usage: xenstage" in got.err


def test_version_and_help(tool: Tool) -> None:
    assert re.fullmatch(r"xenstage \d+\.\d+\.\d+\n", tool("--version").good().out)
    text = tool("--help").good().out
    assert all(verb in text for verb in ("prepare", "sites", "explain", "run", "build"))


def test_explain_all(tool: Tool) -> None:
    lines = tool("explain").good().out.splitlines()
    folders = sorted(p.name for p in (PROJECT / "stages").glob("[0-9][0-9]_*"))
    assert [x.split()[0] for x in lines] == folders
    assert "4 patches" in lines[0] and "2 patches" in lines[1] and "6 patches" in lines[5]


@pytest.mark.parametrize("name", ["01", "1", ONE])
def test_explain_one(tool: Tool, name: str) -> None:
    text = tool("explain", name).good().out
    assert "1/4 x86/hvm: fold the two HVM hypercall tables into one" in text
    assert text.count("a guest sees: no difference") == 4
    assert "pvh_hypercall64_table" in text


def test_explain_says_what_stays(tool: Tool) -> None:
    assert "keeps every use of is_pv_domain" in tool("explain", "02").good().out


def test_sites_table_adds_up(tool: Tool) -> None:
    lines = tool(*SITES).good().out.strip().split("\n")
    gap = lines.index("")
    total = re.match(r"(\d+) textual uses = (.*); \d+ units in", lines[-1])
    assert total is not None
    parts = [int(p.split()[0]) for p in total.group(2).split(", ")]
    assert int(total.group(1)) == sum(parts) == gap
    header = lines[gap + 1].split()
    assert header[:2] == ["name", "uses"]
    table = [row.split() for row in lines[gap + 2 : -1]]
    assert sum(int(row[1]) for row in table) == gap
    for row in table:
        uses, rest = int(row[1]), [int(n) for n in row[3:6]]
        assert uses == sum(rest), f"{row}: tests, definitions and prose"


def test_sites_json_adds_up(tool: Tool) -> None:
    value = json.loads(tool(*SITES, "--json").good().out)
    coverage, sites = value["coverage"], value["sites"]
    assert sum(coverage["classes"].values()) == coverage["textual"] == len(sites)
    assert len({(s["path"], s["offset"]) for s in sites}) == len(sites)
    for site in sites:
        data = (PROJECT / "tests/sample/tree" / site["path"]).read_bytes()
        assert data[site["offset"] :].startswith(site["name"].encode())
        assert site["line"] == data.count(b"\n", 0, site["offset"]) + 1


def test_sites_finds_what_a_search_finds(tool: Tool) -> None:
    value = json.loads(tool(*SITES, "--json", "is_pvh_vcpu", "guest_type").good().out)
    found = {(s["path"], s["offset"]) for s in value["sites"]}
    wanted = set()
    top = PROJECT / "tests/sample/tree"
    for path in top.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix not in (".o", ".d", ".s"):
            for m in re.finditer(rb"\b(is_pvh_vcpu|guest_type)\b", path.read_bytes()):
                wanted.add((path.relative_to(top).as_posix(), m.start()))
    assert found == wanted


def test_sites_of_an_unknown_name(tool: Tool) -> None:
    assert "0 textual uses" in tool(*SITES, "no_such_name_anywhere").good().out


def test_prepare(tool: Tool) -> None:
    for _ in range(2):
        name, units, word, root = tool("prepare", "--tree", "sample", "--config", CONFIG).good().out.split()
        assert (name, word) == (CONFIG, "units") and int(units) > 10
        assert (Path(root) / HVM).exists()


def test_syntax_error(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo = xen_like_repo()
    repo.edit(HVM, "hv->hcall_preempted = 0;", "hv->hcall_preempted = 0")
    repo.commit()
    before = snapshot(repo.path)
    tool.run("01", tree=repo.path, out=tmp_path / "out").refused(7, HVM)
    assert snapshot(repo.path) == before and not (tmp_path / "out").exists()


def test_header_missing(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo = xen_like_repo()
    repo.edit(HVM, "#include <xen/lib.h>", "#include <xen/library.h>\n#include <xen/lib.h>")
    repo.commit()
    tool.run("01", tree=repo.path, out=tmp_path / "out").refused(7, HVM, "xen/library.h")
    assert not (tmp_path / "out").exists()


def test_make_fails(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo = xen_like_repo()
    repo.append("xen/arch/x86/Makefile", "\n$(error the moon is full)\n")
    repo.commit()
    before = snapshot(repo.path)
    for _ in range(2):
        got = tool.run("01", tree=repo.path, out=tmp_path / "out")
        got.refused(3, "stops before the final link", CONFIG, "the moon is full")
        log = re.search(r"the whole output: (\S+)", got.err)
        assert log is not None and "the moon is full" in Path(log.group(1)).read_text()
    assert snapshot(repo.path) == before and not (tmp_path / "out").exists()
