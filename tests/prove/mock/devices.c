/* SPDX-License-Identifier: GPL-2.0-only */
/* Devices that a guest in a container may have: stand-ins with four early returns. */
#include <xen/lib.h>
#include <xen/sched.h>

struct pad { int in_use; };

static struct pad pads[4];

int lamp_init(struct vcpu *v)
{
    if ( is_pvh_vcpu(v) )
    {
        v->is_running = 0;
        return 0;
    }

    v->is_running = pads[0].in_use;

    return 0;
}

void clock_init(struct domain *d)
{
    pads[1].in_use = d->domain_id;
}

void clock_deinit(struct domain *d)
{
    pads[1].in_use = 0;
}

void bell_init(struct domain *d)
{
    pads[2].in_use = d->domain_id;
}

void bell_deinit(struct domain *d)
{
    pads[2].in_use = 0;
}

int devices_init(struct domain *d)
{
    int rc = 0;

    d->arch.hvm_domain.params[0] = 0;

    if ( is_pvh_domain(d) )
        return rc;

    clock_init(d);
    bell_init(d);

    return rc;
}

void devices_relinquish(struct domain *d)
{
    if ( is_pvh_domain(d) )
        return;

    bell_deinit(d);
    if ( d->tot_pages != 0 )
    {
        d->tot_pages = 0;
        pads[3].in_use = 0;
    }
}

void devices_destroy(struct domain *d)
{
    d->arch.hvm_domain.params[0] = 0;

    if ( is_pvh_domain(d) )
        return;

    clock_deinit(d);
}

/* Runs for PV guests as well. */
void tariff_set(struct domain *d, unsigned int mode)
{
    if ( is_pvh_domain(d) )
    {
        d->arch.tsc_mode = 2;
        return;
    }

    d->arch.tsc_mode = mode;
}
