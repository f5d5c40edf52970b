"""A series' whole way against a server of our own: sent, answered, sent again; git am and b4 give the tree."""

from __future__ import annotations

import json
import mailbox
import re
from collections.abc import Callable
from dataclasses import replace
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from xenstage.cli import common, export, run
from xenstage.mail.overlay import place_of_overlay
from xenstage.series.export import as_mbox
from xenstage.series.versions import read_version
from xenstage.stage.declare import Patch, Stage, load_stages
from xenstage.stage.view import View

from .conftest import Tool
from .kit import HVM, ONE, PROJECT, TWO, Repo, snapshot
from .post import Sink, applied, applied_by_b4, b4, clone_of, command, git, send, sink, tree_and_messages

__all__ = ["sink"]
Factory = Callable[..., Repo]
ACK = "Acked-by: Hannah Hyper <hannah@example.org>"
CONFIG = ("--config", "x86_64-debug")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of this module's own: what is exported in it stays."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(autouse=True)
def own_cache(user: None, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use it; lines that the tool prints call it as tests do."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared))
    monkeypatch.setattr(export, "called", command)


def use(monkeypatch: pytest.MonkeyPatch, changed: dict[int, Stage]) -> None:
    """Let the verbs have these stages."""
    for module in (run, common, export):
        monkeypatch.setattr(module, "stages", lambda: changed)


def written() -> dict[int, Stage]:
    """The stages as they are."""
    return load_stages(PROJECT / "stages")


def remark(path: str, words: str) -> Callable[[View], None]:
    """A rewrite that puts a remark at the top of a file."""

    def rewrite(view: View) -> None:
        text = view.read(path).decode()
        at = text.index("/*")
        view.replace(view.region(path, at, at + 2, "/*"), f"/* {words} */\n/*", rule="remark", reason="asked for")

    return rewrite


def respun() -> dict[int, Stage]:
    """Stage 01 with one patch that does one thing more."""
    known = written()
    one = next(s for s in known.values() if s.label == ONE)
    old = one.patches[1].rewrite

    def both(view: View) -> None:
        old(view)
        remark(HVM, "As asked for in review.")(view)

    return {**known, 1: replace(one, patches=(one.patches[0], replace(one.patches[1], rewrite=both), *one.patches[2:]))}


def trees(out: Path, label: str, version: int) -> list[str]:
    """The trees of the evidence."""
    value = evidence_of(out, label, version)
    return [p["tree"] for p in value["patches"]]


def evidence_of(out: Path, label: str, version: int) -> dict[str, Any]:
    """A version's evidence."""
    value: dict[str, Any] = json.loads((out / label / f"v{version}/evidence.json").read_bytes())
    return value


def exported(tool: Tool, stage: str, out: Path, *more: str | Path, tree: Path) -> str:
    """The line to type that export prints."""
    got = tool("export", stage, "--out", out, "--tree", tree, "--anyway", *more).good()
    return next((x.strip() for x in got.out.splitlines() if "git send-email" in x), got.out)


def test_sent_answered_and_sent_again(
    tool: Tool, tmp_path: Path, shared: Path, sink: Sink, xen_like_repo: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo, out, home = xen_like_repo(), tmp_path / "out", tmp_path / "home"
    tool("run", "01", "--tree", repo.path, *CONFIG, "--out", out, "--signoff").good()
    send(exported(tool, "01", out, tree=repo.path), sink, home, shared)
    assert len(sink.mails) == 5
    for recipients, data in sink.mails:
        wanted = {"xen-devel@example.org", "hannah@example.org", "ann@example.org"}
        assert wanted - {"ann@example.org"} <= set(recipients) <= wanted, data[:300]
    cover, *rest = sink.messages()
    assert {m["In-Reply-To"] for m in rest} == {cover["Message-ID"]}
    box = sink.mbox(tmp_path / "v1.mbox")
    last = trees(out, ONE, 1)[-1]
    tree, messages = applied(repo.path, repo.head, box, tmp_path / "am1", home)
    assert tree == last
    assert applied_by_b4(repo.path, repo.head, box, cover["Message-ID"], tmp_path / "b41", home)[0] == last
    assert all("Signed-off-by: Ann Author <ann@example.org>" in m for m in messages)

    answers = [_answer(m, ACK, "Hannah Hyper <hannah@example.org>") for m in rest[:2]]
    box = sink.mbox(tmp_path / "answered.mbox", *answers)
    got = tool("import", box, "--out", out).good()
    assert got.out.count(ACK) == 2 and "xenstage run 01 -v2" in got.out
    use(monkeypatch, respun())
    got = tool("run", "01", "--tree", repo.path, *CONFIG, "--out", out, "-v2", "--signoff").good()
    assert f"{ACK}: the patch's diff is another now" in got.err
    sink.mails.clear()
    send(exported(tool, "01", out, tree=repo.path), sink, home, shared)
    cover, _, changed, *_ = sink.messages()
    assert f"for the diff is another:\n  {ACK}" in str(changed.get_payload()).partition("\n---\n")[2]
    text = str(cover.get_payload())
    assert cover["Subject"].startswith("[PATCH v2 0/4]") and "Range-diff against v1:" in text
    box = sink.mbox(tmp_path / "v2.mbox")
    tree, messages = applied(repo.path, repo.head, box, tmp_path / "am2", home)
    assert tree == trees(out, ONE, 2)[-1] != last
    assert [ACK in m for m in messages] == [True, False, False, False]
    got_b4 = applied_by_b4(repo.path, repo.head, box, cover["Message-ID"], tmp_path / "b42", home)
    assert got_b4[0] == tree and [ACK in m for m in got_b4[1]] == [True, False, False, False]


def _answer(to: Message, line: str, sender: str, more: str = "") -> bytes:
    """An answer to a mail."""
    quoted = "".join(f"> {x}\n" for x in str(to.get_payload()).split("\n")[:6])
    head = (
        f"From: {sender}\nSubject: Re: {' '.join(to['Subject'].split())}\nMessage-ID: <re-{hash(to['Message-ID'])}@x>\n"
    )
    return f"{head}In-Reply-To: {to['Message-ID']}\n\n> {line}\n{quoted}\nFine.\n\n{line}\n{more}\n".encode()


def test_what_left_the_house_is_not_touched(
    tool: Tool, tmp_path: Path, xen_like_repo: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo, out = xen_like_repo(), tmp_path / "out"
    run02 = ("run", "02", "--tree", repo.path, *CONFIG, "--out", out)
    tool(*run02).good()
    before = snapshot(out)
    tool("export", "02", "--out", out, "--tree", repo.path).refused(1, "not ready", "--anyway")
    assert snapshot(out) == before
    exported(tool, "02", out, tree=repo.path)
    before = snapshot(out)
    tool(*run02).good()
    assert snapshot(out) == before
    tool(*run02, "--signoff").refused(6, "v1 was exported", "xenstage run 02 -v2")
    assert snapshot(out) == before
    tool(*run02[:-1], tmp_path / "other", "--signoff").good()
    tool("export", "02", "--out", tmp_path / "other", "--tree", repo.path, "--anyway").refused(
        6, "another v1", "xenstage run 02 -v2"
    )


def test_a_thread_with_our_mails_shows_that_they_were_sent(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    """Whoever sends the files without export is known by the first import."""
    repo, out = xen_like_repo(), tmp_path / "out"
    run02 = ("run", "02", "--tree", repo.path, *CONFIG, "--out", out)
    tool(*run02).good()
    version = read_version(out, TWO, 1)
    assert version is not None
    box = tmp_path / "thread.mbox"
    box.write_bytes(as_mbox(version))
    tool("import", box, "--out", out).good()
    tool(*run02, "--signoff").refused(6, "v1 was exported")
    tool("import", box, "--out", tmp_path).refused(2, "about no series")


def test_preflight_names_what_is_missing(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo, out = xen_like_repo(), tmp_path / "out"
    tool("run", "01", "02", "--tree", repo.path, *CONFIG, "--out", out).good()
    key = evidence_of(out, TWO, 1)["patches"][0]["patch_id"]
    place_of_overlay(out, TWO, 1).write_text(
        f"[patch {key}]\n{ACK}\n[patch {'1' * 40}]\nReviewed-by: X <x@example.org>\n"
    )
    got = tool("export", "02", "--out", out, "--tree", repo.path)
    got.refused(1, "not ready")
    rows = [x for x in got.out.splitlines() if x.startswith("missing: ")]
    for words in ("no Signed-off-by", "not proved", "01_merge_hcall_tables/v1, which was not exported"):
        assert any(words in r for r in rows), got.out
    assert any("Reviewed-by: X <x@example.org>: fits no patch" in r for r in rows), got.out
    assert any("not in the mails yet" in r for r in rows), got.out
    tool("export", "01", "02", "--out", out).refused(2, "one series a send")
    told = json.loads(tool("export", "02", "--out", out, "--tree", repo.path, "--json").out)
    assert [f"missing: {m}" for m in told["missing"]] == rows


def test_what_many_patches_lack_is_one_line(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo, out = xen_like_repo(), tmp_path / "out"
    tool("run", "01", "--tree", repo.path, *CONFIG, "--out", out).good()
    got = tool("export", "01", "--out", out, "--tree", repo.path)
    rows = [x for x in got.out.splitlines() if x.startswith("missing: ")]
    assert len(rows) == 2 and all(x.startswith("missing: 1-4: ") for x in rows), rows
    assert "2 things" in got.err


def test_what_is_printed_can_be_typed(
    tool: Tool, tmp_path: Path, xen_like_repo: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the tool was called, with the tree and output that were used, and the base where HEAD is another."""
    repo, out = xen_like_repo(), tmp_path / "out"
    monkeypatch.setenv("XENSTAGE_COMMAND", "ci/xenstage.sh")
    tool("run", "02", "--tree", repo.path, *CONFIG, "--out", out).good()
    export_ = ("export", "02", "--out", out, "--tree", repo.path)
    got = tool(*export_)
    assert f"not proved: ci/xenstage.sh verify 02 --tree {repo.path} --out {out}\n" in got.out
    tail = f"--tree {repo.path} --out {out}"
    got = tool(*export_, "--anyway").good()
    last = f"when answers come: ci/xenstage.sh import MBOX --out {out}, then ci/xenstage.sh run 02 -v2 {tail}"
    assert got.out.splitlines()[-1] == last
    base = repo.head
    repo.append("README", "More.\n")
    repo.commit("README: more")
    told = json.loads(tool(*export_, "--anyway", "--json").good().out)
    assert told["next"] == f"ci/xenstage.sh run 02 -v2 --tree {repo.path} --base {base} --out {out}"


def test_answers_to_what_is_out_stop_no_proof_of_it(
    tool: Tool, tmp_path: Path, xen_like_repo: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words that a version left with stay its own; what comes later is for the next one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # this v1 is another than that of the other tests
    repo, out = xen_like_repo(), tmp_path / "out"
    options = ("02", "--tree", repo.path, *CONFIG, "--out", out)
    tool("run", *options).good()
    keys = [p["patch_id"] for p in evidence_of(out, TWO, 1)["patches"]]
    words = place_of_overlay(out, TWO, 1)
    words.write_text(f"[patch {keys[0]}]\nReviewed-by: X <x@example.org>\n")
    tool("verify", *options, "--build-config", "none", "--only", "form")
    exported(tool, "02", out, tree=repo.path)
    before = {p.name: p.read_bytes() for p in (out / TWO / "v1").glob("*.patch")}
    with words.open("a") as more:
        more.write(f"[patch {keys[1]}]\n{ACK}\n")
    got = tool("verify", *options, "--build-config", "none", "--only", "abi")
    assert got.code == 0 and "abi" in evidence_of(out, TWO, 1)["patches"][1]["proofs"], got.err
    assert "overlay-v1.txt" in got.err and "for the next version" in got.err
    assert {p.name: p.read_bytes() for p in (out / TWO / "v1").glob("*.patch")} == before
    assert ACK not in "".join(map(str, before.values()))
    tool("run", *options, "-v2").good()
    second = sorted((out / TWO / "v2").glob("0002-*"))[0].read_text()
    assert ACK in second


def test_a_clone_without_the_base_is_not_the_one(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo, out = xen_like_repo(), tmp_path / "out"
    stranger = clone_of(repo.path, repo.head, tmp_path / "stranger", tmp_path / "home")
    repo.append("README", "More.\n")
    repo.commit("README: more")
    tool("run", "02", "--tree", repo.path, *CONFIG, "--out", out).good()
    got = tool("export", "02", "--out", out, "--tree", stranger, "--anyway")
    got.refused(3, "base", f"xenstage export 02 --tree DIR --out {out}")


def test_words_for_mails_that_are_out_are_for_the_next(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo, out = xen_like_repo(), tmp_path / "out"
    run02 = ("run", "02", "--tree", repo.path, *CONFIG, "--out", out)
    tool(*run02).good()
    exported(tool, "02", out, tree=repo.path)
    key = evidence_of(out, TWO, 1)["patches"][0]["patch_id"]
    place_of_overlay(out, TWO, 1).write_text(f"[patch {key}]\n{ACK}\n")
    got = tool("export", "02", "--out", out, "--tree", repo.path)
    assert "not in the mails of v1, which are out: xenstage run 02 -v2" in got.out, got.out
    tool(*run02, "-v2").good()
    assert "then xenstage run 02 -v3 " in exported(
        tool, "02", out, "-v1", "--mbox", tmp_path / "v1.mbox", tree=repo.path
    )


def test_what_the_verbs_tell_is_there_as_data(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    """What is said of an export, of answers, of the file for words and of recipients, in one shape each."""

    def data(*argv: str | Path) -> Any:
        return json.loads(tool(*argv, "--json").good().out)

    repo, out = xen_like_repo(), tmp_path / "out"
    (made,) = data("run", "02", "--tree", repo.path, *CONFIG, "--out", out)
    words = data("overlay", "02", "--out", out)
    assert (words["version"], words["added"]) == (1, len(made["patches"])) and Path(words["overlay"]).is_file()
    told = data("export", "02", "--out", out, "--tree", repo.path, "--anyway", "--mbox", tmp_path / "mbox")
    assert told["missing"] and told["type"] == [f"git am --empty=drop {tmp_path / 'mbox'}"]
    assert (told["stage"], told["version"]) == (TWO, 1) and told["next"].startswith("xenstage run 02 -v2 --tree ")
    mails = [m for m in mailbox.mbox(tmp_path / "mbox") if "[PATCH 1/" in m["Subject"]]
    box = tmp_path / "answers.mbox"
    box.write_bytes(b"From x Thu Jan  1 00:00:00 1970\n" + _answer(mails[0], ACK, "Hannah Hyper <hannah@example.org>"))
    (taken,) = data("import", box, "--out", out)
    assert [(t["version"], t["tag"], t["fits"]) for t in taken["tags"]] == [(1, ACK, True)] and taken["left"] == []
    first = sorted((out / TWO / "v1").glob("0001-*"))[0]
    assert set(data("cc-cmd", first)) == {"to", "cc"}


def test_b4_takes_over(tool: Tool, tmp_path: Path, xen_like_repo: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The branch is new, all else in the repository as it was; b4 sends v1 and v2 (dry) as we would."""
    repo, out, home = xen_like_repo(), tmp_path / "out", tmp_path / "home"
    user = clone_of(repo.path, repo.head, tmp_path / "user", home)
    run01 = ("run", "01", "--tree", repo.path, *CONFIG, "--out", out, "--signoff")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tool(*run01).good()
    before = (git(user, "status", "--porcelain", "--branch", home=home), git(user, "show-ref", home=home))
    index = (user / ".git/index").read_bytes()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("GIT_CONFIG_GLOBAL")
    words = exported(tool, "01", out, "--b4", user, tree=repo.path)
    branch = re.search(r"^branch: (\S+) in", words, re.M)
    assert branch is not None
    assert (user / ".git/index").read_bytes() == index
    assert git(user, "status", "--porcelain", "--branch", home=home) == before[0]
    refs = set(git(user, "show-ref", home=home).split("\n"))
    assert refs > set(before[1].split("\n")) and len(refs - set(before[1].split("\n"))) == 1
    assert any(r.endswith(f" refs/heads/{branch[1]}") for r in refs)
    tool("export", "01", "--out", out, "--tree", repo.path, "--b4", user, "--anyway").refused(6, branch[1])
    mails = _sent_by_b4(user, branch[1], tmp_path / "b4-v1", home)
    assert len(mails) == 5 and "[PATCH 0/4]" in mails[0]
    place_of_overlay(out, ONE, 1).write_text(
        f"[patch {evidence_of(out, ONE, 1)['patches'][0]['patch_id']}]\n{ACK}\nNote:\n    Mine.\n"
    )
    use(monkeypatch, respun())
    tool(*run01, "-v2").good()
    words = exported(tool, "01", out, "--b4", user, tree=repo.path)
    branch = re.search(r"^branch: (\S+) in", words, re.M)
    assert branch is not None
    info = _info(user, branch[1], home)
    assert info["revision"] == "2" and info["change-id"] == evidence_of(out, ONE, 1)["change_id"]
    cover, *patches = _sent_by_b4(user, branch[1], tmp_path / "b4-v2", home)
    head = cover.partition("\n\n")[0]
    assert "[PATCH v2 0/4]" in head
    assert "To: xen-devel@example.org" in head and "Cc: Hannah Hyper <hannah@example.org>" in head
    assert "\n- 2/4: xen/arch/x86/hvm/hvm.c: 1 changed line new" in cover and "Range-diff against v1:\n1:" in cover
    assert [ACK in p for p in patches] == [True, False, False, False]
    message, _, below = patches[1].partition("\n---\n")
    assert "Changes in v2:" not in message and below.startswith(
        "Changes in v2:\n- xen/arch/x86/hvm/hvm.c: 1 changed line"
    )
    assert "\n\nMine.\n" in patches[0].partition("\n---\n")[2]
    assert "git switch b4/xenstage-01-merge-hcall-tables-v2 && b4 send --no-sign --dry-run " in words
    git(user, "config", "user.signingkey", "0123456789ABCDEF", home=home)
    again = ("export", "02", "--out", out, "--tree", repo.path, "--anyway", "--b4", user)
    tool("run", "02", "--tree", repo.path, *CONFIG, "--out", out).good()
    assert "&& b4 send --dry-run " in tool(*again).good().out
    clone = clone_of(repo.path, repo.head, tmp_path / "clone", home)
    git(clone, "am", "-q", *sorted((tmp_path / "b4-v2").glob("*"))[1:], home=home)
    assert tree_and_messages(clone, repo.head, home)[0] == trees(out, ONE, 2)[-1]


def _sent_by_b4(user: Path, branch: str, place: Path, home: Path) -> list[str]:
    """The mails that b4 would send from a branch."""
    work = place.with_name(f"{place.name}-work")
    git(user, "worktree", "add", "-q", work, branch, home=home)
    b4("send", "--no-sign", "-o", place, home=home, cwd=work)
    return [p.read_text() for p in sorted(place.iterdir())]


def _info(user: Path, branch: str, home: Path) -> dict[str, str]:
    said = b4("prep", "--show-info", branch, home=home, cwd=user)
    return {k: v.strip() for k, _, v in (line.partition(":") for line in said.splitlines())}


def fifty() -> dict[int, Stage]:
    """A stage of fifty patches."""
    patches = tuple(
        Patch(
            subject=f"x86/hvm: add remark number {n}",
            body=f"Somebody wanted remark {n}.",
            rewrite=remark(HVM, f"Remark {n}."),
        )
        for n in range(1, 51)
    )
    return {70: Stage(70, "fifty", "x86/hvm: fifty remarks", "Many remarks.", patches)}


def test_fifty_patches(
    tool: Tool, tmp_path: Path, shared: Path, sink: Sink, xen_like_repo: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo, out, home = xen_like_repo(), tmp_path / "out", tmp_path / "home"
    use(monkeypatch, fifty())
    tool("run", "70", "--tree", repo.path, *CONFIG, "--out", out, "--signoff").good()
    box = tmp_path / "fifty.mbox"
    exported(tool, "70", out, "--mbox", box, tree=repo.path)
    last = trees(out, "70_fifty", 1)[-1]
    assert applied(repo.path, repo.head, box, tmp_path / "am0", home)[0] == last
    before = box.read_bytes()
    exported(tool, "70", out, "--mbox", box, tree=repo.path)
    assert box.read_bytes() == before
    box.write_text("mine")
    again = ("export", "70", "--out", out, "--tree", repo.path, "--anyway", "--mbox")
    tool(*again, box).refused(6, "another file")
    tool(*again, box / "x.mbox").refused(6, "cannot write", "--mbox FILE")
    assert box.read_text() == "mine"
    send(exported(tool, "70", out, tree=repo.path), sink, home, shared)
    assert len(sink.mails) == 51
    cover = sink.messages()[0]
    got = sink.mbox(tmp_path / "received.mbox")
    tree, messages = applied(repo.path, repo.head, got, tmp_path / "am", home)
    assert tree == last and len(messages) == 50
    assert applied_by_b4(repo.path, repo.head, got, cover["Message-ID"], tmp_path / "b4", home)[0] == last
