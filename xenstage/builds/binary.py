"""read_tables: hypercall tables as the linker left them in ``xen-syms``."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

_TABLE = re.compile(r"\w*hypercall\w*_table\Z|hypercall\d*_table\Z")


def read_tables(image: Path) -> dict[str, list[Any]]:
    """Every symbol that is named like a hypercall table, as its 8-byte words.

    A word that is the address of a function is the function's name ("a|b" where two have
    it); any other is a number.  An image of a 32-bit architecture has none.

    :param image: a linked ELF file with its symbol table (ELF gABI, "Symbol Table").
    """
    with image.open("rb") as f:
        elf = ELFFile(f)
        table = elf.get_section_by_name(".symtab")
        if elf.elfclass != 64 or not isinstance(table, SymbolTableSection):
            return {}
        order = "<" if elf.little_endian else ">"
        rows = list(struct.iter_unpack(f"{order}IBBHQQ", table.data()))
        strings = table.stringtable.data()
        names: dict[int, list[str]] = {}
        found: list[tuple[str, int, int, int]] = []
        for name_at, info, _, section, value, size in rows:
            name = strings[name_at : strings.index(b"\0", name_at)].decode("latin-1")
            if name and info & 0xF in (0, 2) and section:
                names.setdefault(value, []).append(name)
            if section and section < 0xFF00 and _TABLE.match(name):
                found.append((name, section, value, size))
        starts = sorted(names)
        out: dict[str, list[Any]] = {}
        for name, index, value, size in found:
            section = elf.get_section(index)
            end = value + size if size else next((a for a in starts if a > value), value)
            offset = value - section["sh_addr"]
            data = section.data()[offset : offset + (end - value) // 8 * 8]
            words = [w for (w,) in struct.iter_unpack(f"{order}Q", data)]
            out[name] = ["|".join(sorted(names[w])) if w and w in names else w for w in words]
        return out
