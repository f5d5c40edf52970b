"""dom0's part of hvm-linux-save: what it shows after a restore, and of what it shows nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from xenstage.boot.image.image import DATA

# What the guest's init does, quicker; and an xl that starts, stops and starts it again.
GUEST = """\
count=$1
while [ -e "$RUN/on" ]; do
    count=$((count + 1))
    echo $count >"$RUN/memory"
    printf 'count %d\\r\\nxenstage-guest hvm-linux-save beef up HVM\\r\\n' $count >>"$RUN/hvm-linux-save.serial"
    sleep 0.3
done
"""
XL = """\
#!/bin/sh
case $1 in
create) touch "$RUN/on"; sh "$RUN/guest" 0 >/dev/null 2>&1 & ;;
save) rm "$RUN/on"; sleep 0.5; [ -z "$NO_SAVE" ] || { echo "it cannot be saved"; exit 3; } ;;
restore) touch "$RUN/on"; sh "$RUN/guest" ${ANEW:-$(cat "$RUN/memory")} >/dev/null 2>&1 & ;;
destroy) rm -f "$RUN/on" ;;
esac
"""
MARKER = "xenstage-guest hvm-linux-save beef up HVM"


def shown(tmp_path: Path, **more: str) -> list[str]:
    (tmp_path / "guest").write_text(GUEST)
    (tmp_path / "xl").write_text(XL)
    (tmp_path / "xl").chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "RUN": str(tmp_path), **more}
    done = subprocess.run(["sh", DATA / "save-linux.sh"], env=env, capture_output=True, text=True, timeout=60)
    return done.stdout.replace("\r", "").splitlines()


def test_what_a_guest_prints_after_it_was_restored_is_shown(tmp_path: Path) -> None:
    lines = shown(tmp_path)
    assert MARKER in lines and lines.index("xl restore: exit 0") < lines.index(MARKER)
    counts = [int(line.split()[1]) for line in lines if line.startswith("count ")]
    assert counts == list(range(counts[0], counts[0] + len(counts))) and counts[0] > 4, "it goes on"


@pytest.mark.parametrize(
    ("more", "said"),
    [({"ANEW": "0"}, "it does not go on: 1 after"), ({"NO_SAVE": "1"}, "xl save: exit 3")],
    ids=["starts anew", "is not saved"],
)
def test_one_that_does_not_go_on_shows_no_marker(tmp_path: Path, more: dict[str, str], said: str) -> None:
    lines = shown(tmp_path, **more)
    assert MARKER not in lines and any(line.startswith(said) for line in lines), lines
