/* SPDX-License-Identifier: GPL-2.0-only */
/* Forced into every unit from the command line. */
#ifndef XEN_CONFIG_H
#define XEN_CONFIG_H

#if defined(__x86_64__)
# define CONFIG_X86 1
# define CONFIG_X86_64 1
# define CONFIG_COMPAT 1
# define CONFIG_PAGING_LEVELS 4
#elif defined(__aarch64__)
# define CONFIG_ARM 1
# define CONFIG_ARM_64 1
#elif defined(__arm__)
# define CONFIG_ARM 1
# define CONFIG_ARM_32 1
#else
# error "No such target"
#endif

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1 << PAGE_SHIFT)

#define STACK_SIZE (8 * PAGE_SIZE)

#ifndef __ASSEMBLY__
/* The link is static: no symbol needs to go through a GOT. */
# pragma GCC visibility push(hidden)
#endif

#endif /* XEN_CONFIG_H */
