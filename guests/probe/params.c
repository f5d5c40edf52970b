/*
 * What a guest may ask about itself: HVM parameters, the other operations of hvm_op, and into
 * which of its pages Xen writes.  Layouts: hvm/hvm_op.h, hvm/params.h.
 */
#include "probe.h"

static struct { u16 domain, pad; u32 index; u64 value; } param;

static long param_op(u64 op, u32 index, u64 value)
{
    param.domain = DOMID_SELF;
    param.index = index;
    param.value = value;
    return hypercall64(HC_hvm_op, op, (u64)&param, 0, 0, 0);
}

long set_param(u32 index, u64 value)
{
    return param_op(HVMOP_set_param, index, value);
}

static void numbered(const char *key, u32 number)
{
    begin(key);
    put_dec(number / 10);
    put_dec(number % 10);
    put("=");
}

/*
 * Asking for one of these makes the default ioreq server where there is none, for which Xen
 * pauses the domain, here the one that asks: with debug=y 4.5.0 panics
 * (Assertion 'd != current->domain' failed, seen).
 */
static int makes_ioreq_server(u32 index)
{
    return index == HVM_PARAM_IOREQ_PFN || index == HVM_PARAM_BUFIOREQ_PFN || index == HVM_PARAM_BUFIOREQ_EVTCHN;
}

/* A parameter is set to what it is. */
static void params(const struct entry *entry)
{
    for ( u32 i = 0; i <= HVM_PARAMS; i++ )
    {
        long got;
        u64 value;

        if ( entry->mmio && makes_ioreq_server(i) )
        {
            numbered("hvm_param.get.", i);
            put("untried");
            end();
            continue;
        }
        got = param_op(HVMOP_get_param, i, 0);
        value = got ? 0 : param.value;
        numbered("hvm_param.get.", i);
        put_result(got);
        if ( !got )
            put(value ? ":value" : ":zero");
        end();
        numbered("hvm_param.set.", i);
        put_result(set_param(i, value));
        end();
    }
}

/* All that these operations read begins with a domain; 0 is what they are asked to do, or of page 0x100. */
void measure_params(const struct entry *entry)
{
    static const char *const names[] = {
        [2] = "set_pci_intx_level", "set_isa_irq_level", "set_pci_link_route", "flush_tlbs", "track_dirty_vram",
        "modified_memory", "set_mem_type", "pagetable_dying", "get_time", "xentrace", "set_mem_access",
        "get_mem_access", "inject_trap", "get_mem_type", "inject_msi", "create_ioreq_server", "get_ioreq_server_info",
        "map_io_range", "unmap_io_range", "destroy_ioreq_server", "set_ioreq_server_state",
    };
    static u64 arg[16];

    params(entry);
    for ( u64 op = 2; op < sizeof(names) / sizeof(names[0]); op++ )
    {
        long result;

        for ( u32 i = 0; i < sizeof(arg) / sizeof(arg[0]); i++ )
            arg[i] = 0;
        if ( op != 11 )                         /* xentrace: an event that nobody traces, without bytes */
            arg[0] = DOMID_SELF;
        if ( op == 9 || op == 15 )
            arg[1] = op == 9 ? 0x100000 : 0x100;
        result = hypercall64(HC_hvm_op, op, op == 5 ? 0 : (u64)arg, 0, 0, 0);
        begin("hvm_op.self.");
        put(names[op]);
        put("=");
        put_result(result);
        end();
    }
}

extern u64 pds[];

/* A second, read-only mapping of the two megabytes that hold the buffer, where NOWHERE32 is else. */
void measure_copies(void)
{
    static struct { u32 index, bits; } map;     /* version.h: struct xen_feature_info */
    u64 *entry = &pds[NOWHERE32 >> 21], cr0 = read_cr0(), there = NOWHERE32 + ((u64)&map & 0x1fffff);

    *entry = ((u64)&map & ~0x1ffffful) | 0x81;  /* present, 2 MB */
    for ( int wp = 1; wp >= 0; wp-- )
    {
        write_cr0(wp ? cr0 | 1 << 16 : cr0 & ~(1ul << 16));
        begin(wp ? "copy.read_only.wp=" : "copy.read_only.no_wp=");
        put_result(hypercall64(HC_xen_version, XENVER_get_features, there, 0, 0, 0));
        end();
    }
    write_cr0(cr0);
    *entry = 0;
    __asm__ volatile("invlpg (%0)" : : "r"(there) : "memory");
}
