"""rewrite: run one patch's rewrite on a view and hold what it did against what it declares."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..ctext.style import added_faults
from ..edit.edits import Edit, apply_edits, merge
from ..errors import Exit, XenstageError
from ..index.sweep import Files, sweep, word_pattern
from ..stage.declare import Patch, Stage, slip
from ..stage.layout import lay_out
from ..stage.view import View


@dataclass(frozen=True)
class Rewritten:
    """What a patch makes of a tree.

    :param edits: sorted, laid out.
    :param changed: path to new bytes; None for a file that goes.
    :param files: the tree after the patch.
    :param counts: uses, rewritten and staying, by name.
    :param stays: the uses that stay, with their reasons.
    """

    edits: tuple[Edit, ...]
    changed: Mapping[str, bytes | None]
    files: Files
    counts: dict[str, dict[str, int]]
    stays: tuple[dict[str, Any], ...]


def rewrite(
    view: View,
    stage: Stage,
    patch: Patch,
    known: Callable[[Files, Collection[str]], object] = lambda after, changed: None,
) -> Rewritten:
    """Let a patch rewrite the tree that a view shows.

    :param known: called with the tree after the patch and the files that it changed as soon as
        their bytes are known, before they are held against what is declared.
    :raises XenstageError: (SITE) for a use that is neither rewritten nor declared to stay,
        names left or missing against the declaration, lines against CODING_STYLE, edits
        that contradict each other; (USAGE) for a slip of the stage's own code.
    """
    files = view.files
    with slips(stage, patch):
        patch.rewrite(view)
    edits = merge(view.edits)
    old = {e.path: b"" if e.path in view.added else files.read(e.path) for e in edits}
    edits = lay_out(edits, old)
    new: dict[str, bytes | None] = dict(apply_edits(edits, old.__getitem__))
    new.update(dict.fromkeys(view.deleted))
    after = files.with_overlay(new)
    if new:
        known(after, new.keys())
    counts, stays = _account(view, patch, edits)
    _keep(view, stage, patch, edits)
    if new:
        _residue(patch, after)
        _form(patch, edits, {p: (old.get(p, b"") if p not in view.added else None, data) for p, data in new.items()})
    return Rewritten(tuple(edits), new, after, counts, tuple(stays))


@contextlib.contextmanager
def slips(stage: Stage, patch: Patch) -> Iterator[None]:
    """What goes wrong in a stage's own code is an error that names the line, not a traceback.

    :raises XenstageError: (USAGE) in place of any exception that is not one of ours.
    """
    try:
        yield
    except (XenstageError, OSError):
        raise
    except Exception as e:
        raise XenstageError(
            Exit.USAGE,
            f"the stage {stage.label} stops in {patch.subject!r}",
            why=slip(e),
            remedy="correct the stage; see docs/writing-a-stage.md. No series was written",
        ) from e


def _account(view: View, patch: Patch, edits: list[Edit]) -> tuple[dict[str, dict[str, int]], list[dict[str, Any]]]:
    """Every use of the patch's names is inside an edit or declared to stay, or it stops here."""
    counts: dict[str, dict[str, int]] = {}
    staying = {(s.path, s.offset): why for s, why in view.stays}
    stays: list[dict[str, Any]] = []
    open_ends: list[str] = []
    for site in view.sites(*patch.names):
        row = counts.setdefault(site.name, {"uses": 0, "rewritten": 0, "staying": 0})
        row["uses"] += 1
        if any(e.path == site.path and e.offset <= site.offset < e.end for e in edits):
            row["rewritten"] += 1
        elif (site.path, site.offset) in staying:
            row["staying"] += 1
            why = staying[(site.path, site.offset)]
            stays.append({"path": site.path, "line": site.line, "name": site.name, "reason": why})
        else:
            open_ends.append(f"{site.path}:{site.line}: {site.name} in {site.scope or 'the text'} ({site.kind})")
    if open_ends:
        raise view.unknown(
            f"{len(open_ends)} uses are not known to {patch.subject!r}",
            "neither rewritten nor declared to stay:\n" + "\n".join(open_ends),
        )
    return counts, stays


def _keep(view: View, stage: Stage, patch: Patch, edits: list[Edit]) -> None:
    """No use of a name that the stage keeps is lost: what edits take away, they put down again.

    :raises XenstageError: (SITE) naming the edits that hold fewer uses than what they replace.
    """
    if not stage.keeps:
        return
    pattern = word_pattern(stage.keeps)
    lost: Counter[str] = Counter()
    losing: list[str] = []
    for e in edits:
        old, new = (Counter(m.group().decode() for m in pattern.finditer(text)) for text in (e.expected, e.new))
        # A name alone may be what is replaced, its neighbours being no part of the edit.
        lost.update(old)
        lost.subtract(new)
        losing += [f"{e.path}:{view.line(e.path, e.offset)}: {n} in {e.rule!r}" for n in sorted(old - new)]
    short = sorted(n for n, count in lost.items() if count > 0)
    if short:
        raise view.unknown(
            f"{patch.subject!r} takes away uses of {', '.join(short)}, which the stage keeps",
            f"in keeps stands what stays; {sum(lost[n] for n in short)} uses do not:\n" + "\n".join(losing[:12]),
        )


def _residue(patch: Patch, files: Files) -> None:
    left = sweep(files, patch.removes)
    missing = set(patch.introduces) - {h.name for h in sweep(files, patch.introduces)}
    if left or missing:
        rows = [f"{h.path}: {h.name} is still there" for h in left] + [f"{n} is not there" for n in sorted(missing)]
        raise XenstageError(
            Exit.SITE,
            f"{patch.subject!r} does not leave what it declares",
            why="\n".join(rows),
            remedy="the stage does not know this tree; no series was written. Choose another base: --base COMMIT",
        )


def _form(patch: Patch, edits: list[Edit], changed: Mapping[str, tuple[bytes | None, bytes | None]]) -> None:
    """Lines that a patch adds keep CODING_STYLE's mechanical rules: what the form proof asks of a mail."""
    _, faults = added_faults(dict(sorted(changed.items())))
    crlf = sorted(p for p, (old, _) in changed.items() if b"\r\n" in (old or b""))
    if faults and crlf:
        raise XenstageError(
            Exit.TREE,
            f"{patch.subject!r} cannot be written for lines that end with CR LF",
            why="\n".join(f"{p}: has lines that end with CR LF, whose CR git am takes off" for p in crlf),
            remedy="make a commit where these files have LF at the ends of lines, and name it: --base COMMIT",
        )
    if faults:
        rules = ", ".join(sorted({e.rule for e in edits}))
        raise XenstageError(
            Exit.SITE,
            f"{patch.subject!r} would add {len(faults)} lines against CODING_STYLE",
            why="\n".join(f"{f.where}: {f.what}" for f in faults[:8]) + f"\nrules: {rules}",
            remedy="the stage does not know this layout; no series was written",
        )
