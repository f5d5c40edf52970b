"""tidy: what is left of a function, without what says nothing.

Statements that nothing leads to, labels that nothing jumps to, conditions with nothing
under them, and the bare return at the end go; flags that are set one
after the other are set at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ctext.expr import Expr, parts, show
from . import arithmetic
from .traps import touchy

Left = tuple[Any, ...]
_LOOPS = ("loop", "switch")
OF_NULL = ("NULL->", "the type of NULL")  # what special.evaluate() makes of a NULL that is followed


def tidy(left: Sequence[Left]) -> list[Left]:
    """The same statements in their shortest form; a fixed point."""
    out = list(left)
    while True:
        targets = _targets(out)
        following = _last(_block(out, targets))
        if following == out:
            return out
        out = following


def _targets(left: Sequence[Left]) -> set[str]:
    """Labels that some jump names; "*" where an address of one may be taken."""
    out: set[str] = set()
    for x in left:
        if x[0] == "jump" and str(x[1]).startswith("goto"):
            out.add(str(x[1]).split()[-1])
        elif x[0] == "leaf" and "goto" in str(x[1]).split():
            out |= set(str(x[1]).replace(";", " ").replace("}", " ").split())
        elif x[0] == "if":
            out |= _targets(x[2]) | _targets(x[3])
        elif x[0] in _LOOPS:
            out |= _targets(x[2])
    return out


def _is_goto_label(x: Left) -> bool:
    words = str(x[1]).split()
    return x[0] == "label" and words[0] not in ("case", "default", "default:") and not words[0].startswith("#")


def _block(left: Sequence[Left], targets: set[str]) -> list[Left]:
    out: list[Left] = []
    dead = False
    for x in left:
        if _is_goto_label(x) and str(x[1]).split()[0].rstrip(":") not in targets:
            continue
        dead = dead and x[0] != "label" and not _jumped_into(x, targets)
        if dead:
            continue
        out.append(_one(x, targets))
        dead = bool(out) and _ends(out[-1])
    return _joined([x for i, x in enumerate(out) if not _falls_through(x, out[i + 1 : i + 2])])


def _falls_through(x: Left, following: list[Left]) -> bool:
    """Whether a jump leads to the label that follows it."""
    if x[0] != "jump" or not str(x[1]).startswith("goto") or not following or not _is_goto_label(following[0]):
        return False
    return str(following[0][1]).split()[0].rstrip(":") == str(x[1]).split()[-1]


def _jumped_into(x: Left, targets: set[str]) -> bool:
    """Whether some goto leads into a statement, or a directive may bring it back."""
    if x[0] == "if":
        return any(y[0] == "label" or _jumped_into(y, targets) for y in (*x[2], *x[3]))
    if x[0] in _LOOPS:
        return any(_is_goto_label(y) or _jumped_into(y, targets) for y in x[2])
    return False


def _one(x: Left, targets: set[str]) -> Left:
    if x[0] == "if":
        then, other = _block(x[2], targets), _block(x[3], targets)
        if not then and not other:
            return ("leaf" if touchy(x[1]) else "reads", show(x[1]), x[1])
        if not then:
            cond: Expr = x[1][2] if x[1][0] == "un" and x[1][1] == "!" else ("un", "!", x[1])
            return ("if", cond, other, [])
        return ("if", x[1], then, other)
    if x[0] in _LOOPS:
        return (x[0], x[1], _block(x[2], targets), *x[3:])
    return x


def _ends(x: Left) -> bool:
    """Whether nothing goes on behind a statement."""
    if x[0] == "jump":
        return not str(x[1]).endswith("fails")
    if x[0] == "if" and _follows_null(x[1]):
        return True
    return x[0] == "if" and bool(x[2]) and bool(x[3]) and _ends(x[2][-1]) and _ends(x[3][-1])


def _follows_null(cond: Expr) -> bool:
    """Whether a condition begins by following NULL, behind which C gives nothing a meaning."""
    while cond[0] in ("un", "bin", "tern") and (cond[0] != "bin" or cond[1] in ("&&", "||")):
        cond = cond[1] if cond[0] == "tern" else cond[2]
    return cond[0] == "invalid" and str(cond[1]).startswith(OF_NULL)


def _joined(left: list[Left]) -> list[Left]:
    """Runs of statements that only set flags of one variable, in one order: what is always
    set first, then what is set under conditions."""
    out: list[Left] = []
    run: list[Left] = []
    for x in left:
        target = _bits_of(x)
        if run and (target is None or target != _bits_of(run[0])):
            out += _run(run)
            run = []
        if target is None:
            out.append(x)
        else:
            run.append(x)
    return out + (_run(run) if run else [])


def _bits_of(x: Left) -> str | None:
    """The variable of which a statement sets flags and does nothing else; None for any other."""
    if _sets_bits(x):
        return show(x[2][2])
    if x[0] != "if" or x[3] or touchy(x[1]):
        return None
    targets = {_bits_of(y) if y[0] == "leaf" else None for y in x[2]}
    target = targets.pop() if len(targets) == 1 else None
    return target if target is not None and all(show(p) != target for p in parts(x[1])) else None


def _run(run: list[Left]) -> list[Left]:
    """A run in its one order."""
    target = (run[0] if run[0][0] == "leaf" else run[0][2][0])[2][2]
    under: dict[str, tuple[Expr | None, list[Expr]]] = {}
    for x in run:
        cond = x[1] if x[0] == "if" else None
        terms = [t for y in (x[2] if x[0] == "if" else [x]) for t in or_terms(y[2][3])]
        under.setdefault(show(cond), (cond, []))[1].extend(terms)
    out: list[Left] = []
    for key in sorted(under):
        cond, terms = under[key]
        e: Expr = ("assign", "|=", target, or_of(terms))
        leaf: Left = ("leaf", show(e), e)
        out.append(leaf if cond is None else ("if", cond, [leaf], []))
    return out


def _sets_bits(x: Left) -> bool:
    """Whether a statement is ``x |= terms`` of which the order does not matter."""
    if x[0] != "leaf" or len(x) < 3 or x[2][0] != "assign" or x[2][1] != "|=":
        return False
    target, value = show(x[2][2]), x[2][3]
    plain = not touchy(x[2][2]) and not touchy(value)
    return plain and all(show(p) != target for p in parts(value))


def or_terms(e: Expr) -> list[Expr]:
    """The terms of a chain of ``|``."""
    return [*or_terms(e[2]), *or_terms(e[3])] if e[0] == "bin" and e[1] == "|" else [e]


def or_of(terms: Sequence[Expr]) -> Expr:
    """The terms joined by ``|``, each once, in the order of their texts; numbers become one."""
    number: Expr | None = None
    rest: dict[str, Expr] = {}
    for t in terms:
        joined = arithmetic.binary("|", number, t) if number is not None and t[0] == "num" else None
        if t[0] == "num" and (number is None or joined is not None):
            number = joined or t
        else:
            rest[show(t)] = t
    ordered = [rest[k] for k in sorted(rest)] + ([number] if number is not None else [])
    out = ordered[0]
    for t in ordered[1:]:
        out = ("bin", "|", out, t)
    return out


def _last(left: list[Left]) -> list[Left]:
    """Without the bare return at the end, in either arm of a last condition too."""
    if left and left[-1][0] == "jump" and left[-1][1] == "return":
        return left[:-1]
    if left and left[-1][0] == "if":
        x = left[-1]
        return [*left[:-1], ("if", x[1], _last(list(x[2])), _last(list(x[3])))]
    return left
