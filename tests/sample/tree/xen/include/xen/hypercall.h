/* SPDX-License-Identifier: GPL-2.0-only */
/* Entry points of the hypercalls which all architectures share. */
#ifndef XEN_HYPERCALL_H
#define XEN_HYPERCALL_H

#include <xen/lib.h>
#include <public/xen.h>
#include <public/domctl.h>
#ifdef CONFIG_X86
# include <asm/hypercall.h>
#endif

extern long do_sched_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg);
extern long do_set_timer_op(int64_t when);
extern long do_vcpu_op(int cmd, int vcpuid, XEN_GUEST_HANDLE_PARAM(void) arg);
extern long do_memory_op(unsigned long cmd, XEN_GUEST_HANDLE_PARAM(void) arg);
extern long do_grant_table_op(unsigned int cmd,
                              XEN_GUEST_HANDLE_PARAM(void) uop,
                              unsigned int count);
extern long do_tmem_op(XEN_GUEST_HANDLE_PARAM(void) uops);
extern long do_event_channel_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg);
extern long do_xen_version(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg);
extern long do_console_io(int cmd, int count,
                          XEN_GUEST_HANDLE_PARAM(char) buffer);
extern long do_xsm_op(XEN_GUEST_HANDLE_PARAM(void) op);
extern long do_sysctl(XEN_GUEST_HANDLE_PARAM(void) u_sysctl);
extern long do_domctl(XEN_GUEST_HANDLE_PARAM(xen_domctl_t) u_domctl);

#ifdef CONFIG_COMPAT
extern int compat_sched_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg);
extern int compat_set_timer_op(uint32_t lo, int hi);
extern int compat_vcpu_op(int cmd, int vcpuid,
                          XEN_GUEST_HANDLE_PARAM(void) arg);
extern int compat_memory_op(unsigned int cmd,
                            XEN_GUEST_HANDLE_PARAM(void) arg);
extern int compat_grant_table_op(unsigned int cmd,
                                 XEN_GUEST_HANDLE_PARAM(void) uop,
                                 unsigned int count);
extern int compat_xen_version(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg);
#endif

#endif /* XEN_HYPERCALL_H */
