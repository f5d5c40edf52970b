"""Where a use stands: its kind, scope, role and call."""

from __future__ import annotations

from textwrap import dedent

import pytest

from xenstage.index.context import Place, Reader, macro_extents

NAME = "is_pvh_vcpu"


def _place(text: str, name: str = NAME, nth: int = 0) -> tuple[Place, bytes]:
    data = dedent(text).encode()
    at = -1
    for _ in range(nth + 1):
        at = data.index(name.encode(), at + 1)
    return Reader(data).place(at, name), data


def _in_function(statement: str) -> Place:
    place, _ = _place(f"static int handle(struct vcpu *v)\n{{\n    {statement}\n}}\n")
    assert (place.kind, place.scope) == ("code", "handle")
    return place


@pytest.mark.parametrize(
    ("statement", "role"),
    [
        ("if ( is_pvh_vcpu(v) ) go();", ["condition of if"]),
        ("if ( a ) go(); else if ( is_pvh_vcpu(v) ) go();", ["condition of if"]),
        ("while ( is_pvh_vcpu(v) ) go();", ["condition of while"]),
        ("switch ( is_pvh_vcpu(v) ) { }", ["condition of switch"]),
        ("if ( !is_pvh_vcpu(v) ) go();", ["negated", "condition of if"]),
        ("if ( !!is_pvh_vcpu(v) ) go();", ["negated", "negated", "condition of if"]),
        ("if ( a && is_pvh_vcpu(v) ) go();", ["conjunct", "condition of if"]),
        ("if ( is_pvh_vcpu(v) && a ) go();", ["conjunct", "condition of if"]),
        ("if ( a && !is_pvh_vcpu(v) && b ) go();", ["negated", "conjunct", "condition of if"]),
        ("if ( is_pvh_vcpu(v) || a ) go();", ["disjunct", "condition of if"]),
        ("if ( a || is_pvh_vcpu(v->pair[0]) ) go();", ["disjunct", "condition of if"]),
        ("if ( (is_pvh_vcpu(v)) ) go();", ["condition of if"]),
        ("if ( a && (b || is_pvh_vcpu(v)) ) go();", ["disjunct", "conjunct", "condition of if"]),
        ("if ( !(a || is_pvh_vcpu(v)) ) go();", ["disjunct", "negated", "condition of if"]),
        ("if ( f(a) && (b) && ((is_pvh_vcpu(v))) ) go();", ["conjunct", "condition of if"]),
        ("if ( is_pvh_vcpu(v) == a ) go();", ["operand", "condition of if"]),
        ("if ( 0 != is_pvh_vcpu(v) ) go();", ["operand", "condition of if"]),
        ("x = is_pvh_vcpu(v) ? 1 : 2;", ["ternary condition", "assignment"]),
        ("return is_pvh_vcpu(v) ? a : b;", ["ternary condition", "return"]),
        ("x = a ? is_pvh_vcpu(v) : b;", ["ternary arm", "assignment"]),
        ("return a ? b : is_pvh_vcpu(v);", ["ternary arm", "return"]),
        ("return is_pvh_vcpu(v);", ["return"]),
        ("return (!is_pvh_vcpu(v));", ["negated", "return"]),
        ("return a && is_pvh_vcpu(v);", ["conjunct", "return"]),
        ("int x = is_pvh_vcpu(v);", ["initialiser"]),
        ("const bool_t x = !is_pvh_vcpu(v);", ["negated", "initialiser"]),
        ("x = is_pvh_vcpu(v);", ["assignment"]),
        ("v->domain->x = is_pvh_vcpu(v);", ["assignment"]),
        ("*x = a || is_pvh_vcpu(v);", ["disjunct", "assignment"]),
        ("is_pvh_vcpu(v);", ["statement"]),
        ("switch ( a ) { case is_pvh_vcpu: break; }", ["case label"]),
    ],
)
def test_roles(statement: str, role: list[str]) -> None:
    place = _in_function(statement)
    assert list(place.role) == role
    assert place.macro_args == ()


@pytest.mark.parametrize(
    ("statement", "role", "holders"),
    [
        ("ASSERT(is_pvh_vcpu(v));", ["argument of ASSERT"], ["ASSERT"]),
        ("BUG_ON(!is_pvh_vcpu(v));", ["negated", "argument of BUG_ON"], ["BUG_ON"]),
        ("ASSERT(a && is_pvh_vcpu(v));", ["conjunct", "argument of ASSERT"], ["ASSERT"]),
        ("if ( unlikely(is_pvh_vcpu(v)) ) go();", ["condition of if"], ["unlikely"]),
        ("if ( likely(!is_pvh_vcpu(v)) ) go();", ["negated", "condition of if"], ["likely"]),
        ("if ( unlikely(is_pvh_vcpu(v)) && a ) go();", ["conjunct", "condition of if"], ["unlikely"]),
        ("if ( !unlikely(is_pvh_vcpu(v)) ) go();", ["negated", "condition of if"], ["unlikely"]),
        ('printk("%d", is_pvh_vcpu(v));', ["argument of printk"], ["printk"]),
        ("note(is_pvh_vcpu(v), 1);", ["argument of note"], ["note"]),
        ("WARN_ON(note(1, is_pvh_vcpu(v)));", ["argument of note"], ["note", "WARN_ON"]),
        ("note(a, b || is_pvh_vcpu(v));", ["disjunct", "argument of note"], ["note"]),
    ],
)
def test_roles_in_arguments(statement: str, role: list[str], holders: list[str]) -> None:
    place = _in_function(statement)
    assert list(place.role) == role
    assert list(place.macro_args) == holders


@pytest.mark.parametrize(
    ("use", "argument"),
    [
        ("is_pvh_vcpu(v)", b"v"),
        ("is_pvh_vcpu ( v->arch.vcpu )", b"v->arch.vcpu"),
        ("is_pvh_vcpu(pick(a, (b)))", b"pick(a, (b))"),
        ("is_pvh_vcpu(\n        v /* the other */\n    )", b"v"),
        ("is_pvh_vcpu()", None),
        ("is_pvh_vcpu", None),
    ],
)
def test_call_and_argument(use: str, argument: bytes | None) -> None:
    place, data = _place(f"/* ü */ int f(void)\n{{\n    x({use}, y);\n}}\n")
    assert data[slice(*place.call)] == use.encode()
    assert (data[slice(*place.argument)] if place.argument else None) == argument


MACRO = """\
    #define either(v, w) \\
        (is_pvh_vcpu(v) || \\
         is_pvh_vcpu(w)) /* is_pvh_vcpu */
    #define plain is_pvh_vcpu(current)
    #define grouped (!is_pvh_vcpu(current))
    int after;
    """


@pytest.mark.parametrize(
    ("nth", "kind", "scope", "role", "parameters"),
    [
        (0, "macro body", "either", ["disjunct", "macro body"], ["v", "w"]),
        (1, "macro body", "either", ["disjunct", "macro body"], ["v", "w"]),
        (2, "comment", "", [], ["v", "w"]),
        (3, "macro body", "plain", ["macro body"], []),
        (4, "macro body", "grouped", ["negated", "macro body"], []),
    ],
)
def test_macro_bodies(nth: int, kind: str, scope: str, role: list[str], parameters: list[str]) -> None:
    place, data = _place(MACRO, nth=nth)
    assert (place.kind, place.scope, list(place.role)) == (kind, scope, role)
    assert list(Reader(data).parameters(place.call[0])) == parameters


def test_statement_in_a_macro_body_is_read_like_any_other() -> None:
    place, data = _place("#define check(v) do { \\\n    if ( !is_pvh_vcpu(v) ) go(); \\\n} while ( 0 )\n")
    assert (place.kind, place.scope, place.role) == ("macro body", "check", ("negated", "condition of if"))
    assert place.argument is not None and data[slice(*place.argument)] == b"v"


@pytest.mark.parametrize(
    ("text", "kind", "scope"),
    [
        pytest.param("#define is_pvh_vcpu(v) 1\n", "definition", "is_pvh_vcpu", id="definition"),
        pytest.param("#ifdef is_pvh_vcpu\n#endif\n", "preprocessor", "", id="ifdef"),
        pytest.param("#undef is_pvh_vcpu\n", "preprocessor", "", id="undef"),
        pytest.param("/* see is_pvh_vcpu(v) */\nint f(void) { }\n", "comment", "", id="comment before a function"),
        pytest.param("int f(void)\n{\n    // is_pvh_vcpu(v)\n}\n", "comment", "f", id="comment in a function"),
        pytest.param('int f(void)\n{\n    p("is_pvh_vcpu(v)\\n");\n}\n', "string", "f", id="string"),
        pytest.param('#define f "is_pvh_vcpu"\n', "string", "", id="string in a macro"),
        pytest.param("#if 0\nint x = is_pvh_vcpu(v);\n#endif\n", "code", "", id="dead code at file level"),
        pytest.param(
            "int f(void)\n{\n#if 0\n    go(is_pvh_vcpu(v));\n#endif\n}\n", "code", "f", id="dead code in a function"
        ),
    ],
)
def test_kinds(text: str, kind: str, scope: str) -> None:
    place, _ = _place(text)
    assert (place.kind, place.scope) == (kind, scope)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("static bool_t __init start(struct domain *d)\n{ is_pvh_vcpu(v); }", "start"),
        ("static void __attribute__((noinline)) slow(void)\n{ is_pvh_vcpu(v); }", "slow"),
        ("struct domain *find(int (*match)(int))\n{ is_pvh_vcpu(v); }", "find"),
        ("int f(int a) { if ( a ) { } is_pvh_vcpu(v); }", "f"),
        ("int f(void) { }\nint g(int x)\n{ is_pvh_vcpu(v); }", "g"),
        ("int f(void);\nint g(int x)\n{ is_pvh_vcpu(v); }", "g"),
        ("int f(void) { }\nint x = is_pvh_vcpu;\nint g(void) { }", ""),
        ("static const handler_t table[NR] = { [1] = is_pvh_vcpu(v), };", "table"),
        ("struct ops pvh_ops = { { 1 }, is_pvh_vcpu };", "pvh_ops"),
        ("struct domain { int is_pvh_vcpu; };", "domain"),
        ("enum guest_type { guest_pv, is_pvh_vcpu };", "guest_type"),
        ("int f(void) { p(\"}\"); c('}'); /* } */ is_pvh_vcpu(v); }", "f"),
        ("void (check)(struct vcpu *v) { is_pvh_vcpu(v); }", "check"),
        ("DO(version)(struct vcpu *v) { is_pvh_vcpu(v); }", "DO"),
    ],
)
def test_scopes(text: str, scope: str) -> None:
    assert _place(text)[0].scope == scope


UNBALANCED = """\
    int first(struct vcpu *v)
    {
    #ifdef CONFIG_A
        if ( is_pvh_vcpu(v) ) {
    #else
        if ( !is_pvh_vcpu(v) ) {
    #endif
            go();
        }
        return is_pvh_vcpu(v);
    }

    #ifdef CONFIG_B
    int second(struct vcpu *v, int b) {
    #else
    int second(struct vcpu *v) {
    #endif
        return is_pvh_vcpu(v);
    }

    int third(struct vcpu *v)
    {
        return is_pvh_vcpu(v);
    }
    """


@pytest.mark.parametrize(("nth", "scope"), [(0, "first"), (1, "first"), (2, "first"), (3, "second"), (4, "third")])
def test_braces_doubled_by_conditional_compilation(nth: int, scope: str) -> None:
    assert _place(UNBALANCED, nth=nth)[0].scope == scope


def test_code_without_closing_brackets_is_still_placed() -> None:
    place, data = _place("int f(void)\n{\n    if ( is_pvh_vcpu(v")
    assert (place.kind, place.scope) == ("code", "f")
    assert data[slice(*place.call)] == NAME.encode()


def test_macro_extents_take_continuations_and_every_definition() -> None:
    data = b"#ifdef A\n#define m(x) \\\n    (x)\n#else\n# define m(x) 0\n#endif\n#define mm 1\n"
    found = [data[a:b] for a, b in macro_extents(data, "m")]
    assert found == [b"#define m(x) \\\n    (x)", b"# define m(x) 0"]
