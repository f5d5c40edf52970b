/*
 * Which hypercalls answer.  Each call is one that can do no harm where it is served: its
 * pointers lead nowhere (-EFAULT before anything is done), its operation does nothing
 * (yield, stop a timer that does not run), or its count is 0.  -ENOSYS means absent; some
 * hypercalls that are there say the same (xsm_op without XSM), and are absent to a guest.
 */
#include "probe.h"

struct call {
    const char *name;
    u64 args[4];
};

/* As 64-bit addresses; the 32-bit twin is put in their place. */
#define P NOWHERE

static const struct call calls[HYPERCALLS] = {
    [0] = {"set_trap_table", {P}},
    [1] = {"mmu_update", {P, 0, 0, DOMID_SELF}},
    [2] = {"set_gdt", {P, ~0u}},
    [3] = {"stack_switch", {0, 0}},
    [4] = {"set_callbacks", {P, 0, P}},
    [5] = {"fpu_taskswitch", {0}},
    [6] = {"sched_op_compat", {SCHEDOP_yield}},
    [7] = {"platform_op", {P}},
    [8] = {"set_debugreg", {99, 0}},
    [9] = {"get_debugreg", {99}},
    [10] = {"update_descriptor", {P, 0}},
    [12] = {"memory_op", {XENMEM_current_reservation, P}},
    [13] = {"multicall", {P, 0}},
    [14] = {"update_va_mapping", {P, 0, 0}},
    [15] = {"set_timer_op", {0, 0}},
    [16] = {"event_channel_op_compat", {P}},
    [17] = {"xen_version", {XENVER_version}},
    [18] = {"console_io", {0, 0, P}},
    [19] = {"physdev_op_compat", {P}},
    [20] = {"grant_table_op", {GNTTABOP_query_size, P, 1}},
    [21] = {"vm_assist", {0, 63}},
    [22] = {"update_va_mapping_otherdomain", {P, 0, 0, DOMID_INVALID}},
    [23] = {"iret", {0}},
    [24] = {"vcpu_op", {VCPUOP_get_runstate_info, 0, P}},
    [25] = {"set_segment_base", {99, 0}},
    [26] = {"mmuext_op", {P, 0, 0, DOMID_SELF}},
    [27] = {"xsm_op", {P}},
    [28] = {"nmi_op", {0, P}},
    [29] = {"sched_op", {SCHEDOP_yield, 0}},
    [30] = {"callback_op", {0, P}},
    [31] = {"xenoprof_op", {~0u, P}},
    [32] = {"event_channel_op", {EVTCHNOP_status, P}},
    [33] = {"physdev_op", {PHYSDEVOP_eoi, P}},
    [34] = {"hvm_op", {HVMOP_get_param, P}},
    [35] = {"sysctl", {P}},
    [36] = {"domctl", {P}},
    [37] = {"kexec_op", {0, P}},
    [38] = {"tmem_op", {P}},
    [40] = {"xenpmu_op", {0, P}},
    [41] = {"dm_op", {DOMID_INVALID, 0, P}},
    [42] = {"hypfs_op", {0, P}},
    [48] = {"set_mca", {P}},
    [49] = {"arch_1", {P}},
};

/* Never answered by today's Xen for such guests; where one is, it may be the last call. */
static const u8 late[] = {3, 4, 5, 23};

/* Operations below a number: the guest's surface is as wide as these are. */
static const struct group {
    u8 number, operations, pointer_first;   /* pointer_first: the argument after the operation */
    u32 skip;                               /* bit mask: operations that would block or kill us */
} groups[] = {
    {HC_memory_op, 28, 1, 0},
    {HC_grant_table_op, 13, 1, 0},
    {HC_vcpu_op, 14, 0, 1 << VCPUOP_down | 1 << VCPUOP_send_nmi},
    {HC_sched_op, 7, 1, 1 << SCHEDOP_block},
    {HC_event_channel_op, 14, 1, 0},
    {HC_physdev_op, 32, 1, 0},
    {HC_hvm_op, 26, 1, 0},
};

static const struct { u8 number; const char *name; } errors[] = {
    {1, "EPERM"}, {2, "ENOENT"}, {3, "ESRCH"}, {7, "E2BIG"}, {11, "EAGAIN"}, {12, "ENOMEM"},
    {13, "EACCES"}, {14, "EFAULT"}, {16, "EBUSY"}, {17, "EEXIST"}, {19, "ENODEV"}, {22, "EINVAL"},
    {28, "ENOSPC"}, {34, "ERANGE"}, {56, "EBADRQC"}, {95, "EOPNOTSUPP"},
};

static long call(int bits, u64 number, const u64 args[4])
{
    u32 regs[6] = {number};

    if ( bits == 64 )
        return hypercall64(number, args[0], args[1], args[2], args[3], 0);
    for ( u32 i = 0; i < 4; i++ )
        regs[i + 1] = args[i] == P ? NOWHERE32 : args[i];
    return (int)hypercall32(regs);
}

/* "absent", or "present:" with the error or "ok"; a number that is no error is not told. */
void put_result(long result)
{
    if ( guard_vector )
    {
        put("fault:");
        put_dec(guard_vector - 1);
        return;
    }
    if ( result == -ENOSYS )
    {
        put("absent");
        return;
    }
    put("present:");
    if ( result >= 0 || result < -4095 )
    {
        put("ok");
        return;
    }
    for ( u32 i = 0; i < sizeof(errors) / sizeof(errors[0]); i++ )
        if ( errors[i].number == -result )
        {
            put(errors[i].name);
            return;
        }
    put_dec(-result);
}

static void one(int bits, u32 number)
{
    static const u64 nowhere[4] = {P, P, P, P};
    const struct call *c = &calls[number];
    long result = call(bits, number, c->name ? c->args : nowhere);

    begin(bits == 64 ? "hypercall64." : "hypercall32.");
    put_dec(number / 10);
    put_dec(number % 10);
    put(".");
    put(c->name ? c->name : "unused");
    put("=");
    put_result(result);
    end();
}

static int is_late(u32 number)
{
    for ( u32 i = 0; i < sizeof(late); i++ )
        if ( late[i] == number )
            return 1;
    return 0;
}

static void operations(int bits, const struct group *g)
{
    for ( u32 op = 0; op < g->operations; op++ )
    {
        u64 args[4] = {op, g->pointer_first ? P : 0, g->pointer_first ? 0 : P, 0};
        long result;

        if ( g->skip >> op & 1 )
        {
            if ( g->number != HC_vcpu_op )
                continue;
            args[1] = 127;              /* of no vcpu of ours: past the filter, and no further */
        }
        result = call(bits, g->number, args);
        begin(bits == 64 ? "operation64." : "operation32.");
        put(calls[g->number].name);
        put(".");
        put_dec(op / 10);
        put_dec(op % 10);
        put("=");
        put_result(result);
        end();
    }
}

static void features(void)
{
    static const char *const names[] = {
        "writable_page_tables", "writable_descriptor_tables", "auto_translated_physmap",
        "supervisor_mode_kernel", "pae_pgdir_above_4gb", "mmu_pt_update_preserve_ad",
        "highmem_assist", "gnttab_map_avail_bits", "hvm_callback_vector", "hvm_safe_pvclock",
        "hvm_pirqs", "dom0", "grant_map_identity", "memory_op_vnode_supported",
        "arm_smccc", "linux_rsdp_unrestricted", "not_direct_mapped", "direct_mapped",
    };
    struct { u32 index, bits; } map = {0, 0};   /* version.h: struct xen_feature_info */

    hypercall64(HC_xen_version, XENVER_get_features, (u64)&map, 0, 0, 0);
    for ( u32 i = 0; i < sizeof(names) / sizeof(names[0]); i++ )
    {
        begin("xenfeat.");
        put(names[i]);
        put(map.bits >> i & 1 ? "=1" : "=0");
        end();
    }
    begin("xenfeat.others=");
    put_hex(map.bits >> (sizeof(names) / sizeof(names[0])), 4);
    end();
}

static void named(const char *key, u64 number, u64 a, u64 b, u64 c)
{
    long result = hypercall64(number, a, b, c, 0, 0);

    begin(key);
    put("=");
    put_result(result);
    end();
}

void measure_hypercalls(void)
{
    features();
    named("VCPUOP_initialise", HC_vcpu_op, VCPUOP_initialise, 0, P);
    named("XENMEM_memory_map", HC_memory_op, XENMEM_memory_map, P, 0);
    for ( int bits = 64; bits >= 32; bits -= 32 )
    {
        for ( u32 n = 0; n < HYPERCALLS; n++ )
            if ( !is_late(n) )
                one(bits, n);
        for ( u32 i = 0; i < sizeof(groups) / sizeof(groups[0]); i++ )
            operations(bits, &groups[i]);
    }
    for ( int bits = 64; bits >= 32; bits -= 32 )
        for ( u32 i = 0; i < sizeof(late); i++ )
            one(bits, late[i]);
}
