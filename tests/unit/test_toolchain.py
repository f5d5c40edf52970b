"""What a compiler says of itself: asked once, and again when it is another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenstage.errors import XenstageError
from xenstage.process import Runner
from xenstage.tree.toolchain import version_line

SCRIPT = "#!/bin/sh\necho x >>{count}\necho '{line}'\n"


def test_a_program_is_asked_once_and_again_when_it_was_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    count, program = tmp_path / "count", tmp_path / "wcc"

    def install(line: str) -> None:
        program.write_text(SCRIPT.format(count=count, line=line))
        program.chmod(0o755)

    install("wcc 1.0")
    assert [version_line("wcc", Runner()) for _ in range(3)] == ["wcc 1.0"] * 3
    assert count.read_text() == "x\n"
    install("wcc 2.0 (rc)")
    assert version_line("wcc", Runner()) == "wcc 2.0 (rc)"
    program.unlink()
    with pytest.raises(XenstageError):
        version_line("wcc", Runner())
