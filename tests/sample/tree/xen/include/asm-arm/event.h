/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ASM_ARM_EVENT_H
#define ASM_ARM_EVENT_H

#include <xen/sched.h>

static inline int local_events_need_delivery(void)
{
    return current->arch.evtchn_pending;
}

static inline void vcpu_mark_events_pending(struct vcpu *v)
{
    v->arch.evtchn_pending = 1;
    isb();
}

#endif /* ASM_ARM_EVENT_H */
