"""read_unit, read_build: the functions and variables of object files, as digests that can be compared.

A digest is of the bytes, with every relocation in symbolic form (ELF gABI,
"Relocation"): the name of a symbol, the text of a string, the content of constants
without a name.  It does not depend on where the linker or the compiler puts things,
on debug information, or on the numbers that GCC gives to what is local to a unit.
"""

from __future__ import annotations

import bisect
import functools
import hashlib
import io
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from elftools.elf.elffile import ELFFile

from ..index.pool import Workers

# Objects that hold nothing of their own (links of others), or the time of the build.
_LINKS = ("built_in.o", "prelink.o", "prelink-efi.o", "version.o", "symbols-dummy.o")
_PC_RELATIVE = {62: {2, 4, 9, 41, 42}}  # EM_X86_64: PC32, PLT32, GOTPCREL and its kin: four bytes before the end
_ALLOC, _EXEC, _MERGE, _STRINGS = 2, 4, 16, 32
_WEAK = 2  # STB_WEAK: another definition takes its place
_DEPTH = 3

# "f" and "d": symbol -> [size in bytes, digest]; "s": section without symbols -> the same
Unit = dict[str, dict[str, list[Any]]]


class _Symbol(NamedTuple):
    name: str
    value: int
    size: int
    kind: int
    section: int
    weak: bool = False


class _Relocation(NamedTuple):
    offset: int
    kind: int
    symbol: int
    addend: int | None  # None: it stands in the bytes (SHT_REL)


def local_name(name: str) -> str:
    """A symbol without the numbers that a compiler counts per unit."""
    name = re.sub(r"\.(constprop|isra|part|cold|lto_priv)\.\d+", r".\1", name)
    return re.sub(r"\.\d+\Z", "", name)


def read_unit(path: Path, prefix: Path, erase: Sequence[bytes] = ()) -> Unit:
    """The functions ("f") and variables ("d") of one relocatable object, and what stands in
    sections without a symbol of their own ("s": exception tables, bug frames, alternatives).

    The section in which something stands is part of its digest, and whether it is weak.

    :param prefix: a directory whose name is left out of strings (``__FILE__``).
    :param erase: texts that do not count (the date of the build).
    """
    return _Object(path.read_bytes(), str(prefix), erase).unit()


def dates_of(xen: Path) -> tuple[bytes, ...]:
    """What a build puts down about itself: the strings of ``include/xen/compile.h``."""
    try:
        text = (xen / "include/xen/compile.h").read_bytes()
    except OSError:
        return ()
    found = re.findall(rb'#define\s+XEN_(?:COMPILE_\w+|COMPILER|EXTRAVERSION|CHANGESET)\s+"([^"\n]{4,})"', text)
    return tuple(sorted(found, key=len, reverse=True))


def read_build(xen: Path) -> dict[str, Unit]:
    """Every compiled object below a built ``xen`` directory, by its path there."""
    paths = [p for p in sorted(xen.rglob("*.o")) if p.name not in _LINKS and not p.name.endswith(".init.o")]
    paths = [p for p in paths if not _made_of_others(p)]
    with Workers() as workers:
        read = list(workers.map(functools.partial(read_unit, prefix=xen, erase=dates_of(xen)), paths))
    return {p.relative_to(xen).as_posix(): u for p, u in zip(paths, read, strict=True) if u["f"] or u["d"]}


def _made_of_others(path: Path) -> bool:
    """Whether an object has no source of its own (symbol tables, generated assembly)."""
    return not any(path.with_suffix(s).exists() for s in (".c", ".S")) and path.name.startswith((".", "xen"))


# Intel SDM volume 2: E8 call, E9 jmp, 0F 8x jcc, REX.W 8D lea of a RIP-relative address; each is
# followed by a 32-bit distance from its end.  One may begin among the bytes of another.
_NEAR = re.compile(rb"(?=([\xe8\xe9]|\x0f[\x80-\x8f]|[\x48\x4c]\x8d[\x05\x0d\x15\x1d\x25\x2d\x35\x3d]))", re.DOTALL)


class _Object:
    def __init__(self, data: bytes, prefix: str, erase: Sequence[bytes] = ()) -> None:
        elf = ELFFile(io.BytesIO(data))
        self.data, self.prefix, self.erase = data, prefix.encode(), erase
        self._starts: dict[int, dict[int, str]] = {}
        self.machine = {"EM_X86_64": 62, "EM_AARCH64": 183, "EM_ARM": 40}.get(elf["e_machine"], 0)
        self.wide = elf.elfclass == 64
        self.headers = [s.header for s in elf.iter_sections()]
        self.names = [s.name for s in elf.iter_sections()]
        self.order = "<" if elf.little_endian else ">"
        self.symbols: list[_Symbol] = []
        self.relocations: dict[int, list[_Relocation]] = {}
        for header in self.headers:
            if header["sh_type"] == "SHT_SYMTAB":
                self.symbols = self._symbols(header)
        for header in self.headers:
            if header["sh_type"] in ("SHT_RELA", "SHT_REL"):
                rows = self._relocations(header)
                self.relocations.setdefault(header["sh_info"], []).extend(sorted(rows))
        self.placed: dict[int, list[_Symbol]] = {}
        for s in self.symbols:
            if s.kind in (1, 2) and s.size:
                self.placed.setdefault(s.section, []).append(s)
        for row in self.placed.values():
            row.sort(key=lambda s: (s.value, -s.size))
        self._edges: dict[int, list[int]] = {}

    def _bytes(self, index: int) -> bytes:
        h = self.headers[index]
        return b"" if h["sh_type"] == "SHT_NOBITS" else self.data[h["sh_offset"] : h["sh_offset"] + h["sh_size"]]

    def _symbols(self, header: Any) -> list[_Symbol]:
        raw = self.data[header["sh_offset"] : header["sh_offset"] + header["sh_size"]]
        names = self._bytes(header["sh_link"])
        out = []
        if self.wide:
            rows = ((n, i, s, v, z) for n, i, _, s, v, z in struct.iter_unpack(f"{self.order}IBBHQQ", raw))
        else:
            rows = ((n, i, s, v, z) for n, v, z, i, _, s in struct.iter_unpack(f"{self.order}IIIBBH", raw))
        for at, info, section, value, size in rows:
            name = names[at : names.index(b"\0", at)].decode("latin-1")
            out.append(_Symbol(name, value, size, info & 15, section, info >> 4 == _WEAK))
        return out

    def _relocations(self, header: Any) -> list[_Relocation]:
        raw = self.data[header["sh_offset"] : header["sh_offset"] + header["sh_size"]]
        rela = header["sh_type"] == "SHT_RELA"
        form = ("QQq" if rela else "QQ") if self.wide else ("IIi" if rela else "II")
        shift, mask = (32, 0xFFFFFFFF) if self.wide else (8, 0xFF)
        return [
            _Relocation(r[0], r[1] & mask, r[1] >> shift, r[2] if rela else None)
            for r in struct.iter_unpack(self.order + form, raw)
        ]

    def unit(self) -> Unit:
        out: Unit = {"f": {}, "d": {}, "s": self._nameless()}
        for index, symbols in sorted(self.placed.items()):
            if index >= len(self.headers) or not self.headers[index]["sh_flags"] & _ALLOC:
                continue
            for s in symbols:
                where = out["f" if s.kind == 2 else "d"]
                name, n = local_name(s.name), 2
                while name in where:
                    name, n = f"{local_name(s.name)}#{n}", n + 1
                made = self._digest(index, s.value, s.value + s.size, s, 0)
                where[name] = [s.size, f"{made} {self.names[index]}{' weak' if s.weak else ''}"]
        return out

    def _nameless(self) -> dict[str, list[Any]]:
        """Sections that are loaded and that no symbol names: what an assembler's .pushsection left there."""
        out: dict[str, list[Any]] = {}
        for index, header in enumerate(self.headers):
            size, flags = header["sh_size"], header["sh_flags"]
            if not size or not flags & _ALLOC or flags & _MERGE or index in self.placed:
                continue
            if not self.names[index].startswith((".eh_frame", ".note", ".rodata", ".comment")):
                name, n = self.names[index], 2
                while name in out:
                    name, n = f"{self.names[index]}#{n}", n + 1
                out[name] = [size, self._digest(index, 0, size, None, 0)]
        return out

    def _digest(self, index: int, start: int, end: int, owner: _Symbol | None, depth: int) -> str:
        h = hashlib.sha256()
        data = bytearray(self._bytes(index)[start:end])
        rows = self.relocations.get(index, [])
        for r in rows[bisect.bisect_left(rows, (start,)) : bisect.bisect_left(rows, (end,))]:
            addend = r.addend if r.addend is not None else self._in_place(data, r.offset - start, r.kind)
            shift = self._distance(index, r, r.offset - start if depth else 0)
            to = self._target(r, addend, shift, owner, depth)
            h.update(f"{r.offset - start} {r.kind} {to}\n".encode("latin-1"))
        if self.headers[index]["sh_flags"] & _EXEC:
            for at, text in self._near_calls(index, bytes(data), start, end, {r.offset for r in rows}):
                h.update(f"{at} near {text}\n".encode("latin-1"))
                data[at : at + 4] = bytes(4)
        for made in self.erase:
            data = data.replace(made, bytes(len(made)))
        h.update(data)
        return h.hexdigest()[:16]

    def _near_calls(self, index: int, data: bytes, start: int, end: int, taken: set[int]) -> list[tuple[int, str]]:
        """Calls, jumps and addresses of functions of the same section, which the assembler
        resolved itself: where the distance stands, and to what."""
        starts = self._starts.setdefault(index, {s.value: s.name for s in self.placed.get(index, []) if s.kind == 2})
        out: list[tuple[int, str]] = []
        if self.machine == 62:
            for m in _NEAR.finditer(data):
                at = m.end(1)
                if at + 4 <= len(data) and start + at not in taken:
                    to = start + at + 4 + int.from_bytes(data[at : at + 4], "little", signed=True)
                    if start <= to < end:
                        continue
                    if to in starts:
                        out.append((at, local_name(starts[to])))
                    elif self._traps(index, to):
                        out.append((at, "ud2"))
            return out
        for at in range(0, len(data) - 3, 4):
            (word,) = struct.unpack_from(f"{self.order}I", data, at)
            if start + at in taken:
                continue
            if self.machine == 183 and word >> 26 in (0x25, 0x05):  # Arm ARM: BL, B with imm26
                to = start + at + (((word & 0x3FFFFFF) ^ 0x2000000) - 0x2000000) * 4
            elif self.machine == 40 and word >> 24 & 0xE == 0xA and word >> 28 != 15:  # BL, B with imm24
                to = start + at + 8 + (((word & 0xFFFFFF) ^ 0x800000) - 0x800000) * 4
            elif self.machine == 40 and word & 0x0FFF0FF0 == 0x008F0000:  # ADD Rd, PC, Rm
                where = self._literal(data, at, word & 15)
                if where is None or start + where in taken:
                    continue
                (distance,) = struct.unpack_from(f"{self.order}I", data, where)
                to = (start + at + 8 + distance) & 0xFFFFFFFF
                if not start <= to < end and to in starts:
                    out.append((where, local_name(starts[to])))
                continue
            else:
                continue
            if not start <= to < end and to in starts:
                out.append((at, f"{word >> 26} {local_name(starts[to])}"))
        return out

    def _literal(self, data: bytes, before: int, register: int) -> int | None:
        """Where the constant stands among a function's words that ARM code loaded last into a register
        (LDR Rt, [PC, #imm12]), or None."""
        for at in range(before - 4, -1, -4):
            (word,) = struct.unpack_from(f"{self.order}I", data, at)
            if word & 0x0F7FF000 == 0x051F0000 | register << 12:
                where = at + 8 + (word & 0xFFF) * (1 if word >> 23 & 1 else -1)
                return where if 0 <= where <= len(data) - 4 and not where % 4 else None
        return None

    def _traps(self, index: int, place: int) -> bool:
        """Whether a place of x86 code outside of all functions holds an invalid instruction: what
        ``.subsection`` puts out of line, behind the section's functions, wherever these end."""
        if self._bytes(index)[place : place + 2] != b"\x0f\x0b":
            return False
        return not any(s.value <= place < s.value + s.size for s in self.placed.get(index, []))

    def _in_place(self, data: bytearray, at: int, kind: int) -> int:
        """An addend that stands in the instruction (ARM ELF, "Relocation"), which is cleared there."""
        if at < 0 or at + 4 > len(data):
            return 0
        (word,) = struct.unpack_from(f"{self.order}I", data, at)
        if kind in (2, 3):
            addend, kept = word, 0
        elif kind in (43, 44):
            addend, kept = (word >> 4 & 0xF000) | (word & 0xFFF), word & 0xFFF0F000
        elif kind in (1, 28, 29):
            addend, kept = ((word & 0xFFFFFF) ^ 0x800000) - 0x800000 << 2, word & 0xFF000000
        else:
            return 0
        struct.pack_into(f"{self.order}I", data, at, kept)
        return int(addend)

    def _distance(self, index: int, r: _Relocation, at: int) -> int:
        """What a relative address lacks of the place that it names.

        In an instruction the distance is from its end, which the address mostly is.  In a table of
        jumps every entry is the distance from the table's start.  Elsewhere it is from itself.

        :param at: where the entry stands in a table without a name; else 0.
        """
        if r.kind not in _PC_RELATIVE.get(self.machine, ()):
            return 0
        return 4 if self.headers[index]["sh_flags"] & _EXEC else -at

    def _target(self, r: _Relocation, addend: int, shift: int, owner: _Symbol | None, depth: int) -> str:
        """What a relocation names.

        :param shift: see :meth:`_distance`.
        """
        s = self.symbols[r.symbol]
        if s.kind != 3 and not s.name.startswith((".L", "$")) and s.name:
            if owner is not None and s.name == owner.name:
                return f"self{addend:+d}"
            if s.kind in (1, 2) or s.section == 0 or s.section >= 0xFF00:
                return f"{local_name(s.name)}{addend:+d}{' weak' if s.weak else ''}"
        section = s.section
        if section == 0 or section >= len(self.headers):
            return f"{local_name(s.name)}{addend:+d}"
        # An immediate operand may follow the address: then the target lies a little further on.
        further = (0, 1, 2, 4) if shift > 0 else (0,)
        return self._place(section, s.value + addend + shift, further, owner, depth)

    def _place(self, section: int, place: int, further: Sequence[int], owner: _Symbol | None, depth: int) -> str:
        flags = self.headers[section]["sh_flags"]
        data = self._bytes(section)
        if flags & _STRINGS and 0 <= place < len(data):
            end = data.find(b"\0", place)
            text = data[place : end if end >= 0 else len(data)].replace(self.prefix, b"")
            for made in self.erase:
                text = text.replace(made, bytes(len(made)))
            return "string " + text.decode("latin-1")
        placed = self.placed.get(section, [])
        starts = {s.value: s for s in placed}
        for more in further:
            if place + more in starts:
                return self._named(starts[place + more], 0, owner)
        i = bisect.bisect_right([s.value for s in placed], place) - 1
        if i >= 0 and placed[i].value <= place < placed[i].value + placed[i].size:
            return self._named(placed[i], place - placed[i].value, owner)
        if not data or depth >= _DEPTH or not 0 <= place < len(data):
            return f"{'code' if flags & _EXEC else 'data'} without a name"
        if flags & _MERGE:
            size = self.headers[section]["sh_entsize"] or 8
            return "constant " + data[place : place + size].hex()
        return "content " + self._digest(section, place, self._end(section, place), owner, depth + 1)

    def _named(self, s: _Symbol, delta: int, owner: _Symbol | None) -> str:
        if owner is not None and (s.name, s.section, s.value) == (owner.name, owner.section, owner.value):
            return f"self+{delta}"
        return f"{local_name(s.name)}+{delta}"

    def _end(self, section: int, place: int) -> int:
        """Where content without a name ends: a table of jumps before what fills up the space behind it."""
        end = self._edge(section, place)
        rows = [r.offset for r in self.relocations.get(section, []) if place <= r.offset < end]
        last = rows[-1] + 4 if rows and self.machine == 62 else end
        fill = self._bytes(section)[last:end]
        return last if rows and len(fill) < 64 and not any(fill) else end

    def _edge(self, section: int, place: int) -> int:
        """Where content without a name ends: at the next thing that something refers to."""
        if section not in self._edges:
            edges = {s.value for s in self.symbols if s.section == section}
            for index, rows in self.relocations.items():
                for r in rows:
                    s = self.symbols[r.symbol]
                    if s.section == section and r.addend is not None:
                        edges.add(s.value + r.addend + self._distance(index, r, 0))
            self._edges[section] = sorted({*edges, len(self._bytes(section))})
        edges_ = self._edges[section]
        i = bisect.bisect_right(edges_, place)
        return min(edges_[i] if i < len(edges_) else place, place + 4096)
