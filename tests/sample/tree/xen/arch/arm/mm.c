/* SPDX-License-Identifier: GPL-2.0-only */
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/hypercall.h>

typedef long arm_hypercall_fn(unsigned long a, unsigned long b,
                              unsigned long c);

#define ENTRY(x) [ __HYPERVISOR_ ## x ] = (arm_hypercall_fn *)do_ ## x

static arm_hypercall_fn *const arm_table[NR_hypercalls] = {
    ENTRY(memory_op),
    ENTRY(domctl),
    ENTRY(sched_op),
    ENTRY(console_io),
    ENTRY(xen_version),
    ENTRY(event_channel_op),
    ENTRY(vcpu_op),
    ENTRY(grant_table_op),
};

void start(struct cpu_user_regs *regs);

void start(struct cpu_user_regs *regs)
{
    unsigned long nr = regs->r[12];

    if ( is_pvh_domain(current->domain) || nr >= NR_hypercalls ||
         !arm_table[nr] )
    {
        regs->r[0] = -ENOSYS;
        return;
    }

    regs->r[0] = arm_table[nr](regs->r[0], regs->r[1], regs->r[2]);
    current->domain->arch.vttbr++;
}
