"""Mutants of heads: types, sections, attributes, conditions and fields, with every body as it was."""

from __future__ import annotations

import re

from xenstage.index.sweep import Files

from .conditions import SCHED
from .operators import Apply, Changed, Mutant, beside, head, in_file, places
from .tables import HVM

CALLED = r"xen/(arch/x86|common)/.*\.c\Z"
HEADERS = r"xen/include/(xen|asm-x86)/.*\.h\Z"


def claim(name: str, kind: str, apply: Apply, stage: int = 2, patch: int = 1) -> Mutant:
    """A mistake after which the patch may no longer say that nothing changes."""
    return Mutant(name, kind, stage, patch, "claim", apply)


def _conditions(first: str, last: str) -> Apply:
    """Preprocessor lines around a function that asks for a guest type."""

    def apply(files: Files) -> Changed:
        for place in places(files, CALLED, "is_"):
            return place.with_text(first.encode() + place.text + last.encode())
        raise LookupError("no function")

    return apply


def prototype(pattern: str, new: str) -> Apply:
    """The first match of a pattern in a function's prototype in a header."""
    line = re.compile(rb"(?m)^(?:extern )?(?:\w+ )+\*?(\w+)\([^;{}()#]*\);")

    def apply(files: Files) -> Changed:
        for path in files.paths():
            if not re.match(HEADERS, path):
                continue
            data = files.read(path)
            for m in line.finditer(data):
                if m.group().startswith((b"typedef", b"return")) or data[: m.start()].rstrip(b"\n").endswith(b"\\"):
                    continue
                spoilt = re.sub(pattern.encode(), new.encode(), m.group(), count=1, flags=re.S)
                if spoilt != m.group():
                    return {path: data[: m.start()] + spoilt + data[m.end() :]}
        raise LookupError(f"no prototype has {pattern}")

    return apply


FUNCTIONS = (
    claim("returns-less", "type in a head changed", head(r"\A(static )?(int|long) ", r"\1bool_t ", where=CALLED)),
    claim("returns-unsigned", "type in a head changed", head(r"\A(static )?(int|long) ", r"\1unsigned \2 ")),
    claim("returns-wider", "type in a head changed", head(r"\A(static )?int ", r"\1unsigned long ")),
    Mutant(
        "takes-less", "type in a head changed", 2, 1, "predicates", head(r"\bunsigned (int|long) (\w+)", r"uint8_t \2")
    ),
    Mutant(
        "takes-another-order",
        "type in a head changed",
        2,
        1,
        "predicates",
        head(r"\(\s*([\w *]+),\s*([\w *]+)\)", r"(\2, \1)"),
    ),
    claim("thrown-away", "section changed", head(r"\b(\w+)\(", r"__init \1(", where=CALLED)),
    claim("in-a-section", "section changed", head(r"\A", '__attribute__((__section__(".init.text"))) ', where=CALLED)),
    claim("said-const", "attribute changed", head(r"\A", "__attribute__((const)) ", where=CALLED)),
    claim("said-pure", "attribute changed", head(r"\A(static )", r"\1__attribute__((__pure__)) ", where=CALLED)),
    claim("said-noreturn", "attribute changed", head(r"\A(static )?void ", r"\1noreturn void ")),
    claim("said-weak", "attribute changed", head(r"\A(?!static)", "__attribute__((weak)) ", where=CALLED)),
    claim("debug-only", "conditions around a definition", _conditions("#ifndef NDEBUG\n", "\n#endif")),
    claim("x86-only", "conditions around a definition", _conditions("#ifdef CONFIG_X86\n", "\n#endif")),
    claim("not-in-compat", "conditions around a definition", _conditions("#ifndef COMPAT\n", "\n#endif")),
    claim("promised-const", "attribute changed", prototype(r";\Z", " __attribute__((const));")),
    claim("promised-pure", "attribute changed", prototype(r";\Z", " __attribute__((__pure__));")),
    claim("promised-noreturn", "attribute changed", prototype(r"\A(extern )?", r"\1noreturn ")),
    claim("promised-type", "type in a head changed", prototype(r"\bunsigned int (\w+)", r"unsigned char \1")),
    claim("promised-result", "type in a head changed", prototype(r"\A(extern )?int ", r"\1unsigned char ")),
)

VARIABLES = (
    claim(
        "table-thrown-away",
        "section changed",
        in_file(HVM, r"(hvm_hypercall_table\[NR_hypercalls\])( =)", r"\1 __initdata\2"),
        1,
        3,
    ),
    claim(
        "table-thrown-away-new",
        "section changed",
        in_file(HVM, r"(hvm_hypercall_table\[NR_hypercalls\])( =)", r"\1 __initdata\2"),
        1,
        1,
    ),
    claim(
        "table-volatile",
        "attribute changed",
        in_file(HVM, r"static const (struct hvm_hypercall hvm_hypercall_table)", r"static volatile \1"),
        1,
        3,
    ),
    claim(
        "table-debug-only",
        "conditions around a definition",
        in_file(
            HVM,
            r"(static const struct hvm_hypercall hvm_hypercall_table.*?\n\};)",
            r"#ifndef NDEBUG\n\1\n#endif",
        ),
        1,
        3,
    ),
    claim(
        "selector-cuts",
        "type in a head changed",
        in_file(HVM, r"static long (container_memory_op)", r"static int \1"),
        1,
        2,
    ),
    claim(
        "selector-const",
        "attribute changed",
        in_file(HVM, r"static long (container_memory_op)", r"static __attribute__((const)) long \1"),
        1,
        2,
    ),
    claim(
        "handlers-cut",
        "type in a head changed",
        in_file(HVM, r"typedef unsigned long (hvm_hypercall_t)", r"typedef unsigned int \1"),
        1,
        1,
    ),
)


def fields(name: str, kind: str, *changes: tuple[str, str]) -> Mutant:
    """A mistake in the struct that holds the new flag, or in a predicate's head."""

    def apply(files: Files) -> Changed:
        data = files.read(SCHED)
        for pattern, new in changes:
            data, n = re.subn(pattern.encode(), new.encode(), data, count=1, flags=re.S)
            if not n:
                raise LookupError(f"{SCHED} has no {pattern}")
        return {SCHED: data}

    return Mutant(name, kind, 2, 2, "claim", apply)


FLAG = r"\bbool_t(\s+)is_pvh;"
ASKED = r"\(\(d\)->is_pvh\)"
FIELDS = (
    fields("one-bit-signed", "field of another type", (FLAG, r"int\1is_pvh:1;"), (ASKED, "((d)->is_pvh == 1)")),
    fields("one-bit-positive", "field of another type", (FLAG, r"int8_t\1is_pvh : 1;"), (ASKED, "((d)->is_pvh > 0)")),
    fields("one-bit-char", "field of another type", (FLAG, r"signed char\1is_pvh:1;"), (ASKED, "((d)->is_pvh == 1)")),
    fields("no-bit", "field of another type", (FLAG, r"const bool_t\1is_pvh;")),
    fields("packed", "attribute changed", (r"(\nstruct domain\n?\s*\{.*?\n\})(?=;)", r"\1 __attribute__((packed))")),
    fields("packed-front", "attribute changed", (r"\nstruct (domain\s*\{)", r"\nstruct __packed \1")),
    fields("predicate-const", "attribute changed", (
        r"static inline (bool_t is_hvm_domain)", r"static inline __attribute__((const)) \1")),
    fields("predicate-x86-only", "conditions around a definition", (
        r"(#define is_pvh_domain\(d\)[^\n]*)", r"#ifdef CONFIG_X86\n\1\n#endif")),
    fields(
        "predicate-debug-only",
        "conditions around a definition",
        (r"(static inline bool_t is_hvm_domain.*?\n\})", r"#ifndef NDEBUG\n\1\n#endif"),
    ),
    claim("domain-under-pragma", "attribute changed", beside(
        SCHED, "#pragma pack(1)\n", at=r"struct domain\n?\s*\{"), 2, 2),
)  # fmt: skip
HEADS = (*FUNCTIONS, *VARIABLES, *FIELDS)
