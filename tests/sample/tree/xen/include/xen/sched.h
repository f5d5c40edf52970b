/* SPDX-License-Identifier: GPL-2.0-only */
/* Domains and their virtual processors. */
#ifndef XEN_SCHED_H
#define XEN_SCHED_H

#include <xen/lib.h>
#include <public/xen.h>
#include <asm/domain.h>
#include <asm/current.h>

#define MAX_VIRT_CPUS 8
#define MAX_HVM_VCPUS 4
#define NR_EVENT_CHANNELS 64

struct domain;

struct evtchn
{
    uint16_t state;
    uint16_t notify_vcpu_id;
    uint32_t pirq;
};

struct vcpu
{
    int              vcpu_id;
    struct domain   *domain;
    bool_t           is_initialised;
    bool_t           is_running;
    uint64_t         periodic_period;
    struct arch_vcpu arch;
};

/*
 * A third kind stands between the two old ones.  PVH means: a PV guest which
 * was put into an HVM container.  So is_hvm_* say false about it, whereas
 * has_hvm_container_* say true.
 */
enum guest_type {
    guest_type_pv, guest_type_pvh, guest_type_hvm
};

struct domain
{
    domid_t         domain_id;
    uint32_t        ssidref;
    unsigned int    tot_pages;
    unsigned int    max_pages;
    unsigned int    max_vcpus;
    struct vcpu    *vcpu[MAX_VIRT_CPUS];
    struct evtchn   evtchn[NR_EVENT_CHANNELS];

    /* What the domain is.  Settled when it is created. */
    enum guest_type guest_type;
    bool_t          is_privileged;
    bool_t          is_dying;
    bool_t          need_iommu;

    struct arch_domain arch;
};

extern struct domain *hardware_domain;

/* Bits of domain_create()'s flags.  Without any, a PV domain is made. */
#define _DOMCRF_hvm           0
#define DOMCRF_hvm            (1U<<_DOMCRF_hvm)
#define _DOMCRF_hap           1
#define DOMCRF_hap            (1U<<_DOMCRF_hap)
#define _DOMCRF_dummy         3
#define DOMCRF_dummy          (1U<<_DOMCRF_dummy)
#define _DOMCRF_oos_off       4
#define DOMCRF_oos_off        (1U<<_DOMCRF_oos_off)
/* A PV domain, but in an HVM container. */
#define _DOMCRF_pvh           5
#define DOMCRF_pvh            (1U<<_DOMCRF_pvh)

struct domain *domain_create(domid_t domid, unsigned int domcr_flags,
                             uint32_t ssidref);
struct domain *get_domain_by_id(domid_t domid);
int arch_domain_create(struct domain *d, unsigned int domcr_flags);
void arch_vcpu_initialise(struct vcpu *v);
int iommu_domain_init(struct domain *d);
int map_domain_pirq(struct domain *d, int pirq, unsigned int irq);
int domain_pirq_to_irq(const struct domain *d, int pirq);

#define is_hardware_domain(d) ((d) == hardware_domain)
#define for_each_vcpu(d,v,i) \
    for ( (i) = 0; (i) < (d)->max_vcpus; (i)++ ) \
        if ( ((v) = (d)->vcpu[i]) != NULL )

#define is_pv_domain(d) ((d)->guest_type == guest_type_pv)
#define is_pv_vcpu(v)   (is_pv_domain((v)->domain))
#define is_pvh_domain(d) ((d)->guest_type == guest_type_pvh)
#define is_pvh_vcpu(v)   (is_pvh_domain((v)->domain))
/* A PVH guest is none of these two. */
#define is_hvm_domain(d) ((d)->guest_type == guest_type_hvm)
#define is_hvm_vcpu(v)   (is_hvm_domain(v->domain))
#define has_hvm_container_domain(d) ((d)->guest_type != guest_type_pv)
#define has_hvm_container_vcpu(v)   (has_hvm_container_domain((v)->domain))

#endif /* XEN_SCHED_H */
