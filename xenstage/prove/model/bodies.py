"""body_of: the statements of a function or of a macro that is an expression, and its variables."""

from __future__ import annotations

from ...ctext.body import Leaf, Node, NotUnderstood, parse_body, parse_value
from ...ctext.entities import Entity


def body_of(entity: Entity) -> tuple[Node, ...]:
    """The statements of a function; those of a macro are its one expression, which it "returns",
    or those of the block in brackets whose value it is.

    :raises NotUnderstood: for a macro that is no expression, and as parse_body does.
    """
    if entity.kind == "function":
        return parse_body(entity)
    words = entity.words[2:]
    if words[:1] == ("(",) and entity.tokens[2].start == entity.tokens[1].end:
        words = words[words.index(")") + 1 :]
    if words[:2] == ("(", "{") and words[-2:] == ("}", ")") and not set(words) & {"#", "##"}:
        return parse_value(f"the macro {entity.name}", entity.tokens[-len(words) + 1 : -1])
    if not words or set(words) & {";", "{", "#", "##"}:
        raise NotUnderstood(f"the macro {entity.name} is no expression")
    return (Leaf(("return", "(", *words, ")")),)


def others(entity: Entity) -> frozenset[str]:
    """Variables of a function that are pointers to structures other than a domain."""
    words = [t.text for t in entity.tokens if not t.in_directive] if entity.kind == "function" else []
    out: set[str] = set()
    domains: set[str] = set()
    for i, w in enumerate(words[:-3]):
        if w == "struct" and words[i + 2] == "*":
            name = words[i + 4] if words[i + 3] == "const" else words[i + 3]
            (domains if words[i + 1] == "domain" else out).add(name)
    return frozenset(out - domains)
