"""Trees that mails cannot carry, repositories that git cannot read whole: stopped, with words that are true."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Tool
from .kit import CONFIG, HVM, ONE, TWO, Repo, apply, evidence, numbered, patches, shell, snapshot, tree_of

Factory = Callable[..., Repo]
DOCUMENT = "docs/misc/pvh.markdown"


def crlf(repo: Repo, *paths: str) -> None:
    """Give files CR LF ends of lines, as they are kept."""
    for path in paths:
        file = repo.path / path
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))


def test_sources_with_cr_lf_are_refused_by_name(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo = xen_like_repo()
    crlf(repo, HVM)
    repo.commit()
    before = snapshot(repo.path)
    got = tool.run("01", "02", tree=repo.path, out=tmp_path / "out")
    got.refused(3, f"{HVM}: has lines that end with CR LF", "--base COMMIT")
    assert snapshot(repo.path) == before and not (tmp_path / "out").exists()


def test_a_document_with_cr_lf_is_refused_by_name(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    """No rule of style holds for it: git am is what says no."""
    repo = xen_like_repo()
    crlf(repo, DOCUMENT)
    repo.commit()
    got = tool.run("01", "02", tree=repo.path, out=tmp_path / "out")
    got.refused(3, f"{DOCUMENT}: has lines that end with CR LF", "--base COMMIT")
    assert not (tmp_path / "out").exists()


def test_cr_lf_where_no_patch_goes_is_no_matter(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo = xen_like_repo()
    crlf(repo, "README", "MAINTAINERS")
    base = repo.commit()
    tool.run("01", "02", tree=repo.path, out=tmp_path / "out").good()
    clone = apply(repo.path, base, tmp_path / "clone", *[numbered(tmp_path / "out", x) for x in (ONE, TWO)])
    assert tree_of(clone) == evidence(tmp_path / "out", TWO)["patches"][-1]["tree"]


ATTRIBUTES = {
    "text": "* text eol=crlf ident whitespace=-trailing-space,cr-at-eol merge=ours export-ignore export-subst\n",
    "no diff": "* -diff\n",
    "driver": "*.c diff=python filter=lfs\n",
    "macro": "[attr]theirs -diff -text\n*.c theirs\n",
    "encoding": "xen/arch/x86/hvm/hvm.c text working-tree-encoding=UTF-16LE\n",
}


@pytest.mark.parametrize("rows", ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_attributes_of_the_tree(tool: Tool, tmp_path: Path, xen_like_repo: Factory, reference: Path, rows: str) -> None:
    """The mails are the same, and git am makes of them on a clean clone what the stages made."""
    repo = xen_like_repo()
    (repo.path / ".gitattributes").write_text(rows)
    repo.git("add", ".gitattributes")
    repo.git("commit", "-q", "-m", "Attributes")
    out = tmp_path / "out"
    tool.run("01", tree=repo.path, out=out).good()
    diffs = [[p.read_bytes().split(b"\ndiff --git")[1:] for p in numbered(x, ONE)] for x in (out, reference)]
    assert [[d.split(b"\n-- \n")[0] for d in p] for p in diffs[0]] == [
        [d.split(b"\n-- \n")[0] for d in p] for p in diffs[1]
    ]
    clone = apply(repo.path, repo.head, tmp_path / "clone", numbered(out, ONE))
    assert tree_of(clone) == evidence(out, ONE)["patches"][-1]["tree"]


def test_a_file_that_is_not_kept_as_its_attribute_says(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    """An expanded $Id$ in a file that has the attribute ident: every clone has other bytes than the commit."""
    repo = xen_like_repo()
    repo.edit(HVM, "*/", "$Id: 0123456789012345678901234567890123456789 $ */")
    repo.commit()
    (repo.path / ".gitattributes").write_text("*.c ident\n")
    # As by a program that knows no attributes: the bytes in the commit stay.
    blob = repo.git("hash-object", "-w", ".gitattributes")
    repo.git("update-index", "--add", "--cacheinfo", "100644", blob, ".gitattributes")
    repo.git("commit", "-q", "-m", "Attributes")
    got = tool.run("01", tree=repo.path, out=tmp_path / "out")
    if got.code:
        got.refused(3, HVM, "ident", "--base COMMIT")
        assert not (tmp_path / "out").exists()
    else:
        clone = apply(repo.path, repo.head, tmp_path / "clone", numbered(tmp_path / "out", ONE))
        assert tree_of(clone) == evidence(tmp_path / "out", ONE)["patches"][-1]["tree"]


def test_a_replaced_commit_is_read_as_itself(
    tool: Tool, tmp_path: Path, xen_like_repo: Factory, reference: Path
) -> None:
    repo = xen_like_repo()
    base = repo.head
    repo.append(HVM, "int broken = ;\n")
    other = repo.commit()
    repo.git("reset", "-q", "--hard", base)
    repo.git("replace", base, other)
    tool.run("01", tree=repo.path, out=tmp_path / "out").good()
    assert patches(tmp_path / "out" / ONE) == patches(reference / ONE)


def test_a_clone_that_borrows_objects(tool: Tool, tmp_path: Path, xen_like_repo: Factory, reference: Path) -> None:
    repo = xen_like_repo("lender")
    repo.git("clone", "-q", "--shared", str(repo.path), str(tmp_path / "borrower"))
    tool.run("01", tree=tmp_path / "borrower", out=tmp_path / "out").good()
    assert patches(tmp_path / "out" / ONE) == patches(reference / ONE)


def test_borrowed_objects_that_are_gone_are_named(tmp_path: Path, xen_like_repo: Factory) -> None:
    repo = xen_like_repo("lender")
    repo.git("clone", "-q", "--shared", str(repo.path), str(tmp_path / "borrower"))
    repo.path.rename(tmp_path / "elsewhere")
    argv = ("run", "01", "--tree", str(tmp_path / "borrower"), "--config", CONFIG, "--out", str(tmp_path / "out"))
    got = shell(*argv, cache=tmp_path / "cache")
    got.refused(3, "borrows objects", "objects/info/alternates", str(tmp_path / "lender"))
    assert "unknown base" not in got.err and "fsck" not in got.err


def test_a_partial_clone_fetches_nothing_by_surprise(tmp_path: Path, xen_like_repo: Factory) -> None:
    repo = xen_like_repo("full")
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("config", "uploadpack.allowAnySHA1InWant", "true")
    partial = tmp_path / "partial"
    repo.git("clone", "-q", "--filter=blob:none", "--no-checkout", repo.path.as_uri(), str(partial))
    before = snapshot(partial)
    argv = ("run", "01", "--tree", str(partial), "--config", CONFIG, "--out", str(tmp_path / "out"))
    got = shell(*argv, cache=tmp_path / "cache").refused(3, "partial", "fetch --refetch --no-filter")
    assert snapshot(partial) == before
    line = next(r for r in got.err.splitlines() if "--refetch" in r).partition("next: ")[2]
    subprocess.run(shlex.split(line), check=True, capture_output=True)
    shell(*argv, cache=tmp_path / "cache").good()


def test_a_damaged_object_of_the_users(tmp_path: Path, xen_like_repo: Factory) -> None:
    repo = xen_like_repo()
    blob = repo.git("rev-parse", f"HEAD:{HVM}")
    file = repo.path / ".git/objects" / blob[:2] / blob[2:]
    file.chmod(0o644)
    file.write_bytes(b"nonsense")
    argv = ("run", "01", "--tree", str(repo.path), "--config", CONFIG, "--out", str(tmp_path / "out"))
    shell(*argv, cache=tmp_path / "cache").refused(3, "cannot be read", blob[:10], "fsck")


@pytest.mark.parametrize("base", ["HEAD~3", "v1.0", "0123456"])
def test_the_remedy_for_a_shallow_clone_can_be_typed(
    tool: Tool, tmp_path: Path, xen_like_repo: Factory, base: str
) -> None:
    full = xen_like_repo("full")
    full.git("tag", "v1.0")
    for number in range(4):
        full.append("README", f"\nMore {number}.\n")
        full.commit()
    shallow = tmp_path / "shallow"
    full.git("clone", "-q", "--depth", "1", "--no-tags", full.path.as_uri(), str(shallow))
    got = tool.run("01", tree=shallow, base=base, out=tmp_path / "out").refused(3, "shallow", base)
    line = next(r for r in got.err.splitlines() if "next: " in r).partition("next: ")[2]
    subprocess.run(shlex.split(line), check=True, capture_output=True)
    if base == "0123456":
        tool.run("01", tree=shallow, base=base, out=tmp_path / "out").refused(3, "unknown base commit")
    else:
        tool.run("01", tree=shallow, base=base, out=tmp_path / "out").good()


def test_a_shallow_clone_without_a_remote(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    full = xen_like_repo("full")
    full.append("README", "\nMore.\n")
    full.commit()
    shallow = tmp_path / "shallow"
    full.git("clone", "-q", "--depth", "1", full.path.as_uri(), str(shallow))
    subprocess.run(["git", "-C", shallow, "remote", "remove", "origin"], check=True)
    got = tool.run("01", tree=shallow, base="HEAD~1", out=tmp_path / "out")
    got.refused(3, "shallow", "has no remote")
    assert "git -C" not in got.err


def test_a_repository_of_another_user_is_called_that(tmp_path: Path, xen_like_repo: Factory) -> None:
    if os.getuid():
        pytest.skip("only root can give a file away")
    repo = xen_like_repo()
    for place in [repo.path, *repo.path.rglob("*")]:
        os.lchown(place, 12345, 12345)
    argv = ("run", "01", "--tree", str(repo.path), "--config", CONFIG, "--out", str(tmp_path / "out"))
    home = {"HOME": str(tmp_path / "home")}
    (tmp_path / "home").mkdir()
    got = shell(*argv, cache=tmp_path / "cache", more=home)
    got.refused(3, "another user's", f"safe.directory '{repo.path}'")
    line = next(r for r in got.err.splitlines() if "next: " in r).partition("next: ")[2]
    theirs = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    subprocess.run(shlex.split(line), check=True, env={**theirs, "HOME": home["HOME"]})
    shell(*argv, cache=tmp_path / "cache", more=home).good()


def test_a_repository_of_sha_256(tool: Tool, tmp_path: Path, xen_like_repo: Factory) -> None:
    repo = xen_like_repo()
    shutil.rmtree(repo.path / ".git")
    repo.git("init", "-q", "-b", "main", "--object-format=sha256")
    repo.commit("A tree")
    assert len(repo.head) == 64
    tool.run("01", "02", tree=repo.path, out=tmp_path / "out").good()
    clone = tmp_path / "clone"
    repo.git("clone", "-q", str(repo.path), str(clone))
    Repo(clone).git("am", "-q", *[str(p) for x in (ONE, TWO) for p in numbered(tmp_path / "out", x)])
    assert Repo(clone).git("rev-parse", "HEAD^{tree}") == evidence(tmp_path / "out", TWO)["patches"][-1]["tree"]


def test_the_git_directory_of_a_checkout_is_a_tree_too(
    tool: Tool, tmp_path: Path, xen_like_repo: Factory, reference: Path
) -> None:
    repo = xen_like_repo()
    tool.run("01", tree=repo.path / ".git", out=tmp_path / "out").good()
    assert patches(tmp_path / "out" / ONE) == patches(reference / ONE)
    tool.run("01", tree=repo.path / ".git/refs", out=tmp_path / "out2").refused(3, "lies inside the repository")


@pytest.mark.parametrize("name", ["...", "<>", "a\nb"])
def test_a_name_that_git_cannot_use(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("GIT_AUTHOR_NAME", name)
    tool.run("01", out=tmp_path / "out").refused(5, "your name")


def test_a_configuration_that_git_cannot_read(tmp_path: Path, warm: Path) -> None:
    (tmp_path / ".gitconfig").write_text("[core\n")
    argv = ("run", "01", "--tree", "sample", "--config", CONFIG, "--out", str(tmp_path / "out"))
    alone = {"HOME": str(tmp_path), "GIT_AUTHOR_NAME": None}
    got = shell(*argv, cache=warm, more=alone)
    assert got.code in (3, 5)
    got.refused(got.code, "bad config line 1", str(tmp_path / ".gitconfig"))
