/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of a domain's life which x86 looks after. */
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/hypercall.h>
#include <asm/event.h>
#include <asm/guest_access.h>
#include <asm/hvm/devices.h>
#include <asm/hvm/hvm.h>
#include <asm/vtimer.h>

void arch_dump_domain(const struct domain *d);
void arch_vcpu_destroy(struct vcpu *v);
void arch_domain_destroy(struct domain *d);
int arch_domain_soft_reset(struct domain *d);
bool_t domain_is_empty(const struct domain *d);
int arch_set_info_guest(struct vcpu *v, unsigned int flags);
void context_switch(struct vcpu *prev, struct vcpu *next);
void vcpu_kick_idle(struct vcpu *v);

static unsigned int pv_switches, hvm_switches;

bool_t domain_is_empty(const struct domain *d)
{
    return (d->tot_pages == 0 && !is_hvm_domain(d));
}

int arch_domain_create(struct domain *d, unsigned int domcr_flags)
{
    bool_t hap = has_hvm_container_domain(d) && (domcr_flags & DOMCRF_hap);

    d->max_pages = 4096;

    if ( is_pvh_domain(d) && !hap )
    {
        printk("PVH without nested paging: not today\n");
        return -EINVAL;
    }

    if ( has_hvm_container_domain(d) )
    {
        int rc = hvm_domain_initialise(d);

        if ( !rc )
            rc = hvm_devices_initialise(d);
        if ( rc )
            return rc;
        d->arch.paging.mode = PG_translate | (hap ? PG_hap : 0);
        d->arch.hvm_domain.hap_enabled = hap;
    }
    else
        d->arch.pv_domain.nr_l4_pages = 1;

    d->arch.vtsc_offset = is_pv_domain(d) ? 0 : rdtsc();

#ifndef NDEBUG
    if ( is_hvm_domain(d) && paging_mode_hap(d) )
        printk("domain %d walks its own tables\n", d->domain_id);
#endif

    return 0;
}

void arch_domain_destroy(struct domain *d)
{
    if ( has_hvm_container_domain(d) )
        hvm_devices_destroy(d);
}

void arch_vcpu_initialise(struct vcpu *v)
{
    if ( is_pv_vcpu(v) )
        v->arch.pv_vcpu.ctrlreg[0] = 0x80000001;
    else if ( is_pvh_vcpu(v) || is_hvm_vcpu(v) )
        BUG_ON(hvm_vcpu_initialise(v));
    else
        BUG();

    vtimer_init(v);
    v->is_initialised = 1;
}

void arch_vcpu_destroy(struct vcpu *v)
{
    vtimer_destroy(v);
    v->is_initialised = 0;
}

int arch_set_info_guest(struct vcpu *v, unsigned int flags)
{
    const struct domain *d = v->domain;

    /* Whoever sits in a container always runs "in kernel mode". */
    if ( (flags & TF_kernel_mode) || has_hvm_container_vcpu(v)/* see above */ )
        v->arch.flags |= TF_kernel_mode;

    if ( (is_pv_domain(d) && !is_pv_32bit_domain(d) &&
          v->arch.guest_table == 0) ||
         (has_hvm_container_domain(d) &&
          !(is_pvh_domain(d) || hvm_paging_enabled(v)) &&
          v->is_initialised) )
        return -EINVAL;

    if ( v->is_initialised || is_hvm_vcpu(v) )
        return 0;

    return is_pv_vcpu(v) ? arch_domain_soft_reset(v->domain) : -ENOSYS;
}

int arch_domain_soft_reset(struct domain *d)
{
    struct vcpu *v;
    unsigned int i;

    for_each_vcpu ( d, v, i )
        if ( !is_pvh_vcpu(v) )
            v->arch.evtchn_pending = 0;

#if 0
    /* Not before the tables of such a guest can be found again. */
    if ( is_pvh_domain(d) || !is_hvm_domain(d) )
        hap_teardown(d);
#endif

    return 0;
}

static void note_pv(struct vcpu *v)
{
    pv_switches++;
    v->arch.pv_vcpu.kernel_sp = v->arch.user_regs.rsp;
}

static void note_hvm(struct vcpu *v)
{
    hvm_switches++;
    hvm_devices_migrate(v);
    v->arch.hvm_vcpu.hcall_preempted = 0;
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
    ASSERT(prev != next || is_pv_vcpu(next));

    is_pv_vcpu(prev) ? note_pv(prev) : note_hvm(prev);

    if ( is_hvm_vcpu(prev) )
        prev->arch.evtchn_pending = 0;

    if ( is_pv_vcpu(next) &&
         (prev->domain != next->domain ||
          has_hvm_container_vcpu(prev) ||
          is_pv_32bit_vcpu(next)) )
        next->arch.flags &= ~TF_kernel_mode;

    if (is_hvm_vcpu(next) && next->vcpu_id)
        cpu_relax();
}

void vcpu_kick_idle(struct vcpu *v)
{
    if ( is_pv_vcpu(current) ? is_pv_32bit_vcpu(v) : !is_hvm_vcpu(v) )
        vcpu_mark_events_pending(v);
    else if ( unlikely(is_pvh_vcpu(current)) && local_events_need_delivery() )
        printk("is_pvh_vcpu(current) held while the vcpu was idle\n");
}

void arch_dump_domain(const struct domain *d)
{
    printk("domain %d: %s%s\n", d->domain_id, domain_kind(d),
           has_hvm_container_domain(d) ? ", contained" : "");
}

long paging_domctl_continuation(XEN_GUEST_HANDLE_PARAM(void) u_domctl)
{
    const bool_t in_container = has_hvm_container_vcpu(current);

    if ( guest_handle_is_null(u_domctl) )
        return -EFAULT;

    return in_container ? 0 : -EPERM;
}
