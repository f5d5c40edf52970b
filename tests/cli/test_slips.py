"""Slips of stage authors: what, why and next, never a traceback, and no verb stops that does not need the stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xenstage.cli import common, run
from xenstage.errors import Exit
from xenstage.stage.declare import Patch, Stage, load_stages
from xenstage.stage.view import View
from xenstage.tree.config import BY_NAME

from .conftest import Tool
from .kit import HVM, Repo, numbered

Factory = Callable[..., Repo]
Rewrite = Callable[[View], None]

HEAD = "from xenstage.stage.declare import Patch, Stage\n"
NOTHING = HEAD + "def nothing(view):\n    pass\n"


def _after_create(text: str) -> Rewrite:
    """Puts text after domain_create()."""

    def rewrite(view: View) -> None:
        f = view.function("domain_create")
        view.replace(view.region(f.path, f.end, f.end, "place"), text, rule="add", reason="to see what happens")

    return rewrite


PATCH = Patch(
    subject="xen/common: try something",
    body="A patch that adds a function.",
    rewrite=_after_create("\n\nint domain_tried(void)\n{\n    return 0;\n}"),
    defines=("domain_create",),
    introduces=("domain_tried",),
)
STAGE = Stage(90, "tried", "xen/common: try something", "Nothing good.", (PATCH,))


@pytest.fixture
def trial(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs a stage that a test makes up, on the sample or on a tree."""

    def go(stage: Stage = STAGE, tree: Path | str = "sample", **changes: Any) -> Any:
        stage = replace(stage, patches=(replace(stage.patches[0], **changes),)) if changes else stage
        monkeypatch.setattr(run, "stages", lambda: {stage.number: stage})
        return tool.run(str(stage.number), tree=tree, out=tmp_path / "out")

    return go


def test_the_trial_is_sound(trial: Callable[..., Any]) -> None:
    trial().good()


def _asks(function: Callable[[View], object]) -> Rewrite:
    def rewrite(view: View) -> None:
        function(view)

    return rewrite


SLIPS: list[tuple[str, Callable[[View], object], tuple[str, ...]]] = [
    ("an undeclared name", lambda v: v.sites("is_pvh_vcpu"), ("is_pvh_vcpu",)),
    ("a kind that is none", lambda v: v.definition("vcpu_create", "routine"), ("routine", "function, ")),
    ("a bad pattern", lambda v: v.prose("(is_pvh"), ("unterminated",)),
    ("a bad hole", lambda v: v.one("$X = 1;", v.function("domain_create")), ("$X is no hole",)),
    ("a file that is not there", lambda v: v.read("xen/common/nowhere.c"), ("xen/common/nowhere.c",)),
    ("a key", lambda v: v.facts["polarity"], ("KeyError", "polarity")),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "words"), [s[1:] for s in SLIPS], ids=[s[0] for s in SLIPS])
def test_a_slip_in_a_rewrite_names_its_line(
    trial: Callable[..., Any], ask: Callable[[View], object], words: tuple[str, ...]
) -> None:
    trial(rewrite=_asks(ask)).refused(2, "90_tried", PATCH.subject, "test_slips.py:", *words)


def test_a_slip_in_a_check_names_its_line(trial: Callable[..., Any]) -> None:
    def check(before: View, after: View) -> dict[str, Any]:
        return {"length": before.edits[7]}

    trial(replace(STAGE, check=check)).refused(2, "90_tried", "IndexError", "test_slips.py:")


def test_a_fact_that_nobody_put_down(trial: Callable[..., Any]) -> None:
    trial(body="There are {many} of them.").refused(4, "{many}")
    trial(replace(STAGE, cover="There are {many} of them.")).refused(4, "{many}")


DECLARED: list[tuple[str, dict[str, Any], str]] = [
    ("a word in place of a tuple", {"names": "is_pvh_vcpu"}, "names is not a tuple"),
    ("a name with blanks", {"removes": ("struct domain",)}, "no C identifier"),
    ("removed and introduced", {"removes": ("domain_tried",)}, "in removes and in introduces"),
    ("a definition of what", {"defines": ("function domain_create",)}, "defines has 'function domain_create'"),
    ("a rewrite that is none", {"rewrite": "rewrite"}, "rewrite is not a function"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), [d[1:] for d in DECLARED], ids=[d[0] for d in DECLARED])
def test_a_declaration_that_cannot_be_meant(trial: Callable[..., Any], changes: dict[str, Any], words: str) -> None:
    trial(**changes).refused(2, "90_tried", words)


def test_one_patch_without_its_comma(trial: Callable[..., Any]) -> None:
    trial(replace(STAGE, patches=PATCH)).refused(2, "tuple of Patch")  # type: ignore[arg-type]


def test_what_is_kept_cannot_be_accounted_for_as_well(trial: Callable[..., Any]) -> None:
    """The view would say that such a name has no use, and the series would end well."""
    got = trial(replace(STAGE, keeps=("is_pvh_vcpu",)), names=("is_pvh_vcpu",))
    got.refused(2, "is_pvh_vcpu is in keeps", "in names")


def test_a_kept_use_may_not_be_lost(trial: Callable[..., Any]) -> None:
    """What a stage says that it leaves alone is counted inside the edits, too."""

    def rewrite(view: View) -> None:
        _after_create("\n\nint domain_tried(void)\n{\n    return 0;\n}")(view)
        lost = next(h for h in view.uses("is_pvh_domain") if h.path.endswith("hvm.c"))
        end = lost.offset + len(lost.name)
        view.replace(view.region(lost.path, lost.offset, end, "a test"), "is_hvm_domain", rule="lose", reason="slip")

    stage = replace(STAGE, keeps=("is_pvh_domain",))
    trial(stage, rewrite=rewrite).refused(4, "is_pvh_domain", "keeps", HVM, "'lose'")
    assert "is_pvh_domain" in trial(stage).good().out


TABS = "/* Taken from elsewhere. */\n\nstatic int pump(int rate)\n{\n" + "\trate++;\n" * 24 + "\treturn rate;\n}\n"


def test_added_lines_are_judged_once(trial: Callable[..., Any], xen_like_repo: Factory, tmp_path: Path) -> None:
    """A file of another style takes lines of that style: the series and the form proof agree."""

    def rewrite(view: View) -> None:
        _after_create("\n\nint domain_tried(void)\n{\n    return 0;\n}")(view)
        path = "xen/common/pump.c"
        at = view.read(path).index(b"\treturn")
        view.replace(view.region(path, at, at, "place"), "\trate--;\n", rule="add", reason="a line as the others are")

    repo = xen_like_repo()
    (repo.path / "xen/common/pump.c").write_text(TABS)
    repo.commit()
    trial(tree=repo.path, rewrite=rewrite).good()
    assert "+\trate--;" in numbered(tmp_path / "out", "90_tried")[0].read_text()
    bad = _after_create("\n\nint domain_tried(void)\n{\n    if ( 1 ) {\n        return 0;\n    }\n}")
    trial(rewrite=bad).refused(4, "CODING_STYLE", "'{' on the line of 'if'", "rules: add")


# Folders ------------------------------------------------------------------


def _folder(root: Path, name: str, text: str | None) -> None:
    (root / name).mkdir(parents=True)
    if text is not None:
        (root / name / "stage.py").write_text(text)


def _good(number: int, name: str) -> str:
    patch = "Patch('x86: do it', 'Because.', nothing)"
    return f"{NOTHING}STAGE = Stage({number}, '{name}', 'A title', patches=({patch},))\n"


FOLDERS: list[tuple[str, str, str | None, str]] = [
    ("a syntax error", "50_bad", NOTHING + "STAGE = Stage(50,\n", "50_bad/stage.py"),
    ("an exception", "50_bad", "raise RuntimeError('on purpose')\n", "RuntimeError: on purpose"),
    ("an import", "50_bad", "from xenstage.stage.declare import Stag\n", "Stag"),
    ("no STAGE", "50_bad", "", "defines no STAGE"),
    ("no stage.py", "50_bad", None, "stage.py is missing"),
    ("another number", "50_bad", _good(51, "bad"), "it declares 51_bad"),
    ("another stage's number", "90_bad", _good(90, "bad"), "two folders have the stage number 90"),
    ("a name that is none", "50-bad", _good(50, "bad"), "not named like a stage"),
    ("one digit", "5_bad", _good(5, "bad"), "not named like a stage"),
    ("a contradiction", "50_bad", _good(50, "bad").replace("patches", "keeps='a', patches"), "keeps is not a tuple"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "words"), [f[1:] for f in FOLDERS], ids=[f[0] for f in FOLDERS])
def test_a_broken_folder_stops_only_what_needs_it(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str | None, words: str
) -> None:
    _folder(tmp_path / "stages", "04_good", _good(4, "good"))
    _folder(tmp_path / "stages", "90_last", _good(90, "last"))
    _folder(tmp_path / "stages", name, text)
    monkeypatch.setattr(common, "stages_folder", lambda: tmp_path / "stages")
    listed = tool("explain").good()
    assert "04_good" in listed.out and "broken" in listed.out and "cannot be used" in listed.err
    tool("explain", "04").good()
    number = next(s.label for s in load_stages(tmp_path / "stages").values() if s.defect)
    tool("explain", number).refused(2, words)
    tool.run("04", out=tmp_path / "out").good()  # its patch changes nothing
    tool.run("90", out=tmp_path / "out").refused(2, words)


def test_no_stage_at_all_is_an_error(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "stages_folder", lambda: tmp_path / "stages")
    tool("explain").refused(5, "the stages are not here")


def _spoil(text: str) -> Rewrite:
    """Puts text at the end of a file in which no name of the patch stands."""

    def rewrite(view: View) -> None:
        file = view.whole_file("xen/common/lib.c")
        view.replace(view.region(file.path, file.end, file.end, "end"), text, rule="add", reason="to spoil it")

    return rewrite


def _lost(view: View) -> None:
    view.function("domain_never_was")


SPOILT = Patch("xen/common: spoil something", "A patch.", _spoil("\nint lib_spoilt(void)\n{\n    return\n}\n"))
LOST = Patch("xen/common: look for something", "A patch.", _lost, names=("domain_create",))


@pytest.mark.parametrize("more", [(), (LOST,)], ids=["alone", "before one that stops"])
def test_a_tree_that_cannot_be_read_after_a_patch_is_the_reason_that_is_given(
    trial: Callable[..., Any], more: tuple[Patch, ...]
) -> None:
    """Also where the file holds no name of the stage, where a later patch stops, and at the second run."""
    stage = replace(STAGE, patches=(SPOILT, *more))
    for _ in range(2):
        said = trial(stage)
        assert said.code == Exit.PARSE and "error in xen/common/lib.c after 'xen/common: spoil" in said.err, said.err
        assert "Traceback" not in said.err


def test_what_only_another_configuration_compiles_is_read_after_each_patch(
    trial: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    release = "\n#ifdef NDEBUG\nint lib_spoilt(void)\n{\n    return\n}\n#endif\n"
    both = [BY_NAME[n] for n in ("x86_64-debug", "x86_64-release")]
    monkeypatch.setattr(common, "choose_configs", lambda names: both)
    said = trial(replace(STAGE, patches=(replace(SPOILT, rewrite=_spoil(release)), PATCH)))
    assert said.code == Exit.PARSE and "error in xen/common/lib.c after 'xen/common: spoil" in said.err, said.err
