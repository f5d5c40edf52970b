/*
 * Time as Xen gives it to guests: time stamps in the shared page, from which a guest computes
 * nanoseconds by its TSC (xen.h, struct vcpu_time_info).  Are they right after it wrote its TSC?
 */
#include "probe.h"

#define ELSEWHERE 0x3000000ul       /* a page above our 32 MB, for a guest that is not told of any */
#define SECOND 1000000000ul

struct shared_info *shared_info(const struct entry *entry)
{
    struct { u16 domain, size; u32 space; u64 index, gfn; } add = {
        DOMID_SELF, 0, XENMAPSPACE_shared_info, 0, ELSEWHERE >> 12,
    };

    if ( entry->start_info )
        return (struct shared_info *)entry->start_info->shared_info;
    /* Again each time: a domain that was saved and restored has lost it. */
    if ( hypercall64(HC_memory_op, XENMEM_add_to_physmap, (u64)&add, 0, 0, 0) )
        return 0;
    return (struct shared_info *)ELSEWHERE;
}

u64 nanoseconds(const struct shared_info *shared, u64 cycles)
{
    int shift = shared->time.tsc_shift;

    cycles = shift < 0 ? cycles >> -shift : cycles << shift;
    return (unsigned __int128)cycles * shared->time.tsc_to_system_mul >> 32;
}

u64 system_time(const struct shared_info *shared)
{
    u32 version;
    u64 now;

    do {
        version = shared->time.version;
        __asm__ volatile("" : : : "memory");
        now = shared->time.system_time + nanoseconds(shared, rdtsc() - shared->time.tsc_timestamp);
        __asm__ volatile("" : : : "memory");
    } while ( (version & 1) || version != shared->time.version );
    return now;
}

/* Blocked until Xen's time is that, or until something else wakes us. */
static long sleep_until(u64 time)
{
    struct { u64 ports; u32 count, pad; u64 timeout; } poll = {0, 0, 0, time};

    return hypercall64(HC_sched_op, SCHEDOP_poll, (u64)&poll, 0, 0, 0);
}

void wait(void)
{
    static u64 now;                 /* hvm_op.h: struct xen_hvm_get_time */

    hypercall64(HC_hvm_op, HVMOP_get_time, (u64)&now, 0, 0, 0);
    sleep_until(now + 2 * SECOND);
}

void measure_clock(const struct entry *entry)
{
    struct shared_info *shared = shared_info(entry);
    u64 ahead = 1ul << 42, before, tsc, passed;

    if ( !shared )
    {
        cell("pvclock.mapped", "no");
        return;
    }
    cell("pvclock.version", shared->time.version & 1 ? "odd" : "even");
    before = system_time(shared);
    begin("pvclock.poll=");
    put_result(sleep_until(before + SECOND / 100));
    end();
    passed = system_time(shared) - before;
    cell("pvclock.runs", passed >= SECOND / 100 && passed < 60 * SECOND ? "right" : "wrong");
    /* Xen makes new stamps each second. */
    before = system_time(shared);
    tsc = rdtsc();
    write_msr(0x10, tsc + ahead);
    cell("tsc.write", fault() ?: rdtsc() - tsc >= ahead ? "taken" : "ignored");
    sleep_until(before + 5 * SECOND / 4);
    passed = system_time(shared) - before;
    cell("pvclock.after_tsc_write", passed >= 5 * SECOND / 4 && passed < 60 * SECOND ? "right" : "wrong");
    write_msr(0x10, rdtsc() - ahead);
    sleep_until(before + 10 * SECOND / 4);
    passed = system_time(shared) - before;
    cell("pvclock.written_back", passed >= 10 * SECOND / 4 && passed < 60 * SECOND ? "right" : "wrong");
}
