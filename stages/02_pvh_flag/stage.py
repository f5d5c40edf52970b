"""Stage 02: PVH-ness becomes a flag on an HVM guest (``enum guest_type``, ``struct domain``).

The flag lives in struct domain, not in arch.hvm_domain: that is one half of a union
with pv_domain, and the predicates are asked of PV, idle, dummy and half-created
domains.  struct domain starts as zeroes, so all of these answer "no".
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from xenstage.errors import Exit, XenstageError
from xenstage.index.sites import Site
from xenstage.stage.declare import Patch, Stage
from xenstage.stage.view import Region, View

PREDICATE = {
    "guest_type_pv": "is_pv_domain",
    "guest_type_pvh": "is_pvh_domain",
    "guest_type_hvm": "is_hvm_domain",
}
KEEPS = (
    "is_pv_domain", "is_pv_vcpu", "is_pvh_domain", "is_pvh_vcpu", "is_hvm_domain", "is_hvm_vcpu",
    "has_hvm_container_domain", "has_hvm_container_vcpu",
)  # fmt: skip

COMMENT = """\
/*
 * A guest is PV, or it runs in an HVM container.  PVH guests are among the
 * latter and have is_pvh set in struct domain: is_hvm_* checks will be false
 * for them, but has_hvm_container_* checks will be true.
 */"""

FIELD = """
/* Is this HVM guest a PVH one?  Set together with guest_type. */
bool_t           is_pvh;"""

IS_HVM = """\

static inline bool_t is_hvm_domain(const struct domain *d)
{
    return d->guest_type == guest_type_hvm && !d->is_pvh;
}
"""

# What documentation says of PVH as a type, and what is true now.
CLAIMS = {
    r"PVH\s*:\s*an\s+x86\s+PV\s+guest\s+running\s+in\s+an\s+HVM\s+container\.": (
        "PVH : an x86 guest with PV interfaces running in an HVM container.  To Xen it\nis an HVM guest with a flag."
    ),
    r"PVH\s+is\s+a\s+guest\s+type\s+of\s+its\s+own,\s+next\s+to\s+PV\s+and\s+HVM\.\s+"
    r"A\s+domain\s+has\s+exactly\s+one\s+of\s+the\s+three\s+types": (
        "PVH is a flag of HVM guests.  A domain has exactly one of the two types\nPV and HVM, and PVH or not"
    ),
}


def ask_predicates(view: View) -> None:
    """``switch ( d->guest_type )`` becomes a chain of the predicates."""
    places: list[str] = []
    asked = {value: f"{predicate}($d)" for value, predicate in PREDICATE.items()}
    for site in view.sites(*PREDICATE):
        if site.role[-1:] == ("case label",) and not view.touched(site.path, site.offset):
            reason = "the same case by the predicate of its type; the types exclude each other"
            view.ask_by_turns(site, "$d->guest_type", asked, rule="ask the predicates", reason=reason)
            places.append(site.path)
    _leave(view, "the type's definition, its predicates, or the assignment at creation")
    view.fact("switches", " and ".join(sorted(set(places))) or "none")


def _leave(view: View, reason: str) -> None:
    """Put down that known uses stay; any other use is left open, and the series stops."""
    create = view.function("domain_create")
    assigned = view.matches("$d:word->guest_type = $v:word;", create)

    def known(site: Site) -> bool:
        predicate = site.kind == "macro body" and site.scope in (*PREDICATE.values(), "has_hvm_container_domain")
        declared = site.kind == "code" and site.scope in ("guest_type", "domain") and "guest_type" in site.name
        created = site.path == create.path and any(m.start <= site.offset < m.end for m in assigned)
        return predicate or declared or created or (site.name == "guest_type" and _unused_offset(view, site))

    view.stay_rest(reason, where=known)
    other = "another thing of that name: only the hypervisor has enum guest_type"
    view.stay_rest(other, "guest_type", where=lambda site: not site.path.startswith("xen/"))


def _unused_offset(view: View, site: Site) -> bool:
    """An offset for assembly that no assembly asks for: it would compare with the old values."""
    if not {"OFFSET", "offsetof"} & set(site.holders):
        return False
    before = view.read(site.path)[view.line_start(site.path, site.offset) : site.offset].decode("latin-1")
    m = re.search(r"OFFSET\s*\(\s*(\w+)\s*,", before)
    return m is not None and all(h.path.endswith("/asm-offsets.c") for h in view.uses(m.group(1)))


def make_flag(view: View) -> None:
    """The third value goes; a flag beside the type takes its place."""
    enum, rule = view.enum("guest_type"), "two guest types and a flag"
    if [part.text for part in view.parts(enum)] != list(PREDICATE):
        raise view.unknown("enum guest_type holds other values than the stage knows", enum.text)
    pvh = view.enumerator(enum, "guest_type_pvh")
    view.delete_enumerator(pvh, rule=rule, reason="PV keeps the value 0, which a fresh domain has")
    _comment(view, enum)
    field = view.field(view.struct("domain"), "guest_type")
    view.insert_after(field, FIELD, rule=rule, reason="valid for every domain: struct domain starts as zeroes")
    test, old = view.macro("is_pvh_domain"), "((d)->guest_type == guest_type_pvh)"
    view.rewrite(test, old, "((d)->is_pvh)", rule=rule, reason="the flag is set for PVH guests only")
    hvm = view.macro("is_hvm_domain")
    view.one("((d)->guest_type == guest_type_hvm)", hvm)
    view.replace(hvm, IS_HVM, rule=rule, reason="still false for PVH; a function, so that d is evaluated once")
    create, flag = view.function("domain_create"), "else if ( $flags & DOMCRF_pvh )"
    set_ = "$d->guest_type = guest_type_pvh;"
    block = f"{flag}\n{{\n    $d->guest_type = guest_type_hvm;\n    $d->is_pvh = 1;\n}}"
    view.rewrite(create, f"{flag} {set_}", block, rule=rule, reason="set together, before any reader")
    for claim, now in CLAIMS.items():
        for found in view.prose(claim):
            why = "to Xen it is an HVM guest with a flag now"
            view.replace(found, now, rule="correct the documentation", reason=why)
    paths = sorted({e.path for e in view.edits if e.rule == "correct the documentation"})
    view.fact("documentation", f"Correct what calls it a type: {', '.join(paths)}." if paths else "")
    _leave(view, "true of PV and of HVM containers as before")


def _comment(view: View, enum: Region) -> None:
    """What the comment before the enum says of PVH stops being true."""
    old, rule = view.comment_before(enum), "correct the comment"
    if old is None:
        view.insert_before(enum, COMMENT, rule=rule, reason="says what the types mean now")
    elif "PVH" in old.text:
        view.replace(old, COMMENT, rule=rule, reason="PVH is no type of its own any more")
    else:
        raise view.unknown("the comment before enum guest_type says something else", f"{view.where(old)}\n{old.text}")


def check(before: View, after: View) -> dict[str, Any]:
    """The stage's promise: no line that tests a guest's type is lost or changed.

    :raises XenstageError: (SITE) naming the first lines that are.
    """
    old, new = _test_lines(before), _test_lines(after)
    if lost := old - new:
        raise XenstageError(
            Exit.SITE,
            f"{lost.total()} lines with tests would change",
            why="\n".join(f"{path}: {line}" for path, line in sorted(lost)[:12]),
            remedy="the stage promises that none does; no series was written",
        )
    more = sorted(f"{path}: {line}" for path, line in new - old)
    return {"tests": old.total(), "new": more, "facts": {"tests": old.total()}}


def _test_lines(view: View) -> Counter[tuple[str, str]]:
    """Lines that use a predicate outside the predicates' own definitions, as they are written."""
    own = re.compile(rf"\s*(#\s*define|static inline bool_t)\s+({'|'.join(KEEPS)})\(")
    lines = {(h.path, view.line_start(h.path, h.offset)) for h in view.uses(*KEEPS)}
    texts = [(p, view.read(p)[at : view.line_end(p, at)].decode("utf-8", "surrogateescape")) for p, at in lines]
    return Counter((path, text) for path, text in texts if not own.match(text))


STAGE = Stage(
    number=2,
    name="pvh_flag",
    title="xen: make PVH a flag of HVM guests",
    cover="""
    This is the second step of the plan "PVH cleanups after 4.5". The three-way guest type becomes a
    two-way one, PV or HVM, and PVH-ness a flag of HVM guests.

    Every test of is_pvh_*, is_hvm_*, has_hvm_container_* and is_pv_* stays as it is, byte for byte: the
    predicates give the same answers for every domain. Only what looked at the type itself changes: two
    switches, the definitions, and the creation of a domain.
    """,
    keeps=KEEPS,
    check=check,
    patches=(
        Patch(
            subject="xen/common: ask predicates instead of switching on guest_type",
            body="""
            Two places switch on a domain's guest type ({switches}). They would have to change with the
            type's values; the predicates will not. Ask these.

            The cases become a chain of is_pv_domain(), is_pvh_domain() and is_hvm_domain(), which exclude
            each other, with their statements as they were.
            """,
            rewrite=ask_predicates,
            names=("guest_type", *PREDICATE),
            defines=("domain_create",),
        ),
        Patch(
            subject="xen: make PVH a flag of HVM guests",
            body="""
            PVH is to become an HVM guest with features disabled. As a first step, let the guest type say
            only whether a guest runs in an HVM container, and mark PVH guests by a flag.

            The flag is in struct domain, not in struct hvm_domain: the latter shares its place with struct
            pv_domain, and the predicates are asked of PV, idle and dummy domains as well, and of domains
            whose creation is under way. struct domain starts as zeroes, PV keeps the value 0, and the flag
            is set together with the type, where nothing has asked yet.

            is_hvm_domain() must look at both now. Make it an inline function, so that its argument is still
            evaluated once. The {tests} lines that test a guest's type stay as they are, byte for byte.

            {documentation}
            """,
            rewrite=make_flag,
            names=("guest_type", *PREDICATE),
            defines=(
                "enum guest_type",
                "struct domain",
                "#define is_pvh_domain",
                "#define is_hvm_domain",
                "domain_create",
            ),
            removes=("guest_type_pvh",),
            introduces=("is_pvh",),
        ),
    ),
)
