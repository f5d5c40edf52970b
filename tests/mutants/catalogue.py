"""The mutants: what may go wrong with the written stages, and the proof that must see it."""

from __future__ import annotations

import re

from xenstage.index.sweep import Files
from xenstage.prove.lifetimes import counterparts

from .operators import Apply, Changed, Mutant, in_file, move, places, replace

HVM = "xen/arch/x86/hvm/hvm.c"
SCHED = "xen/include/xen/sched.h"
CREATE = r"xen/common/domain\.c\Z"
DISPATCH = r"xen/arch/x86/hvm/hvm\.c\Z"
DOMCTL = "xen/include/public/domctl.h"
STABLE = "xen/include/public/xen.h"

P = r"\b(is_pvh|is_hvm|is_pv|has_hvm_container)_(domain|vcpu)\(([^()]*)\)"


def pred(name: str) -> str:
    """A pattern for one predicate of an argument without brackets."""
    return rf"\b{name}_(domain|vcpu)\(([^()]*)\)"


def condition(name: str, kind: str, pattern: str, new: str, within: str = "") -> Mutant:
    """A spoilt condition somewhere in the tree, as part of the patch that touches conditions."""
    return Mutant(name, kind, 2, 1, "predicates", replace(pattern, new, within=within))


CONDITIONS = (
    condition("flip-pvh", "polarity", rf"if \( {pred('is_pvh')} \)", r"if ( !is_pvh_\1(\2) )"),
    condition("flip-hvm", "polarity", rf"if \( {pred('is_hvm')} \)", r"if ( !is_hvm_\1(\2) )"),
    condition("flip-container", "polarity", rf"(?<!!){pred('has_hvm_container')}", r"!has_hvm_container_\1(\2)"),
    condition("unflip-hvm", "polarity", rf"!{pred('is_hvm')}", r"is_hvm_\1(\2)"),
    condition("unflip-pvh", "polarity", rf"!{pred('is_pvh')}", r"is_pvh_\1(\2)"),
    condition("unflip-pv", "polarity", rf"(?<!!){pred('is_pv')}", r"!is_pv_\1(\2)"),
    condition("drop-left", "conjunct dropped", rf"{P} &&\s+", ""),
    condition("drop-right", "conjunct dropped", rf" &&\s+!?{P}", ""),
    condition("not-pvh-and-x", "!pvh && X to X", rf"!{pred('is_pvh')} &&\s+", ""),
    condition("pvh-and-x", "pvh && X to X", rf"(?<!!){pred('is_pvh')} &&\s+", ""),
    condition("current-for-d", "current for d", r"\b(is_pvh|is_hvm)_domain\(d\)", r"\1_domain(current->domain)"),
    condition("v-for-current", "d for current", r"\b(is_pvh|is_hvm|is_pv)_domain\(current->domain\)", r"\1_domain(d)"),
    condition("curr-for-v", "current for d", r"\b(is_pvh|is_hvm|has_hvm_container)_vcpu\(v\)", r"\1_vcpu(current)"),
    condition("vcpu-for-domain", "vcpu for domain", r"\b(is_hvm|is_pvh|is_pv)_domain\(d\)", r"\1_vcpu(d)"),
    condition("or-for-and", "|| for &&", rf"{P} &&", r"\1_\2(\3) ||"),
    condition("or-for-and-right", "|| for &&", rf"&&(\s+!?){P}", r"||\1\2_\3(\4)"),
    condition("and-for-or", "&& for ||", rf"{P}( ?)\|\|", r"\1_\2(\3)\4&&"),
    condition("hvm-for-pvh", "wrong feature", pred("is_pvh"), r"is_hvm_\1(\2)"),
    condition("hvm-for-container", "wrong feature", pred("has_hvm_container"), r"is_hvm_\1(\2)"),
    condition("not-hvm-for-pv", "wrong feature", pred("is_pv"), r"!is_hvm_\1(\2)"),
    condition("container-for-hvm", "wrong feature", pred("is_hvm"), r"has_hvm_container_\1(\2)"),
    condition("ternary", "arms swapped", rf"{P}(\s*)\?([^?:;]+):([^?:;,()]+)([;,)])", r"\1_\2(\3)\4?\6:\5\7"),
    condition("else-dropped", "else dropped", rf"(if \( !?{P} \)\n[^\n{{}}]*;\n)\s+else\n[^\n{{}};]*;\n", r"\1"),
    condition("always", "conjunct dropped", rf"if \( !?{P} \)", "if ( 1 )"),
    condition("never", "conjunct dropped", rf"if \( !?{P} \)", "if ( 0 )"),
)


def _early_return(files: Files) -> Changed:
    """Move a return under a predicate in front of the statement before it."""
    pattern = rf"(\n[ ]{{4}}[a-z_]+\([^\n{{}}]*\);)((?:\n\s*)+[ ]{{4}}if \( !?{P} \)\n\s+return[^\n]*;)".encode()
    for place in places(files, word="return"):
        m = re.search(pattern, place.text)
        if m and m.group(1).strip() not in (b"", b";"):
            return place.with_text(place.text[: m.start()] + m.group(2) + m.group(1) + place.text[m.end() :])
    raise LookupError("no early return behind a call")


def chain(pattern: str, new: str) -> Apply:
    """In the chains of predicates that stage 02 writes: is_pv, is_pvh, is_hvm in a row."""
    within = r"if \( is_pv_domain\([^()]*\) \).*else if \( is_pvh_domain|if \( is_hvm_domain.*else if \( is_pvh"
    return replace(pattern, new, where=r"xen/common/.*\.c\Z", within=within)


CHAINS = (
    Mutant("early-return", "early return moved above work", 2, 1, "predicates", _early_return),
    Mutant(
        "arm-lost", "switch case lost", 2, 1, "predicates",
        chain(rf"\n\s*else if \( {pred('is_pvh')} \)\n[^\n{{}}]*;", ""),
    ),
    Mutant("arm-exchanged", "switch case lost", 2, 1, "predicates", chain(pred("is_pvh"), r"is_hvm_\1(\2)")),
)  # fmt: skip


def created(name: str, kind: str, pattern: str, new: str) -> Mutant:
    """A mistake in how a domain of each type is made."""
    return Mutant(name, kind, 2, 2, "predicates", replace(pattern, new, where=CREATE, word="is_pvh"))


FLAG = r"\n\s*d->is_pvh = 1;"
CREATION = (
    created("flag-never-set", "flag never set", FLAG, ""),
    created("flag-cleared", "flag never set", r"d->is_pvh = 1;", "d->is_pvh = 0;"),
    created("type-not-set", "flag without type", r"\n\s*d->guest_type = guest_type_hvm;(\s*d->is_pvh)", r"\n\1"),
    created("flag-for-hvm", "flag set too widely", r"d->guest_type = guest_type_hvm;", "d->guest_type = guest_type_hvm, d->is_pvh = 1;"),
    created("flags-exchanged", "flag set too widely", r"DOMCRF_hvm \)", "DOMCRF_pvh )"),
    Mutant("flag-late", "flag set before it is read", 2, 2, "lifetimes",
           move(FLAG, r"arch_domain_create\([^;]*;", where=CREATE, word="is_pvh")),
    Mutant("flag-late-seen-twice", "flag set before it is read", 2, 2, "predicates",
           move(FLAG, r"arch_domain_create\([^;]*;", where=CREATE, word="is_pvh")),
    Mutant("union-half", "wrong union half", 2, 2, "predicates",
           in_file(SCHED, r"\(\(d\)->is_pvh\)", "((d)->arch.hvm_domain.is_pvh)")),
    Mutant("through-pointer", "may be NULL", 2, 2, "predicates",
           in_file(SCHED, r"\(\(d\)->is_pvh\)", "((d)->shared_info->is_pvh)")),
    Mutant("flag-inverted", "polarity", 2, 2, "predicates", in_file(SCHED, r"\(\(d\)->is_pvh\)", "(!(d)->is_pvh)")),
    Mutant("hvm-forgets-pvh", "conjunct dropped", 2, 2, "predicates", in_file(SCHED, r" && !d->is_pvh", "")),
    Mutant("container-forgets-pvh", "wrong feature", 2, 2, "predicates",
           in_file(SCHED, r"(#define has_hvm_container_domain\(d\) )[^\n]*", r"\1is_hvm_domain(d)")),
    Mutant("vcpu-asks-current", "current for d", 2, 2, "predicates",
           in_file(SCHED, r"(#define is_pvh_vcpu\(v\)\s+\(is_pvh_domain\()[^\n]*", r"\1current->domain))")),
)  # fmt: skip


def row(pattern: str, new: str) -> Apply:
    """In the table's rows."""
    return in_file(HVM, pattern, new)


def dispatch(pattern: str, new: str) -> Apply:
    """In the dispatcher."""
    return replace(pattern, new, where=DISPATCH, word="hvm_do_hypercall")


def table(name: str, kind: str, apply: Apply, patch: int = 4) -> Mutant:
    """A mistake in the merged table or its dispatch."""
    return Mutant(name, kind, 1, patch, "hypercalls", apply)


ROW = r"HCALL\((\w+),\s*(\w+),\s*(\w+),\s*([\w| ]+)\)"
TABLES = (
    table("handlers-exchanged", "handler swapped", row(rf"{ROW}(,\s*){ROW}", r"HCALL(\1, \7, \3, \4)\5HCALL(\6, \2, \8, \9)")),
    table("wrong-width", "handler of the wrong width", row(r"HCALL\((\w+),\s*(do_\w+),\s*(compat_\w+)", r"HCALL(\1, \2, \2")),
    table("wrong-width-native", "handler of the wrong width", row(r"HCALL\((\w+),\s*(do_\w+),\s*(compat_\w+)", r"HCALL(\1, \3, \3")),
    table("compat-missing", "handler missing in one table", row(r"HCALL\((\w+),\s*(\w+),\s*(\w+), HCALL_HVM\b", r"HCALL(\1, \2, NULL, HCALL_HVM")),
    table("native-missing", "handler missing in one table", row(r"HCALL\((\w+),\s*(\w+),\s*(\w+), HCALL_HVM\b", r"HCALL(\1, NULL, \3, HCALL_HVM")),
    table("row-dropped", "row dropped", row(rf"\n\s*{ROW},", "")),
    table("widened-pvh", "table widened", row(r"HCALL\((\w+),\s*(\w+),\s*(\w+),\s*HCALL_HVM\)", r"HCALL(\1, \2, \3, HCALL_HVM | HCALL_PVH)")),
    table("widened-hvm", "table widened", row(r"HCALL\((\w+),\s*(\w+),\s*(\w+),\s*HCALL_PVH\)", r"HCALL(\1, \2, \3, HCALL_HVM | HCALL_PVH)")),
    table("widened-early", "table widened", row(r"HCALL\((\w+),\s*(\w+),\s*(\w+),\s*HCALL_PVH\)", r"HCALL(\1, \2, \3, HCALL_HVM)"), 3),
    table("narrowed", "table narrowed", row(r"HCALL_HVM \| HCALL_PVH\)", "HCALL_HVM)")),
    table("masks-exchanged", "presence test", dispatch(r"HCALL_PVH : HCALL_HVM", "HCALL_HVM : HCALL_PVH")),
    table("mask-for-all", "table widened", dispatch(r"\(is_pvh_vcpu\((\w+)\) \? HCALL_PVH : HCALL_HVM\)", "(HCALL_HVM | HCALL_PVH)")),
    table("errno", "errno changed", dispatch(r"-ENOSYS;", "-EINVAL;")),
    table("errno-32bit", "errno changed", dispatch(r"(regs->_eax = )-ENOSYS;", r"\1-EPERM;")),
    table("register", "register width changed", dispatch(r"regs->_eax = -ENOSYS", "regs->eax = -ENOSYS")),
    table("register-compat", "register width changed", dispatch(r"regs->eax = (hvm_hypercall_table)", r"regs->_eax = \1")),
    table("arguments", "register width changed", dispatch(r"regs->rdi, regs->rsi", "(uint32_t)regs->rdi, regs->rsi")),
    table("native-in-32bit", "handler of the wrong width", dispatch(r"\]\.compat\(", "].native(")),
    table("pvh-32bit-open", "table widened", dispatch(r"else if \( unlikely\(is_pvh_vcpu\((\w+)\)\) \)", r"else if ( 0 )")),
    table("selector-swapped", "handler swapped", replace(
        r"\? (do_memory_op)(\([^()]*\))(\s*): (hvm_memory_op)", r"? \4\2\3: \1", where=DISPATCH, word="container_memory_op"), 2),
    table("selector-same", "handler swapped", replace(
        r": hvm_vcpu_op\(", ": do_vcpu_op(", where=DISPATCH, word="container_vcpu_op"), 2),
    table("command-cut", "register width changed", replace(
        r"unsigned long cmd", "int cmd", where=DISPATCH, word="container_memory_op"), 2),
    table("selector-other-type", "wrong feature", replace(
        r"is_pvh_vcpu\(current\)", "is_hvm_vcpu(current)", where=DISPATCH, word="container_memory_op"), 2),
    Mutant("presence-dispatch", "presence test", 1, 4, "predicates", dispatch(
        r"\(is_pvh_vcpu\((\w+)\) \? HCALL_PVH : HCALL_HVM\)", "HCALL_HVM")),
)  # fmt: skip


def _drop_call(opener: bool, free: bool = False) -> Apply:
    """Drop a whole statement that begins (or ends) something whose counterpart the tree has."""

    def apply(files: Files) -> Changed:
        known = {w for p in places(files) for w in p.function.words}
        pattern = re.compile(rb"\n[ ]+(?:\w+ = )?(\w+)\([^\n{}]*\);(?=\n)")
        words = (
            ("init", "alloc", "create", "register", "initialise")
            if opener
            else ("free", "destroy", "unregister", "deinit", "teardown")
        )
        for place in places(files, where=r"xen/(arch/x86|common)/.*\.c\Z"):
            for m in pattern.finditer(place.text):
                name = m.group(1).decode()
                partners = [c for c in counterparts(name) if c in known]
                if partners and any(w in name.split("_") for w in words):
                    return place.with_text(place.text[: m.start()] + place.text[m.end() :])
        raise LookupError("no call with a counterpart")

    return apply


def _drop_field_free(files: Files) -> Changed:
    """Drop the freeing of what a field holds and an allocation fills."""
    pattern = re.compile(rb"\n[ ]+\w*free\w*\(\w+->([\w.>-]*?)(\w+)\);(?=\n)")
    for place in places(files, word="free"):
        for m in pattern.finditer(place.text):
            field = m.group(2)
            filled = re.compile(rb"->(?:\w+\.)*" + field + rb" = \w*alloc\w*\(")
            if any(filled.search(p.text) for p in places(files, word=field.decode())):
                return place.with_text(place.text[: m.start()] + place.text[m.end() :])
    raise LookupError("no freeing of a field")


LIFETIMES = (
    Mutant("init-dropped", "initialisation dropped", 2, 1, "lifetimes", _drop_call(True)),
    Mutant("teardown-dropped", "teardown dropped", 2, 1, "lifetimes", _drop_call(False)),
    Mutant("free-dropped", "teardown dropped", 2, 1, "lifetimes", _drop_field_free),
)


def breaks(name: str, kind: str, guard: str) -> Mutant:
    """A file of the common code that does not compile in one sort of build."""

    def apply(files: Files) -> Changed:
        path = "xen/common/domain.c"
        return {path: files.read(path) + f"\n#{guard}\n#error this build is broken\n#endif\n".encode()}

    return Mutant(name, kind, 2, 1, "builds", apply)


BREAKS = (
    breaks("arm-build", "ARM build broken", "ifdef CONFIG_ARM"),
    breaks("release-build", "NDEBUG build broken", "ifdef NDEBUG"),
    breaks("xsm-build", "XSM build broken", "ifdef XSM_ENABLE"),
)


def interface(name: str, kind: str, path: str, pattern: str, new: str) -> Mutant:
    """A change of a public header."""
    return Mutant(name, kind, 2, 2, "abi", in_file(path, pattern, new))


CONSTANT = r"(\n#define (?:XEN_DOMCTL|__HYPERVISOR)_\w+?_?)(\w+)(\s+\(?(?:0x)?[1-9]\d*)"
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

MUTANTS = (*CONDITIONS, *CHAINS, *CREATION, *TABLES, *LIFETIMES, *BREAKS, *INTERFACE, *FORM, *RESIDUE)
