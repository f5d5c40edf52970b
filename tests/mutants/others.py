"""Mutants of builds, the public interface, the form of patches and the names left behind."""

from __future__ import annotations

from xenstage.index.sweep import Files

from .conditions import SCHED, pred
from .operators import Apply, Changed, Mutant, in_file, replace

HVM = "xen/arch/x86/hvm/hvm.c"
DOMCTL = "xen/include/public/domctl.h"
STABLE = "xen/include/public/xen.h"


def breaks(name: str, kind: str, guard: str, config: str) -> Mutant:
    """A file of the common code that does not compile in one sort of build."""

    def apply(files: Files) -> Changed:
        path = "xen/common/domain.c"
        return {path: files.read(path) + f"\n#{guard}\n#error this build is broken\n#endif\n".encode()}

    return Mutant(name, kind, 2, 1, "builds", apply, config=config)


BREAKS = (
    breaks("arm-build", "ARM build broken", "ifdef CONFIG_ARM", "arm64-debug"),
    breaks("release-build", "NDEBUG build broken", "ifdef NDEBUG", "x86_64-release"),
    breaks("xsm-build", "XSM build broken", "ifdef XSM_ENABLE", "x86_64-debug-xsm"),
)


def interface(name: str, kind: str, path: str, pattern: str, new: str) -> Mutant:
    """A change of a public header."""
    return Mutant(name, kind, 2, 2, "abi", in_file(path, pattern, new))


INTERFACE = (
    interface(
        "value-reused", "ABI value reused", DOMCTL, r"(#define XEN_DOMCTL_)([a-z]\w+)(\s+[2-9]\d*\b)", r"\1another\3"
    ),
    interface("value-changed", "ABI value changed", STABLE, r"(#define __HYPERVISOR_\w+\s+)([1-9])\b", r"\g<1>4\2"),
    interface(
        "bump-forgotten",
        "version bump forgotten",
        DOMCTL,
        r"(struct xen_domctl_\w+ \{\n)",
        r"\1    uint32_t xenstage_extra;\n",
    ),
    interface(
        "stable-field", "ABI layout changed", STABLE, r"(\nstruct \w+ \{\n)", r"\1    unsigned long xenstage_extra;\n"
    ),
    interface(
        "twin-value",
        "ABI value reused",
        DOMCTL,
        r"(#define XEN_DOMCTL_)([a-z]\w+)(\s+[2-9]\d*\b)",
        r"\1\2\3\n\1another\3",
    ),
    interface("version-backwards", "version bump forgotten", DOMCTL, r"(_INTERFACE_VERSION 0x0000000)\w", r"\g<1>1"),
)


def stray(name: str, apply: Apply) -> Mutant:
    """A byte that no declared edit makes."""
    return Mutant(name, "stray byte outside the edits", 1, 4, "form", apply, keeps_edits=True)


def _append(text: str) -> Apply:
    return lambda files: {HVM: files.read(HVM) + text.encode()}


FORM = (
    stray("stray-space", in_file(HVM, r"\{\n", "{ \n")),
    stray("stray-file", in_file("xen/common/domain.c", r"domain", "Domain")),
    stray("stray-end", _append("\n")),
    Mutant("wide-line", "style", 1, 4, "form", _append("/* " + "x" * 90 + " */\n")),
    Mutant("tab", "style", 1, 4, "form", _append("static int xenstage_extra(void)\n{\n\treturn 0;\n}\n")),
    Mutant("trailing-space", "style", 1, 4, "form", _append("extern int xenstage_extra; \n")),
)

RESIDUE = (
    Mutant("name-left", "name left behind", 1, 4, "residue", _append("/* See pvh_hypercall64_table. */\n")),
    Mutant("name-missing", "name left behind", 1, 3, "residue", in_file(HVM, "HCALL_PVH", "HCALL_OTHER", 99)),
    Mutant(
        "old-type-left",
        "name left behind",
        2,
        2,
        "residue",
        in_file(SCHED, r"(enum guest_type)", r"/* guest_type_pvh */ \1"),
    ),
    Mutant(
        "test-lost",
        "name left behind",
        2,
        2,
        "residue",
        replace(rf"!?{pred('is_pvh')}", "0", where=r"xen/arch/x86/.*\.c\Z"),
    ),
)
