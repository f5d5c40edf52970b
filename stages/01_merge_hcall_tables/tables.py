"""Read the hypercall tables of ``xen/arch/x86/hvm/hvm.c`` in any of their forms.

Before: three arrays of handlers, their rows pasted by macros.  After: one array of
:c:struct:`hvm_hypercall`, a row of which holds both widths and names its guests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from xenstage.ctext.lexer import Kind, Token, code_tokens, matching, tokenize
from xenstage.stage.view import Region, View

NATIVE, COMPAT, PVH = "hvm_hypercall64_table", "hvm_hypercall32_table", "pvh_hypercall64_table"
MERGED = "hvm_hypercall_table"


@dataclass(frozen=True)
class Row:
    """A row: the hypercall's name without ``__HYPERVISOR_``, and its handlers' names.

    :param compat: "" in a table of one width.
    :param guests: the mask's text; "" in a table without masks.
    """

    key: str
    native: str
    compat: str = ""
    guests: str = ""


def read_table(view: View, name: str) -> list[Row]:
    """The rows of a table as the source has them, in order.

    :raises XenstageError: (SITE) for a row of a form that is not known, or a key twice.
    """
    region = view.definition(name, "VAR_DECL")
    tokens = tokenize(region.text.encode("latin-1"))
    if any(t.kind is Kind.DIRECTIVE for t in tokens):
        raise view.unknown(f"{name} holds preprocessor directives", f"{_where(view, region)}: a row may be absent")
    code = code_tokens(tokens)
    start = next((i for i, t in enumerate(code) if t.text == "{"), None)
    if start is None:
        raise view.unknown(f"{name} has no initialiser", _where(view, region))
    rows = [_row(view, region, piece) for piece in _split(code[start + 1 : matching(code, start)])]
    keys = [r.key for r in rows]
    twice = sorted({k for k in keys if keys.count(k) > 1})
    if twice:
        raise view.unknown(f"{name} has two rows for {', '.join(twice)}", _where(view, region))
    return rows


def _where(view: View, region: Region) -> str:
    return f"{region.path}:{view.line(region.path, region.start)}"


def _split(tokens: list[Token]) -> list[list[Token]]:
    """Rows between the commas of an initialiser."""
    rows: list[list[Token]] = [[]]
    i = 0
    while i < len(tokens):
        if tokens[i].text == ",":
            rows.append([])
            i += 1
            continue
        stop = matching(tokens, i) if tokens[i].text in ("(", "[", "{") else i
        rows[-1] += tokens[i : stop + 1]
        i = stop + 1
    return [r for r in rows if r]


_EXPLICIT = re.compile(r"\[ __HYPERVISOR_(\w+) \] = \( hvm_hypercall_t \* \) (\w+)\Z")
_PASTED = re.compile(r"(\w+) \( (\w+) \)\Z")
_MERGED = re.compile(r"HCALL \( (\w+) , (\w+) , (\w+)(?: , ([\w| ]+))? \)\Z")


def _row(view: View, region: Region, tokens: list[Token]) -> Row:
    text = " ".join(t.text for t in tokens)
    explicit, pasted, merged = _EXPLICIT.match(text), _PASTED.match(text), _MERGED.match(text)
    if merged:
        guests = (merged.group(4) or "").replace(" ", "")
        return Row(merged.group(1), merged.group(2), _null(merged.group(3)), guests)
    if explicit:
        return Row(explicit.group(1), explicit.group(2))
    if pasted:
        return Row(pasted.group(2), _prefix(view, pasted.group(1), region.path) + pasted.group(2))
    raise view.unknown(
        f"a row of {region.what} has a form that is not known",
        f"{region.path}:{view.line(region.path, region.start + tokens[0].start)}: {text}",
    )


def _null(name: str) -> str:
    return "" if name == "NULL" else name


_BODY = re.compile(r"\[ __HYPERVISOR_ ## (\w+) \] = \( hvm_hypercall_t \* \) (\w+) ## \1\Z")


def _prefix(view: View, macro: str, path: str) -> str:
    """What a row macro pastes before the key to get the handler's name."""
    region = view.definition(macro, "MACRO_DEFINITION", path)
    tokens = [t for t in tokenize(region.text.encode("latin-1")) if t.kind not in (Kind.COMMENT, Kind.END)]
    body = tokens[matching(tokens, 2) + 1 :] if len(tokens) > 2 and tokens[2].text == "(" else []
    m = _BODY.match(" ".join(t.text for t in body))
    if m is None:
        raise view.unknown(f"the macro {macro} pastes a row in a way that is not known", region.text)
    return m.group(2)


def row_text(row: Row) -> str:
    """A row of the merged table as C, wrapped at 79 columns, with its comma."""
    parts = [row.key, row.native, row.compat or "NULL"] + ([row.guests.replace("|", " | ")] if row.guests else [])
    lines = ["    HCALL("]
    for i, part in enumerate(parts):
        piece = part + (", " if i < len(parts) - 1 else "),")
        if len((lines[-1] + piece).rstrip()) > 79:
            lines[-1] = lines[-1].rstrip()
            lines.append(" " * len("    HCALL("))
        lines[-1] += piece
    return "\n".join(lines)
