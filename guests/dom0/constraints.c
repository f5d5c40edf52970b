/*
 * Operations on a domain that are about something that it may lack: what Xen answers for an HVM
 * domain, which has all of it, and for a PVH one.  The domain has a VCPU, which never runs, and
 * some pages.  Left out is what takes RELEASE-4.5.0 down: an event for a PVH domain whose callback
 * is a wire.
 */
#include "dom0.h"

#include <stdio.h>
#include <string.h>

#define DOMCTL_max_mem 11
#define DOMCTL_max_vcpus 15
#define DOMCTL_sendtrigger 28
#define DOMCTL_gethvmcontext 33
#define DOMCTL_sethvmcontext 34
#define DOMCTL_set_address_size 35
#define DOMCTL_assign_device 37
#define DOMCTL_bind_pt_irq 38
#define DOMCTL_pin_mem_cacheattr 41
#define DOMCTL_test_assign_device 45
#define DOMCTL_deassign_device 47
#define DOMCTL_debug_op 54
#define DOMCTL_gethvmcontext_partial 55
#define DOMCTL_mem_event_op 56
#define DOMCTL_mem_sharing_op 57
#define DOMCTL_gettscinfo 59
#define DOMCTL_settscinfo 60

#define TRIGGER_POWER 3
#define TRIGGER_SLEEP 4

#define XENMEM_populate_physmap 6
#define XENMEM_set_memory_map 13
#define XENMEM_access_op 21
#define XENMEM_sharing_op 22
#define XENMEM_add_to_physmap_batch 23
#define XENMAPSPACE_gmfn_foreign 4

enum { set_param, get_param, set_pci_intx_level, set_isa_irq_level, set_pci_link_route, track_dirty_vram = 6,
       modified_memory, set_mem_type, inject_trap = 14, get_mem_type, inject_msi, create_ioreq_server,
       get_ioreq_server_info, map_io_range, unmap_io_range, destroy_ioreq_server, set_ioreq_server_state };
enum { ram_rw, ram_ro, mmio_dm };

#define FIRST 0x100u            /* the domain's pages: FIRST and those behind it, each for one purpose */
#define PAGES 32u
enum { P_TYPE = FIRST, P_DM, P_PAGING, P_ACCESS, P_SHARING, P_IOREQ, P_BUFIOREQ, P_SERVERS, P_SHARED = P_SERVERS + 4,
       P_VRAM, P_LAST };
_Static_assert(P_LAST <= FIRST + PAGES, "a page for each purpose");

static const char *kind;

static void line(const char *key, const char *detail, int error)
{
    char all[80];

    snprintf(all, sizeof(all), "%s%s", kind, key);
    answer(all, detail, error);
}

/* A line with what a domctl answers whose arguments are in the page. */
static void ctl(const char *key, uint32_t cmd)
{
    line(key, "", domctl(cmd, DOMAIN));
}

static uint64_t *argument(void)
{
    memset(page->arg, 0, sizeof(page->arg));
    memset(page->more, 0, sizeof(page->more));
    return page->arg;
}

static int error_of(long done)
{
    return done < 0 ? -done : 0;
}

/* Calls with the argument in the page: 0, or the error's number. */
static int hvmop(unsigned int op)
{
    return error_of(hypercall(HC_hvm_op, op, (uintptr_t)page->arg));
}

static int memop(unsigned int op)
{
    return error_of(hypercall(HC_memory_op, op, (uintptr_t)page->arg));
}

/* The domain with a VCPU and its pages; 0 where there is none. */
static int furnish(uint32_t flags, uint32_t without)
{
    uint64_t *arg;
    int error = create_domain(DOMAIN, flags, without);

    if ( !error )
    {
        fresh()->u.word[0] = 1;
        error = domctl(DOMCTL_max_vcpus, DOMAIN);
    }
    if ( !error )
    {
        fresh()->u.quad = 4096;         /* kB */
        error = domctl(DOMCTL_max_mem, DOMAIN);
    }
    if ( !error )
    {
        arg = argument();
        for ( unsigned int i = 0; i < PAGES; i++ )
            page->more[i] = FIRST + i;
        arg[0] = (uintptr_t)page->more;
        arg[1] = PAGES;
        arg[3] = DOMAIN;
        error = hypercall(HC_memory_op, XENMEM_populate_physmap, (uintptr_t)arg) == PAGES ? 0 : 12 /* ENOMEM */;
    }
    line("domain", "", error);
    return !error;
}

/* PCI pass-through. */
static void devices(void)
{
    struct domctl *ask = fresh();

    ask->u.word[0] = 0x18;      /* 0000:00:03.0 */
    ctl("test_assign_device", DOMCTL_test_assign_device);
    ctl("assign_device", DOMCTL_assign_device);
    ctl("deassign_device", DOMCTL_deassign_device);
    ask = fresh();
    ask->u.bind.irq = 16;
    ask->u.bind.domid = DOMAIN;
    ask->u.bind.device = 3;
    ctl("bind_pt_irq", DOMCTL_bind_pt_irq);
}

/* Records of an HVM context.  The HVM domain's, which were read before, are loaded into both. */
static void context(void)
{
    static uint32_t size;
    struct domctl *ask = fresh();
    int error;

    ask->u.context.size = sizeof(page->buffer);
    ask->u.context.buffer = (uintptr_t)page->buffer;
    error = domctl(DOMCTL_gethvmcontext, DOMAIN);
    line("gethvmcontext", "", error);
    if ( !error )
        size = ask->u.context.size;
    ask = fresh();
    ask->u.context.size = size;
    ask->u.context.buffer = (uintptr_t)page->buffer;
    ctl("sethvmcontext", DOMCTL_sethvmcontext);
    ask = fresh();
    ask->u.record.type = 3;     /* PIC */
    ask->u.record.buffer = (uintptr_t)page->more;
    ctl("gethvmcontext_partial", DOMCTL_gethvmcontext_partial);
}

static void param(unsigned int op, const char *key, uint32_t index, uint64_t value)
{
    uint64_t *arg = argument();

    arg[0] = DOMAIN | (uint64_t)index << 32;
    arg[1] = value;
    line(op == set_param ? "hvm_param.set." : "hvm_param.get.", key, hvmop(op));
}

static void params(void)
{
    static const struct { const char *key; uint32_t index; uint64_t value; } all[] = {
        {"callback_gsi", 0, 9}, {"callback_intx", 0, 1ull << 56 | 3 << 11}, {"callback_vector", 0, 2ull << 56 | 0xf3},
        {"pae", 4, 1}, {"ioreq_pfn", 5, P_IOREQ}, {"bufioreq_pfn", 6, P_BUFIOREQ}, {"viridian", 9, 1},
        {"timer_mode", 10, 1}, {"hpet", 11, 1}, {"ident_pt", 12, P_TYPE << 12}, {"dm_domain", 13, 0},
        {"acpi_s_state", 14, 0}, {"vm86_tss", 15, 0}, {"vpt_align", 16, 1}, {"acpi_ioports", 19, 1},
        {"memory_event_cr0", 20, 0}, {"nested", 24, 1}, {"bufioreq_evtchn", 26, 0}, {"paging_ring_pfn", 27, P_PAGING},
        {"access_ring_pfn", 28, P_ACCESS}, {"sharing_ring_pfn", 29, P_SHARING}, {"triple_fault_reason", 31, 0},
        {"ioreq_server_pfn", 32, P_SERVERS}, {"nr_ioreq_server_pages", 33, 4}, {"generation_id", 34, 0},
    };
    const size_t n = sizeof(all) / sizeof(*all);

    for ( size_t i = 0; i < n; i++ )
        param(set_param, all[i].key, all[i].index, all[i].value);
    for ( size_t i = 2; i < n; i++ )
        param(get_param, i == 2 ? "callback" : all[i].key, all[i].index, 0);
}

static void ioreq_servers(void)
{
    uint64_t *arg = argument();
    uint64_t server;
    int error;

    arg[0] = DOMAIN;
    error = hvmop(create_ioreq_server);
    line("ioreq_server.", "create", error);
    server = error ? 1 : arg[0] >> 32 & 0xffff;
    arg = argument();
    arg[0] = DOMAIN | server << 16;
    line("ioreq_server.", "info", hvmop(get_ioreq_server_info));
    arg = argument();
    arg[0] = DOMAIN | server << 16;     /* ports */
    arg[1] = 0x5000;
    arg[2] = 0x5007;
    line("ioreq_server.", "map_range", hvmop(map_io_range));
    line("ioreq_server.", "unmap_range", hvmop(unmap_io_range));
    arg = argument();
    arg[0] = DOMAIN | server << 16 | 1ull << 32;
    line("ioreq_server.", "enable", hvmop(set_ioreq_server_state));
    arg = argument();
    arg[0] = DOMAIN | server << 16;
    line("ioreq_server.", "destroy", hvmop(destroy_ioreq_server));
}

/* Wires and messages of emulated interrupts. */
static void wires(void)
{
    uint64_t *arg = argument();

    arg[0] = DOMAIN | 3ull << 32;       /* device 3, INTA, level 0 */
    line("hvmop.", "set_pci_intx_level", hvmop(set_pci_intx_level));
    arg = argument();
    arg[0] = DOMAIN | 5 << 16;
    line("hvmop.", "set_isa_irq_level", hvmop(set_isa_irq_level));
    arg = argument();
    arg[0] = DOMAIN | 5 << 24;
    line("hvmop.", "set_pci_link_route", hvmop(set_pci_link_route));
    arg = argument();
    arg[0] = DOMAIN | 0x40ull << 32;
    arg[1] = 0xfee00000;
    line("hvmop.", "inject_msi", hvmop(inject_msi));
    fresh()->u.word[0] = TRIGGER_POWER;
    ctl("sendtrigger.power", DOMCTL_sendtrigger);
    fresh()->u.word[0] = TRIGGER_SLEEP;
    ctl("sendtrigger.sleep", DOMCTL_sendtrigger);
}

static void set_type(const char *key, unsigned int type, uint64_t pfn)
{
    uint64_t *arg = argument();

    arg[0] = DOMAIN | type << 16 | 1ull << 32;
    arg[1] = pfn;
    line("set_mem_type.", key, hvmop(set_mem_type));
}

static void memory(void)
{
    uint64_t *arg;
    struct domctl *ask;
    int error;

    set_type("ram_rw", ram_rw, P_TYPE);
    set_type("ram_ro", ram_ro, P_TYPE);
    set_type("mmio_dm", mmio_dm, P_DM);
    arg = argument();
    arg[0] = DOMAIN;
    arg[1] = P_VRAM;
    line("hvmop.", "get_mem_type", hvmop(get_mem_type));
    arg = argument();
    arg[0] = DOMAIN | 1ull << 32;
    arg[1] = P_VRAM;
    line("hvmop.", "modified_memory", hvmop(modified_memory));
    arg = argument();
    arg[0] = DOMAIN | 1ull << 32;
    arg[1] = P_VRAM;
    arg[2] = (uintptr_t)page->more;
    line("hvmop.", "track_dirty_vram", hvmop(track_dirty_vram));

    ask = fresh();
    ask->u.pin.start = ask->u.pin.end = P_VRAM;
    ask->u.pin.type = 6;        /* write-back */
    ctl("pin_mem_cacheattr.write_back", DOMCTL_pin_mem_cacheattr);
    ask = fresh();
    ask->u.pin.start = ask->u.pin.end = P_VRAM;
    ask->u.pin.type = 3;        /* no such type: who looks at it refuses it */
    ctl("pin_mem_cacheattr.no_type", DOMCTL_pin_mem_cacheattr);

    arg = argument();
    arg[0] = DOMAIN;
    arg[1] = 1;                 /* entry, of zeroes */
    arg[2] = (uintptr_t)page->more;
    line("set_memory_map", "", memop(XENMEM_set_memory_map));

    /* A page of dom0's, put into the domain's p2m. */
    arg = argument();
    arg[0] = DOMAIN | XENMAPSPACE_gmfn_foreign << 16 | 1ull << 32;
    arg[1] = (uintptr_t)&page->more[0];
    arg[2] = (uintptr_t)&page->more[1];
    arg[3] = (uintptr_t)&page->more[2];
    page->more[1] = FIRST + PAGES;
    error = memop(XENMEM_add_to_physmap_batch);
    line("foreign_page", "", error ? error : -(int32_t)page->more[2]);
}

/* The rings by which a domain's memory is paged, watched and shared, and what goes with them. */
static void rings(void)
{
    static const char *const modes[] = {"paging", "access", "sharing"};
    uint64_t *arg;

    for ( unsigned int i = 0; i < 3; i++ )
    {
        struct domctl *ask = fresh();

        ask->u.word[1] = i + 1;
        line("mem_event.", modes[i], domctl(DOMCTL_mem_event_op, DOMAIN));
        arg = argument();
        if ( i == 1 )
        {
            arg[0] = 2 | DOMAIN << 16;  /* get_access */
            arg[1] = P_TYPE;
            line("access_op", "", memop(XENMEM_access_op));
        }
        ask = fresh();
        ask->u.word[0] = 1;
        ask->u.word[1] = i + 1;
        domctl(DOMCTL_mem_event_op, DOMAIN);
    }
    fresh()->u.sharing.enable = 1;
    ctl("mem_sharing", DOMCTL_mem_sharing_op);
    arg = argument();
    arg[0] = DOMAIN << 16;      /* nominate_gfn */
    arg[1] = P_SHARED;
    line("sharing_op", "", memop(XENMEM_sharing_op));
}

/* The VCPU. */
static void processor(void)
{
    uint64_t *arg = argument();
    struct domctl *ask;
    char text[16];

    arg[0] = DOMAIN;
    arg[1] = 3 | 6ull << 32;    /* INT3 */
    arg[2] = 0xffffffff;
    line("hvmop.", "inject_trap", hvmop(inject_trap));
    fresh();
    ctl("debug_op", DOMCTL_debug_op);
    fresh()->u.word[0] = 32;
    ctl("set_address_size.32", DOMCTL_set_address_size);
    ask = fresh();
    ask->u.tsc.mode = 1;        /* always emulate */
    ctl("settscinfo.emulate", DOMCTL_settscinfo);
    argument();
    ask = fresh();
    ask->u.tsc.out = (uintptr_t)page->more;
    ctl("gettscinfo", DOMCTL_gettscinfo);
    snprintf(text, sizeof(text), "%u", (uint32_t)page->more[0]);
    cell(kind, "gettscinfo.mode", text);
}

void constraints(const char *of, uint32_t flags, uint32_t without)
{
    kind = of;
    if ( furnish(flags, without) )
    {
        devices();
        context();
        params();
        ioreq_servers();
        wires();
        memory();
        rings();
        processor();
    }
    line("destroyed", "", destroy_domain(DOMAIN));
}
