/* SPDX-License-Identifier: GPL-2.0-only */
/* Devices in the hands of guests.  Common to all targets. */
#include <xen/lib.h>
#include <xen/sched.h>

static bool_t iommu_enabled = 1;
static bool_t iommu_strict;

int iommu_domain_init(struct domain *d)
{
    const bool_t wanted = iommu_enabled && !is_pv_domain(d);

    /* The hardware domain in a container cannot do without. */
    if ( is_pvh_domain(d) && is_hardware_domain(d) && !iommu_enabled )
        return -EINVAL;

    d->need_iommu = wanted || (is_hardware_domain(d) && iommu_strict);

    return 0;
}

int iommu_do_domctl(struct domain *d, bool_t enable);

int iommu_do_domctl(struct domain *d, bool_t enable)
{
    if ( is_hvm_domain(d) && iommu_enabled )
        iommu_strict |= enable;

    return !iommu_enabled ? -ENOSYS : has_hvm_container_domain(d) ? 0 : -EPERM;
}

bool_t iommu_use_hap_pt(const struct domain *d);

bool_t iommu_use_hap_pt(const struct domain *d)
{
    ASSERT(d && (is_pv_domain(d) || has_hvm_container_domain(d)));

    return d->need_iommu && !is_pv_domain(d);
}