/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ASM_X86_EVENT_H
#define ASM_X86_EVENT_H

#include <xen/sched.h>
#include <asm/hvm/hvm.h>

static inline int pv_events_pending(const struct vcpu *v)
{
    return v->arch.evtchn_pending & 1;
}

static inline int local_events_need_delivery(void)
{
    struct vcpu *v = current;

    return (has_hvm_container_vcpu(v) ? hvm_local_events_pending(v)
                                      : pv_events_pending(v));
}

static inline void vcpu_mark_events_pending(struct vcpu *v)
{
    v->arch.evtchn_pending |= 1;
    if ( is_hvm_pv_evtchn_vcpu(v) )
        hvm_assert_evtchn_irq(v);
    else if ( is_hvm_vcpu(v) && v->is_running )
        v->domain->arch.hvm_domain.irq.gsi_assert_count++;
}

#endif /* ASM_X86_EVENT_H */
