"""Stage and Patch: what a folder under ``stages/`` declares."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..bundle import PACKAGE
from ..effect import Answer, Effect, Made, Reach
from ..errors import Exit, XenstageError
from ..families import Family, Mixed, Moved

if TYPE_CHECKING:
    from .audit import Audited
    from .view import View


@dataclass(frozen=True)
class Patch:
    """One patch of a series.

    :param subject: without "[PATCH n/m]"; the tree's convention is "area: lower case imperative".
    :param body: why before what; paragraphs are wrapped to 72 columns, indented lines
        kept.  ``{name}`` stands for a fact that the rewrite put down with
        :meth:`View.fact`, so that numbers and names are those of this tree.
    :param rewrite: asks the view and puts edits into it.
    :param names: identifiers whose every use the rewrite accounts for.
    :param defines: what the rewrite asks the definitions of: "struct domain",
        "enum guest_type", "#define is_pvh_domain", or a function's or variable's bare name.
    :param removes: identifiers with no use left after the patch.
    :param introduces: identifiers that are new; the tree must not know them yet.
    :param intended: changes that a guest could see, each with its reason; repeated in
        the message.  Empty for a patch that changes nothing for a guest.
    :param probes: names in the probe guests' tables (patterns as of fnmatch) whose values
        the patch means to change; any other difference from the base is a FAIL. ``GUEST:NAME=VALUE``
        says whose table and which value exactly; that it is not so is a FAIL, too.
    :param effects: what becomes of single functions for single kinds of guest, exactly;
        the proofs hold both a difference that is not declared and a declared one that does
        not happen against the patch.
    :param reaches: what becomes of single cells of the hypercall matrix, exactly; held both ways.
    :param answers: what the names that the patch brings say of each kind of guest; the proofs
        hold it both ways as well.
    :param interface: every change of what the public headers fix, exactly, as "domctl.h: struct s: 24 -> 28",
        "domctl.h: macro M is gone" or "… is new: 8"; a change that it lacks is a FAIL, and so is one that does not
        happen. A number may be left open and others follow it: "struct s: {c} -> {c+4}" (:data:`xenstage.effect.OPEN`).
        What a rewrite knows from the tree only, it puts down by ``view.fixes``.
    :param moved: families of which the patch leaves no test to another question, in any file.
    :param closed: after the patch a domain can be made as the stage's ``guests`` say, and not otherwise; proved by
        trying.
    """

    subject: str
    body: str
    rewrite: Callable[[View], None]
    names: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()
    introduces: tuple[str, ...] = ()
    intended: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    effects: tuple[Effect, ...] = ()
    answers: tuple[Answer, ...] = ()
    reaches: tuple[Reach, ...] = ()
    closed: bool = False
    interface: tuple[str, ...] = ()
    moved: tuple[Moved, ...] = ()


@dataclass(frozen=True)
class Stage:
    """One step of the plan.

    :param number: 1 to 99; the folder is ``NN_name``.
    :param title: the cover letter's subject.
    :param cover: the cover letter's text; may hold ``{name}`` facts as patches do.
    :param patches: in order.
    :param keeps: identifiers whose uses stay as they are; counted before and after.
    :param families: which names of the tree belong to which feature test; each test that a
        patch touches is held against what it guards.
    :param guests: how kinds of guest are made, where their creator says more than flags.
    :param mixed: where a test guards something of another family, on purpose.
    :param check: compares two views of the tree, before and after a patch, and returns
        what goes into the evidence file.  It raises XenstageError when the patch does
        what the stage promises not to do.
    :param audited: the uses that the stage judges one by one, for the verb ``audit``.
    :param why_not: for a stage that is not written yet: what it will do; for one that has
        patches: what it lacks. It runs when it is named, and in no verb's default.
    :param defect: why the declaration cannot be used; :func:`load_stages` puts it down.
    """

    number: int
    name: str
    title: str
    cover: str = ""
    patches: tuple[Patch, ...] = ()
    keeps: tuple[str, ...] = ()
    families: tuple[Family, ...] = ()
    mixed: tuple[Mixed, ...] = ()
    guests: tuple[Made, ...] = ()
    check: Callable[[View, View], dict[str, Any]] | None = None
    audited: Audited | None = field(default=None, compare=False)
    why_not: str = ""
    defect: XenstageError | None = field(default=None, compare=False)

    @property
    def whole(self) -> bool:
        """Whether all of it is written."""
        return bool(self.patches) and not self.why_not

    @property
    def label(self) -> str:
        """The folder's name, which is the output directory's too."""
        return f"{self.number:02d}_{self.name}"


def load_stages(directory: Path) -> dict[int, Stage]:
    """All stages of a ``stages/`` directory, by number.

    A folder that cannot be used is there all the same, with the :attr:`Stage.defect` that
    :func:`pick` raises, so that it stops those verbs only that need it.
    """
    out: dict[int, Stage] = {}
    for folder in sorted(directory.glob("[0-9]*")):
        if not folder.is_dir() or folder.name == "__pycache__":
            continue
        stage = _stage_of(folder)
        before = out.get(stage.number)
        if before is not None:
            stage = _broken(
                folder,
                f"two folders have the stage number {stage.number}",
                why=f"{before.label} and {folder.name}",
                remedy=f"give one of them another number: git -C '{directory.parent}' mv "
                f"{directory.name}/{folder.name} {directory.name}/NN_name, and in its STAGE",
            )
        out[stage.number] = stage
    return dict(sorted(out.items()))


def _stage_of(folder: Path) -> Stage:
    """What a folder declares; what is wrong with it where it declares nothing usable."""
    if not _FOLDER.fullmatch(folder.name):
        return _broken(
            folder,
            f"stages/{folder.name} is not named like a stage",
            why="a stage's folder is NN_name: two digits, an underscore, a word",
            remedy=f"rename it, or move it out of {folder.parent}",
        )
    try:
        stage = getattr(_load(folder), "STAGE", None)
    except XenstageError as e:
        return _broken(folder, e.title, why=e.why, remedy=e.remedy)
    except Exception as e:  # whatever a module may do when it is imported
        return _broken(
            folder,
            f"stages/{folder.name}/stage.py cannot be loaded",
            why=slip(e),
            remedy="correct it; see docs/writing-a-stage.md",
        )
    if not isinstance(stage, Stage) or stage.label != folder.name:
        declared = f"it declares {stage.label}" if isinstance(stage, Stage) else "it defines no STAGE"
        return _broken(
            folder,
            f"stages/{folder.name}/stage.py declares no stage of that name",
            why=f"{declared}; wanted: STAGE, a xenstage.stage.declare.Stage, whose number and name are the folder's",
            remedy="see docs/writing-a-stage.md",
        )
    if isinstance(stage.patches, tuple):
        _HOMES.update({id(p.rewrite): (p.rewrite, folder.parent) for p in stage.patches if isinstance(p, Patch)})
    return replace(stage, defect=defect_of(stage))


_HOMES: dict[int, tuple[object, Path]] = {}
"""Rewrites that were loaded from a folder: each with the directory of all stages' folders."""


def home_of(patch: Patch) -> Path | None:
    """The directory of the stages that the code of a patch was loaded from; None for one that was made otherwise."""
    rewrite, home = _HOMES.get(id(patch.rewrite), (None, None))
    return home if rewrite is patch.rewrite else None


def _broken(folder: Path, title: str, *, why: str, remedy: str) -> Stage:
    digits = re.match(r"\d+", folder.name)
    defect = XenstageError(Exit.USAGE, title, why=why, remedy=remedy)
    number = int(digits.group()) if digits else 0
    name = folder.name.partition("_")[2]
    return Stage(number, name, f"cannot be used: {title}", why_not=why, defect=defect)


def slip(error: BaseException) -> str:
    """An exception that a stage's code lets out, in words: what, and at which line of the stage."""
    lines: list[str] = []
    if isinstance(error, SyntaxError):
        lines.append(f"{error.filename}:{error.lineno}: {error.msg}")
    else:
        lines.append(f"{type(error).__name__}: {error}")
        frames = traceback.extract_tb(error.__traceback__)
        own = [f for f in frames if f.filename.startswith(_STAGES) or not f.filename.startswith(_NOT_A_STAGE)]
        lines += dict.fromkeys(f"{f.filename}:{f.lineno}: in {f.name}" for f in [*own[-1:], *frames[-1:]])
    return "\n".join(lines)


def defect_of(stage: Stage) -> XenstageError | None:
    """What contradicts itself in a declaration, or cannot be what its author meant; None for a sound one."""
    wrong: list[str] = []
    if not isinstance(stage.number, int) or not 1 <= stage.number <= 99:
        wrong.append(f"the number {stage.number!r} is not 1 to 99")
    wrong += _not_names("keeps", stage.keeps)
    if not isinstance(stage.patches, tuple) or not all(isinstance(p, Patch) for p in stage.patches):
        wrong.append("patches is not a tuple of Patch: a tuple of one has a comma, (Patch(...),)")
    else:
        for number, patch in enumerate(stage.patches, 1):
            wrong += [f"patch {number}: {w}" for w in _patch_defects(patch, stage.keeps)]
    if not wrong:
        return None
    return XenstageError(
        Exit.USAGE,
        f"stage {stage.label} declares what cannot hold",
        why="\n".join(wrong),
        remedy=f"correct STAGE in stages/{stage.label}/stage.py; see docs/writing-a-stage.md",
    )


def _patch_defects(patch: Patch, keeps: tuple[str, ...]) -> list[str]:
    wrong = [] if callable(patch.rewrite) else ["rewrite is not a function"]
    for what in ("names", "removes", "introduces"):
        wrong += _not_names(what, getattr(patch, what))
    for what in ("defines", "intended", "probes", "answers", "reaches"):
        if not isinstance(getattr(patch, what), tuple):
            wrong.append(f"{what} is not a tuple: a tuple of one has a comma, ('text',)")
    if wrong:
        return wrong
    # What stays untouched is not indexed: a rewrite that asks for its uses would be told "none".
    for name in sorted(set(keeps) & {*patch.names, *patch.removes, *patch.introduces}):
        where = " and ".join(w for w in ("names", "removes", "introduces") if name in getattr(patch, w))
        wrong.append(f"{name} is in keeps (every use stays) and in {where} (the patch accounts for each use)")
    for name in sorted(set(patch.removes) & set(patch.introduces)):
        wrong.append(f"{name} is in removes and in introduces")
    for text in patch.defines:
        if not _DEFINES.fullmatch(text):
            wrong.append(f"defines has {text!r}: wanted 'struct NAME', 'enum NAME', '#define NAME' or a bare NAME")
    return wrong


def _not_names(what: str, value: object) -> list[str]:
    if not isinstance(value, tuple):
        return [f"{what} is not a tuple: a tuple of one has a comma, ('name',)"]
    return [f"{what} has {v!r}, which is no C identifier" for v in value if not _is_name(v)]


def _is_name(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z_]\w*", value, re.ASCII) is not None


_STAGES = f"{PACKAGE / 'bundled'}{os.sep}"  # in an installed package
# Where else code of a stage does not stand: this package, Python's library.
_NOT_A_STAGE = (f"{Path(__file__).resolve().parents[1]}{os.sep}", sysconfig.get_path("stdlib"), "<frozen")
_FOLDER = re.compile(r"[0-9]{2}_\w+")
_DEFINES = re.compile(r"(?:(?:struct|union|enum|typedef|#define) )?[A-Za-z_]\w*", re.ASCII)


def _load(folder: Path) -> ModuleType:
    """Import ``stage.py`` of a folder as a package of its own, so that it can have helpers."""
    name = f"xenstage_stage_{folder.name}"
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) == str(folder / "stage.py"):
        return sys.modules[name]
    if not (folder / "stage.py").is_file():
        raise XenstageError(
            Exit.USAGE,
            f"stages/{folder.name}/stage.py is missing",
            why="a stage's folder holds a stage.py that defines STAGE",
            remedy="see docs/writing-a-stage.md",
        )
    spec = importlib.util.spec_from_file_location(name, folder / "stage.py", submodule_search_locations=[str(folder)])
    assert spec is not None and spec.loader is not None  # of a file that ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]  # the next try reads it again
        raise
    return module


def beside(stage_file: str, label: str, module: str) -> ModuleType:
    """A module of another stage's folder, for data that two stages share.

    :param stage_file: the asking module's ``__file__``.
    :param label: the other folder's name.
    :raises XenstageError: (USAGE) when there is no such stage.
    """
    _load(Path(stage_file).resolve().parent.parent / label)
    return importlib.import_module(f"xenstage_stage_{label}.{module}")


def find(stages: dict[int, Stage], text: str) -> Stage:
    """The stage that a user names.

    :raises XenstageError: (USAGE) when there is none.
    """
    m = re.match(r"(\d{1,2})(_\w+)?/?\Z", text)
    stage = stages.get(int(m.group(1))) if m else None
    if stage is None or (m and m.group(2) and stage.label != text.rstrip("/")):
        raise XenstageError(
            Exit.USAGE,
            f"there is no stage {text}",
            why="the stages are " + ", ".join(s.label for s in stages.values()),
            remedy="xenstage run 01 02; what they do: xenstage explain",
        )
    return stage


def pick(stages: dict[int, Stage], wanted: list[str]) -> list[Stage]:
    """The stages that a user names, as "01", "1" or by folder, in order.

    :raises XenstageError: (USAGE) for a name that is none, or a stage not written yet, or one
        whose folder is broken.
    """
    out: list[Stage] = []
    for text in wanted:
        stage = find(stages, text)
        if stage.defect is not None:
            raise stage.defect
        if not stage.patches:
            raise XenstageError(
                Exit.USAGE,
                f"stage {stage.label} is not written yet",
                why=stage.why_not,
                remedy="xenstage run " + " ".join(f"{s.number:02d}" for s in stages.values() if s.patches),
            )
        out.append(stage)
    return sorted(set(out), key=lambda s: s.number)
