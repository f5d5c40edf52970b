"""Patterns: C with holes, whatever the layout."""

from __future__ import annotations

import pytest

from xenstage.ctext.pattern import Pattern


def _found(pattern: str, text: str) -> list[str]:
    data = text.encode()
    return [data[m.start : m.end].decode() for m in Pattern(pattern).find(data)]


@pytest.mark.parametrize(
    "text",
    [
        "if ( is_pvh(v) )",
        "if(is_pvh(v))",
        "if\n\t(\n  is_pvh (v)\n)",
        "if ( is_pvh \\\n (v) )",
        "if ( /* why */ is_pvh(v) )",
    ],
)
def test_layout_does_not_matter(text: str) -> None:
    for pattern in ("if ( is_pvh($v) )", "if(is_pvh( $v ))"):
        assert _found(pattern, f"x; {text} y;") == [text]


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        pytest.param("is_pvh($v)", "is_pvh2(v) xis_pvh(v)", [], id="whole tokens"),
        pytest.param("is_pvh($v)", 'p("is_pvh(v)"); /* is_pvh(v) */', [], id="not in strings and comments"),
        pytest.param("is_pvh($v)", "is_pvh()", [], id="a hole is not empty"),
        pytest.param("f($a)", "f(g(1), (2))", ["f(g(1), (2))"], id="balanced brackets"),
        pytest.param("f($a, $b)", "f(g(1, 2), h[3, 4])", ["f(g(1, 2), h[3, 4])"], id="comma inside brackets"),
        pytest.param("f($a)", "f(a))", ["f(a)"], id="stops at its own bracket"),
        pytest.param("f($a)", "f(a; b)", [], id="no match across a statement's end"),
        pytest.param("$x = f;", "a; b = f;", ["b = f;"], id="a hole stays in its statement"),
        pytest.param("$x = f", "if (a) { b = f; }", ["b = f"], id="a hole does not leave its block"),
        pytest.param("f($a)", "f(a[)", [], id="broken brackets"),
        pytest.param("f($a) + $b;", "f(x\n#ifdef A\n) + y;", [], id="no hole over a directive"),
        pytest.param("$x == $x", "a.b == a.b", ["a.b == a.b"], id="repeated hole"),
        pytest.param("f($x, $x)", "f(a, b) f(c , c)", ["f(c , c)"], id="repeated hole matches the same tokens"),
        pytest.param("f($x, $x)", "f(g(1), g( 1 ))", ["f(g(1), g( 1 ))"], id="repeated hole in another layout"),
        pytest.param("f($x:word)", "f(a) f(a.b) f(1) f((a))", ["f(a)"], id="word hole"),
        pytest.param("$f:word(v)", "is_pv(v) || is_hvm(v)", ["is_pv(v)", "is_hvm(v)"], id="word hole at the start"),
        pytest.param("$a:word == $a:word", "a == b; c == c", ["c == c"], id="repeated word hole"),
        pytest.param("f($a:arg, $b)", "f(g(1, 2), b, c) f(a)", ["f(g(1, 2), b, c)"], id="argument hole"),
        pytest.param("f($a:arg, $b:arg)", "f(a, b, c) f(a, b)", ["f(a, b)"], id="an argument holds no comma"),
        pytest.param("f(f($a))", "f(f(f(x)))", ["f(f(f(x)))"], id="leftmost wins"),
        pytest.param("a a", "a a a a a", ["a a", "a a"], id="none overlap"),
        pytest.param("f($a)", "f(1) f(2);f(3)", ["f(1)", "f(2)", "f(3)"], id="all of them"),
    ],
)
def test_find(pattern: str, text: str, found: list[str]) -> None:
    assert _found(pattern, text) == found


def test_holes_are_byte_ranges_of_the_file() -> None:
    data = "/* ü */ if ( is_pvh( v->next ) && (a + b) )".encode()
    (match,) = Pattern("is_pvh($v) && $rest )").find(data)
    assert {n: data[a:b] for n, (a, b) in match.holes.items()} == {"v": b"v->next", "rest": b"(a + b)"}


def test_repeated_hole_is_reported_where_it_stands_first() -> None:
    (match,) = Pattern("$a:word = $a:word").find(b"x = y; z = z")
    assert match.holes["a"] == (7, 8)


def test_comments_outside_holes_are_reported() -> None:
    data = b"/* before */ f( /* in */ a /* hole */ + b, // end\n c) /* after */"
    (match,) = Pattern("f($x, c)").find(data)
    assert match.comments == ("/* in */", "// end")
    start, end = match.holes["x"]
    assert b"/* hole */" in data[start:end]


def test_match_without_comments_has_none() -> None:
    (match,) = Pattern("f($x)").find(b"/* a */ f(x) /* b */")
    assert match.comments == ()


def test_search_in_a_range() -> None:
    data = b"f(1) f(2) f(3)"
    assert [m.start for m in Pattern("f($x)").find(data, 5)] == [5, 10]
    assert [m.start for m in Pattern("f($x)").find(data, 1, 9)] == [5]
    assert Pattern("f($x)").find(data, 5, 8) == []
