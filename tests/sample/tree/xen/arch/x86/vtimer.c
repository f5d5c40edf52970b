/* SPDX-License-Identifier: GPL-2.0-only */
/* Timers which a guest takes for hardware. */
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/vtimer.h>

#define NR_VTIMERS 8

static struct vtimer vtimers[NR_VTIMERS];

static struct vtimer *alloc_vtimer(unsigned int nr)
{
    struct vtimer *t = &vtimers[nr % NR_VTIMERS];

    t->in_use = 1;

    return t;
}

static void free_vtimer(struct vtimer *t)
{
    if ( t )
        t->in_use = 0;
}

void vtimer_init(struct vcpu *v)
{
    v->arch.vtimer = alloc_vtimer(v->vcpu_id);
    v->arch.vtimer->deadline = 0;
}

void vtimer_destroy(struct vcpu *v)
{
    free_vtimer(v->arch.vtimer);
    v->arch.vtimer = NULL;
}

void vtimer_stop(struct vcpu *v)
{
    v->arch.vtimer->deadline = 0;
}

void vtimer_program(struct vcpu *v, uint64_t deadline)
{
    struct domain *d = v->domain;

    vtimer_stop(v);

    if ( is_pvh_vcpu(v) )
        return;

    if ( is_hvm_domain(d) )
        v->periodic_period = deadline;
    else
        v->periodic_period = 0;
}

void vtimer_expired(struct vcpu *v)
{
    /* Without devices there is no line to assert. */
    if ( !is_pvh_domain(v->domain) && v->arch.vtimer->deadline )
        v->arch.evtchn_pending = 1;
}
