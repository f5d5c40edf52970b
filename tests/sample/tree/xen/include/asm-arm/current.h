/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ASM_ARM_CURRENT_H
#define ASM_ARM_CURRENT_H

extern struct vcpu *curr_vcpu;

#define current curr_vcpu

static inline void isb(void)
{
    asm volatile ( "isb" ::: "memory" );
}

#endif /* ASM_ARM_CURRENT_H */
