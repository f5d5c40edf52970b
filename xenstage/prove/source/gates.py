"""gates: does each feature test name the feature of what it guards?

Two sets of features cannot tell has_vpic() from has_vioapic(): the same guests have both,
and no truth table differs.  What tells them apart is the code behind the test.  A stage
says which names belong to which question (:class:`xenstage.families.Family`); each test in
a function that a patch changes must guard something of its own family, and nothing of
another one that is not asked for as well.  Where a patch moves a family, nothing of it is left
to the questions that were asked before, in any function of the tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ...ctext.body import NotUnderstood
from ...ctext.entities import Entity, entities
from ...ctext.lexer import Kind, Token, matching
from ...ctext.statements import Statement, around, function_body
from ...families import Moved
from ...index.sweep import C_SUFFIXES, sweep
from ..case import Case, spot
from ..changes import changed_entities
from ..result import FAIL, PASS, REFUSED, Finding, Proof

NAME = "gates"
_ASSERTIONS = frozenset({"ASSERT", "BUG_ON", "WARN_ON"})
_LEAVES = frozenset({"return", "goto", "break", "continue"})


@dataclass(frozen=True)
class Gate:
    """One test in the text after the patch.

    :param where: "path:line".
    :param guards: words of what happens, or does not, by its answer.
    :param around: accessors that are asked around it, or beside it.
    """

    function: str
    where: str
    accessor: str
    guards: tuple[str, ...]
    around: frozenset[str]


def prove_gates(case: Case) -> Proof:
    """Each test of a declared family, in each function and macro that the patch changes.

    :returns: PASS with the gates as facts, also where no families are declared; FAIL for a
        gate that guards nothing of its own, or something of another family; REFUSED for a
        function whose statements are not understood.
    """
    words = {f.accessor: f.words for f in case.declared.families}
    if not words:
        return Proof(NAME, PASS, "no features are declared")
    findings: list[Finding] = []
    refused: list[Finding] = []
    rows: list[dict[str, object]] = []
    for change in changed_entities(case):
        if change.new is None or change.kind not in ("function", "macro") or change.name in words:
            continue
        if not set(change.new.words) & set(words):
            continue
        try:
            gates = list(_gates(case, change.path, change.new, words))
        except NotUnderstood as e:
            refused.append(Finding(change.where, str(e)))
            continue
        for gate in gates:
            findings += _wrong(gate, words, case)
            own = sorted({w for w in gate.guards if _of(w, words[gate.accessor])})
            rows.append({"where": gate.where, "function": gate.function, "asks": gate.accessor, "for": own})
    for moved in case.declared.moved:
        left, doubted = _left_behind(case, moved, words)
        findings += left
        refused += doubted
    facts = {"gates": sorted(rows, key=str)}
    if findings:
        return Proof(NAME, FAIL, f"{len(findings)} gates ask for something else", tuple(findings + refused), facts)
    if refused:
        return Proof(NAME, REFUSED, f"{len(refused)} functions not understood", tuple(refused), facts)
    return Proof(NAME, PASS, f"{len(rows)} tests ask for what they guard", (), facts)


def _wrong(gate: Gate, words: Mapping[str, Sequence[str]], case: Case) -> Iterator[Finding]:
    own = words[gate.accessor]
    if not any(_of(w, own) for w in gate.guards):
        belongs = sorted({f"{w} ({a})" for w in gate.guards for a, p in words.items() if _of(w, p)})
        guards = ", ".join(belongs or sorted({w for w in gate.guards if len(w) > 3})[:6]) or "nothing"
        what = f"{gate.accessor} is asked in {gate.function}, and nothing there is of it: it guards {guards}"
        yield Finding(gate.where, what)
        return
    beside = {gate.accessor, *gate.around}
    beside |= {m.holds for m in case.declared.mixed if (m.function, m.gate) == (gate.function, gate.accessor)}
    for word in sorted(set(gate.guards)):
        others = [a for a, p in words.items() if _of(word, p)]
        if others and not beside & set(others):
            yield Finding(
                gate.where,
                f"{gate.accessor} guards {word} in {gate.function}, which belongs to {' and '.join(others)}",
            )


def _left_behind(case: Case, moved: Moved, words: Mapping[str, Sequence[str]]) -> tuple[list[Finding], list[Finding]]:
    """Tests of the questions of before that still guard something of a family; functions that are not understood."""
    asked = {**words, **dict.fromkeys(moved.instead_of, words[moved.accessor])}
    left: list[Finding] = []
    refused: list[Finding] = []
    hits = sweep(case.after, moved.instead_of)
    for path in sorted({h.path for h in hits if h.path.endswith(C_SUFFIXES)}):
        for entity in entities(case.after.read(path)).values():
            asks = entity.kind in ("function", "macro") and entity.name not in asked
            if not asks or not set(entity.words) & set(moved.instead_of):
                continue
            try:
                gates = [g for g in _gates(case, path, entity, asked) if g.accessor in moved.instead_of]
            except NotUnderstood as e:
                refused.append(Finding(f"{path}: {entity.name}", str(e)))
                continue
            for gate in gates:
                mine = sorted({w for w in gate.guards if _of(w, words[moved.accessor])})
                on_purpose = any(
                    (m.function, m.gate, m.holds) == (gate.function, gate.accessor, moved.accessor)
                    for m in case.declared.mixed
                )
                if mine and moved.accessor not in gate.around and not on_purpose:
                    what = f"{gate.accessor} is left behind in {gate.function}: it guards {', '.join(mine)}"
                    left.append(Finding(gate.where, f"{what}, of which the patch says that {moved.accessor} is asked"))
    return left, refused


def _of(word: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(word, p) for p in patterns)


def _gates(case: Case, path: str, entity: Entity, words: Mapping[str, Sequence[str]]) -> Iterator[Gate]:
    """The tests in one definition."""
    tokens = [t for t in entity.tokens if t.kind is not Kind.COMMENT]
    data = case.after.read(path)
    body = function_body(data, entity.start, entity.end) if entity.kind == "function" else None
    for i, t in enumerate(tokens):
        if t.text not in words or t.kind is not Kind.WORD:
            continue
        close = matching(tokens, i + 1) if tokens[i + 1].text == "(" else i
        own = set(range(i, close + 1))
        chain = around(body, t.start) if body is not None else ()
        reach = _reach(tokens, chain, t, words[t.text], own)
        others = {tokens[k].text for k in reach} & set(words) - {t.text}
        nested = _nested(tokens, chain, words, t)
        guards = tuple(
            tokens[k].text
            for k in reach
            if k not in own | nested
            and tokens[k].kind is Kind.WORD
            and tokens[k].text not in words
            and tokens[k - 1].text != "goto"
        )
        beside = {a for a in others if not any(tokens[k].text == a for k in nested)}
        outer = {x for s in chain for x in _asked(tokens, s, words)}
        yield Gate(entity.name, spot(case.after, path, t.start), t.text, guards, frozenset(beside | outer - {t.text}))


def _reach(
    tokens: Sequence[Token], chain: Sequence[Statement], use: Token, family: Sequence[str], own: set[int]
) -> list[int]:
    """The tokens, by number, that a use decides about.

    A way out that holds nothing of the family in itself decides about what it skips.
    """
    if not chain:
        return list(range(len(tokens)))
    inner = chain[-1]
    first, last = inner.start, inner.end
    in_head = inner.inside is not None and inner.inside[0] <= use.start < inner.inside[1]
    here = [k for k, t in enumerate(tokens) if first <= t.start < last]
    if any(tokens[k].text in _ASSERTIONS for k in here) and not in_head:
        return list(range(len(tokens)))
    leaves = in_head and inner.kind == "if" and len(inner.parts) == 1 and _leaving(tokens, inner.parts[0])
    if (
        leaves
        and len(chain) > 1
        and not any(_of(tokens[k].text, family) for k in here if k not in own and tokens[k].kind is Kind.WORD)
    ):
        end = _end_of_case(tokens, chain) or chain[-2].end
        return [k for k, t in enumerate(tokens) if first <= t.start < end]
    return here


def _end_of_case(tokens: Sequence[Token], chain: Sequence[Statement]) -> int | None:
    """Where what a way out of a switch skips ends: with the jump that ends its case, behind which other
    cases begin; None outside of a switch."""
    if len(chain) < 3 or chain[-3].kind != "switch":
        return None
    behind = [s for s in chain[-2].parts if s.start >= chain[-1].end]
    jumps = [s for s in behind if s.kind == "simple" and _leaving(tokens, s)]
    return jumps[0].end if jumps else None


def _leaving(tokens: Sequence[Token], arm: Statement) -> bool:
    final = arm.parts[-1] if arm.kind == "block" and arm.parts else arm
    return any(t.start == final.start and t.text in _LEAVES for t in tokens)


def _asked(tokens: Sequence[Token], statement: Statement, words: Mapping[str, Sequence[str]]) -> set[str]:
    """The accessors in the head of a statement."""
    if statement.inside is None:
        return set()
    low, high = statement.inside
    return {t.text for t in tokens if low <= t.start < high and t.text in words}


def _nested(
    tokens: Sequence[Token], chain: Sequence[Statement], words: Mapping[str, Sequence[str]], use: Token
) -> set[int]:
    """Tokens of statements with a question of their own, which answers for them."""
    out: set[int] = set()
    if not chain:
        return out
    start = chain[-2] if len(chain) > 1 and chain[-1].kind == "if" else chain[-1]
    todo = list(start.parts)
    while todo:
        s = todo.pop()
        if s.holds(use.start):
            todo += s.parts
            continue
        if _asked(tokens, s, words):
            out |= {k for k, t in enumerate(tokens) if s.start <= t.start < s.end}
        else:
            todo += s.parts
    return out
