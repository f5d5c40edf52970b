"""Objects: what counts as the same function, what as line numbers only, what as changed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from xenstage.builds.elf import Unit, local_name, read_unit
from xenstage.prove.binary.compiled import Difference, bloat, compare

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")

TEXT = """\
extern void note(const char *file, int line);
extern int pump(int);
static const int limits[3] = { 3, 5, 7 };
static int __attribute__((noinline)) capped(int x) { return x > limits[x & 1] ? 5 : x; }
int first(int x) { return capped(x) + pump(x); }
int second(int x) { if ( x > 9 ) note(__FILE__, __LINE__); return pump(x + 1); }
const char *label(void) { return "a label"; }
int level = 4;
int (*chosen)(int) = first;
"""


def unit(place: Path, text: str, *flags: str, compiler: str = "gcc") -> Unit:
    """A compiled text, read."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "pump.c").write_text(text)
    argv = [compiler, "-O2", "-ffunction-sections", *flags, "-c", str(place / "pump.c"), "-o", str(place / "pump.o")]
    subprocess.run(argv, check=True)
    return read_unit(place / "pump.o", place)


def differ(
    tmp_path: Path, old: str, new: str, lines: str | None = None, flags: tuple[str, ...] = (), compiler: str = "gcc"
) -> Difference:
    """Compare two texts; ``lines`` is the second with the first one's line numbers."""
    a = unit(tmp_path / "a", old, *flags, compiler=compiler)
    b = unit(tmp_path / "deep/b", new, *flags, compiler=compiler)
    again = {"pump.o": unit(tmp_path / "c", lines, *flags)} if lines is not None else {}
    return compare({"pump.o": a}, {"pump.o": b}, again)


def names(d: Difference) -> tuple[list[str], list[str]]:
    """The names of what differs."""
    return [r[1] for r in d.functions], [r[1] for r in d.data]


def test_the_same_text_elsewhere_is_identical(tmp_path: Path) -> None:
    d = differ(tmp_path, TEXT, TEXT)
    assert names(d) == ([], []) and d.identical >= 4 and d.moved == 0


def test_debug_information_does_not_count(tmp_path: Path) -> None:
    a, b = unit(tmp_path / "a", TEXT), unit(tmp_path / "b", TEXT, "-g")
    assert a == b


def test_a_function_that_moves_within_its_file_is_identical(tmp_path: Path) -> None:
    first = "int first(int x) { return capped(x) + pump(x); }\n"
    declared = TEXT.replace("extern int pump", "int first(int);\nextern int pump")
    moved = declared.replace(first, "", 1) + first
    d = differ(tmp_path, declared, moved)
    assert names(d) == (["second"], [])  # its line alone


def test_line_numbers_only(tmp_path: Path) -> None:
    new = "/* One line more. */\n" + TEXT
    assert names(differ(tmp_path, TEXT, new)) == (["second"], [])
    d = differ(tmp_path, TEXT, new, "/* One line more. */\n#line 1\n" + TEXT)
    assert names(d) == ([], []) and d.moved == 1


def test_line_numbers_do_not_hide_a_change(tmp_path: Path) -> None:
    new = "\n" + TEXT.replace("x > 9", "x > 8")
    d = differ(tmp_path, TEXT, new, "\n#line 1\n" + TEXT.replace("x > 9", "x > 8"))
    assert names(d) == (["second"], [])


CHANGES = [
    ("number", "x > 9", "x >= 9", ["second"], []),
    ("callee", "return pump(x + 1)", "return first(x + 1)", ["second"], []),
    ("string", "a label", "a title", ["label"], []),
    ("table", "{ 3, 5, 7 }", "{ 3, 6, 7 }", [], ["limits"]),
    ("variable", "level = 4", "level = 5", [], ["level"]),
    ("pointer", "chosen)(int) = first", "chosen)(int) = second", [], ["chosen"]),
    ("gone", "const char *label(void) { return \"a label\"; }\n", "", ["label"], []),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "functions", "data"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
@pytest.mark.parametrize("flags", [(), ("-fPIC",), ("-O1",)], ids=["plain", "pic", "O1"])
def test_what_a_change_reaches(
    tmp_path: Path, old: str, new: str, functions: list[str], data: list[str], flags: tuple[str, ...]
) -> None:
    assert TEXT.count(old) == 1
    changed, variables = names(differ(tmp_path, TEXT, TEXT.replace(old, new), flags=flags))
    # A table without a name of its own in the object counts with the function that reads it.
    assert set(functions) <= set(changed) <= {*functions, *(["capped", "first"] if data == ["limits"] else [])}
    assert set(variables) <= set(data) and (changed or variables)


def test_names_that_a_compiler_counts() -> None:
    assert local_name("capped.constprop.3") == "capped.constprop"
    assert local_name("count.1742") == "count"
    assert local_name("pump") == "pump"


def test_sizes_as_bloat_o_meter_prints_them() -> None:
    rows = (("a.o", "grown", 10, 14), ("a.o", "gone", 8, 0), ("b.o", "new", 0, 6), ("b.o", "shrunk", 9, 7))
    lines = bloat(Difference(3, 0, rows, ())).splitlines()
    assert lines[0] == "add/remove: 1/1 grow/shrink: 1/1 up/down: 10/-10 (0)"
    assert [line.split()[0] for line in lines[2:]] == ["new", "grown", "shrunk", "gone"]
    assert lines[2].split()[1:] == ["-", "6", "+6"] and lines[5].split()[1:] == ["8", "-", "-8"]


def test_a_definition_that_became_weak_is_another(tmp_path: Path) -> None:
    """Its bytes are as before; another definition may take its place now."""
    weak = TEXT.replace("int second(int x)", "__attribute__((weak)) int second(int x)")
    assert names(differ(tmp_path, TEXT, weak)) == (["second"], [])
    extern = TEXT.replace("extern int pump(int);", "extern int pump(int) __attribute__((weak));")
    assert names(differ(tmp_path, TEXT, extern))[0] == ["first", "second"]


FAR = """\
extern void take(int (*)(int));
extern int work(int), more(int);
static int named(int x) { return work(x) + 1; }
static int __attribute__((noinline)) grown(int x) { return work(x); }
static int other(int x) { return work(x) + 2; }
void hand_over(void) { take(named); more(other(4)); }
int choose(int x)
{
    switch ( x )
    {
    case 0: return work(3); case 1: return more(8); case 2: return work(1) + 9;
    case 3: return more(2); case 4: return work(6) - more(7); case 5: return work(x) * 5;
    }
    return grown(x);
}
int last(int x) { return more(x); }
"""


ONE_BY_ONE = "-fno-reorder-functions"


@pytest.mark.parametrize("compiler", ["gcc", "arm-linux-gnueabihf-gcc", "aarch64-linux-gnu-gcc"])
def test_the_address_of_a_function_of_the_same_section_is_its_name(tmp_path: Path, compiler: str) -> None:
    """The assembler puts down the distance, on ARM as a constant among the function's words."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    more = ("-marm",) if compiler.startswith("arm-") else ()
    flags = ("-fPIC", "-fvisibility=hidden", "-fno-function-sections", "-fno-toplevel-reorder", ONE_BY_ONE, *more)
    grown = FAR.replace("{ return work(x); }", "{ return more(x) + work(x) * 3; }")
    assert names(differ(tmp_path, FAR, grown, flags=flags, compiler=compiler)) == (["grown"], [])
    swapped = FAR.replace("take(named)", "take(other)")
    assert names(differ(tmp_path, FAR, swapped, flags=flags, compiler=compiler)) == (["hand_over"], [])


def test_a_table_of_jumps_names_places_of_its_function(tmp_path: Path) -> None:
    flags = ("-fPIC", "-fvisibility=hidden", "-fno-function-sections", "-fno-inline")
    for of_another in (("return more(x); }", "return work(x) + more(x) * 7; }"), ("int last(", "int final(")):
        found = names(differ(tmp_path, FAR, FAR.replace(*of_another), flags=flags))
        assert "choose" not in found[0], of_another
    aligned = "static const long aligned __attribute__((aligned(32))) = 3;\n"
    behind = FAR.replace("int last(", f"{aligned}const long *seen(void) {{ return &aligned; }}\nint last(")
    assert "choose" not in names(differ(tmp_path, FAR, behind, flags=flags))[0]
    swapped = FAR.replace("case 0: return work(3)", "case 3: return work(3)").replace(
        "case 3: return more(2)", "case 0: return more(2)"
    )
    assert names(differ(tmp_path, FAR, swapped, flags=flags)) == (["choose"], [])


ASIDE = """\
extern int work(int);
static inline void must(int x)
{
    __asm__ volatile ( "cmpl $7, %0; ja 1f; .subsection 1; 1: ud2; .subsection 0" :: "r" (x) : "cc" );
}
int asks(int x) { must(x); return work(x); }
int grows(int x) { __asm__ volatile ( ".skip 200, 0x90" ); return work(x); }
"""


@pytest.mark.skipif(shutil.which("objdump") is None, reason="binutils are not installed")
def test_code_out_of_line_that_traps_is_the_same_wherever_it_lies(tmp_path: Path) -> None:
    """What an assembler puts behind all functions of the section moves when any of them grows."""
    flags = ("-fno-function-sections", "-fno-toplevel-reorder", "-m64")
    grown = ASIDE.replace(".skip 200", ".skip 300")
    assert names(differ(tmp_path, ASIDE, grown, flags=flags)) == (["grows"], [])
    calm = ASIDE.replace("1: ud2;", "1: nop;")
    assert names(differ(tmp_path, ASIDE, calm, flags=flags))[0] == ["asks"]
