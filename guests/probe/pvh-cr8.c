/*
 * CR8: the task priority of the local APIC.  A PVH guest has none; if its writes reach the
 * processor's own, the host gets no interrupts for as long as the guest likes.
 */
#include "probe.h"

#define MILLISECOND 1000000ul

/* Does a timer of the host's, set for in 20 ms, come within 200 ms in which we do not call Xen? */
static int timer_comes(struct shared_info *shared, u32 port)
{
    struct { u64 time; u32 flags, pad; } timer = {system_time(shared) + 20 * MILLISECOND, 0, 0};
    u64 began = rdtsc();

    shared->pending[0] &= ~(1ul << port);
    shared->pending_sel = 0;
    if ( hypercall64(HC_vcpu_op, VCPUOP_set_singleshot_timer, 0, (u64)&timer, 0, 0) )
        return 0;
    while ( nanoseconds(shared, rdtsc() - began) < 200 * MILLISECOND )
        if ( shared->pending[0] >> port & 1 )
            return 1;
    return 0;
}

static const char *once(const struct entry *entry)
{
    struct shared_info *shared = shared_info(entry);
    struct { u32 virq, vcpu, port; } bind = {VIRQ_TIMER, 0, 0};
    u64 seen;
    int comes;

    if ( hypercall64(HC_event_channel_op, EVTCHNOP_bind_virq, (u64)&bind, 0, 0, 0) || bind.port >= 64 ||
         !timer_comes(shared, bind.port) )
        return "no-timer-to-measure-by";
    write_cr8(15);
    seen = read_cr8();
    comes = timer_comes(shared, bind.port);
    write_cr8(0);                               /* else nobody could be told */
    cell("register.cr8", seen == 15 ? "kept" : "ignored");
    cell("host.timer", comes ? "comes" : "held_off");
    return comes && !seen ? 0 : "host-is-held-off";
}

extern const u8 hypercall_page[];
struct entry pvh_entry = {.name = "pvh-cr8", .hypercall_page = hypercall_page, .once = once};
