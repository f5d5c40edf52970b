"""Read the hypercall tables of ``xen/arch/x86/hvm/hvm.c`` in any of their forms.

Before: three arrays of handlers, their rows pasted by macros.  After: one array of
:c:struct:`hvm_hypercall`, a row of which holds both widths and names its guests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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

    def __str__(self) -> str:
        mask = [self.guests.replace("|", " | ")] if self.guests else []
        return f"    HCALL({', '.join([self.key, self.native, self.compat or 'NULL', *mask])}),"


_EXPLICIT = re.compile(r"\[ __HYPERVISOR_(\w+) \] = \( hvm_hypercall_t \* \) (\w+)\Z")
_PASTED = re.compile(r"(\w+) \( (\w+) \)\Z")
_MERGED = re.compile(r"HCALL \( (\w+) , (\w+) , (\w+)(?: , ([\w| ]+))? \)\Z")
_PASTES = re.compile(r".*\) \[ __HYPERVISOR_ ## (\w+) \] = \( hvm_hypercall_t \* \) (\w+) ## \1\Z")


def read_table(view: View, name: str) -> list[Row]:
    """The rows of a table as the source has them, in order.

    :raises XenstageError: (SITE) for a row of a form that is not known, or a key twice.
    """
    table = view.variable(name)
    rows = [_row(view, part) for part in view.parts(table)]
    twice = {r.key for r in rows if sum(r.key == x.key for x in rows) > 1}
    if twice:
        raise view.unknown(f"{name} has two rows for {', '.join(sorted(twice))}", view.where(table))
    return rows


def _row(view: View, part: Region) -> Row:
    text = view.words(part)
    if m := _MERGED.match(text):
        compat, guests = m.group(3), (m.group(4) or "").replace(" ", "")
        return Row(m.group(1), m.group(2), "" if compat == "NULL" else compat, guests)
    if m := _EXPLICIT.match(text):
        return Row(m.group(1), m.group(2))
    if m := _PASTED.match(text):
        macro = view.macro(m.group(1), part.path)
        pasted = _PASTES.match(view.words(macro))
        if pasted is None:
            raise view.unknown(f"the macro {m.group(1)} pastes a row in a way that is not known", macro.text)
        return Row(m.group(2), pasted.group(2) + m.group(2))
    raise view.unknown(f"a row of {part.what} has a form that is not known", f"{view.where(part)}: {text}")
