/* SPDX-License-Identifier: GPL-2.0-only */
/* The first domain, which no toolstack puts together. */
#include <xen/lib.h>
#include <xen/sched.h>
#include <public/features.h>

void start_first_domain(uint64_t wanted, unsigned int contained);

static void give_frame(struct domain *d, unsigned long pfn, unsigned long mfn)
{
    if ( is_pvh_domain(d) )
    {
        d->tot_pages += pfn != mfn;
        return;
    }

    d->arch.pv_domain.nr_l4_pages += pfn >> 9;
}

static int construct_dom0(struct domain *d, uint64_t wanted)
{
    unsigned long pfn, info = 0;

    if ( is_pvh_domain(d) &&
         !(wanted & (1u << XENFEAT_hvm_callback_vector)) )
    {
        printk("The kernel hears no vectors\n");
        return -EINVAL;
    }

    if ( is_pvh_domain(d) )
        info = PAGE_SIZE;

    for ( pfn = 0; pfn < d->max_pages; pfn++ )
        give_frame(d, pfn, pfn + info);

    return 0;
}

void start_first_domain(uint64_t wanted, unsigned int contained)
{
    unsigned int domcr_flags = 0;
    struct domain *dom0;

    if ( contained )
        domcr_flags |= DOMCRF_pvh | DOMCRF_hap;

    dom0 = domain_create(0, domcr_flags, 0);
    if ( IS_ERR(dom0) || construct_dom0(dom0, wanted) )
        BUG();
}
