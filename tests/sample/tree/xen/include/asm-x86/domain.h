/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ASM_X86_DOMAIN_H
#define ASM_X86_DOMAIN_H

/* Each register goes by its 64-bit, its old and its 32-bit name. */
#define USER_REG(n) union { uint64_t r ## n, e ## n; uint32_t _e ## n; }

struct cpu_user_regs
{
    uint64_t r15, r14, r13, r12;
    USER_REG(bp);
    USER_REG(bx);
    uint64_t r11, r10, r9, r8;
    USER_REG(ax);
    USER_REG(cx);
    USER_REG(dx);
    USER_REG(si);
    USER_REG(di);
    USER_REG(ip);
    USER_REG(sp);
    USER_REG(flags);
    uint16_t cs, ss;
};

#undef USER_REG

enum hvm_callback_via {
    HVMIRQ_callback_none,
    HVMIRQ_callback_gsi,
    HVMIRQ_callback_vector
};

struct hvm_domain
{
    struct {
        enum hvm_callback_via callback_via_type;
        unsigned int          gsi_assert_count;
    } irq;
    uint64_t params[8];
    bool_t   hap_enabled;
    bool_t   qemu_mapcache_invalidate;
    bool_t   viridian;
    uint64_t tsc_scale;
};

struct pv_domain
{
    unsigned int nr_l4_pages;
};

struct arch_domain
{
    union {
        struct pv_domain  pv_domain;
        struct hvm_domain hvm_domain;
    };
    struct {
        unsigned int mode;
    } paging;
    bool_t       is_32bit_pv;
    bool_t       ioport_caps;
    unsigned int tsc_mode;
    uint64_t     vtsc_offset;
    int          pirq_irq[16];
};

struct pv_vcpu
{
    unsigned long kernel_sp;
    unsigned long ctrlreg[8];
};

struct hvm_vcpu
{
    unsigned long guest_cr[5];
    uint8_t       cpl;
    bool_t        hcall_preempted;
    bool_t        hcall_64bit;
    bool_t        long_mode;
};

struct arch_vcpu
{
    struct cpu_user_regs user_regs;
    union {
        struct pv_vcpu  pv_vcpu;
        struct hvm_vcpu hvm_vcpu;
    };
    unsigned long guest_table;
    unsigned int  flags;
#define TF_kernel_mode 1
    uint8_t       evtchn_pending;
    struct vtimer *vtimer;
};

#define PG_translate 1
#define PG_hap       2
#define paging_mode_translate(d) (!!((d)->arch.paging.mode & PG_translate))
#define paging_mode_hap(d)       (!!((d)->arch.paging.mode & PG_hap))

#define is_pv_32bit_domain(d)  ((d)->arch.is_32bit_pv)
#define is_pv_32bit_vcpu(v)    (is_pv_32bit_domain((v)->domain))

/* Does the guest take its event channels in by way of a vector? */
#define is_hvm_pv_evtchn_domain(d)                              \
    (has_hvm_container_domain(d) &&                             \
     ((d)->arch.hvm_domain.irq.callback_via_type ==             \
      HVMIRQ_callback_vector))
#define is_hvm_pv_evtchn_vcpu(v) is_hvm_pv_evtchn_domain((v)->domain)

/* The type's name, for messages. */
#define domain_kind(d) \
    (is_pv_domain(d) ? "PV" : is_hvm_domain(d) ? "HVM" : "PVH")

#endif /* ASM_X86_DOMAIN_H */
