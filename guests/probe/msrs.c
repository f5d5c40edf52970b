/*
 * Model-specific registers and CR8: is there a register, is anything in it, does it take back
 * what was read of it?  Numbers: Intel SDM volume 4, AMD64 manual volume 2.  No value is
 * told: many are the machine's own.
 */
#include "probe.h"

const char *fault(void)
{
    static char text[] = "fault:00";

    if ( !guard_vector )
        return 0;
    text[6] = '0' + (guard_vector - 1) / 10;
    text[7] = '0' + (guard_vector - 1) % 10;
    return text;
}

static void told(const char *what, const char *name, const char *value)
{
    begin("msr.");
    put(what);
    put(name);
    put("=");
    put(value);
    end();
}

/* Registers of which nothing more is asked. */
static const struct { u32 number; const char *name; } plain[] = {
    {0x1b, "apic_base"}, {0x802, "x2apic_id"}, {0xfe, "mtrr_cap"}, {0x277, "pat"}, {0x179, "mcg_cap"},
    {0x17a, "mcg_status"}, {0x400, "mc0_ctl"}, {0x401, "mc0_status"}, {0x1a0, "misc_enable"}, {0xc0000080, "efer"},
};

/* ``back``: what was read is written again. */
static const struct { u32 number; int back; const char *name; } registers[] = {
    {0x10, 0, "tsc"}, {0x1b, 1, "apic_base"}, {0x3a, 0, "feature_control"}, {0x3b, 1, "tsc_adjust"},
    {0x8b, 0, "microcode"}, {0xfe, 1, "mtrr_cap"}, {0x2ff, 1, "mtrr_def_type"}, {0x200, 1, "mtrr_base0"},
    {0x201, 1, "mtrr_mask0"}, {0x250, 1, "mtrr_64k"}, {0x258, 1, "mtrr_16k"}, {0x26f, 1, "mtrr_4k"},
    {0x277, 1, "pat"}, {0x174, 1, "sysenter_cs"}, {0x1d9, 1, "debugctl"}, {0x179, 1, "mcg_cap"},
    {0x17a, 1, "mcg_status"}, {0x17b, 0, "mcg_ctl"}, {0x280, 0, "mc0_ctl2"}, {0x400, 0, "mc0_ctl"},
    {0x480, 0, "vmx_basic"}, {0x482, 0, "vmx_procbased"}, {0x48c, 0, "vmx_ept_vpid"},
    {0x186, 0, "perfevtsel0"}, {0x38f, 0, "perf_global_ctrl"}, {0x800, 0, "x2apic_0"}, {0x802, 0, "x2apic_id"},
    {0x803, 0, "x2apic_version"}, {0x808, 0, "x2apic_tpr"}, {0x80f, 0, "x2apic_svr"}, {0x830, 0, "x2apic_icr"},
    {0x839, 0, "x2apic_count"}, {0xbff, 0, "x2apic_last"}, {0x40000000, 0, "hypercall_page"},
    {0xc0000080, 1, "efer"}, {0xc0000081, 1, "star"}, {0xc0000082, 1, "lstar"}, {0xc0000100, 1, "fs_base"},
    {0xc0000102, 1, "kernel_gs_base"}, {0xc0000103, 1, "tsc_aux"}, {0xc001001f, 1, "nb_cfg"},
};

void measure_msrs(void)
{
    for ( u32 i = 0; i < sizeof(plain) / sizeof(plain[0]); i++ )
    {
        read_msr(plain[i].number);
        told("", plain[i].name, guard_vector ? "silent" : "answers");
    }
    for ( u32 i = 0; i < sizeof(registers) / sizeof(registers[0]); i++ )
    {
        u32 number = registers[i].number;
        u64 value = read_msr(number);

        told("read.", registers[i].name, fault() ?: value ? "value" : "zero");
        if ( guard_vector || !registers[i].back )
            continue;
        write_msr(number, value);
        told("write.", registers[i].name, fault() ?: read_msr(number) == value ? "kept" : "changed");
    }
}

/* 1 holds off vectors below 0x20 only, which no interrupt has, should it be the host's own. */
void measure_task_priority(void)
{
    u64 before = read_cr8();

    write_cr8(1);
    cell("register.cr8", read_cr8() == 1 ? "kept" : "ignored");
    write_cr8(before);
}
