"""Settings of the user's: configuration, attributes, ignore files, templates, hooks; and of their repository's own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from .world import World

_GLOBAL = {
    "core.autocrlf": "core.autocrlf=true|core.safecrlf=true",
    "core.eol": "core.eol=crlf",
    "core.attributesFile": "core.attributesFile={hostile}/attributes",
    "core.excludesFile": "core.excludesFile={hostile}/ignore",
    "core.hooksPath": "core.hooksPath={hostile}/hooks",
    "core.fsmonitor": "core.fsmonitor={hostile}/hooks/pre-commit|core.untrackedCache=true|core.splitIndex=true",
    "core.abbrev": "core.abbrev=40|core.quotePath=false|core.bigFileThreshold=1",
    "core.sparseCheckout": "core.sparseCheckout=true|core.symlinks=false|core.fileMode=false|core.ignoreCase=true",
    "core.worktree and bare": "core.bare=true|core.logAllRefUpdates=always|core.sharedRepository=world",
    "diff.algorithm": "diff.algorithm=patience|diff.indentHeuristic=false",
    "diff.noprefix": "diff.noprefix=true",
    "diff.mnemonicPrefix": "diff.mnemonicPrefix=true|diff.srcPrefix=x/",
    "diff.context": "diff.context=0|diff.interHunkContext=9",
    "diff.renames": "diff.renames=copies|diff.renameLimit=1|diff.orderFile={hostile}/order",
    "diff.external": "diff.external=false|diff.suppressBlankEmpty=true|diff.statGraphWidth=3",
    "color": "color.ui=always|color.diff=always|pager.log=false|core.pager=false",
    "format": "format.attach=x|format.signOff=true|format.thread=deep|format.subjectPrefix=RFC|"
    "format.coverLetter=false|format.numbered=false|format.suffix=.txt|format.notes=true|"
    'format.from=Other <o@example.org>|format.headers="X: y\\n"|'
    "format.outputDirectory={hostile}|format.signature=other",
    "log": "log.showSignature=true|log.date=iso|log.follow=true|log.mailmap=true|mailmap.file={hostile}/mailmap",
    "signing": "commit.gpgSign=true|tag.gpgSign=true|gpg.program=false|gpg.format=ssh",
    "i18n": "i18n.commitEncoding=latin1|i18n.logOutputEncoding=UTF-16",
    "am and apply": "am.threeWay=true|am.keepcr=true|apply.whitespace=fix|apply.ignoreWhitespace=change|"
    "mailinfo.scissors=true|mailinfo.quotedCr=error",
    "fetch and transfer": "fetch.fsckObjects=true|fetch.prune=true|transfer.hideRefs=refs|transfer.unpackLimit=1|"
    "protocol.allow=never|protocol.version=0|uploadpack.packObjectsHook=false",
    "pack": "pack.packSizeLimit=1m|pack.depth=0|pack.threads=1|core.compression=0|core.alternateRefsCommand=false",
    "gc and maintenance": "gc.auto=1|gc.autoDetach=false|maintenance.auto=true|receive.autogc=true",
    "init": "init.defaultBranch=theirs|init.defaultObjectFormat=sha256|init.defaultRefFormat=reftable",
    "template: config": "init.templateDir={hostile}/template-config",
    "template: info/attributes": "init.templateDir={hostile}/template-attributes",
    "template: hooks": "init.templateDir={hostile}/template-hooks",
    "include": "include.path={hostile}/config",
    "user.signingKey, author": "user.signingKey=x|user.useConfigOnly=true|advice.detachedHead=true",
}
_RAW = {
    "url.insteadOf": '[url "/nowhere/"]\n\tinsteadOf = /\n\tinsteadOf = {repo}\n',
    "a line that is no setting": "[core\n",
}
_ATTRIBUTES = {
    "attributes: -diff": "* -diff\n",
    "attributes: binary": "*.c binary\n*.h binary\n",
    "attributes: eol=crlf": "* text eol=crlf\n",
    "attributes: diff=python": "*.c diff=python\n*.h diff=tex\n",
    "attributes: ident, filter": "* ident filter=theirs working-tree-encoding=UTF-16\n",
}
_OWN = ("own: hooks", "own: info/attributes", "own: config", "own: replacement of the base")
ALL = "all of them"

SETTINGS: tuple[str, ...] = (*_GLOBAL, *_RAW, *_ATTRIBUTES, "ignore file: everything", *_OWN, ALL)
"""Names of the trials."""


def everything() -> list[str]:
    """What :data:`ALL` stands for; the line that is no setting hides all others."""
    return [*_GLOBAL, "url.insteadOf", *_ATTRIBUTES, "ignore file: everything"]


def install(world: World, label: str) -> Callable[[], None]:
    """Let the user have a setting.

    :returns: what takes it back from their repository; their home is the caller's to take back.
    """
    undo: list[Callable[[], None]] = []
    for one in everything() if label == ALL else [label]:
        _install(world, one, undo)

    def back() -> None:
        for step in undo:
            step()

    return back


def _install(world: World, label: str, undo: list[Callable[[], None]]) -> None:
    words = {"hostile": str(world.hostile()), "repo": str(world.repo)}
    config = world.home / ".config/git"
    config.mkdir(parents=True, exist_ok=True)
    if label in (*_GLOBAL, *_RAW):
        text = _RAW.get(label) or "".join(map(_line, _GLOBAL[label].split("|")))
        for word, value in words.items():
            text = text.replace(f"{{{word}}}", value)
        with (world.home / ".gitconfig").open("a") as f:
            f.write(text)
    elif label in _ATTRIBUTES:
        with (config / "attributes").open("a") as f:
            f.write(_ATTRIBUTES[label])
        with (world.home / ".gitconfig").open("a") as f:
            f.write('[filter "theirs"]\n\tclean = tr a-z A-Z\n\tsmudge = tr a-z A-Z\n\trequired = true\n')
    elif label == "ignore file: everything":
        (config / "ignore").write_text("*\n")
    else:
        _own(world, label, undo)


def _line(setting: str) -> str:
    """A setting as a configuration file has it."""
    name, value = setting.split("=", 1)
    section, key = name.split(".", 1)
    return f"[{section}]\n\t{key} = {value}\n"


def _own(world: World, label: str, undo: list[Callable[[], None]]) -> None:
    """A setting of the user's repository; on the sample that is the repository they stand in."""
    git = world.repo / ".git"
    if label == "own: hooks":
        saved = world.place / "hooks"
        (git / "hooks").rename(saved)
        shutil.copytree(world.hostile() / "hooks", git / "hooks")

        def back() -> None:
            shutil.rmtree(git / "hooks")
            saved.rename(git / "hooks")

        undo.append(back)
    elif label == "own: info/attributes":
        _written(git / "info/attributes", "* -diff text eol=crlf ident\n", undo)
    elif label == "own: config":
        text = (git / "config").read_text() + (world.hostile() / "config").read_text().replace(
            str(world.hostile()), "/x"
        )
        _written(git / "config", text, undo)
    else:
        head = world.git("rev-parse", "HEAD").strip()
        empty = world.git("hash-object", "-t", "tree", "-w", "/dev/null").strip()
        other = world.git("commit-tree", empty, "-m", "Another").strip()
        world.git("replace", head, other)

        def unreplace() -> None:
            world.git("replace", "-d", head)

        undo.append(unreplace)


def _written(path: Path, text: str, undo: list[Callable[[], None]]) -> None:
    before = path.read_bytes() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)

    def back() -> None:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)

    undo.append(back)
