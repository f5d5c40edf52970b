"""Stage and Patch: what a folder under ``stages/`` declares."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..errors import Exit, XenstageError

if TYPE_CHECKING:
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
        the patch means to change; any other difference from the base is a FAIL.
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


@dataclass(frozen=True)
class Stage:
    """One step of the plan.

    :param number: 1 to 99; the folder is ``NN_name``.
    :param title: the cover letter's subject.
    :param cover: the cover letter's text; may hold ``{name}`` facts as patches do.
    :param patches: in order.
    :param keeps: identifiers whose uses stay as they are; counted before and after.
    :param check: compares two views of the tree, before and after a patch, and returns
        what goes into the evidence file.  It raises XenstageError when the patch does
        what the stage promises not to do.
    :param why_not: for a stage that is not written yet: what it will do.
    """

    number: int
    name: str
    title: str
    cover: str = ""
    patches: tuple[Patch, ...] = ()
    keeps: tuple[str, ...] = ()
    check: Callable[[View, View], dict[str, Any]] | None = None
    why_not: str = ""
    folder: Path = field(default=Path(), compare=False)

    @property
    def label(self) -> str:
        """The folder's name, which is the output directory's too."""
        return f"{self.number:02d}_{self.name}"


def load_stages(directory: Path) -> dict[int, Stage]:
    """All stages of a ``stages/`` directory, by number.

    :raises XenstageError: (USAGE) when a folder's declaration cannot be loaded.
    """
    out: dict[int, Stage] = {}
    for folder in sorted(directory.glob("[0-9][0-9]_*")):
        module = _load(folder)
        stage = getattr(module, "STAGE", None)
        if not isinstance(stage, Stage) or stage.label != folder.name:
            raise XenstageError(
                Exit.USAGE,
                f"stages/{folder.name}/stage.py declares no stage of that name",
                why="it must define STAGE, a xenstage.stage.declare.Stage, whose number and name are the folder's",
                remedy="see docs/writing-a-stage.md",
            )
        out[stage.number] = stage
    return out


def _load(folder: Path) -> ModuleType:
    """Import ``stage.py`` of a folder as a package of its own, so that it can have helpers."""
    name = f"xenstage_stage_{folder.name}"
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) == str(folder / "stage.py"):
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, folder / "stage.py", submodule_search_locations=[str(folder)])
    if spec is None or spec.loader is None:
        raise XenstageError(
            Exit.USAGE, f"{folder}/stage.py is missing", why="a stage is one file", remedy="see docs/writing-a-stage.md"
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


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

    :raises XenstageError: (USAGE) for a name that is none, or a stage not written yet.
    """
    out: list[Stage] = []
    for text in wanted:
        stage = find(stages, text)
        if not stage.patches:
            raise XenstageError(
                Exit.USAGE,
                f"stage {stage.label} is not written yet",
                why=stage.why_not,
                remedy="xenstage run " + " ".join(f"{s.number:02d}" for s in stages.values() if s.patches),
            )
        out.append(stage)
    return sorted(set(out), key=lambda s: s.number)
