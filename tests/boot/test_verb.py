"""The verb on the sample tree, as a user types it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.kit import CONFIG, shell
from xenstage.boot.matrix.plan import choose_guests
from xenstage.cli.main import main


def test_rows_are_the_series_own_commits(tmp_path: Path) -> None:
    out = tmp_path / "out"
    argv = ("matrix", "01", "02", "--every-patch", "--tree", "sample", "--config", CONFIG, "--out", str(out))
    place = tmp_path / "bin"
    place.mkdir()
    for path in (p for d in os.environ["PATH"].split(":") if Path(d).is_dir() for p in sorted(Path(d).iterdir())):
        if not path.name.startswith(("qemu", "bochs")) and not (place / path.name).is_symlink():
            (place / path.name).symlink_to(path)
    got = shell(*argv, cache=tmp_path / "cache", more={"PATH": str(place), "COLUMNS": "80"})
    assert got.code == 8, got.err
    rows = got.out.splitlines()[0].split()
    assert rows == ["base", *(f"01/{n}" for n in range(1, 5)), "02/1", "02/2"]
    cells = 7 * len(choose_guests(None))
    assert "is not installed (type: apt-get install" in got.out and f"{cells} cells: {cells} SKIP" in got.out
    assert sorted(p.name for p in (out / "matrix").glob("[!.]*")) == ["matrix.html", "matrix.json"]


@pytest.mark.parametrize(
    "argv",
    [["--repeat", "0"], ["--jobs", "x"], ["--guest", "windows"], ["--bisect", "x"], ["--machine", "vax"], ["07"]],
)
def test_wrong_command_lines(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(["matrix", *argv])
    except SystemExit as e:  # argparse
        code = int(str(e.code))
    assert code == 2 and capsys.readouterr().err
