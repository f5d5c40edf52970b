/* SPDX-License-Identifier: GPL-2.0-only */
/* What the toolstack may do to a domain. */
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/hypercall.h>
#include <asm/guest_access.h>

static void getdomaininfo(struct domain *d,
                          struct xen_domctl_getdomaininfo *info)
{
    memset(info, 0, sizeof(*info));

    info->domain = d->domain_id;
    if ( d->is_dying )
        info->flags |= XEN_DOMINF_dying;

    switch ( d->guest_type )
    {
    case guest_type_pvh:
        info->flags |= XEN_DOMINF_pvh_guest;
        break;
    case guest_type_hvm:
        info->flags |= XEN_DOMINF_hvm_guest;
        break;
    default:
        break;
    }

    info->tot_pages = d->tot_pages;
    info->max_pages = d->max_pages;
}

static long createdomain(struct xen_domctl *op)
{
    const uint32_t known = XEN_DOMCTL_CDF_hvm_guest | XEN_DOMCTL_CDF_hap |
                           XEN_DOMCTL_CDF_oos_off | XEN_DOMCTL_CDF_pvh_guest;
    uint32_t cdf = op->u.createdomain.flags;
    unsigned int domcr_flags = 0;
    struct domain *d;

    if ( cdf & ~known )
        return -EINVAL;

    /* One type per domain. */
    if ( (cdf & XEN_DOMCTL_CDF_hvm_guest) && (cdf & XEN_DOMCTL_CDF_pvh_guest) )
        return -EINVAL;

    if ( op->domain >= DOMID_FIRST_RESERVED || get_domain_by_id(op->domain) )
        return -EBUSY;

    if ( cdf & XEN_DOMCTL_CDF_hvm_guest )
        domcr_flags |= DOMCRF_hvm;
    if ( cdf & XEN_DOMCTL_CDF_pvh_guest )
        domcr_flags |= DOMCRF_pvh;
    if ( cdf & XEN_DOMCTL_CDF_hap )
        domcr_flags |= DOMCRF_hap;
    if ( cdf & XEN_DOMCTL_CDF_oos_off )
        domcr_flags |= DOMCRF_oos_off;

    d = domain_create(op->domain, domcr_flags, op->u.createdomain.ssidref);

    return IS_ERR(d) ? PTR_ERR(d) : 0;
}

long do_domctl(XEN_GUEST_HANDLE_PARAM(xen_domctl_t) u_domctl)
{
    struct xen_domctl op;
    struct domain *d;
    unsigned int max;
    long ret;

    if ( !current->domain->is_privileged )
        return -EPERM;

    if ( copy_from_guest(&op, u_domctl, 1) )
        return -EFAULT;

    if ( op.interface_version != XEN_DOMCTL_INTERFACE_VERSION )
        return -EINVAL;

    if ( op.cmd == XEN_DOMCTL_createdomain )
        return createdomain(&op);

    d = get_domain_by_id(op.domain);
    if ( d == NULL )
        return -ESRCH;

    switch ( op.cmd )
    {
    case XEN_DOMCTL_getdomaininfo:
        getdomaininfo(d, &op.u.getdomaininfo);
        ret = copy_to_guest(u_domctl, &op, 1) ? -EFAULT : 0;
        break;

    case XEN_DOMCTL_max_vcpus:
        max = op.u.max_vcpus.max;
        ret = -EINVAL;
        if ( max == 0 || max > MAX_VIRT_CPUS ||
             (max > MAX_HVM_VCPUS && is_hvm_domain(d)) )
            break;
        d->max_vcpus = max;
        ret = 0;
        break;

    default:
        ret = -ENOSYS;
        break;
    }

    return ret;
}

long do_sysctl(XEN_GUEST_HANDLE_PARAM(void) u_sysctl)
{
    return guest_handle_is_null(u_sysctl) ? -EFAULT : -ENOSYS;
}

long do_xsm_op(XEN_GUEST_HANDLE_PARAM(void) op)
{
#ifdef XSM_ENABLE
    /* A label server needs a whole machine or none of it. */
    if ( is_pvh_domain(current->domain) || guest_handle_is_null(op) )
        return -EPERM;

    return current->domain->ssidref;
#else
    return -ENOSYS;
#endif
}
