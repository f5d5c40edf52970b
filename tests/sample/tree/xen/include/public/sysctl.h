/* SPDX-License-Identifier: GPL-2.0-only */
/* What the toolstack asks of the machine. */
#ifndef PUBLIC_SYSCTL_H
#define PUBLIC_SYSCTL_H

#include "xen.h"
#include "domctl.h"

#define XEN_SYSCTL_INTERFACE_VERSION 0x0000000B

struct xen_sysctl_getdomaininfolist {
    domid_t  first_domain;
    uint32_t max_domains;
    struct xen_domctl_getdomaininfo info[1];
};

struct xen_sysctl {
    uint32_t cmd;
#define XEN_SYSCTL_getdomaininfolist  6
    uint32_t interface_version;
    union {
        struct xen_sysctl_getdomaininfolist getdomaininfolist;
        uint8_t                             pad[128];
    } u;
};

#endif /* PUBLIC_SYSCTL_H */
