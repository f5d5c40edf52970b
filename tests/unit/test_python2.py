"""Python 2 helper scripts under this Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import xenstage
from xenstage.tree.python2 import translate


def _run(*args: str, stdin: str = "") -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "xenstage.tree.python2", *args],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(xenstage.__file__).parents[1],
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        pytest.param("print 'a', 1\n", "a 1\n", id="print statement"),
        pytest.param("print 'a'", "a\n", id="no newline at the end"),
        pytest.param("import sys\nprint >>sys.stdout, 'a'\nprint\nprint 1\n", "a\n\n1\n", id="print to a file"),
        pytest.param("try:\n    1 // 0\nexcept ZeroDivisionError, e:\n    print 'no'\n", "no\n", id="except X, e"),
        pytest.param("try:\n    raise KeyError, 'k'\nexcept KeyError, e:\n    print e\n", "'k'\n", id="raise X, y"),
        pytest.param("print 0755, 10L\n", "493 10\n", id="literals"),
        pytest.param("d = {1: 2}\nprint d.has_key(1)\n", "True\n", id="has_key"),
        pytest.param("print(repr(`1`))\n", "'1'\n", id="backquotes"),
    ],
)
def test_python_2_runs(source: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(translate(source, "script"), "script", "exec"), {})
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize(
    "source",
    [
        "",
        "print('a')",
        "print('a', file=f)\n",
        "def f(a: int) -> None:\n    ...\n",
        "x = map(f, y)  # a fixer would wrap it\n",
        "match x:\n    case 1: pass\n",
    ],
)
def test_python_3_is_left_alone(source: str) -> None:
    assert translate(source, "script") == source


def test_python_2_that_stays_wrong_is_a_syntax_error() -> None:
    with pytest.raises(SyntaxError):
        translate("print 'a'\nreturn 1\n", "script")


def test_text_on_the_command_line() -> None:
    assert _run("-c", 'print "x"') == (0, "x\n", "")


def test_arguments_and_standard_input() -> None:
    text = "import sys\nprint sys.argv, sys.stdin.read()"
    assert _run("-c", text, "a", "-b", stdin="in") == (0, "['-c', 'a', '-b'] in\n", "")


def test_script_runs_as_main_and_stays_as_it_is(tmp_path: Path) -> None:
    script = tmp_path / "gen.py"
    source = b"#!/usr/bin/python\nimport sys\nif __name__ == '__main__':\n    print sys.argv[1:]\n    sys.exit(3)\n"
    script.write_bytes(source)
    assert _run(str(script), "one") == (3, "['one']\n", "")
    assert script.read_bytes() == source


def test_script_with_utf8(tmp_path: Path) -> None:
    script = tmp_path / "gen.py"
    script.write_bytes("# café\nprint 'ok'\n".encode())
    assert _run(str(script))[:2] == (0, "ok\n")


@pytest.mark.parametrize("source", ["def (((", "x = 'unterminated", "if x:\n y\n  z\n"])
def test_what_no_python_reads_is_a_syntax_error(source: str) -> None:
    with pytest.raises(SyntaxError):
        translate(source, "script")


def test_print_to_a_stream_is_translated_though_python_3_compiles_it() -> None:
    assert "file=sys.stderr" in translate('import sys\nprint >>sys.stderr, "a"\n', "script")


def test_a_latin_1_script_with_a_module_beside_it_runs(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("WORD = 'beside'\n")
    (tmp_path / "script.py").write_bytes(b"# caf\xe9\nimport helper\nprint helper.WORD\n")
    argv = [sys.executable, "-m", "xenstage.tree.python2", str(tmp_path / "script.py")]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == "beside\n"


def test_a_file_left_open_is_written_to_its_end(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import sys\nf = open(sys.argv[1], 'w')\nf.write('end')\ndef g():\n    print f\n")
    assert _run(str(script), str(tmp_path / "out"))[0] == 0
    assert (tmp_path / "out").read_text() == "end"


def test_modules_beside_the_script_are_translated_and_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("def f(x):\n    print 'f', x\n    return x.has_key(1)\n")
    (tmp_path / "script.py").write_text("import helper\nprint helper.f({1: 2})\n")
    assert _run(str(tmp_path / "script.py")) == (0, "f {1: 2}\nTrue\n", "")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["helper.py", "script.py"]


def test_sort_with_a_comparison(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "d = {'a': 1, 'ccc': 2, 'bb': 3}\nk = d.keys();\nk.sort(lambda a, b: cmp(len(b), len(a)));\nprint k\n"
    )
    assert _run(str(script)) == (0, "['ccc', 'bb', 'a']\n", "")
    script.write_text("k = ['b', 'a']\nk.sort()\nprint k\n")
    assert _run(str(script)) == (0, "['a', 'b']\n", "")
