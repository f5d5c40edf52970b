"""What a serial log means.  The logs are written by hand in the style of real ones."""

from __future__ import annotations

import pytest

from xenstage.boot.machine.serial import End, Expected, Lines, Stopped, decisive, judge, lines_of
from xenstage.boot.model import Verdict

NONCE = "5ca1ab1e0ddba115"
MARKER = f"xenstage-guest hvm-linux {NONCE} up HVM"
HVM = Expected("hvm-linux", MARKER)
DOM0 = Expected("dom0")
SEEN = Stopped(End.SEEN)

BOOT = """(XEN) a first line of the hypervisor
(XEN) Command line: console=com1
[    0.31] a dom0 that comes up
xenstage: dom0 up
"""
CREATE = (
    BOOT
    + """xenstage: request hvm-linux
xenstage: xl create hvm-linux: started
xl: Parsing config from xl.cfg
xenstage: xl create hvm-linux: exit 0
[hvm-linux] [    0.000000] a kernel's first words
"""
)


def verdict(log: str, expected: Expected = HVM, stopped: Stopped = SEEN) -> tuple[Verdict, str]:
    return judge(lines_of(log.replace("\n", "\r\n").encode()), expected, stopped)


def test_a_marker_from_inside_is_pass() -> None:
    assert verdict(CREATE + f"[hvm-linux] {MARKER}\n") == (Verdict.PASS, f"[hvm-linux] {MARKER}")


def test_a_marker_before_the_toolstack_has_said_its_exit_is_pass() -> None:
    early = BOOT + f"xenstage: xl create hvm-linux: started\n[hvm-linux] {MARKER}\n"
    assert verdict(early)[0] is Verdict.PASS


def test_dom0_is_judged_by_its_own_toolstack() -> None:
    up = BOOT + "xenstage: request dom0\nxl: host : dom0\n"
    assert verdict(up + "xenstage: xl info: exit 0\nxenstage: end\n", DOM0)[0] is Verdict.PASS
    bad = verdict(up + "xl: libxl: error: cannot open\nxenstage: xl info: exit 1\nxenstage: end\n", DOM0)
    assert bad[0] is Verdict.FAIL and "cannot open" in bad[1]


@pytest.mark.parametrize(
    ("lines", "verdict_", "why"),
    [
        (f"{MARKER}\nxenstage: end\n", Verdict.FAIL, "not printed by hvm-linux"),
        (f"xenstage: {MARKER}\nxenstage: end\n", Verdict.FAIL, "not printed by hvm-linux"),
        (f"[pvh-linux] {MARKER}\nxenstage: end\n", Verdict.FAIL, "not printed by hvm-linux"),
        (f"[hvm-linux] {MARKER.replace(NONCE, 'another')}\nxenstage: end\n", Verdict.FAIL, "wrong marker"),
        (f"[hvm-linux] {MARKER.replace('HVM', 'PV')}\nxenstage: end\n", Verdict.FAIL, "wrong marker"),
        (f"[hvm-linux] {MARKER}X\nxenstage: end\n", Verdict.FAIL, "wrong marker"),
        (f"[hvm-linux] echo {MARKER}\nxenstage: end\n", Verdict.FAIL, "not printed by"),
        ("xenstage: guest hvm-linux: gone\nxenstage: end\n", Verdict.FAIL, "ended without its marker"),
        (
            "(XEN) d1v0 Triple fault - asked for action 1\nxenstage: guest hvm-linux: gone\nxenstage: end\n",
            Verdict.FAIL,
            "triple fault",
        ),
        ("xenstage: end\n", Verdict.FAIL, "came to its end without the marker"),
    ],
)
def test_what_is_no_marker(lines: str, verdict_: Verdict, why: str) -> None:
    got = verdict(CREATE + lines)
    assert got[0] is verdict_ and why in got[1]


def test_a_refusing_toolstack_is_fail_with_its_first_complaint() -> None:
    log = BOOT + (
        "xenstage: xl create hvm-linux: started\nxl: Parsing config\nxl: libxl: error: no such thing\n"
        "xl: libxl: error: and then some\nxenstage: xl create hvm-linux: exit 3\nxenstage: end\n"
    )
    assert verdict(log) == (Verdict.FAIL, "xl create hvm-linux ended with 3: libxl: error: no such thing")


def test_a_marker_beside_a_refusing_toolstack_is_fail() -> None:
    log = BOOT + f"[hvm-linux] {MARKER}\nxenstage: xl create hvm-linux: exit 1\n"
    assert verdict(log)[0] is Verdict.FAIL


@pytest.mark.parametrize(
    ("line", "who"),
    [
        ("(XEN) Panic on CPU 0:", "Xen"),
        ("(XEN) FATAL TRAP: vec 14", "Xen"),
        ("(XEN) Xen BUG at somewhere.c:1", "Xen"),
        ("(XEN) Hardware Dom0 crashed: not rebooting", "dom0 crashed"),
        ("(XEN) Domain 0 crashed: 'noreboot' set", "dom0 crashed"),
        ("[    0.9] Kernel panic - not syncing: no init", "dom0"),
        ("[hvm-linux] [    0.9] Kernel panic - not syncing: no init", "hvm-linux"),
        ("(XEN) domain_crash called from somewhere.c:1", "Xen ended the guest"),
        ("(XEN) Domain 1 (vcpu#0) crashed on cpu#0:", "Xen ended the guest"),
    ],
)
def test_a_panic_is_panic_and_says_whose(line: str, who: str) -> None:
    got = verdict(CREATE + line + "\n", stopped=Stopped(End.SEEN))
    assert got[0] is Verdict.PANIC and got[1].startswith(who)
    assert decisive(line, HVM) == 4.0


def test_a_panic_of_xen_says_what_it_was() -> None:
    log = BOOT + "(XEN) Panic on CPU 0:\n(XEN) FATAL PAGE FAULT\n(XEN) [error_code=0010]\n"
    assert verdict(log) == (Verdict.PANIC, "Xen: (XEN) Panic on CPU 0: FATAL PAGE FAULT")


def test_a_panic_right_after_the_marker_is_no_pass() -> None:
    assert verdict(CREATE + f"[hvm-linux] {MARKER}\n(XEN) Panic on CPU 0:\n")[0] is Verdict.PANIC


def test_a_guest_that_was_there_may_end_as_it_likes() -> None:
    end = f"[hvm-linux] {MARKER}\n(XEN) domain_crash called from somewhere.c:1\n"
    assert verdict(CREATE + end)[0] is Verdict.PASS
    assert verdict(CREATE + end.replace(NONCE, "another"))[0] is Verdict.PANIC


def test_a_guest_that_prints_of_a_panic_in_words_is_not_one() -> None:
    log = CREATE + f"[hvm-linux] panic=5 is on my command line\n[hvm-linux] {MARKER}\n"
    assert verdict(log)[0] is Verdict.PASS


@pytest.mark.parametrize(
    ("log", "phase"),
    [
        ("", "before Xen's first line; the log is empty"),
        ("(XEN) hello\n", "before dom0 was up; last line: '(XEN) hello'"),
        (BOOT, "after dom0 was up, before hvm-linux's first line; last line: 'xenstage: dom0 up'"),
        (CREATE, 'while hvm-linux was running; last line: "[hvm-linux] [    0.000000] a kernel\'s first words"'),
    ],
)
def test_silence_time_and_a_dead_emulator_say_where_it_stopped(log: str, phase: str) -> None:
    hang = verdict(log, stopped=Stopped(End.SILENCE, seconds=120))
    assert hang == (Verdict.HANG, f"nothing was printed for 120 s {phase}")
    late = verdict(log, stopped=Stopped(End.TIME, seconds=300))
    assert late == (Verdict.TIMEOUT, f"not there after 300 s {phase}")
    dead = verdict(log, stopped=Stopped(End.EXITED, -9, "no memory"))
    assert dead == (Verdict.INFRA, f"the emulator ended with -9 (no memory) {phase}")


def test_a_machine_that_resets_is_fail_but_an_emulator_that_was_told_to_end_is_infra() -> None:
    assert verdict(BOOT, stopped=Stopped(End.EXITED, 0))[0] is Verdict.FAIL
    told = Stopped(End.EXITED, 0, "qemu: terminating on signal 15 from pid 1")
    assert verdict(BOOT, stopped=told)[0] is Verdict.INFRA


@pytest.mark.parametrize("lost", [1, 3, 20, 40])
def test_a_log_that_was_cut_off_is_infra(lost: int) -> None:
    cut = (CREATE + f"[hvm-linux] {MARKER}")[:-lost]
    got = verdict(cut)
    assert got[0] is Verdict.INFRA and "in the middle" in got[1]


def test_files_that_did_not_reach_dom0_are_infra() -> None:
    assert verdict(BOOT + "xenstage: no guest hvm-linux\nxenstage: end\n")[0] is Verdict.INFRA


def test_a_line_of_xen_inside_a_line_of_dom0_is_taken_out() -> None:
    torn = CREATE + "[hvm-linux] xenst(XEN) d1: something\nage" + MARKER[8:] + "\n"
    assert verdict(torn)[0] is Verdict.PASS
    assert "(XEN) d1: something" in lines_of(torn.encode())


def test_lines_do_not_depend_on_how_the_bytes_arrive() -> None:
    log = (CREATE + "[hvm-linux] xenst(XEN) d1: x\nage\nlast without an end").encode()
    whole = lines_of(log)
    for size in (1, 3, 7, 16):
        parser = Lines()
        got = [line for at in range(0, len(log), size) for line in parser.feed(log[at : at + size])]
        assert got + parser.close() == whole


# --- a guest that is created, destroyed while it runs, and created again

CYCLE = Expected("hvm-cycle", "xenstage-guest hvm-cycle 0123 probe-end", times=3)
ROUND = """\
xenstage: xl create hvm-cycle: started
xenstage: xl create hvm-cycle: exit 0
[hvm-cycle] xenstage-guest hvm-cycle 0123 probe-end 3
xenstage: xl destroy hvm-cycle: exit 0
"""


def cycle(*rounds: str) -> tuple[Verdict, str]:
    lines = ("xenstage: dom0 up\n" + "".join(rounds) + "xenstage: end\n").splitlines()
    return judge(lines, CYCLE, Stopped(End.SEEN))


def test_every_round_must_have_its_marker_and_its_end() -> None:
    verdict, reason = cycle(ROUND, ROUND, ROUND)
    assert verdict is Verdict.PASS and "3 times created and destroyed" in reason
    assert cycle(ROUND, ROUND)[0] is Verdict.FAIL
    assert cycle(ROUND, ROUND.replace("[hvm-cycle] xenstage", "[hvm-cycle] silent"), ROUND)[0] is Verdict.FAIL
    assert cycle(ROUND, ROUND, ROUND.replace("xenstage: xl destroy hvm-cycle: exit 0\n", ""))[0] is Verdict.FAIL


def test_the_second_round_may_be_the_one_that_is_refused() -> None:
    refused = "xenstage: xl create hvm-cycle: started\nxl: no memory error\nxenstage: xl create hvm-cycle: exit 3\n"
    verdict, reason = cycle(ROUND, refused)
    assert verdict is Verdict.FAIL and "ended with 3" in reason
    kept = ROUND.replace("destroy hvm-cycle: exit 0", "destroy hvm-cycle: exit 1")
    assert cycle(ROUND, kept)[1].startswith("xl destroy hvm-cycle ended with 1")


def test_a_panic_while_it_is_destroyed_is_no_pass() -> None:
    last = ROUND + "(XEN) Assertion 'd->is_dying' failed at domain.c:1\n"
    assert cycle(ROUND, ROUND, last)[0] is Verdict.PANIC


def test_the_first_marker_does_not_end_the_reading() -> None:
    assert decisive("[hvm-cycle] xenstage-guest hvm-cycle 0123 probe-end 3", CYCLE) is None
    assert decisive("xenstage: end", CYCLE) is not None
