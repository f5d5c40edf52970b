"""Stage 06: PVH leaves the hypercall interface and the domain struct.

The toolstack says what an HVM guest does without; a PVH guest is one that does without all.
"""

from __future__ import annotations

from xenstage.effect import Made
from xenstage.stage.declare import Patch, Stage

from . import interface, names

GUESTS = (
    Made("pv", (), (("features", "0"),)),
    Made("hvm", ("DOMCRF_hvm",), (("features", "DOMFEAT_HVM"),)),
    Made("pvh", ("DOMCRF_pvh", "DOMCRF_hap"), (("features", "0"),)),
    Made("pvh", ("DOMCRF_hvm", "DOMCRF_hap"), (("features", "0"),)),
)
DROP = Patch(
    subject="xen: drop the PVH flag",
    body="""
    Nothing asks for PVH any more. Drop the flag, its predicates and the name of the empty set of
    features. is_hvm_*() go, too: all tests of them became tests of a feature, or of an HVM container.

    What is left of the word in xen/ is the command line's dom0pvh and documentation for guests.
    """,
    rewrite=names.drop_flag,
    names=(*names.TESTS, "is_pvh", "DOMFEAT_PVH"),
    defines=("struct domain", "domain_create"),
    closed=True,
    removes=("is_pvh", "is_pvh_domain", "is_pvh_vcpu", "is_hvm_domain", "is_hvm_vcpu", "DOMFEAT_PVH"),
)

STAGE = Stage(
    number=6,
    name="drop_pvh",
    title="xen: drop PVH",
    cover="""
    This is the sixth and last step of the plan "PVH cleanups after 4.5". PVH leaves the hypercall
    interface, the hypervisor's names and struct domain: to Xen, a PVH guest is an HVM guest without
    features.
    """,
    check=names.check,
    guests=GUESTS,
    patches=(
        Patch(
            subject="xen: let domain_create()'s caller say the features",
            body="""
            domain_create() derives a domain's features from creation flags that say HVM or PVH. Which
            features a domain has is to become its creator's word. Take them as a parameter.

            Of the {callers} calls only do_domctl()'s makes HVM guests. Everybody gets the features
            that he got.
            """,
            rewrite=interface.say_features,
            names=("domain_create",),
            defines=("domain_create",),
        ),
        Patch(
            subject="xen/domctl, libxc, libxl: create PVH by leaving features out",
            body="""
            A toolstack asks for PVH by a flag of its own beside the one for HVM. To Xen the difference is in
            the features that a guest has. Let the toolstack say that: createdomain gets a field with what an
            HVM guest does without, {bits} bits, and getdomaininfo tells it. 0 is a complete HVM guest, so that
            toolstacks which only ever ask for that, or for PV, pass 0.

            Two sets are accepted: nothing is left out, or everything, which needs HAP. domain_create() refuses
            any other, and any bit for what is no HVM guest, with -EINVAL and a message, before anything is
            allocated.

            The flags' bits, 4 and 7, stay unused. Both interface versions go up: the domctl's because its
            structures change, the sysctl's because getdomaininfo's is the element of getdomaininfolist.
            getdomaininfo() clears what its callers copy to the guest, padding included; do_sysctl() has it on
            its stack.

            To the tools a PVH guest stays what it was: libxl takes it for a PV guest, libxc's info.hvm is
            set for complete HVM guests only. pvh=1 works as before, and libxl's API does not change.
            """,
            intended=(
                "toolstacks need to be rebuilt: domctls and sysctls of older versions are answered -EACCES",
                "creating a PVH domain without HAP is refused by domain_create(), with the same -EINVAL",
            ),
            rewrite=interface.without,
            probes=(
                "dom0-probe:createdomain.pvh_hap=EINVAL",
                "dom0-probe:domctl.version=*",
                "dom0-probe:domctl.as.*=EACCES",
                "dom0-probe:createdomain.as.*=EACCES",
                "dom0-probe:sysctl.as.*=EACCES",
                "dom0-probe:domctl.as.*=ok",
                "dom0-probe:createdomain.as.*=ok",
                "dom0-probe:sysctl.as.*=ok",
                "dom0-probe:getdomaininfolist.element=*",
                "dom0-probe:without.*=EINVAL",
                "dom0-probe:without.none=created:hvm",
                "dom0-probe:without.none.no_hap=created:hvm",
                "dom0-probe:without.all=created:hvm:without_0x*",
                "dom0-probe:without.all.listed=hvm:without_0x*:clean",
            ),
            names=(
                "XEN_DOMCTL_CDF_hvm_guest",
                "_XEN_DOMCTL_CDF_pvh_guest",
                "XEN_DOMCTL_CDF_pvh_guest",
                "XEN_DOMINF_hvm_guest",
                "_XEN_DOMINF_pvh_guest",
                "XEN_DOMINF_pvh_guest",
                "DOMCRF_hvm",
                "DOMCRF_pvh",
                "_DOMCRF_pvh",
                *interface.CREATORS,
            ),
            removes=(
                "_XEN_DOMCTL_CDF_pvh_guest",
                "XEN_DOMCTL_CDF_pvh_guest",
                "_XEN_DOMINF_pvh_guest",
                "XEN_DOMINF_pvh_guest",
                "DOMCRF_pvh",
                "_DOMCRF_pvh",
            ),
            introduces=("XEN_DOMCTL_WITHOUT_ALL",),
            closed=True,
        ),
        Patch(
            subject="x86: let messages and comments say what is meant",
            body="""
            {words} messages and comments speak of PVH. Say what decides instead.
            """,
            rewrite=names.words,
        ),
        Patch(
            subject="x86: name what serves guests without devices for that",
            body="""
            Functions, a label and a variable are named for PVH. What they are about is dom0 in an HVM
            container, or guests without emulated devices. Rename them, and nothing else.
            """,
            rewrite=names.helpers,
            names=(*names.HELPERS, *names.ELSEWHERE),
            removes=tuple(names.HELPERS),
        ),
        DROP,
        Patch(
            subject="docs: say what a PVH guest is to Xen",
            body="""
            Documentation keeps the word: it is what pvh=1 and dom0pvh give. Say what it stands for to Xen. That
            PVH is to become just HVM with some flags is no longer to be done.
            """,
            rewrite=names.documents,
        ),
    ),
)
