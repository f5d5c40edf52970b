"""Stage 03: feature flags on HVM guests, set once at creation, in two combinations.

The flags are in struct domain, as the guest type is: zero is right for PV, idle, dummy and
half-created domains and for every ARM domain, and common code may ask.  Nothing asks them
yet: that is stage 04.
"""

from __future__ import annotations

import textwrap

from xenstage.effect import ANYBODY, Answer, Effect
from xenstage.index.sites import Site
from xenstage.stage.base import Region
from xenstage.stage.blocks import declares
from xenstage.stage.declare import Patch, Stage
from xenstage.stage.view import View

from .features import FEATURES, GROUPS, ROWS

BOTH = "a domain cannot be both"
FEATURE = "features of HVM guests"
REFUSAL = """\
if ( ({flags} & DOMCRF_hvm) && ({flags} & DOMCRF_pvh) )
{{
    printk(XENLOG_G_INFO "A domain cannot be both HVM and PVH\\n");
    return ERR_PTR(-EINVAL);
}}

"""
ARMS = """\
if ( $flags & DOMCRF_hvm )
{
    $d->guest_type = guest_type_hvm;
    $d->features = DOMFEAT_HVM;
}
else if ( $flags & DOMCRF_pvh )
{
    $d->guest_type = guest_type_hvm;
    $d->is_pvh = 1;
    $d->features = DOMFEAT_PVH;
}"""
REFUSED = r"""
printk("%<XENLOG_G_INFO>A domain cannot be both HVM and PVH\n")
return ERR_PTR(-EINVAL)
"""
FIELD = """
/* What an HVM guest has: DOMFEAT_*.  Set together with guest_type. */
unsigned int     features;"""


def refuse_both(view: View) -> None:
    """The check moves from the domctl, which holds a lock there, to domain_create()."""
    create = view.function("domain_create")
    arm = view.one("if ( $flags:word & DOMCRF_hvm )", create)
    text = REFUSAL.format(flags=view.hole(create, arm, "flags"))
    view.insert_before(_first(view, create), text, rule=BOTH, reason="refused before anything is allocated")
    check = "if ( ($o & XEN_DOMCTL_CDF_hvm_guest) && ($o & XEN_DOMCTL_CDF_pvh_guest) ) return -EINVAL;"
    asked = {(f.path, f.start): f for f in (_around(view, s) for s in view.sites("XEN_DOMCTL_CDF_pvh_guest")) if f}
    (domctl,) = [f for f in asked.values() if view.matches(check, f)] or [view.function("do_domctl")]
    o = view.hole(domctl, view.one(check, domctl), "o")
    why = "domain_create() refuses it, and the lock is given back"
    view.delete(view.run_of(domctl, check), rule=BOTH, reason=why)
    path, name = create.path, "domain_create"
    view.effect(Effect(path, name, "hvm+pvh", becomes=REFUSED, because="nothing can be both"))
    gone = f"- return -EINVAL\n- if (({o} & XEN_DOMCTL_CDF_hvm_guest) && ({o} & XEN_DOMCTL_CDF_pvh_guest))"
    view.effect(Effect(domctl.path, domctl.what.split()[-1], ANYBODY, diff=gone, because="domain_create() refuses it"))
    view.stay_rest("defined, set by whoever creates a PVH domain, or handed on to domain_create()")


def _first(view: View, function: Region) -> Region:
    """The first statement of a function that declares nothing."""
    for s in view.body(function).parts:
        region = view.region(function.path, s.start, s.end, f"first statement of {function.what}", "statements")
        if s.kind != "simple" or not declares(view.tokens(region)):
            return region
    raise view.unknown(f"{function.what} does nothing", view.where(function))


def _around(view: View, site: Site) -> Region | None:
    return view.function_around(site.path, site.offset) if site.kind == "code" and site.path.endswith(".c") else None


def _header() -> str:
    """Bits, the two sets and the accessors."""
    width = max(len(f.bit) for f in FEATURES)
    bits = [f"#define {f.bit:{width}} (1U << {i:2}) /* {f.what} */" for i, f in enumerate(FEATURES)]
    groups = [
        x
        for g in GROUPS
        for x in ("", f"/* {g.what[0].upper()}{g.what[1:]}. */", _joined(g.bits, [f"DOMFEAT_{m}" for m in g.members]))
    ]
    hvm = _joined("DOMFEAT_HVM", [f.bit for f in FEATURES])
    asked = {f.accessor: f.bit for f in FEATURES} | {g.accessor: g.bits for g in GROUPS}
    width = max(map(len, asked)) + 3
    accessors = [f"#define {a + '(d)':{width}} (!!((d)->features & {bits}))" for a, bits in asked.items()]
    sets = [TWO_SETS, hvm, "#define DOMFEAT_PVH 0U"]
    return "\n".join([INTRODUCTION, *bits, *groups, "", *sets, "", *accessors, "", ""])


def _joined(name: str, bits: list[str]) -> str:
    """A macro of several bits, wrapped."""
    lines, line = [], "    ("
    for bit in bits:
        word = bit + (" | " if bit != bits[-1] else ")")
        if len(line + word.rstrip()) + 2 >= 80:
            lines.append(line.rstrip())
            line = "     "
        line += word
    lines.append(line.rstrip())
    width = max(map(len, [*lines, f"#define {name}"])) + 1
    return "\n".join([f"{f'#define {name}':{width}}\\", *(f"{x:{width}}\\" for x in lines[:-1]), lines[-1]])


INTRODUCTION = """\
/*
 * What an HVM guest has beside its processors and its memory.  A domain
 * outside an HVM container has none of these.
 */"""
TWO_SETS = """\
/* The only two sets: domain_create() gives a guest one of them, for good. */"""


def give_flags(view: View) -> None:
    """The field, its bits, the two sets, the accessors, and the one place that sets them."""
    flag = view.field(view.struct("domain"), "is_pvh")
    view.insert_after(flag, FIELD, rule=FEATURE, reason="valid for every domain: struct domain starts as zeroes")
    first = view.macro("is_pv_domain")
    view.insert_before(first, _header(), rule=FEATURE, reason="beside the predicates whose place they will take")
    view.rewrite(
        view.function("domain_create"),
        "if ( $flags & DOMCRF_hvm ) $d:word->guest_type = guest_type_hvm; else if ( $flags & DOMCRF_pvh ) "
        "{ $d->guest_type = guest_type_hvm; $d->is_pvh = 1; }",
        ARMS,
        rule=FEATURE,
        reason="set together with the type, before any reader",
    )
    view.stay_rest("asked or set as before")
    view.fact("features", len(FEATURES))
    view.fact("board", _board())


def _board() -> str:
    """The whiteboard with its decisions, as lines of a cover letter."""
    out: list[str] = []
    for row in ROWS:
        marks = f"{row.hvm}/{row.pvh}" if row.hvm else "not on it"
        text = f"{row.title} ({marks}): {row.decision}"
        out += textwrap.wrap(text, 68, initial_indent="  ", subsequent_indent="      ")
    return "\n".join(out)


STAGE = Stage(
    number=3,
    name="feature_flags",
    title="xen: give HVM guests feature flags",
    cover="""
    This is the third step of the plan "PVH cleanups after 4.5". HVM guests get flags for what is
    emulated for them and how they start, {features} of them, set once when a domain is created. Two
    sets are possible, today's HVM guest, which has all of them, and today's PVH guest, which has none.
    Nothing asks the flags yet.

    What became of the whiteboard's rows, and what the code has besides them:

    {board}
    """,
    patches=(
        Patch(
            subject="xen/common: refuse to create domains both HVM and PVH",
            body="""
            A toolstack can ask for a domain that is both HVM and PVH. do_domctl() refuses that with a bare
            return, while it holds the domctl lock. The lock is never given back: every later domctl of every
            caller is continued for ever, and a hypervisor built with debug=y panics on the way back to the
            guest.

            Refuse it in domain_create() instead, where the guest type is decided, with a message and before
            anything is allocated. do_domctl() hands errors of domain_create() on and gives the lock back.
            """,
            rewrite=refuse_both,
            names=("XEN_DOMCTL_CDF_pvh_guest", "DOMCRF_pvh"),
            defines=("domain_create", "do_domctl"),
            intended=(
                "after such a request the toolstack goes on; it is answered -EINVAL as before, but later "
                "domctls are answered, too",
            ),
            probes=("cell:dom0-both",),
        ),
        Patch(
            subject="xen: give HVM guests feature flags",
            body="""
            PVH is to become an HVM guest with features disabled. Give HVM guests flags that say which
            features they have, {features} of them, at the granularity at which the code sets things up and
            tears them down.

            The field is in struct domain: it is valid for every domain at all times, also for common code
            and on ARM, and zero for all that are no HVM guests. It is set together with the guest type,
            where nothing has asked yet, and nowhere else. There are two sets, DOMFEAT_HVM with all features
            and DOMFEAT_PVH with none; a third cannot be asked for.
            """,
            rewrite=give_flags,
            names=("DOMCRF_pvh", "DOMCRF_hvm", "guest_type_hvm", "guest_type_pv"),
            defines=("domain_create", "struct domain", "#define is_pv_domain"),
            introduces=(
                "DOMFEAT_HVM",
                "DOMFEAT_PVH",
                *(n for f in FEATURES for n in (f.bit, f.accessor)),
                *(n for g in GROUPS for n in (g.bits, g.accessor)),
            ),
            answers=(
                *(Answer(f.accessor, ("hvm",), (f.bit,)) for f in FEATURES),
                *(Answer(g.accessor, ("hvm",), tuple(f"DOMFEAT_{m}" for m in g.members)) for g in GROUPS),
            ),
        ),
    ),
)
