/* SPDX-License-Identifier: GPL-2.0-only */
#include <xen/sched.h>

#define OFFSET(sym, t, m) \
    asm volatile ( ".ascii \"@off@ " #sym " %0\"" :: "i" (offsetof(t, m)) )

void offsets(void);

void offsets(void)
{
    OFFSET(UREGS_rax, struct cpu_user_regs, rax);
    OFFSET(UREGS_rsp, struct cpu_user_regs, rsp);
    OFFSET(VCPU_domain, struct vcpu, domain);
    OFFSET(DOMAIN_guest_type, struct domain, guest_type);
}
