/* SPDX-License-Identifier: GPL-2.0-only */
/* Giving memory to a domain and taking it away.  Common to all targets. */
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/hypercall.h>
#include <asm/guest_access.h>
#ifdef CONFIG_COMPAT
# include <compat/xen.h>
#endif

static long change_reservation(struct domain *d, unsigned long nr, int sign)
{
    unsigned long i;

    for ( i = 0; i < nr; i++ )
    {
        if ( sign < 0 )
        {
            /* The emulator's view of an HVM guest goes stale here. */
            if ( is_hvm_domain(d)
                 && i % 64 == 63 )
                break;
            if ( d->tot_pages == 0 )
                break;
            d->tot_pages--;
        }
        else if ( d->tot_pages < d->max_pages )
            d->tot_pages++;
        else
            break;
    }

    return i;
}

static int translated(const struct domain *d)
{
    return has_hvm_container_domain(d) || paging_mode_translate(d);
}

long do_memory_op(unsigned long cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    struct xen_memory_reservation res;
    struct domain *d = current->domain;

    switch ( cmd & MEMOP_CMD_MASK )
    {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
        if ( copy_from_guest(&res, arg, 1) )
            return -EFAULT;
        if ( res.domid != DOMID_SELF )
            d = get_domain_by_id(res.domid);
        if ( d == NULL )
            return -ESRCH;
        return change_reservation(
            d, res.nr_extents,
            (cmd & MEMOP_CMD_MASK) == XENMEM_increase_reservation ? 1 : -1);

    case XENMEM_memory_map:
        return translated(d) ? 0 : -ENOSYS;

    case XENMEM_machphys_mapping:
        return is_pv_domain(d) ? 0 : -ENOSYS;
    }

    return -ENOSYS;
}

#ifdef CONFIG_COMPAT
int compat_memory_op(unsigned int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    struct compat_memory_reservation cmp;

    BUILD_BUG_ON(sizeof(cmp) == sizeof(struct xen_memory_reservation));

    if ( copy_from_guest(&cmp, arg, 1) )
        return -EFAULT;

    return change_reservation(current->domain, cmp.nr_extents, cmd ? -1 : 1);
}

int compat_grant_table_op(unsigned int cmd, XEN_GUEST_HANDLE_PARAM(void) uop,
                          unsigned int count)
{
    return do_grant_table_op(cmd, uop, count);
}
#endif

long do_grant_table_op(unsigned int cmd, XEN_GUEST_HANDLE_PARAM(void) uop,
                       unsigned int count)
{
    if ( cmd != GNTTABOP_query_size || guest_handle_is_null(uop) )
        return -ENOSYS;

    return count;
}

long do_tmem_op(XEN_GUEST_HANDLE_PARAM(void) uops)
{
    return guest_handle_is_null(uops) ? -EFAULT : -ENOSYS;
}
