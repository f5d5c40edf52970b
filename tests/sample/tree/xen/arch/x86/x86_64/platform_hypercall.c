/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls of a 32-bit guest which no table of this directory names. */
#include <xen/lib.h>
#include <public/xen.h>

int compat_platform_op(XEN_GUEST_HANDLE_PARAM(void) u_xenpf_op)
{
    return u_xenpf_op.p ? -ENOSYS : -EFAULT;
}

int compat_mmuext_op(XEN_GUEST_HANDLE_PARAM(void) uops, unsigned int count,
                     XEN_GUEST_HANDLE_PARAM(uint) pdone,
                     unsigned int foreigndom)
{
    if ( !uops.p || foreigndom != DOMID_SELF )
        return -EFAULT;

    if ( pdone.p )
        *pdone.p = count;

    return 0;
}
