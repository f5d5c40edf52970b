"""What the proofs know of Xen's guest types beforehand: names of places, and no values.

Which guests there are, how their domains are told apart and what a predicate answers is
read from the trees under comparison.  This is the one place to change when Xen creates
its domains elsewhere.
"""

from __future__ import annotations

# The function that makes a domain, and how the names of its flags begin; a guest made
# without any flag is PLAIN.  FRESH is a domain before its creation has come to the type:
# all its bytes are zero.
CREATE = ("xen/common/domain.c", "domain_create")
FLAG_PREFIX = "DOMCRF_"
PLAIN = "pv"
FRESH = "fresh"
HEADER = "xen/include/xen/sched.h"

# Members of unions (struct arch_domain, struct arch_vcpu): whether what they hold is that of
# a guest made without any flag, or that of all the others.
UNION_MEMBERS = {"pv_domain": True, "pv_vcpu": True, "hvm_domain": False, "hvm_vcpu": False}

# The dispatcher of guests in HVM containers: file, function, the variable that is the guest's
# mode with its values (bytes of an address), and the one that is the hypercall's number.
DISPATCH = ("xen/arch/x86/hvm/hvm.c", "hvm_do_hypercall")
DISPATCH_ARCH = "x86_64"  # configurations whose binaries hold it
MODES = {"64": 8, "32": 4}
MODE_FUNCTION = "hvm_guest_x86_mode"
CURRENT = "current->domain"
PROTOTYPES = ("xen/include/xen/hypercall.h", "xen/include/asm-x86/hypercall.h")
COUNT = "NR_hypercalls"
NUMBER_PREFIX = "__HYPERVISOR_"
# PV guests' tables in assembly (source, 64-bit symbol; source, 32-bit symbol).
PV_TABLES = {
    "64": ("xen/arch/x86/x86_64/entry.S", "hypercall_table"),
    "32": ("xen/arch/x86/x86_64/compat/entry.S", "compat_hypercall_table"),
}
ABSENT_HANDLER = "do_ni_hypercall"

# Where the way up from a function ends because what calls it there runs for guests in HVM
# containers only.  By current: assembly of the VM exits; the operations of the emulators of
# such guests; the rows of their hypercall tables (those of DISPATCH); handlers of ports and of
# memory that their domains register.  By parameter: what the vendors' tables hold, which Xen
# calls for a virtual CPU or domain in a container.
CONTAINER_CODE = "xen/arch/x86/hvm/"
CONTAINER_TABLES = (  # struct, whether its members' parameters are a container's, whether current is
    ("hvm_function_table", True, False),
    ("hvm_mmio_handler", True, True),
)
CONTAINER_VARIABLES = r"hvm_emulate_ops|hvm_shadow_emulator_ops"
CONTAINER_REGISTRARS = ("register_portio_handler", "register_buffered_io_handler", "register_io_handler")
# Members of struct arch_vcpu that hold functions, each called with the virtual CPU that holds
# it; whether that one is current then (context_switch() in arch/x86/domain.c).
STORED = {"schedule_tail": True, "ctxt_switch_from": False, "ctxt_switch_to": False}
# Calls that data keep to such guests, which no text says: (what is called, by what) and why.
CONTAINER_CALLS = {
    ("handle_mmio_with_translation", "sh_page_fault"): "a frame of the device model's is in an HVM guest's p2m only",
}
