"""What is said of long work, and that small pieces of it say nothing."""

from __future__ import annotations

import io

from xenstage.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def said(stream: io.StringIO, total: int, least: int, seconds: float) -> str:
    now = [0.0]
    progress = Progress("parse", total, least=least, stream=stream, clock=lambda: now[0])
    for i in range(total):
        now[0] += seconds
        progress.step(f"unit {i + 1}")
    progress.close()
    return stream.getvalue()


def test_a_quarter_of_the_work_has_a_line_where_there_is_no_terminal() -> None:
    lines = said(io.StringIO(), 40, 40, 0.1).splitlines()
    assert lines[0] == "parse: 1/40 unit 1" and lines[-1] == "parse: 40/40 unit 40" and len(lines) == 5


def test_a_small_piece_says_nothing() -> None:
    assert said(io.StringIO(), 39, 40, 0.1) == "" and said(Terminal(), 39, 40, 0.1) == ""
    assert "40/40" in said(Terminal(), 40, 40, 0.1)


def test_a_small_piece_that_is_late_is_told() -> None:
    assert said(io.StringIO(), 2, 40, 31).splitlines()[0] == "parse: 1/2, about 31 s left, unit 1"
