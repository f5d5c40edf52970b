"""What evaluating an expression needs to be valid: pointers that are followed, indices, divisors.

A read that a condition guards must stay behind it: `p && p->x` and `p->x && p` have the same
truth table, and only one of them is C.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...ctext.expr import Expr, children, has_effects, show

_VALID = ("current", "current->domain")


def needs(e: Expr) -> frozenset[str]:
    """What must be valid when an expression is evaluated as a whole, as C text: "p" for
    ``*p`` and ``p->x``, "a[i]" for an element, "/ n" for a divisor.  Only what is
    evaluated in each case counts: not what ``&&``, ``||`` and ``?:`` may leave out."""
    kind = e[0]
    if kind == "un" and e[1] in ("sizeof", "&"):
        return _of_address(e[2]) if e[1] == "&" else frozenset()
    if kind in ("bin", "tern") and e[1] in ("&&", "||"):
        return needs(e[2])
    if kind == "tern":
        return needs(e[1]) | (needs(e[2]) & needs(e[3]))
    own: set[str] = set()
    if kind == "field" and e[2] == "->":
        own.add(show(e[1]))
    elif kind == "un" and e[1] == "*":
        own.add(show(e[2]))
    elif kind in ("index", "beyond", "invalid"):
        own.add(show(e))
    elif kind in ("bin", "assign") and e[1] in ("/", "%", "/=", "%=") and not (e[3][0] == "num" and e[3][1]):
        own.add(f"{e[1][0]} {show(e[3])}")
    return frozenset(own).union(*(needs(x) for x in children(e)))


def _of_address(e: Expr) -> frozenset[str]:
    """For ``&x``: the object itself is not read."""
    if e[0] == "field":
        return needs(e[1]) if e[2] == "->" else _of_address(e[1])
    if e[0] == "index":
        return needs(e[1]) | needs(e[2])
    return needs(e[2]) if e[:2] == ("un", "*") else frozenset()


def all_needs(e: Expr) -> frozenset[str]:
    """Like :func:`needs`, with what may be left out."""
    return needs(e).union(*(all_needs(x) for x in children(e))) if e[:2] != ("un", "sizeof") else frozenset()


def unmet(wanted: Iterable[str], valid: Iterable[str]) -> list[str]:
    """Those that are not known to be valid: a valid vCPU has a domain, ``current`` is valid."""
    known = {*_VALID, *valid}
    return sorted(n for n in wanted if n not in known and not _by_domain(n, known) and not n.startswith("&"))


def _by_domain(need: str, known: set[str]) -> bool:
    return need.endswith("->domain") and need.removesuffix("->domain") in known


def valid_objects(keys: Iterable[str]) -> frozenset[str]:
    """What may be followed where some objects are there: they, and the vCPUs whose domain they are."""
    return frozenset(keys) | {k.removesuffix("->domain") for k in keys}


def touchy(e: Expr) -> bool:
    """Whether an evaluation can be noticed: it calls, assigns, or reads what is volatile."""
    if has_effects(e):
        return True
    if e[0] == "cast" and "volatile" in str(e[1]):
        return True
    return any(touchy(x) for x in children(e))


def settled(e: Expr) -> bool | None:
    """Whether a condition holds, where that is the same whatever its open parts are."""
    value: bool | None = None
    if e[0] == "num":
        value = bool(e[1])
    elif e[:2] == ("un", "!"):
        inside = settled(e[2])
        value = None if inside is None else not inside
    elif e[0] == "bin" and e[1] in ("&&", "||"):
        sides = settled(e[2]), settled(e[3])
        absorbing = e[1] == "||"
        value = absorbing if absorbing in sides else None if None in sides else not absorbing
    elif e[0] == "list":
        value = settled(e[1][-1])
    return value
