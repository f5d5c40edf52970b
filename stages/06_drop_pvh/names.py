"""Names, messages and comments of the hypervisor that say PVH, and the flag itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
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
RENAME = "named for what it does"
WORDS = "say what is meant"
WHY = "to Xen there is no PVH any more"

# File, what stands there (a blank is any white space and the comment's next star), what shall.
SAID = (
    ("arch/x86/domain.c", r"Xen currently does not support 32bit PVH guests", "32bit guests without emulated devices are not supported"),
    ("arch/x86/domain.c", r"PV/PVH guests get an emulated PIT too", "Guests without devices get a PIT, too,"),
    ("arch/x86/domain_build.c", r"pvh fixme: (The following doesn't map MMIO ranges when they sit above the\n) \* +", r"fixme: \1 *        "),
    ("arch/x86/domain_build.c", r"pvh_add_mem_mapping: gfn", "Cannot map for dom0: gfn"),
    ("arch/x86/domain_build.c", r"Kernel does not support PVH mode", "Kernel does not support events by callback vector"),
    ("arch/x86/domain_build.c", r"pvh: we temporarily", "We temporarily"),
    (
        "arch/x86/domain_build.c",
        r"PVH: We need to update si->shared_info while we are on dom0 page tables, but need to defer the p2m update "
        r"until after we have fixed up the page tables for PVH so that the m2p for the si pte entry returns correct pfn\.",
        "In an HVM container si->shared_info needs to be updated while we are on\n"
        "     * dom0 page tables, but the p2m only after the page tables were fixed up\n"
        "     * for HAP, so that the m2p for the si pte entry returns correct pfn.",
    ),
    ("arch/x86/domain_build.c", r"Unsupported option dom0_shadow for PVH", "Unsupported option dom0_shadow in an HVM container"),
    ("arch/x86/hvm/hvm.c", r"HVM: PVH mode not supported on this platform", "HVM: guests without devices not supported"),
    ("arch/x86/hvm/hvm.c", r"Attempt to create a PVH guest ", "Attempt to leave devices out "),
    ("arch/x86/hvm/hvm.c", r"PVH guest must have HAP on", "A guest without devices must have HAP on"),
    ("arch/x86/hvm/hvm.c", r"A pvh is not expected to change to real mode\.", "It never was in real mode, and cannot change to it."),
    ("arch/x86/hvm/hvm.c", r"PVH attempting to turn off PE/PG\.", "Attempt to turn off PE/PG without real mode."),
    (
        "arch/x86/hvm/hvm.c",
        r"What the table holds where HVM and PVH guests differ\. PVH guests have the PV interface to memory and to VCPUs; "
        r"HVM guests have only a part of it\.",
        "What the table holds where features decide.  Guests without them have the\n"
        " * PV interface to memory and to VCPUs; the others have only a part of it.",
    ),
    ("arch/x86/hvm/vmx/vmcs.c", r"In HVM domains, this happens on the realmode->paging transition\. Since PVH never goes through this transition, we need to do it at start-of-day\.",
     "This happens on the realmode->paging transition.  A guest that never\n     * goes through it needs it at start-of-day."),
    ("arch/x86/hvm/vmx/vmcs.c", r"PVH domains always start in paging mode", "Others always start in paging mode"),
    ("arch/x86/hvm/vmx/vmcs.c", r"PVH: paging mode is updated by arch_set_info_guest\(\)\.", "Otherwise arch_set_info_guest() updates the paging mode."),
    ("arch/x86/hvm/vmx/vvmx.c", r"If there are no IO backends - PVH guest by itself or a PVH guest with an HVM guest running inside - we don't want to continue as this setup is not implemented nor supported as of right now\.",
     "If there are no IO backends - the\n     * guest, or the one that it is inside of, has no ioreq servers - we don't\n     * want to continue as this setup is not implemented nor supported as of\n     * right now."),
    ("arch/x86/mm/p2m.c", r"pvh fixme: when adding support for pvh non-hardware domains, this path must cleanup any foreign p2m types \(release refcnts on them\)\.",
     "fixme: when foreign pages are for other than the hardware domain, this path\n * must cleanup any foreign p2m types (release refcnts on them)."),
    ("arch/x86/mm/p2m.c", r"libxl on pvh dom0 creating a guest and doing privcmd_ioctl_mmap\.", "libxl in dom0 creating a guest and doing privcmd_ioctl_mmap."),
    ("arch/x86/time.c", r'Experiments show that "default" works for PVH,', 'Experiments show that "default" works here,'),
    ("arch/x86/time.c", r"PVH currently does not support tsc emulation\. Setting timer_mode = never_emulate", "No TSC emulation here: timer_mode = never_emulate"),
    ("arch/x86/time.c", r"HVM/PVH: (host and guest frequencies are the same \(either\n +\*) {11}", r"HVM: \1       "),
    ("drivers/passthrough/x86/iommu.c", r"Presently, iommu must be enabled for PVH hardware domain", "The iommu must be enabled for a translated hwdom"),
    ("include/asm-x86/hvm/hvm.h", r"Necessary hardware support for PVH mode\?", "Necessary hardware support for guests without devices?"),
)
# The same of the sample tree, whose text is its own.
SAID_OF_SAMPLE = (
    ("arch/x86/domain.c", r"PVH without nested paging", "No devices without nested paging"),
    ("arch/x86/domain.c", r"is_pvh_vcpu\(current\) held while", "events were held while"),
    ("arch/x86/hvm/hvm.c", r"A PVH guest's pages are all there", "Without real mode all pages are there"),
    ("arch/x86/irq.c", r"!is_hvm_domain\(\) includes is_pvh_domain\(\): no emulation there\.", "No emulation for those that lack it."),
    ("arch/x86/time.c", r"thought through for PVH\.", "thought through without devices."),
    ("common/domain.c", r"PV and PVH guests bring their own page\.", "Guests without devices bring their own page."),
    ("common/mem_event.c", r"\S+PVH\S+ is not taken in on", "A guest without devices is not taken in on"),
    ("include/asm-x86/domain.h", r'"HVM" : "PVH"', '"HVM" : "HVM without devices"'),
    ("include/xen/sched.h", r"A PVH guest is none of these two\.", "What a guest in a container has, its features say."),
)
# Anywhere in the hypervisor: a note that stays, but for the word.
NOTES = ((r"\b[Pp][Vv][Hh] ?(fixme|32bitfixme)", r"\1"),)

DOCUMENTS = (
    ("docs/misc/pvh-readme.txt", r"is an HVM guest with a flag\.", "is an HVM guest without emulated devices."),
    ("docs/misc/pvh-readme.txt", r" +- Get rid of PVH mode, make it just HVM with some flags set\n", ""),
    (
        "docs/misc/pvh.markdown",
        r"(\(compared to pure PV\)\.\n)",
        r"\1\nTo Xen a PVH guest is an HVM guest without any of the features that a toolstack\n"
        r"can leave out when it creates a domain (`XEN_DOMCTL_WITHOUT_*`).\n",
    ),
    (
        "docs/man/xl.cfg.pod.5",
        r"(Selects whether to run this PV guest in an HVM container\.) Default is 0\.",
        r"\1 Default is 0.\nTo Xen it is an HVM guest without emulated devices then, which needs HAP.",
    ),
    (
        "docs/misc/xen-command-line.markdown",
        r"Flag that makes a 64bit dom0 boot in PVH mode\. No 32bit support at present\.",
        r"Flag that makes a 64bit dom0 boot in PVH mode, as an HVM guest without emulated\n"
        r"devices. No 32bit support at present.",
    ),
)

DOCUMENTED = {
    "xen/arch/x86/setup.c": r"dom0pvh|Boot dom0 in pvh mode",
    "xen/include/public/arch-x86/xen.h": r".",
}


def helpers(view: View) -> None:
    """Functions, labels and variables get names for what they do."""
    done = 0
    for old, new in HELPERS.items():
        if any(h.path.startswith(XEN) for h in view.uses(old)):
            done += view.rename(old, new, rule=RENAME, reason=WHY, path=XEN)
        elif not view.uses(new):
            view.note(f"there is no {old} here")
    view.stay_rest("another thing of that name: not in the hypervisor", where=lambda s: not s.path.startswith(XEN))
    view.fact("helpers", done)


def words(view: View) -> None:
    """Messages and comments."""
    files = [p for p in view.files.paths() if p.startswith(XEN)]
    rows = [(XEN + p, x, n) for p, x, n in (*SAID, *SAID_OF_SAMPLE)] + [(p, x, n) for x, n in NOTES for p in files]
    declare(view, "words")
    view.fact("words", _say(view, rows, WORDS))


def documents(view: View) -> None:
    """What documentation says of PVH as a mode or a flag."""
    view.fact("documents", _say(view, DOCUMENTS, "correct the documentation"))


def _say(view: View, rows: Iterable[tuple[str, str, str]], rule: str) -> int:
    """Put other words in the place of each match in its file, and count them."""
    taken: set[tuple[str, int]] = set()
    for path, pattern, new in rows:
        data = view.read(path).decode("latin-1") if view.files.has(path) else ""
        for m in re.finditer(_loose(pattern), data):
            if (path, m.start()) not in taken:
                taken.add((path, m.start()))
                at = view.region(path, m.start(), m.end(), "prose")
                view.replace(at, m.expand(new), rule=rule, reason=WHY)
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
IS_HVM = "#define is_hvm_domain(d) ((d)->guest_type == guest_type_hvm)"
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
    for name in ("is_pvh_domain", "is_pvh_vcpu"):
        view.delete(view.macro(name, header), rule=FLAG, reason="nobody asks any more", comment=False)
    hvm = view.function("is_hvm_domain", header)
    view.replace(hvm, IS_HVM, rule=FLAG, reason="nobody asks it as yet")
    create = view.function("domain_create", "xen/common/")
    view.delete(view.run_of(create, "$d:word->is_pvh = !features;"), rule=FLAG, reason="the features say it", comment=False)
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
