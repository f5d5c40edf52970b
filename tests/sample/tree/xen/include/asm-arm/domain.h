/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ASM_ARM_DOMAIN_H
#define ASM_ARM_DOMAIN_H

struct cpu_user_regs
{
    unsigned long r[13];
    unsigned long sp, lr, pc;
};

struct hvm_domain
{
    uint64_t params[8];
};

struct arch_domain
{
    struct hvm_domain hvm_domain;
    unsigned int      vmid;
    uint64_t          vttbr;
    int               spi_irq[16];
};

struct arch_vcpu
{
    struct cpu_user_regs user_regs;
    uint8_t              evtchn_pending;
};

/* Second stage tables are always on. */
#define paging_mode_translate(d) ((void)(d), 1)

#endif /* ASM_ARM_DOMAIN_H */
