/*
 * The few numbers of Xen's public ABI that the probes use, written down by hand.
 * Each group names the public header (xen/include/public/ in a Xen tree) it stems from.
 */
#ifndef PROBE_ABI_H
#define PROBE_ABI_H

#define HYPERCALLS 64               /* xen.h: the numbers in use end below it */

/* xen.h: __HYPERVISOR_* */
#define HC_memory_op 12
#define HC_xen_version 17
#define HC_grant_table_op 20
#define HC_vcpu_op 24
#define HC_sched_op 29
#define HC_event_channel_op 32
#define HC_physdev_op 33
#define HC_hvm_op 34

/* xen.h: domain numbers with a meaning */
#define DOMID_SELF 0x7ff0
#define DOMID_INVALID 0x7ff4

/* memory.h */
#define XENMEM_current_reservation 3
#define XENMEM_add_to_physmap 7
#define XENMEM_memory_map 9
#define XENMAPSPACE_shared_info 0

/* vcpu.h */
#define VCPUOP_initialise 0
#define VCPUOP_up 1
#define VCPUOP_down 2
#define VCPUOP_get_runstate_info 4
#define VCPUOP_set_singleshot_timer 8
#define VCPUOP_send_nmi 11

/* arch-x86/xen.h: flags of struct vcpu_guest_context */
#define VGCF_in_kernel (1 << 2)

/* version.h, features.h */
#define XENVER_version 0
#define XENVER_get_features 6

/* sched.h */
#define SCHEDOP_yield 0
#define SCHEDOP_block 1
#define SCHEDOP_shutdown 2
#define SCHEDOP_poll 3
#define SHUTDOWN_poweroff 0
#define SHUTDOWN_crash 3

/* event_channel.h, and of xen.h the one virtual interrupt that is used */
#define EVTCHNOP_bind_virq 1
#define EVTCHNOP_send 4
#define EVTCHNOP_status 5
#define EVTCHNOP_bind_ipi 7
#define EVTCHNOP_unmask 9
#define VIRQ_TIMER 0

/* grant_table.h, physdev.h, nmi.h, callback.h, hvm/hvm_op.h, hvm/params.h */
#define GNTTABOP_query_size 6
#define PHYSDEVOP_eoi 12
#define HVMOP_set_param 0
#define HVMOP_get_param 1
#define HVMOP_get_time 10
#define HVM_PARAM_CALLBACK_IRQ 0
#define HVM_PARAM_IOREQ_PFN 5
#define HVM_PARAM_BUFIOREQ_PFN 6
#define HVM_PARAM_BUFIOREQ_EVTCHN 26
#define HVM_PARAMS 35               /* indices below it: those of 4.5 */
#define HVM_PARAM_CONSOLE_PFN 17
#define HVM_PARAM_CONSOLE_EVTCHN 18

/* arch-x86/cpuid.h: where Xen's leaves may start, and their signature in ebx, ecx, edx */
#define XEN_CPUID_FIRST 0x40000000u
#define XEN_CPUID_LAST 0x40010000u
#define XEN_SIGNATURE_EBX 0x566e6558u /* "XenV" */
#define XEN_SIGNATURE_ECX 0x65584d4du /* "MMXe" */
#define XEN_SIGNATURE_EDX 0x4d4d566eu /* "nVMM" */

/* errno.h of Linux and Xen: what an absent hypercall answers */
#define ENOSYS 38

#ifndef __ASSEMBLER__

/* xen.h: struct start_info of a 64-bit PV-format guest, as far as the probes read it */
struct start_info {
    char magic[32];
    unsigned long nr_pages, shared_info;
    unsigned int flags, pad;
    unsigned long store_gfn;
    unsigned int store_port, pad2;
    unsigned long console_gfn;
    unsigned int console_port;
};

/* xen.h: struct shared_info, the first VCPU's part and the first event channels */
struct shared_info {
    volatile unsigned char upcall_pending, upcall_mask, pad[6];
    volatile unsigned long pending_sel;
    unsigned long arch[2];
    struct time_info {
        volatile unsigned int version, pad;
        volatile unsigned long tsc_timestamp, system_time;  /* cycles, nanoseconds */
        volatile unsigned int tsc_to_system_mul;
        volatile signed char tsc_shift, pad2[3];
    } time;
    unsigned char others[31 * 64];
    volatile unsigned long pending[64], mask[64];
};

/* io/console.h: the shared page of a PV console */
struct console_ring {
    char in[1024], out[2048];
    volatile unsigned int in_cons, in_prod, out_cons, out_prod;
};

#endif
#endif
