/* The table: lines "probe KEY=VALUE", counted, and the life of a probe around them. */
#include "probe.h"

static u32 count;
static const char *name;

u32 cells(void)
{
    return count;
}

void begin(const char *key)
{
    put("probe ");
    put(key);
}

void end(void)
{
    put("\n");
    count++;
}

void cell(const char *key, const char *value)
{
    begin(key);
    put("=");
    put(value);
    end();
}

static void marker(const char *what)
{
    put("xenstage-guest ");
    put(name);
    put(" " NONCE " ");
    put(what);
}

static void __attribute__((noreturn)) power_off(u32 reason)
{
    console_drain();
    hypercall64(HC_sched_op, SCHEDOP_shutdown, (u64)&reason, 0, 0, 0);
    for ( ;; )
        __asm__ volatile("cli; hlt");
}

/* cpu.S comes here with an exception that nothing expected. */
void unexpected(u64 vector, u64 rip)
{
    marker("probe-fault ");
    put_dec(vector);
    put(" at ");
    put_hex(rip, 16);
    put("\n");
    power_off(SHUTDOWN_crash);
}

/* Which instruction enters Xen stands in the page that Xen fills: b8 NR 0f 01 c1/d9. */
static const char *find_instruction(const struct entry *entry, u32 xen)
{
    static u8 page[4096] __attribute__((aligned(4096)));
    const u8 *stub = entry->hypercall_page;

    if ( !stub )
    {
        u32 leaf[4];

        cpuid(xen + 2, 0, leaf);
        write_msr(leaf[1], (u64)page);
        stub = page;
    }
    stub += 32 * HC_xen_version;
    if ( stub[0] != 0xb8 || stub[5] != 0x0f || stub[6] != 0x01 || (stub[7] != 0xc1 && stub[7] != 0xd9) )
        return "other";
    call_with_vmmcall = stub[7] == 0xd9;
    return call_with_vmmcall ? "vmmcall" : "vmcall";
}

static void end_line(void)
{
    marker("probe-end ");
    put_dec(cells());
    put("\n");
}

static void __attribute__((noreturn)) finish(const char *wrong)
{
    if ( wrong )
    {
        marker(wrong);
        put("\n");
    }
    else
        end_line();
    power_off(SHUTDOWN_poweroff);
}

static void measure(const struct entry *entry)
{
    u32 xen;

    count = 0;
    marker("hello\n");
    xen = measure_cpuid();
    if ( !entry->stays )
    {
        measure_msrs();
        measure_task_priority();
        measure_devices(entry);
    }
    if ( xen )
        cell("hypercall.page", find_instruction(entry, xen));
    if ( xen && !entry->stays )
    {
        measure_hypercalls();
        measure_copies();
        measure_params(entry);
        measure_clock(entry);
    }
    measure_smp(entry);
}

void probe_main(const struct entry *entry)
{
    name = entry->name;
    if ( !entry->serial )           /* the ring needs a hypercall before it says anything */
        find_instruction(entry, 0);
    console_open(entry);
    if ( entry->once )
        finish(entry->once(entry));
    measure(entry);
    while ( entry->again )
    {
        end_line();
        wait();
        measure(entry);
    }
    if ( entry->stays )
    {
        end_line();
        console_drain();
        for ( ;; )
            hypercall64(HC_sched_op, SCHEDOP_block, 0, 0, 0, 0);
    }
    finish(0);
}
