/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ASM_X86_CURRENT_H
#define ASM_X86_CURRENT_H

/* Sits at the low end of each processor's stack. */
struct cpu_info
{
    struct vcpu  *current_vcpu;
    unsigned int  processor_id;
};

static inline struct cpu_info *get_cpu_info(void)
{
    unsigned long sp;

    asm volatile ( "movq %%rsp, %0" : "=r" (sp) );

    return (struct cpu_info *)(sp & -(unsigned long)STACK_SIZE);
}

#define current (get_cpu_info()->current_vcpu)

static inline unsigned long read_cr2(void)
{
    unsigned long val;

    asm volatile ( "movq %%cr2, %0" : "=r" (val) );

    return val;
}

static inline void cpu_relax(void)
{
    asm volatile ( "rep; nop" ::: "memory" );
}

static inline uint64_t rdtsc(void)
{
    uint32_t lo, hi;

    asm volatile ( "rdtsc" : "=a" (lo), "=d" (hi) );

    return ((uint64_t)hi << 32) | lo;
}

#endif /* ASM_X86_CURRENT_H */
