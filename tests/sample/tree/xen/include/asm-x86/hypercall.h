/* SPDX-License-Identifier: GPL-2.0-only */
/* Entry points of the hypercalls which are peculiar to x86. */
#ifndef ASM_X86_HYPERCALL_H
#define ASM_X86_HYPERCALL_H

#include <public/physdev.h>

extern long do_platform_op(XEN_GUEST_HANDLE_PARAM(void) u_xenpf_op);
extern long do_mmuext_op(XEN_GUEST_HANDLE_PARAM(void) uops,
                         unsigned int count,
                         XEN_GUEST_HANDLE_PARAM(uint) pdone,
                         unsigned int foreigndom);
extern long do_physdev_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg);
extern long do_hvm_op(unsigned long op, XEN_GUEST_HANDLE_PARAM(void) arg);
extern long paging_domctl_continuation(
    XEN_GUEST_HANDLE_PARAM(void) u_domctl);

extern int compat_physdev_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg);

#endif /* ASM_X86_HYPERCALL_H */
