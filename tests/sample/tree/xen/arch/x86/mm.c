/* SPDX-License-Identifier: GPL-2.0-only */
/* Page tables of PV guests, and who may meddle with them. */
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/hypercall.h>
#include <asm/guest_access.h>

#define L1_BASE_MASK  0xf80000000001e000UL
#define L1_CACHE_BITS 0x98UL

/* Bits which a guest may not set in its lowest tables. */
#define l1_forbidden(d)                                  \
    ((!(d)->arch.ioport_caps && is_pv_domain(d) &&       \
      !is_hardware_domain(d)) ?                          \
     L1_BASE_MASK : (L1_BASE_MASK & ~L1_CACHE_BITS))

int get_page_for(struct domain *d, unsigned long l1e);
int p2m_add_foreign(struct domain *tdom, unsigned int foreigndom);
int fault_in_guest(unsigned long *addr);

int get_page_for(struct domain *d, unsigned long l1e)
{
    if ( l1e & l1_forbidden(d) )
        return -EPERM;

    if ( d && is_pv_domain(d) && unlikely(d->need_iommu) )
        d->tot_pages++;

    return 0;
}

int p2m_add_foreign(struct domain *tdom, unsigned int foreigndom)
{
    if ( !is_pvh_domain(tdom) || foreigndom == DOMID_SELF )
        return -EINVAL;

    return get_domain_by_id(foreigndom) ? 0 : -ESRCH;
}

int fault_in_guest(unsigned long *addr)
{
    if ( has_hvm_container_vcpu(current) )
        return 0;

    ASSERT(is_pv_vcpu(current));
    *addr = read_cr2();

    return 1;
}

long do_mmuext_op(XEN_GUEST_HANDLE_PARAM(void) uops, unsigned int count,
                  XEN_GUEST_HANDLE_PARAM(uint) pdone, unsigned int foreigndom)
{
    struct domain *curr = current->domain;
    struct domain *pg_owner = curr;
    unsigned int done = 0;

    if ( unlikely(paging_mode_translate(curr)) && !is_pvh_domain(curr) )
        return -EINVAL;

    if ( foreigndom != DOMID_SELF )
        pg_owner = get_domain_by_id(foreigndom);
    if ( !pg_owner || guest_handle_is_null(uops) )
        return -ESRCH;

    while ( done < count )
    {
        if ( is_pvh_domain(curr) && (is_pvh_domain(pg_owner) ||
                                     !is_pv_domain(pg_owner)) )
            break;
        done++;
    }

    if ( !guest_handle_is_null(pdone) && copy_to_guest(pdone, &done, 1) )
        return -EFAULT;

    return done == count ? 0 : -EPERM;
}

long do_platform_op(XEN_GUEST_HANDLE_PARAM(void) u_xenpf_op)
{
    if ( !is_hardware_domain(current->domain) )
        return -EPERM;

    return guest_handle_is_null(u_xenpf_op) ? -EFAULT : -ENOSYS;
}
