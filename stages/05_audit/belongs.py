"""Which names belong to which feature, for the proof that each test asks for what it guards.

Those of stage 03, and what the tests of is_hvm_*() are about besides.
"""

from __future__ import annotations

from xenstage.families import Family, Mixed
from xenstage.stage.declare import beside

MORE = {
    "has_emuirq": ("pirq", "dpci", "pirq_desc", "pirq_guest_bind", "pirq_guest_unbind", "ECS_PIRQ"),
    "has_ioreq": ("HVMMEM_*", "HVM_HCALL_invalidate"),
    "has_vlapic": (
        *("hvm_inject_msi", "MAX_HVM_VCPUS", "HVM_MAX_VCPUS", "PIN_BASED_POSTED_INTERRUPT", "evtchn_upcall_vector"),
        *("xenpmu_data", "VPMU_CACHED", "vpmu_initialise"),
    ),
    "has_vpic": ("hvm_isa_irq_assert", "hvm_isa_irq_deassert"),
    "has_vioapic": ("irq_dump", "gsi_assert_count", "HVMIRQ_callback_*", "XENFEAT_hvm_callback_vector"),
    "has_vtimers": ("periodic_period",),
    "has_vpit": ("get_guest_time",),
    "has_vpm": ("hvm_acpi_power_button", "hvm_acpi_sleep_button"),
    "has_vpci": ("pt_irq_create_bind",),
    "has_realmode": ("tot_pages", "paging_update_paging_modes", "e820*", "rip"),
}
FAMILIES = tuple(
    Family(f.accessor, (*f.words, *MORE.get(f.accessor, ())))
    for f in beside(__file__, "03_feature_flags", "features").FAMILIES
)
MIXED = (
    Mixed("arch_set_info_guest", "has_realmode", "has_hcall32", because="a context for 64-bit mode is no compat one"),
    Mixed("arch_do_domctl", "has_vpci", "has_emuirq", because="a device's interrupt is a pirq"),
    Mixed("arch_do_domctl", "is_hvm_domain", "has_emuirq", because="the same, before it asks for emulated PCI"),
    Mixed("vpmu_do_interrupt", "has_vlapic", "has_realmode", because="the sampled registers go to the shared page"),
    Mixed("vpmu_do_interrupt", "has_vlapic", "has_hcall32", because="they have the form that a 32-bit guest reads"),
    Mixed("hvm_hap_nested_page_fault", "has_vlapic", "has_ioreq", because="the local APIC's page is emulated"),
    Mixed("DO(xen_version)", "is_hvm_domain", "has_emuirq", because="an interface says it beside other things"),
    Mixed("do_physdev_op", "has_emuirq", "has_vioapic", because="the interrupt comes again while its wire is up"),
    Mixed("get_guest_time", "has_vpit", "has_vtimers", because="guest time is what an interrupting PIT goes by"),
    Mixed("pt_global_vcpu_target", "has_vpic", "has_vtimers", because="the macro is named after periodic timers"),
    Mixed("pci_clean_dpci_irqs", "has_emuirq", "has_vpci", because="its callback is of a passed-through device"),
)
