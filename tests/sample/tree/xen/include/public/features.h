/* SPDX-License-Identifier: GPL-2.0-only */
/* Feature bits which a guest may ask for, by submap. */
#ifndef PUBLIC_FEATURES_H
#define PUBLIC_FEATURES_H

#define XENFEAT_writable_page_tables        0
#define XENFEAT_auto_translated_physmap     2
#define XENFEAT_supervisor_mode_kernel      3
#define XENFEAT_mmu_pt_update_preserve_ad   5
#define XENFEAT_highmem_assist              6
#define XENFEAT_gnttab_map_avail_bits       7
#define XENFEAT_hvm_callback_vector         8
#define XENFEAT_hvm_safe_pvclock            9
#define XENFEAT_hvm_pirqs                  10
#define XENFEAT_dom0                       11

struct xen_feature_info {
    unsigned int submap_idx;    /* IN */
    uint32_t     submap;        /* OUT */
};
typedef struct xen_feature_info xen_feature_info_t;

#endif /* PUBLIC_FEATURES_H */
