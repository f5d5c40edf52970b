"""Stage 05: the audit of all is_hvm tests, each judged by what it guards (decisions.toml).

Tests of a feature come first: they change nothing.  What means "in an HVM container"
follows, with what it changes for PVH guests.
"""

from __future__ import annotations

from xenstage.stage.declare import Patch, Stage

from . import features
from .features import TESTS

ASKS = "is_hvm_domain() and is_hvm_vcpu()"

FEATURES = (
    Patch(
        subject="x86: pirqs of emulated interrupts are a feature",
        body="""
        A struct pirq has a part at its end for emulated interrupts, which alloc_pirq_struct() leaves away
        for domains that are not HVM. Whoever reads or writes that part, or the tree from emulated
        interrupts to pirqs, asks whether the domain is HVM first: {sites} in irq.c, event_channel.c,
        physdev.c and passthrough.

        Ask for the feature instead, in all of them at once: if one said otherwise than the allocation,
        memory behind the structure would be used.
        """,
        rewrite=features.emuirq,
        names=TESTS,
    ),
    Patch(
        subject="x86/hvm: ioreq server operations are for ioreq servers",
        body="""
        The six operations on ioreq servers need a guest that can have some. So do the two places that
        leave accesses to emulated devices' memory to handle_mmio(): what Xen itself does not claim there
        goes to a device model. Ask for the feature in {sites}.
        """,
        rewrite=features.ioreq,
        names=TESTS,
    ),
    Patch(
        subject="x86/hvm: ask for the local APIC",
        body="""
        Freeing the local APIC's pages, delivering an MSI that the toolstack injects, and the limit
        MAX_HVM_VCPUS, which is what APIC identifiers leave room for, are about the local APIC and not
        about HVM. Ask for it in {sites}.
        """,
        rewrite=features.vlapic,
        names=TESTS,
    ),
    Patch(
        subject="x86/hvm: ask for the PIC and the IO-APIC",
        body="""
        ISA interrupt wires and the VCPU that the 8259As interrupt exist with these, and the debug key 'I'
        prints the wires that lead into the IO-APIC. Ask for the controllers in {sites}.
        """,
        rewrite=features.controllers,
        names=TESTS,
    ),
    Patch(
        subject="x86/hvm: ask for the timers",
        body="""
        Ask for the timer that each of {sites} is about: the RTC whose clock is set, the PM timer whose
        block has the ACPI buttons, the PIT that interrupts. The PIT of other domains, PV and PVH, stays
        as it is: on system time, without interrupt, and behind pv_pit_handler().

        Periodic timers and guest time serve all emulated timers, that of the local APIC among them. Give
        these one name, has_vtimers(). Guest time is used for TSC emulation, too.
        """,
        rewrite=features.timers,
        names=TESTS,
    ),
    Patch(
        subject="x86: ask for emulated PCI and the emulated AMD IOMMU",
        body="""
        INTx wires, PCI links and the binding of physical interrupts to emulated ones need emulated PCI;
        setting up the emulated AMD IOMMU and logging into it need that. Ask for them in {sites}.
        """,
        rewrite=features.pci,
        names=TESTS,
    ),
    Patch(
        subject="x86: ask for a start in real mode",
        body="""
        VCPUs of an HVM guest start in real mode, as a PC's do, pick their modes themselves, and learn
        their memory map from their firmware. Those of other guests start from the context that the
        toolstack gives, in the mode that it says. Ask for that where an address size is chosen, where a
        context is taken over, and where the toolstack gives a memory map.

        construct_vmcs() ends with a block of two halves. The first is about the start of day, the second
        about the local APIC: ask apart.
        """,
        rewrite=features.start,
        names=TESTS,
    ),
    Patch(
        subject="x86/mtrr: guest MTRRs are a feature",
        body="""
        epte_get_entry_emt() takes memory types from the guest's MTRRs where the guest is HVM. PVH guests
        have none that they could program, and the reset value of MTRRs means uncacheable: this is not
        about running in an HVM container. Ask for the feature.
        """,
        rewrite=features.vmtrr,
        names=TESTS,
    ),
    Patch(
        subject="x86/hvm: context records need every emulated device",
        body="""
        Of the records of an HVM context most hold the state of an emulated device, and their handlers do
        not ask whether the guest has it. Loading, saving and saving one of them need all of these
        features. Say so by name, has_hvm_context().
        """,
        rewrite=features.context,
        names=TESTS,
        introduces=("has_hvm_context", "DOMFEAT_CONTEXT"),
    ),
)

STAGE = Stage(
    number=5,
    name="audit",
    title="audit the remaining is_pvh and all is_hvm tests",
    cover="""
    This is the fifth step of the plan "PVH cleanups after 4.5": every test of is_hvm_domain() and
    is_hvm_vcpu() is judged by what it guards.
    """,
    patches=FEATURES,
    why_not="patches that change what PVH guests get, and constraints, are still to come",
)
