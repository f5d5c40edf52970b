"""The verb on the sample tree, as a user types it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.kit import CONFIG, shell
from xenstage.cli.main import main


def test_rows_are_the_series_own_commits(tmp_path: Path) -> None:
    out = tmp_path / "out"
    argv = ("matrix", "01", "02", "--every-patch", "--tree", "sample", "--config", CONFIG, "--out", str(out))
    place = tmp_path / "bin"
    place.mkdir()
    for path in (p for d in os.environ["PATH"].split(":") if Path(d).is_dir() for p in sorted(Path(d).iterdir())):
        if not path.name.startswith(("qemu", "bochs")) and not (place / path.name).is_symlink():
            (place / path.name).symlink_to(path)
    got = shell(*argv, cache=tmp_path / "cache", more={"PATH": str(place)})
    assert got.code == 8, got.err
    rows = [line.split()[0] for line in got.out.splitlines()[1:8]]
    one, two = "01_merge_hcall_tables", "02_pvh_flag"
    assert rows == ["base", *(f"{one}/{n}" for n in range(1, 5)), f"{two}/1", f"{two}/2"]
    assert "is not installed (type: apt-get install" in got.out and "35 cells: 35 SKIP" in got.out
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
