/* SPDX-License-Identifier: GPL-2.0-only */
/* What the library tells of a domain. */
#include "libxl_internal.h"

static void xcinfo2xlinfo(const xc_domaininfo_t *xcinfo, libxl_dominfo *xlinfo)
{
    xlinfo->domid = xcinfo->domain;
    xlinfo->domain_type = (xcinfo->flags & XEN_DOMINF_hvm_guest) ?
        LIBXL_DOMAIN_TYPE_HVM : LIBXL_DOMAIN_TYPE_PV;
}

int libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *xlinfo, uint32_t domid)
{
    xc_domaininfo_t info;

    if (xc_domain_getinfolist(ctx->xch, domid, 1, &info) != 1)
        return ERROR_FAIL;

    xcinfo2xlinfo(&info, xlinfo);
    return 0;
}
