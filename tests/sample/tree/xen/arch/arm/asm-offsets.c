/* SPDX-License-Identifier: GPL-2.0-only */
#include <xen/sched.h>

#define OFFSET(sym, t, m) \
    asm volatile ( ".ascii \"@off@ " #sym " %0\"" :: "i" (offsetof(t, m)) )

void offsets(void);

void offsets(void)
{
    OFFSET(VCPU_domain, struct vcpu, domain);
    OFFSET(VCPU_arch, struct vcpu, arch);
    OFFSET(DOMAIN_guest_type, struct domain, guest_type);
}
