"""The features of an HVM guest: names, bits, what each stands for, and which rows of the whiteboard they cover.

The whiteboard is the table of "PVH cleanups after 4.5" (December 2014).  What is decided of a
row is data here; the header's comment, the cover letter's table and docs/features.md are made
from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from xenstage.families import Family


@dataclass(frozen=True)
class Feature:
    """One flag.

    :param name: the bit is DOMFEAT_NAME, the accessor has_name().
    :param what: the comment beside the bit.
    :param row: the whiteboard's row, "" for one that the code has besides the board.
    :param words: patterns of the names of Xen's that belong to it; a test of the flag must guard one
        of them, and none of another flag's.
    """

    name: str
    what: str
    row: str
    words: tuple[str, ...]

    @property
    def bit(self) -> str:
        """The macro of the bit."""
        return f"DOMFEAT_{self.name}"

    @property
    def accessor(self) -> str:
        """The macro that asks a domain."""
        return f"has_{self.name.lower()}"


@dataclass(frozen=True)
class Group:
    """Several flags of which code needs to know whether there is any.

    :param members: names of features.
    :param words: as a feature's.
    """

    name: str
    what: str
    members: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def bits(self) -> str:
        """The macro of the bits."""
        return f"DOMFEAT_{self.name}"

    @property
    def accessor(self) -> str:
        """The macro that asks a domain for any of them."""
        return f"has_{self.name.lower()}"


@dataclass(frozen=True)
class Row:
    """One row of the whiteboard, or of what the code has besides it.

    :param hvm: the board's word for HVM; "" where the board has no such row.
    :param pvh: the board's word for PVH.
    :param decision: which flags it became, or why it needs none.
    """

    title: str
    hvm: str
    pvh: str
    decision: str


CONTROLLERS = "Interrupt controllers"
TIMERS = "Timers"
FEATURES = (
    Feature(
        "HCALL32", "hypercalls from 32-bit code", "32bit hypercalls", ("*compat*", "hcall_64bit", "_eax", "*32bit*")
    ),
    Feature(
        "IOREQ",
        "a device model: ioreq servers",
        "ioreq-servers",
        ("*ioreq*", "handle_mmio*", "handle_pvh_io", "hvm_print_line", "hvm_emulate_one", "hvm_mmio_*"),
    ),
    Feature("HVM_CPUID", "CPUID by the HVM policy", "HVM-style CPUID", ("*_cpuid", "*_cpuid_*")),
    Feature(
        "VLAPIC",
        "local APICs",
        CONTROLLERS,
        ("*vlapic*", "*APIC*", "*vpmu*", "hvm_*vcpu_op", "do_vcpu_op", "domain_initialise", "domain_destroy"),
    ),
    Feature("VIOAPIC", "an IO-APIC", CONTROLLERS, ("*vioapic*",)),
    Feature("VPIC", "two 8259A", CONTROLLERS, ("*vpic*", "*_pic", "*i8259*")),
    Feature("EMUIRQ", "pirqs of emulated interrupts", CONTROLLERS, ("*emuirq*", "*_pirq", "*pirqs", "*_pirq_*")),
    Feature("VRTC", "a real time clock", TIMERS, ("rtc_*", "*RTC*")),
    Feature("VHPET", "an HPET", TIMERS, ("hpet_*", "*HPET*")),
    Feature("VPM", "the ACPI PM timer", TIMERS, ("pmtimer_*", "*pmtimer*")),
    Feature("VPIT", "a PIT that interrupts", TIMERS, ("pit_*", "*vpit*", "*PIT*")),
    Feature(
        "VPCI",
        "emulated PCI",
        "Emulated PCI",
        ("pci_*", "*_pci_*", "*PCI*", "msixtbl_*", "hvm_access_cf8", "do_physdev_op"),
    ),
    Feature("VVGA", "a standard VGA", "Emulated PCI", ("stdvga_*", "*vga*")),
    Feature("VIOMMU", "an emulated IOMMU", "Emulated PCI", ("guest_iommu*", "*giommu*")),
    Feature(
        "REALMODE",
        "starts as a PC does",
        "",
        (
            "*EFER*",
            "X86_CR0_P[EG]",
            "X86_CR4_PAE",
            "VM_ENTRY_IA32E_MODE",
            "*UNRESTRICTED_GUEST",
            "GUEST_CS_*",
            "hvm_set_guest_tsc",
            "is_initialised",
            "_VPF_down",
            "*TRIPLE_FAULT*",
            "hvm_memory_op",
            "do_memory_op",
            "ctrlreg",
            "vmx_update_debug_state",
            "XENFEAT_supervisor_mode_kernel",
        ),
    ),
    Feature("VTSC", "TSC emulation", "", ("tsc_*", "TSC_*", "*RDTSC*", "*vtsc*")),
    Feature("VMTRR", "MTRRs of its own", "", ("*mtrr*", "*MTRR*")),
)

GROUPS = (
    Group(
        "VTIMERS",
        "whatever goes by the guest's own time",
        ("VLAPIC", "VRTC", "VHPET", "VPM", "VPIT", "VTSC"),
        ("pt_*", "hvm_init_guest_time", "*guest_time*"),
    ),
)

ROWS = (
    Row("64bit hypercalls", "Yes", "Yes", "no flag: both have them"),
    Row("32bit hypercalls", "Yes", "No", "HCALL32"),
    Row("Paging assistance", "Yes", "Yes", "no flag: both have it; HAP is a condition of PVH, not a feature"),
    Row("ioreq-servers", "Yes", "No", "IOREQ, which also says where an access goes that nothing in Xen claims"),
    Row(
        "HVM-style CPUID", "Yes", "Yes",
        "HVM_CPUID, because the code does not do what the board says: PVH takes PV's policy; "
        "making it a Yes is a change that guests see and none of these series",
    ),
    Row(
        CONTROLLERS, "Yes", "No",
        "VLAPIC, VIOAPIC, VPIC: each has its own set-up and teardown; EMUIRQ for the pirqs that stand "
        "for their interrupts",
    ),
    Row(
        TIMERS, "Yes", "No",
        "VRTC, VHPET, VPM, VPIT; VPIT means the one that interrupts: port 0x61 and the PIT of PV stay for every domain",
    ),
    Row("Machine Check regs", "Yes", "Yes", "no flag: both have them"),
    Row("Emulated PCI", "Yes", "No", "VPCI, VVGA, VIOMMU: emulated by different code"),
    Row("start of day", "", "", "REALMODE: a PVH VCPU starts in 64-bit mode with paging, and stays there"),
    Row("TSC modes", "", "", "VTSC: PVH is held to never_emulate"),
    Row("MTRRs", "", "", "VMTRR: the memory types of PVH do not come from MTRRs of its own"),
)  # fmt: skip


FAMILIES = tuple(Family(f.accessor, f.words) for f in (*FEATURES, *GROUPS))


def page() -> str:
    """docs/features.md."""
    rows = [f"| {r.title} | {r.hvm or '-'} | {r.pvh or '-'} | {r.decision} |" for r in ROWS]
    flags = [f"| `{f.bit}` | `{f.accessor}(d)` | {f.what} | {f.row or 'not on the board'} |" for f in FEATURES]
    groups = [
        f"`{g.accessor}(d)` asks for any of {', '.join(f'`DOMFEAT_{m}`' for m in g.members)} (`{g.bits}`): {g.what}."
        for g in GROUPS
    ]
    return "\n".join([HEAD, *rows, "", FLAGS, *flags, "", *groups, ""])


HEAD = """\
# The features of an HVM guest

Made from `stages/03_feature_flags/features.py`; a test holds it against that. The rows are those of the
whiteboard in "PVH cleanups after 4.5", then what the code has besides them.

| row | HVM | PVH | decision |
|---|---|---|---|"""
FLAGS = """\
A guest has all of the flags (`DOMFEAT_HVM`) or none (`DOMFEAT_PVH`); PV, idle, dummy, half-created and ARM
domains have none. `domain_create()` sets them together with the guest type, and nobody else does.

| flag | asked by | what | row |
|---|---|---|---|"""
