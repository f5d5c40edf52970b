"""try_patch: one patch of a stage on a few fragments of C in memory, without a tree or a compiler.

The fragments are parsed by libclang as they stand and rewritten by the very code that
makes a series.  What a fragment needs of Xen it may leave out: functions without a
declaration are taken to return int, and :data:`PRELUDE` stands before every file.

Examples are written in Markdown, to be read and run (:func:`read_examples`)::

    ## rename: what the example shows
    ```c before
    …
    ```
    ```c after xen/common/other.c
    …
    ```

A heading begins an example; the word before the colon is the rewrite function's name.
"before" and "after" stand with a path, or without one for ``xen/common/sample.c``.
A file that has no "after" stays; one that has no "before" is new; an "after" that is empty
is a file that is gone.  In the place of "after" a block ``refused`` says what the error
says.  A block ``decisions`` is the stage's decisions.toml for this example.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..cache import Cache
from ..index.sites import Index, index_names
from ..index.sweep import Files
from ..stage.declare import Patch, Stage
from ..stage.view import View
from ..tree.config import BY_NAME
from ..tree.prepare import Prepared, Unit
from .rewriting import rewrite

BASE = "fragments"  # the base commit, as far as decisions ask
SAMPLE = "xen/common/sample.c"
PRELUDE = """\
typedef unsigned char bool_t;
struct domain;
struct vcpu { struct domain *domain; int vcpu_id; };
extern struct vcpu *current;
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define ASSERT(p) do { if ( !(p) ) assert_failed(#p); } while (0)
#define BUG_ON(p) do { if ( p ) bug(); } while (0)
#define NULL ((void *)0)
"""
_ARGS = ("-std=gnu89", "-Wno-everything")


def try_patch(stage: Stage, patch: Patch, fragments: Mapping[str, str]) -> dict[str, str | None]:
    """What a patch makes of fragments: path to text, None for a file that goes; only what changes.

    :raises XenstageError: as the series does.
    """
    with tempfile.TemporaryDirectory() as empty:
        files = Files(Path(empty), {}, {path: text.encode() for path, text in fragments.items()})
        (files.root / "prelude.h").write_text(PRELUDE)
        before = _view(files, stage, patch)
        done = rewrite(before, stage, patch)
        after = _view(done.files, stage, patch)
        if stage.check:
            stage.check(before, after)
        after.index.coverage()  # what the patch makes of the fragments can be parsed
    return {p: data.decode() if data is not None else None for p, data in done.changed.items()}


def _view(files: Files, stage: Stage, patch: Patch) -> View:
    names = {n for p in stage.patches for n in (*p.names, *p.introduces)} - set(stage.keeps)
    define = {n for p in stage.patches for n in p.defines}

    def index() -> Index:
        args = (*_ARGS, f"-I{files.root}/xen/include", "-include", f"{files.root}/prelude.h")
        units = tuple(Unit(p, ".", ("-c", *args, p)) for p in files.paths() if p.endswith(".c"))
        prepared = Prepared(BY_NAME["x86_64-debug"], files.root, "fragments", units)
        return index_names(files, [prepared], names, cache=Cache(files.root / "cache"), define=define)

    return View(files, index, patch.names, BASE)


@dataclass
class Example:
    """One example; ``rewrite`` is the name in its heading."""

    title: str
    rewrite: str
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    refused: str = ""
    code: str = ""
    decisions: str = ""

    @property
    def expected(self) -> dict[str, str | None]:
        """What :func:`try_patch` returns if the example holds."""
        out: dict[str, str | None] = {p: t or None for p, t in self.after.items() if self.before.get(p) != t}
        return out


_BLOCK = re.compile(r"^```(\w+)(?: (before|after))?(?: (\S+))?\n(.*?)^```$", re.M | re.S)


def read_examples(text: str) -> list[Example]:
    """The examples of a Markdown text, in order; sections without blocks are none."""
    out: list[Example] = []
    for section in re.split(r"^(?=#+ )", text, flags=re.M):
        title, _, body = section.partition("\n")
        name = re.match(r"#+ (\w+):", title)
        example = Example(title.lstrip("# "), name.group(1) if name else "")
        for language, role, path, block in _BLOCK.findall(body):
            if role:
                (example.before if role == "before" else example.after)[path or SAMPLE] = block
            elif language == "refused":
                example.refused = block.strip()
            elif language == "decisions":
                example.decisions = block
            elif language == "python":
                example.code = block
        if example.before or example.after:
            out.append(example)
    return out
