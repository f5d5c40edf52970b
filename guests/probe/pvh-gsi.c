/*
 * HVM_PARAM_CALLBACK_IRQ naming a wire (hvm/params.h: a GSI, or INTx of a PCI device) and an
 * event that is to come by it: a PVH guest has no controllers that wires lead to.
 */
#include "probe.h"

#define GSI 9ul
#define INTX (1ul << 56 | 3 << 11)              /* device 3, INTA */

static int event_comes(struct shared_info *shared, u32 port)
{
    shared->upcall_pending = 0;
    shared->pending_sel = 0;
    shared->pending[0] &= ~(1ul << port);
    hypercall64(HC_event_channel_op, EVTCHNOP_send, (u64)&port, 0, 0, 0);
    for ( u32 i = 0; i < 100; i++ )
        hypercall64(HC_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
    return (shared->pending[0] >> port & 1) && shared->upcall_pending;
}

static const char *once(const struct entry *entry)
{
    struct shared_info *shared = shared_info(entry);
    struct { u32 vcpu, port; } bind = {0, 0};
    static const u64 wires[] = {GSI, INTX};

    if ( hypercall64(HC_event_channel_op, EVTCHNOP_bind_ipi, (u64)&bind, 0, 0, 0) || bind.port >= 64 )
        return "no-event-channel";
    hypercall64(HC_event_channel_op, EVTCHNOP_unmask, (u64)&bind.port, 0, 0, 0);
    for ( u32 i = 0; i < 2; i++ )
    {
        long result = set_param(HVM_PARAM_CALLBACK_IRQ, wires[i]);

        begin(i ? "callback.intx=" : "callback.gsi=");
        put_result(result);
        end();
        if ( !event_comes(shared, bind.port) )
            return "the-event-is-lost";
    }
    cell("callback.event", "pending");
    return 0;
}

extern const u8 hypercall_page[];
struct entry pvh_entry = {.name = "pvh-gsi", .hypercall_page = hypercall_page, .once = once};
