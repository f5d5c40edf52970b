"""Names, messages and comments of the hypervisor that say PVH, and the flag itself."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xenstage.errors import Exit, XenstageError
from xenstage.stage.view import View

from .declared import declare

XEN = "xen/"
HELPERS = {
    "pvh_supported": "unemulated_supported",
    "handle_pvh_io": "handle_native_pio",
    "pvh_skip_pv_stuff": "skip_pv_state",
    "save_pvh_pg_mode": "saved_paging_mode",
    "pvh_add_mem_mapping": "dom0_add_mem_mapping",
    "pvh_map_all_iomem": "dom0_map_all_iomem",
    "pvh_setup_e820": "dom0_setup_e820",
    "pvh_fixup_page_tables_for_hap": "dom0_fixup_page_tables_for_hap",
    "hap_set_alloc_for_pvh_dom0": "hap_set_alloc_for_dom0",
}
ELSEWHERE = {"check_dom0_pvh_reqs": "check_dom0_reqs"}  # of releases before the one that the stage was made for
RENAME = "named for what it does"
WORDS = "say what is meant"
WHY = "to Xen there is no PVH any more"

# What is said, what shall be: patterns, and texts with their groups (words.toml).
SAID = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))["said"]
# Anywhere in the hypervisor: a note that stays, but for the word.
NOTES = ((r"\b[Pp][Vv][Hh] ?(fixme|32bitfixme)", r"\1"),)

DOCUMENTED = {
    "xen/arch/x86/setup.c": r"dom0pvh|Boot dom0 in pvh mode",
    "xen/include/public/arch-x86/xen.h": r".",
}


def helpers(view: View) -> None:
    """Functions, labels and variables get names for what they do."""
    done = 0
    for old, new in (*HELPERS.items(), *ELSEWHERE.items()):
        if any(h.path.startswith(XEN) for h in view.uses(old)):
            done += view.rename(old, new, rule=RENAME, reason=WHY, path=XEN)
        elif not view.uses(new) and old not in ELSEWHERE:
            view.note(f"there is no {old} here")
            view.absent(old)
    view.stay_rest("another thing of that name: not in the hypervisor", where=lambda s: not s.path.startswith(XEN))
    view.fact("helpers", done)


def words(view: View) -> None:
    """Messages and comments."""
    files = [p for p in view.files.paths() if p.startswith(XEN)]
    declare(view, "words")
    rows = _rows("words") + [(p, x, n) for x, n in NOTES for p in files]
    view.fact("words", _say(view, rows, WORDS))


def documents(view: View) -> None:
    """What documentation says of PVH as a mode or a flag."""
    view.fact("documents", _say(view, _rows("documents"), "correct the documentation"))


def _rows(patch: str) -> list[tuple[str, str, str]]:
    return [(e["file"], e["was"], e["now"]) for e in SAID if e["patch"] == patch]


def _say(view: View, rows: Iterable[tuple[str, str, str]], rule: str) -> int:
    """Put other words in the place of each match in its file, and count them."""
    taken: set[tuple[str, int]] = set()
    silent: list[str] = []
    for path, pattern, new in rows:
        data = view.read(path).decode("latin-1") if view.files.has(path) else ""
        found = list(re.finditer(_loose(pattern), data))
        if not found and (pattern, new) not in NOTES:
            silent.append(f"{path}: {pattern[:40]}")
        for m in found:
            if (path, m.start()) not in taken:
                taken.add((path, m.start()))
                at = view.region(path, m.start(), m.end(), "prose")
                view.replace(at, m.expand(new), rule=rule, reason=WHY)
    # Other releases have these.  In the hypervisor :func:`check` stops at a line that still says PVH; nobody
    # looks for one in documentation.
    elsewhere = [s for s in silent if s.startswith(XEN)]
    if elsewhere:
        view.fact("texts of other releases", elsewhere)
    if rest := [s for s in silent if s not in elsewhere]:
        view.note(f"{len(rest)} texts of words.toml are not in this tree: {'; '.join(rest)}")
    return len(taken)


def _loose(pattern: str) -> str:
    """A blank in prose is any white space, and the star of a comment's next line."""
    return re.sub(r"(?<=\S) (?=[^+{?*])", r"(?:\\s+\\*)?\\s+", pattern)


FLAG = "PVH is no flag"
COMMENT = """\
/*
 * A guest is PV, or it runs in an HVM container.  What is emulated for one in
 * a container, its features say.
 */"""
ASKED = {"hvm": "has_all_features($d)", "pvh": "is_bare_domain($d)"}
BARE = """\
#define is_bare_domain(d) \\
    ((d)->guest_type == guest_type_hvm && !(d)->features)"""
SETS = "/* The only two sets: all of them, or none. */"
TESTS = ("is_pvh_domain", "is_pvh_vcpu", "is_hvm_domain", "is_hvm_vcpu")


def drop_flag(view: View) -> None:
    """The field, its predicates, the empty set's name; is_hvm_domain() says what the type says."""
    header = view.struct("domain", "xen/include/").path
    left_over = [s for s in view.sites(*TESTS) if s.kind in ("code", "macro body") and s.path != header]
    for site in left_over:
        question = ASKED["hvm" if "hvm" in site.name else "pvh"]
        view.ask_instead(site, question, rule=FLAG, reason="nobody judged what it is about: it asks for the whole set")
    if left_over:
        why = "an HVM guest without features, for what nobody judged"
        view.insert_after(view.macro("has_all_features", header), BARE, rule=FLAG, reason=why)
        view.note(f"{len(left_over)} tests of is_pvh_*() and is_hvm_*() were left, and ask for all features")
    view.delete(view.field(view.struct("domain", header), "is_pvh"), rule=FLAG, reason="the features say it")
    for name in ("is_pvh_domain", "is_pvh_vcpu", "is_hvm_vcpu"):
        view.delete(view.macro(name, header), rule=FLAG, reason="nobody asks any more", comment=False)
    view.delete(view.function("is_hvm_domain", header), rule=FLAG, reason="nobody asks any more", comment=False)
    create = view.function("domain_create", "xen/common/")
    view.delete(
        view.run_of(create, "$d:word->is_pvh = !features;"), rule=FLAG, reason="the features say it", comment=False
    )
    sets = view.macro("DOMFEAT_PVH", header)
    view.delete(sets, rule=FLAG, reason="none is 0", comment=False)
    said = view.comment_before(view.macro("DOMFEAT_HVM", header))
    if said is not None:
        view.replace(said, SETS, rule=FLAG, reason="which the creator says now")
    comment = view.comment_before(view.enum("guest_type", header))
    if comment is not None and "is_pvh" in comment.text:
        view.replace(comment, COMMENT, rule=FLAG, reason="PVH is none of it")
    view.stay_rest("the predicate, or prose about it")


def left(view: View) -> list[str]:
    """Every line of the hypervisor that says PVH: "path: text"."""
    out = []
    for path in view.files.paths():
        if path.startswith(XEN):
            data = view.read(path)
            if b"pvh" in data.lower():
                lines = data.decode("latin-1").split("\n")
                out += [f"{path}: {' '.join(x.split())}" for x in lines if "pvh" in x.lower()]
    return sorted(out)


def check(before: View, after: View) -> dict[str, Any]:
    """The stage's promise: once the flag is gone, only the command line and guests' documentation say PVH.

    :raises XenstageError: (SITE) naming lines that do all the same.
    """
    lines = left(after)
    if not after.uses("is_pvh", "is_pvh_domain", "is_pvh_vcpu"):
        other = [x for x in lines if not _documented(x)]
        if other:
            raise XenstageError(
                Exit.SITE,
                f"{len(other)} lines of the hypervisor still say PVH",
                why="\n".join(other[:20]),
                remedy="teach the stage (stages/06_drop_pvh/names.py) what they shall say; no series was written",
            )
    return {"pvh": lines, "facts": {"pvh": len(lines)}}


def _documented(line: str) -> bool:
    path, _, text = line.partition(": ")
    return path in DOCUMENTED and re.search(DOCUMENTED[path], text) is not None
