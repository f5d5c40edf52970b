/* SPDX-License-Identifier: GPL-2.0-only */
/* The first domain. */
#include <xen/lib.h>
#include <xen/sched.h>

/* Whether the first domain runs in an HVM container: dom0pvh. */
static bool_t opt_dom0pvh;

struct domain *create_dom0(const char *option);

struct domain *create_dom0(const char *option)
{
    unsigned int domcr_flags = 0;
    struct domain *dom0;

    if ( option && option[0] == 'p' )
        opt_dom0pvh = 1;

    if ( opt_dom0pvh )
        domcr_flags |= DOMCRF_pvh | DOMCRF_hap;

    dom0 = domain_create(0, domcr_flags, 0);
    BUG_ON(IS_ERR(dom0));

    return dom0;
}
