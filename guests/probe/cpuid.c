/* CPUID: Xen's own leaves, and the standard ones without what differs between vcpus. */
#include "probe.h"

static void leaf(const char *key, u32 value)
{
    begin("cpuid.");
    put(key);
    put("=");
    put_hex(value, 8);
    end();
}

static u32 find_xen(void)
{
    u32 r[4];

    for ( u32 base = XEN_CPUID_FIRST; base < XEN_CPUID_LAST; base += 0x100 )
    {
        cpuid(base, 0, r);
        if ( r[1] == XEN_SIGNATURE_EBX && r[2] == XEN_SIGNATURE_ECX && r[3] == XEN_SIGNATURE_EDX )
            return base;
    }
    return 0;
}

static void xen_leaves(u32 base)
{
    u32 r[4];

    begin("cpuid.xen.base=");
    put_hex(base, 8);
    end();
    cpuid(base, 0, r);
    begin("cpuid.xen.leaves=");
    put_dec(r[0] - base);
    end();
    cpuid(base + 1, 0, r);
    begin("cpuid.xen.version=");
    put_dec(r[0] >> 16);
    put(".");
    put_dec(r[0] & 0xffff);
    end();
    cpuid(base + 2, 0, r);
    leaf("xen.2.eax.hypercall_pages", r[0]);
    leaf("xen.2.ebx.msr", r[1]);
    leaf("xen.2.ecx.features", r[2]);
    cpuid(base + 4, 0, r);
    leaf("xen.4.eax.hvm_features", r[0]);       /* ebx, ecx: numbers of the vcpu and the domain */
}

u32 measure_cpuid(void)
{
    u32 r[4], max, xen = find_xen();

    if ( xen )
        xen_leaves(xen);
    else
        cell("cpuid.xen.base", "absent");
    cpuid(0, 0, r);
    max = r[0];
    leaf("0.eax.leaves", max);
    begin("cpuid.0.vendor=");
    for ( u32 i = 0; i < 12; i++ )
    {
        char c[2] = {(char)(r[i < 4 ? 1 : i < 8 ? 3 : 2] >> (i % 4 * 8)), 0};

        put(c);
    }
    end();
    cpuid(1, 0, r);
    leaf("1.eax.model", r[0]);
    leaf("1.ecx", r[2]);
    leaf("1.edx", r[3]);
    if ( max >= 5 )
    {
        cpuid(5, 0, r);
        leaf("5.ecx.monitor", r[2]);
    }
    if ( max >= 6 )
    {
        cpuid(6, 0, r);
        leaf("6.eax.power", r[0]);
    }
    if ( max >= 7 )
    {
        cpuid(7, 0, r);
        leaf("7.ebx", r[1]);
        leaf("7.ecx", r[2]);
        leaf("7.edx", r[3]);
    }
    if ( max >= 10 )
    {
        cpuid(10, 0, r);
        leaf("a.eax.pmu", r[0]);
    }
    cpuid(0x80000000, 0, r);
    leaf("80000000.eax.leaves", r[0]);
    max = r[0];
    cpuid(0x80000001, 0, r);
    leaf("80000001.ecx", r[2]);
    leaf("80000001.edx", r[3]);
    if ( max >= 0x80000007 )
    {
        cpuid(0x80000007, 0, r);
        leaf("80000007.edx.power", r[3]);
    }
    if ( max >= 0x80000008 )
    {
        cpuid(0x80000008, 0, r);
        leaf("80000008.eax.address", r[0]);
        leaf("80000008.ebx", r[1]);
    }
    return xen;
}
