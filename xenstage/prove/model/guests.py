"""What the proofs know of Xen's guest types: names, and no values.

Everything else is read from the trees under comparison.  This is the one place to
change when Xen gets another predicate or way of creating a guest.
"""

from __future__ import annotations

# Guest type -> the flags with which domain_create() makes one (xen/include/xen/sched.h).
# "fresh" is a domain before its creation has come to the type, and every idle or dummy
# domain: all its bytes are zero.  "both" is what the flags allow and no tool asks for.
CREATION: dict[str, tuple[str, ...]] = {
    "pv": (),
    "pvh": ("DOMCRF_pvh",),
    "hvm": ("DOMCRF_hvm",),
    "both": ("DOMCRF_hvm", "DOMCRF_pvh"),
}
TYPES = ("pv", "pvh", "hvm")
FRESH = "fresh"
FLAG_PREFIX = "DOMCRF_"
CREATE = ("xen/common/domain.c", "domain_create")
HEADER = "xen/include/xen/sched.h"

# Predicates of a domain; those of a virtual CPU ask its domain.
DOMAIN_PREDICATES = ("is_pv_domain", "is_pvh_domain", "is_hvm_domain", "has_hvm_container_domain")
VCPU_PREDICATES = ("is_pv_vcpu", "is_pvh_vcpu", "is_hvm_vcpu", "has_hvm_container_vcpu")
PREDICATES = (*DOMAIN_PREDICATES, *VCPU_PREDICATES)

# Members of unions: what they hold is true for some types only (struct arch_domain, struct arch_vcpu).
UNION_MEMBERS = {
    "pv_domain": ("pv",),
    "pv_vcpu": ("pv",),
    "hvm_domain": ("pvh", "hvm"),
    "hvm_vcpu": ("pvh", "hvm"),
}

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
