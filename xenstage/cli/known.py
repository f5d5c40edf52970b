"""What is known of a use of a name: what it asks, for whom it says yes, what becomes of it, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..ctext.body import NotUnderstood
from ..ctext.entities import find_entity
from ..ctext.lexer import Kind
from ..edit.trace import land
from ..index.sites import Site
from ..prove.model.special import World
from ..prove.source.conditions import left_by_kind
from ..series.make import Made, Series
from ..stage.conditions import Use
from ..stage.decisions import Decision, Decisions, pair
from ..stage.view import View


@dataclass(frozen=True)
class Step:
    """What one patch does with a use.

    :param number: of the patch in its series; 0 for what the stage says for all of them.
    :param fate: "rewritten" or "stays".
    :param before: the bytes that the edit replaces, as text; "" where the use stays.
    :param decision: the entry of the stage's decisions.toml, as :meth:`Decision.to_json` has it; else None.
    """

    stage: str
    number: int
    subject: str
    fate: str
    rule: str
    reason: str
    before: str = ""
    after: str = ""
    decision: dict[str, Any] | None = None


@dataclass(frozen=True)
class Known:
    """What is known of one use.

    :param use: what it stands in; None outside of code.
    :param answers: kind of guest to 0 or 1, for a predicate.
    :param table: rows of "types" and "left" of the whole condition.
    :param open: why there is no table; "" where there is one.
    :param steps: in the order of the patches.
    :param entries: label of a stage that was not reached, and the entry of its decisions.toml that fits.
    """

    site: Site
    use: Use | None
    answers: dict[str, int] = field(default_factory=dict)
    table: tuple[dict[str, Any], ...] = ()
    open: str = ""
    steps: tuple[Step, ...] = ()
    entries: tuple[tuple[str, Decision], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON value."""
        use = self.use
        return {
            "site": self.site.to_json(),
            "use": None
            if use is None
            else {
                **{k: getattr(use, k) for k in ("form", "part", "negated", "unlikely", "text", "nth")},
                "guards": list(use.guards),
                "skips": list(use.skips),
            },
            "answers": self.answers,
            "table": list(self.table),
            "open": self.open,
            "steps": [asdict(s) for s in self.steps],
            "entries": [{"stage": label, **d.to_json()} for label, d in self.entries],
        }


def known(
    view: View,
    sites: Iterable[Site],
    world: World | str,
    series: Sequence[Series],
    unreached: Sequence[tuple[str, Decisions]] = (),
) -> list[Known]:
    """All that is known of some uses in a tree.

    :param view: the tree as it is before the first patch; it must know the names of the sites.
    :param world: what the tree means by its kinds of guest, or why that is not known.
    :param series: of stages, in order, the first one made on this tree.
    :param unreached: decisions of stages that no series is there of.
    """
    uses = {(u.site.path, u.site.offset): u for u in view.in_use(*sorted({s.name for s in sites}))}
    fitting: dict[tuple[str, int], list[tuple[str, Decision]]] = {}
    for label, decisions in unreached:
        for fits, entries in pair(list(uses.values()), decisions.entries)[0]:
            fitting.setdefault((fits.site.path, fits.site.offset), []).extend((label, d) for d in entries)
    out = []
    for site in sites:
        at = (site.path, site.offset)
        use = uses.get(at)
        answers, table, why = _truth(view, use, site, world)
        out.append(Known(site, use, answers, table, why, trace(site, series), tuple(fitting.get(at, ()))))
    return out


def _truth(
    view: View, use: Use | None, site: Site, world: World | str
) -> tuple[dict[str, int], tuple[dict[str, Any], ...], str]:
    if use is None:
        return {}, (), ""
    if isinstance(world, str):
        return {}, (), world
    truth = world.truth.get(site.name, {})
    answers = {k: int(truth[k]) for k in world.kinds if k in truth}
    why = "" if answers else f"{site.name} is no predicate of a guest's kind" + _because(world, site.name)
    function = find_entity(view.read(site.path), "function", site.scope) if site.kind == "code" else None
    if function is None:
        return answers, (), why or "it stands in no function"
    words = [t.text for t in view.tokens(use.where) if t.kind not in (Kind.COMMENT, Kind.END)]
    try:
        table = tuple(r for r in left_by_kind(words, function, world) if r["types"])
    except NotUnderstood as e:
        return answers, (), why or str(e)
    return answers, table, "" if table else why


def _because(world: World, name: str) -> str:
    return f": {world.unread[name]}" if name in world.unread else ""


def trace(site: Site, series: Sequence[Series]) -> tuple[Step, ...]:
    """What each patch does with a use, until it is gone."""
    steps: list[Step] = []
    offset, line = site.offset, site.line
    for one in series:
        if site.name in one.stage.keeps:
            steps.append(
                Step(one.stage.label, 0, one.stage.title, "stays", "", "the stage leaves every use of it alone")
            )
        for number, made in enumerate(one.made, 1):
            landed = land(made.edits, site.path, offset, site.name)
            step = Step(
                one.stage.label, number, made.patch.subject, "stays", "", _stays(made, site.path, line, site.name)
            )
            step = replace(step, decision=_decision(made, site.path, offset))
            if (e := landed.edit) is not None:
                old, new = (t.decode("utf-8", "replace") for t in (e.expected, e.new))
                steps.append(replace(step, fate="rewritten", rule=e.rule, reason=e.reason, before=old, after=new))
            elif step.reason:
                steps.append(step)
            elif site.name in made.patch.names:
                return tuple(steps)  # its file is gone
            if landed.offset is None:
                return tuple(steps)
            offset, line = landed.offset, line + landed.lines
    return tuple(steps)


def _decision(made: Made, path: str, offset: int) -> dict[str, Any] | None:
    rows = made.facts.get("decisions", ())
    found = [r for r in rows if (r["path"], r["offset"]) == (path, offset)]
    return {k: found[0][k] for k in ("kind", "features", "patch", "reason")} if found else None


def _stays(made: Made, path: str, line: int, name: str) -> str:
    """The reason that was put down; of several uses of a name on one line, all reasons."""
    rows = [s["reason"] for s in made.stays if (s["path"], s["line"], s["name"]) == (path, line, name)]
    return "; ".join(dict.fromkeys(rows))
