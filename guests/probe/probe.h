/* What the parts of a probe know of each other. */
#ifndef PROBE_H
#define PROBE_H

#include "abi.h"

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

/*
 * Addresses that are in no page table of ours (cpu.S leaves them out): a hypercall that
 * reads its argument there answers -EFAULT before it has done anything.
 */
#define NOWHERE 0x700000000000ul
#define NOWHERE32 0x50000000u

/* cpu.S: one exception may be expected at a time */
extern volatile u32 guard_vector;            /* 0: none came; else vector + 1 */
extern u32 call_with_vmmcall;                /* AMD's instruction, not Intel's */
u64 hypercall64(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e);
u32 hypercall32(const u32 regs[6]);          /* eax, ebx, ecx, edx, esi, edi */
u64 read_msr(u32 msr);
void write_msr(u32 msr, u64 value);
u32 read_mmio(u64 address);

/* the entry of each guest */
struct entry {
    const char *name;
    int serial;                              /* console: emulated com1, else the PV ring */
    int mmio;                                /* touching an absent MMIO device is survived */
    const u8 *hypercall_page;                /* filled by the domain builder, else null */
    struct start_info *start_info;
    int stays;                               /* measures little and stays until it is destroyed */
    int again;                               /* measures all again and again, until it is destroyed */
    /* does one thing that a Xen may not survive, instead of all else; null or what went wrong */
    const char *(*once)(const struct entry *entry);
};
void probe_main(const struct entry *entry);

/* console.c */
void console_open(const struct entry *entry);
void put(const char *text);
void put_hex(u64 value, int digits);
void put_dec(u64 value);
void console_drain(void);

/* table.c: one line of the table is begin, put..., end */
void begin(const char *key);
void end(void);
void cell(const char *key, const char *value);
u32 cells(void);

/* hypercalls.c, devices.c, msrs.c, params.c, clock.c, cpuid.c, smp.c */
void put_result(long result);                /* "absent", "present:ok", "present:EINVAL", "fault:13" */
void measure_hypercalls(void);
void measure_smp(const struct entry *entry);
void measure_devices(const struct entry *entry);
void measure_msrs(void);
void measure_task_priority(void);
void measure_params(const struct entry *entry);
void measure_copies(void);
void measure_clock(const struct entry *entry);
const char *fault(void);                     /* "fault:13" of the last guarded instruction, or null */
struct shared_info *shared_info(const struct entry *entry);
u64 system_time(const struct shared_info *shared);      /* nanoseconds, by Xen's time stamps */
void wait(void);                             /* two seconds */
u64 nanoseconds(const struct shared_info *shared, u64 cycles);
long set_param(u32 index, u64 value);
u32 measure_cpuid(void);                     /* base of Xen's leaves, 0 without Xen */

static inline void outb(u16 port, u8 v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outl(u16 port, u32 v) { __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }
static inline u8 inb(u16 port) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u16 inw(u16 port) { u16 v; __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u32 inl(u16 port) { u32 v; __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); return v; }

static inline u64 rdtsc(void)
{
    u32 low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

static inline u64 read_cr0(void) { u64 v; __asm__ volatile("mov %%cr0, %0" : "=r"(v)); return v; }
static inline void write_cr0(u64 v) { __asm__ volatile("mov %0, %%cr0" : : "r"(v) : "memory"); }
static inline u64 read_cr8(void) { u64 v; __asm__ volatile("mov %%cr8, %0" : "=r"(v)); return v; }
static inline void write_cr8(u64 v) { __asm__ volatile("mov %0, %%cr8" : : "r"(v) : "memory"); }

static inline void cpuid(u32 leaf, u32 sub, u32 r[4])
{
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(sub));
}

#endif
