"""The sample and the guests are our own text: no run of five lines of theirs stands in the Xen tree."""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

from .conftest import PROJECT

RUN = 5
OWN = ("tests/sample/tree", "guests")
# Of these every program is full: they neither make a run nor end one.
_NOTHING = re.compile(rb"\W*(?:else|do|break|endif|default|SPDX-License-Identifier.*)?\W*\Z")


def lines(data: bytes) -> Iterator[bytes]:
    """The lines that say something, white space made one blank."""
    for line in data.split(b"\n"):
        text = b" ".join(line.split())
        if not _NOTHING.match(text):
            yield text


def runs(data: bytes) -> Iterator[tuple[bytes, ...]]:
    """Every run of five lines that say something."""
    said = list(lines(data))
    return zip(*(said[i:] for i in range(RUN)), strict=False)


def test_lines_that_say_something() -> None:
    text = (
        b"/* SPDX-License-Identifier: GPL-2.0-only */\n\n{\n}  else\n\tif ( a\t)\n  };\n#endif\n break;\nreturn  a;\n"
    )
    assert list(lines(text)) == [b"if ( a )", b"return a;"]


def test_no_run_of_five_lines_stands_in_the_tree(real_tree: Path) -> None:
    ours: dict[tuple[bytes, ...], str] = {}
    for top in OWN:
        for path in sorted((PROJECT / top).rglob("*")):
            if path.is_file():
                ours.update(dict.fromkeys(runs(path.read_bytes()), path.relative_to(PROJECT).as_posix()))
    assert len(ours) > 1000
    firsts = {run[0] for run in ours}
    found: list[str] = []
    archive = subprocess.Popen(["git", "-C", str(real_tree), "archive", "HEAD"], stdout=subprocess.PIPE)
    with archive, tarfile.open(fileobj=archive.stdout, mode="r|") as tar:
        for member in tar:
            data = tar.extractfile(member) if member.isfile() else None
            text = data.read() if data is not None else b""
            if b"\0" in text[:4096]:
                continue
            said = list(lines(text))
            for i, line in enumerate(said[: 1 - RUN]):
                if line in firsts and (run := tuple(said[i : i + RUN])) in ours:
                    found.append(f"{ours[run]} and {member.name}:\n" + b"\n".join(run).decode("utf-8", "replace"))
    assert archive.returncode == 0
    assert not found, "\n\n".join(found)
