/* SPDX-License-Identifier: GPL-2.0-only */
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/asm-offsets.h>
#include <asm/guest_access.h>

struct vcpu *curr_vcpu;

int arch_domain_create(struct domain *d, unsigned int domcr_flags)
{
    /* Guests of this target are made as PV guests, and run as none. */
    if ( !is_pv_domain(d) || (domcr_flags & DOMCRF_oos_off) )
        return -EINVAL;

    d->arch.vmid = d->domain_id + 1;
    d->max_pages = 1024;

    return 0;
}

void arch_vcpu_initialise(struct vcpu *v)
{
    BUILD_BUG_ON(VCPU_domain != offsetof(struct vcpu, domain));

    ASSERT(!has_hvm_container_vcpu(v));
    v->is_initialised = 1;
}

int map_domain_pirq(struct domain *d, int pirq, unsigned int irq)
{
    if ( pirq < 0 || pirq >= ARRAY_SIZE(d->arch.spi_irq) )
        return -EINVAL;

    d->arch.spi_irq[pirq] = irq;

    return 0;
}

int domain_pirq_to_irq(const struct domain *d, int pirq)
{
    return (unsigned int)pirq < ARRAY_SIZE(d->arch.spi_irq)
           ? d->arch.spi_irq[pirq] : 0;
}

unsigned long raw_copy_to_guest(void *to, const void *from, unsigned int len)
{
    memcpy(to, from, len);

    return 0;
}

unsigned long raw_copy_from_guest(void *to, const void *from, unsigned int len)
{
    memcpy(to, from, len);

    return 0;
}
