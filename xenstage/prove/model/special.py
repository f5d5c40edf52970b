"""specialise: what is left of a function for guests of given types.

Every predicate of an object whose type is known becomes 0 or 1, conditions fold, and
what cannot be reached goes.  Two functions that leave the same for every type do the
same for every guest, however their conditions are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...ctext.arms import arms
from ...ctext.body import If, Leaf, Loop, Node, NotUnderstood, Switch, has_label, in_one_arm, split_commas
from ...ctext.expr import Expr, children, has_effects, parse_expression, parse_statement, parts, show
from . import arithmetic
from .constants import enumerates, number_of
from .env import Env, Table, World
from .guests import UNION_MEMBERS
from .traps import all_needs, settled, touchy, unmet, valid_objects

Left = tuple[Any, ...]  # ("leaf", text) ("if", cond, then, other) ("loop", text, body) ("switch", cond, body) …
_BOOLEAN = ("&&", "||", "==", "!=", "<", ">", "<=", ">=")
_ZERO: Expr = ("num", 0)


def aliases(nodes: Sequence[Node], parameters: set[str]) -> dict[str, Expr]:
    """Locals that are set once, where they are declared, to ``current`` or to a member of
    a parameter or of such a local."""
    declared: dict[str, Expr] = {}
    written: set[str] = set()
    pointers: set[str] = set()
    for leaf in leaves(nodes):
        try:
            statement = parse_statement(leaf.words)
        except NotUnderstood:
            written.update(_perhaps_written(leaf.words))
            continue
        if statement[0] == "decl":
            for name, kind, init in statement[1]:
                if kind.endswith(("*", "* const")):
                    pointers.add(name)
                if name in declared:
                    written.add(name)
                elif init is not None:
                    declared[name] = init
        for e in _expressions(statement):
            written |= {x[2][1] for x in parts(e) if x[0] == "assign" and x[2][0] == "id"}
            written |= {
                x[2][1]
                for x in parts(e)
                if x[0] == "un" and x[1] in ("&", "++", "--", "p++", "p--") and x[2][0] == "id"
            }
    for n in _heads(nodes):
        written |= _perhaps_written(n) if n[:1] == ("for",) else set(n)  # a macro may set what it is given
    out: dict[str, Expr] = {}
    stable = {"current", *(parameters - written)}
    for name, init in declared.items():
        if name in pointers and name not in written and _root(init) in stable | set(out) and _is_path(init):
            out[name] = _substitute(init, out)
    return out


def _perhaps_written(words: tuple[str, ...]) -> set[str]:
    """Words of a statement that is not read which it may give a value or whose address it takes."""
    if words[:1] in (("asm",), ("__asm__",)):
        return set(words)
    out: set[str] = set()
    for i, w in enumerate(words):
        before, after = words[i - 1] if i else "", words[i + 1] if i + 1 < len(words) else ""
        if before in ("&", "++", "--", "*") or after in _ASSIGNS or not w[:1].isidentifier():
            out.add(w)
    return out


_ASSIGNS = ("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=", "++", "--")


def leaves(nodes: Sequence[Node]) -> list[Leaf]:
    """Every leaf that is neither a label nor a directive, in order."""
    out: list[Leaf] = []
    for n in nodes:
        if isinstance(n, Leaf):
            if not n.is_label and not n.words[0].startswith("#"):
                out.append(n)
        elif isinstance(n, If):
            out += leaves(n.then) + leaves(n.other)
        else:
            out += leaves(n.body)
    return out


def _heads(nodes: Sequence[Node]) -> list[tuple[str, ...]]:
    """Heads of loops, whose words may be assigned there."""
    out: list[tuple[str, ...]] = []
    for n in nodes:
        if isinstance(n, Loop):
            out.append(n.head if n.head[0] not in ("while", "do") else ())
        if isinstance(n, If):
            out += _heads(n.then) + _heads(n.other)
        elif isinstance(n, (Loop, Switch)):
            out += _heads(n.body)
    return out


def _expressions(statement: tuple[Any, ...]) -> list[Expr]:
    if statement[0] == "decl":
        return [init for _, _, init in statement[1] if init is not None]
    return [statement[1]] if statement[0] in ("expr", "return") and statement[1] is not None else []


def _is_path(e: Expr) -> bool:
    if e[0] == "id":
        return True
    return e[0] == "field" and e[3] in ("domain", "vcpu", "arch", "hvm_vcpu", "hvm_domain") and _is_path(e[1])


def _root(e: Expr) -> str:
    return str(e[1]) if e[0] == "id" else _root(e[1]) if e[0] == "field" else ""


def _substitute(e: Expr, names: Mapping[str, Expr]) -> Expr:
    if e[0] == "id":
        return names.get(e[1], e)
    return tuple(
        (_substitute(x, names) if x and isinstance(x[0], str) else tuple(_substitute(y, names) for y in x))
        if isinstance(x, tuple)
        else x
        for x in e
    )


def ask(e: Expr, env: Env) -> str:
    """The text that names an object, aliases resolved: a domain's virtual CPU's domain is itself."""
    return show(_own(_substitute(e, env.alias)))


def _own(e: Expr) -> Expr:
    if e[0] != "field":
        return e
    vcpu = e[1]
    if e[3] == "domain" and vcpu[0] == "index" and vcpu[1][0] == "field" and vcpu[1][3] == "vcpu":
        return _own(vcpu[1][1])
    return ("field", _own(e[1]), e[2], e[3])


def evaluate(e: Expr, env: Env, *, truth: bool = False) -> Expr:
    """An expression with what is known put in.

    :param truth: whether only zero or not matters.
    """
    kind = e[0]
    if kind == "id":
        return _name(e, env, truth)
    if kind == "call":
        return _call(e, env, truth)
    if kind == "field":
        return _field(e, env)
    if kind == "index":
        return _index(e, env)
    if kind == "un" and e[1] == "sizeof":
        return _substitute(e, env.alias)  # not evaluated
    if kind == "un":
        x = evaluate(e[2], env, truth=e[1] == "!")
        if e[1] == "!":
            known = _truth(x, env)
            if known is not None:
                return ("num", int(not known))
            if x[0] == "un" and x[1] == "!":
                return x[2] if truth else _as_value(x[2])
            return ("un", "!", x)
        folded = arithmetic.unary(e[1], x) if x[0] == "num" else None
        return folded if folded is not None else ("un", e[1], x)
    if kind == "bin":
        return _binary(e, env, truth)
    if kind == "tern":
        cond = evaluate(e[1], env, truth=True)
        known = _truth(cond, env)
        if known is not None:
            return evaluate(e[2] if known else e[3], env, truth=truth)
        return ("tern", cond, evaluate(e[2], env, truth=truth), evaluate(e[3], env, truth=truth))
    if kind == "cast":
        return ("cast", e[1], evaluate(e[2], env))
    if kind == "assign":
        return ("assign", e[1], _target(e[2], env), evaluate(e[3], env))
    if kind == "list":
        return ("list", tuple(evaluate(x, env) for x in e[1]))
    return e


def _truth(e: Expr, env: Env) -> bool | None:
    if e[0] == "num":
        return bool(e[1])
    return True if e[0] == "handler" else None


def _name(e: Expr, env: Env, truth: bool) -> Expr:
    name = e[1]
    if name in env.null:
        return _ZERO
    if name in env.values:
        given = env.values[name]
        return ("num", given) if isinstance(given, int) else given
    if name in env.alias:
        return env.alias[name]
    if name.isupper() or name.startswith(_CONSTANT_PREFIXES) or enumerates(env.world.constant, name):
        value = number_of(env.world.constant, name)
        if value is not None and name not in _KEPT:
            return value
    return e


_CONSTANT_PREFIXES = ("DOMCRF_", "__HYPERVISOR_", "NR_")
_KEPT = ("NULL", "ENOSYS", "EPERM", "EINVAL", "ENOMEM", "ESRCH", "EFAULT", "EOPNOTSUPP", "EBUSY", "ENODEV", "EEXIST")


def _call(e: Expr, env: Env, truth: bool) -> Expr:
    name = e[1][1] if e[1][0] == "id" else ""
    args = e[2]
    if name in ("likely", "unlikely") and len(args) == 1:
        inside = evaluate(args[0], env, truth=True)
        return inside if truth else _as_value(inside)  # xen/compiler.h: !!(x)
    if name in env.world.truth and len(args) == 1:
        if (args[0][0] == "id" and args[0][1] in env.null) or _of_null(evaluate(args[0], env)):
            return ("invalid", "the type of NULL")
        obj = ("field", args[0], "->", "domain") if name in env.world.of_vcpu else args[0]
        key = ask(evaluate(obj, env), env)
        if key not in env.types:
            env.asked.add(key)
        elif env.types[key] in env.world.truth[name]:
            return ("num", env.world.truth[name][env.types[key]])
        return ("call", e[1], tuple(evaluate(a, env) for a in args))
    function = evaluate(e[1], env)
    if function[0] == "handler":
        function = ("handler", select(function[1], env))
    return ("call", function, tuple(evaluate(a, env, truth=name in _ASSERTS) for a in args))


def _of_null(e: Expr) -> bool:
    """Whether an object is a member of NULL, as the domain of a virtual CPU that is none."""
    return bool(e[0] == "invalid" and str(e[1]).startswith("NULL->"))


_ASSERTS = ("ASSERT", "BUG_ON", "WARN_ON")


def select(handler: str, env: Env) -> str:
    """What a selector chooses for the type of the current guest; any other name is itself."""
    seen = set()
    while handler in env.world.selectors and handler not in seen:
        seen.add(handler)
        chosen = evaluate(env.world.selectors[handler], env)
        if chosen[0] != "call" or chosen[1][0] != "id":
            break
        handler = chosen[1][1]
    return handler


def _field(e: Expr, env: Env) -> Expr:
    base = evaluate(e[1], env)
    member = e[3]
    if e[2] == "->" and base == _ZERO and e[1][0] == "id":
        return ("invalid", f"NULL->{member}")
    if base[0] == "row" and member in base[2]:
        return base[1].get(member, _ZERO)  # type: ignore[no-any-return]
    if member in env.world.fields and e[2] == "->" and not (base[0] == "id" and base[1] in env.others):
        key = ask(base, env)
        if key in env.types:
            return ("num", env.world.fields[member][env.types[key]])
        env.asked.add(key)
    if member in UNION_MEMBERS and base[0] == "field" and base[3] == "arch":
        _check_union(base[1], member, env)
    return ("field", base, e[2], member)


def _target(e: Expr, env: Env) -> Expr:
    """What is assigned to: its own value is not read."""
    if e[0] == "field":
        base = evaluate(e[1], env)
        if e[3] in UNION_MEMBERS and base[0] == "field" and base[3] == "arch":
            _check_union(base[1], e[3], env)
        return ("field", base, e[2], e[3])
    return env.alias.get(e[1], e) if e[0] == "id" else evaluate(e, env)


def _check_union(owner: Expr, member: str, env: Env) -> None:
    domain = owner if member.endswith("_domain") else ("field", owner, "->", "domain")
    key = ask(domain, env)
    kind = env.types.get(key)
    if kind is not None and (kind in env.world.plain) != UNION_MEMBERS[member]:
        env.wrong.add(f"{show(owner)}->arch.{member} is read for a {kind} guest, whose union holds the other half")


def _index(e: Expr, env: Env) -> Expr:
    base, index = evaluate(e[1], env), evaluate(e[2], env)
    if base[0] == "id" and base[1] in env.world.tables and index[0] == "num":
        table = env.world.tables[base[1]]
        if not 0 <= index[1] < table.length:
            return ("beyond", base[1], index, table.length)
        row = table.get(index[1], {})
        return row.get("", _ZERO) if table.members == ("",) else ("row", dict(row), table.members)
    return ("index", base, index)


def _binary(e: Expr, env: Env, truth: bool) -> Expr:
    op = e[1]
    a = evaluate(e[2], env, truth=op in ("&&", "||"))
    if op in ("&&", "||"):
        known = _truth(a, env)
        if known is not None:
            if known == (op == "||"):
                return ("num", int(known))
            b = evaluate(e[3], env, truth=True)
            kb = _truth(b, env)
            if kb is not None:
                return ("num", int(kb))
            return b if truth else _as_value(b)
        b = evaluate(e[3], env, truth=True)
        kb = _truth(b, env)
        if kb is not None and not has_effects(a):
            if kb == (op == "||"):
                return ("num", int(kb)) if harmless(a, env) else ("bin", op, a, ("num", int(kb)))
            return a if truth else _as_value(a)
        return ("bin", op, a, b)
    b = evaluate(e[3], env)
    if a[0] == "num" and b[0] == "num":
        value = arithmetic.binary(op, a, b)
        if value is not None:
            return value
    if op == "&" and ((a == _ZERO and harmless(b, env)) or (b == _ZERO and harmless(a, env))):
        return _ZERO
    return ("bin", op, a, b)


def harmless(e: Expr, env: Env) -> bool:
    """Whether an expression whose value does not matter may as well not be evaluated."""
    return not touchy(e) and not unmet(all_needs(e), valid_objects(env.types))


def _as_value(e: Expr) -> Expr:
    """The 0 or 1 that a condition's value is: what && and || leave when one side is known."""
    holds = (e[0] == "un" and e[1] == "!") or (e[0] == "bin" and e[1] in _BOOLEAN)
    return e if holds else ("bin", "!=", e, _ZERO)


def specialise(nodes: Sequence[Node], env: Env) -> list[Left]:
    """What is left of statements.

    :raises NotUnderstood: a condition that pycparser does not read, or one that folds
        away something that can be jumped into.
    """
    out: list[Left] = []
    for n in nodes:
        out += _node(n, env)
        after = _after(nodes, n) if out and out[-1][0] == "jump" else ()
        if after and not any(isinstance(x, Leaf) and x.is_label for x in after) and not in_one_arm(after):
            if has_label(after):
                continue
            break
    return out


def _after(nodes: Sequence[Node], node: Node) -> Sequence[Node]:
    at = next(i for i, x in enumerate(nodes) if x is node)
    return nodes[at + 1 :]


def _node(n: Node, env: Env) -> list[Left]:
    if isinstance(n, Leaf):
        return _leaf(n, env)
    if isinstance(n, If):
        both = arms(n.cond)
        if both is not None:
            return _either(both[0], [_node(replace(n, cond=c), env) for c in both[1:]])
        cond = evaluate(parse_expression(n.cond), env, truth=True)
        known = _truth(cond, env)
        open_parts = known is None and (known := settled(cond)) is not None
        if known is not None:
            gone = n.other if known else n.then
            if has_label(gone):
                raise NotUnderstood(f"a label inside a branch that is not taken: {' '.join(n.cond)[:80]}")
            reads: list[Left] = [("leaf" if touchy(cond) else "reads", show(cond), cond)] if open_parts else []
            return reads + specialise(n.then if known else n.other, env)
        return [("if", cond, specialise(n.then, env), specialise(n.other, env))]
    if isinstance(n, Loop):
        return [("loop", _head(n.head, env), specialise(n.body, env))]
    cond = evaluate(parse_expression(n.cond), env)
    if cond[0] == "num" and not any(not isinstance(x, Leaf) and has_label([x]) for x in n.body):
        return _chosen(n, cond, env)
    return [("switch", cond, specialise(n.body, env))]


def _either(directive: str, sides: list[list[Left]]) -> list[Left]:
    """Both readings of something that a directive decides: as a condition that is not known."""
    return [("if", ("text", directive), *sides)] if sides[0] != sides[1] else sides[0]


def _head(head: tuple[str, ...], env: Env) -> str:
    if head[0] in ("while", "do"):
        inside = head[head.index("(") + 1 : -1]
        return f"{head[0]} {show(evaluate(parse_expression(inside), env, truth=True))}"
    if head[0] == "for" and head.count(";") == 2:
        start, cond, step = (tuple(p) for p in split_commas(head[2:-1], ";"))
        try:
            read = [evaluate(parse_expression(p), env, truth=p is cond) if p else None for p in (start, cond, step)]
            return f"for ({'; '.join(show(e) for e in read)})"
        except NotUnderstood:
            pass
    if set(head) & env.world.words:
        raise NotUnderstood(f"a predicate in the head of a loop: {' '.join(head)[:80]}")
    return " ".join(_plain(w, env) for w in head)


def _plain(word: str, env: Env) -> str:
    known = _name(("id", word), env, False) if word.isidentifier() else ("id", word)
    return show(known)


def _leaf(n: Leaf, env: Env) -> list[Left]:
    if n.is_label or n.words[0].startswith("#"):
        return [("label", " ".join(n.words))]
    both = arms(n.words)
    if both is not None:
        return _either(both[0], [_leaf(replace(n, words=w), env) if w else [] for w in both[1:]])
    try:
        statement = parse_statement(n.words)
    except NotUnderstood:
        if set(n.words) & env.world.words:
            raise
        return [("leaf", " ".join(_plain(w, env) for w in n.words))]
    if statement[0] == "raw":
        return [("jump", statement[1])]
    if statement[0] == "return":
        value = evaluate(statement[1], env) if statement[1] is not None else None
        return [("jump", f"return {show(value)}".strip(), value)]
    if statement[0] == "decl":
        return [
            _declared(name, kind, evaluate(init, env) if init is not None else None)
            for name, kind, init in statement[1]
            if name not in env.alias
        ]
    e = evaluate(statement[1], env)
    if e[0] == "num" or (e[0] == "id" and statement[1][0] == "id"):
        return []
    if e[0] == "call" and e[1][0] == "id" and e[1][1] in _ASSERTS and e[2][0][0] == "num":
        holds = bool(e[2][0][1]) == (e[1][1] == "ASSERT")
        return [] if holds else [("jump", f"{e[1][1]} fails")]
    return [("leaf", show(e), e)]


def _declared(name: str, kind: str, init: Expr | None) -> Left:
    return ("leaf", f"{kind} {name}") if init is None else ("leaf", f"{kind} {name} = {show(init, alone=True)}", init)


def _chosen(n: Switch, value: Expr, env: Env) -> list[Left]:
    """The arm of a switch whose value is known."""
    start: int | None = None
    default: int | None = None
    for i, x in enumerate(n.body):
        if isinstance(x, Leaf) and x.words[0] == "default":
            default = i
        elif isinstance(x, Leaf) and x.words[0] == "case" and start is None:
            label = evaluate(parse_expression(x.words[1:-1]), env)
            if label[0] != "num":
                raise NotUnderstood(f"a case whose value is not known: {' '.join(x.words)}")
            if arithmetic.same_case(label, value):
                start = i
    start = default if start is None else start
    if start is None:
        return []
    out: list[Left] = []
    for i, x in enumerate(n.body[start:], start + 1):
        if isinstance(x, Leaf) and x.words == ("break",) and not in_one_arm(n.body[i:]):
            return out
        if isinstance(x, Leaf) and x.words[0] in ("case", "default") and x.is_label:
            continue
        if not isinstance(x, (Leaf, Switch, Loop)) and _breaks(x):
            raise NotUnderstood("a switch is left from inside a statement")
        out += _node(x, env)
        if out and out[-1][0] == "jump" and not in_one_arm(n.body[i:]):
            return out
    return out


def _breaks(n: Node) -> bool:
    if isinstance(n, Leaf):
        return n.words == ("break",)
    return isinstance(n, If) and any(_breaks(x) for x in (*n.then, *n.other))


__all__ = [
    "Env", "Left", "Table", "World", "aliases", "ask", "children", "evaluate", "leaves", "select", "specialise",
]  # fmt: skip
