"""head_difference: what of a definition stands outside its body and says how the body is compiled.

Return type, parameters, storage, qualifiers, attributes, section, and the preprocessor
conditions around it.  Two bodies that do the same are no proof where these differ: a
narrower type cuts a value, ``__init`` throws the code away after boot, ``const`` lets the
compiler call once instead of twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .entities import Entity


def head_words(entity: Entity) -> tuple[str, ...]:
    """The words of a function before its body, or of a variable before its initial value.

    Directives that stand in between are words too.
    """
    depth = 0
    words = entity.words
    for i, w in enumerate(words):
        if depth == 0 and (w == "{" or (w == "=" and entity.kind == "variable")):
            return words[:i]
        depth += (w in ("(", "[")) - (w in (")", "]"))
    return words


def head_difference(old: Entity, new: Entity) -> str:
    """How two definitions differ outside their bodies; "" when they do not.

    What comes back is a clause: "its head was …, is …".
    """
    around = conditions_difference(old, new)
    if around or ("function" not in (old.kind, new.kind) and "variable" not in (old.kind, new.kind)):
        return around
    a, b = head_words(old), head_words(new)
    return "" if a == b else f"its head was '{_said(a, b)}', is '{_said(b, a)}'"


def conditions_difference(old: Entity, new: Entity) -> str:
    """How the preprocessor conditions around two definitions differ; "" when they do not."""
    return "" if old.under == new.under else f"the conditions around it were {_under(old)}, are {_under(new)}"


def peculiar(new: Entity, *, header: bool) -> str:
    """What the head of a definition that was not there before says beyond types; "" for nothing.

    Conditions, sections and attributes: with nothing to compare them to, nobody has shown
    that they do no harm.

    :param header: whether it stands in a header, where one condition is the guard.
    """
    under = new.under[1:] if header and new.under[:1] and "ndef" in new.under[0] else new.under
    if under:
        return f"it is new, and stands under {'; '.join(under)}"
    return attributes(new)


def attributes(new: Entity) -> str:
    """Attributes in the head of a new definition; "" for none."""
    odd = [w for w in head_words(new) if new.kind in ("function", "variable") and (w[:2] == "__" or w in _ATTRIBUTES)]
    return f"it is new, and its head says {', '.join(odd)}" if odd else ""


# Words of xen/compiler.h and its neighbours that are attributes and do not begin with underscores.
_ATTRIBUTES = frozenset(
    {"noreturn", "noinline", "always_inline", "asmlinkage", "weak", "packed", "volatile", "register"}
)


def _under(entity: Entity) -> str:
    return "; ".join(entity.under) or "none"


def _said(words: Sequence[str], other: Sequence[str]) -> str:
    """The words that another list does not share at its ends, with one on either side."""
    head = next((i for i, (a, b) in enumerate(zip(words, other, strict=False)) if a != b), min(len(words), len(other)))
    tail = 0
    while tail < min(len(words), len(other)) - head and words[-1 - tail] == other[-1 - tail]:
        tail += 1
    return " ".join(words[max(head - 1, 0) : len(words) - tail + 1])[:120]


def gained_fields(old: Entity, new: Entity) -> list[tuple[str, ...]]:
    """Declarations of a struct that it did not have, each without its semicolon."""
    known = Counter(_declarations(old))
    return list((Counter(_declarations(new)) - known).elements())


def _declarations(entity: Entity) -> list[tuple[str, ...]]:
    out: list[tuple[str, ...]] = []
    line: list[str] = []
    for t in entity.tokens:
        if t.text in (";", "{", "}"):
            out += [tuple(line)] if line else []
            line = []
        elif not t.in_directive:
            line.append(t.text)
    return out


def narrow_field(declaration: Sequence[str]) -> str:
    """Why a field may not give back what is put into it; "" where nothing is seen.

    A signed bit-field of one bit holds 0 and -1 (C99 6.7.2.1); whether a plain int is signed
    there is the compiler's choice.
    """
    said = " ".join(declaration)
    if ":" in declaration and not set(declaration) & {"unsigned", "bool", "bool_t", "_Bool", *_UNSIGNED}:
        return f"'{said}' is a bit-field of a signed type"
    odd = sorted(set(declaration) & {"const", "volatile"} | {w for w in declaration if w[:2] == "__"})
    return f"'{said}' is {odd[0]}" if odd else ""


_UNSIGNED = ("uint8_t", "uint16_t", "uint32_t", "uint64_t", "u8", "u16", "u32", "u64")
