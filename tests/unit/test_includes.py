"""Who includes whom is worked out once for all patches that change nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from xenstage.index import includes
from xenstage.index.includes import Includes
from xenstage.index.sweep import Files
from xenstage.tree.prepare import Prepared, Unit

HEADER, SOURCE = "xen/include/xen/a.h", "xen/common/a.c"


class Configuration:
    """What is asked of a prepared configuration."""

    def __init__(self, root: Path) -> None:
        self.root, self.key = root, "one"
        self.units = (Unit(SOURCE, "xen", ("-I", f"{root}/xen/include")),)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    for path, text in ((HEADER, "int a;\n"), (SOURCE, "#include <xen/a.h>\n")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return Files(tmp_path, dict.fromkeys((HEADER, SOURCE), "100644"), {})


def units(files: Files) -> list[str]:
    config = cast(Prepared, Configuration(files.root))
    return [u.source for u in Includes(files).units(config, HEADER)]


def test_a_patch_that_changes_no_include_asks_nothing_again(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    assert units(files) == [SOURCE]

    def never(*_: object) -> None:
        raise AssertionError("worked out again")

    monkeypatch.setattr(includes, "_Roads", never)
    assert units(files.with_overlay({HEADER: b"int a, b;\n"})) == [SOURCE]


def test_a_patch_that_does_is_seen(files: Files) -> None:
    assert units(files) == [SOURCE]
    assert units(files.with_overlay({SOURCE: b"int alone;\n"})) == []
    assert units(files.with_overlay({SOURCE: b"int alone;\n", HEADER: b"int a;\n"})) == []
    assert units(files) == [SOURCE]
