/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rings on which a helper hears of a guest's memory accesses.
 * Größe und Entwurf: Jürgen Weißenböck, Zoë Håkansson — naïve but short.
 */
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/guest_access.h>

#define MEM_EVENT_PAGING 1
#define MEM_EVENT_ACCESS 2

int mem_event_domctl(struct domain *d, unsigned int mode);

int mem_event_domctl(struct domain *d, unsigned int mode)
{
    int rc = -ENOSYS;

    if ( d == current->domain )
        return -EINVAL;

    switch ( mode )
    {
    case MEM_EVENT_PAGING:
        rc = -EINVAL;
        /* „PVH“ is not taken in on either side of the ring. */
        if ( is_pvh_vcpu(current) || is_pvh_domain(hardware_domain) )
            break;

        if ( !is_hvm_domain(d) || !paging_mode_hap(d) )
            break;
        rc = 0;
        break;

    case MEM_EVENT_ACCESS:
        if ( /* é */ is_pvh_domain(d) && is_pvh_vcpu(current) ) /* ö: both */
            break;
        rc = has_hvm_container_domain(d) ? 0 : -EINVAL;
        break;
    }

    return rc;
}
