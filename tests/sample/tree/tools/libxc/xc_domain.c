/* SPDX-License-Identifier: GPL-2.0-only */
/* Domains, as the toolstack asks for them. */
#include "xc_private.h"

int xc_domain_create(xc_interface *xch, uint32_t ssidref,
                     xen_domain_handle_t handle,
                     uint32_t flags,
                     uint32_t *pdomid)
{
    DECLARE_DOMCTL;
    int rc;

    domctl.cmd = XEN_DOMCTL_createdomain;
    domctl.domain = *pdomid;
    domctl.u.createdomain.ssidref = ssidref;
    domctl.u.createdomain.flags = flags;

    rc = do_domctl(xch, &domctl);
    if ( !rc )
        *pdomid = domctl.domain;

    return rc;
}

int xc_domain_getinfo(xc_interface *xch, uint32_t first, xc_dominfo_t *info)
{
    DECLARE_DOMCTL;

    domctl.cmd = XEN_DOMCTL_getdomaininfo;
    domctl.domain = first;
    if ( do_domctl(xch, &domctl) < 0 )
        return -1;

    info->domid = domctl.u.getdomaininfo.domain;
    info->hvm = !!(domctl.u.getdomaininfo.flags & XEN_DOMINF_hvm_guest);
    info->pvh = !!(domctl.u.getdomaininfo.flags & XEN_DOMINF_pvh_guest);

    return 0;
}
