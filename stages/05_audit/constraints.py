"""Constraints: what a guest must have for an operation, refused by feature where it lacks that."""

from __future__ import annotations

from xenstage.effect import Effect
from xenstage.stage.view import View

RULE = "refuse by feature"
TYPES = """\
if ( $a.hvmmem_type >= ARRAY_SIZE(memtype) )
    goto $out:word;"""
DEVICE_MODEL = """\

/* Accesses to what is no plain RAM are left to a device model. */
if ( {a}.hvmmem_type != HVMMEM_ram_rw && !has_ioreq({d}) )
    goto {out};"""


def memory_types(view: View) -> None:
    """HVMOP_set_mem_type: other types than RAM need somebody who takes the accesses."""
    if not view.sites("HVMOP_set_mem_type"):
        return  # a tree without the operation needs no refusal
    function = view.function("do_hvm_op", "xen/arch/x86/")
    checked = view.run_of(function, TYPES)
    found = view.one(TYPES, function)
    a, out = (view.hole(function, found, h) for h in ("a", "out"))
    asked = f"if ( !is_hvm_domain($d:word) ) goto {out};"
    d = view.hole(function, view.one(asked, function), "d")
    text = DEVICE_MODEL.format(a=a, out=out, d=d)
    view.insert_after(checked, text, rule=RULE, reason="the guest's next access would crash it")
    view.stay_rest("the operation itself")


PASSTHROUGH = "xen/drivers/passthrough/"
ASSIGN = "ret = xsm_assign_device($x);"
REFUSED = "+ if (!is_hardware_domain(d))\n+ ret = -EOPNOTSUPP\n+ break"
REFUSE = """\
/* The guest would have no bus to find it on. */
if ( has_hvm_container_domain(d) && !has_vpci(d) &&
     !is_hardware_domain(d) )
{
    ret = -EOPNOTSUPP;
    break;
}

"""


def devices(view: View) -> None:
    """PCI devices are for guests that can find them."""
    if not view.sites("XEN_DOMCTL_assign_device"):
        return  # a tree without pass-through
    cases = [s for s in view.sites("XEN_DOMCTL_assign_device") if s.path.startswith(PASSTHROUGH) and s.scope]
    around = [view.function_around(s.path, s.offset) for s in cases if s.kind == "code"]
    assigning = {(f.path, f.start): f for f in around if view.matches(ASSIGN, f)}
    if len(assigning) != 1:
        places = ", ".join(f"{s.path}:{s.line}" for s in cases) or "nowhere"
        raise view.unknown(f"devices are assigned in {len(assigning)} functions; needed: one", places)
    (function,) = assigning.values()
    why = "without emulated PCI the guest has no bus to find it on"
    view.insert_before(view.run_of(function, ASSIGN), REFUSE, rule=RULE, reason=why)
    name, because = function.what.split()[-1], "there is no bus to find a device on"
    view.effect(Effect(function.path, name, "pvh", diff=REFUSED, because=because))
    view.stay_rest("the interface, or its other users")
