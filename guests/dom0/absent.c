/*
 * What an HVM guest does without, said when it is created, and the versions of the interfaces.
 */
#include "dom0.h"

#include <stdio.h>
#include <string.h>

/* In the order of their bits: XEN_DOMCTL_WITHOUT_*, or DOMFEAT_*. */
static const char *const features[] = {
    "hcall32", "ioreq", "hvm_cpuid", "vlapic", "vioapic", "vpic", "emuirq", "vrtc", "vhpet",
    "vpm", "vpit", "vpci", "vvga", "viommu", "realmode", "vtsc", "vmtrr",
};
#define FEATURES (sizeof(features) / sizeof(*features))
#define ALL ((1u << FEATURES) - 1)

static uint32_t sysctl_version;

uint32_t find_without(void)
{
    uint32_t told = 0;

    if ( create_domain(DOMAIN, CDF_hvm | CDF_hap, ALL) )
        return 0;
    fresh();
    if ( domctl(DOMCTL_getdomaininfo, DOMAIN) == 0 )
        told = page->domctl.u.info.without;
    destroy_domain(DOMAIN);
    return told == ALL ? ALL : 0;
}

/* Whether a sysctl is answered; getdomaininfolist writes into the buffer. */
static int sysctl_as(uint32_t as)
{
    long done;

    memset(&page->sysctl, 0, sizeof(page->sysctl));
    memset(page->buffer, 0xff, 1024);
    page->sysctl.cmd = SYSCTL_getdomaininfolist;
    page->sysctl.version = as;
    page->sysctl.u.list.max = 4;
    page->sysctl.u.list.buffer = (uintptr_t)page->buffer;
    done = hypercall(HC_sysctl, (uintptr_t)&page->sysctl, 0);
    return done < 0 ? -done : 0;
}

/* The domain's element of the list that was asked last, and how far it is from dom0's, or NULL. */
static const uint8_t *element(unsigned int *apart)
{
    uint16_t second;

    for ( *apart = 64; *apart < 256; *apart += 8 )
    {
        memcpy(&second, page->buffer + *apart, sizeof(second));
        if ( second == DOMAIN )
            return page->buffer + *apart;
    }
    return NULL;
}

/* What the list says of a domain without all, and whether its padding is zero. */
static void listed(void)
{
    char text[40] = "unlisted";
    unsigned int apart;
    const uint8_t *found;
    __typeof__(page->domctl.u.info) info;

    if ( create_domain(DOMAIN, CDF_hvm | CDF_hap, ALL) == 0 && sysctl_as(sysctl_version) == 0 &&
         (found = element(&apart)) != NULL )
    {
        memcpy(&info, found, sizeof(info));
        snprintf(text, sizeof(text), "%s:without_0x%x:%s", info.flags & INFO_hvm ? "hvm" : "pv", info.without,
                 info.pad || info.end ? "dirty" : "clean");
    }
    cell("without.", "all.listed", text);
    destroy_domain(DOMAIN);
}

void absent(void)
{
    const uint32_t complete = CDF_hvm | CDF_hap;

    create("without.", "none", complete, 0);
    create("without.", "all", complete, ALL);
    for ( unsigned int i = 0; i < FEATURES; i++ )
        create("without.", features[i], complete, 1u << i);
    create("without.", "all_but_one", complete, ALL & ~1u);
    create("without.", "unknown", complete, ALL + 1);
    create("without.", "all_and_unknown", complete, 2 * ALL + 1);
    create("without.", "none.no_hap", CDF_hvm, 0);
    create("without.", "all.no_hap", CDF_hvm, ALL);
    create("without.", "one.pv", 0, 1);
    create("without.", "all.pv", 0, ALL);
    listed();
}

void versions(void)
{
    char text[16];
    unsigned int apart;
    int error;

    for ( uint32_t as = 10; as < 13; as++ )
    {
        snprintf(text, sizeof(text), "%u", as);
        fresh();
        answer("domctl.as.", text, domctl_as(DOMCTL_getdomaininfo, 0, as));
        fresh();
        error = domctl_as(DOMCTL_createdomain, DOMAIN, as);
        answer("createdomain.as.", text, error);
        if ( !error )
            destroy_domain(DOMAIN);
    }
    for ( uint32_t as = 10; as < 14; as++ )
    {
        snprintf(text, sizeof(text), "%u", as);
        error = sysctl_as(as);
        answer("sysctl.as.", text, error);
        if ( !error )
            sysctl_version = as;
    }
    /* How far the elements of getdomaininfolist are apart: dom0 comes first, then the other domain. */
    create_domain(DOMAIN, 0, 0);
    strcpy(text, "unknown");
    if ( sysctl_as(sysctl_version) == 0 && element(&apart) != NULL )
        snprintf(text, sizeof(text), "%u", apart);
    cell("getdomaininfolist.", "element", text);
    destroy_domain(DOMAIN);
}
