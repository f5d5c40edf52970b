"""The matrix shows and counts harm; and a selection of git's part."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import git
from .__main__ import main, show
from .kit import Answer, Ground, Trial, whole_digest
from .settings import SETTINGS
from .variables import VARIABLES


def test_nothing_is_harmed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = show(git.trials(Ground(tmp_path, None, full=False)))
    assert held, capsys.readouterr().out


def test_the_matrix_is_as_large_as_it_says() -> None:
    assert len({name for one in VARIABLES.values() for name in one if name.startswith("GIT_")}) >= 30
    assert len(VARIABLES) >= 30 and len(SETTINGS) >= 20


def test_a_digest_sees_what_a_user_would_miss(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("1")
    (tmp_path / "one").chmod(0o644)
    seen = {whole_digest(tmp_path)}
    (tmp_path / "one").chmod(0o755)
    seen.add(whole_digest(tmp_path))
    (tmp_path / "one").write_text("2")
    seen.add(whole_digest(tmp_path))
    (tmp_path / "two").symlink_to("one")
    seen.add(whole_digest(tmp_path))
    (tmp_path / "empty").mkdir()
    seen.add(whole_digest(tmp_path))
    assert len(seen) == 5


def test_harm_is_shown_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    answers = (Answer(True, "same bytes"), Answer(False, "other bytes"))
    assert not show(Trial("group", f"trial {i}", lambda a=a: a) for i, a in enumerate(answers))  # type: ignore[misc]
    out = capsys.readouterr().out
    assert "! group" in out and "1 of 2 without harm" in out


def test_an_unknown_part_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nonsense"])
    assert "nonsense" in capsys.readouterr().err
