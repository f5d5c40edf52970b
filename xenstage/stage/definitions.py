"""Definitions: where something is defined, by our own reading of C and by libclang's word where it has one.

Our reading needs no compile database: it answers for tools/, for headers alone and for
code that no configuration compiles.  Where the patch names something in its ``defines``
and libclang has met it, libclang says which of several definitions is meant, and both
must agree about its place.
"""

from __future__ import annotations

import re

from ..ctext.entities import Entity, entities
from ..ctext.lexer import Kind, Token, matching, tokenize
from ..index.context import macro_extents
from ..index.sweep import C_SUFFIXES, sweep
from .base import Base, Region, indented

_CURSORS = {
    "function": "FUNCTION_DECL",
    "variable": "VAR_DECL",
    "struct": "STRUCT_DECL",
    "enum": "ENUM_DECL",
    "macro": "MACRO_DEFINITION",
}
KINDS = ("function", "prototype", "variable", "struct", "union", "enum", "typedef", "macro")
_TAGS = ("struct", "union", "enum")


class Definitions(Base):
    """What a view offers of definitions.

    ``path`` is the file that must hold it, or a folder that ends in "/", for names that
    several files define.  Every question has one answer.

    :raises XenstageError: (SITE) when there is none, or more than one.
    """

    def function(self, name: str, path: str = "") -> Region:
        """A function with its body, to the closing brace."""
        return self.definition(name, "function", path)

    def prototype(self, name: str, path: str = "") -> Region:
        """A function's declaration in a header or elsewhere, without its semicolon."""
        return self.definition(name, "prototype", path)

    def variable(self, name: str, path: str = "") -> Region:
        """A variable with its initialiser, without its semicolon."""
        return self.definition(name, "variable", path)

    def struct(self, name: str, path: str = "") -> Region:
        """``struct name { … }``."""
        return self.definition(name, "struct", path)

    def union(self, name: str, path: str = "") -> Region:
        """``union name { … }``."""
        return self.definition(name, "union", path)

    def enum(self, name: str, path: str = "") -> Region:
        """``enum name { … }``."""
        return self.definition(name, "enum", path)

    def typedef(self, name: str, path: str = "") -> Region:
        """``typedef … name``, without its semicolon."""
        return self.definition(name, "typedef", path)

    def macro(self, name: str, path: str = "") -> Region:
        """A ``#define`` with its body, without the last newline."""
        return self.definition(name, "macro", path)

    def definition(self, name: str, kind: str, path: str = "") -> Region:
        """Any of the above, by one of :data:`KINDS`."""
        if kind not in KINDS:
            raise ValueError(f"{kind} is no kind of definition: {', '.join(KINDS)}")
        found = self._found(name, kind, path)
        words = self._by_clang(name, kind, path)
        if words:
            agreed = [r for r in found if any(p == r.path and r.start < b and a < r.end for p, a, b in words)]
            if len(agreed) < len({w[:2] for w in words}):
                raise self.unknown(
                    f"libclang and our own reading disagree about {kind} {name}",
                    f"libclang: {self._places(words)}\nour own:  {self._places([(r.path, r.start) for r in found])}",
                )
            found = agreed
        if len(found) != 1:
            where = self._places([(r.path, r.start) for r in found]) or f"no file{f' below {path}' if path else ''}"
            raise self.unknown(f"{kind} {name} is defined {len(found)} times", f"found in {where}; needed: exactly one")
        return found[0]

    def has(self, name: str, kind: str, path: str = "") -> bool:
        """Whether something of that name is defined anywhere (below a path)."""
        return bool(self._found(name, kind, path))

    def _places(self, rows: list[tuple[str, int]] | list[tuple[str, int, int]]) -> str:
        return ", ".join(f"{r[0]}:{self.line(r[0], r[1])}" for r in rows)

    def _by_clang(self, name: str, kind: str, path: str) -> list[tuple[str, int, int]]:
        if kind not in _CURSORS or name not in self.index.asked:
            return []
        rows = self.index.defined.get(name, [])
        return sorted({(r[0], r[1], r[2]) for r in rows if r[3] == _CURSORS[kind] and _below(r[0], path)})

    def _found(self, name: str, kind: str, path: str) -> list[Region]:
        """What our own reading finds; asked once, since a view's tree does not change."""
        asked = (name, kind, path)
        if asked not in self._known:
            self._known[asked] = self._by_text(*asked)
        return self._known[asked]

    def _by_text(self, name: str, kind: str, path: str) -> list[Region]:
        out: list[Region] = []
        for file in sorted({h.path for h in sweep(self.files, [name]) if _below(h.path, path)}):
            if not file.endswith(C_SUFFIXES):
                continue
            data = self.read(file)
            if kind == "macro":
                spans = macro_extents(data, name)
            elif not _may_hold(data, name, kind):
                continue
            elif kind in _TAGS:
                spans = _tagged(data, name, kind)
            else:
                spans = [s for e in entities(data).values() if (s := _span(e, name, kind))]
            out += [self.region(file, a, b, f"{kind} {name}", kind) for a, b in spans]
        return out

    # Parts ---------------------------------------------------------------

    def field(self, of: Region, name: str) -> Region:
        """A field's declaration in a struct or union, with its semicolon."""
        return self._part(of, name, "field", _fields(self.tokens(of)))

    def enumerator(self, of: Region, name: str) -> Region:
        """An enumerator with its value, without its comma."""
        return self._part(of, name, "enumerator", _enumerators(self.tokens(of)))

    def parts(self, of: Region) -> list[Region]:
        """What stands between the commas of an initialiser.

        :raises XenstageError: (SITE) when there is none, or when a directive may take a part away.
        """
        tokens = self.tokens(of)
        if any(t.kind is Kind.DIRECTIVE for t in tokens):
            raise self.unknown(f"{of.what} holds preprocessor directives", f"{self.where(of)}: a part may be absent")
        if not any(t.text == "{" for t in tokens):
            raise self.unknown(f"{of.what} has no initialiser", self.where(of))
        return [self.region(of.path, a, b, of.what) for _, a, b in _enumerators(tokens)]

    def _part(self, of: Region, name: str, kind: str, parts: list[tuple[list[str], int, int]]) -> Region:
        found = [p for p in parts if name in p[0]]
        if len(found) != 1:
            raise self.unknown(
                f"{of.what} has {len(found)} {kind}s {name}",
                f"{self.where(of)}: it has {', '.join(n for p in parts for n in p[0])}",
            )
        names, start, end = found[0]
        if len(names) != 1:
            raise self.unknown(f"{name} shares its declaration in {of.what}", f"with {', '.join(names)}")
        return self.region(of.path, start, end, f"{kind} {name} of {of.what}", kind)

    # Edits ---------------------------------------------------------------

    def insert_after(self, region: Region, text: str, *, rule: str, reason: str) -> None:
        """Put C text after a field, an enumerator, a macro, a function or another declaration.

        What is put after one thing by several calls stands in the order of the calls.

        :param text: its lines are indented as the region is; an empty first line stays
            one.  An enumerator's comma is none of its business.
        """
        if region.kind == "enumerator":
            self._insert_enumerator(region, text, rule=rule, reason=reason)
            return
        whole = self.whole_lines(region)
        pad = self.indent(region.path, region.start)
        at = self.line_end(region.path, region.end)
        if at >= whole.end:  # the file ends without a newline
            raise self.unknown(f"{region.what} ends its file without a newline", self.where(region))
        self.insert(region.path, at, "\n" + indented(text, pad), rule=rule, reason=reason)

    def _insert_enumerator(self, region: Region, text: str, *, rule: str, reason: str) -> None:
        data = self.read(region.path)
        after = re.match(rb"\s*,", data[region.end :])
        at = region.end + after.end() if after else region.end
        line = data[self.line_start(region.path, region.start) : self.line_end(region.path, at)]
        alone = re.fullmatch(rb"[^,{}]*,?[^,{}]*", line)
        text = text.strip()
        lead = "\n" + self.indent(region.path, region.start) if alone else " "
        new = f"{lead}{text}," if after else f",{lead}{text}"
        end = self.line_end(region.path, at) if alone and after else at
        self.insert(region.path, end, new, rule=rule, reason=reason)

    def delete_enumerator(self, region: Region, *, rule: str, reason: str) -> None:
        """Take an enumerator and its comma away; the others keep their values only if it is the
        last or they are given: say so in the reason."""
        data = self.read(region.path)
        after = re.match(rb"\s*,", data[region.end :])
        before = re.search(rb",\s*\Z", data[: region.start])
        alone = not data[self.line_start(region.path, region.start) : region.start].strip()
        if after and alone and data[region.end + after.end() :].lstrip(b" ")[:1] == b"\n":
            self.replace(self.whole_lines(region), "", rule=rule, reason=reason)
            return
        start, end = region.start, region.end
        if after:
            end += after.end()
            end += len(data[end:]) - len(data[end:].lstrip(b" "))
        elif before:
            start = before.start()
        self.replace(self.region(region.path, start, end, region.what), "", rule=rule, reason=reason)

    def delete_define(self, name: str, path: str = "", *, rule: str, reason: str) -> None:
        """Take ``#define name`` away, ``#define _name`` before it if it is there, and their comment.

        :raises XenstageError: (SITE) also when ``_name`` stands elsewhere.
        """
        macro = self.macro(name, path)
        if not self.has("_" + name, "macro", macro.path):
            self.delete(macro, rule=rule, reason=reason)
            return
        number = self.macro("_" + name, macro.path)
        if self.read(macro.path)[number.end : macro.start].strip():
            raise self.unknown(f"_{name} does not stand directly before {name}", self.where(number))
        both = self.region(macro.path, number.start, macro.end, f"the macros _{name} and {name}", "macro")
        self.delete(both, rule=rule, reason=reason)

    def bump(self, name: str, path: str = "", *, rule: str, reason: str) -> str:
        """Add one to a macro that is a number; base, width, case and suffix stay.

        :returns: the new number's text.
        """
        macro = self.macro(name, path)
        body = [t for t in self.tokens(macro) if t.kind is Kind.NUMBER]
        m = re.fullmatch(r"(0[xX]|)([0-9a-fA-F]+)([uUlL]*)", body[0].text) if len(body) == 1 else None
        if m is None or not re.search(rf"{name}[ \t]+\(?{re.escape(body[0].text)}\)?\s*(/\*|\Z)", macro.text):
            raise self.unknown(f"{name} is no plain number", f"{self.where(macro)}: {macro.text}")
        lead, digits, suffix = m.groups()
        value = int(digits, 16 if lead else 10) + 1
        text = format(value, "x" if lead else "d").rjust(len(digits), "0")
        if lead and digits.upper() == digits and digits.lower() != digits:
            text = text.upper()
        number = self.region(macro.path, body[0].start, body[0].end, f"number of {name}")
        self.replace(number, lead + text + suffix, rule=rule, reason=reason)
        return lead + text + suffix


def _below(path: str, where: str) -> bool:
    return not where or path == where or (where.endswith("/") and path.startswith(where))


def _may_hold(data: bytes, name: str, kind: str) -> bool:
    """A quick look, so that files which only use a name need not be read as C."""
    word = re.escape(name.encode())
    if kind in _TAGS:
        return re.search(rb"\b" + kind.encode() + rb"\s+" + word + rb"\s*\{", data) is not None
    if kind == "typedef":
        return b"typedef" in data
    follow = rb"\s*\(" if kind in ("function", "prototype") else rb"[^;]*[=;]"
    return re.search(rb"^(?![ \t#/])[^\n;]*\b" + word + follow + rb"|^" + word + follow, data, re.M) is not None


def _tagged(data: bytes, name: str, kind: str) -> list[tuple[int, int]]:
    """Byte ranges of ``struct name { … }``, at any depth."""
    code = [t for t in tokenize(data) if t.kind is not Kind.COMMENT]
    out: list[tuple[int, int]] = []
    for i, t in enumerate(code[:-2]):
        if t.text == kind and code[i + 1].text == name and code[i + 2].text == "{":
            out.append((t.start, code[matching(code, i + 2)].end))
    return out


def _span(e: Entity, name: str, kind: str) -> tuple[int, int] | None:
    """The byte range of an entity if it defines the name, without its semicolon."""
    code = [t for t in e.tokens if not t.in_directive]
    words = [t.text for t in code]
    if kind == "typedef":
        if e.kind != "type" or e.name != name or words[0] != "typedef":
            return None
    elif (e.kind, e.name) != (kind, name):
        return None
    last = code[-2] if words[-1] == ";" else code[-1]
    return code[0].start, last.end


def _body(tokens: list[Token]) -> list[Token]:
    code = [t for t in tokens if t.kind is not Kind.COMMENT and not t.in_directive]
    start = next((i for i, t in enumerate(code) if t.text == "{"), None)
    return code[start + 1 : matching(code, start)] if start is not None else []


def _fields(tokens: list[Token]) -> list[tuple[list[str], int, int]]:
    """(names, start, end with the semicolon) of the fields, those of nested structs too."""
    out: list[tuple[list[str], int, int]] = []
    code = _body(tokens)
    start = i = 0
    while i < len(code):
        if code[i].text == "{":
            stop = matching(code, i)
            out += _fields(code[i : stop + 1])
            i = stop
        if code[i].text == ";":
            out.append((_declarators(code[start:i]), code[start].start, code[i].end))
            start = i + 1
        i += 1
    return out


def _declarators(code: list[Token]) -> list[str]:
    """The names that a declaration declares."""
    names: list[str] = []
    found, depth, i = "", 0, 0
    while i < len(code):
        t = code[i]
        if t.text == "{":
            i = matching(code, i) + 1
            found = ""
            continue
        if t.text == "(" and i + 2 < len(code) and code[i + 1].text == "*":
            found = code[i + 2].text  # a pointer to a function
            i = matching(code, i) + 1
            i = matching(code, i) + 1 if i < len(code) and code[i].text == "(" else i
            continue
        depth += (t.text in ("(", "[")) - (t.text in (")", "]"))
        if depth == 0 and t.text == ",":
            names.append(found)
        elif depth == 0 and t.text in (":", "__attribute__"):
            break
        elif depth == 0 and t.kind is Kind.WORD:
            found = t.text
        i += 1
    return [n for n in [*names, found] if n]


def _enumerators(tokens: list[Token]) -> list[tuple[list[str], int, int]]:
    out: list[tuple[list[str], int, int]] = []
    code = _body(tokens)
    start, depth = 0, 0
    for i, t in enumerate([*code, None]):
        if t is not None:
            depth += (t.text in ("(", "[", "{")) - (t.text in (")", "]", "}"))
        if (t is None or (t.text == "," and depth == 0)) and i > start:
            out.append(([code[start].text], code[start].start, code[i - 1].end))
        if t is None or (t.text == "," and depth == 0):
            start = i + 1
    return out
