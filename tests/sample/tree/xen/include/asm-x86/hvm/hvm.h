/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ASM_X86_HVM_HVM_H
#define ASM_X86_HVM_HVM_H

#include <xen/sched.h>

#define HVM_HCALL_completed  0
#define HVM_HCALL_preempted  1
#define HVM_HCALL_invalidate 2

#define HVMPV_base_freq 1

/* Only a fully virtual guest can have Viridian's enlightenments. */
#define is_viridian_domain(d) \
    (is_hvm_domain(d) && (d)->arch.hvm_domain.viridian)

#define hvm_paging_enabled(v) (!!((v)->arch.hvm_vcpu.guest_cr[0] & 0x80000000u))

/* A page table walk by software needs the guest to be in a container. */
#define hvm_walk_allowed(v) ({                              \
    struct vcpu *v_ = (v);                                  \
    has_hvm_container_vcpu(v_) &&                           \
    (is_pvh_vcpu(v_) || hvm_paging_enabled(v_));            \
})

static inline int hvm_guest_x86_mode(const struct vcpu *v)
{
    if ( v->arch.hvm_vcpu.long_mode )
        return 8;

    return hvm_paging_enabled(v) ? 4 : 0;
}

static inline int hvm_local_events_pending(const struct vcpu *v)
{
    return !is_pvh_vcpu(v) && (v->arch.evtchn_pending & 1);
}

unsigned long copy_to_user_hvm(void *to, const void *from, unsigned long len);
unsigned long copy_from_user_hvm(void *to, const void *from,
                                 unsigned long len);
void hvm_assert_evtchn_irq(struct vcpu *v);
int hvm_domain_initialise(struct domain *d);
int hvm_vcpu_initialise(struct vcpu *v);
int hvm_do_hypercall(struct cpu_user_regs *regs);

void vmx_vcpu_initialise(struct vcpu *v);
void vmx_vmexit_handler(struct cpu_user_regs *regs, unsigned int reason);

#endif /* ASM_X86_HVM_HVM_H */
