"""unseen_changes: what changes in the text of public headers where no layout that was made shows it.

The layouts are those of four compilers, for the tools, for guests of each interface
version and for the hypervisor.  Definitions for assembly, for other compilers, inline
functions, headers that do not stand alone: there the text is what there is, and a change
of it is not shown to be none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...ctext.entities import Entity
from ...ctext.lexer import Kind
from ..case import Case
from ..changes import changed_entities
from ..result import Finding
from .headers import PUBLIC

# Conditions that the readers meet in one way or the other.
_MET = re.compile(
    r"#(?:ifndef|if ! ?defined \(?) ?_?\w+_H_*\b.*"
    r"|#(?:if|ifdef|ifndef|elif|else)\b(?:[\s()!<>=&|#]|\b(?:defined|ifdef|ifndef|elif|if|else|0[xX][0-9a-fA-F]+|__XEN__|"
    r"__XEN_TOOLS__|__XEN_INTERFACE_VERSION__|__XEN_LATEST_INTERFACE_VERSION__|__i386__|__x86_64__|__arm__|__aarch64__)\b)*"
)
_PROSE = re.compile(r"#ifndef __ASSEMBLY__\Z")


def unseen_changes(case: Case, items: Iterable[str]) -> list[Finding]:
    """One finding for each.

    :param items: keys of both sides' layouts, as in :class:`.headers.Interface`.
    """
    names = {key.split("\t", 3)[3].partition(".")[0] for key in items}
    out = []
    for c in changed_entities(case):
        if not c.path.startswith(PUBLIC) or c.kind in ("conditional", "order"):
            continue
        around = (u for e in (c.old, c.new) if e is not None for u in (*e.under, *_inside(e)))
        hidden = next((u for u in around if not _met(u)), "")
        if c.kind == "include" and not hidden and (c.old is None or c.new is None):
            continue  # what it brings is laid out
        if hidden:
            out.append(
                Finding(c.path, f"{c.kind} {c.name} changes under {hidden}, which no reader here meets both ways")
            )
        elif c.kind not in ("macro", "type", "undef") or not _laid_out(c.name, names):
            out.append(Finding(c.path, f"{c.kind} {c.name} changes, and no layout shows what it does"))
    return out


def _inside(entity: Entity) -> list[str]:
    """The conditional lines that a definition holds."""
    out: list[list[str]] = []
    for t in entity.tokens if entity.kind != "macro" else ():
        if t.kind is Kind.DIRECTIVE:
            out.append([])
        if out and t.in_directive and t.kind is not Kind.END:
            out[-1].append(t.text)
    return [" ".join(line) for line in out if line[0].lstrip("# \t") in ("if", "ifdef", "ifndef", "elif")]


def _met(condition: str) -> bool:
    return bool(_PROSE.match(condition) or _MET.fullmatch(condition))


def _laid_out(name: str, names: set[str]) -> bool:
    return name in names or name.startswith("anonymous ")
