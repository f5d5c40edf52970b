"""xenstage explain: what a stage declares, and what is known of a site: FILE:LINE, a function, or all."""

from __future__ import annotations

import argparse
import difflib
import inspect
import itertools
import json
import re
import sys
import textwrap
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..ctext.body import NotUnderstood
from ..errors import Exit, XenstageError
from ..index.sites import Index, Site, index_names
from ..index.sweep import Files, sweep
from ..prove.model.special import World
from ..prove.model.world import world_of
from ..series.make import Series, Workshop, make_series
from ..stage.decisions import Decisions, load
from ..stage.declare import Stage, find
from ..stage.view import View
from ..tree.git import Identity
from ..tree.prepare import Prepared
from .common import Opened, add_tree_options, open_all, stages, stages_folder
from .known import Known, Step, known
from .sites import DEFAULT

_STAGE = re.compile(r"\d{1,2}(_\w+)?/?")
_NOBODY = Identity("xenstage explain", "explain@xenstage.invalid")  # of commits that nobody gets to see
_WIDE = 110  # columns of what is left of a condition; the whole is in --json
_LINES = 24  # of a change; the whole is in the patch


def add(verbs: Any) -> None:
    """Register the verb."""
    p = verbs.add_parser("explain", help="say what the stages do, and what is known of a site")
    p.add_argument(
        "what",
        nargs="?",
        metavar="STAGE|FILE:LINE|FUNCTION|all",
        help="01, 02, …: what a stage declares; a place in the tree: what is asked there, for whom it is true, what "
        "becomes of it and why; without it, all stages in a line each",
    )
    add_tree_options(p)
    p.add_argument("--json", action="store_true", help="print the data")
    p.set_defaults(function=main)


def main(args: argparse.Namespace) -> int:
    """Print what is declared, or what is known of sites."""
    every = stages()
    if args.what is None or _STAGE.fullmatch(args.what):
        return _declared(every, args)
    if broken := next((s.defect for s in every.values() if s.defect is not None and s.label == args.what), None):
        raise broken
    opened = open_all(args)
    prepared = opened.prepare_all()
    files = Files(prepared[0].root, opened.tree.git.files(opened.tree.base), {}, opened.tree.tree, opened.cache)
    if args.what != "all" and not re.search(r"[/:.]", args.what) and not _there(files, args.what):
        raise _nothing(args.what, _NO_WORD)  # before two minutes of reading
    made, stopped = _made(opened, prepared, every)
    world = _world(prepared[0], opened)
    names = _names(every, world)
    view = View(files, lambda: _index(files, prepared, names, opened), tuple(names), opened.tree.base)
    asked = frozenset({*DEFAULT, *(n for s in every.values() if s.defect is None for p in s.patches for n in p.names)})
    chosen = _choose(view, args.what, names, asked, opened)
    unreached = _unreached(every, made, files)
    found = known(view, chosen, world, made, unreached)
    if args.json:
        value = {"base": opened.tree.base, "version": opened.tree.version, "sites": [k.to_json() for k in found]}
        print(json.dumps({**value, "stopped": stopped}, indent=1))
        return 0
    print(f"Xen {opened.tree.version}, {opened.tree.base[:12]}" + (f" ({stopped})" if stopped else ""))
    for one in found:
        _print(one)
    return 0


def _declared(every: dict[int, Stage], args: argparse.Namespace) -> int:
    wanted = find(every, args.what) if args.what is not None else None
    if wanted is not None and wanted.defect is not None:
        raise wanted.defect
    if args.json:
        print(json.dumps([_stage_json(s) for s in every.values() if wanted in (None, s)], indent=1))
        return 0
    for stage in every.values():
        if wanted is None:
            state = f"{len(stage.patches)} patches" if stage.patches else "not written yet"
            state += ", in part" if stage.patches and not stage.whole else ""
            state = "broken" if stage.defect else state
            print(f"{stage.label:26} {state:16} {stage.title}")
        elif stage == wanted:
            print(inspect.getdoc(sys.modules[f"xenstage_stage_{stage.label}"]) or stage.title)
            for i, patch in enumerate(stage.patches, 1):
                print(f"\n{i}/{len(stage.patches)} {patch.subject}")
                print(f"    looks at:   {', '.join(patch.names) or '-'}")
                print(f"    removes:    {', '.join(patch.removes) or '-'}")
                print(f"    introduces: {', '.join(patch.introduces) or '-'}")
                print(f"    a guest sees: {'; '.join(patch.intended) or 'no difference'}")
            if stage.keeps:
                print(f"\nkeeps every use of {', '.join(stage.keeps)}")
    return 0


def _stage_json(stage: Stage) -> dict[str, Any]:
    rows = ("subject", "names", "removes", "introduces", "intended")
    return {
        "stage": stage.label,
        "title": stage.title,
        "keeps": list(stage.keeps),
        "defect": stage.defect.title if stage.defect else "",
        "patches": [{k: getattr(p, k) for k in rows} for p in stage.patches],
    }


# What is known ---------------------------------------------------------------


def _made(opened: Opened, prepared: list[Prepared], every: dict[int, Stage]) -> tuple[list[Series], str]:
    """The series of as many written stages as the tree takes, and why it takes no more ("" if it takes all)."""
    written = [s for s in every.values() if s.patches]
    sound = written[: next((i for i, s in enumerate(written) if s.defect is not None), len(written))]
    stopped = f"stage {written[len(sound)].label} cannot be used" if len(sound) < len(written) else ""
    shop = Workshop(opened.tree, prepared, opened.cache, _NOBODY)
    for count in range(len(sound), 0, -1):
        try:
            return make_series(shop, sound[:count]), stopped
        except XenstageError as e:
            if e.code not in (Exit.SITE, Exit.USAGE):
                raise
            stopped = f"stage {sound[count - 1].label} stops here: {e.title}"
    return [], stopped


def _world(prepared: Prepared, opened: Opened) -> World | str:
    """What the tree means by its kinds of guest, or why that is not known."""
    tracked = opened.tree.git.files(opened.tree.base)
    try:
        return world_of(Files(prepared.root, tracked, {}, opened.tree.tree, opened.cache))
    except NotUnderstood as e:
        return str(e)


def _names(every: dict[int, Stage], world: World | str) -> list[str]:
    """What sites are looked for: the predicates of the guest type, and what stages account for."""
    asked = {n for s in every.values() if s.defect is None for p in s.patches for n in (*p.names, *s.keeps)}
    told = set() if isinstance(world, str) else set(world.truth)
    return sorted({*DEFAULT, *asked, *told})


def _index(files: Files, prepared: list[Prepared], names: list[str], opened: Opened) -> Index:
    return index_names(files, prepared, names, cache=opened.cache)


def _unreached(every: dict[int, Stage], made: Sequence[Series], files: Files) -> list[tuple[str, Decisions]]:
    """The decisions of stages that no series is there of: those for this tree, where some are for certain trees."""
    there = {s.stage.label for s in made}
    out = []
    for stage in every.values():
        if stage.label in there:
            continue
        data = sorted((stages_folder() / stage.label).glob("*.toml"))
        known = [load(p) for p in data if "site" in tomllib.loads(p.read_text())]  # others are other data of the stage
        mine = [d for d in known if d.tree and files.has(d.tree)] or [d for d in known if not d.tree]
        out += [(stage.label, replace(d, entries=tuple(e for e in d.entries if not e.after))) for d in mine]
    return out


def _choose(view: View, what: str, names: list[str], asked: frozenset[str], opened: Opened) -> list[Site]:
    """The sites that the user means; a line's are all that are known, those of more are tests.

    :param asked: the names of which tests are shown.
    :raises XenstageError: (USAGE) there is none.
    """
    sites = view.sites(*names)
    tests = [s for s in sites if s.is_test and s.name in asked]
    if what == "all":
        return tests
    place, _, line = what.rpartition(":")
    if place and line.isdigit():
        path = _path(view.files, place, opened)
        mine = [s for s in sites if s.path == path]
        found = [s for s in mine if s.line == int(line)]
        if not found:
            near = sorted({s.line for s in mine if s.is_test}, key=lambda n: (abs(n - int(line)), n))[:8]
            why = f"{path} has no use of a guest type predicate, or of a name that a stage is about, on line {line}"
            why += f"; it has some on {', '.join(map(str, sorted(near)))}" if near else ", nor on any other"
            raise _nothing(what, f"{why} (lines of {opened.tree.base[:12]})")
        return found
    if "/" in what or what.endswith((".c", ".h", ".S")):
        path = _path(view.files, what, opened)
        found = [s for s in tests if s.path == path]
        if not found:
            raise _nothing(what, f"{path} has no use of a guest type predicate, or of a name that a stage is about")
        return found
    found = [s for s in tests if what in (s.scope, s.name)]
    if not found:
        there = _there(view.files, what)
        why = f"no function or macro of that name asks for a guest's kind: it stands in {', '.join(there[:4])}"
        raise _nothing(what, f"{why}, with no test in it" if there else _NO_WORD)
    return found


_NO_WORD = "no function or macro of that name asks for a guest's kind: no file has that word"


def _there(files: Files, word: str) -> list[str]:
    """The files that have a word."""
    return sorted({h.path for h in sweep(files, [word])}) if word.isidentifier() else []


def _nothing(what: str, why: str) -> XenstageError:
    return XenstageError(
        Exit.USAGE, f"nothing is known of {what}", why=why, remedy="xenstage explain all, which shows every site"
    )


def _path(files: Files, given: str, opened: Opened) -> str:
    """A file of the tree by its path from the top, from where the user stands, or by its end.

    :raises XenstageError: (USAGE) there is none, or there are several.
    """
    top = opened.tree.origin.resolve()
    here = Path(given).resolve()
    tries = [given.removeprefix("./"), here.relative_to(top).as_posix() if here.is_relative_to(top) else ""]
    for path in tries:
        if path and files.has(path):
            return path
    ending = [p for p in files.paths() if p.endswith(f"/{given}")]
    if len(ending) == 1:
        return ending[0]
    why = f"it may be {', '.join(ending[:6])}" if ending else f"{opened.tree.base[:12]} has no such file"
    raise XenstageError(Exit.USAGE, f"which file is {given}?", why=why, remedy="name it from the top of the tree")


# For people --------------------------------------------------------------------


def _print(one: Known) -> None:
    site, use = one.site, one.use
    subject = f" ({site.argument}: {site.subject or '?'})" if site.argument else ""
    print(f"\n{site.path}:{site.line}  {site.name}{subject} in {site.scope or 'no function'}")
    if use is None:
        print(f"  it stands in a {site.kind}")
    else:
        part = f", a {use.part} of it" if use.part else ""
        print(f"  {use.form}{part}{', negated' if use.negated else ''}:")
        print(textwrap.indent(textwrap.fill(use.text, 96, break_long_words=False), "      "))
        for label, calls in (("guards", use.guards), ("skips", use.skips)):
            if calls:
                print(_filled(f"  {label}: ", ", ".join(calls)))
        print(f"  compiled in {', '.join(site.live) or f'nothing: {site.unseen}'}")
        _print_truth(one)
    _print_steps(one.steps)
    for label, d in one.entries:
        print(_filled(f"  {label} is not reached; decided there: ", _said(d.to_json())))
    if not one.steps and not one.entries:
        print("  no stage is about it")


def _print_truth(one: Known) -> None:
    if one.answers:
        print(f"  {one.site.name}: " + ", ".join(f"{k} {v}" for k, v in one.answers.items()))
    objects = list(dict.fromkeys(o for row in one.table for o in row["types"]))
    if one.table and objects:
        heads = [*objects, "what is left"]
        rows = [[*(row["types"].get(o, "-") for o in objects), _cut(row["left"])] for row in one.table]
        widths = [max(len(r[i]) for r in (heads, *rows)) for i in range(len(objects))]
        for r in (heads, *rows):
            print("    " + "  ".join([*(f"{c:{w}}" for c, w in zip(r, widths, strict=False)), r[-1]]))
    elif one.open:
        print(_filled("  no truth table: ", one.open))


def _cut(text: str) -> str:
    return text if len(text) <= _WIDE else f"{text[:_WIDE]} …"


def _print_steps(steps: Sequence[Step]) -> None:
    """A paragraph for each patch; patches that leave the use alone for one reason share theirs."""
    for _, alike in itertools.groupby(steps, key=lambda s: (s.stage, s.reason) if s.fate == "stays" else s):
        run = list(alike)
        first, last = run[0], run[-1]
        number = f" {first.number}" if first is last else f" {first.number} to {last.number}"
        print(f"  {first.stage}{number if first.number else ''}" + (f": {first.subject}" if first is last else ""))
        for step in run:
            if step.decision is not None:
                print(_filled("    decided: ", _said(step.decision)))
        if first.fate == "stays":
            print(_filled("    stays: ", first.reason or "no reason was put down"))
            continue
        print(_filled(f"    {first.rule}: ", first.reason))
        lines = list(difflib.unified_diff(first.before.splitlines(), first.after.splitlines(), n=0, lineterm=""))[2:]
        lines = [x for x in lines if not x.startswith("@@")]
        for line in lines[:_LINES]:
            print(f"      {line}")
        if len(lines) > _LINES:
            print(f"      … and {len(lines) - _LINES} more lines, in the patch")


def _said(decision: dict[str, Any]) -> str:
    features = f" {', '.join(decision['features'])}" if decision["features"] else ""
    patch = f", patch {decision['patch']!r}" if decision["patch"] else ""
    return f"{decision['kind']}{features}{patch}: {decision['reason']}"


def _filled(lead: str, text: str) -> str:
    return textwrap.fill(text, 100, initial_indent=lead, subsequent_indent=" " * 8, break_long_words=False)
