"""git: variables, settings, attributes, hooks and templates of the user's, and a cache somebody edited.

The tree is the bundled sample, named from within a repository of the user's, or a clone of xen.git that
they work in.  Each trial is a run of both stages, warm, with what earlier runs left in the cache, and cold:
without the cache's repositories, so that the sample or the base is read anew; the prepared configuration
is kept and checked.  Those that a checkout or make could feel have an empty cache.  What a cold run left,
the warm run of the next trial finds.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from .kit import Answer, Ground, Trial
from .settings import SETTINGS, install
from .variables import ALL, VARIABLES, variables
from .world import World, make_world

QUICK_VARIABLES = (ALL,)
QUICK_SETTINGS = ("attributes: eol=crlf", ALL)


def trials(ground: Ground) -> Iterator[Trial]:
    """Each is a run of both stages; mails, and the user's repository, are held to a run without it."""
    yield from _on(ground, None)
    if ground.tree is not None:
        yield from _on(ground, ground.tree)


def _on(ground: Ground, tree: Path | None) -> Iterator[Trial]:
    name = "sample" if tree is None else "xen"
    world = make_world(ground.root / name, tree)
    if ground.warm is not None:
        world.begin_with(ground.warm)
    wanted = world.reference()
    for label in [*VARIABLES, ALL] if ground.full else QUICK_VARIABLES:
        given = variables(world, label)
        if ground.full:
            yield Trial(f"variables, warm, {name}", label, _run(world, wanted, given))
        yield Trial(f"variables, cold, {name}", label, _cold(world, wanted, given))
    for label in SETTINGS if ground.full else QUICK_SETTINGS:
        if ground.full:
            yield Trial(f"settings, warm, {name}", label, _set(world, label, _run(world, wanted)))
        yield Trial(f"settings, cold, {name}", label, _set(world, label, _cold(world, wanted, {})))
    if ground.full:
        yield from _empty(world, name, wanted)
    yield Trial(f"afterwards, {name}", "nothing", _run(world, wanted))
    for label, spoil in _SPOILT.items():
        if ground.full or label == "attributes":
            yield Trial(f"the cache's repository, {name}", label, _spoil(world, wanted, spoil))
    if tree is None:
        for label, act in _INSIDE.items():
            if ground.full or label == "commit in a linked work tree":
                yield Trial(f"inside git, cold, {name}", label, _inside(ground, label, act))


def _empty(world: World, name: str, wanted: Mapping[str, bytes]) -> Iterator[Trial]:
    """Trials that begin with an empty cache; on a clone of xen.git one, since preparing takes a minute."""
    group = f"empty cache, {name}"
    both = _cold(world, wanted, variables(world, ALL), empty=True)
    yield Trial(group, "all variables and settings", _set(world, ALL, both))
    if name == "sample":
        for label in ("GIT_DIR and GIT_INDEX_FILE", "GIT_DIR, GIT_WORK_TREE", "GIT_CONFIG_PARAMETERS"):
            yield Trial(group, label, _cold(world, wanted, variables(world, label), empty=True))
        for label in ("core.autocrlf", "core.eol", *(s for s in SETTINGS if s.startswith(("attributes", "template")))):
            yield Trial(group, label, _set(world, label, _cold(world, wanted, {}, empty=True)))


def _run(world: World, wanted: Mapping[str, bytes], env: Mapping[str, str] | None = None) -> Callable[[], Answer]:
    return lambda: world.tried(wanted, env)


def _cold(
    world: World, wanted: Mapping[str, bytes], env: Mapping[str, str], *, empty: bool = False
) -> Callable[[], Answer]:
    """Run with a cold cache.

    :param empty: without anything in it; otherwise without repositories.
    """

    def run() -> Answer:
        world.forget(everything=empty)
        return world.tried(wanted, env)

    return run


def _set(world: World, label: str, run: Callable[[], Answer]) -> Callable[[], Answer]:
    """Run with a setting of the user's."""

    def with_it() -> Answer:
        before = world.place / "before"
        shutil.copytree(world.home, before)
        undo = install(world, label)
        try:
            return run()
        finally:
            undo()
            shutil.rmtree(world.home)
            before.rename(world.home)

    return with_it


def _spoil(world: World, wanted: Mapping[str, bytes], spoil: Callable[[World, Path], None]) -> Callable[[], Answer]:
    def run() -> Answer:
        for repo in [*world.cache.glob("xenstage/trees/*/repo.git"), *world.cache.glob("xenstage/sample/repo.git")]:
            spoil(world, repo)
        return world.tried(wanted)

    return run


def _config(_: World, repo: Path) -> None:
    with (repo / "config").open("a") as f:
        f.write("[diff]\n\tnoprefix = true\n\tcontext = 0\n[core]\n\tabbrev = 40\n\tautocrlf = true\n")
        f.write("[format]\n\tattach = x\n\tsignOff = true")


def _attributes(_: World, repo: Path) -> None:
    (repo / "info").mkdir(exist_ok=True)
    (repo / "info/attributes").write_text("*.c -diff ident eol=crlf\n*.h -diff\n")


def _hooks(_: World, repo: Path) -> None:
    (repo / "hooks").mkdir(exist_ok=True)
    hook = repo / "hooks/reference-transaction"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)


def _alternates(world: World, repo: Path) -> None:
    (repo / "objects/info").mkdir(exist_ok=True)
    (repo / "objects/info/alternates").write_text(f"{world.place}/nowhere\n")


def _moved(_: World, repo: Path) -> None:
    (repo / "commondir").write_text("/nowhere\n")
    (repo / "HEAD").write_text("nonsense\n")


def _object(_: World, repo: Path) -> None:
    """Another object's bytes under an object's name; a flipped byte in a pack."""
    loose = sorted(repo.glob("objects/[0-9a-f][0-9a-f]/*"))
    for one, two in zip(loose[::2], loose[1::2], strict=False):
        data = two.read_bytes()
        one.unlink()
        one.write_bytes(data)
    for pack in repo.glob("objects/pack/*.pack"):
        raw = bytearray(pack.read_bytes())
        raw[len(raw) // 2] ^= 0xFF
        pack.chmod(0o644)
        pack.write_bytes(raw)


def _branch(world: World, repo: Path) -> None:
    """A commit of somebody else's where the sample's is."""
    other = world.git("--git-dir", str(repo), "hash-object", "-t", "tree", "-w", "/dev/null").strip()
    made = world.git("--git-dir", str(repo), "commit-tree", other, "-m", "x").strip()
    (repo / "refs/heads").mkdir(parents=True, exist_ok=True)
    (repo / "refs/heads/main").write_text(f"{made}\n")


_SPOILT: dict[str, Callable[[World, Path], None]] = {
    "config": _config,
    "attributes": _attributes,
    "hooks": _hooks,
    "alternates": _alternates,
    "HEAD and commondir": _moved,
    "objects": _object,
    "the sample's branch": _branch,
}


def _inside(ground: Ground, label: str, act: Callable[[World, str], None]) -> Callable[[], Answer]:
    """The verb called by git itself; the repository must be as when git calls ``true`` there."""

    def run() -> Answer:
        seen = []
        for part in ("without", "with"):
            place = ground.root / f"inside-{label.replace(' ', '-')}-{part}"
            world = make_world(place, None)
            verb = " ".join(["PYTHONPATH=$PROJECT", "$PYTHON", "-m", "xenstage", *world.argv(place / "out", "01")])
            act(world, verb if part == "with" else "true")
            log = world.git("log", "--all", "--format=%H %s")
            linked = world.git("status", "--porcelain", where=place / "linked")
            seen.append((log, world.git("status", "--porcelain"), world.git("stash", "list"), linked))
            made = len(list((place / "out").rglob("*.patch")))
            shutil.rmtree(place)
        if seen[0] != seen[1]:
            return Answer(False, "the user's repository is another than without it")
        return Answer(made > 0, "same bytes" if made else "no series was written")

    return run


def _commit(world: World, verb: str) -> None:
    world.hook(world.repo / ".git/hooks/pre-commit", verb)
    world.git("commit", "-q", "-m", "The user's", env=world.tools())


def _commit_linked(world: World, verb: str) -> None:
    linked = world.place / "linked"
    world.git("reset", "-q", "--hard", where=linked)
    (linked / "README").write_text("the user's\n")
    world.hook(world.repo / ".git/hooks/pre-commit", verb)
    world.git("commit", "-q", "-a", "-m", "The user's", where=linked, env=world.tools())


def _rebase(world: World, verb: str) -> None:
    world.git("stash", "-q")
    world.git("commit", "-q", "--allow-empty", "-m", "One")
    world.git("rebase", "-q", "--keep-empty", "-x", verb, "HEAD~1", env=world.tools())


def _alias(world: World, verb: str) -> None:
    world.git("-c", f"alias.series=!{verb}", "-c", "core.autocrlf=true", "series", env=world.tools())


_INSIDE: dict[str, Callable[[World, str], None]] = {
    "commit in a linked work tree": _commit_linked,
    "commit": _commit,
    "rebase -x": _rebase,
    "alias": _alias,
}
