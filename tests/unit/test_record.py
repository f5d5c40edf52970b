"""What clang is asked for each name, and what is found by looking at all it has, is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from xenstage.cache import Cache
from xenstage.errors import XenstageError
from xenstage.index import record
from xenstage.index.pool import portions
from xenstage.index.sites import Index, index_names
from xenstage.index.sweep import Files
from xenstage.tree.config import BY_NAME
from xenstage.tree.prepare import Prepared, Unit

HEAD = """\
#ifndef PUMP_H
#define PUMP_H
struct domain { int kind; };
struct vcpu { struct domain *domain; };
extern struct vcpu *get_pump(void);
#define current (get_pump())
#define is_pump_domain(d) ((d)->kind == 1)
#define is_pump_vcpu(v) is_pump_domain((v)->domain)
#define ASSERT(x) do { if ( !(x) ) __builtin_trap(); } while ( 0 )
#define EITHER(a, b) ((a) || (b))
#define MAKES(name) int name(struct domain *d)
#endif
"""
SOURCES = {
    "plain": "int f(struct vcpu *v)\n{\n    return is_pump_vcpu(v) || is_pump_domain(v->domain);\n}\n",
    "only in arguments": "void f(struct domain *d)\n{\n    ASSERT(EITHER(!d, is_pump_domain(d)));\n}\n",
    "a macro as argument": "int f(void)\n{\n    int a = 1;\n\n    if ( a )\n        return is_pump_vcpu(current);\n"
    "    ASSERT(is_pump_vcpu(current));\n    return 0;\n}\n",
    "a function that a macro makes": "MAKES(g)\n{\n    return is_pump_domain(d) && is_pump_vcpu(current);\n}\n",
    "skipped": "#ifdef NO_PUMP\nint f(struct domain *d)\n{\n    return is_pump_domain(d);\n}\n#endif\n",
    "twice": '#include "pump.h"\nint f(struct domain *d)\n{\n    return is_pump_domain(d);\n}\n',
    "comment": "/* is_pump_vcpu(v) is meant */\nint f(struct vcpu *v)\n{\n    return is_pump_vcpu(v);\n}\n",
    "no use of it": "int is_pump(void)\n{\n    return 1;\n}\n",
}
NAMES = ("is_pump_domain", "is_pump_vcpu", "kind")


def index(place: Path, texts: dict[str, str]) -> Index:
    for path, text in texts.items():
        (place / path).write_text(text)
    files = Files(place, dict.fromkeys(texts, "100644"), {})
    units = tuple(Unit(p, ".", ("-c", "-std=gnu99", p)) for p in sorted(texts) if p.endswith(".c"))
    one = Prepared(BY_NAME["x86_64-debug"], place, "fragments", units)
    return index_names(files, [one], NAMES, cache=Cache(place / "cache"))


def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: dict[str, str]) -> tuple[Index, Index, list[str]]:
    """The index by questions, the one by looking at all, and where questions were not enough."""
    looked: list[str] = []
    look = record._Record._look_at_all

    def noting(self: Any) -> None:
        looked.append(self._job.unit.source)
        look(self)

    monkeypatch.setattr(record._Record, "_look_at_all", noting)
    places = [tmp_path / name for name in ("asked", "looked")]
    for place in places:
        place.mkdir()
    asked = index(places[0], texts)
    where = list(looked)
    monkeypatch.setattr(record._Record, "_enough", lambda self: False)
    return asked, index(places[1], texts), where


@pytest.mark.parametrize("what", SOURCES)
def test_questions_find_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    texts = {"pump.h": HEAD, "pump.c": f'#include "pump.h"\n{SOURCES[what]}'}
    asked, looked, where = both(tmp_path, monkeypatch, texts)
    assert asked.to_json() == looked.to_json()
    assert not where or what == "only in arguments", "that costs ten times as much"
    found = {(s.path, s.kind, s.subject) for s in asked.sites if s.name == "is_pump_vcpu" and s.path == "pump.c"}
    if what in ("plain", "a macro as argument", "a function that a macro makes"):
        assert found == {("pump.c", "code", "vcpu")}


def test_a_name_with_a_line_end_inside_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    odd = '#include "pump.h"\nint f(struct domain *d)\n{\n    return is_pump_\\\ndomain(d) + is_pump_domain(d);\n}\n'
    with pytest.raises(XenstageError, match="disagree"):
        index(tmp_path, {"pump.h": HEAD, "pump.c": odd})


def test_a_file_that_is_read_twice_is_looked_at_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a guard the second reading may be another: clang tells of places in the first one only."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    body = "#ifdef SECOND\nstatic inline int NAME(struct domain *d)\n{\n    return is_pump_domain(d);\n}\n#endif\n"
    source = '#include "pump.h"\n#include "body.h"\n#define SECOND\n#define NAME second\n#include "body.h"\n'
    use = "int f(struct domain *d)\n{\n    return is_pump_domain(d);\n}\n"
    asked, looked, where = both(tmp_path, monkeypatch, {"pump.h": HEAD, "body.h": body, "pump.c": source + use})
    assert where == ["pump.c"] and asked.to_json() == looked.to_json()
    assert [s.unseen for s in asked.sites if s.path == "body.h"] == [""], "compiled in the second reading"


@pytest.mark.parametrize(("count", "workers"), [(1, 2), (4, 2), (156, 2), (156, 16)])
def test_everything_is_handed_out_and_no_worker_is_left_with_much(count: int, workers: int) -> None:
    sizes = portions(count, workers)
    assert sum(sizes) == count and sizes == sorted(sizes, reverse=True) and sizes[-1] == 1
    assert sizes[0] <= max(1, count / workers / 2)
