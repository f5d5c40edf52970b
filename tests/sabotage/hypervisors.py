"""Hypervisors of the series' last commit that are broken on purpose, built, and booted with the tree's own tools.

The operators find their places by structure, as those of ``tests/mutants`` do.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tests.mutants.operators import Apply
from tests.mutants.operators import replace as replace_in
from tests.mutants.run import Bench
from tests.mutants.run import bench as make_bench
from tests.mutants.tables import dispatch, row
from xenstage.boot.assemble import Xen, assemble, xen_of_commit
from xenstage.boot.machine.machine import machines
from xenstage.boot.matrix.matrix import Session, run_bisect
from xenstage.boot.matrix.plan import distinct, line_of, make_plan
from xenstage.boot.matrix.store import Store
from xenstage.boot.model import Cell, Outcome, Verdict
from xenstage.boot.run import bench, compare
from xenstage.prove.case import Case
from xenstage.tree.git import Identity

from .kit import Sabotage

FAIL, PANIC, HANG = frozenset({Verdict.FAIL}), frozenset({Verdict.PANIC}), frozenset({Verdict.HANG})
BISECTED = "bisected"
MIXED = {"old-tools": "the base's tools on the hypervisor of stage 06", "new-tools": "those of stage 06 on the base's"}
SILENCE = 40.0
"""Seconds; QEMU's own file has three times as many, Bochs' fifteen times."""


@dataclass(frozen=True)
class Broken:
    """One breakage of the hypervisor.

    :param guest: who meets it.
    :param apply: from the files of the last commit to those that are changed.
    """

    name: str
    what: str
    guest: str
    verdicts: frozenset[Verdict]
    says: str
    apply: Apply


def before_first_if(function: str, path: str, statement: str) -> Apply:
    """A statement in front of a function's first ``if``."""
    return replace_in(
        r"(?<=[;}\n])(\s*)if \(",
        rf"\1{statement}\1if (",
        where=path,
        word=function,
        within=rf"\b{function}\([^;]*\n\{{",
    )


CREATE = ("domain_create", r"xen/common/domain\.c\Z")
HVM = r"xen/arch/x86/hvm/hvm\.c\Z"
DIFFERS = r"undeclared differences from the last commit: .*"

BROKEN = (
    Broken(
        "hvm-widened",
        "HVM reaches PVH's hypercalls",
        "hvm-probe",
        FAIL,
        DIFFERS + "(mmuext|platform)_op",
        row(r"HCALL\((\w+),\s*(\w+),\s*NULL,\s*HCALL_PVH\)", r"HCALL(\1, \2, \2, HCALL_HVM | HCALL_PVH)"),
    ),
    Broken(
        "hvm-unmasked",
        "HVM reaches rows without a 32-bit handler",
        "hvm-probe",
        PANIC,
        r"Xen: .*Panic on CPU 0: FATAL PAGE FAULT",
        dispatch(r"\(is_pvh_vcpu\((\w+)\) \? HCALL_PVH : HCALL_HVM\)", "(HCALL_HVM | HCALL_PVH)"),
    ),
    Broken(
        "hvm-initialise",
        "HVM reaches VCPUOP_initialise",
        "hvm-probe",
        FAIL,
        DIFFERS + "vcpu_op",
        replace_in(r"\bhvm_vcpu_op\(", "do_vcpu_op(", where=HVM, word="container_vcpu_op"),
    ),
    Broken(
        "pvh-initialise",
        "PVH loses VCPUOP_initialise",
        "pvh-probe",
        FAIL,
        DIFFERS + "vcpu_op",
        replace_in(r"\bdo_vcpu_op\(", "hvm_vcpu_op(", where=HVM, word="container_vcpu_op"),
    ),
    Broken(
        "pvh-memory-map",
        "PVH loses XENMEM_memory_map",
        "pvh-probe",
        FAIL,
        DIFFERS + "memory_op",
        replace_in(r"\bdo_memory_op\(", "hvm_memory_op(", where=HVM, word="container_memory_op"),
    ),
    Broken(
        "pvh-not-set",
        "the PVH flag is never set",
        "pvh-probe",
        FAIL | PANIC,
        "",
        replace_in(r"(\w+->is_pvh = )1;", r"\g<1>0;", where=CREATE[1], word="is_pvh"),
    ),
    Broken(
        "panic-at-boot",
        "a panic at boot",
        "hvm-probe",
        PANIC,
        r"Xen: .*Xen BUG at",
        before_first_if(*CREATE, "BUG_ON(domid == 0);"),
    ),
    Broken(
        "hang-at-boot",
        "a hang at boot",
        "hvm-probe",
        HANG,
        r"nothing was printed for 40 s before dom0 was up",
        before_first_if(*CREATE, "while ( domid == 0 ) cpu_relax();"),
    ),
    Broken(
        "create-refused",
        "a hypervisor that creates no guest",
        "hvm-probe",
        FAIL,
        r"xl create hvm-probe ended with \d+",
        before_first_if(*CREATE, "if ( domid && domid < DOMID_FIRST_RESERVED ) return ERR_PTR(-EINVAL);"),
    ),
    Broken(
        "guest-crashed",
        "a hypervisor that crashes the guest at its first hypercall",
        "hvm-probe",
        PANIC,
        r"Xen ended the guest: .*domain_crash",
        before_first_if("hvm_do_hypercall", HVM, "domain_crash(current->domain);"),
    ),
)


@dataclass(frozen=True)
class Line:
    """The last commit of stage 04 on a tree: what is broken is PVH's own, which the stages behind it take away.

    :param root: a directory for results.
    """

    tree: str
    root: Path

    @cached_property
    def bench(self) -> Bench:
        """The true series."""
        return make_bench(self.tree)

    @property
    def tip(self) -> Case:
        """The last patch of stage 04."""
        return self.bench.cases[max(k for k in self.bench.cases if k[0] <= 4)]

    def commit(self, broken: Broken, patch: Case | None = None) -> str:
        """A patch's commit, the last one's if none is named, with a breakage on top.

        :raises LookupError: the tree has no place for it.
        """
        case = patch or self.tip
        git, scratch = self.bench.opened.tree.git, self.bench.opened.cache.scratch("sabotage")
        me = Identity("A Saboteur", "saboteur@example.org")
        changed = broken.apply(case.after)
        return git.commit(case.commit, changed, broken.name, author=me, date=1420156800, scratch=scratch)

    def boot(self, commit: str, guest: str) -> Outcome:
        """Build a commit and ask one cell."""
        return self.ask(self.xen(commit), guest, self.root / commit[:12])

    def xen(self, commit: str) -> Xen:
        """A commit's hypervisor and tools, built."""
        opened = self.bench.opened
        return xen_of_commit(opened.tree, commit, cache=opened.cache, runner=opened.runner)

    def ask(self, xen: Xen, guest: str, out: Path) -> Outcome:
        """Boot one cell."""
        harness = assemble(xen, [guest], out, cache=self.bench.opened.cache, runner=self.bench.opened.runner)
        cell, machine, why = harness.cell(guest, machines())
        if machine is None:
            return Outcome(cell, Verdict.SKIP, why)
        factor = 3 if machine.kind == "bochs" else 1  # its computer is so much slower
        return harness.run(cell, replace(machine, limits={**machine.limits, "silence": factor * SILENCE}))

    def judged(self, broken: Broken) -> Outcome:
        """A breakage's cell, its table held against the last commit's."""
        outcome = self.boot(self.commit(broken), broken.guest)
        if outcome.verdict is not Verdict.PASS:
            return outcome
        right = self.reference(broken.guest)
        if right.verdict is not Verdict.PASS:
            return right
        found = compare(right.table, outcome.table, ())
        if not found:
            return outcome
        reason = f"{len(found)} undeclared differences from the last commit: {'; '.join(found)}"
        return replace(outcome, verdict=Verdict.FAIL, reason=reason)

    def mixed(self, name: str) -> Outcome:
        """dom0 with the tools of one commit on the hypervisor of another, whose interfaces have other versions."""
        cases = make_bench(self.tree).cases
        old, new = (self.xen(c).stack for c in (self.bench.opened.tree.base, cases[max(cases)].commit))
        tools, xen = (old, new) if name == "old-tools" else (new, old)
        place = self.root / name
        shutil.copytree(tools.root, place, symlinks=True)
        shutil.copy(xen.root / xen.hypervisor, place / tools.hypervisor)
        return self.ask(Xen(replace(tools, root=place)), "dom0", self.root / f"out-{name}")

    def bisected(self, broken: Broken) -> Outcome:
        """A breakage that comes with stage 02's first patch and stays, looked for by the matrix's own bisection."""
        opened = self.bench.opened
        rows: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {}
        for (number, _), case in sorted(self.bench.cases.items()):
            commit = case.commit if number < 2 else self.commit(broken, case)
            rows.setdefault(f"0{number}", []).append((commit, "a patch", ()))
        line = line_of(opened.tree.base, rows.items())
        boots = bench(opened.tree, machines=("qemu-tcg",), cache=opened.cache, runner=opened.runner)
        plan = make_plan(line, boots.choose, guests=(broken.guest,), every_patch=True)
        session = Session(plan, boots, Store(self.root / "bisect"), jobs=2)
        began = time.monotonic()
        found = run_bisect(distinct(line), broken.guest, session, lambda said: None)
        cell = Cell(self.tip.commit, broken.guest, "qemu-tcg")
        return Outcome(cell, Verdict.FAIL, found.text, time.monotonic() - began)

    def reference(self, guest: str) -> Outcome:
        """The unbroken cell, asked once."""
        if guest not in self.known:
            self.known[guest] = self.boot(self.tip.commit, guest)
        return self.known[guest]

    @cached_property
    def known(self) -> dict[str, Outcome]:
        """The unbroken cells that were asked."""
        return {}

    def sabotages(self) -> tuple[Sabotage, ...]:
        """All of them, none built yet."""

        def bound(broken: Broken) -> Callable[[], Outcome]:
            return lambda: self.judged(broken)

        def together(name: str) -> Callable[[], Outcome]:
            return lambda: self.mixed(name)

        hidden = next(b for b in BROKEN if b.name == "hvm-initialise")
        says = r"the first bad patch is 02/1, .*failed 3 times, 01/\d+ booted 3 times"
        found = Sabotage(BISECTED, "a bad patch in the middle", FAIL, says, lambda: self.bisected(hidden))
        refused = r"xl list, ended with 1: libxl: error: .*Permission denied"
        mixed = (Sabotage(name, what, FAIL, refused, together(name)) for name, what in MIXED.items())
        return (*(Sabotage(b.name, b.what, b.verdicts, b.says, bound(b)) for b in BROKEN), *mixed, found)
