"""Stage 05: the audit of all is_hvm tests, each judged by what it guards (decisions.toml).

Tests of a feature come first: they change nothing.  What means "in an HVM container"
follows, with what it changes for PVH guests.
"""

from __future__ import annotations

from xenstage.families import Moved
from xenstage.stage.declare import Patch, Stage

from . import constraints, containers, features, fixes, hypercalls, leftovers
from .belongs import FAMILIES, MIXED
from .features import TESTS
from .judged import audited

FIXES = (
    Patch(
        subject="x86/hvm: keep guests from a local APIC that they lack",
        body="""
        MSR 0x6e0 and CR8 are registers of the local APIC, of which PVH guests have none: its page is not
        allocated. Xen reads and writes through a NULL pointer when such a guest accesses the MSR, or CR8
        on a host whose processor has no TPR shadow.

        Let the MSR fault, as x2APIC's do. Let CR8 read as 0 and ignore writes: nothing else takes the
        priority into account.
        """,
        rewrite=fixes.local_apic,
        effects=fixes.LOCAL_APIC,
        names=("vlapic_tdt_msr_get", "vlapic_tdt_msr_set"),
        intended=(
            "a PVH guest that accesses MSR 0x6e0 gets #GP; it brought the host down",
            "a PVH guest's CR8 reads as 0 on hosts without a TPR shadow; it brought the host down",
        ),
        probes=("cell:pvh-tdt",),
    ),
    Patch(
        subject="x86/vmx: keep PVH guests from the host's CR8",
        body="""
        vmx_init_vmcs_config() does not intercept CR8 where the processor has a TPR shadow, and
        construct_vmcs() switches the shadow off for guests without a local APIC: such a guest's writes
        to CR8 set the priority of the physical local APIC, and can hold off the host's interrupts. Intercept
        them.

        Posted interrupts stay on for these guests while the virtual interrupt delivery that they need is
        switched off, which VM entry refuses on such hosts. Switch them off, too.
        """,
        rewrite=fixes.task_priority,
        effects=fixes.TASK_PRIORITY,
        names=("CPU_BASED_TPR_SHADOW", "PIN_BASED_POSTED_INTERRUPT"),
        intended=(
            "a PVH guest's writes to CR8 do not reach the processor",
            "PVH guests start on hosts with posted interrupts",
        ),
        probes=("pvh-probe:register.cr8=ignored", "cell:pvh-cr8"),
    ),
    Patch(
        subject="x86/hvm: no callback by wire without controllers",
        body="""
        HVM_PARAM_CALLBACK_IRQ may name a GSI or a PCI INTx wire, which lead into the IO-APIC and the
        8259As. PVH guests have none, and the next event goes through a NULL pointer. Take such a callback
        for none, as others are that cannot be.
        """,
        rewrite=fixes.callback,
        effects=fixes.CALLBACK,
        names=("hvm_set_callback_via",),
        intended=("a PVH guest that names a GSI or INTx gets no callback; its next event brought the host down",),
        probes=("cell:pvh-gsi",),
    ),
)

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
        moved=(Moved("has_emuirq", TESTS),),
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
        subject="x86/hvm: ask for the local APIC instead of HVM",
        body="""
        Freeing the local APIC's pages, delivering an MSI that the toolstack injects, and the limit
        MAX_HVM_VCPUS, which is what APIC identifiers leave room for, are about the local APIC and not
        about HVM. Ask for it in {sites}.
        """,
        rewrite=features.vlapic,
        names=TESTS,
    ),
    Patch(
        subject="x86/hvm: ask for PIC and IO-APIC instead of HVM",
        body="""
        ISA interrupt wires and the VCPU that the 8259As interrupt exist with these, and the debug key 'I'
        prints the wires that lead into the IO-APIC. Ask for the controllers in {sites}.
        """,
        rewrite=features.controllers,
        names=TESTS,
    ),
    Patch(
        subject="x86/hvm: ask for timers instead of HVM",
        body="""
        Ask for the timer that each of {sites} is about: the RTC whose clock is set, the PM timer whose
        block has the ACPI buttons, the PIT that interrupts. The PIT of other domains, PV and PVH, stays
        as it is: on system time, without interrupt, and behind pv_pit_handler().

        Periodic timers and guest time serve all emulated timers, that of the local APIC among them:
        has_vtimers(). Guest time is used for TSC emulation, too.
        """,
        rewrite=features.timers,
        names=TESTS,
    ),
    Patch(
        subject="x86: ask for emulated PCI and IOMMU instead of HVM",
        body="""
        INTx wires, PCI links and the binding of physical interrupts to emulated ones need emulated PCI;
        setting up the emulated AMD IOMMU and logging into it need that. Ask for them in {sites}.
        """,
        rewrite=features.pci,
        names=TESTS,
    ),
    Patch(
        subject="x86: ask for a start in real mode instead of HVM",
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

CONSTRAINTS = (
    Patch(
        subject="passthrough: keep PCI devices from guests without PCI",
        body="""
        A toolstack can assign a PCI device to a PVH domain, and is told that it succeeded: nothing asks
        what kind of domain it is. But the guest has no emulated PCI to find the device on and to have its
        interrupts bound to; binding one is refused already.

        Refuse to assign. The hardware domain finds devices on the machine's own bus, PV guests through
        their frontend. XEN_DOMCTL_test_assign_device names no domain, and can say nothing of one.
        """,
        rewrite=constraints.devices,
        names=("XEN_DOMCTL_assign_device",),
        intended=("assigning a PCI device to a PVH domain other than the hardware domain fails with -EOPNOTSUPP",),
    ),
    Patch(
        subject="x86/hvm: memory types other than RAM need a device model",
        body="""
        Of the types that HVMOP_set_mem_type knows, HVMMEM_ram_ro and HVMMEM_mmio_dm leave accesses to a
        device model. A guest without ioreq servers has none, and is crashed by the first such access.
        Refuse these types for it, with -EINVAL as what is no HVM domain.

        Only HVM domains come here as yet, and these have ioreq servers.
        """,
        rewrite=constraints.memory_types,
        names=("HVMOP_set_mem_type",),
    ),
    Patch(
        subject="x86/hvm: features that a guest lacks need hardware",
        body="""
        hvm_domain_initialise() asks for EPT, PAT, MSR bitmaps and the secondary controls, and for HAP, where
        the guest is PVH. It is about what such guests lack: nothing is emulated that would make do without.
        Ask whether any feature is lacking, has_all_features(). The check stays where it is, with its errno.
        """,
        rewrite=leftovers.hardware,
        names=leftovers.PVH,
        introduces=("has_all_features",),
    ),
    Patch(
        subject="x86/hvm: refuse parameters where features are lacking",
        body="""
        Of HVM parameters PVH guests have HVM_PARAM_CALLBACK_IRQ only, because the others are about devices
        that they lack, about a PC's start of day, or about what nobody tried for them. Ask whether any feature
        is lacking. It is asked before XSM is, and answered -EINVAL, as before.
        """,
        rewrite=leftovers.parameters,
        names=leftovers.PVH,
    ),
    Patch(
        subject="x86/mm: foreign pages are for p2ms of containers",
        body="""
        Four places ask for PVH because of pages of other domains in a guest's p2m. p2m_add_foreign() puts
        them there, for the hardware domain alone; get_pg_owner() lets such a guest name another domain,
        which a translated PV guest may not; and a domain cannot be paged or shared while the caller, or the
        hardware domain, may have its pages mapped in that way. All of this is true of whatever runs in an HVM
        container with a p2m. Ask for one.

        In get_pg_owner() it is the first half of a condition, and stays that: paging_mode_translate() alone
        would refuse foreign pages to PVH. HVM guests have none of the hypercalls that come there.
        """,
        rewrite=leftovers.foreign,
        probes=("dom0-probe:hvm.foreign_page=EPERM",),
        names=leftovers.PVH,
        intended=(
            "mapping a foreign page into an HVM domain other than the hardware domain fails with -EPERM, not -EINVAL",
            "enabling the rings for paging and sharing fails with -EOPNOTSUPP where the caller or the hardware domain "
            "is HVM, whose p2m may hold foreign pages now",
        ),
    ),
    Patch(
        subject="x86/hvm: relinquish nested state of every container",
        body="""
        hvm_domain_relinquish_resources() gives back what nested virtualisation holds, but for PVH. VCPUs of
        PVH guests are in the state of HVM ones that were never nested: no VMCS is mapped and no bitmaps are,
        and nothing happens for these. Ask for nobody.
        """,
        rewrite=leftovers.nested,
        names=leftovers.PVH,
        intended=("nested state of PVH domains is looked for when they die; there is none",),
    ),
    Patch(
        subject="x86/dom0: ask for an HVM container instead of PVH",
        body="""
        What construct_dom0() does for PVH it does because dom0 is translated and has its page tables under
        HAP: its physmap is the p2m, and the shared info page has a place in it. Ask for an HVM container. The
        ELF note is about something else: without an IO-APIC events come by a vector or not at all.

        No dom0 is HVM: __start_xen() never makes one with DOMCRF_hvm.
        """,
        rewrite=leftovers.dom0,
        names=leftovers.PVH,
    ),
    Patch(
        subject="x86: keep PV's I/O privileges and CPUID bits to PV",
        body="""
        PHYSDEVOP_set_iopl and PHYSDEVOP_set_iobitmap write to PV's half of a union and are refused to PVH;
        pv_cpuid() hides what PV's page tables cannot have, but not from PVH. Ask whether the guest is in an
        HVM container, and whether it is PV.

        HVM guests come to neither: hvm_physdev_op() does not let them, and they have a CPUID policy of their
        own.
        """,
        rewrite=leftovers.native,
        names=leftovers.PVH,
    ),
    Patch(
        subject="x86/hvm: answer 32-bit hypercalls of guests without them",
        body="""
        That guests without 32-bit hypercalls make none is asserted, and nothing else keeps them from it: with
        debug=y such a guest ends the host, and without it the call goes to the handler of HVM guests. Answer
        -ENOSYS.
        """,
        rewrite=hypercalls.answer,
        intended=("a hypercall from 32-bit code of a PVH guest is answered -ENOSYS; an assertion failed",),
    ),
    Patch(
        subject="x86/hvm: give PVH guests set_timer_op and tmem_op",
        body="""
        These two are in HVM's rows only, and nothing in them is about what PVH guests lack. A PVH guest can
        set the same timer by VCPUOP_set_singleshot_timer; tmem copies to and from pages that it finds by the
        guest's p2m, and answers -ENOSYS where it was not switched on. With them HVM and PVH guests differ by
        the rows of PV's interface alone.
        """,
        rewrite=hypercalls.give,
        names=("HCALL_HVM",),
        intended=("set_timer_op and tmem_op work for PVH guests in 64-bit mode; they were answered -ENOSYS",),
        reaches=hypercalls.REACHES,
        probes=("hypercall64.*.set_timer_op", "hypercall64.*.tmem_op"),
    ),
    Patch(
        subject="x86/hvm: deny hypercalls by feature",
        body="""
        Rows of the hypercall table name the guests that have the hypercall. What decides is the guest's
        features: PV's interface to the machine and to page tables ({denied}) must not become reachable for a
        guest that starts as a PC does, whose page tables it is not about. Let each row name the features that
        deny it, and be there for everybody else.

        A guest without HCALL32 is still turned away in 32-bit mode, where these rows hold no handler.
        """,
        rewrite=hypercalls.deny,
        names=leftovers.PVH,
        removes=("HCALL_HVM", "HCALL_PVH"),
    ),
)

CONTAINERS = (
    Patch(
        subject="x86/shadow: ask for an HVM container",
        body="""
        What shadow paging asks is_hvm_*() for, in {sites}, is true of every guest in an HVM container:
        whether paging may be off, CR0.WP clear, an event under injection, where the linear page tables
        are. Ask for that.

        No guest notices. PVH guests are the others in such containers, and do not run on shadow paging:
        hvm_domain_initialise() refuses them without HAP.
        """,
        rewrite=containers.shadow,
        names=TESTS,
    ),
    Patch(
        subject="x86/mm: honour CR0.WP, SMEP and SMAP of PVH guests",
        body="""
        When Xen walks the page tables of a guest in an HVM container, for a copy to or from it or for an
        instruction that it emulates, the guest's own CR0.WP, SMEP and SMAP decide, as they do in the
        processor. For PVH guests they did not: {sites} ask whether the guest is HVM. Ask whether it is in
        a container.
        """,
        rewrite=containers.walk,
        names=TESTS,
        intended=(
            "a hypercall's or an emulated instruction's access to memory of a PVH guest that runs with SMEP "
            "or SMAP is refused where the processor would refuse it: a kernel with SMAP that hands on pointers of "
            "its programs must set EFLAGS.AC around that, as an HVM kernel must",
            "one to a read-only mapping of a PVH guest that cleared CR0.WP is not, as the processor does not refuse it",
        ),
        probes=("pvh-probe:copy.read_only.no_wp=present:ok",),
    ),
    Patch(
        subject="x86/mtrr: pin cacheability for PVH domains",
        body="""
        XEN_DOMCTL_pin_mem_cacheattr puts a range into a list that hvm_domain_initialise() sets up and
        hvm_domain_destroy() frees for every HVM container, and that EPT entries are made by. For PVH
        domains it did nothing and reported success. Ask for a container in {sites}.
        """,
        rewrite=containers.pinned,
        probes=("dom0-probe:pvh.pin_mem_cacheattr.no_type=EINVAL",),
        names=TESTS,
        intended=(
            "the toolstack can pin the cacheability of a PVH domain's memory, which it was only told to be done",
        ),
    ),
    Patch(
        subject="x86/hvm: nested HVM and Viridian depend on their parameters",
        body="""
        Whether a domain has nested HVM or Viridian is said by a parameter in struct hvm_domain, which
        every HVM container has; is_hvm_domain() keeps PV's half of the union from being read. Ask for a
        container in {sites}.

        No guest notices: do_hvm_op() refuses these parameters to PVH domains, for which they stay 0.
        """,
        rewrite=containers.params,
        names=TESTS,
    ),
    Patch(
        subject="x86/mm: share pages of PVH domains",
        body="""
        Memory sharing works on the p2m under HAP, which PVH domains have: XEN_DOMCTL_mem_sharing_op
        switches it on for them, whereupon XENMEM_sharing_op refuses each operation, and pages would not
        be given back when the domain dies. Ask for a container in {sites}.
        """,
        rewrite=containers.sharing,
        probes=("dom0-probe:pvh.sharing_op=ok",),
        names=TESTS,
        intended=(
            "XENMEM_sharing_op works on a PVH domain for which sharing was switched on; it was answered -EINVAL",
        ),
    ),
    Patch(
        subject="x86/mm: populate PVH domains on demand, too",
        body="""
        XENMEM_populate_physmap marks pages of every translated domain to be populated on demand, but
        XENMEM_decrease_reservation looks for such pages in HVM domains only. Ask for a container.
        """,
        rewrite=containers.pod,
        names=TESTS,
        intended=(
            "a PVH guest that gives back pages which are yet to be populated has them taken from that account; "
            "without such pages nothing changes",
        ),
    ),
    Patch(
        subject="x86/mm: check access rights of PVH domains",
        body="""
        Access rights are in the p2m of every HVM container. Ask for one.

        This alone enables nothing: the ring that is needed for it is named by a parameter that
        do_hvm_op() refuses to PVH domains.
        """,
        rewrite=containers.access,
        probes=("dom0-probe:pvh.access_op=ENODEV",),
        names=TESTS,
        intended=("XENMEM_access_op on a PVH domain is answered -ENODEV, for want of a ring, instead of -EINVAL",),
    ),
    Patch(
        subject="x86/hvm: offer HVMOPs about memory and events to PVH",
        body="""
        Flushing TLBs, tracking video RAM, telling of modified memory, asking and changing memory types,
        and injecting an event are done by paging assistance and by the processor. Nothing in them is of a
        device. Ask for a container in {sites}. HVMOP_pagetable_dying goes on to ask for shadow paging,
        which is not for PVH.
        """,
        rewrite=containers.hvmops,
        probes=(
            "dom0-probe:pvh.hvmop.get_mem_type=ok",
            "dom0-probe:pvh.hvmop.modified_memory=ok",
            "dom0-probe:pvh.hvmop.track_dirty_vram=ok",
            "dom0-probe:pvh.hvmop.inject_trap=ok",
            "dom0-probe:pvh.set_mem_type.ram_rw=ok",
            "pvh-probe:hvm_op.self.flush_tlbs=present:ok",
            "pvh-probe:hvm_op.self.get_mem_type=present:ok",
        ),
        names=TESTS,
        intended=(
            "HVMOP_flush_tlbs and HVMOP_get_mem_type work for a PVH guest on itself; they were answered -EINVAL",
            "HVMOP_track_dirty_vram, HVMOP_modified_memory, HVMOP_set_mem_type (of RAM), HVMOP_get_mem_type and "
            "HVMOP_inject_trap work for a toolstack on a PVH domain; they were answered -EINVAL",
        ),
    ),
    Patch(
        subject="x86: single-step PVH domains",
        body="""
        XEN_DOMCTL_debug_op uses the monitor trap flag, which the processor has for every guest in an HVM
        container. Ask for one.
        """,
        rewrite=containers.debugop,
        probes=("dom0-probe:pvh.debug_op=*",),
        names=TESTS,
        intended=("a debugger can single-step VCPUs of a PVH domain; XEN_DOMCTL_debug_op was answered -EINVAL",),
    ),
    Patch(
        subject="x86/time: put the TSC offset into PVH guests' time stamps",
        body="""
        The TSC that a guest in an HVM container reads is the host's and an offset. Time stamps for PVH
        guests come without it, so that their clock is wrong once they wrote the TSC or TSC_ADJUST: by as
        much as they wrote. Ask for a container.

        The other of {sites} is under vtsc, which is 0 for PVH.
        """,
        rewrite=containers.pvclock,
        names=TESTS,
        intended=("the time that a PVH guest computes from its time stamps is right after a write to its TSC",),
        probes=("pvh-probe:pvclock.after_tsc_write=right",),
    ),
    Patch(
        subject="x86/time: ask for an HVM container around TSC emulation",
        body="""
        Guest time of HVM containers has an offset of its own, so that vtsc_offset is PV's; RDTSC is
        intercepted in containers. Ask for one in {sites}.

        No guest notices. The conversions are asked for under vtsc only, which tsc_set_info() keeps at 0
        for PVH. That function now switches RDTSC's intercept off for PVH, which it is, and puts the offset
        of the first VCPU down again, which is 0 then.
        """,
        rewrite=containers.tsc,
        names=TESTS,
    ),
    Patch(
        subject="x86: save and load what VCPUs of HVM containers have",
        body="""
        context_switch() saves and loads performance counters and saves the periodic timers of HVM
        guests. Ask for an HVM container: the state is one of these.

        No guest notices: PVH VCPUs have neither counters nor timers, for want of a local APIC, and
        {sites} find that out first.
        """,
        rewrite=containers.switch,
        names=TESTS,
    ),
    Patch(
        subject="x86: treat PVH domains as HVM ones in debug keys",
        body="""
        The debug keys that print VCPUs' performance counters, TSC modes, VMCBs and guests' stacks ask
        whether the guest is HVM where they mean an HVM container. So show_guest_stack() tries to read
        the stack of a PVH guest through Xen's own page tables. Ask for a container in {sites}.
        """,
        rewrite=containers.dump,
        names=TESTS,
        intended=(
            "a PVH guest's stack is not printed, as HVM guests' are not",
            "the key 's' says (hvm) of PVH domains",
        ),
    ),
    Patch(
        subject="x86/oprofile: look at PVH guests as at HVM ones",
        body="""
        Whether a VCPU in an HVM container is in its kernel, and how wide its code is, stands in its
        segment registers and EFER. For PVH guests the state of PV VCPUs was asked, which is other bytes
        of the same union. Ask for a container in {sites}.
        """,
        rewrite=containers.profiling,
        names=TESTS,
        intended=("Xenoprof tells a PVH guest's kernel from its programs, and the width of its code",),
    ),
    Patch(
        subject="passthrough: map the memory of PVH domains for devices",
        body="""
        Where EPT tables serve the IOMMU as well, map_page() does nothing, since the tables are shared;
        but those of a PVH domain are not, iommu_share_p2m_table() being for HVM. Where they do not serve,
        only pages with a writable type are mapped, which is PV's notion: PVH pages have none. Both ways
        a device of a PVH domain, the hardware domain's, reaches no memory. Ask for a container in {sites}.
        """,
        rewrite=containers.passthrough,
        names=TESTS,
        intended=("devices of a PVH hardware domain can reach its memory, and no other",),
    ),
    Patch(
        subject="AMD/IOMMU: ask for an HVM container",
        body="""
        Page tables of a domain in an HVM container begin small and grow, and its mappings change. Ask for
        a container in {sites}.

        No guest notices: PVH domains do not exist on AMD hosts, pvh_supported being set by VMX only.
        """,
        rewrite=containers.amd,
        names=TESTS,
    ),
)

TOLD = Patch(
    subject="xen/domctl: say HVM of containers that are not PVH",
    body="""
    getdomaininfo() tells the toolstack which of PV, PVH and HVM it asked for. Answer PVH first, so that HVM
    is what is left of containers. This was the last test of is_hvm_*() outside of its definition, and the
    only one of is_pvh_*() that is left is here: the ABI speaks of it.
    """,
    rewrite=leftovers.told,
    names=(*TESTS, *leftovers.PVH),
)

STAGE = Stage(
    number=5,
    name="audit",
    title="audit the remaining is_pvh and all is_hvm tests",
    cover="""
    This is the fifth step of the plan "PVH cleanups after 4.5". Tests of is_hvm_domain() and is_hvm_vcpu()
    say "not PVH" without a word; each is judged by what it guards, and asks for that. The tests of
    is_pvh_*() that the fourth step left become constraints on what may be combined, or ask for a container.

    Bugs that the audit met come first, each alone. What asks for a feature changes nothing. Where a test
    means an HVM container, PVH guests get what HVM guests have: each change is named in its patch.

    The tests of is_hvm_*() by class:

    {classes}
    """,
    families=FAMILIES,
    mixed=MIXED,
    audited=audited([(p.rewrite.__name__, p) for p in (*FEATURES, *CONTAINERS, TOLD)]),
    patches=(*FIXES, *FEATURES, *CONSTRAINTS, *CONTAINERS, TOLD),
)
