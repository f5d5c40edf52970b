/*
 * What dom0's programs share: the table's lines, and hypercalls through Linux' privcmd.
 *
 * Numbers and layouts are those of xen/include/public, written down by hand: domctl.h, sysctl.h,
 * memory.h, hvm/hvm_op.h, hvm/params.h.
 */
#ifndef DOM0_H
#define DOM0_H

#include <stddef.h>
#include <stdint.h>

#define DOMCTL_createdomain 1
#define DOMCTL_destroydomain 2
#define DOMCTL_getdomaininfo 5
#define SYSCTL_getdomaininfolist 6
#define CDF_hvm 1u
#define CDF_hap 2u
#define CDF_pvh 16u
#define CDF_unknown (1u << 30)
#define INFO_hvm 2u
#define INFO_pvh 128u

#define HC_memory_op 12
#define HC_hvm_op 34
#define HC_sysctl 35
#define HC_domctl 36

/* domctl.h: struct xen_domctl, as far as it is used here */
struct domctl {
    uint32_t cmd, version;
    uint16_t domain, pad[3];
    union {
        /* "without" is read by a Xen that knows it, see absent.c; others see only what is before it. */
        struct { uint32_t ssidref; uint8_t handle[16]; uint32_t flags, without, later[3]; } create;
        struct { uint16_t domain, pad; uint32_t flags; uint64_t counts[7]; uint32_t vcpus, last, ssidref;
                 uint8_t handle[16]; uint32_t cpupool, without, end; } info;
        struct { uint32_t size, pad; uint64_t buffer; } context;
        struct { uint32_t type, instance; uint64_t buffer; } record;
        struct { uint32_t irq, type, domid, pad; uint8_t bus, device, intx; } bind;
        struct { uint64_t start, end; uint32_t type; } pin;
        struct { uint64_t out; uint32_t mode, khz, incarnation, pad; uint64_t elapsed; } tsc;
        struct { uint8_t op, enable; } sharing;
        uint64_t quad;          /* operations with one number, or two short ones */
        uint32_t word[2];
        uint8_t size[128];
    } u;
};

/* sysctl.h: struct xen_sysctl */
struct sysctl {
    uint32_t cmd, version;
    union {
        struct { uint16_t first, pad; uint32_t max; uint64_t buffer; uint32_t found; } list;
        uint8_t size[128];
    } u;
};

/* Locked memory: Xen reads and writes it.  What an operation points to lies behind its structure. */
struct shared {
    struct domctl domctl;
    struct sysctl sysctl;
    uint64_t arg[32];           /* of other hypercalls */
    uint64_t more[64];
    uint8_t buffer[65536];      /* HVM context records */
};
extern struct shared *page;

/* A line of the table: KEY and DETAIL together are its name. */
void cell(const char *key, const char *detail, const char *value);
/* The same with what came of a call: "ok" or the error's name. */
void answer(const char *key, const char *detail, int error);
/* An error's name, or "ok" for 0. */
const char *name(int error);

/* 0 or a positive answer, or the error's number, negative. */
long hypercall(unsigned int op, uint64_t first, uint64_t second);
/* The domctl that is in the page, by the interface's version that was found: 0, or the error's number. */
int domctl(uint32_t cmd, uint16_t domain);
/* The same by a version of the caller's. */
int domctl_as(uint32_t cmd, uint16_t domain, uint32_t as);
/* An empty domctl, to be filled in. */
struct domctl *fresh(void);

/* The one domain that there is beside dom0, while there is one. */
#define DOMAIN 77
/* Makes a domain: 0, or the error's number. */
int create_domain(uint16_t domain, uint32_t flags, uint32_t without);
int destroy_domain(uint16_t domain);
/* A line with what comes of creating a domain, and what getdomaininfo calls it; it is destroyed again. */
void create(const char *key, const char *detail, uint32_t flags, uint32_t without);

/* absent.c: what HVM guests do without.  0 where createdomain has no such field. */
uint32_t find_without(void);
void absent(void);
void versions(void);

/* constraints.c: what is refused to a domain for what it lacks. */
void constraints(const char *kind, uint32_t flags, uint32_t without);

#endif
