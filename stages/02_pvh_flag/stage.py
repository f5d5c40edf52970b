"""Stage 02: PVH-ness becomes a flag on an HVM guest (``enum guest_type``, ``struct domain``).

The flag lives in struct domain, not in arch.hvm_domain: that is one half of a union
with pv_domain, and the predicates are asked of PV, idle, dummy and half-created
domains.  struct domain starts as zeroes, so all of these answer "no".
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from xenstage.ctext.lexer import Kind, Token, code_tokens, matching, tokenize
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


def ask_predicates(view: View) -> None:
    """``switch ( d->guest_type )`` becomes a chain of the predicates."""
    done: set[tuple[str, int]] = set()
    places: list[str] = []
    for site in view.sites(*PREDICATE):
        if not _is_case(view, site):
            continue
        switch = _switch_around(view, site)
        if (switch.path, switch.start) not in done:
            done.add((switch.path, switch.start))
            _convert(view, switch)
            places.append(switch.path)
    _leave(view, "the type's definition, its predicates, or the assignment at creation")
    view.fact("switches", " and ".join(sorted(set(places))) or "none")


def _leave(view: View, reason: str) -> None:
    """Put down that known uses stay; any other use is left open, and the series stops."""
    create = view.definition("domain_create", "FUNCTION_DECL")
    assigned = view.matches("$d:word->guest_type = $v:word;", create)
    for site in view.sites("guest_type", *PREDICATE):
        if any(e.path == site.path and e.offset <= site.offset < e.end for e in view.edits):
            continue
        predicate = site.kind == "macro body" and site.scope in (*PREDICATE.values(), "has_hvm_container_domain")
        declared = site.kind == "code" and site.scope in ("guest_type", "domain") and "guest_type" in site.name
        created = site.path == create.path and any(m.start <= site.offset < m.end for m in assigned)
        offset = site.name == "guest_type" and _unused_offset(view, site)
        if predicate or declared or created or offset:
            view.stay(site, reason)
        elif site.name == "guest_type" and not site.path.startswith("xen/"):
            view.stay(site, "another thing of that name: only the hypervisor has enum guest_type")


def _unused_offset(view: View, site: Site) -> bool:
    """An offset for assembly that no assembly asks for: it would compare with the old values."""
    if not {"OFFSET", "offsetof"} & set(site.holders):
        return False
    data = view.read(site.path)
    before = data[data.rfind(b"\n", 0, site.offset) + 1 : site.offset].decode("latin-1")
    m = re.search(r"OFFSET\s*\(\s*(\w+)\s*,", before)
    return m is not None and all(h.path.endswith("/asm-offsets.c") for h in view.uses(m.group(1)))


def _is_case(view: View, site: Site) -> bool:
    return view.read(site.path)[: site.offset].rstrip().endswith(b"case")


def _switch_around(view: View, site: Site) -> Region:
    """The switch statement in which a case label stands.

    :raises XenstageError: (SITE) when it is not a switch on a domain's guest_type.
    """
    data = view.read(site.path)
    code = code_tokens(tokenize(data))
    for i, t in enumerate(code):
        if t.text != "switch" or t.start > site.offset:
            continue
        close = matching(code, i + 1)
        if code[close + 1].text != "{":
            continue
        end = matching(code, close + 1)
        inside = [x.text for x in code[i + 2 : close]]
        if code[end].end > site.offset and inside[-2:] == ["->", "guest_type"]:
            return view.region(site.path, t.start, code[end].end, f"switch in {site.scope}")
    raise view.unknown(
        f"{site.name} is a case label of a switch that is not on a domain's guest_type",
        f"{site.path}:{site.line} in {site.scope}",
    )


def _convert(view: View, switch: Region) -> None:
    raw = tokenize(switch.text.encode("latin-1"))
    if any(t.kind in (Kind.DIRECTIVE, Kind.COMMENT) for t in raw):
        raise view.unknown("a switch on guest_type holds directives or comments", _where(view, switch))
    code = code_tokens(raw)
    close = matching(code, 1)
    obj = switch.text[code[2].start : code[close - 2].start].rstrip()
    arms = _arms(view, switch, code[close + 2 : -1])
    pad = view.indent(switch.path, switch.start)
    chain: list[str] = []
    for label, body in arms:
        if label == "default":
            if body:
                raise view.unknown("a switch on guest_type has a default that does something", _where(view, switch))
            continue
        many = body.count(";") != 1 or "{" in body
        text = f"\n{pad}{{\n{pad}    {body}\n{pad}}}" if many else f"\n{pad}    {body}"
        chain.append(f"if ( {PREDICATE[label]}({obj}) ){text}")
    view.replace(
        switch,
        f"\n{pad}else ".join(chain),
        rule="ask the predicates",
        reason="the same case by the predicate of its type; the types exclude each other",
    )


def _where(view: View, region: Region) -> str:
    return f"{region.path}:{view.line(region.path, region.start)}"


def _arms(view: View, switch: Region, code: list[Token]) -> list[tuple[str, str]]:
    """(label, statements without the last break) of a switch, in order."""
    out: list[tuple[str, str]] = []
    i = 0
    while i < len(code):
        width = {"case": 3, "default": 2}.get(code[i].text, 0)
        if not width or code[i + width - 1].text != ":":
            raise view.unknown("a switch on guest_type has a label that is not known", _where(view, switch))
        label = code[i + 1].text if width == 3 else "default"
        if width == 3 and label not in PREDICATE:
            raise view.unknown(f"a switch on guest_type has a case {label}", _where(view, switch))
        start = i + width
        stop = start
        while stop < len(code) and code[stop].text not in ("break", "case", "default"):
            stop = matching(code, stop) + 1 if code[stop].text in ("(", "{", "[") else stop + 1
        if code[stop : stop + 1] and code[stop].text == "break" and code[stop - 1].text not in (";", "}", ":"):
            raise view.unknown(f"{label} leaves a switch on guest_type in the middle", _where(view, switch))
        if stop + 1 >= len(code) or code[stop].text != "break":
            raise view.unknown(f"{label} falls through in a switch on guest_type", _where(view, switch))
        body = switch.text[code[start].start : code[stop - 1].end] if stop > start else ""
        if re.search(r"\b(break|goto|continue)\b", body):
            raise view.unknown(f"{label} leaves a switch on guest_type in the middle", _where(view, switch))
        out.append((label, body))
        i = stop + 2
    return out


def make_flag(view: View) -> None:
    """The third value goes; a flag beside the type takes its place."""
    enum = view.definition("guest_type", "ENUM_DECL")
    values = view.one("{ $values }", enum)
    if [v.strip() for v in view.hole(enum, values, "values").split(",")] != list(PREDICATE):
        raise view.unknown("enum guest_type holds other values than the stage knows", enum.text)
    names = [t for t in code_tokens(tokenize(enum.text.encode("latin-1"))) if t.text in PREDICATE]
    pvh = view.region(enum.path, enum.start + names[1].start, enum.start + names[2].start, "enumerator")
    rule = "two guest types and a flag"
    view.replace(pvh, "", rule=rule, reason="PV keeps the value 0, which a fresh domain has")
    _comment(view, enum)
    struct = view.definition("domain", "STRUCT_DECL")
    field = view.one("enum guest_type guest_type;", struct)
    at = view.region(struct.path, field.end, field.end, "place after guest_type")
    view.replace(at, FIELD, rule=rule, reason="valid for every domain: struct domain starts as zeroes")
    test = view.definition("is_pvh_domain", "MACRO_DEFINITION")
    m = view.one("((d)->guest_type == guest_type_pvh)", test)
    view.replace_match(test, m, "((d)->is_pvh)", rule=rule, reason="the flag is set for PVH guests only")
    hvm = view.definition("is_hvm_domain", "MACRO_DEFINITION")
    view.one("((d)->guest_type == guest_type_hvm)", hvm)
    view.replace(hvm, IS_HVM, rule=rule, reason="still false for PVH; a function, so that d is evaluated once")
    _creation(view)
    _documentation(view)
    _leave(view, "true of PV and of HVM containers as before")


def _comment(view: View, enum: Region) -> None:
    """What the comment before the enum says of PVH stops being true."""
    old = view.comment_before(enum)
    if old is None:
        at = view.region(enum.path, enum.start, enum.start, "place before enum guest_type")
        view.replace(at, COMMENT + "\n", rule="correct the comment", reason="says what the types mean now")
    elif "PVH" in old.text:
        view.replace(old, COMMENT, rule="correct the comment", reason="PVH is no type of its own any more")
    else:
        raise view.unknown("the comment before enum guest_type says something else", f"{_where(view, old)}\n{old.text}")


def _creation(view: View) -> None:
    f = view.definition("domain_create", "FUNCTION_DECL")
    m = view.one("else if ( $flags & DOMCRF_pvh ) $d->guest_type = guest_type_pvh;", f)
    d = view.hole(f, m, "d")
    old = view.one(f"{d}->guest_type = guest_type_pvh;", f)
    pad = view.indent(f.path, m.start)
    data = view.read(f.path)
    start = data.rfind(b"\n", 0, old.start) + 1
    block = f"{pad}{{\n{pad}    {d}->guest_type = guest_type_hvm;\n{pad}    {d}->is_pvh = 1;\n{pad}}}"
    whole = view.region(f.path, start, old.end, "assignment of the guest type")
    view.replace(whole, block, rule="two guest types and a flag", reason="set together, before any reader")


# What documentation says of PVH as a type, and what is true now.
_CLAIMS = (
    (
        r"PVH\s*:\s*an\s+x86\s+PV\s+guest\s+running\s+in\s+an\s+HVM\s+container\.",
        "PVH : an x86 guest with PV interfaces running in an HVM container.  To Xen it\nis an HVM guest with a flag.",
    ),
    (
        r"PVH\s+is\s+a\s+guest\s+type\s+of\s+its\s+own,\s+next\s+to\s+PV\s+and\s+HVM\.\s+"
        r"A\s+domain\s+has\s+exactly\s+one\s+of\s+the\s+three\s+types",
        "PVH is a flag of HVM guests.  A domain has exactly one of the two types\nPV and HVM, and PVH or not",
    ),
)


def _documentation(view: View) -> None:
    for claim, now in _CLAIMS:
        for found in view.prose(claim):
            why = "to Xen it is an HVM guest with a flag now"
            view.replace(found, now, rule="correct the documentation", reason=why)
    paths = sorted({e.path for e in view.edits if e.rule == "correct the documentation"})
    view.fact("documentation", f"Correct what calls it a type: {', '.join(paths)}." if paths else "")


def check(before: View, after: View) -> dict[str, Any]:
    """The stage's promise: no line that tests a guest's type is lost or changed.

    :raises XenstageError: (SITE) naming the first lines that are.
    """
    old, new = _test_lines(before), _test_lines(after)
    lost = old - new
    if lost:
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
    lines: set[tuple[str, int]] = set()
    out: Counter[tuple[str, str]] = Counter()
    for hit in view.uses(*KEEPS):
        data = view.read(hit.path)
        start = data.rfind(b"\n", 0, hit.offset) + 1
        end = data.find(b"\n", hit.offset)
        text = data[start : end if end >= 0 else len(data)].decode("utf-8", "surrogateescape")
        own = re.match(rf"\s*(#\s*define|static inline bool_t)\s+({'|'.join(KEEPS)})\(", text)
        if own is None and (hit.path, start) not in lines:
            lines.add((hit.path, start))
            out[(hit.path, text)] += 1
    return out


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
