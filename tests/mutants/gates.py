"""Mutants of stage 04: feature tests that ask for something else than what they guard, or not as before."""

from __future__ import annotations

from typing import Any

from .features import gate
from .operators import CODE, Mutant, replace

LAST = -1  # the last patch of its stage: all gates are in its tree
ANOTHER = "a test names another feature"


def _gate(title: str, kind: str, caught_by: str, new: str, **where: Any) -> Mutant:
    return Mutant(f"gate-{title}", kind, 4, LAST, caught_by, gate(new, **where))


GATES = (
    # Truth tables cannot tell these apart: both sets answer the same.
    *(_gate(f"neighbour-{n}", ANOTHER, "gates", "{sign}{neighbour}", nth=n) for n in range(8)),
    *(
        _gate(f"{of}-for-{name}", ANOTHER, "gates", f"{{sign}}has_{of}({{argument}})", name=f"has_{name}")
        for name, of in (
            ("vioapic", "vpic"), ("vpic", "vlapic"), ("vlapic", "vioapic"), ("vrtc", "vhpet"), ("vhpet", "vpm"),
            ("vvga", "vpci"), ("vpci", "ioreq"), ("ioreq", "vvga"), ("hcall32", "realmode"), ("realmode", "hcall32"),
            ("hvm_cpuid", "vmtrr"), ("vtsc", "vrtc"),
        )
    ),
    _gate("teardown-of-another", "a gate unbalanced", "gates", "{sign}{neighbour}", within=r"^void \w+_destroy"),
    _gate("init-of-another", "a gate unbalanced", "gates", "{sign}{neighbour}", within=r"\w_init\(d"),
    *(_gate(f"flipped-{n}", "polarity", "predicates", "{other}{ask}", nth=n) for n in range(4)),
    _gate("dropped", "a gate dropped", "predicates", "1"),
    _gate("never", "a gate dropped", "predicates", "0"),
    _gate("teardown-dropped", "a gate unbalanced", "predicates", "1", within=r"^void \w+_destroy"),
    _gate("of-the-current-guest", "current for d", "predicates", "{sign}has_vrtc(current->domain)", name="has_vrtc"),
    Mutant(
        "gate-without-container", "container conjunct dropped", 4, LAST, "predicates",
        replace(r"has_hvm_container_domain\(\w+\) && !has_", "!has_", where=CODE),
    ),
    Mutant(
        "gate-pvh-and-nothing", "pvh && X to X", 4, LAST, "predicates",
        replace(r"has_hvm_container_domain\((\w+)\) && !has_\w+\(\1\)", r"has_hvm_container_domain(\1)", where=CODE),
    ),
)  # fmt: skip
