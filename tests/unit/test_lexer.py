"""The lexer: byte offsets, comments against strings, directives, brackets."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from xenstage.ctext.lexer import Kind, _split, matching, opening, tokenize


def _kinds(text: str) -> list[tuple[str, str]]:
    return [(t.kind.name, t.text) for t in tokenize(text.encode())]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("a /* b */ c", ["WORD a", "COMMENT /* b */", "WORD c"], id="comment"),
        pytest.param("a // b\nc", ["WORD a", "COMMENT // b", "WORD c"], id="line comment"),
        pytest.param("// a \\\n b\nc", ["COMMENT // a \\\n b", "WORD c"], id="continued line comment"),
        pytest.param("/* a // */ b", ["COMMENT /* a // */", "WORD b"], id="line comment in a comment"),
        pytest.param('"/* a" b', ['STRING "/* a"', "WORD b"], id="comment start in a string"),
        pytest.param('"http://x" b', ['STRING "http://x"', "WORD b"], id="slashes in a string"),
        pytest.param("'\"' b", ["STRING '\"'", "WORD b"], id="quote in a character"),
        pytest.param(r'"a\"b" c', [r'STRING "a\"b"', "WORD c"], id="escaped quote"),
        pytest.param('"a\\\nb" c', ['STRING "a\\\nb"', "WORD c"], id="continued string"),
        pytest.param('L"a" u8"b"', ['STRING L"a"', 'STRING u8"b"'], id="prefixes"),
        pytest.param('/* "a */ b', ['COMMENT /* "a */', "WORD b"], id="string start in a comment"),
        pytest.param("a /* b", ["WORD a", "COMMENT /* b"], id="unterminated comment"),
        pytest.param('a "b\nc', ["WORD a", 'STRING "b', "WORD c"], id="unterminated string ends with its line"),
        pytest.param('a "b', ["WORD a", 'STRING "b'], id="unterminated string at the end"),
        pytest.param("'", ["STRING '"], id="lone quote"),
        pytest.param("a->b", ["WORD a", "PUNCT ->", "WORD b"], id="arrow"),
        pytest.param("a<<=b", ["WORD a", "PUNCT <<=", "WORD b"], id="longest operator"),
        pytest.param("a&&!b", ["WORD a", "PUNCT &&", "PUNCT !", "WORD b"], id="and not"),
        pytest.param("0x1fUL+.5e-3", ["NUMBER 0x1fUL", "PUNCT +", "NUMBER .5e-3"], id="numbers"),
        pytest.param("a \\\n  b", ["WORD a", "WORD b"], id="continuation is white space"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_tokens(text: str, wanted: list[str]) -> None:
    assert [f"{kind} {t}" for kind, t in _kinds(text)] == wanted


def test_offsets_are_byte_offsets_behind_utf8() -> None:
    data = '/* größer – ok */ int is_pvh; // ü\n"é" x;'.encode()
    for token in tokenize(data):
        assert data[token.start : token.end].decode("latin-1") == token.text
    at = {t.text: t.start for t in tokenize(data)}
    assert at["is_pvh"] == data.index(b"is_pvh")
    assert at["x"] == data.index(b"x")


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe\x00 int", b'"\\', b"// a\\", b"'\\", b"#", b"/*\xe9", b"\r\n\r\n#if", b"\\", b"@`\x01"],
)
def test_any_bytes_are_read_to_the_end(data: bytes) -> None:
    tokens = tokenize(data)
    assert all(data[t.start : t.end].decode("latin-1") == t.text for t in tokens)
    assert all(a.end <= b.start for a, b in pairwise(tokens))
    assert max((t.end for t in tokens), default=len(data)) <= len(data)


def test_directive_holds_its_continuation_lines() -> None:
    text = "#define twice(x) \\\n    ((x) + \\\n     (x))\nint after;\n"
    tokens = tokenize(text.encode())
    assert (tokens[0].kind, tokens[0].text) == (Kind.DIRECTIVE, "#define")
    (end,) = (t for t in tokens if t.kind is Kind.END)
    assert end.start == text.index("\nint after")
    assert {t.in_directive for t in tokens if t.start <= end.start} == {True}
    assert [t.text for t in tokens if not t.in_directive] == ["int", "after", ";"]


@pytest.mark.parametrize(
    ("text", "directives"),
    [
        pytest.param("  #  ifdef A\nx\n", ["#  ifdef"], id="spaces around the hash"),
        pytest.param("/* a */ #endif\n", ["#endif"], id="behind a comment"),
        pytest.param("x # y\n", [], id="not at the start of a line"),
        pytest.param("#define s(x) #x\n#undef s\n", ["#define", "#undef"], id="the hash of a macro's body"),
        pytest.param("x \\\n#y\n", [], id="continued line"),
    ],
)
def test_where_directives_begin(text: str, directives: list[str]) -> None:
    tokens = tokenize(text.encode())
    assert [t.text for t in tokens if t.kind is Kind.DIRECTIVE] == directives
    assert sum(t.kind is Kind.END for t in tokens) == len(directives)


def test_directive_without_newline_ends_with_the_file() -> None:
    tokens = tokenize(b"x;\n#define a b")
    assert (tokens[-1].kind, tokens[-1].text, tokens[-1].start) == (Kind.END, "", 14)


def test_comment_of_several_lines_does_not_end_a_directive() -> None:
    tokens = tokenize(b"#define a /* one\n two */ b\nc\n")
    assert {t.text: t.in_directive for t in tokens if t.kind is Kind.WORD} == {"a": True, "b": True, "c": False}


def test_matching_and_opening() -> None:
    tokens = tokenize(b"f(a[0], (b), \")\", ')') { c; }")
    texts = [t.text for t in tokens]
    close = matching(tokens, 1)
    assert texts[close] == ")" and texts[close + 1] == "{"
    assert matching(tokens, texts.index("[")) == texts.index("]")
    assert opening(tokens, texts.index("0")) == texts.index("[")
    assert opening(tokens, texts.index("b")) == texts.index("b") - 1
    assert opening(tokens, texts.index('")"')) == 1
    assert opening(tokens, texts.index("c")) == texts.index("{")
    assert opening(tokens, 0) is None


def test_matching_says_where_a_bracket_stays_open() -> None:
    with pytest.raises(ValueError, match=r"'\(' at byte 2"):
        matching(tokenize(b"f (a, (b)"), 1)


PIECES = (
    "int a = 1;\n",
    "#define X(a) \\\n    (a + 1)\n",
    "/* one\n * two */\n",
    "// line \\\n goes on\n",
    "'",
    '"',
    "\\\n",
    "\n",
    "#",
    "  # include <x.h>\n",
    "*/",
    "/*",
    "//",
    "a <<= b;",
    "\r\n",
    "x # y\n",
    '"a\\\nb"',
    "#if A /* b\n c */ && D\n",
    "\t",
    "0x1Fu",
)


@pytest.mark.parametrize("seed", range(40))
def test_what_was_read_before_does_not_matter(seed: int) -> None:
    """A long text that differs a little from the last one is not read as a whole again; nothing shows it."""
    chance = random.Random(seed)
    text = "".join(chance.choice(PIECES) for _ in range(1500))
    for _ in range(25):
        data = text.encode("latin-1")
        whole, end = _split(text, 0, len(text))
        assert (tokenize(data), end) == (tuple(whole), len(text))
        for _ in range(chance.choice((1, 1, 1, 3))):
            at = chance.randrange(len(text))
            gone = chance.choice((0, 0, 1, 2, 7, 60))
            text = text[:at] + "".join(chance.choice(PIECES) for _ in range(chance.randrange(3))) + text[at + gone :]
