"""git is started in one place, with nothing of the caller's; what our repositories hold is what we wrote."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from xenstage.process import Runner
from xenstage.tree.git import Git, Identity
from xenstage.tree.isolation import NO_REPOSITORY, READ_ONLY, run_alone, run_on_users, settle

PROJECT = Path(__file__).resolve().parent.parent.parent
PLACE = "xenstage/tree/isolation.py"
STARTS = {"xenstage/process.py", "xenstage/boot/machine/emulator.py", "ci/bench.py"}
"""Where programs are started at all; the second starts emulators, the third spatch and itself."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Every Python file of the tool, its stages and its scripts."""
    for top in ("xenstage", "stages", "ci"):
        for path in sorted((PROJECT / top).rglob("*.py")):
            yield path.relative_to(PROJECT).as_posix(), ast.parse(path.read_text())


def starts_git(tree: ast.Module) -> list[int]:
    """Lines of argument lists that begin with git, and of shell text that calls it."""
    rows = []
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple) and node.elts:
            first = node.elts[0]
            if isinstance(first, ast.Constant) and str(first.value).rpartition("/")[2] in ("git", "env"):
                rows.append(node.lineno)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _CALLS:
            for arg in [*node.args, *(k.value for k in node.keywords)]:
                if isinstance(arg, ast.Constant) and str(arg.value).split(" ")[0].rpartition("/")[2] == "git":
                    rows.append(node.lineno)
    return rows


_CALLS = {"run", "Popen", "call", "check_call", "check_output", "system", "popen"}


def starts_programs(tree: ast.Module) -> list[int]:
    """Lines that reach for another way to start a program."""
    ways = {"subprocess", "pty", "posix_spawn", "posix_spawnp", "popen", "system", "create_subprocess_exec"}
    ways |= {f"{verb}{end}" for verb in ("exec", "spawn") for end in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")}
    rows = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names) if {n.name for n in names} & ways:
                rows.append(node.lineno)
            case ast.ImportFrom(module=module, names=names) if module in ways or {n.name for n in names} & ways:
                rows.append(node.lineno)
            case ast.Attribute(attr=attr) if attr in ways:
                rows.append(node.lineno)
    return rows


def names_variables(tree: ast.Module) -> list[int]:
    """Lines with the name of a variable of git's."""
    rows = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _VARIABLE.fullmatch(node.value):
            rows.append(node.lineno)
        if isinstance(node, ast.keyword) and _VARIABLE.fullmatch(node.arg or ""):
            rows.append(node.value.lineno)
    return rows


_VARIABLE = re.compile(r"GIT_[A-Z_]*")


def test_git_is_started_in_one_place() -> None:
    found = {name: rows for name, tree in sources() if name != PLACE and (rows := starts_git(tree))}
    assert found == {}
    assert starts_git(ast.parse((PROJECT / PLACE).read_text())), "the look finds what there is"


def test_programs_are_started_in_known_places() -> None:
    assert {name for name, tree in sources() if starts_programs(tree)} == STARTS


def test_the_variables_of_git_are_named_in_one_place() -> None:
    found = {name: rows for name, tree in sources() if name != PLACE and (rows := names_variables(tree))}
    assert set(found) == {"xenstage/process.py"}, found  # the prefix, to leave all of them out


@pytest.mark.parametrize(
    "text",
    ['run(["git", "init"])', 'run(("/usr/bin/git", where))', 'run("git status")', 'x = ["git"]', 'run(["env", "git"])'],
)
def test_the_look_sees_other_ways(text: str) -> None:
    assert starts_git(ast.parse(text))


def test_no_program_sees_a_variable_of_git_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "GIT_TRACE", "GIT_NOT_KNOWN_TO_ANYBODY", "GIT_CONFIG_PARAMETERS"):
        monkeypatch.setenv(name, "/tmp/theirs")
    seen = Runner().with_env(GIT_OURS="1").run(["env"]).text
    assert [row for row in seen.splitlines() if row.startswith("GIT_")] == ["GIT_OURS=1"]


def test_a_script_of_the_tree_finds_no_repository(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    done = Runner().with_env(**NO_REPOSITORY).run(["git", "rev-parse", "--git-dir"], cwd=tmp_path)
    assert done.status == 128 and "not a git repository" in done.errors


@pytest.mark.parametrize("command", ["init", "commit", "config", "fetch", "gc", "update-ref", "stash", "checkout"])
def test_the_users_repository_takes_no_other_command(command: str, tmp_path: Path) -> None:
    assert command == "config" or command not in READ_ONLY
    with pytest.raises(ValueError, match="not for the user's repository"):
        run_on_users(Runner(), tmp_path, [command, "user.name", "x"])


def fill(repo: Path) -> tuple[Git, str]:
    """A repository of ours with one commit."""
    settle(repo)
    git = Git(repo, Runner())
    blob = git.need("hash-object", "-w", "--stdin", stdin=b"one\ntwo\n").decode().strip()
    tree = git.need("mktree", stdin=f"100644 blob {blob}\ta.c\n".encode()).decode().strip()
    return git, git.commit_tree(tree, None, "A commit\n", author=Identity("A", "a@example.org"), date=1)


def test_what_was_put_into_our_repository_is_gone_when_it_is_opened(tmp_path: Path) -> None:
    repo = tmp_path / "own.git"
    fill(repo)
    before = {p.relative_to(repo): p.read_bytes() for p in repo.rglob("*") if p.is_file()}
    (repo / "config").write_text("[core]\n\tbare = true\n[diff]\n\tnoprefix = true\n")
    (repo / "info/attributes").write_text("*.c -diff\n")
    (repo / "info/grafts").write_text("x\n")
    (repo / "objects/info/alternates").write_text("/nowhere\n")
    (repo / "commondir").write_text("/nowhere\n")
    (repo / "config.worktree").write_text("[diff]\n\tnoprefix = true\n")
    (repo / "hooks").mkdir()
    (repo / "hooks/reference-transaction").write_text("#!/bin/sh\nexit 1\n")
    (repo / "HEAD").unlink()
    (repo / "HEAD").mkdir()
    (repo / "packed-refs").symlink_to("/nowhere")
    settle(repo)
    assert {p.relative_to(repo): p.read_bytes() for p in repo.rglob("*") if p.is_file()} == before


def test_a_damaged_object_is_written_again(tmp_path: Path) -> None:
    git, commit = fill(tmp_path / "own.git")
    assert git.sound(commit)
    blob = git.need("rev-parse", f"{commit}:a.c").decode().strip()
    other = git.need("hash-object", "-w", "--stdin", stdin=b"evil\n").decode().strip()
    one, two = (git.repo / "objects" / h[:2] / h[2:] for h in (blob, other))
    one.unlink()
    one.write_bytes(two.read_bytes())  # a sound object, under another's name
    assert git.read(commit, "a.c") == b"evil\n", "git itself believes it"
    assert not git.sound(commit)
    fill(git.repo)
    assert git.sound(commit) and git.read(commit, "a.c") == b"one\ntwo\n"


def test_attributes_of_a_tree_change_no_byte_of_ours(tmp_path: Path) -> None:
    git, _ = fill(tmp_path / "own.git")
    rows = ""
    files = {".gitattributes": b"*.c text eol=crlf ident -diff\n", "a.c": b"/* $Id$ */\n", "b.c": b"a\r\n"}
    for name, data in files.items():
        rows += f"100644 blob {git.need('hash-object', '-w', '--stdin', stdin=data).decode().strip()}\t{name}\n"
    tree = git.need("mktree", stdin=rows.encode()).decode().strip()
    commit = git.commit_tree(tree, None, "Attributes\n", author=Identity("A", "a@example.org"), date=1)
    work, index = tmp_path / "work", tmp_path / "index"
    git.checkout(commit, work, index)
    assert (work / "a.c").read_bytes() == b"/* $Id$ */\n" and (work / "b.c").read_bytes() == b"a\r\n"
    assert git.differs(commit, work, index) == []
    (work / "b.c").write_bytes(b"b\r\n")
    assert git.differs(commit, work, index) == ["b.c"]


def test_a_repository_of_the_other_hash(tmp_path: Path) -> None:
    settle(tmp_path / "own.git", sha256=True)
    made = run_alone(Runner(), tmp_path / "own.git", ["hash-object", "-w", "--stdin"], stdin=b"x")
    assert made.status == 0 and len(made.text.strip()) == 64
