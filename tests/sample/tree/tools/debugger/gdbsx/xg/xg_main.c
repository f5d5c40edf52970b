/* SPDX-License-Identifier: GPL-2.0-only */
/* A debugger's idea of its domain. */
#include "xg_public.h"

static int _hvm_guest;
static int _pvh_guest;

int xg_attach(int domid)
{
    domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    if (_domctl_hcall(XEN_DOMCTL_getdomaininfo, domid))
        return -1;

    _hvm_guest = (domctl.u.getdomaininfo.flags & XEN_DOMINF_hvm_guest);
    _pvh_guest = (domctl.u.getdomaininfo.flags & XEN_DOMINF_pvh_guest);

    return 0;
}

int xg_can_step(void)
{
    return _hvm_guest || _pvh_guest;
}
