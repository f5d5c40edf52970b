/* SPDX-License-Identifier: GPL-2.0-only */
/* Answers to a guest which asks whom it talks to.  Built twice on x86. */
#ifndef COMPAT
# include <xen/lib.h>
# include <xen/sched.h>
# include <xen/hypercall.h>
# include <asm/guest_access.h>
# include <public/features.h>

/* A 64-bit guest gets a long, see compat/kernel.c for the other. */
# define DO(fn) long do_ ## fn
#endif

#define FEATURE(x) (1U << XENFEAT_ ## x)

DO(xen_version)(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    switch ( cmd )
    {
    case XENVER_version:
        return 0x40005;

    case XENVER_pagesize:
        return guest_handle_is_null(arg) ? PAGE_SIZE : -EINVAL;

    case XENVER_get_features:
    {
        struct domain *d = current->domain;
        xen_feature_info_t fi;

        if ( copy_from_guest(&fi, arg, 1) )
            return -EFAULT;

        if ( fi.submap_idx != 0 )
            return -EINVAL;

        fi.submap = 0;
        if ( is_hardware_domain(d) )
            fi.submap |= FEATURE(dom0);
        if ( paging_mode_translate(d) )
            fi.submap |= FEATURE(writable_page_tables) |
                         FEATURE(auto_translated_physmap);
#ifdef CONFIG_X86
        switch ( d->guest_type )
        {
        case guest_type_pv:
            fi.submap |= FEATURE(mmu_pt_update_preserve_ad) |
                         FEATURE(highmem_assist) |
                         FEATURE(gnttab_map_avail_bits);
            break;
        case guest_type_pvh:
            fi.submap |= FEATURE(hvm_safe_pvclock) |
                         FEATURE(supervisor_mode_kernel) |
                         FEATURE(hvm_callback_vector);
            break;
        case guest_type_hvm:
            fi.submap |= FEATURE(hvm_safe_pvclock) |
                         FEATURE(hvm_callback_vector) |
                         FEATURE(hvm_pirqs);
            break;
        }
#endif

        return copy_to_guest(arg, &fi, 1) ? -EFAULT : 0;
    }
    }

    return -ENOSYS;
}

#undef FEATURE
