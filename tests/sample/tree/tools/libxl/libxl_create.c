/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Domain creation, toolstack side.  Not built with the hypervisor.
 */
#include "libxl_internal.h"

int libxl__domain_create_info_fill(libxl_domain_create_info *info)
{
    if (info->type == LIBXL_DOMAIN_TYPE_INVALID)
        return ERROR_INVAL;

    if (info->type == LIBXL_DOMAIN_TYPE_HVM) {
        libxl_defbool_setdefault(&info->hap, true);
        libxl_defbool_setdefault(&info->oos, true);
    } else {
        /* A PVH guest wants nested paging, a classic PV guest cannot. */
        libxl_defbool_setdefault(&info->pvh, false);
        libxl_defbool_setdefault(&info->hap, libxl_defbool_val(info->pvh));
    }

    return 0;
}

int libxl__domain_make(libxl__gc *gc, libxl_domain_create_info *info,
                       uint32_t *domid)
{
    xen_domain_handle_t handle = { 0 };
    int flags, ret;

    flags = 0;
    if (info->type == LIBXL_DOMAIN_TYPE_HVM) {
        flags |= XEN_DOMCTL_CDF_hvm_guest;
        if (!libxl_defbool_val(info->oos))
            flags |= XEN_DOMCTL_CDF_oos_off;
    } else if (libxl_defbool_val(info->pvh)) {
        flags |= XEN_DOMCTL_CDF_pvh_guest;
    }

    if (libxl_defbool_val(info->hap))
        flags |= XEN_DOMCTL_CDF_hap;

    ret = xc_domain_create(gc->xch, info->ssidref, handle, flags, domid);

    return ret < 0 ? ERROR_FAIL : 0;
}
