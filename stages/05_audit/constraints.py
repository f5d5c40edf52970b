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


PCI = "xen/drivers/passthrough/pci.c"
DEVICES = (
    Effect(
        PCI,
        "iommu_do_pci_domctl",
        "pvh",
        diff="+ if (!is_hardware_domain(d))\n+ ret = -EOPNOTSUPP\n+ break",
        because="there is no bus to find a device on",
    ),
)
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
    function = view.function("iommu_do_pci_domctl", PCI)
    assign = view.run_of(function, "ret = xsm_assign_device($x);")
    why = "without emulated PCI the guest has no bus to find it on"
    view.insert_before(assign, REFUSE, rule=RULE, reason=why)
    view.stay_rest("the interface, or its other users")
