/* SPDX-License-Identifier: GPL-2.0-only */
/* Types, error numbers and small helpers for everybody. */
#ifndef XEN_LIB_H
#define XEN_LIB_H

#ifndef __ASSEMBLY__

typedef __UINT8_TYPE__  uint8_t;
typedef __UINT16_TYPE__ uint16_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __UINT64_TYPE__ uint64_t;
typedef __INT64_TYPE__  int64_t;
typedef __SIZE_TYPE__   size_t;
typedef unsigned int    uint;
typedef char            bool_t;
typedef uint64_t        paddr_t;

#define NULL ((void *)0)

#define EPERM   1
#define ENOENT  2
#define ESRCH   3
#define ENOMEM  12
#define EFAULT  14
#define EBUSY   16
#define EINVAL  22
#define ENOSYS  38

#define likely(x)     __builtin_expect(!!(x), 1)
#define unlikely(x)   __builtin_expect(!!(x), 0)
#define offsetof(t,m) __builtin_offsetof(t, m)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define min(a,b) ({ typeof(a) a_ = (a); typeof(b) b_ = (b); \
                    a_ < b_ ? a_ : b_; })

#define MAX_ERRNO  4095
#define ERR_PTR(e) ((void *)(long)(e))
#define PTR_ERR(p) ((long)(p))
#define IS_ERR(p)  ((unsigned long)(p) >= (unsigned long)-MAX_ERRNO)

#define XENLOG_G_INFO ""
void printk(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void bug_at(const char *file, int line) __attribute__((noreturn));
void assert_failed(const char *what, const char *file, int line)
    __attribute__((noreturn));

void *memset(void *s, int c, size_t n);
void *memcpy(void *dest, const void *src, size_t n);

#define BUG()     bug_at(__FILE__, __LINE__)
#define BUG_ON(p) do { if ( unlikely(p) ) BUG(); } while ( 0 )

#define BUILD_BUG_ON(c) ((void)sizeof(char[1 - 2 * !!(c)]))

#ifndef NDEBUG
# define ASSERT(p)                                            \
    do {                                                      \
        if ( unlikely(!(p)) )                                 \
            assert_failed(#p, __FILE__, __LINE__);            \
    } while ( 0 )
#else
/* Keep the compiler's checks, have no code. */
# define ASSERT(p) do { if ( 0 ) (void)(p); } while ( 0 )
#endif

#endif /* __ASSEMBLY__ */

#endif /* XEN_LIB_H */
