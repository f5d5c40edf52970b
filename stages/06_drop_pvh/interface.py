"""What a domain's creator says of its features, in the hypervisor and in the hypercall interface."""

from __future__ import annotations

import re

from xenstage.index.sites import Site
from xenstage.stage.base import Region
from xenstage.stage.view import View

from .declared import declare

SAY = "the caller says the features"
WITHOUT = "HVM guests without features"
CREATES = "domain_create($dom, $flags, $ssid)"
HVM_FLAG = "if ( $o & XEN_DOMCTL_CDF_hvm_guest ) $f:word |= DOMCRF_hvm;"
ASKED = "features = ({flags} & XEN_DOMCTL_CDF_hvm_guest) ? DOMFEAT_HVM : 0;"


def say_features(view: View) -> None:
    """domain_create() takes the features from its callers, which are the ones that know."""
    create, rule = view.function("domain_create", "xen/common/"), SAY
    head = "struct domain *domain_create( $domid, unsigned int $flags:word, $ssid"
    wanted = "struct domain *domain_create(\n    $domid, unsigned int $flags, unsigned int features, $ssid"
    for each in (create, view.prototype("domain_create", "xen/include/")):
        view.rewrite(each, head, wanted, rule=rule, reason="what the domain has is its creator's to say")
    for named in ("DOMFEAT_HVM", "DOMFEAT_PVH"):
        view.rewrite(
            create,
            f"$d:word->features = {named};",
            "$d->features = features;",
            rule=rule,
            reason="the callers say the same set",
        )
    callers = _callers(view)
    for function in callers:
        says = bool(view.matches(HVM_FLAG, function))
        features = "features" if says else "0"
        call = CREATES.replace("$ssid", f"{features}, $ssid")
        view.rewrite_all(
            function,
            CREATES,
            call,
            rule=rule,
            reason="a domain that the toolstack made" if says else "no HVM guest with emulated devices",
        )
        if says:
            _domctl(view, function)
    view.stay_rest(
        "another thing of that name: the security module's hook, or prose", where=lambda s: not _calls(view, s)
    )
    declare(view, "features")
    view.fact("callers", len({(s.path, s.offset) for s in view.sites("domain_create") if _calls(view, s)}))


def _callers(view: View) -> list[Region]:
    """The functions that call domain_create(), each once."""
    found = [view.function_around(s.path, s.offset) for s in view.sites("domain_create") if _calls(view, s)]
    return list({(f.path, f.start): f for f in found}.values())


def _calls(view: View, site: Site) -> bool:
    """Whether a use is a call of the function, and not of a member of that name."""
    ours = site.path.startswith("xen/") and site.path.endswith(".c")
    if site.kind != "code" or not ours or not site.scope or site.scope == "domain_create":
        return False
    before, after = view.read(site.path)[: site.offset].rstrip(), view.read(site.path)[site.offset + len(site.name) :]
    return not before.endswith((b"->", b".")) and after.lstrip().startswith(b"(")


def _domctl(view: View, function: Region) -> None:
    """The toolstack's creation: the flag for HVM stands for every feature."""
    made = f"$d:word = {CREATES};"
    flags = view.hole(function, view.one(made, function), "flags")
    why = "as domain_create() did by the flag"
    for begun in ("", " = 0"):
        for m in view.matches(f"unsigned int {flags}{begun};", function):
            text = f"unsigned int {flags}{begun}, features;"
            view.rewrite_match(function, m, text, rule=SAY, reason=why)
    text = ASKED.format(flags=view.hole(function, view.one(HVM_FLAG, function), "o"))
    view.insert_before(view.run_of(function, made), text + "\n\n", rule=SAY, reason=why)


# The hypercall interface -------------------------------------------------------------

DOMCTL, SYSCTL = "xen/include/public/domctl.h", "xen/include/public/sysctl.h"
SETS = """\
if ( !({flags} & DOMCRF_hvm) && features )
{{
    printk(XENLOG_G_INFO "Features %#x are not for PV guests\\n", features);
    return ERR_PTR(-EINVAL);
}}

/* These two sets of features have been thought of, and no other. */
if ( ({flags} & DOMCRF_hvm) && features && features != DOMFEAT_HVM )
{{
    printk(XENLOG_G_INFO "HVM guests have features %#x or none, not %#x\\n",
           DOMFEAT_HVM, features);
    return ERR_PTR(-EINVAL);
}}

if ( ({flags} & DOMCRF_hvm) && !features && !({flags} & DOMCRF_hap) )
{{
    printk(XENLOG_G_INFO "An HVM guest without features needs HAP\\n");
    return ERR_PTR(-EINVAL);
}}

"""
LEFT_OUT = """\
/* What is not there cannot be left out: domain_create() refuses it. */
BUILD_BUG_ON(XEN_DOMCTL_WITHOUT_ALL != DOMFEAT_HVM);
features ^= {o}.without;
"""
TOLD = """\
uint32_t without;            /* XEN_DOMCTL_WITHOUT_*; 0 unless it is HVM */
uint32_t pad;                /* 0 */"""
ARM = """\
if ( $f & DOMCRF_hvm )
{
    $d->guest_type = guest_type_hvm;
    $d->is_pvh = !features;
    $d->features = features;
}"""
OCAML = """\
Store_field($r,  $n, Val_bool(($i->flags & XEN_DOMINF_hvm_guest)
                                  && !$i->without));"""
CREATE = "xc_domain_create($x, $s, $h, $f, $d)"
CREATE_CONFIG = "xc_domain_create_config($x, $s, $h, $f, $d, $c)"
CREATORS = ("xc_domain_create", "xc_domain_create_config")
DEVICES = "what the tools call HVM has a device model and a BIOS; the others are built as PV guests are"
ASKS = "pvh=1 asks for an HVM guest without features"
AS_PV = "to libxl's callers it is a PV guest, as before: it has no device model"
NONE = "a complete HVM guest, or a PV one"
TOOLS = (
    # function, where, what it says, what it shall say, why
    (
        "xc_domain_getinfo",
        "tools/libxc/",
        "$i:word->hvm = !!($o.flags & XEN_DOMINF_hvm_guest);",
        "$i->hvm      = ($o.flags & XEN_DOMINF_hvm_guest) &&\n                 !$o.without;",
        DEVICES,
    ),
    (
        "xc_domain_getinfo",
        "tools/libxc/",
        "$i:word->pvh = !!($o.flags & XEN_DOMINF_pvh_guest);",
        "$i->pvh      = ($o.flags & XEN_DOMINF_hvm_guest) &&\n                 $o.without;",
        DEVICES,
    ),
    (
        "libxl__domain_make",
        "tools/libxl/",
        "flags |= XEN_DOMCTL_CDF_pvh_guest;",
        "flags |= XEN_DOMCTL_CDF_hvm_guest;\nwithout = XEN_DOMCTL_WITHOUT_ALL;",
        ASKS,
    ),
    ("libxl__domain_make", "tools/libxl/", "int flags, $rest;", "int flags, $rest;\nuint32_t without = 0;", ASKS),
    ("libxl__domain_make", "tools/libxl/", CREATE, CREATE.replace("$d)", "without, $d)"), ASKS),
    (
        "libxl__domain_type",
        "tools/libxl/",
        "if ($i.flags & XEN_DOMINF_hvm_guest)",
        "if (($i.flags & XEN_DOMINF_hvm_guest) && !$i.without)",
        AS_PV,
    ),
    (
        "xcinfo2xlinfo",
        "tools/libxl/",
        "$x->domain_type = ($i->flags & XEN_DOMINF_hvm_guest) ? $a : $b;",
        "$x->domain_type =\n    (($i->flags & XEN_DOMINF_hvm_guest) && !$i->without) ?\n    $a : $b;",
        AS_PV,
    ),
    *(
        (function, place, CREATE, CREATE.replace("$d)", "0, $d)"), NONE)
        for function, place in (
            ("stub_xc_domain_create", "tools/ocaml/"),
            ("pyxc_domain_create", "tools/python/"),
            ("build", "tools/xenstore/"),
        )
    ),
    (
        "alloc_domaininfo",
        "tools/ocaml/",
        "Store_field($r, $n, Val_bool($i->flags & XEN_DOMINF_hvm_guest));",
        OCAML,
        DEVICES,
    ),
    *(
        (
            "xg_attach",
            "tools/debugger/gdbsx/xg/",
            f"_{kind}_guest = ($o.flags & XEN_DOMINF_{kind}_guest);",
            f"_{kind}_guest = ($o.flags & XEN_DOMINF_hvm_guest) &&\n             {sign}$o.without;",
            DEVICES,
        )
        for kind, sign in (("hvm", "!"), ("pvh", ""))
    ),
)
BIT = "XEN_DOMCTL_WITHOUT_{}"
ALL = "XEN_DOMCTL_WITHOUT_ALL"
HEAD = """\
/*
 * What an HVM guest does without: nothing, or, where it has HAP, all of these.
 * Any other set is refused, and so is any bit for another guest.
 */"""


def without(view: View) -> None:
    """The interface, the hypervisor and every toolstack at once."""
    _headers(view)
    _hypervisor(view)
    _libxc(view)
    for name, place, old, new, why in TOOLS:
        function = view.function(name, place)
        if "XEN_DOMINF_pvh_guest" in old and "XEN_DOMINF_pvh_guest" not in function.text:
            view.note(f"{name} does not ask for PVH here")
            continue
        if old == CREATE and view.matches(CREATE_CONFIG, function):
            old, new = CREATE_CONFIG, new.replace("create(", "create_config(").replace("$d)", "$d, $c)")
        view.rewrite(function, old, new, rule=WITHOUT, reason=why)
    declare(view, "without")
    view.stay_rest("an HVM guest's flag, also that of one without features", where=_of_hvm)
    own = {(r.path, r.start + r.text.index("xc_domain_create")) for pair in _libxc_creators(view) for r in pair}
    view.stay_rest("its definition and declaration, with one parameter more", where=lambda s: (s.path, s.offset) in own)


def _of_hvm(site: Site) -> bool:
    """What stays: the flag for HVM where it is defined, allowed, set or handed on."""
    return "hvm_guest" in site.name or site.name == "DOMCRF_hvm" or site.kind in ("comment", "text")


def bits(view: View) -> list[tuple[str, str, str]]:
    """The features as the tree has them: name in lower case, the bit's number, what it says behind."""
    whole = view.macro("DOMFEAT_HVM")
    out = []
    for word in re.findall(r"DOMFEAT_(\w+)", whole.text.split("\\", 1)[-1]):
        bit = view.macro(f"DOMFEAT_{word}", whole.path)
        line = view.read(bit.path)[bit.start : view.line_end(bit.path, bit.start)].decode("latin-1")
        m = re.fullmatch(r"#define\s+\w+\s+\(1U\s*<<\s*(\d+)\)\s*(?:/\*\s*(.*?)\s*\*/)?", line)
        if m is None:
            raise view.unknown(f"DOMFEAT_{word} is no single bit", f"{view.where(bit)}: {line}")
        out.append((word.lower(), m.group(1), m.group(2) or ""))
    return out


def _headers(view: View) -> None:
    """The two structures, the bits, and both versions."""
    known = bits(view)
    width = sorted(len(BIT.format(n)) for n, _, _ in known)[-2]  # the longest may stick out: 80 columns
    lines = [f"#define {BIT.format(n):{width}} {1 << int(b):#07x} /* {what} */" for n, b, what in known]
    lines.append(f"#define {ALL:{width}} {(1 << len(known)) - 1:#07x}")
    if [int(b) for _, b, _ in known] != list(range(len(known))):
        raise view.unknown("the features' bits leave one out", ", ".join(b for _, b, _ in known))
    rule = WITHOUT
    create, info = (view.struct(f"xen_domctl_{n}", DOMCTL) for n in ("createdomain", "getdomaininfo"))
    why = "0 is a complete HVM guest: a toolstack that does not know the field says that"
    version = view.macro("XEN_DOMCTL_INTERFACE_VERSION", DOMCTL)
    view.insert_after(version, "\n" + "\n".join([HEAD, *lines]), rule=rule, reason="negative: 0 leaves nothing out")
    view.insert_after(
        _last(view, create), "uint32_t without;            /* XEN_DOMCTL_WITHOUT_* */", rule=rule, reason=why
    )
    view.insert_after(_last(view, info), TOLD, rule=rule, reason="the toolstack is told what it asked for")
    for name in ("XEN_DOMCTL_CDF_pvh_guest", "XEN_DOMINF_pvh_guest"):
        view.delete_define(name, DOMCTL, rule=rule, reason="its bit stays unused: no value gets a new meaning")
    flag = view.comment_before(view.macro("_XEN_DOMCTL_CDF_hvm_guest", DOMCTL))
    if flag is not None and "PVH" in flag.text:
        view.replace(
            flag, "/* Is this an HVM guest (as opposed to a PV guest)? */", rule=rule, reason="there are two types"
        )
    why = "what old tools say means something else now"
    view.fact("domctl", view.bump("XEN_DOMCTL_INTERFACE_VERSION", DOMCTL, rule=rule, reason=why))
    why = "the list that getdomaininfolist gives has larger elements"
    view.fact("sysctl", view.bump("XEN_SYSCTL_INTERFACE_VERSION", SYSCTL, rule=rule, reason=why))
    view.fact("bits", len(known))


def _last(view: View, struct: Region) -> Region:
    """The last field of a structure of the interface."""
    names = re.findall(r"(\w+)\s*(?:\[[^\]]*\])?\s*;", re.sub(r"/\*.*?\*/", "", struct.text, flags=re.S))
    return view.field(struct, names[-1])


def _hypervisor(view: View) -> None:
    create, rule = view.function("domain_create", "xen/common/"), WITHOUT
    both = "if ( ($flags:word & DOMCRF_hvm) && ($flags & DOMCRF_pvh) ) { $x; return ERR_PTR(-EINVAL); }"
    flags = view.hole(create, view.one(both, create), "flags")
    why = "refused before anything is allocated, as both at once were"
    view.rewrite(create, both, SETS.format(flags=flags).rstrip(), rule=rule, reason=why)
    arms = (
        "if ( $f & DOMCRF_hvm ) { $d->guest_type = guest_type_hvm; $d->features = features; } "
        "else if ( $f & DOMCRF_pvh ) { $d->guest_type = guest_type_hvm; $d->is_pvh = 1; $d->features = features; }"
    )
    view.rewrite(create, arms, ARM, rule=rule, reason="a PVH guest is an HVM guest without features")
    view.delete_define(
        "DOMCRF_pvh",
        create.path if view.has("DOMCRF_pvh", "macro", create.path) else "xen/include/",
        rule=rule,
        reason="its bit stays unused",
    )
    asked = "features = ($o & XEN_DOMCTL_CDF_hvm_guest) ? DOMFEAT_HVM : 0;"
    around = [
        view.function_around(s.path, s.offset)
        for s in view.sites("XEN_DOMCTL_CDF_pvh_guest")
        if s.kind == "code" and s.path.startswith("xen/common/")
    ]
    (domctl,) = list({f.start: f for f in around if view.matches(asked, f)}.values())
    made = "domain_create($a, $f, features, $o.ssidref)"
    configured = made.replace("ssidref", "ssidref, $c")  # from 4.6 on
    o = view.hole(domctl, view.one(configured if view.matches(configured, domctl) else made, domctl), "o")
    view.insert_after(
        view.run_of(domctl, asked),
        LEFT_OUT.format(o=o),
        rule=rule,
        reason="a bit that is not known is no feature either",
    )
    old = "if ( $o & XEN_DOMCTL_CDF_pvh_guest ) $f:word |= DOMCRF_pvh;"
    view.delete(view.run_of(domctl, old), rule=rule, reason="it is a guest without features now")
    view.rewrite(
        domctl, "$a | XEN_DOMCTL_CDF_pvh_guest", "$a", rule=rule, reason="an unknown bit is refused, also this one"
    )
    info = view.function("getdomaininfo", "xen/common/")
    first = view.one("$i:word->domain = $d:word->domain_id;", info)
    i, d = (view.hole(info, first, h) for h in ("i", "d"))
    wiped = view.matches(f"memset({i}, 0, sizeof(*{i}));", info)
    zero = f"/* Callers copy all of it, padding included. */\nmemset({i}, 0, sizeof(*{i}));\n\n"
    if not wiped:
        view.insert_before(view.place(info, first), zero, rule=rule, reason="do_sysctl() has it on its stack")
    hvm, pvh = (f"{i}->flags |= XEN_DOMINF_{kind}_guest;" for kind in ("hvm", "pvh"))
    chains = (
        f"if ( is_pvh_domain({d}) ) {pvh} else if ( has_hvm_container_domain({d}) ) {hvm}",
        f"if ( is_pvh_domain({d}) ) {pvh} else if ( is_hvm_domain({d}) ) {hvm}",
        f"if ( is_hvm_domain({d}) ) {hvm} else if ( is_pvh_domain({d}) ) {pvh}",
    )
    told = next((c for c in chains if view.matches(c, info)), chains[0])
    now = f"""\
if ( has_hvm_container_domain({d}) )
{{
    {i}->flags |= XEN_DOMINF_hvm_guest;
    {i}->without = DOMFEAT_HVM & ~{d}->features;
}}"""
    view.rewrite(info, told, now, rule=rule, reason="as it was created")
    _dom0(view)


def _dom0(view: View) -> None:
    """The boot loader's dom0pvh."""
    for site in view.sites("DOMCRF_pvh"):
        if site.kind == "code" and site.scope and not view.touched(site.path, site.offset):
            function = view.function_around(site.path, site.offset)
            view.rewrite_all(
                function,
                "DOMCRF_pvh | DOMCRF_hap",
                "DOMCRF_hvm | DOMCRF_hap",
                rule=WITHOUT,
                reason="it is created without features",
            )


def _libxc_creators(view: View) -> list[tuple[Region, Region]]:
    """libxc's functions that create domains: where each is defined, and where it is declared."""
    there = [n for n in CREATORS if view.sites(n)]
    return [(view.function(n, "tools/libxc/"), view.prototype(n, "tools/libxc/")) for n in there]


def _libxc(view: View) -> None:
    rule, why = WITHOUT, "who creates a domain says what it does without"
    for create, declared in _libxc_creators(view):
        for each in (create, declared):
            view.rewrite(
                each,
                "uint32_t flags, uint32_t *$id:word",
                "uint32_t flags,\nuint32_t without,\nuint32_t *$id",
                rule=rule,
                reason=why,
            )
        handed_on = f"return {CREATE_CONFIG}"
        if view.matches(handed_on, create):
            view.rewrite(create, handed_on, handed_on.replace("$d", "without, $d"), rule=rule, reason=why)
            continue
        told = view.run_of(create, "$c.flags = flags;")
        view.insert_after(told, "domctl.u.createdomain.without = without;", rule=rule, reason=why)
