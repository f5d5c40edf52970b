"""Mutants of the public headers that one layout for the tools does not show."""

from __future__ import annotations

import re

from xenstage.index.sweep import Files

from .operators import Apply, Changed, Mutant, in_file
from .others import STABLE

PUBLIC = "xen/include/public/"
FIELD = r"(\nstruct \w+ \{\n)"
X86 = r"(arch-x86/)?xen\.h"
CALL = r"(#[ \t]*define[ \t]+\w+\(\w+\)[ \t]*)(\\?\s*[^\n]*)"


def interface(name: str, kind: str, apply: Apply) -> Mutant:
    """A change of what guests or the hypervisor are compiled against."""
    return Mutant(name, kind, 2, 2, "abi", apply)


def under(condition: str, path: str = STABLE) -> Apply:
    """A field for some readers only, in the first structure of a header."""
    return in_file(path, FIELD, rf"\1{condition}\n    unsigned long xenstage_extra;\n#endif\n")


def anywhere(pattern: str, new: str, where: str = r".*\.h\Z") -> Apply:
    """The first match of a pattern in any public header."""

    def apply(files: Files) -> Changed:
        for path in files.paths():
            if path.startswith(PUBLIC) and re.match(where, path.removeprefix(PUBLIC)):
                data = files.read(path)
                text, n = re.subn(pattern.encode(), new.encode(), data, count=1, flags=re.S)
                if n and text != data:
                    return {path: text}
        raise LookupError(f"no public header has {pattern}")

    return apply


CALLS, OTHERS, OLD, RECORDS = (
    "ABI macro with arguments", "ABI of the hypervisor", "ABI of an old version", "save record changed",
)  # fmt: skip
READERS = (
    interface("call-changed", CALLS, in_file(STABLE, CALL, r"\1(0) + \2")),
    interface("call-swapped", CALLS, anywhere(r"(#define \w+)\((\w+), ?(\w+)\)", r"\1(\3, \2)")),
    interface("call-dropped", CALLS, anywhere(r"#define XEN_GUEST_HANDLE_PARAM\(\w+\)[^\n]*\n", "", X86)),
    interface("call-to-plain", CALLS, anywhere(r"#define (XEN_GUEST_HANDLE_PARAM)\(\w+\)", r"#define \1", X86)),
    interface("old-field", OLD, under("#if __XEN_INTERFACE_VERSION__ < 0x00040000")),
    interface("old-field-else", OLD, under("#if __XEN_INTERFACE_VERSION__ >= 0x00040000\n#else")),
    interface("middle-field", OLD, under(
        "#if __XEN_INTERFACE_VERSION__ >= 0x00030207 && __XEN_INTERFACE_VERSION__ < 0x00030209")),
    interface("xen-field", OTHERS, under("#ifdef __XEN__")),
    interface("not-tools-field", OTHERS, under("#ifndef __XEN_TOOLS__")),
    interface("guest-field", OTHERS, under("#if !defined(__XEN__) && !defined(__XEN_TOOLS__)")),
    interface("assembly-field", OTHERS, under("#ifdef __ASSEMBLY__")),
    interface("strict-field", OTHERS, under("#ifdef __STRICT_ANSI__")),
    interface("unknown-field", OTHERS, under("#ifdef XENSTAGE_OTHER")),
    interface("packed-interface", OTHERS, in_file(STABLE, FIELD, r"\n#pragma pack(2)\1")),
    interface("inline-function", OTHERS, in_file(
        STABLE, FIELD, r"\nstatic inline int xenstage_zero(void) { return 0; }\1")),
    interface("record-renumbered", RECORDS, anywhere(
        r"(DECLARE_HVM_SAVE_TYPE\(\w+, ?)(\d)(?=,)", r"\g<1>2\2", r"arch-x86/")),
    interface("records-exchanged", RECORDS, anywhere(
        r"(DECLARE_HVM_SAVE_TYPE\(\w+, ?)(\d+)(,.*?DECLARE_HVM_SAVE_TYPE\(\w+, ?)(\d+)", r"\1\4\3\2", r"arch-x86/")),
    interface("record-of-another", RECORDS, anywhere(
        r"(DECLARE_HVM_SAVE_TYPE\(\w+, ?\d+, ?struct )(\w+)(.*?DECLARE_HVM_SAVE_TYPE\(\w+, ?\d+, ?struct )(\w+)",
        r"\1\4\3\2", r"arch-x86/")),
    interface("record-field", RECORDS, anywhere(
        r"(\nstruct hvm_hw_\w+ \{\n)", r"\1    uint8_t xenstage_extra;\n", r"arch-x86/")),
    interface("record-macro", RECORDS, anywhere(r"char c\[(\w+)\]", r"char c[\1 + 1]", r"hvm/save\.h")),
)  # fmt: skip
