/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel.c again, as a 32-bit guest sees it. */
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/hypercall.h>
#include <asm/guest_access.h>
#include <public/features.h>
#include <compat/features.h>

#define COMPAT
#define DO(fn) int compat_ ## fn

#define xen_feature_info   compat_feature_info
#define xen_feature_info_t compat_feature_info_t

#include "../kernel.c"
