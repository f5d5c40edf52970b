/* SPDX-License-Identifier: GPL-2.0-only */
/* What kind of domain it is, to the library's callers. */
#include "libxl_internal.h"

libxl_domain_type libxl__domain_type(libxl__gc *gc, uint32_t domid)
{
    xc_domaininfo_t info;

    if (xc_domain_getinfolist(gc->xch, domid, 1, &info) != 1)
        return LIBXL_DOMAIN_TYPE_INVALID;

    if (info.flags & XEN_DOMINF_hvm_guest)
        return LIBXL_DOMAIN_TYPE_HVM;

    return LIBXL_DOMAIN_TYPE_PV;
}
