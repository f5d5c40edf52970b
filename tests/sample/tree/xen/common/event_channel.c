/* SPDX-License-Identifier: GPL-2.0-only */
/* Ports, and interrupts which are bound to them.  Common to all targets. */
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/hypercall.h>
#include <asm/event.h>
#include <asm/guest_access.h>

#define ECS_FREE 0
#define ECS_PIRQ 1
#define ECS_IPI  2

static int get_free_port(struct domain *d)
{
    int port;

    for ( port = 1; port < NR_EVENT_CHANNELS; port++ )
        if ( d->evtchn[port].state == ECS_FREE )
            return port;

    return -ENOMEM;
}

static int bind_pirq(struct domain *d, uint32_t pirq)
{
    int port;

    if ( pirq >= ARRAY_SIZE(d->evtchn) )
        return -EINVAL;

    /* An HVM guest's interrupts were checked when it mapped them. */
    if ( !is_hvm_domain(d) && domain_pirq_to_irq(d, pirq) <= 0 )
        return -EPERM;

#ifdef XSM_ENABLE
    if ( is_pv_domain(d) && d->ssidref == 0 )
        return -EPERM;
#endif

    port = get_free_port(d);
    if ( port < 0 )
        return port;

    d->evtchn[port].state = ECS_PIRQ;
    d->evtchn[port].pirq = pirq;
    if ( (is_hvm_domain(d)
          ? domain_pirq_to_irq(d, pirq)
          : map_domain_pirq(d, pirq, pirq)) < 0 )
        d->evtchn[port].state = ECS_FREE;

    return port;
}

static void close_port(struct domain *d1, int port)
{
    struct evtchn *chn = &d1->evtchn[port];

    if ( chn->state == ECS_PIRQ )
    {
        if ( !is_hvm_domain(d1) )
            chn->pirq = 0;
        if ( is_hvm_domain(d1) && domain_pirq_to_irq(d1, chn->pirq) > 0 )
            printk("port %d closed under an emulated interrupt\n", port);
    }

    chn->state = ECS_FREE;
}

static void send_to(struct domain *d, int port)
{
    struct evtchn *chn = &d->evtchn[port];
    struct vcpu *v = d->vcpu[chn->notify_vcpu_id];

    switch ( chn->state )
    {
    case ECS_PIRQ:
        /* Only emulated hardware has somebody to write to such a port. */
        BUG_ON(!is_hvm_domain(d));
        break;

    case ECS_IPI:
        vcpu_mark_events_pending(v);
        break;
    }
}

long do_event_channel_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    struct domain *d = current->domain;
    uint32_t val;

    if ( copy_from_guest(&val, arg, 1) )
        return -EFAULT;

    if ( cmd == 0 )
        return bind_pirq(d, val);

    if ( val >= NR_EVENT_CHANNELS )
        return -EINVAL;

    if ( cmd == 1 )
        close_port(d, val);
    else
        send_to(d, val);

    return local_events_need_delivery();
}
