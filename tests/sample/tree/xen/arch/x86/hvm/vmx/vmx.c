/* SPDX-License-Identifier: GPL-2.0-only */
/* Guests in a VMX container. */
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/event.h>
#include <asm/hvm/hvm.h>

#define X86_CR0_PG  0x80000000u
#define X86_CR4_PAE 0x20

#define EXIT_REASON_CPUID  10
#define EXIT_REASON_VMCALL 18
#define EXIT_REASON_CR     28
#define EXIT_REASON_IO     30

static void pv_cpuid(struct cpu_user_regs *regs)
{
    regs->rax = regs->_eax & 0xffff;
    regs->rbx = regs->rcx = regs->rdx = 0;
}

static void hvm_cpuid_exit(struct cpu_user_regs *regs)
{
    asm volatile ( "cpuid"
                   : "+a" (regs->_eax), "=b" (regs->_ebx),
                     "+c" (regs->_ecx), "=d" (regs->_edx) );
}

void vmx_vcpu_initialise(struct vcpu *v)
{
    struct domain *d = v->domain;

    v->arch.hvm_vcpu.guest_cr[0] = is_pvh_domain(d) ? X86_CR0_PG | 0x11 : 0x10;
    v->arch.hvm_vcpu.guest_cr[4] = is_hvm_domain(d) ? 0 : X86_CR4_PAE;
    v->arch.hvm_vcpu.long_mode = is_pvh_vcpu(v);

    if ( is_hvm_vcpu(v) )
        v->arch.user_regs.rip = 0xfff0;
}

static int handle_io(struct vcpu *v, struct cpu_user_regs *regs)
{
    BUG_ON(is_pv_vcpu(v));

    if ( unlikely(is_pvh_vcpu(v)) /* nobody to emulate it */ ||
         (regs->rdx & 0xffff) == 0xe9 )
        return -ENOSYS;

    return 0;
}

void vmx_vmexit_handler(struct cpu_user_regs *regs, unsigned int reason)
{
    struct vcpu *v = current;

    switch ( reason )
    {
    case EXIT_REASON_CPUID:
        is_pvh_vcpu(v) ? pv_cpuid(regs) : hvm_cpuid_exit(regs);
        break;

    case EXIT_REASON_VMCALL:
    {
        int rc = hvm_do_hypercall(regs);

        if ( rc == HVM_HCALL_invalidate && is_hvm_vcpu(v) )
            v->domain->arch.hvm_domain.qemu_mapcache_invalidate = 0;
        break;
    }

    case EXIT_REASON_CR:
        if ( !has_hvm_container_domain(v->domain) )
            BUG();
        v->arch.hvm_vcpu.guest_cr[3] = regs->rax;
        break;

    case EXIT_REASON_IO:
        if ( handle_io(v, regs) )
            regs->rax = -1;
        break;
    }

    if ( local_events_need_delivery() && !is_pvh_vcpu(v) )
        regs->rflags |= 0x200;
}
