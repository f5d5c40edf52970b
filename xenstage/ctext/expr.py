"""C expressions as small tuples, read by pycparser with macros still visible as calls.

An expression is one of::

    ("id", name)  ("num", value[, type])  ("text", string literal)  ("call", function, (argument, …))
    ("un", op, x)  ("bin", op, a, b)  ("tern", cond, a, b)  ("field", object, "->" or ".", name)
    ("index", a, i)  ("cast", type, x)  ("assign", op, a, b)  ("list", (x, …))  ("raw", C text)

"raw" is C that pycparser reads and the toolkit only compares.  What a number's type is:
:mod:`xenstage.ctext.numbers`.
"""

from __future__ import annotations

import functools
import itertools
import re
from typing import Any

from pycparser import CParser, c_ast, c_generator

from .body import NotUnderstood
from .numbers import literal, shown

Expr = tuple[Any, ...]

_TYPES = {
    "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "bool", "ulong", "uint", "ushort", "uchar",
    "__u8", "__u16", "__u32", "__u64", "__s8", "__s16", "__s32", "__s64",
}  # fmt: skip
# Markings that say nothing to a reader of expressions.
_DROPPED = {"__user", "__iomem", "__force", "__maybe_unused", "__read_mostly", "noinline", "__extension__", "register"}
_KEYWORDS = {
    "return",
    "else",
    "goto",
    "case",
    "sizeof",
    "break",
    "continue",
    "default",
    "do",
    "struct",
    "union",
    "enum",
}
_BASIC = {
    "int",
    "char",
    "void",
    "long",
    "short",
    "unsigned",
    "signed",
    "const",
    "static",
    "volatile",
    "extern",
    "float",
}


def _prelude(words: tuple[str, ...]) -> str:
    follow = [*words[1:], ""]
    names = {w for w, n in zip(words, follow, strict=True) if n != "(" and (w in _TYPES or _typedef(w))}
    if (
        len(words) > 1
        and words[0].isidentifier()
        and words[0] not in _KEYWORDS | _BASIC
        and re.fullmatch(r"(\* )*[A-Za-z_]\w* ?([=,;\[].*)?", " ".join(words[1:]))
        and words[1] not in ("=", ",", "[")
    ):
        names.add(words[0])  # a declaration by a type's name
    return " ".join(f"typedef int {n};" for n in sorted(names - {"static", "const"}))


def _typedef(word: str) -> bool:
    return word.endswith("_t") and word.isidentifier()


def _readable(words: tuple[str, ...]) -> tuple[str, ...]:
    """Words that pycparser reads: types as arguments of macros, strings that a macro
    continues, and GNU's ``x ?: y`` in a form of our own that compares as well."""
    out: list[str] = []
    i = 0
    while i < len(words):
        w = words[i]
        before, after = words[i - 1] if i else "", words[i + 1] if i + 1 < len(words) else ""
        run_end = _type_run(words, i)
        if run_end - i > 1 and before in ("(", ",") and words[run_end : run_end + 1] in ((",",), (")",)):
            called = before == "," or (i > 1 and _called(words[i - 2]))
            if called or words[run_end] == ",":
                out.append("__".join(x if x != "*" else "ptr" for x in words[i:run_end]))
                i = run_end
                continue
        if w == "offsetof":
            w = "__offsetof"  # pycparser has a rule of its own for the name
        is_type = w in _BASIC or w in _TYPES or _typedef(w)
        if is_type and (
            (before in ("(", ",") and after == ",")
            or (before in (",", "(") and after == ")" and i > 1 and _called(words[i - 2]))
        ):
            w = f"{w}__type"
        if w == "?" and after == ":":
            out += ["?", "__same"]
            i += 1
            continue
        if _is_string(w) or (_is_string(after) and w.isidentifier() and w not in _KEYWORDS):
            run = [w]
            while i + 1 < len(words) and (_is_string(words[i + 1]) or (words[i + 1].isidentifier())):
                i += 1
                run.append(words[i])
            if any(_RUNS_ON.search(r) and s[:1] == '"' for r, s in itertools.pairwise(run)):
                raise NotUnderstood(f"an escape at the end of a string that another one follows: {' '.join(run)[:80]}")
            quoted = "".join(r[1:-1] if _is_string(r) else f"%<{r}>" for r in run)
            w = f'"{quoted}"' if len(run) > 1 else w
        out.append(w)
        i += 1
    return tuple(out)


_RUNS_ON = re.compile(r'\\(?:x[0-9a-fA-F]+|[0-7]{1,2})"\Z')


def _called(word: str) -> bool:
    return word.isidentifier() and word not in _KEYWORDS


def _type_run(words: tuple[str, ...], at: int) -> int:
    """Index past a type's name of several words that starts here."""
    i = at
    if words[i] in ("struct", "union", "enum"):
        i += 2
    else:
        while i < len(words) and words[i] in _BASIC:
            i += 1
        if i == at:
            return at
    while i < len(words) and words[i] == "*":
        i += 1
    return i


def _is_string(word: str) -> bool:
    return word.startswith('"')


@functools.lru_cache(maxsize=8192)
def parse_statement(words: tuple[str, ...]) -> tuple[Any, ...]:
    """A statement without statements inside.

    :returns: ("expr", e), ("return", e or None), ("decl", ((name, type, e or None), …)),
        or ("raw", text) for a jump.
    :raises NotUnderstood: when pycparser does not read it.
    """
    kept = _readable(tuple(w for w in words if w not in _DROPPED))
    if any(w.startswith("#") and w != "##" for w in kept):
        raise NotUnderstood(f"directives inside: {' '.join(words)[:80]}")
    source = f"{_prelude(kept)} void f(void) {{ {' '.join(kept)} ; }}"
    try:
        tree = CParser().parse(source)
    except Exception as e:  # pycparser raises ParseError and, on odd input, AssertionError and others
        raise NotUnderstood(f"pycparser does not read {' '.join(words)[:80]!r}") from e
    items = [i for i in tree.ext[-1].body.block_items or [] if not isinstance(i, c_ast.EmptyStatement)]
    if items and all(isinstance(i, c_ast.Decl) for i in items):
        return ("decl", tuple((i.name, _type(i.type, i.storage), _of(i.init) if i.init else None) for i in items))
    if len(items) != 1:
        raise NotUnderstood(f"not one statement: {' '.join(words)[:80]!r}")
    if isinstance(items[0], c_ast.Return):
        return ("return", _of(items[0].expr) if items[0].expr else None)
    if isinstance(items[0], (c_ast.Break, c_ast.Continue, c_ast.Goto)):
        return ("raw", " ".join(kept))
    return ("expr", _of(items[0]))


def parse_expression(words: tuple[str, ...]) -> Expr:
    """An expression.

    :raises NotUnderstood: when pycparser does not read it.
    """
    got = parse_statement(("(", *words, ")"))
    if got[0] != "expr":
        raise NotUnderstood(f"not an expression: {' '.join(words)[:80]!r}")
    return got[1]  # type: ignore[no-any-return]


_GENERATOR = c_generator.CGenerator()


def _type(node: Any, storage: Any = ()) -> str:
    text = re.sub(r"\s+", " ", _GENERATOR._generate_type(node, emit_declname=False) if node is not None else "")
    return " ".join([*storage, text]).strip()


def _of(node: Any) -> Expr:
    if isinstance(node, c_ast.ID):
        return ("id", node.name)
    if isinstance(node, c_ast.Constant):
        return literal(node.value) or ("text", node.value)
    if isinstance(node, c_ast.FuncCall):
        return ("call", _of(node.name), tuple(_of(a) for a in node.args.exprs) if node.args else ())
    if isinstance(node, c_ast.UnaryOp):
        if isinstance(node.expr, c_ast.Typename):
            return ("raw", re.sub(r"\s+", " ", _GENERATOR.visit(node)))
        return ("un", node.op, _of(node.expr))
    if isinstance(node, c_ast.BinaryOp):
        return ("bin", node.op, _of(node.left), _of(node.right))
    if isinstance(node, c_ast.TernaryOp):
        return ("tern", _of(node.cond), _of(node.iftrue), _of(node.iffalse))
    if isinstance(node, c_ast.StructRef):
        return ("field", _of(node.name), node.type, node.field.name)
    if isinstance(node, c_ast.ArrayRef):
        return ("index", _of(node.name), _of(node.subscript))
    if isinstance(node, c_ast.Cast):
        return ("cast", _type(node.to_type.type), _of(node.expr))
    if isinstance(node, c_ast.Assignment):
        return ("assign", node.op, _of(node.lvalue), _of(node.rvalue))
    if isinstance(node, c_ast.ExprList):
        return ("list", tuple(_of(e) for e in node.exprs))
    return ("raw", re.sub(r"\s+", " ", _GENERATOR.visit(node)))


def show(e: Expr | None, *, alone: bool = False) -> str:
    """An expression as C text, the same for equal expressions only, with all brackets that matter.

    :param alone: as between commas, where a comma of its own needs brackets.
    """
    if e is None:
        return ""
    if alone:
        return _one(e)
    kind = e[0]
    if kind in ("id", "raw", "text", "handler", "invalid"):
        return str(e[1])
    if kind == "num":
        return shown(e)
    if kind == "call":
        return f"{_before(e[1])}({', '.join(_one(a) for a in e[2])})"
    if kind == "un":
        op: str = e[1]
        if op in _BEHIND:
            return f"{_before(e[2])}{op[1:]}"
        return f"sizeof({show(e[2])})" if op == "sizeof" else f"{op}{_behind(op, e[2])}"
    if kind in ("bin", "assign"):
        return f"{_in(e[2])} {e[1]} {_in(e[3]) if kind == 'bin' else _one(e[3])}"
    if kind == "tern":
        return f"{_in(e[1])} ? {_in(e[2])} : {_in(e[3])}"
    if kind == "field":
        return f"{_before(e[1])}{e[2]}{e[3]}"
    if kind == "index":
        return f"{_before(e[1])}[{show(e[2])}]"
    if kind == "cast":
        return f"({e[1]}){_in(e[2])}"
    if kind == "beyond":
        return f"{e[1]}[{show(e[2])} of {e[3]}]"
    return ", ".join(_one(x) for x in e[1]) if kind == "list" else f"<{kind}>"


_BEHIND = ("p++", "p--")
_JOINED = ("bin", "tern", "assign", "cast", "list")


def _in(e: Expr) -> str:
    """As an operand."""
    return f"({show(e)})" if e[0] in _JOINED else show(e)


def _one(e: Expr) -> str:
    """Between commas."""
    return f"({show(e)})" if e[0] == "list" else show(e)


def _before(e: Expr) -> str:
    """Before ``->``, ``[``, ``(`` or a postfix operator, which bind tighter than a prefix."""
    prefixed = e[0] == "un" and e[1] not in (*_BEHIND, "sizeof")
    return f"({show(e)})" if prefixed or (e[0] == "num" and e[1] < 0) else _in(e)


def _behind(op: str, e: Expr) -> str:
    """Behind a prefix operator, with which its text must not run together."""
    text = _in(e)
    return f"({text})" if text[:1] == op[-1] and op[-1] in "+-&" else text


def has_effects(e: Expr) -> bool:
    """Whether evaluating an expression may do more than read: calls, assignments, ++."""
    if e[0] in ("call", "assign"):
        return True
    if e[0] == "raw":
        return bool(re.search(r"[A-Za-z_]\w* ?\((?!.*sizeof)|\+\+|--|(?<![=!<>])=(?!=)", str(e[1])))
    if e[0] == "un" and e[1] in ("++", "--", "p++", "p--"):
        return True
    return any(has_effects(x) for x in children(e))


def children(e: Expr) -> list[Expr]:
    """The expressions directly inside an expression."""
    out: list[Expr] = []
    for x in e[1:]:
        if isinstance(x, tuple):
            out += [x] if x and isinstance(x[0], str) else [y for y in x if isinstance(y, tuple)]
    return out


def parts(e: Expr) -> list[Expr]:
    """An expression and all that is inside it."""
    out = [e]
    for x in children(e):
        out += parts(x)
    return out
