"""Mutants of stage 02: spoilt conditions, spoilt creation of a domain, dropped calls."""

from __future__ import annotations

import re

from xenstage.index.sweep import Files
from xenstage.prove.source.lifetimes import counterparts

from .operators import Apply, Changed, Mutant, in_file, move, places, replace

SCHED = "xen/include/xen/sched.h"
CREATE = r"xen/common/domain\.c\Z"
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
    condition("v-for-current", "d for current", r"\b(is_pvh|is_hvm|is_pv)_vcpu\((?:current|curr)\)", r"\1_vcpu(v)"),
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
    """In the chains of predicates that stage 02 writes: is_pv, is_pvh, is_hvm in a row, or the last two."""
    first = r"if \( is_pv_domain\([^()]*\) \).*else if \( is_pvh_domain"
    within = rf"{first}|if \( is_hvm_domain.*else if \( is_pvh|if \( is_pvh_domain.*else if \( is_hvm"
    return replace(pattern, new, where=r"xen/common/.*\.c\Z", within=within)


CHAINS = (
    Mutant("early-return", "early return moved above work", 2, 1, "predicates", _early_return),
    Mutant(
        "arm-lost",
        "switch case lost",
        2,
        1,
        "predicates",
        chain(rf"\n\s*else if \( {pred('is_(?:pvh|hvm)')} \)\n[^\n{{}}]*;", ""),
    ),
    Mutant("arm-exchanged", "switch case lost", 2, 1, "predicates", chain(pred("is_pvh"), r"is_hvm_\1(\2)")),
)


def created(name: str, kind: str, pattern: str, new: str) -> Mutant:
    """A mistake in how a domain of each type is made."""
    return Mutant(name, kind, 2, 2, "predicates", replace(pattern, new, where=CREATE, word="is_pvh"))


FLAG = r"\n\s*d->is_pvh = 1;"
CREATION = (
    created("flag-never-set", "flag never set", FLAG, ""),
    created("flag-cleared", "flag never set", r"d->is_pvh = 1;", "d->is_pvh = 0;"),
    created("type-not-set", "flag without type", r"\n\s*d->guest_type = guest_type_hvm;(\s*d->is_pvh)", r"\n\1"),
    created(
        "flag-for-hvm",
        "flag set too widely",
        r"d->guest_type = guest_type_hvm;",
        "d->guest_type = guest_type_hvm, d->is_pvh = 1;",
    ),
    created("flags-exchanged", "flag set too widely", r"DOMCRF_hvm \)", "DOMCRF_pvh )"),
    Mutant(
        "flag-late",
        "flag set before it is read",
        2,
        2,
        "lifetimes",
        move(FLAG, r"arch_domain_create\([^;]*;", where=CREATE, word="is_pvh"),
    ),
    Mutant(
        "flag-late-seen-twice",
        "flag set before it is read",
        2,
        2,
        "predicates",
        move(FLAG, r"arch_domain_create\([^;]*;", where=CREATE, word="is_pvh"),
    ),
    Mutant(
        "union-half",
        "wrong union half",
        2,
        2,
        "predicates",
        in_file(SCHED, r"\(\(d\)->is_pvh\)", "((d)->arch.hvm_domain.is_pvh)"),
    ),
    Mutant(
        "through-pointer",
        "may be NULL",
        2,
        2,
        "predicates",
        in_file(SCHED, r"\(\(d\)->is_pvh\)", "((d)->shared_info->is_pvh)"),
    ),
    Mutant("flag-inverted", "polarity", 2, 2, "predicates", in_file(SCHED, r"\(\(d\)->is_pvh\)", "(!(d)->is_pvh)")),
    Mutant("hvm-forgets-pvh", "conjunct dropped", 2, 2, "predicates", in_file(SCHED, r" && !d->is_pvh", "")),
    Mutant(
        "container-forgets-pvh",
        "wrong feature",
        2,
        2,
        "predicates",
        in_file(SCHED, r"(#define has_hvm_container_domain\(d\) )[^\n]*", r"\1is_hvm_domain(d)"),
    ),
    Mutant(
        "vcpu-asks-current",
        "current for d",
        2,
        2,
        "predicates",
        in_file(SCHED, r"(#define is_pvh_vcpu\(v\)\s+\(is_pvh_domain\()[^\n]*", r"\1current->domain))"),
    ),
)


def _drop_call(opener: bool, free: bool = False) -> Apply:
    """Drop a whole statement that begins (or ends) something whose counterpart the tree has."""

    def apply(files: Files) -> Changed:
        known = {w for p in places(files) for w in p.function.words}
        pattern = re.compile(rb"(?<=[;{}])\n\s*(?:\w+ = )?(\w+)\([^\n{}]*\);(?=\n)")
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
    pattern = re.compile(rb"(?<=[;{}])\n\s*\w*free\w*\(\w+->([\w.>-]*?)(\w+)\);(?=\n)")
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
