/* SPDX-License-Identifier: GPL-2.0-only */
/* What a guest has to know: numbers and layouts. */
#ifndef PUBLIC_XEN_H
#define PUBLIC_XEN_H

#define __HYPERVISOR_set_trap_table     0
#define __HYPERVISOR_mmu_update         1
#define __HYPERVISOR_platform_op        7
#define __HYPERVISOR_memory_op         12
#define __HYPERVISOR_multicall         13
#define __HYPERVISOR_set_timer_op      15
#define __HYPERVISOR_xen_version       17
#define __HYPERVISOR_console_io        18
#define __HYPERVISOR_grant_table_op    20
#define __HYPERVISOR_vcpu_op           24
#define __HYPERVISOR_mmuext_op         26
#define __HYPERVISOR_xsm_op            27
#define __HYPERVISOR_sched_op          29
#define __HYPERVISOR_event_channel_op  32
#define __HYPERVISOR_physdev_op        33
#define __HYPERVISOR_hvm_op            34
/* For toolstacks. */
#define __HYPERVISOR_sysctl            35
#define __HYPERVISOR_domctl            36
#define __HYPERVISOR_tmem_op           38
#define __HYPERVISOR_arch_1            49

#define NR_hypercalls 64

#ifndef __ASSEMBLY__

#define HANDLE_OF(name, type) \
    typedef struct { type *p; } __guest_handle_ ## name
#define DEFINE_XEN_GUEST_HANDLE(name) HANDLE_OF(name, name)
#define XEN_GUEST_HANDLE(name)       __guest_handle_ ## name
#define XEN_GUEST_HANDLE_PARAM(name) XEN_GUEST_HANDLE(name)

DEFINE_XEN_GUEST_HANDLE(void);
DEFINE_XEN_GUEST_HANDLE(char);
HANDLE_OF(uint, unsigned int);

typedef uint16_t domid_t;

#define DOMID_FIRST_RESERVED 0x7ff0U
#define DOMID_SELF           0x7ff0U

/* Commands of memory_op; the upper bits carry a continuation. */
#define MEMOP_CMD_MASK                0x3f
#define XENMEM_increase_reservation   0
#define XENMEM_decrease_reservation   1
#define XENMEM_machphys_mapping       12
#define XENMEM_memory_map             9
#define XENMEM_machine_memory_map     10

struct xen_memory_reservation {
    XEN_GUEST_HANDLE(void) extent_start;
    unsigned long          nr_extents;
    domid_t                domid;
};
typedef struct xen_memory_reservation xen_memory_reservation_t;

/* Commands of vcpu_op. */
#define VCPUOP_up                         1
#define VCPUOP_get_runstate_info          4
#define VCPUOP_set_periodic_timer         6
#define VCPUOP_stop_periodic_timer        7
#define VCPUOP_register_vcpu_info        10

/* Commands of xen_version. */
#define XENVER_version      0
#define XENVER_get_features 6
#define XENVER_pagesize     7

/* Commands of grant_table_op. */
#define GNTTABOP_setup_table 2
#define GNTTABOP_query_size  6

#endif /* __ASSEMBLY__ */

#endif /* PUBLIC_XEN_H */
