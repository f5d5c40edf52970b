"""Mutants of stage 03 and of who asks its flags: the two sets, the accessors, and gates.

Flags are known by their shape: an accessor is a macro of one argument that masks a field
of it with one name, a bit is such a name.  So the operators find their places in whatever
the flags are called, on any tree; ``gate`` spoils the questions of patches that ask them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from xenstage.index.sweep import Files

from .conditions import CREATE, SCHED
from .heads import claim, fields
from .operators import CODE, Apply, Changed, Mutant, beside, in_file, move, places, replace
from .preprocessor import FIRST

FIELD = "features"
_ACCESSOR = re.compile(
    rb"(?m)^#define (?P<name>\w+)\((?P<of>\w+)\)\s+(?P<body>\(!!\(\((?P=of)\)->%s & (?P<bit>\w+)\)\))$" % FIELD.encode()
)
HVM, PVH = "DOMFEAT_HVM", "DOMFEAT_PVH"
SET = rf"(\w+)->{FIELD} = "


@dataclass(frozen=True)
class Asked:
    """An accessor: its name, the bit that it asks, and where it stands and its body does in the header."""

    name: str
    bit: str
    start: int
    body: tuple[int, int]


def accessors(files: Files) -> list[Asked]:
    """Every accessor of one bit in the header, in order.

    :raises LookupError: there are less than two.
    """
    data = files.read(SCHED)
    found = [
        Asked(m["name"].decode(), m["bit"].decode(), m.start(), m.span("body"))
        for m in _ACCESSOR.finditer(data)
        if re.search(rb"(?m)^#define %s +\(1U << +\d+\)" % m["bit"], data)
    ]
    if len(found) < 2:
        raise LookupError(f"{SCHED} has no accessors of {FIELD}")
    return found


def _of(found: list[Asked], nth: int) -> tuple[Asked, Asked]:
    """The nth accessor and the one after it, from the end for a negative number."""
    at = nth % len(found)
    return found[at], found[(at + 1) % len(found)]


def accessor(body: str, nth: int = 0) -> Apply:
    """Another body for the nth accessor.  In it ``{bit}`` is its bit, ``{neighbour}`` the next one's."""

    def apply(files: Files) -> Changed:
        mine, other = _of(accessors(files), nth)
        data = files.read(SCHED)
        text = body.format(bit=mine.bit, neighbour=other.bit, name=mine.name)
        return {SCHED: data[: mine.body[0]] + text.encode() + data[mine.body[1] :]}

    return apply


def exchanged(nth: int) -> Apply:
    """Two accessors that ask for each other's bits."""

    def apply(files: Files) -> Changed:
        mine, other = sorted(_of(accessors(files), nth), key=lambda a: a.start)
        data = files.read(SCHED)
        first, between, second = data[slice(*mine.body)], data[mine.body[1] : other.body[0]], data[slice(*other.body)]
        return {SCHED: data[: mine.body[0]] + second + between + first + data[other.body[1] :]}

    return apply


def bit(value: str, nth: int = 0) -> Apply:
    """Another value for the nth accessor's bit.  ``{neighbour}`` is the name of the next one's."""

    def apply(files: Files) -> Changed:
        mine, other = _of(accessors(files), nth)
        text = value.format(neighbour=other.bit).replace("\\", r"\\")
        return in_file(SCHED, rf"(?m)^(#define {mine.bit} +)\([^()\n]*\)", rf"\g<1>{text}")(files)

    return apply


def given(name: str, value: str, nth: int = 0) -> Apply:
    """Where a domain is created, another value for those who get the set ``name``.

    ``{set}`` is that set, ``{bit}`` the nth accessor's bit.
    """

    def apply(files: Files) -> Changed:
        mine, _ = _of(accessors(files), nth)
        new = value.format(set=name, bit=mine.bit)
        return replace(rf"{SET}{name};", rf"\1->{FIELD} = {new};", where=CREATE, word=FIELD)(files)

    return apply


def without(nth: int) -> Apply:
    """The nth accessor's bit dropped from the set of HVM guests, where the set is defined."""

    def apply(files: Files) -> Changed:
        mine, _ = _of(accessors(files), nth)
        first = rf"\(\s*{mine.bit} \|\s+(?:\\\n\s+)?"
        other = rf" \|\s+(?:\\\n\s+)?{mine.bit}\b"
        before = rf"(#define {HVM}(?:[^\n]*\\\n)*?[^\n]*?)"
        try:
            return in_file(SCHED, rf"{before}{first}", r"\1(")(files)
        except LookupError:
            return in_file(SCHED, rf"{before}{other}", r"\1")(files)

    return apply


def defined(name: str, value: str, nth: int = 0) -> Apply:
    """Another definition of a set that is one number.  ``{bit}`` is the nth accessor's bit."""

    def apply(files: Files) -> Changed:
        mine, _ = _of(accessors(files), nth)
        return in_file(SCHED, rf"(#define {name})[ \t]+[^\s\\]+\n", rf"\1 {value.format(bit=mine.bit)}\n")(files)

    return apply


def once_more(text: str, after: str) -> Apply:
    """A statement more where a domain is created, behind the first match of a pattern.

    ``{flags}`` is the parameter with the creation flags, ``{d}`` the domain, ``{bit}`` a bit.
    """

    def apply(files: Files) -> Changed:
        for place in places(files, CREATE, FIELD):
            m = re.search(SET.encode(), place.text)
            flags = re.search(rb"\b(\w*flags)\b", place.text)
            at = re.search(after.encode(), place.text, re.S)
            if m and flags and at:
                names = {"d": m.group(1).decode(), "flags": flags.group(1).decode(), "bit": accessors(files)[-1].bit}
                added = "\n    " + text.format(**names)
                return place.with_text(place.text[: at.end()] + added.encode() + place.text[at.end() :])
        raise LookupError("no function creates a domain")

    return apply


def gate(new: str, *, name: str = r"has_\w+", where: str = CODE, within: str = "", nth: int = 0) -> Apply:
    """Replace the nth question for a flag in the code by another text.

    :param new: ``{ask}`` is the question without its sign, ``{sign}`` "" or "!", ``{other}`` the
        other one, ``{neighbour}`` the same question for the next flag, ``{argument}`` the domain.
    :param name: a pattern for the accessor; only what the header has as one counts.
    :param within: a pattern that the function's text must match as well.
    """

    def apply(files: Files) -> Changed:
        found = accessors(files)
        following = {a.name: _of(found, i)[1].name for i, a in enumerate(found)}
        left = nth
        for place in places(files, where, FIELD if not name else ""):
            if within and not re.search(within.encode(), place.text, re.S):
                continue
            for m in re.finditer(rb"(!?)\b(%s)\(([^()]*)\)" % name.encode(), place.text):
                asked = m.group(2).decode()
                if asked not in following:
                    continue
                if left:
                    left -= 1
                    continue
                sign, argument = m.group(1).decode(), m.group(3).decode()
                text = new.format(
                    ask=f"{asked}({argument})", sign=sign, other="" if sign else "!", argument=argument,
                    neighbour=f"{following[asked]}({argument})",
                )  # fmt: skip
                return place.with_text(place.text[: m.start()] + text.encode() + place.text[m.end() :])
        raise LookupError(f"no function asks {name}")

    return apply


def refusal(name: str, kind: str, apply: Apply) -> Mutant:
    """A mistake in the patch that refuses what cannot be."""
    return Mutant(name, kind, 3, 1, "predicates", apply)


def flags(name: str, kind: str, apply: Apply, caught_by: str = "predicates") -> Mutant:
    """A mistake in the patch that gives the flags."""
    return Mutant(name, kind, 3, 2, caught_by, apply)


BOTH = r"(\w+) & DOMCRF_hvm\) && \(\1 & DOMCRF_pvh"
ANSWER = r"\n[ ]*if \( \(\w+ & DOMCRF_hvm\) && \(\w+ & DOMCRF_pvh\) \)\n[ ]*\{[^{}]*\}\n"
INSIDE = "DOMCRF_pvh"  # a word of the function that creates
REFUSALS = (
    refusal("refusal-lost", "third combination", replace(r"return ERR_PTR\(-EINVAL\);", ";", where=CREATE,
            word=INSIDE, within=BOTH)),
    refusal("refusal-whole-lost", "third combination", replace(ANSWER, "", where=CREATE, word=INSIDE)),
    refusal("refusal-errno", "errno changed", replace(r"(return ERR_PTR\()-EINVAL", r"\1-EPERM", where=CREATE,
            word=INSIDE, within=BOTH)),
    refusal("refusal-null", "errno changed", replace(r"return ERR_PTR\(-EINVAL\);", "return NULL;", where=CREATE,
            word=INSIDE, within=BOTH)),
    refusal("refusal-silent", "refused otherwise", replace(r"\n[ ]*printk\([^;]*;", "", where=CREATE, word=INSIDE,
            within=BOTH)),
    refusal("refusal-of-one", "refused otherwise", replace(BOTH, r"\1 & DOMCRF_hvm) || (\1 & DOMCRF_pvh",
            where=CREATE, word=INSIDE)),
    refusal("refusal-of-hap", "third combination", replace(BOTH, r"\1 & DOMCRF_hvm) && (\1 & DOMCRF_hap",
            where=CREATE, word=INSIDE)),
    refusal("refusal-flipped", "polarity", replace(BOTH, r"\1 & DOMCRF_hvm) && !(\1 & DOMCRF_pvh", where=CREATE,
            word=INSIDE)),
    refusal("refusal-late", "refused otherwise", move(ANSWER, r"return ERR_PTR\(-ENOMEM\);\n", where=CREATE,
            word=INSIDE)),
    refusal("refusal-for-others", "refused otherwise", replace(rf"if \( \({BOTH}\) \)",
            r"if ( (\1 & DOMCRF_pvh) )", where=CREATE, word=INSIDE)),
)  # fmt: skip

LATE = r"arch_domain_create\([^;]*;"
SETS = (
    flags("hvm-lacks-first", "HVM lacks a feature", without(0)),
    flags("hvm-lacks-one", "HVM lacks a feature", without(6)),
    flags("hvm-lacks-last", "HVM lacks a feature", without(-1)),
    flags("hvm-lacks-at-creation", "HVM lacks a feature", given(HVM, "{set} & ~{bit}", 3)),
    flags("hvm-lacks-all", "HVM lacks a feature", replace(rf"\n\s*{SET}{HVM};", "", where=CREATE, word=FIELD)),
    flags("pvh-given-first", "PVH has a feature", defined(PVH, "{bit}")),
    flags("pvh-given-one", "PVH has a feature", defined(PVH, "(0U | {bit})", 3)),
    flags("pvh-given-last", "PVH has a feature", given(PVH, "{set} | {bit}", -1)),
    flags("pvh-given-all", "PVH has a feature", given(PVH, HVM)),
    flags("sets-exchanged", "PVH has a feature", replace(
        rf"{SET}{HVM};(.*?){SET}{PVH};", rf"\1->{FIELD} = {PVH};\2\3->{FIELD} = {HVM};", where=CREATE, word=FIELD)),
    flags("pv-given-all", "flag set too widely", replace(
        r"(else\s+(?:/\*[^*]*\*/\s+)?)(\w+)(->guest_type = guest_type_pv)", rf"\1\2->{FIELD} = {HVM}, \2\3",
        where=CREATE, word=FIELD)),
    flags("pv-given-one", "flag set too widely", once_more(
        "if ( !({flags} & (DOMCRF_hvm | DOMCRF_pvh)) )\n        {d}->features = {bit};",
        r"guest_type = guest_type_pv;")),
    flags("third-by-a-flag", "third combination", given(
        HVM, "(domcr_flags & DOMCRF_hap) ? {set} : ({set} & ~{bit})", -7)),
    flags("third-by-another-flag", "third combination", once_more(
        "if ( {flags} & DOMCRF_oos_off )\n        {d}->features &= ~{bit};", r"guest_type = guest_type_pv;")),
    flags("third-by-number", "third combination", given(HVM, "domid ? {set} : ({set} & ~{bit})", -7)),
    flags("third-by-variable", "third combination", given(PVH, "hardware_domain ? {set} : {bit}")),
    flags("third-by-a-call", "third combination", given(HVM, "{set} & mask_of({bit})")),
    flags("third-later", "third combination", once_more("{d}->features ^= {bit};", LATE)),
    flags("third-later-for-some", "third combination", once_more(
        "if ( {d}->max_pages )\n        {d}->features &= ~{bit};", LATE)),
)  # fmt: skip

ORDER = (
    flags("hvm-set-late", "flag set before it is read", move(rf"\n\s*{SET}{HVM};", LATE, where=CREATE, word=FIELD)),
    flags("pvh-set-late", "flag set before it is read", move(rf"\n\s*{SET}{PVH};", LATE, where=CREATE, word=FIELD)),
    flags("both-set-late", "flag set before it is read", replace(
        rf"\n\s*{SET}{HVM};(.*?)\n\s*{SET}{PVH};(.*?{LATE})",
        rf"\2\4\n    \1->{FIELD} = is_pvh_domain(\1) || !is_hvm_domain(\1) ? {PVH} : {HVM};",
        where=CREATE, word=FIELD)),
)  # fmt: skip

EVENTS = "xen/common/event_channel.c"


def writer(name: str, body: str, path: str = EVENTS, head: str = "void grow(struct domain *d)") -> Mutant:
    """A function that writes the flags as well."""
    text = f"\n{head}\n{{\n    {body}\n}}\n" if body else f"\n{head}\n"
    return flags(name, "second writer", beside(path, text))


WRITERS = (
    writer("writer-or", f"d->{FIELD} |= 1;"),
    writer("writer-and", f"d->{FIELD} &= ~1U;"),
    writer("writer-same", f"d->{FIELD} = DOMFEAT_HVM;"),
    writer("writer-counts", f"d->{FIELD}++;"),
    writer("writer-of-vcpu", f"v->domain->{FIELD} = 0;", head="void grow(struct vcpu *v)"),
    writer("writer-by-dot", f"(*d).{FIELD} = 1;"),
    writer("writer-by-pointer", f"unsigned int *p = &d->{FIELD};\n\n    *p = 1;"),
    writer("writer-by-call", f"set_bit(3, &d->{FIELD});"),
    writer("writer-by-memory", f"memset(&d->{FIELD}, 255, sizeof(d->{FIELD}));"),
    writer("writer-by-copy", f"copy_from_guest(&d->{FIELD}, arg, 1);"),
    writer("writer-in-condition", f"if ( (d->{FIELD} = 1) )\n        return;"),
    writer("writer-by-macro", "", head=f"#define grow(d) ((d)->{FIELD} |= 1)", path="xen/include/asm-x86/event.h"),
    writer("writer-by-half-a-macro", "grown(d) |= 1;", head=f"#define grown(d) ((d)->{FIELD})\nvoid grow("
           "struct domain *d)"),
    writer("writer-by-whole", "*d = *hardware_domain;"),
    writer("writer-on-arm", f"d->{FIELD} = 1;", "xen/arch/arm/domain.c"),
    writer("writer-beside-creation", f"d->{FIELD} = 0;", "xen/common/domain.c"),
)  # fmt: skip

ASK = "((d)->features & {bit})"
ACCESSORS = (
    flags("accessor-flipped", "polarity", accessor("(!((d)->features & {bit}))", 3)),
    flags("accessor-flipped-first", "polarity", accessor("(!((d)->features & {bit}))")),
    flags("accessor-of-neighbour", "wrong feature", accessor("(!!((d)->features & {neighbour}))", 3)),
    flags("accessor-of-neighbour-last", "wrong feature", accessor("(!!((d)->features & {neighbour}))", -1)),
    flags("accessors-exchanged", "wrong feature", exchanged(3)),
    flags("accessors-exchanged-first", "wrong feature", exchanged(0)),
    flags("accessor-of-two", "wrong feature", accessor("(!!((d)->features & ({bit} | {neighbour})))", 5)),
    flags("accessor-of-all", "wrong feature", accessor("(!!(d)->features)", 5)),
    flags("accessor-of-both", "wrong feature", accessor(
        "(((d)->features & ({bit} | {neighbour})) == ({bit} | {neighbour}))", 5)),
    flags("accessor-is-type", "wrong feature", accessor("is_hvm_domain(d)", 4)),
    flags("accessor-always", "flag set too widely", accessor("(!!((d)->features | {bit}))", 2)),
    flags("accessor-one", "flag set too widely", accessor("1", 2)),
    flags("accessor-zero", "flag never set", accessor("0", 2)),
    flags("accessor-never", "flag never set", accessor("(!!((d)->features & {bit} & ~{bit}))", 2)),
    flags("accessor-current", "current for d", accessor("(!!(current->domain->features & {bit}))", 1)),
    flags("accessor-of-vcpu", "vcpu for domain", accessor("(!!((d)->domain->features & {bit}))", 1)),
    flags("accessor-through-union", "wrong union half", accessor("(!!((d)->arch.hvm_domain.features & {bit}))", 1)),
    flags("accessor-through-pointer", "may be NULL", accessor("(!!((d)->vcpu[0]->domain->features & {bit}))", 1)),
    flags("accessor-of-type", "wrong feature", accessor("(!!((d)->guest_type & {bit}))", 0)),
    flags("accessor-unbracketed", "macro's body", accessor("!!((d)->features) & {bit}", 3)),
    flags("accessor-open", "macro's body", accessor("!!(d)->features & {bit}", 2)),
    flags("accessor-no-truth", "evaluated otherwise", accessor("((d)->features & {bit})", 3)),
    flags("accessor-narrowed", "width of a number", accessor("(!!((unsigned char)(d)->features & {bit}))", -1)),
    flags("accessor-gone", "flag never set", in_file(SCHED, r"#define has_\w+\(d\) +\(!![^\n]*\n", ""), "residue"),
    flags("accessor-renamed", "wrong feature", in_file(SCHED, r"(#define has_\w+)(\(d\) +\(!!)", r"\1s\2"),
          "residue"),
)  # fmt: skip

GROUP = r"(?m)^(#define DOMFEAT_(?!HVM\b)\w+(?:[ \t]*\\\n)?[ \t]+\(DOMFEAT_\w+) \|\s+(?:\\\n\s+)?DOMFEAT_\w+"
GROUPS = (
    flags("group-lacks-one", "wrong feature", in_file(SCHED, GROUP, r"\1")),
    flags("group-with-another", "wrong feature", in_file(SCHED, GROUP, r"\g<0> | DOMFEAT_IOREQ")),
    flags("group-of-all-that-is", "wrong feature", in_file(
        SCHED, r"(#define has_vtimers\(d\) +)[^\n]*", r"\1(!!((d)->features))")),
    flags("group-of-its-set", "evaluated otherwise", in_file(
        SCHED, r"(#define has_vtimers\(d\) +\()!!(\(\(d\)->features & \w+\))\)", r"\1\2 == DOMFEAT_VTIMERS)")),
)  # fmt: skip
BITS = (
    flags("bits-shared", "wrong feature", bit("{neighbour}", 3)),
    flags("bit-of-two", "wrong feature", bit("(3U << 4)", 4)),
    flags("bit-of-none", "flag never set", bit("0U", 4)),
    flags("bit-too-high", "width of a number", bit("(1ULL << 40)", 4)),
    flags("bit-past-the-word", "width of a number", bit("(1U << 32)", 4)),
    flags("bit-negated", "polarity", bit("(~(1U << 4))", 4)),
)
DECLARATION = rf"\n(\s*)unsigned int(\s+){FIELD};"
FIELDS = (
    fields("features-narrow", "field of another type", (DECLARATION, rf"\n\1uint8_t\2{FIELD};")),
    fields("features-short", "field of another type", (DECLARATION, rf"\n\1unsigned short\2{FIELD};")),
    fields("features-one-bit", "field of another type", (DECLARATION, rf"\n\1unsigned int\2{FIELD}:1;")),
    fields("features-all-but-one", "field of another type", (DECLARATION, rf"\n\1unsigned int\2{FIELD}:16;")),
    fields("features-boolean", "field of another type", (DECLARATION, rf"\n\1bool_t\2{FIELD};")),
    fields("features-signed-bits", "field of another type", (DECLARATION, rf"\n\1int\2{FIELD}:17;")),
    fields("features-constant", "field of another type", (DECLARATION, rf"\n\1const unsigned int\2{FIELD};")),
    fields("features-pointer", "field of another type", (DECLARATION, rf"\n\1unsigned int\2*{FIELD};")),
    fields("features-debug-only", "conditions around a definition", (
        DECLARATION, rf"\n#ifndef NDEBUG\n\1unsigned int\2{FIELD};\n#endif")),
    fields("features-x86-only", "conditions around a definition", (
        DECLARATION, rf"\n#ifdef CONFIG_X86\n\1unsigned int\2{FIELD};\n#endif")),
    fields("features-with-another", "field of another type", (
        DECLARATION, rf"\n\1unsigned int\2{FIELD}, xenstage_extra;")),
    fields("set-debug-only", "conditions around a definition", (
        rf"(#define {PVH} [^\n]*\n)", rf"#ifndef NDEBUG\n\1#else\n#define {PVH} {HVM}\n#endif\n")),
    fields("accessor-debug-only", "conditions around a definition", (
        r"(#define has_vpit\(d\)[^\n]*\n)", r"#ifndef NDEBUG\n\1#else\n#define has_vpit(d) 1\n#endif\n")),
)  # fmt: skip


def _shadowed(text: str, where: str = CODE) -> Apply:
    """Another meaning of the first accessor, in the first file of code that asks for a type."""

    def apply(files: Files) -> Changed:
        name = accessors(files)[0].name
        for place in places(files, where, "is_hvm_"):
            m = re.search(FIRST.encode(), place.data)
            if m and m.end() < place.function.start:
                return {place.path: place.data[: m.end()] + text.format(name=name).encode() + place.data[m.end() :]}
        raise LookupError("no file that includes something")

    return apply


SHADOWS = tuple(
    Mutant(m.name, m.kind, 3, 2, m.caught_by, m.apply)
    for m in (
        claim("accessor-shadowed", "name shadowed", _shadowed("#undef {name}\n#define {name}(d) 1\n")),
        claim("accessor-redefined", "name shadowed", _shadowed("#define {name}(d) 1\n")),
        claim("accessor-undefined", "name shadowed", _shadowed("#undef {name}\nextern int {name}(const void *);\n")),
        claim("set-shadowed", "name shadowed", beside(
            "xen/common/domain.c", f"#undef {PVH}\n#define {PVH} {HVM}\n", at=r"(?m)^(?!#include)[a-z#]")),
    )
)  # fmt: skip
FEATURES = (
    *REFUSALS, *SETS, *ORDER, *WRITERS, *ACCESSORS, *GROUPS, *BITS, *SHADOWS,
    *(Mutant(m.name, m.kind, 3, 2, m.caught_by, m.apply) for m in FIELDS),
)  # fmt: skip
