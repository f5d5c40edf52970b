/* SPDX-License-Identifier: GPL-2.0-only */
/* Making and finding domains. */
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/hypercall.h>
#include <asm/guest_access.h>

#define MAX_DOMAINS 4

struct domain *hardware_domain;

static struct domain domain_pool[MAX_DOMAINS];
static struct vcpu vcpu_pool[MAX_DOMAINS][MAX_VIRT_CPUS];
static bool_t domain_used[MAX_DOMAINS];

struct domain *get_domain_by_id(domid_t domid)
{
    unsigned int i;

    for ( i = 0; i < MAX_DOMAINS; i++ )
        if ( domain_used[i] && domain_pool[i].domain_id == domid )
            return &domain_pool[i];

    return NULL;
}

static struct domain *claim_domain(void)
{
    unsigned int i;

    for ( i = 0; i < MAX_DOMAINS; i++ )
    {
        if ( domain_used[i] )
            continue;

        domain_used[i] = 1;
        memset(&domain_pool[i], 0, sizeof(domain_pool[i]));
        domain_pool[i].vcpu[0] = &vcpu_pool[i][0];
        domain_pool[i].vcpu[0]->domain = &domain_pool[i];

        return &domain_pool[i];
    }

    return NULL;
}

struct domain *domain_create(domid_t domid, unsigned int domcr_flags,
                             uint32_t ssidref)
{
    struct domain *d;
    int rc;

    if ( (d = claim_domain()) == NULL )
        return ERR_PTR(-ENOMEM);

    d->domain_id = domid;
    d->ssidref = ssidref;

    if ( domcr_flags & DOMCRF_hvm )
        d->guest_type = guest_type_hvm;
    else if ( domcr_flags & DOMCRF_pvh )
        d->guest_type = guest_type_pvh;
    else
        /* As a domain that is all zeroes says already. */
        d->guest_type = guest_type_pv;

    if ( hardware_domain == NULL && domid == 0 )
    {
        d->is_privileged = 1;
        hardware_domain = d;
    }

    if ( domcr_flags & DOMCRF_dummy )
        return d;

    d->max_vcpus = is_hvm_domain(d) ? MAX_HVM_VCPUS : MAX_VIRT_CPUS;

    rc = arch_domain_create(d, domcr_flags);
    if ( !rc )
        rc = iommu_domain_init(d);
    if ( rc )
    {
        domain_used[d - domain_pool] = 0;
        return ERR_PTR(rc);
    }

    arch_vcpu_initialise(d->vcpu[0]);

    return d;
}

long do_vcpu_op(int cmd, int vcpuid, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    struct domain *d = current->domain;
    struct vcpu *v;

    if ( vcpuid < 0 || vcpuid >= MAX_VIRT_CPUS || !(v = d->vcpu[vcpuid]) )
        return -ENOENT;

    switch ( cmd )
    {
    case VCPUOP_up:
        if ( !v->is_initialised )
            return -EINVAL;
        v->is_running = 1;
        return 0;

    case VCPUOP_stop_periodic_timer:
        v->periodic_period = 0;
        return 0;

    case VCPUOP_set_periodic_timer:
        if ( copy_from_guest(&v->periodic_period, arg, 1) )
            return -EFAULT;
        return 0;

    case VCPUOP_register_vcpu_info:
        /* PV and PVH guests bring their own page. */
        return is_hvm_vcpu(v) && guest_handle_is_null(arg) ? -EINVAL : 0;
    }

    return -ENOSYS;
}

long do_sched_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    if ( guest_handle_is_null(arg) )
        return -EFAULT;

    current->is_running = !cmd;

    return 0;
}

long do_set_timer_op(int64_t when)
{
    current->periodic_period = when;

    return 0;
}

#ifdef CONFIG_COMPAT
int compat_vcpu_op(int cmd, int vcpuid, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    ASSERT(!is_pvh_vcpu(current));

    return do_vcpu_op(cmd, vcpuid, arg);
}

int compat_sched_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    return do_sched_op(cmd, arg);
}

int compat_set_timer_op(uint32_t lo, int hi)
{
    return do_set_timer_op(((int64_t)hi << 32) | lo);
}
#endif
