/* SPDX-License-Identifier: GPL-2.0-only */
/* Physical interrupts of guests. */
#include <xen/lib.h>
#include <xen/sched.h>

struct pirq_desc {
    int pirq;
    int irq;
    /* From here on for emulated interrupts only. */
    struct {
        int emuirq;
        unsigned int pending;
    } hvm;
};

#define NR_PIRQS 16

#define PIRQ_DESC_SIZE(d)                                       \
    (is_hvm_domain(d) ? sizeof(struct pirq_desc)                \
                      : offsetof(struct pirq_desc, hvm))

static struct pirq_desc pirq_descs[NR_PIRQS];

bool_t hvm_domain_use_pirq(const struct domain *d,
                           const struct pirq_desc *pirq);
int pirq_guest_eoi(struct domain *d, int pirq);

static struct pirq_desc *alloc_pirq_desc(struct domain *d, int pirq)
{
    size_t sz = is_hvm_domain(d) ? sizeof(struct pirq_desc) :
                                   offsetof(struct pirq_desc, hvm);

    ASSERT(sz == PIRQ_DESC_SIZE(d));
    memset(&pirq_descs[pirq], 0, sz);

    /* !is_hvm_domain() includes is_pvh_domain(): no emulation there. */
    if ( is_hvm_domain(d) )
        pirq_descs[pirq].hvm.emuirq = -1;

    return &pirq_descs[pirq];
}

int map_domain_pirq(struct domain *d, int pirq, unsigned int irq)
{
    struct pirq_desc *desc;

    if ( pirq < 0 || pirq >= NR_PIRQS )
        return -EINVAL;

    desc = alloc_pirq_desc(d, pirq);
    if ( desc->irq || (!is_hvm_domain(d) && irq == 0) )
        return -EBUSY;

    desc->pirq = pirq;
    desc->irq = irq;
    d->arch.pirq_irq[pirq] = irq;

    return 0;
}

int domain_pirq_to_irq(const struct domain *d, int pirq)
{
    if ( pirq < 0 || pirq >= NR_PIRQS )
        return 0;

    return d->arch.pirq_irq[pirq];
}

bool_t hvm_domain_use_pirq(const struct domain *d,
                           const struct pirq_desc *pirq)
{
    return pirq && is_hvm_domain(d) &&
           pirq->hvm.emuirq >= 0;
}

int pirq_guest_eoi(struct domain *d, int pirq)
{
    struct pirq_desc *desc = &pirq_descs[pirq];

    if ( !desc->irq )
        return !desc->pirq || (!is_hvm_domain(d) ||
                               desc->hvm.emuirq < 0) ? -ENOENT : 0;

    if ( is_hvm_pv_evtchn_domain(d) && hvm_domain_use_pirq(d, desc) )
        desc->hvm.pending = 0;

    return 0;
}
