/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ASM_X86_GUEST_ACCESS_H
#define ASM_X86_GUEST_ACCESS_H

#include <xen/sched.h>
#include <asm/hvm/hvm.h>

/* Returns the number of bytes which were left over. */
static inline unsigned long copy_user(void *to, const void *from,
                                      unsigned long len)
{
    asm volatile ( "rep movsb"
                   : "+D" (to), "+S" (from), "+c" (len)
                   :: "memory" );

    return len;
}

#define raw_copy_to_guest(to, from, n)                           \
    (has_hvm_container_vcpu(current) ? copy_to_user_hvm(to, from, n) : \
                                       copy_user(to, from, n))
#define raw_copy_from_guest(to, from, n)         \
    (has_hvm_container_vcpu(current)             \
     ? copy_from_user_hvm(to, from, n)           \
     : copy_user(to, from, n))

#define guest_handle_is_null(hnd) ((hnd).p == NULL)

#define copy_to_guest(hnd, ptr, nr) \
    raw_copy_to_guest((void *)(hnd).p, (ptr), sizeof(*(ptr)) * (nr))
#define copy_from_guest(ptr, hnd, nr) \
    raw_copy_from_guest((ptr), (const void *)(hnd).p, sizeof(*(ptr)) * (nr))

#endif /* ASM_X86_GUEST_ACCESS_H */
