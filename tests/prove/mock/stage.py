"""A stage that is none of the plan's: a set of features beside the guest type, and who asks them.

Its patches find their places by patterns of the C text, so that they run on any tree
from before the guest type became two-way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from xenstage.ctext.entities import entities
from xenstage.edit.edits import apply_edits
from xenstage.effect import Effect
from xenstage.index.sites import Index
from xenstage.index.sweep import Files
from xenstage.prove.case import Case, Declared
from xenstage.stage.declare import Patch
from xenstage.stage.view import View

CREATE = "xen/common/domain.c"
SCHED = "xen/include/xen/sched.h"
HVM = re.compile(r"xen/arch/x86/hvm/.*\.c\Z")
NAMES = (
    "HCALL32", "IOREQ", "HVM_CPUID", "VLAPIC", "VIOAPIC", "VPIC", "EMUIRQ", "VRTC", "VHPET",
    "VPM", "VPIT", "VPCI", "VVGA", "VIOMMU", "REALMODE", "VTSC", "VMTRR",
)  # fmt: skip
ANYBODY = ("copy_hvm",)  # of which the sample does not show who calls it
_PVH = re.compile(r"\bis_pvh_(vcpu|domain)\((\w+(?:->domain)?)\)")
_RETURN = re.compile(r"    if \( is_pvh_domain\(d\) \)\n        return;\n", re.M)


def _put(view: View, path: str, pattern: str, make: Callable[[re.Match[str]], str], count: int = 1) -> int:
    """Replace matches of a pattern in a file; how many there were."""
    text = view.read(path).decode("latin-1")
    found = list(re.finditer(pattern, text, re.M | re.S))
    for m in found[: count or len(found)]:
        view.replace(view.region(path, m.start(), m.end(), "text"), make(m), rule="mock", reason="a mock")
    return len(found)


def refuse_both(view: View) -> None:
    """The one other combination of flags ends before a domain is allocated."""
    check = """\
    if ( (domcr_flags & (DOMCRF_hvm | DOMCRF_pvh)) ==
         (DOMCRF_hvm | DOMCRF_pvh) )
        return ERR_PTR(-EINVAL);

"""
    head = r"^struct domain \*domain_create\(.*?\n\{\n(?:.*?;\n)+?\n"
    assert _put(view, CREATE, head, lambda m: m.group() + check)


def give_features(view: View) -> None:
    """A field, its bits, two sets, and one accessor for each bit."""
    bits = "".join(f"#define DOMFEAT_{n} (1U << {i})\n" for i, n in enumerate(NAMES))
    asks = "".join(f"#define has_{n.lower()}(d) (!!((d)->features & DOMFEAT_{n}))\n" for n in NAMES)
    sets = f"#define DOMFEAT_HVM ((1U << {len(NAMES)}) - 1)\n#define DOMFEAT_PVH 0\n"
    assert _put(
        view, SCHED, r"^    enum guest_type guest_type;\n", lambda m: f"{m.group()}    unsigned int features;\n"
    )
    assert _put(view, SCHED, r"^#define has_hvm_container_vcpu[^\n]*\n", lambda m: f"{m.group()}\n{bits}{sets}{asks}")
    for kind, features in (("hvm", "DOMFEAT_HVM"), ("pvh", "DOMFEAT_PVH"), ("pv", "0")):
        arm = rf"^        d->guest_type = guest_type_{kind};\n"
        more = f"        d->features = {features};\n    }}\n"
        assert _put(view, CREATE, arm, lambda m, more=more: f"    {{\n{m.group()}{more}")  # type: ignore[misc]


def ask_features(view: View) -> None:
    """Every test in the code of guests in containers asks for a feature instead."""
    count = 0
    for path in _with(view, "is_pvh_"):
        data = view.read(path) if HVM.match(path) else b""
        for e in entities(data).values():
            if e.kind != "function" or e.name in ANYBODY:
                continue
            for m in _PVH.finditer(data[e.start : e.end].decode("latin-1")):
                region = view.region(path, e.start + m.start(), e.start + m.end(), e.name)
                view.replace(region, f"!has_vlapic({_domain(m)})", rule="mock", reason="a mock")
                count += 1
    assert count


def ask_where_pv_gets(view: View) -> None:
    """Where PV guests get as well, "has it not" needs the container."""
    count = 0
    for path in ("xen/arch/x86/time.c", "xen/arch/x86/tariff.c"):
        if path in view.files.tracked:
            count += _put(
                view,
                path,
                r"\( is_pvh_domain\(d\) \)",
                lambda m: "( has_hvm_container_domain(d) && !has_vtsc(d) )",
            )
    assert count


def split_returns(view: View) -> None:
    """What stands behind an early return is asked for one by one."""
    count = 0
    for path in _with(view, "is_pvh_domain"):
        data = view.read(path)
        for e in entities(data).values() if HVM.match(path) else ():
            text = data[e.start : e.end].decode("latin-1")
            m = _RETURN.search(text) if e.kind == "function" else None
            if m is None:
                continue
            region = view.region(path, e.start + m.start(), e.end, e.name)
            view.replace(region, _gated(text[m.end() :]), rule="mock", reason="a mock")
            count += 1
    assert count


def rename(view: View) -> None:
    """The predicate gets another name, everywhere."""
    for path in _with(view, "is_pvh_domain"):
        _put(view, path, r"\bis_pvh_domain\b", lambda _: "is_boxed_domain", 0)


def _with(view: View, word: str) -> Iterator[str]:
    return iter([p for p in view.files.paths() if p.startswith("xen/") and word.encode() in view.read(p)])


def _domain(m: re.Match[str]) -> str:
    return m.group(2) if m.group(1) == "domain" else f"{m.group(2)}->domain"


def _gated(rest: str) -> str:
    """Statements up to the function's end, each under a feature of its own."""
    out: list[str] = []
    chunk: list[str] = []
    names = iter(("vrtc", "vvga", "vioapic", "vhpet", "vpm", "ioreq", "vpci"))
    for line in rest.split("\n")[:-1]:
        if not chunk and (not line.strip() or line.lstrip().startswith("/*")):
            out.append(line)
            continue
        chunk.append(line)
        alone = len(chunk) > 1 and re.match(r"        \S.*;\Z", line) and "{" not in "".join(chunk)
        if alone or re.match(r"    \}|    \S.*;\Z", line):
            inside = "\n".join(f"    {x}" if x else x for x in chunk)
            out.append(f"    if ( has_{next(names)}(d) )\n    {{\n{inside}\n    }}")
            chunk = []
    return "\n".join([*out, "}"])


PATCHES = (
    Patch(
        "xen: refuse a domain that is both",
        "",
        refuse_both,
        effects=(Effect(CREATE, "domain_create", "hvm+pvh", becomes="return ERR_PTR(-EINVAL)"),),
    ),
    Patch("xen: features of guests", "", give_features),
    Patch("x86/hvm: split the early returns", "", split_returns),
    Patch("x86/hvm: ask for features", "", ask_features),
    Patch("x86: ask for features where PV gets as well", "", ask_where_pv_gets),
    Patch("xen: rename a predicate", "", rename),
)


def series(files: Files) -> Iterator[tuple[Patch, Case]]:
    """Each patch with the trees before and after it."""
    for number, patch in enumerate(PATCHES, 1):
        view = View(files, no_index, patch.names)
        patch.rewrite(view)
        after = files.with_overlay(apply_edits(view.edits, files.read))
        changed = tuple(sorted(p for p in after.overlay if after.read(p) != files.read(p)))
        declared = Declared(effects=patch.effects)
        yield patch, Case(number, patch.subject, patch.subject + "\n", "a", "b", files, after, changed, declared)
        files = after


def no_index() -> Index:
    """For views that never ask for one."""
    raise AssertionError("the mock asks no index")


def spoilt(case: Case, path: str, old: str, new: str, *, also_before: bool = False) -> Case:
    """The case with a text of its tree afterwards, or of both its trees, replaced."""
    sides = [_with_text(case.after, path, old, new)]
    before = _with_text(case.before, path, old, new) if also_before else case.before
    paths = {*case.changed, *({path} if not also_before else ())}
    return replace(case, before=before, after=sides[0], changed=tuple(sorted(paths)))


def _with_text(files: Files, path: str, old: str, new: str) -> Files:
    text = files.read(path).decode("latin-1")
    out, n = re.subn(old, new, text, count=1, flags=re.M | re.S)
    assert n and out != text, f"{path} has no {old}"
    return files.with_overlay({path: out.encode("latin-1")})
