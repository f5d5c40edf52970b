"""What is in the repository is text that people wrote: no wheel, image or cache comes in with ``git add -A``."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent.parent
MOST = 128 * 1024  # bytes of a file


def test_every_file_is_text_of_a_length_that_people_read() -> None:
    listed = subprocess.run(["git", "-C", TOP, "ls-files", "-z"], capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a clone")
    odd = []
    for path in (TOP / p.decode() for p in listed.stdout.split(b"\0") if p):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if b"\0" in data or len(data) > MOST:
                odd.append(f"{path.relative_to(TOP)}: {len(data)} bytes")
    assert not odd
