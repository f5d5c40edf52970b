/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ASM_X86_VTIMER_H
#define ASM_X86_VTIMER_H

struct vcpu;

struct vtimer {
    uint64_t deadline;
    bool_t   in_use;
};

void vtimer_init(struct vcpu *v);
void vtimer_destroy(struct vcpu *v);
void vtimer_stop(struct vcpu *v);
void vtimer_program(struct vcpu *v, uint64_t deadline);
void vtimer_expired(struct vcpu *v);

#endif /* ASM_X86_VTIMER_H */
