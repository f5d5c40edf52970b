/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ASM_ARM_GUEST_ACCESS_H
#define ASM_ARM_GUEST_ACCESS_H

#include <xen/sched.h>

unsigned long raw_copy_to_guest(void *to, const void *from, unsigned int len);
unsigned long raw_copy_from_guest(void *to, const void *from,
                                  unsigned int len);

#define guest_handle_is_null(hnd) ((hnd).p == NULL)

#define copy_to_guest(hnd, ptr, nr) \
    raw_copy_to_guest((void *)(hnd).p, (ptr), sizeof(*(ptr)) * (nr))
#define copy_from_guest(ptr, hnd, nr) \
    raw_copy_from_guest((ptr), (const void *)(hnd).p, sizeof(*(ptr)) * (nr))

#endif /* ASM_ARM_GUEST_ACCESS_H */
