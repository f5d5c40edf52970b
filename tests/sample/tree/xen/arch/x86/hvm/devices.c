/* SPDX-License-Identifier: GPL-2.0-only */
/* What a guest finds beside its processors, and what is left of it for one without devices. */
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/hvm/devices.h>
#include <asm/hvm/hvm.h>

#define NR_SLOTS 8

struct slot {
    uint64_t offset;
    uint32_t port, count;
    uint8_t  vpic, vioapic, rtc, hpet, vga;
};

static struct slot slots[NR_SLOTS];

/* Set where the processor lets guests have guests. */
static void (*leave_nested)(struct domain *d);

static struct slot *slot_of(const struct domain *d)
{
    return &slots[d->domain_id % NR_SLOTS];
}

static int vpic_init(struct domain *d)
{
    slot_of(d)->vpic = 0x20;

    return 0;
}

static int vioapic_init(struct domain *d)
{
    if ( slot_of(d)->vioapic )
        return -EBUSY;

    slot_of(d)->vioapic = 1;

    return 0;
}

static void vioapic_deinit(struct domain *d)
{
    slot_of(d)->vioapic = 0;
}

static void rtc_init(struct domain *d)
{
    slot_of(d)->rtc = 0x70;
}

static void rtc_deinit(struct domain *d)
{
    slot_of(d)->rtc = 0;
}

static void hpet_init(struct domain *d)
{
    slot_of(d)->hpet = 1;
}

static void hpet_deinit(struct domain *d)
{
    slot_of(d)->hpet = 0;
}

static int stdvga_init(struct domain *d)
{
    slot_of(d)->vga = 3;

    return 0;
}

static void stdvga_deinit(struct domain *d)
{
    slot_of(d)->vga = 0;
}

static void hvm_init_guest_time(struct domain *d)
{
    slot_of(d)->offset = 0 - rdtsc();
}

static void claim_ports(struct domain *d, uint32_t port, uint32_t count)
{
    slot_of(d)->port = port;
    slot_of(d)->count = count;
}

static void no_ioreq_ports(struct domain *d)
{
    claim_ports(d, 0, 0x10000); /* all for the hardware */
}

static void take_pci_ports(struct domain *d)
{
    claim_ports(d, 0xcf8, 4);
}

static void rtc_migrate(struct vcpu *v)
{
    slot_of(v->domain)->rtc ^= v->vcpu_id & 1;
}

static void hpet_migrate(struct vcpu *v)
{
    slot_of(v->domain)->hpet ^= v->vcpu_id & 1;
}

int hvm_devices_initialise(struct domain *d)
{
    int rc;

    if ( is_pvh_domain(d) )
    {
        no_ioreq_ports(d);
        return 0;
    }

    hvm_init_guest_time(d);

    rc = vpic_init(d);
    if ( rc < 0 )
        goto out;

    /* The first that can fail. */
    rc = vioapic_init(d);
    if ( rc < 0 )
        goto out_pic;

    rtc_init(d);
    take_pci_ports(d);

    rc = stdvga_init(d);
    if ( rc < 0 )
        goto out_rtc;

    if ( d->max_vcpus > 1 )
    {
        /* One timer for all of them. */
        hpet_init(d);
    }

    return 0;

 out_rtc:
    rtc_deinit(d);
    vioapic_deinit(d);
 out_pic:
    printk("domain %d: no devices\n", d->domain_id);
 out:
    return rc;
}

void hvm_devices_destroy(struct domain *d)
{
    claim_ports(d, 0, 0);

    if ( is_pvh_domain(d) )
        return;

    if ( leave_nested )
        leave_nested(d);
    hpet_deinit(d);
    stdvga_deinit(d);
    rtc_deinit(d);
    vioapic_deinit(d);
}

void hvm_devices_migrate(struct vcpu *v)
{
    /* A guest without devices has nothing that could be moved. */
    if ( is_pvh_vcpu(v) )
        return;

    rtc_migrate(v);
    hpet_migrate(v);
}
