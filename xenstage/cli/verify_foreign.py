"""verify_directory: judge any directory of ``git format-patch``, whoever made it."""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..builds.builder import Result
from ..edit.edits import Edit
from ..effect import Answer, Effect, Made, Reach
from ..errors import Exit, XenstageError
from ..mail.mailbox import FORMS, Mail, is_mailbox, one_series, read_mails
from ..progress import Progress
from ..prove.case import Declared, make_case
from ..prove.judge import NAMES, Judgement, judge_patch
from ..prove.page import evidence_page
from ..prove.patch.apply import am_in_order
from ..prove.patch.form import prove_form
from ..series.deliver import MANIFEST, check_ours, deliver, look_ahead
from ..series.versions import EVIDENCE_SCHEMA
from ..stage.base import ABSENT
from ..tree.source import open_tree
from .common import Opened, open_all
from .proving import base_files, build_if_possible, built_for, configs_of

_BASE = re.compile(rb"^base-commit: ([0-9a-f]{40,64})$", re.M)
_PREREQUISITE = re.compile(rb"^prerequisite-patch-id: ([0-9a-f]{40,64})$", re.M)
_INTENDED = re.compile(r"^Intended changes, visible to guests:\n\n((?:- .*(?:\n  .*)*\n*)+)", re.M)


def verify_directory(args: argparse.Namespace, only: frozenset[str]) -> tuple[list[Judgement], Path, float]:
    """Apply the mails in order to a clean clone of the base, and judge each.

    The directory, mbox, maildir or file is only read.  Evidence goes to ``OUT/NAME-evidence``.

    :returns: the judgements, where the evidence is, and the seconds that make took.
    :raises XenstageError: (USAGE) no patches, or evidence that is not theirs; (FAIL) a
        patch that does not apply; (OUTPUT) a series of ours that somebody changed.
    """
    directory = Path(args.what[0])
    with tempfile.TemporaryDirectory(prefix="xenstage-mails-") as unpacked:
        if is_mailbox(directory):
            held = read_mails(directory)
            mails, texts = _unpack(one_series(held, directory), Path(unpacked)), [m.text.encode() for m in held]
            return _verify(args, only, directory, mails, texts, None)
        mails = [p for p in _readable(directory) if not p.name.startswith("0000-")]
        if not mails:
            raise XenstageError(
                Exit.USAGE,
                f"there are no patches in {directory}",
                why=f"wanted: {FORMS}",
                remedy=f"git format-patch -o '{directory}' --base=auto BASE..TIP",
            )
        texts = [p.read_bytes() for p in sorted(directory.glob("*.patch"))]
        return _verify(args, only, directory, mails, texts, _evidence(directory))


def _unpack(mails: Sequence[Mail], place: Path) -> list[Path]:
    """The mails of a mailbox as files that git am takes, in order; their names are ours."""
    out = []
    for number, mail in enumerate(mails, 1):
        slug = re.sub(r"[^A-Za-z0-9]+", "-", mail.subject)[:52].strip("-")
        path = place / f"{number:04d}-{slug}.patch"
        path.write_bytes(b"From xenstage Mon Sep 17 00:00:00 2001\n" + mail.raw)
        out.append(path)
    return out


def _verify(
    args: argparse.Namespace,
    only: frozenset[str],
    directory: Path,
    mails: Sequence[Path],
    texts: Sequence[bytes],
    said: Any,
) -> tuple[list[Judgement], Path, float]:
    """As :func:`verify_directory`, of mails that are files.

    :param texts: what may name the base.
    :param said: the evidence beside a series of ours.
    """
    name = f"{directory.resolve().name}-evidence"
    look_ahead(Path(args.out), [name])
    base = said["base"] if said else _base_of(texts, args.base)
    opened = open_all(args)
    if base is not None:
        parent = said["parent"] if said else base
        opened = _at(opened, base)
    else:
        parent = opened.tree.base
    git = opened.tree.git
    if not git.has(parent):
        before = ", ".join(f"{n:02d}" for n in range(1, int(str(said["stage"])[:2]))) if said else ""
        raise XenstageError(
            Exit.TREE,
            f"the commit {parent[:12]} on which the series stands is not known here",
            why="it is the tip of an earlier series of ours",
            remedy=f"make that first: xenstage run {before}",
        )
    try:
        commits = am_in_order(git, mails, parent, scratch=opened.cache.scratch("am"), runner=opened.runner)
    except XenstageError as e:
        others = len({m for text in texts for m in _PREREQUISITE.findall(text)}) if not said else 0
        if others:
            e.why += f"\nthe mails say that they stand on {others} other patch{'' if others == 1 else 'es'}"
            e.why += " (prerequisite-patch-id)"
            e.remedy = "apply those first, in a clone, and name what they give: --tree CLONE --base COMMIT"
        raise
    files = base_files(opened)
    cases = []
    for number, (commit, previous) in enumerate(zip(commits, [parent, *commits], strict=False), 1):
        declared = _declared(said, number, git.tree_of(commit), git, commit)
        cases.append(make_case(git, number, previous, commit, files, opened.tree.base, declared, opened.cache))
    results, spent, unbuilt = build_if_possible(opened, cases, configs_of(args), only)
    progress = Progress("prove", len(cases) * len(NAMES))
    judged = []
    for case, mail in zip(cases, mails, strict=True):
        built = built_for(case, results)
        one = judge_patch(case, built, cache=opened.cache, only=only, step=progress.step, unbuilt=unbuilt)
        if "form" in only:
            notes = said["patches"][case.number - 1].get("notes", "") if said else ""
            one = one.with_form(prove_form(case, patch=mail.read_bytes(), total=len(cases), notes=notes))
            progress.step("form")
        judged.append(one)
    progress.close()
    return (
        judged,
        _write(Path(args.out), name, base or parent, judged, results),
        spent,
    )


def _readable(directory: Path) -> list[Path]:
    """The patches of a directory, in order.

    :raises XenstageError: (USAGE) for one that is no file, or cannot be read.
    """
    found = sorted(directory.glob("*.patch"))
    for path in found:
        try:
            if not path.is_file():
                why = "a link that leads nowhere" if not path.exists() else "no file"
                raise OSError(0, why)
            with path.open("rb"):
                pass
        except OSError as e:
            raise XenstageError(
                Exit.USAGE,
                f"{path} is no patch that can be read",
                why=str(e.strerror),
                remedy="move it away, or make the directory again: git format-patch -o DIR --base=auto BASE..TIP",
            ) from e
    return found


def _at(opened: Opened, base: str) -> Opened:
    tree = open_tree(opened.tree.origin, base, cache=opened.cache, runner=opened.runner)
    return Opened(opened.cache, opened.runner, tree, opened.configs)


def _base_of(texts: Sequence[bytes], given: str) -> str | None:
    """The base commit that the mails name, unless the user names one."""
    if given != "HEAD":
        return None
    found = {m.group(1).decode() for text in texts for m in _BASE.finditer(text)}
    return found.pop() if len(found) == 1 else None


def _evidence(directory: Path) -> Any:
    """The evidence beside a series of ours, checked to be whole; None beside any other."""
    if not (directory / MANIFEST).exists():
        return None
    check_ours(directory)
    value = json.loads((directory / "evidence.json").read_bytes())
    if value.get("schema") != EVIDENCE_SCHEMA:
        raise XenstageError(
            Exit.USAGE,
            f"{directory}/evidence.json has the schema {value.get('schema')}",
            why=f"this version reads {EVIDENCE_SCHEMA}",
            remedy=_again(value),
        )
    return value


def _again(evidence: Any) -> str:
    number = str(evidence.get("stage", "01"))[:2]
    return f"make the series again: xenstage run {number}, or verify the patches alone in another directory"


def _declared(said: Any, number: int, tree: str, git: Any, commit: str) -> Declared:
    if not said:
        message = git.need("log", "-1", "--format=%B", commit).decode("utf-8", "surrogateescape")
        m = _INTENDED.search(message + "\n")
        items = re.split(r"^- ", m.group(1), flags=re.M)[1:] if m else []
        return Declared(intended=tuple(" ".join(i.split()) for i in items))
    rows = [p for p in said["patches"] if p["number"] == number]
    if not rows or rows[0]["tree"] != tree:
        raise XenstageError(
            Exit.USAGE,
            f"the evidence is of another series than the patches (patch {number})",
            why=f"applied, the patch gives the tree {tree}; the evidence says {rows[0]['tree'] if rows else 'nothing'}",
            remedy=_again(said),
        )
    p = rows[0]
    return Declared(
        tuple(p["intended"]),
        tuple(n for n in p["removes"] if n not in p.get("facts", {}).get(ABSENT, ())),
        tuple(p["introduces"]),
        tuple(said["keeps"]),
        tuple(Edit.from_json(e) for e in p["edits"]),
        tuple(Effect.from_json(e) for e in p.get("effects", ())),
        answers=tuple(Answer.from_json(a) for a in p.get("answers", ())),
        reaches=tuple(Reach.from_json(r) for r in p.get("reaches", ())),
        guests=tuple(Made.from_json(m) for m in said.get("guests", ())),
        closed=bool(p.get("closed", False)),
        interface=tuple(p.get("interface", ())),
    )


def _write(out: Path, name: str, base: str, judged: list[Judgement], results: Mapping[tuple[str, str], Result]) -> Path:
    value = {
        "schema": EVIDENCE_SCHEMA,
        "base": base,
        "patches": [
            {
                "number": j.case.number,
                "subject": j.case.subject,
                "tree": j.case.tree,
                "nfc": j.nfc,
                "why_not": list(j.why_not),
                "proofs": {p.name: p.to_json() for p in j.proofs},
            }
            for j in judged
        ],
    }

    with deliver(out) as delivery:
        fresh = delivery.stage(name)
        (fresh / "evidence.json").write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")
        (fresh / "evidence.md").write_text(evidence_page(name, base, judged))
        (fresh / "logs").mkdir()
        for j in judged:
            for (tree, config), result in results.items():
                if tree == j.case.tree and result.log:
                    (fresh / "logs" / f"{j.case.number:04d}-{config}.log").write_bytes(result.log)
        delivery.commit()
    return out / name
