"""Mutants of the preprocessor: names that mean another thing, text that reads as another text."""

from __future__ import annotations

import re

from xenstage.index.sweep import Files

from .conditions import SCHED
from .heads import claim, fields
from .operators import CODE, Apply, Changed, Mutant, added, beside, in_file, places
from .tables import HVM

FIRST = r"(?m)^(?:#include [^\n]*\n)(?!#include)"  # the last of the first run of includes


def _after_includes(text: str, *, word: str, where: str = CODE) -> Apply:
    """Text behind the includes of the first file of code that uses a word."""

    def apply(files: Files) -> Changed:
        for place in places(files, where, word):
            m = re.search(FIRST.encode(), place.data)
            if m and m.end() < place.function.start:
                return {place.path: place.data[: m.end()] + text.encode() + place.data[m.end() :]}
        raise LookupError(f"no file that includes something and uses {word}")

    return apply


def lie(name: str, kind: str, apply: Apply, stage: int = 2, patch: int = 2) -> Mutant:
    """A lie after which the patch may no longer say that nothing changes."""
    return claim(name, kind, apply, stage, patch)


def shadow(name: str, text: str, *, word: str = "is_hvm_domain", where: str = CODE) -> Mutant:
    """Another meaning for a name that the patch defines, in one file."""
    return lie(name, "name shadowed", _after_includes(text, word=word, where=where))


SHADOWS = (
    shadow("shadow-undef", "#undef is_hvm_domain\n#define is_hvm_domain(d) 0\n"),
    shadow("shadow-macro", "#define is_hvm_domain(d) 0\n"),
    shadow("shadow-pvh", "#undef is_pvh_domain\n#define is_pvh_domain(d) 1\n", word="is_pvh_domain"),
    shadow(
        "shadow-undef-only", "#undef is_pvh_domain\nextern int is_pvh_domain(const void *);\n", word="is_pvh_domain"
    ),
    shadow("shadow-creation", "#define domain_create(a, b, c) NULL\n", where=r"xen/arch/x86/.*\.c\Z", word="is_"),
    shadow("shadow-variable", "static int domain_create;\n", where=r"xen/arch/x86/.*\.c\Z", word="is_"),
    shadow("shadow-conditional", "#ifdef NDEBUG\n#undef is_pvh_domain\n#define is_pvh_domain(d) 0\n#endif\n"),
    lie("shadow-in-header", "name shadowed", in_file(
        "xen/include/asm-x86/hvm/hvm.h", r"\n#endif[^\n]*(\n[^#]*)\Z",
        "\n#undef is_pvh_domain\n#define is_pvh_domain(d) 0\n#endif\n")),
    lie("shadow-on-arm", "name shadowed", in_file(
        "xen/include/asm-arm/event.h", r"\n#endif[^\n]*(\n[^#]*)\Z",
        "\n#undef is_hvm_domain\n#define is_hvm_domain(d) 1\n#endif\n")),
    lie("second-meaning", "second definition", in_file(
        SCHED, r"(#define is_pvh_domain\(d\)[^\n]*\n)", r"\1#undef is_pvh_domain\n#define is_pvh_domain(d) 0\n")),
    lie("second-under-else", "second definition", in_file(
        SCHED, r"(#define is_pvh_domain\(d\)[^\n]*\n)",
        r"#ifndef NDEBUG\n\1#else\n#define is_pvh_domain(d) 0\n#endif\n")),
    lie("second-function", "second definition", in_file(
        SCHED, r"(static inline bool_t is_hvm_domain.*?\n\}\n)",
        r"#ifndef NDEBUG\n\1#else\nstatic inline bool_t is_hvm_domain(const struct domain *d)\n{\n"
        r"    return 0;\n}\n#endif\n")),
    lie("second-row-macro", "second definition", in_file(
        HVM, r"(static const struct hvm_hypercall hvm_hypercall_table)",
        r"#ifdef NDEBUG\n#undef HCALL_PVH\n#define HCALL_PVH HCALL_HVM\n#endif\n\1"), 1, 3),
)  # fmt: skip

SPELLINGS = (
    shadow("digraph", "%:undef is_hvm_domain\n%:define is_hvm_domain(d) 0\n"),
    shadow("digraph-alone", "%:define is_hvm_domain(d) 0\n"),
    shadow("trigraph", "??=define is_hvm_domain(d) 0\n"),
    shadow("joined-name", "#define is_hvm_\\\ndomain(d) 0\n"),
    shadow("joined-directive", "#def\\\nine is_hvm_domain(d) 0\n"),
    shadow("blank-behind-backslash", "#define XENSTAGE_NOTHING \\ \nis_hvm_domain(d) 0\n"),
    shadow("pragma-operator", '_Pragma("pack(1)")\n'),
    shadow("if-is-while", "#define if(x) while ( x )\n"),
    shadow("return-is-break", "#define return break;\n"),
    shadow("else-is-nothing", "#define else\n"),
    shadow("line-lies", '#line 1 "another.c"\n'),
    fields("pragma-pack", "attribute changed", (r"(struct domain\n?\s*\{)", r"#pragma pack(push, 1)\n\1")),
)

BODIES = (
    fields("body-without-brackets", "macro's body", (
        r"#define is_pvh_domain\(d\)[^\n]*",
        "#define is_pvh_domain(d) (d)->guest_type == guest_type_hvm && (d)->is_pvh")),
    fields("body-without-brackets-or", "macro's body", (
        r"#define is_pvh_domain\(d\)[^\n]*", "#define is_pvh_domain(d) 0 || (d)->is_pvh")),
    fields("body-a-choice", "macro's body", (
        r"#define is_pvh_domain\(d\)[^\n]*", "#define is_pvh_domain(d) (d)->is_pvh ? 1 : 0")),
    fields("body-with-semicolon", "macro's body", (
        r"#define is_pvh_domain\(d\)[^\n]*", "#define is_pvh_domain(d) ((d)->is_pvh);")),
)  # fmt: skip

OTHER = "#undef is_hvm_domain\n#define is_hvm_domain(d) 0\n"


def _including(name: str, text: str = OTHER) -> Apply:
    """A new file beside a source, and its inclusion there."""
    folder = "xen/arch/x86/hvm/"
    return added(folder + name, text, beside(HVM, f'#include "{name}"\n', at=r"(?m)^(?!#include)[a-z#/]"))


INCLUDED = (
    lie("include-text", "text included", _including("shadow.txt")),
    lie("include-document", "text included", _including("shadow.md")),
    lie("include-lst", "text included", _including("shadow.lst")),
    lie("include-inc", "text included", _including("shadow.inc")),
    lie("include-header", "text included", _including("shadow.h")),
    lie("include-source", "text included", _including("shadow.c")),
    lie("include-nameless", "text included", _including("README.shadow")),
    lie("include-docs", "text included", added("docs/misc/shadow.txt", OTHER, beside(
        HVM, '#include "../../../../docs/misc/shadow.txt"\n', at=r"(?m)^(?!#include)[a-z#/]"))),
)  # fmt: skip


def _append(path: str, text: str) -> Apply:
    return lambda files: {path: files.read(path) + text.encode()}


MAKE = (
    lie("option-of-one", "build file", _append("xen/arch/x86/hvm/Makefile", "CFLAGS-hvm.o += -Dis_hvm_domain=\n")),
    lie("option-of-all", "build file", _append("xen/Rules.mk", "CFLAGS += -DNDEBUG\n")),
    lie("object-dropped", "build file", in_file("xen/arch/x86/Makefile", r"obj-y \+= time\.o\n", "")),
    lie("option-below", "build file", _append("xen/common/Makefile", "domain.o: CFLAGS += -DCOMPAT\n")),
    lie("linker-script", "build file", in_file("xen/arch/x86/xen.lds.S", r"\.text", ".text.xenstage")),
    lie("assembly", "build file", in_file("xen/arch/x86/x86_64/entry.S", r"\$0x[0-9a-f]+", "$1")),
)  # fmt: skip

PREPROCESSOR = (*SHADOWS, *SPELLINGS, *BODIES, *INCLUDED, *MAKE)
