/* SPDX-License-Identifier: GPL-2.0-only */
/* physdev.c again, as a 32-bit guest sees it. */
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/hypercall.h>
#include <asm/guest_access.h>
#include <compat/physdev.h>

#define COMPAT

#define do_physdev_op      compat_physdev_op
#define physdev_map_pirq   compat_physdev_map_pirq
#define physdev_map_pirq_t compat_physdev_map_pirq_t

typedef int ret_t;

#include "../physdev.c"
