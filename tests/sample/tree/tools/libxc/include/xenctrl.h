/* SPDX-License-Identifier: GPL-2.0-only */
/* The toolstack's way to the hypervisor.  Not built with it. */
#ifndef XENCTRL_H
#define XENCTRL_H

#include <xen/domctl.h>

typedef struct xc_dominfo {
    uint32_t     domid;
    unsigned int hvm:1, pvh:1;
} xc_dominfo_t;

typedef struct xen_domctl_getdomaininfo xc_domaininfo_t;

int xc_domain_create(xc_interface *xch, uint32_t ssidref,
                     xen_domain_handle_t handle,
                     uint32_t flags,
                     uint32_t *pdomid);
int xc_domain_getinfo(xc_interface *xch, uint32_t first, xc_dominfo_t *info);

#endif /* XENCTRL_H */
