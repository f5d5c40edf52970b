"""Mutants of stage 06: the hypercall interface, who creates what, and what the toolstack is told."""

from __future__ import annotations

from xenstage.index.sweep import Files

from .operators import Apply, Changed, Mutant

DOMCTL, SYSCTL = "xen/include/public/domctl.h", "xen/include/public/sysctl.h"
CREATE, TELL = "xen/common/domain.c", "xen/common/domctl.c"
FIELD = "    uint32_t without;            /* XEN_DOMCTL_WITHOUT_* */\n"
FLAGS = "    uint32_t flags;\n"
STORE = "tools/xenstore/init-xenstore-domain.c"


def swap(path: str, old: str, new: str) -> Apply:
    """The first of a text in a file."""

    def apply(files: Files) -> Changed:
        data = files.read(path).decode("latin-1")
        if old not in data:
            raise LookupError(f"{path} has no {old}")
        return {path: data.replace(old, new, 1).encode("latin-1")}

    return apply


def interface(name: str, kind: str, caught_by: str, path: str, old: str, new: str) -> Mutant:
    """A mistake in the patch that changes the interface."""
    return Mutant(name, kind, 6, 2, caught_by, swap(path, old, new))


DROPPED = (
    interface("domctl-stays", "version not raised", "abi", DOMCTL, "VERSION 0x0000000b", "VERSION 0x0000000a"),
    interface("sysctl-stays", "version not raised", "abi", SYSCTL, "VERSION 0x0000000C", "VERSION 0x0000000B"),
    interface("domctl-jumps", "version not raised", "abi", DOMCTL, "VERSION 0x0000000b", "VERSION 0x0000000c"),
    interface("field-first", "field in the middle", "abi", DOMCTL, FLAGS + FIELD, FIELD + FLAGS),
    interface("field-wide", "field too wide", "abi", DOMCTL, FIELD, FIELD.replace("32", "64")),
    interface("bit-reused", "bit reused", "abi", DOMCTL, FLAGS, "#define XEN_DOMCTL_CDF_new (1U<<4)\n" + FLAGS),
    interface("bits-alike", "bit reused", "abi", DOMCTL, "0x00004 /*", "0x00008 /*"),
    interface("pad-gone", "padding", "abi", DOMCTL, "uint32_t pad;                /* 0 */", ""),
    interface("store-left", "toolstack left out", "predicates", STORE, "handle, 0, 0, &domid", "handle, 0, &domid"),
    interface("store-given", "toolstack left out", "predicates", STORE, "handle, 0, 0, &domid", "handle, 0, 1, &domid"),
    interface("libxl-left", "toolstack left out", "predicates", "tools/libxl/libxl_create.c",
              "        without = XEN_DOMCTL_WITHOUT_ALL;\n", ""),
    interface("type-left", "toolstack left out", "predicates", "tools/libxl/libxl_dom.c", " && !info.without", ""),
    interface("one-bit", "validator", "predicates", CREATE, "features != DOMFEAT_HVM",
              "(features | DOMFEAT_VPM) != DOMFEAT_HVM"),
    interface("no-hap", "validator", "predicates", CREATE, "!features &&", "!features && 0 &&"),
    interface("pv-with", "validator", "predicates", CREATE, "!(domcr_flags & DOMCRF_hvm) && features",
              "!(domcr_flags & DOMCRF_hvm) && (features & DOMFEAT_VPM)"),
    interface("report-missing", "report", "predicates", TELL,
              "        info->without = DOMFEAT_HVM & ~d->features;\n", ""),
    interface("report-turned", "report", "predicates", TELL, "DOMFEAT_HVM & ~d->features", "d->features"),
    interface("asked-ignored", "report", "predicates", TELL, "    features ^= op->u.createdomain.without;\n", ""),
    Mutant("dom0-given", "dom0 given features", 6, 1, "predicates",
           swap("xen/arch/x86/setup.c", "domcr_flags, 0, 0)", "domcr_flags, DOMFEAT_HVM, 0)")),
    Mutant("caller-left", "features lost", 6, 1, "predicates",
           swap("xen/arch/x86/setup.c", "domcr_flags, 0, 0)", "domcr_flags, 0)")),
    interface("ocaml-shifted", "toolstack left out", "predicates", "tools/ocaml/libs/xc/xenctrl_stubs.c",
              "c_flags, 0,", "0, c_flags,"),
    Mutant("hvm-given-none", "features lost", 6, 1, "predicates", swap(TELL, "? DOMFEAT_HVM : 0", "? 0 : 0")),
)  # fmt: skip
