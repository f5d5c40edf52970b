"""Stage 06: PVH leaves the hypercall interface and the domain struct.

The toolstack says what an HVM guest does without; a PVH guest is one that does without all.
"""

from __future__ import annotations

from xenstage.stage.declare import Patch, Stage

from . import interface

STAGE = Stage(
    number=6,
    name="drop_pvh",
    title="xen: drop PVH",
    why_not="its proofs are not complete, and no boot has shown it",
    cover="""
    This is the sixth and last step of the plan "PVH cleanups after 4.5". PVH leaves the hypercall
    interface, the hypervisor's names and struct domain: to Xen, a PVH guest is an HVM guest without
    features.
    """,
    patches=(
        Patch(
            subject="xen: let domain_create()'s caller say the features",
            body="""
            domain_create() derives a domain's features from creation flags that say HVM or PVH. Which
            features a domain has is to become its creator's word. Take them as a parameter.

            Of the {callers} calls only do_domctl()'s makes HVM guests. No functional change.
            """,
            rewrite=interface.say_features,
            names=("domain_create",),
            defines=("domain_create",),
        ),
        Patch(
            subject="xen/domctl, libxc, libxl: create PVH by leaving features out",
            body="""
            """,
            rewrite=interface.without,
            names=(
                "XEN_DOMCTL_CDF_hvm_guest", "_XEN_DOMCTL_CDF_pvh_guest", "XEN_DOMCTL_CDF_pvh_guest",
                "XEN_DOMINF_hvm_guest", "_XEN_DOMINF_pvh_guest", "XEN_DOMINF_pvh_guest",
                "DOMCRF_hvm", "DOMCRF_pvh", "_DOMCRF_pvh", "xc_domain_create",
            ),
            removes=("_XEN_DOMCTL_CDF_pvh_guest", "XEN_DOMCTL_CDF_pvh_guest", "_XEN_DOMINF_pvh_guest",
                     "XEN_DOMINF_pvh_guest", "DOMCRF_pvh", "_DOMCRF_pvh"),
            introduces=("XEN_DOMCTL_WITHOUT_ALL",),
        ),
    ),
)
