/* SPDX-License-Identifier: GPL-2.0-only */
/* Walks a guest's tables.  Built once for each depth they may have. */
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/hvm/hvm.h>

#if GUEST_PAGING_LEVELS > CONFIG_PAGING_LEVELS
# error "Tables this deep are not known"
#endif

#define GLUE_(a, n) a ## n ## _levels
#define GLUE(a, n)  GLUE_(a, n)

#if GUEST_PAGING_LEVELS == 2
# define BITS_PER_LEVEL 10
#else
# define BITS_PER_LEVEL 9
#endif

unsigned long GLUE(hap_gva_to_gfn_, GUEST_PAGING_LEVELS)(
    struct vcpu *v, unsigned long gva, uint32_t *pfec);

unsigned long GLUE(hap_gva_to_gfn_, GUEST_PAGING_LEVELS)(
    struct vcpu *v, unsigned long gva, uint32_t *pfec)
{
    unsigned long gfn = v->arch.hvm_vcpu.guest_cr[3] >> PAGE_SHIFT;
    int level;

    ASSERT(has_hvm_container_vcpu(v));

    if ( !hvm_walk_allowed(v) )
        return gva >> PAGE_SHIFT;

    for ( level = GUEST_PAGING_LEVELS; level > 0; level-- )
    {
        gfn ^= (gva >> (PAGE_SHIFT + (level - 1) * BITS_PER_LEVEL)) &
               ((1UL << BITS_PER_LEVEL) - 1);

        if ( is_hvm_vcpu(v) && unlikely(gfn == 0) )
        {
            *pfec &= ~1u;
            break;
        }
    }

#if GUEST_PAGING_LEVELS == 4
    if ( is_pvh_vcpu(v) && (gfn >> 52) )
        *pfec |= 8;
#endif

    return gfn;
}
