/* SPDX-License-Identifier: GPL-2.0-only */
/* Operations on physical devices. */
#ifndef PUBLIC_PHYSDEV_H
#define PUBLIC_PHYSDEV_H

#define PHYSDEVOP_irq_status_query  5
#define PHYSDEVOP_eoi              12
#define PHYSDEVOP_map_pirq         13
#define PHYSDEVOP_unmap_pirq       14
#define PHYSDEVOP_pci_mmcfg        24
#define PHYSDEVOP_get_free_pirq    23

struct physdev_map_pirq {
    domid_t       domid;
    int           type;
    unsigned long index;
    int           pirq;
};
typedef struct physdev_map_pirq physdev_map_pirq_t;

struct physdev_eoi {
    uint32_t irq;
};
typedef struct physdev_eoi physdev_eoi_t;

#endif /* PUBLIC_PHYSDEV_H */
