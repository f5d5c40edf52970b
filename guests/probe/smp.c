/*
 * Does a second VCPU start?  An HVM guest's by INIT and start-up IPIs from a local APIC (Intel
 * SDM volume 3, "MP initialization"), one without a local APIC by VCPUOP_initialise and
 * VCPUOP_up.  The second VCPU writes one word and halts for ever.
 */
#include "probe.h"

#define WORD (*(volatile u16 *)0x8ff0)          /* where smp.S's code puts STARTED */
#define STARTED 0x5a5a

extern const u8 smp_real_mode[], smp_real_mode_end[];
void smp_long_mode(void);

static u32 icr_low = 0xfee00300;

/* Interrupt command register: all but self. */
static void send(u32 command)
{
    *(volatile u32 *)(u64)(icr_low + 0x10) = 0;
    *(volatile u32 *)(u64)icr_low = 0xc0000 | command;
}

static int started(void)
{
    for ( u32 i = 0; i < 20000; i++ )
    {
        if ( WORD == STARTED )
            return 1;
        hypercall64(HC_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
    }
    return 0;
}

static void by_ipi(void)
{
    u8 *page = (u8 *)0x8000;

    for ( const u8 *from = smp_real_mode; from < smp_real_mode_end; from++ )
        *page++ = *from;
    *(volatile u32 *)0xfee000f0 = 0x1ff;        /* switch the local APIC on */
    send(0x4500);                               /* INIT */
    send(0x4600 | 0x8000 >> 12);                /* start up at 0x8000, twice as the manual says */
    send(0x4600 | 0x8000 >> 12);
    cell("smp.init_sipi", started() ? "starts" : "silent");
}

/* arch-x86/xen.h: struct vcpu_guest_context of a 64-bit guest, as far as it is not zero. */
static u8 context[5168] __attribute__((aligned(4096)));
static u8 second_stack[4096] __attribute__((aligned(16)));
extern u8 page_tables[];

static void field(u32 offset, u64 value)
{
    *(u64 *)(context + offset) = value;
}

static void by_hypercall(void)
{
    long made, up;

    field(512, VGCF_in_kernel);
    field(520 + 128, (u64)smp_long_mode);                       /* user_regs.rip */
    field(520 + 144, 2);                                        /* user_regs.rflags */
    field(520 + 152, (u64)second_stack + sizeof(second_stack)); /* user_regs.rsp */
    field(4984 + 3 * 8, (u64)page_tables);                      /* ctrlreg[3] */
    made = hypercall64(HC_vcpu_op, VCPUOP_initialise, 1, (u64)context, 0, 0);
    begin("smp.vcpuop_initialise=");
    put_result(made);
    end();
    up = hypercall64(HC_vcpu_op, VCPUOP_up, 1, 0, 0, 0);
    begin("smp.vcpuop_up=");
    put_result(up);
    end();
    cell("smp.vcpuop", started() ? "starts" : "silent");
}

void measure_smp(const struct entry *entry)
{
    WORD = 0;
    if ( entry->mmio )
        by_ipi();
    else
        by_hypercall();
}
