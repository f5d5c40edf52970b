/* SPDX-License-Identifier: GPL-2.0-only */
/* Operations on physical devices.  Built twice, see x86_64/physdev.c. */
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/hypercall.h>
#include <asm/guest_access.h>

#ifndef COMPAT
typedef long ret_t;
#endif

static int physdev_map(physdev_map_pirq_t *map)
{
    struct domain *d = current->domain;

    if ( is_hvm_domain(d) && map->domid == DOMID_SELF )
        /* An emulated interrupt, no physical one stands behind it. */
        return map->type == 0 ? map_domain_pirq(d, map->pirq, 0) : -EINVAL;

    if ( map->domid != DOMID_SELF )
        d = get_domain_by_id(map->domid);

    return d ? map_domain_pirq(d, map->pirq, map->index) : -ESRCH;
}

ret_t do_physdev_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    struct vcpu *v = current;
    physdev_map_pirq_t map;
    uint32_t irq;

    switch ( cmd )
    {
    case PHYSDEVOP_eoi:
        if ( copy_from_guest(&irq, arg, 1) )
            return -EFAULT;
        if ( is_pv_domain(v->domain) ||
             domain_pirq_to_irq(v->domain, irq) > 0 )
            v->arch.evtchn_pending = 0;
        if ( is_hvm_domain(v->domain) &&
             domain_pirq_to_irq(v->domain, irq) == 0 )
            return -EINVAL;
        return 0;

    case PHYSDEVOP_irq_status_query:
        if ( copy_from_guest(&irq, arg, 1) )
            return -EFAULT;
        irq = (is_hvm_domain(v->domain) &&
               domain_pirq_to_irq(v->domain, irq) <= 0) ? 1 : 0;
        return copy_to_guest(arg, &irq, 1) ? -EFAULT : 0;

    case PHYSDEVOP_map_pirq:
        if ( copy_from_guest(&map, arg, 1) )
            return -EFAULT;
        return physdev_map(&map);

    case PHYSDEVOP_pci_mmcfg:
        if ( is_pvh_vcpu(current) || !is_hardware_domain(current->domain) )
            return -ENOSYS;
        return 0;
    }

    return -ENOSYS;
}
