"""Versions of a series: beside each other, what is new said, nothing that left the house changed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from xenstage.cli import common, run
from xenstage.mail.overlay import place_of_overlay
from xenstage.series.deliver import seal
from xenstage.stage.declare import Stage, load_stages
from xenstage.stage.view import View

from .conftest import Tool
from .kit import HVM, ONE, PROJECT, TWO, evidence, numbered, shell, snapshot

ACK = "Acked-by: Jo Viewer <jo@example.org>"


@pytest.fixture
def respin(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the second patch of stage 01 do one thing more from now on, as after a review."""
    known = load_stages(PROJECT / "stages")
    one = next(s for s in known.values() if s.label == ONE)

    def also(view: View) -> None:
        one.patches[1].rewrite(view)
        text = view.read(HVM).decode()
        start = text.index("/*")
        region = view.region(HVM, start, start + 2, "/*")
        view.replace(region, "/* As asked for in review. */\n/*", rule="say more", reason="a reviewer asked")

    def change() -> None:
        patches = (one.patches[0], replace(one.patches[1], rewrite=also), *one.patches[2:])
        changed: dict[int, Stage] = {**known, one.number: replace(one, patches=patches)}
        for module in (run, common):
            monkeypatch.setattr(module, "stages", lambda: changed)

    return change


def mails(out: Path, version: int, label: str = ONE) -> list[str]:
    """The texts of a version, the cover letter first."""
    return [p.read_text() for p in sorted((out / label / f"v{version}").glob("[0-9]*.patch"))]


def ids(out: Path, version: int) -> list[str]:
    """What git patch-id says of each patch."""
    found = []
    for text in mails(out, version)[1:]:
        said = subprocess.run(["git", "patch-id", "--stable"], input=text.encode(), capture_output=True, check=True)
        found.append(said.stdout.decode().split()[0])
    return found


def v2(tool: Tool, out: Path, *more: str) -> None:
    """Write version 2 of stage 01."""
    tool("run", "01", "--tree", "sample", "--config", "x86_64-debug", "--out", out, "-v2", *more).good()


def test_the_second_version_stands_beside_the_first(tool: Tool, tmp_path: Path, respin: Callable[[], None]) -> None:
    out = tmp_path / "out"
    tool.run("01", out=out).good()
    before = snapshot(out / ONE / "v1")
    respin()
    v2(tool, out)
    assert snapshot(out / ONE / "v1") == before
    cover, *patches = mails(out, 2)
    assert [re.search(r"^Subject: (\[.*?\])", t, re.M).group(1) for t in (cover, *patches)] == [  # type: ignore[union-attr]
        f"[PATCH v2 {n}/4]" for n in range(5)
    ]
    assert "Changes in v2:\n- 2/4: xen/arch/x86/hvm/hvm.c: 1 changed line new, 0 no longer there\n" in cover
    assert "as in v1: 1/4, 3/4, 4/4" in " ".join(cover.split())
    assert "Range-diff against v1:\n1:" in cover and "+/* As asked for in review. */" in cover
    head, _, rest = patches[1].partition("\n---\n")
    assert "Changes in v2" not in head and rest.startswith("Changes in v2:\n- xen/arch/x86/hvm/hvm.c: 1 changed line")
    assert not any("Changes in" in p for p in (patches[0], patches[2], patches[3]))


def test_branches_of_our_own_name_both(tool: Tool, tmp_path: Path, warm: Path, respin: Callable[[], None]) -> None:
    out = tmp_path / "out"
    tool.run("01", out=out).good()
    respin()
    v2(tool, out)
    (repo,) = [p for p in (warm / "xenstage/trees").glob("*/repo.git") if p.parent.name in mails(out, 1)[0]]
    said = [
        subprocess.run(
            ["git", "-C", repo, "rev-parse", f"xenstage/{ONE}/v{n}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for n in (1, 2)
    ]
    tips = [mails(out, n)[-1].split()[1] for n in (1, 2)]
    assert said == tips and tips[0] != tips[1]


def test_the_same_again_touches_nothing(tool: Tool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tool.run("01", out=out).good()
    stamps = {p: p.stat().st_mtime_ns for p in (out / ONE).rglob("*")}
    tool.run("01", out=out).good()
    assert {p: p.stat().st_mtime_ns for p in (out / ONE).rglob("*")} == stamps


def test_a_version_that_has_a_successor_keeps_its_mails(tool: Tool, tmp_path: Path, respin: Callable[[], None]) -> None:
    out = tmp_path / "out"
    tool.run("01", out=out).good()
    v2(tool, out)
    before = snapshot(out)
    respin()
    argv = ("run", "01", "--tree", "sample", "--config", "x86_64-debug", "--out", out, "-v1")
    tool(*argv).refused(6, "v2 says what changed since v1", "-v3")
    assert snapshot(out) == before


def test_no_version_is_left_out(tool: Tool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    argv = ("run", "01", "--tree", "sample", "--config", "x86_64-debug", "--out", out)
    tool(*argv, "-v2").refused(2, "no v2", "xenstage run 01 -v1")
    tool(*argv).good()
    tool(*argv, "-v3").refused(2, "no v3", "the last one", "-v2")


def test_words_and_tags_go_on_where_the_diff_is_the_same(
    tool: Tool, tmp_path: Path, respin: Callable[[], None]
) -> None:
    out = tmp_path / "out"
    tool.run("01", out=out).good()
    keys = ids(out, 1)
    words = place_of_overlay(out, ONE, 1)
    words.write_text(
        "# mine\n[cover]\nNote:\n    Thanks to all.\n\n"
        f"[patch {keys[0]}] first\nSubject: x86/hvm: one table for both widths\nBody:\n    Why, in my words.\n\n"
        f"    A second paragraph.\n{ACK}\nCc: Sam Body <sam@example.org>\nNote:\n    Not for the history.\n"
        f"[patch {keys[1]}] x86/hvm: choose memory_op and vcpu_op by guest type\n{ACK}\n"
    )
    mine = words.read_bytes()
    tool.run("01", out=out).good()
    assert words.read_bytes() == mine
    cover, first, second, *_ = mails(out, 1)
    assert "Thanks to all." in cover and "x86/hvm: one table for both widths" in cover
    message, _, rest = first.partition("\n---\n")
    assert message.endswith(f"\n\nWhy, in my words.\n\nA second paragraph.\n\n{ACK}")
    assert rest.startswith("Not for the history.\n\n xen/") or rest.startswith("Not for the history.\n\n docs/")
    assert ACK in second.partition("\n---\n")[0]
    assert "Sam Body <sam@example.org>" in tool("cc-cmd", numbered(out, ONE)[0]).good().out
    respin()
    got = tool("run", "01", "--tree", "sample", "--config", "x86_64-debug", "--out", out, "-v2").good()
    assert f"{ACK}: the patch's diff is another now" in got.err
    _, first, second, *_ = mails(out, 2)
    assert ACK in first.partition("\n---\n")[0] and "Why, in my words." in first
    assert ACK not in second.partition("\n---\n")[0] and f"- without {ACK}" in second
    assert "for the diff is another" not in second
    assert keys[0] in place_of_overlay(out, ONE, 2).read_text()
    assert keys[1] not in place_of_overlay(out, ONE, 2).read_text()


def test_a_signoff_does_not_go_on_to_another_diff(tool: Tool, tmp_path: Path, respin: Callable[[], None]) -> None:
    out = tmp_path / "out"
    tool("run", "01", "--tree", "sample", "--config", "x86_64-debug", "--out", out, "--signoff").good()
    respin()
    got = tool("run", "01", "--tree", "sample", "--config", "x86_64-debug", "--out", out, "-v2").good()
    assert [t.count("\nSigned-off-by: ") for t in mails(out, 2)] == [0, 1, 0, 1, 1]
    assert "no sign-off for 'x86/hvm: choose" in got.err


def test_the_first_version_is_made_again_for_another_cache(
    tool: Tool, tmp_path: Path, respin: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The range-diff needs the commits of v1: they come of its mails, with the same hashes."""
    out = tmp_path / "out"
    tool("run", "01", "02", "--tree", "sample", "--config", "x86_64-debug", "--out", out, "--signoff").good()
    argv = ("run", "02", "--tree", "sample", "--config", "x86_64-debug", "-v2", "--out")
    shutil.copytree(out, tmp_path / "elsewhere")
    tool(*argv, out).good()
    shell(*argv, str(tmp_path / "elsewhere"), cache=tmp_path / "cold").good()
    assert mails(tmp_path / "elsewhere", 2, TWO) == mails(out, 2, TWO)


def test_what_an_earlier_version_of_the_tool_wrote_is_replaced(tool: Tool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tool.run("01", out=out).good()
    before = snapshot(out)
    page = out / ONE / "v1/evidence.json"
    value = json.loads(page.read_bytes())
    keys = ("version", "changes", "change_id", "recipients")
    old = {k: v for k, v in value.items() if k not in keys}
    more = ("patch_id", "parent_tree", "signoff", "tags", "proved", "notes", "changes", "recipients")
    old["patches"] = [{k: v for k, v in p.items() if k not in more} for p in value["patches"]]
    page.write_text(json.dumps(old))
    seal(page.parent)
    argv = ("run", "01", "--tree", "sample", "--config", "x86_64-debug", "--out", out)
    tool(*argv, "-v2").refused(2, "what changed since v1", "xenstage run 01 -v1")
    tool(*argv).good()
    assert snapshot(out) == before


def test_a_section_for_each_patch_to_begin_with(tool: Tool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tool("overlay", "01", "--out", out).refused(2, "there is no v1", "xenstage run 01")
    tool.run("01", out=out).good()
    path = Path(tool("overlay", "01", "--out", out).good().out.strip())
    assert [k for k in ids(out, 1) if f"\n[patch {k}] x86/hvm: " in path.read_text()] == ids(out, 1)
    before = path.read_text().replace("[patch", f"{ACK}\n[patch", 2).replace(f"{ACK}\n", "", 1)
    path.write_text(before)
    tool("overlay", "01", "--out", out).good()
    assert path.read_text() == before
    tool.run("01", out=out).good()
    assert [t.count(ACK) for t in mails(out, 1)] == [0, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Acked-by: A <a@example.org>\n", ":1 "),
        ("[patch 12]\n", ":1 "),
        ("[cover]\nAcked-by: A <a@example.org>\n", ":2 "),
        ("[cover]\nNote:\n    fine\n    ---\n", ":4 "),
        ("[cover]\nNote:\n    diff --git a/x b/x\n", ":3 "),
        ("[cover]\nCc: nobody\n", ":2 "),
        ("[cover]\nNote:\n    x\n[cover]\n", ":4 "),
    ],
)
def test_an_overlay_that_cannot_be_read_stops_everything(tool: Tool, tmp_path: Path, text: str, words: str) -> None:
    out = tmp_path / "out"
    tool.run("01", out=out).good()
    before = snapshot(out / ONE / "v1")
    place_of_overlay(out, ONE, 1).write_text(text)
    tool.run("01", out=out).refused(2, f"overlay-v1.txt{words}")
    assert snapshot(out / ONE / "v1") == before


def test_a_later_series_stands_on_the_earlier_one_as_it_is_told(tool: Tool, tmp_path: Path) -> None:
    """Made one after the other or together: what stands below the second is what the first one's mails make."""
    out, both = tmp_path / "out", tmp_path / "both"
    argv = ("--tree", "sample", "--config", "x86_64-debug", "--signoff", "--out")
    tool("run", "01", *argv, out).good()
    tool("run", "02", *argv, out).good()
    tool("run", "01", "02", *argv, both).good()
    assert snapshot(out) == snapshot(both)
    assert evidence(out, TWO)["parent"] == evidence(out, ONE)["patches"][-1]["commit"]
