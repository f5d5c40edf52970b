/* SPDX-License-Identifier: GPL-2.0-only */
/* The toolstack's side door. */
#ifndef PUBLIC_DOMCTL_H
#define PUBLIC_DOMCTL_H

#include "xen.h"

#define XEN_DOMCTL_INTERFACE_VERSION 0x0000000a

struct xen_domctl_createdomain {
    uint32_t ssidref;
    /* Is this an HVM guest (as opposed to a PV or a PVH one)? */
#define _XEN_DOMCTL_CDF_hvm_guest     0
#define XEN_DOMCTL_CDF_hvm_guest      (1U<<_XEN_DOMCTL_CDF_hvm_guest)
    /* Nested paging, when the processor has it. */
#define _XEN_DOMCTL_CDF_hap           1
#define XEN_DOMCTL_CDF_hap            (1U<<_XEN_DOMCTL_CDF_hap)
    /* No shadow pages out of step. */
#define _XEN_DOMCTL_CDF_oos_off       3
#define XEN_DOMCTL_CDF_oos_off        (1U<<_XEN_DOMCTL_CDF_oos_off)
    /* Is this a PVH guest? */
#define _XEN_DOMCTL_CDF_pvh_guest     4
#define XEN_DOMCTL_CDF_pvh_guest      (1U<<_XEN_DOMCTL_CDF_pvh_guest)
    uint32_t flags;
};

struct xen_domctl_getdomaininfo {
    domid_t  domain;
    /* The domain is on its way out. */
#define _XEN_DOMINF_dying     0
#define XEN_DOMINF_dying      (1U<<_XEN_DOMINF_dying)
    /* An HVM guest. */
#define _XEN_DOMINF_hvm_guest 1
#define XEN_DOMINF_hvm_guest  (1U<<_XEN_DOMINF_hvm_guest)
    /* A PVH guest. */
#define _XEN_DOMINF_pvh_guest 7
#define XEN_DOMINF_pvh_guest  (1U<<_XEN_DOMINF_pvh_guest)
    uint32_t flags;
    uint64_t tot_pages;
    uint64_t max_pages;
};

struct xen_domctl_max_vcpus {
    uint32_t max;
};

struct xen_domctl {
    uint32_t cmd;
#define XEN_DOMCTL_createdomain      1
#define XEN_DOMCTL_getdomaininfo     5
#define XEN_DOMCTL_max_vcpus        15
    uint32_t interface_version;
    domid_t  domain;
    union {
        struct xen_domctl_createdomain  createdomain;
        struct xen_domctl_getdomaininfo getdomaininfo;
        struct xen_domctl_max_vcpus     max_vcpus;
        uint8_t                         pad[128];
    } u;
};
typedef struct xen_domctl xen_domctl_t;
DEFINE_XEN_GUEST_HANDLE(xen_domctl_t);

#endif /* PUBLIC_DOMCTL_H */
