/*
 * CR8: the task priority of the local APIC.  A PVH guest has none; if its writes reach the
 * processor's own, the host gets no interrupts for as long as the guest likes.
 */
#include "probe.h"

#define MILLISECOND 1000000ul

/*
 * Does a timer of the host's, set for in 20 ms, come within 500 ms in which we hold CR8 and do not
 * call Xen?  dom0 may have the processor for a part of that time: look once more at the end.
 */
static int timer_comes(struct shared_info *shared, u32 port, u64 cr8, u64 *seen)
{
    struct { u64 time; u32 flags, pad; } timer = {system_time(shared) + 20 * MILLISECOND, 0, 0};
    u64 began;
    int comes;

    shared->pending[0] &= ~(1ul << port);
    shared->pending_sel = 0;
    if ( hypercall64(HC_vcpu_op, VCPUOP_set_singleshot_timer, 0, (u64)&timer, 0, 0) )
        return 0;
    __asm__ volatile("sti");                    /* Bochs exits for no interrupt while it is off; nothing is sent to us */
    write_cr8(cr8);
    *seen = read_cr8();
    began = rdtsc();
    do {
        comes = shared->pending[0] >> port & 1;
    } while ( !comes && nanoseconds(shared, rdtsc() - began) < 500 * MILLISECOND );
    comes = shared->pending[0] >> port & 1;
    write_cr8(0);                               /* else nobody could be told */
    __asm__ volatile("cli");
    return comes;
}

static const char *once(const struct entry *entry)
{
    struct shared_info *shared = shared_info(entry);
    struct { u32 virq, vcpu, port; } bind = {VIRQ_TIMER, 0, 0};
    u64 seen;
    int comes;

    begin("host.timer.bound=");
    put_result(hypercall64(HC_event_channel_op, EVTCHNOP_bind_virq, (u64)&bind, 0, 0, 0));
    end();
    comes = bind.port && bind.port < 64 && timer_comes(shared, bind.port, 0, &seen);
    cell("host.timer.cr8_0", comes ? "comes" : "held_off");
    if ( !comes )
        return "no-timer-to-measure-by";
    comes = timer_comes(shared, bind.port, 15, &seen);
    cell("register.cr8", seen == 15 ? "kept" : "ignored");
    cell("host.timer.cr8_15", comes ? "comes" : "held_off");
    return comes && !seen ? 0 : "host-is-held-off";
}

extern const u8 hypercall_page[];
struct entry pvh_entry = {.name = "pvh-cr8", .hypercall_page = hypercall_page, .once = once};
