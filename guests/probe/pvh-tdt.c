/* MSR 0x6e0, the TSC deadline: a register of the local APIC, which a PVH guest lacks. */
#include "probe.h"

static const char *once(const struct entry *entry)
{
    int refused;

    (void)entry;
    read_msr(0x6e0);
    refused = guard_vector == 14;                /* #GP and one */
    cell("msr.read.tsc_deadline", fault() ?: "answers");
    write_msr(0x6e0, 0);
    refused &= guard_vector == 14;
    cell("msr.write.tsc_deadline", fault() ?: "answers");
    return refused ? 0 : "tsc-deadline-is-not-refused";
}

extern const u8 hypercall_page[];
struct entry pvh_entry = {.name = "pvh-tdt", .hypercall_page = hypercall_page, .once = once};
