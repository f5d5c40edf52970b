/* SPDX-License-Identifier: GPL-2.0-only */
/* What guests in a hardware container have in common. */
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/hypercall.h>
#include <asm/event.h>
#include <asm/guest_access.h>
#include <asm/hvm/hvm.h>
#include <public/hvm/params.h>

#define HVMOP_set_param  0
#define HVMOP_get_param  1
#define HVMOP_track_dirty 6

#define HCALL_LOG(fmt, ...) \
    do { if ( 0 ) printk(fmt, ## __VA_ARGS__); } while ( 0 )

struct hvm_param {
    domid_t  domid;
    uint32_t index;
    uint64_t value;
};

int hvm_domain_initialise(struct domain *d)
{
    if ( !has_hvm_container_domain(d) )
        return -EINVAL;

    d->arch.hvm_domain.irq.callback_via_type = HVMIRQ_callback_none;

    /* No devices, so no callback line: a vector is all there is. */
    if ( is_pvh_domain(d) )
    {
        d->arch.hvm_domain.irq.callback_via_type = HVMIRQ_callback_vector;
        return 0;
    }

    d->arch.hvm_domain.viridian = 0;

    return 0;
}

int hvm_vcpu_initialise(struct vcpu *v)
{
    struct domain *d = v->domain;

    v->arch.hvm_vcpu.cpl = 0;
    vmx_vcpu_initialise(v);

    if ( is_pvh_domain(d) )
        v->arch.hvm_vcpu.hcall_64bit = 1;
    else if ( !is_hvm_domain(d) )
        return -EINVAL;

    return 0;
}

void hvm_assert_evtchn_irq(struct vcpu *v)
{
    ASSERT(is_pvh_vcpu(v) || is_hvm_vcpu(v));
    v->is_running = 1;
}

static unsigned long copy_hvm(void *to, const void *from, unsigned long len,
                              struct vcpu *curr)
{
    unsigned int chunk;

    /* A PVH guest's pages are all there, the others' may be missing. */
    while ( len && (is_pvh_vcpu(curr) || hvm_paging_enabled(curr)) )
    {
        chunk = min(len, 4096UL);
        memcpy(to, from, chunk);
        to = (char *)to + chunk;
        from = (const char *)from + chunk;
        len -= chunk;
    }

    return len;
}

unsigned long copy_to_user_hvm(void *to, const void *from, unsigned long len)
{
    return copy_hvm(to, from, len, current);
}

unsigned long copy_from_user_hvm(void *to, const void *from, unsigned long len)
{
    return copy_hvm(to, from, len, current);
}

static int viridian_hypercall(struct cpu_user_regs *regs)
{
    regs->rax = 2;

    return HVM_HCALL_completed;
}

static int gnttab_cmd_ok(unsigned int cmd)
{
    return cmd == GNTTABOP_query_size || cmd == GNTTABOP_setup_table;
}

static long hvm_grant_table_op(
    unsigned int cmd, XEN_GUEST_HANDLE_PARAM(void) uop, unsigned int count)
{
    return gnttab_cmd_ok(cmd) ? do_grant_table_op(cmd, uop, count) : -ENOSYS;
}

static long hvm_grant_table_op_compat32(unsigned int cmd,
                                        XEN_GUEST_HANDLE_PARAM(void) uop,
                                        unsigned int count)
{
    return gnttab_cmd_ok(cmd) ? compat_grant_table_op(cmd, uop, count)
                              : -ENOSYS;
}

/* The map of the machine is none of the guest's business. */
static int memory_cmd_hidden(unsigned int cmd)
{
    cmd &= MEMOP_CMD_MASK;

    return cmd == XENMEM_machphys_mapping || cmd == XENMEM_memory_map ||
           cmd == XENMEM_machine_memory_map;
}

static void after_memory_op(unsigned int cmd)
{
    struct domain *d = current->domain;

    if ( (cmd & MEMOP_CMD_MASK) == XENMEM_decrease_reservation )
        d->arch.hvm_domain.qemu_mapcache_invalidate = 1;
}

static long hvm_memory_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    long ret = -ENOSYS;

    if ( !memory_cmd_hidden(cmd) )
    {
        ret = do_memory_op(cmd, arg);
        after_memory_op(cmd);
    }

    return ret;
}

static long hvm_memory_op_compat32(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    long ret = -ENOSYS;

    if ( !memory_cmd_hidden(cmd) )
    {
        ret = compat_memory_op(cmd, arg);
        after_memory_op(cmd);
    }

    return ret;
}

static int physdev_cmd_ok(int cmd)
{
    return cmd == PHYSDEVOP_map_pirq || cmd == PHYSDEVOP_unmap_pirq ||
           cmd == PHYSDEVOP_eoi || cmd == PHYSDEVOP_irq_status_query ||
           cmd == PHYSDEVOP_get_free_pirq;
}

static long hvm_physdev_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    /* A contained hardware domain still has to drive the hardware. */
    if ( !physdev_cmd_ok(cmd) &&
         !(is_pvh_vcpu(current) && is_hardware_domain(current->domain)) )
        return -ENOSYS;

    return do_physdev_op(cmd, arg);
}

static long hvm_physdev_op_compat32(
    int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    return physdev_cmd_ok(cmd) ? compat_physdev_op(cmd, arg) : -ENOSYS;
}

static int vcpu_cmd_ok(int cmd)
{
    return cmd >= VCPUOP_get_runstate_info && cmd <= VCPUOP_register_vcpu_info;
}

static long hvm_vcpu_op(
    int cmd, int vcpuid, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    return vcpu_cmd_ok(cmd) ? do_vcpu_op(cmd, vcpuid, arg) : -ENOSYS;
}

static long hvm_vcpu_op_compat32(
    int cmd, int vcpuid, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    return vcpu_cmd_ok(cmd) ? compat_vcpu_op(cmd, vcpuid, arg) : -ENOSYS;
}

long do_hvm_op(unsigned long op, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    struct hvm_param param;
    struct domain *d;

    if ( copy_from_guest(&param, arg, 1) )
        return -EFAULT;

    d = current->domain;
    if ( param.domid != DOMID_SELF )
        d = get_domain_by_id(param.domid);
    if ( d == NULL )
        return -ESRCH;

    switch ( op )
    {
    case HVMOP_set_param:
    case HVMOP_get_param:
        if ( !has_hvm_container_domain(d) )
            return -EINVAL;
        if ( param.index >= ARRAY_SIZE(d->arch.hvm_domain.params) )
            return -EINVAL;
        if ( is_pvh_domain(d)
             && (param.index != HVM_PARAM_CALLBACK_IRQ) )
            return -EINVAL;

        if ( op == HVMOP_set_param )
        {
            d->arch.hvm_domain.params[param.index] = param.value;
            return 0;
        }
        param.value = d->arch.hvm_domain.params[param.index];
        return copy_to_guest(arg, &param, 1) ? -EFAULT : 0;

    case HVMOP_track_dirty:
        if ( !is_hvm_domain(d) || paging_mode_hap(d) )
            return -EINVAL;
        return 0;
    }

    return -ENOSYS;
}

typedef unsigned long hvm_hypercall_t(
    unsigned long, unsigned long, unsigned long,
    unsigned long, unsigned long, unsigned long);

#define HYPERCALL(x)                                        \
    [ __HYPERVISOR_ ## x ] = (hvm_hypercall_t *) do_ ## x

#define COMPAT_CALL(x)                                      \
    [ __HYPERVISOR_ ## x ] = (hvm_hypercall_t *) compat_ ## x

/* For an HVM guest in 64-bit mode. */
static hvm_hypercall_t *const hvm_hypercall64_table[NR_hypercalls] = {
    HYPERCALL(console_io),
    HYPERCALL(domctl),
    HYPERCALL(event_channel_op),
    HYPERCALL(hvm_op),
    HYPERCALL(sched_op),
    HYPERCALL(set_timer_op),
    HYPERCALL(sysctl),
    HYPERCALL(tmem_op),
    HYPERCALL(xen_version),
    HYPERCALL(xsm_op),
    /* Filtered. */
    [ __HYPERVISOR_grant_table_op ] = (hvm_hypercall_t *)hvm_grant_table_op,
    [ __HYPERVISOR_memory_op ] = (hvm_hypercall_t *)hvm_memory_op,
    [ __HYPERVISOR_physdev_op ] = (hvm_hypercall_t *)hvm_physdev_op,
    [ __HYPERVISOR_vcpu_op ] = (hvm_hypercall_t *)hvm_vcpu_op,
    [ __HYPERVISOR_arch_1 ] = (hvm_hypercall_t *)paging_domctl_continuation
};

/* For an HVM guest in any other mode. */
static hvm_hypercall_t *const hvm_hypercall32_table[NR_hypercalls] = {
    HYPERCALL(console_io),
    HYPERCALL(domctl),
    HYPERCALL(event_channel_op),
    HYPERCALL(hvm_op),
    COMPAT_CALL(sched_op),
    COMPAT_CALL(set_timer_op),
    HYPERCALL(sysctl),
    HYPERCALL(tmem_op),
    COMPAT_CALL(xen_version),
    HYPERCALL(xsm_op),
    /* Filtered. */
    [ __HYPERVISOR_grant_table_op ] =
        (hvm_hypercall_t *)hvm_grant_table_op_compat32,
    [ __HYPERVISOR_memory_op ] = (hvm_hypercall_t *)hvm_memory_op_compat32,
    [ __HYPERVISOR_physdev_op ] = (hvm_hypercall_t *)hvm_physdev_op_compat32,
    [ __HYPERVISOR_vcpu_op ] = (hvm_hypercall_t *)hvm_vcpu_op_compat32,
    [ __HYPERVISOR_arch_1 ] = (hvm_hypercall_t *)paging_domctl_continuation
};

/* For a PVH guest, of which only the 64-bit kind is known. */
static hvm_hypercall_t *const pvh_hypercall64_table[NR_hypercalls] = {
    HYPERCALL(console_io),
    HYPERCALL(domctl),
    HYPERCALL(event_channel_op),
    HYPERCALL(hvm_op),
    HYPERCALL(memory_op),
    HYPERCALL(mmuext_op),
    HYPERCALL(platform_op),
    HYPERCALL(sched_op),
    HYPERCALL(sysctl),
    HYPERCALL(vcpu_op),
    HYPERCALL(xen_version),
    HYPERCALL(xsm_op),
    /* Filtered. */
    [ __HYPERVISOR_grant_table_op ] = (hvm_hypercall_t *)hvm_grant_table_op,
    [ __HYPERVISOR_physdev_op ] = (hvm_hypercall_t *)hvm_physdev_op,
    [ __HYPERVISOR_arch_1 ] = (hvm_hypercall_t *)paging_domctl_continuation
};

int hvm_do_hypercall(struct cpu_user_regs *regs)
{
    struct vcpu *curr = current;
    struct hvm_vcpu *hv = &curr->arch.hvm_vcpu;
    int mode = hvm_guest_x86_mode(curr);
    uint32_t eax = regs->eax;

    ASSERT(has_hvm_container_vcpu(curr));

    /* Real mode has no rings; anywhere else it takes the innermost one. */
    if ( mode && hv->cpl )
    {
        regs->eax = -EPERM;
        return HVM_HCALL_completed;
    }

    if ( is_viridian_domain(curr->domain) && (eax >> 31) )
        return viridian_hypercall(regs);

    if ( (eax >= NR_hypercalls) ||
         (is_pvh_vcpu(curr)
          ? !pvh_hypercall64_table[eax]
          : !hvm_hypercall32_table[eax]) )
    {
        regs->eax = -ENOSYS;
        return HVM_HCALL_completed;
    }

    hv->hcall_preempted = 0;

    if ( mode == 8 )
    {
        HCALL_LOG("64-bit call %u, first argument %lx\n", eax, regs->rdi);

        hv->hcall_64bit = 1;
        if ( is_pvh_vcpu(curr) )
            regs->rax = pvh_hypercall64_table[eax](regs->rdi,
                                                   regs->rsi, regs->rdx,
                                                   regs->r10, regs->r8,
                                                   regs->r9);
        else
            regs->rax = hvm_hypercall64_table[eax](regs->rdi,
                                                   regs->rsi, regs->rdx,
                                                   regs->r10, regs->r8,
                                                   regs->r9);
        hv->hcall_64bit = 0;
    }
    else if ( unlikely(is_pvh_vcpu(curr)) )
        regs->_eax = -ENOSYS; /* There is no table for this. */
    else
    {
        HCALL_LOG("32-bit call %u, first argument %x\n", eax, regs->_ebx);

        regs->eax = hvm_hypercall32_table[eax]((unsigned int)regs->ebx,
                                               (unsigned int)regs->ecx,
                                               (unsigned int)regs->edx,
                                               (unsigned int)regs->esi,
                                               (unsigned int)regs->edi,
                                               (unsigned int)regs->ebp);
    }

    HCALL_LOG("call %u gave %lx\n", eax, (unsigned long)regs->eax);

    if ( hv->hcall_preempted )
        return HVM_HCALL_preempted;

    return is_hvm_vcpu(curr) &&
           curr->domain->arch.hvm_domain.qemu_mapcache_invalidate
           ? HVM_HCALL_invalidate : HVM_HCALL_completed;
}
