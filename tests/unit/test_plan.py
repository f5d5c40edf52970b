"""Which units are parsed: all where nothing is known; else what changed in every configuration."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from xenstage.index.parse import Ask
from xenstage.index.plan import Plan, Todo
from xenstage.index.sweep import Files
from xenstage.tree.config import BY_NAME
from xenstage.tree.prepare import Prepared, Unit

HEADER, PUMP, VALVE, PIPE = "xen/include/xen/pump.h", "xen/common/pump.c", "xen/common/valve.c", "xen/common/pipe.c"
TEXTS = {
    HEADER: "#define is_pump(x) ((x) == 1)\n",
    PUMP: "#include <xen/pump.h>\nint pump(int x) { return is_pump(x); }\n",
    VALVE: "#include <xen/pump.h>\nint valve(int x) { return is_pump(x); }\n",
    PIPE: "int pipe;\n",
}
CONFIGS = ("x86_64-debug", "x86_64-release", "arm64-debug")
ASKS = {
    HEADER: (Ask(8, "is_pump", None, None),),
    PUMP: (Ask(46, "is_pump", 54, None),),
    VALVE: (Ask(47, "is_pump", 55, None),),
}


class Configuration:
    """What is asked of a prepared configuration."""

    def __init__(self, root: Path, name: str, sources: tuple[str, ...]) -> None:
        self.root, self.key, self.config = root, name, BY_NAME[name]
        self.units = tuple(Unit(s, "xen", ("-I", f"{root}/xen/include")) for s in sources)


@pytest.fixture
def prepared(tmp_path: Path) -> list[Prepared]:
    for path, text in TEXTS.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return [cast(Prepared, Configuration(tmp_path, name, (PUMP, VALVE, PIPE))) for name in CONFIGS]


def names(todo: Todo) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for p, unit in todo:
        out.setdefault(p.config.name, []).append(Path(unit.source).stem)
    return out


def plan(prepared: list[Prepared], changed: set[str] | None) -> Plan:
    files = Files(prepared[0].root, dict.fromkeys(TEXTS, "100644"), {})
    return Plan(prepared, files, ASKS, changed)


def carry_out(plan: Plan, todo: Todo) -> None:
    for p, unit in todo:
        plan.done(p, unit, (unit.source, HEADER) if unit.source != PIPE else (unit.source,))


def test_without_knowledge_all_read_all(prepared: list[Prepared]) -> None:
    every = plan(prepared, None)
    assert names(every.first()) == {c: ["pump", "valve"] for c in CONFIGS}
    carry_out(every, every.first())
    assert every.next(lambda path, asks: True) == []


def test_a_changed_source_is_read_everywhere_and_the_rest_once_for_each_architecture(prepared: list[Prepared]) -> None:
    some = plan(prepared, {VALVE})
    both = ["pump", "valve"]
    assert names(some.first()) == {"x86_64-debug": both, "x86_64-release": ["valve"], "arm64-debug": both}


def test_a_changed_source_is_read_though_no_name_is_left_in_it(prepared: list[Prepared]) -> None:
    some = plan(prepared, {PIPE})
    assert all("pipe" in found for found in names(some.first()).values()) and len(names(some.first())) == 3


def test_a_changed_header_is_read_everywhere_through_the_nearest_unit(prepared: list[Prepared]) -> None:
    some = plan(prepared, {HEADER})
    assert "x86_64-release" not in names(some.first())
    carry_out(some, some.first())
    assert names(some.next(lambda path, asks: True)) == {"x86_64-release": ["pump"]}


def test_what_no_configuration_has_seen_is_looked_for_in_the_others(prepared: list[Prepared]) -> None:
    some = plan(prepared, set())
    carry_out(some, some.first())
    more = some.next(lambda path, asks: path != VALVE)
    assert names(more) == {"x86_64-release": ["valve"]}
    carry_out(some, more)
    assert some.next(lambda path, asks: path != VALVE) == []
