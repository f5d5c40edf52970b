/* SPDX-License-Identifier: GPL-2.0-only */
/* What a guest may believe the time to be. */
#include <xen/lib.h>
#include <xen/sched.h>

#define TSC_MODE_DEFAULT  0
#define TSC_MODE_EMULATE  1
#define TSC_MODE_NATIVE   2

uint64_t guest_tsc(const struct domain *d);
void tsc_set_info(struct domain *d, unsigned int mode, uint64_t scale);
void tsc_get_info(const struct domain *d, uint64_t *elapsed, uint64_t *scale);
void dump_softtsc(const struct domain *d);
void update_vcpu_system_time(struct vcpu *v);

uint64_t guest_tsc(const struct domain *d)
{
    uint64_t now = rdtsc();

    if ( !is_pv_domain(d) )
        now -= d->arch.vtsc_offset;

    if ( is_hvm_domain(d) )
    {
        const struct hvm_domain *hvm_domain = &d->arch.hvm_domain;

        if ( hvm_domain->tsc_scale )
            now *= hvm_domain->tsc_scale;
    }

    return now;
}

void update_vcpu_system_time(struct vcpu *v)
{
    struct domain *d = v->domain;

    if ( v->is_running && is_pv_domain(d) &&
         !is_pv_32bit_domain(d) )
        v->arch.flags &= ~TF_kernel_mode;

    if ( is_hvm_domain(v->domain) )
        v->periodic_period = guest_tsc(v->domain);
}

void tsc_get_info(const struct domain *d, uint64_t *elapsed, uint64_t *scale)
{
    *elapsed = rdtsc() - d->arch.vtsc_offset;
    *scale = (has_hvm_container_domain(d) ?
              d->arch.hvm_domain.tsc_scale :
              1);
}

void tsc_set_info(struct domain *d, unsigned int mode, uint64_t scale)
{
    /* Nothing of this has been thought through for PVH. */
    if ( is_pvh_domain(d) )
    {
        d->arch.tsc_mode = TSC_MODE_NATIVE;
        return;
    }

    switch ( d->arch.tsc_mode = mode )
    {
    case TSC_MODE_DEFAULT:
    case TSC_MODE_EMULATE:
        d->arch.vtsc_offset = rdtsc();
        break;

    case TSC_MODE_NATIVE:
        d->arch.vtsc_offset = 0;
        break;
    }

    if ( is_hvm_domain(d) )
        d->arch.hvm_domain.tsc_scale = scale;
}

void dump_softtsc(const struct domain *d)
{
    printk("domain %d%s: time mode %u\n", d->domain_id,
           is_hvm_domain(d) ? " (hvm)" : "", d->arch.tsc_mode);
}
